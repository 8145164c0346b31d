// The builds with threads: the same bits whatever the number of threads, helpers that come when there is work and go with the model,
// and one thread with a reason where there can be no more.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { f32, model as write } from './onnx-writer.mjs';
import { modelFiles, runsOf } from './helpers/models.mjs';
import { dist } from './helpers/quern.mjs';
import { LocalModel } from '../../web/core/model.js';
import { threadsFor } from '../../web/core/threads.js';

const variant = process.env.QUERN_VARIANT ?? 'simd';
const [single, shared] = ['', '-threads'].map((end) => new WebAssembly.Module(readFileSync(new URL(`quern-${variant}${end}.wasm`, dist))));

/** @param {Uint8Array} bytes @param {Partial<import('../../web/core/threads.js').Threads>} [threads] without: the build without threads */
const load = (bytes, threads) => LocalModel.load({ kind: 'bytes', bytes: bytes.slice() },
  threads ? { module: shared, threads: /** @type {any} */ ({ ...threadsFor(threads.count ?? 2), least: 1, ...threads }) } : { module: single });

/** Ends when it is so; the test runner's patience is the limit. @param {() => boolean} so */
async function until(so) {
  while (!so()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const PRODUCT = write({
  nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'] }], inputs: [{ name: 'x', dims: ['n', 64] }], outputs: [{ name: 'y', dims: ['n', 64] }],
  initializers: { w: f32([64, 64], ...Array.from({ length: 4096 }, (_, i) => Math.sin(i))) },
});
const rows = (n) => ({ x: { type: 'float32', dims: [n, 64], data: Float32Array.from({ length: 64 * n }, (_, i) => Math.cos(i)) } });

const same = (a, b) => assert.ok(a.dims.join() === b.dims.join() && Buffer.compare(Buffer.from(a.data.buffer), Buffer.from(b.data.buffer)) === 0);

/** Each kind of work has one. */
const REAL = /blazeface|barracuda|mobilenet_v2|resnet50|minilm_l6|lstm_tagger|gbdt|gpt_block|rec_infer|det_infer|silero_vad_v5|detypify/;

describe('bit for bit', () => {
  for (const file of modelFiles().filter((f) => REAL.test(f)))
    test(path.basename(path.dirname(file)) + '/' + path.basename(file), async () => {
      const bytes = readFileSync(file), one = await load(bytes), runs = runsOf(file, one.inputs).slice(0, 2);
      const want = [];
      for (const { feeds } of runs) want.push(one.runSync(feeds(want.at(-1) ?? {})));
      one.dispose();
      for (const count of [2, 3]) {
        const m = await load(bytes, { count });
        for (let round = 0; round < 2; round++) { // alone at first, then with all
          let last = {};
          for (const [i, { feeds }] of runs.entries()) {
            last = m.runSync(feeds(last));
            for (const [name, { type, dims, data }] of Object.entries(want[i])) {
              assert.deepEqual({ type: last[name].type, dims: last[name].dims }, { type, dims });
              const at = type === 'string' ? data.findIndex((v, k) => v !== last[name].data[k])
                : Buffer.compare(Buffer.from(data.buffer), Buffer.from(last[name].data.buffer)) && data.findIndex((v, k) => !Object.is(v, last[name].data[k]));
              assert.ok(at <= 0 && Object.is(data[0], last[name].data[0]), `${count} threads, ${name}[${at}]: ${last[name].data[at]} instead of ${data[at]}`);
            }
          }
          if (round === 0) await until(() => m.report().threads === count);
        }
        for (let before = m.report().helped; m.report().helped === before;) m.runSync(runs[0].feeds({}));
        m.dispose();
      }
    });
});

describe('helpers', () => {
  test('come when there is work, and are reported', async () => {
    const m = await load(PRODUCT, { count: 3, least: 0 });
    m.runSync(rows(1));
    assert.equal(m.report().threads, 1, 'small work stays on one thread');
    m.runSync(rows(5000));
    await until(() => m.report().threads === 3);
    assert.match(m.report().threadsReason, /^up to 3 of \d+ cores$/);
    while (!m.report().helped) m.runSync(rows(5000)); // they start when the system lets them
    m.dispose();
    assert.equal(m.report().threads, 1);
  });

  test('see memory that grows later', async () => {
    const one = await load(PRODUCT), m = await load(PRODUCT, {});
    while (!m.report().helped) { // work enough that a helper wakes in time
      m.runSync(rows(5000));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const before = m.report();
    for (const n of [50, 30000]) same(m.runSync(rows(n)).y, one.runSync(rows(n)).y);
    assert.ok(m.report().heapBytes > before.heapBytes);
    while (m.report().helped === before.helped) m.runSync(rows(30000));
    m.dispose();
    one.dispose();
  });

  test('end with their model: none is left of 50', async () => {
    let begun = 0, ended = 0;
    const { start } = threadsFor(2);
    for (let i = 0; i < 50; i++) {
      const m = await load(PRODUCT, { start: async (...args) => {
        const worker = await start(...args);
        begun++;
        worker.once('exit', () => void ended++);
        return worker;
      } });
      m.runSync(rows(50));
      if (i % 2) await until(() => m.report().threads === 2); // else it is disposed while its helper starts
      m.dispose();
    }
    await until(() => begun === 50 && ended === 50);
  });

  test('that cannot start are a reason, no error', async () => {
    const want = (await load(PRODUCT)).runSync(rows(70)).y;
    for (const start of [async () => { throw new Error('none today'); }, async (message, failed) => {
      setTimeout(() => failed('none today'), 5);
      return { terminate() {} };
    }]) {
      const m = await load(PRODUCT, { start });
      same(m.runSync(rows(70)).y, want);
      await until(() => /a helper thread could not be started \(none today\)/.test(m.report().threadsReason));
      assert.equal(m.report().threads, 1);
      same(m.runSync(rows(70)).y, want);
      m.dispose();
    }
  });
});

describe('one thread', () => {
  test('when it is asked for, or the build has no more', async () => {
    assert.deepEqual(threadsFor(1), { count: 1, reason: 'threads: 1' });
    const m = await LocalModel.load({ kind: 'bytes', bytes: PRODUCT.slice() }, { module: single, threads: threadsFor(2) });
    m.runSync(rows(5000));
    assert.equal(m.report().threads, 1);
    assert.match(m.report().threadsReason, /build without threads/);
    m.dispose();
  });
});

test('operators of the second file, which each helper has too', async () => {
  const heads = write({ nodes: [{ op: 'MultiHeadAttention', domain: 'com.microsoft', in: ['x', 'x', 'x'], out: ['y'], attrs: { num_heads: 4n } }], inputs: [{ name: 'x', dims: [1, 96, 64] }], outputs: [{ name: 'y', dims: [1, 96, 64] }], domains: { 'com.microsoft': 1 } });
  const rare = Object.fromEntries(['', '-threads'].map((end) => [variant + end, new URL(`quern-rare-${variant}${end}.wasm`, dist).href]));
  const { y: want } = await (async () => {
    const one = await LocalModel.load({ kind: 'bytes', bytes: heads.slice() }, { module: single, rare });
    const answer = one.runSync({ x: { ...rows(96).x, dims: [1, 96, 64] } });
    one.dispose();
    return answer;
  })();
  const m = await LocalModel.load({ kind: 'bytes', bytes: heads.slice() }, { module: shared, rare, threads: /** @type {any} */ ({ ...threadsFor(2), least: 1 }) });
  for (;;) {
    same(m.runSync({ x: { ...rows(96).x, dims: [1, 96, 64] } }).y, want);
    if (m.report().helped) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(m.report().rare);
  m.dispose();
});
