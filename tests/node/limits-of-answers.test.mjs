// Less in the answers: labels alone, rounded scores, so many queries in a time.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { limit } from '../../web/limits/index.js';
import { hostileServer } from './helpers/hostile-server.mjs';
import { makePointer, makeVersion } from './helpers/package-maker.mjs';
import { failure, quern } from './helpers/quern.mjs';
import { memoryStore } from './helpers/stores.mjs';
import { model } from './onnx-writer.mjs';

const ANSWERS = [{ label: 'b', score: 0.21987 }, { label: 'a', score: 0.75123 }];
const y = { type: 'float32', dims: [3], data: Float32Array.of(0.123456, NaN, -2.5551) };
const fake = (answers = ANSWERS) => ({
  name: 'm', predict: async (input, { meta } = {}) => (meta ? { answers, version: '1.0.0', ms: 3.25 } : answers), run: async (feeds, { meta } = {}) => (meta ? { outputs: { y }, version: '1.0.0', ms: 3.25 } : { y }),
  runSync: () => ({ y }), bind: () => 'bound', state: async () => ({ y }), report() { return this.name; } });
const sentence = (code, text) => (error) => error.code === code && text.test(error.message) && error.name === 'QuernError' || assert.fail(`${error.code}: ${error.message}`);

describe('limits of answers', () => {
  test('labels alone: the best one, without its score, and no raw outputs', async () => {
    const m = limit(fake(), { expose: 'label' });
    assert.deepEqual(await m.predict(1), [{ label: 'a' }]);
    assert.deepEqual(await m.predict(1, { meta: true }), { answers: [{ label: 'a' }], version: '1.0.0', ms: 3.25 });
    for (const name of ['run', 'state']) await assert.rejects(m[name]({}), failure('unavailable', new RegExp(`^${name}\\(\\) gives numbers of the model, and this page exposes labels only`)));
    for (const name of ['runSync', 'bind', 'runWatched']) if (name in fake()) assert.throws(() => m[name]({}), sentence('unavailable', /exposes labels only/));
    assert.equal(m.report(), 'm');
    const boxes = [{ label: 'cat', score: 0.9, box: [1, 2, 3, 4] }, { label: 'dog', score: 0.8, box: [5, 6, 7, 8] }];
    assert.deepEqual(await limit(fake(boxes), { expose: 'label' }).predict(1), [{ label: 'cat', box: [1, 2, 3, 4] }, { label: 'dog', box: [5, 6, 7, 8] }]);
    assert.deepEqual(await limit(fake([{ text: 'x', score: 0.5, boxScore: 0.25 }]), { expose: 'label' }).predict(1), [{ text: 'x' }]);
  });

  test('rounded: scores of answers and numbers of outputs, nothing else, and the model keeps its own', async () => {
    const m = limit(fake(), { digits: 2 });
    assert.deepEqual(await m.predict(1), [{ label: 'b', score: 0.22 }, { label: 'a', score: 0.75 }]);
    const rounded = { y: { type: 'float32', dims: [3], data: Float32Array.of(0.12, NaN, -2.56) } };
    assert.deepEqual(await m.run({}), rounded);
    assert.deepEqual(m.runSync({}), rounded);
    assert.deepEqual(await m.run({}, { meta: true }), { outputs: rounded, version: '1.0.0', ms: 3.25 });
    assert.equal(y.data[0], Math.fround(0.123456));
    assert.deepEqual(await limit(fake([{ text: 'x', score: 0.123, box: [1.23456, 2] }]), { digits: 1 }).predict(1), [{ text: 'x', score: 0.1, box: [1.23456, 2] }]);
  });

  test('so many queries in a time, with when to ask again, also after the page was loaded anew', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1e12 });
    const kept = new Map(), store = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v) };
    for (const rate of [{ queries: 2, seconds: 60 }, { queries: 2, seconds: 60, store }]) {
      let m = limit(fake(), { rate });
      await m.predict(1);
      t.mock.timers.tick(20_000);
      await m.run({});
      if (rate.store) m = limit(fake(), { rate });
      await assert.rejects(m.predict(1), (e) => e.retryAfter === 40 && sentence('unavailable', /^at most 2 queries in 60 s are answered here: ask again in 40 s$/)(e));
      assert.throws(() => m.runSync({}), sentence('unavailable', /ask again in 40 s/));
      t.mock.timers.tick(40_000);
      await m.predict(1);
      await assert.rejects(m.predict(1), (e) => e.retryAfter === 20);
      t.mock.timers.tick(100_000);
    }
    for (const odd of ['no json', '{"a":1}', '["x",null]']) {
      kept.set('quern-queries', odd);
      await limit(fake(), { rate: { queries: 1, seconds: 1, store } }).predict(1);
    }
    const off = { getItem: () => { throw new Error('off'); }, setItem: () => { throw new Error('off'); } };
    const m = limit(fake(), { rate: { queries: 1, seconds: 1, store: off } });
    await m.predict(1);
    await assert.rejects(m.predict(1), (e) => e.retryAfter === 1);
  });

  test('options that are none', () => {
    for (const [options, text] of [[{ expose: 'all' }, /expose takes 'label', got 'all'/], [{ digits: 1.5 }, /from 0 to 15, got 1.5/], [{ rate: { queries: 0, seconds: 1 } }, /got 0 in 1/], [{ rate: { queries: 1 } }, /got 1 in undefined/]])
      assert.throws(() => limit(fake(), options), sentence('bad-argument', text));
  });
});

describe('limits of a package', () => {
  const folders = [];
  after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));
  const MODEL = model({ nodes: [{ op: 'Softmax', in: ['x'], out: ['y'] }], inputs: [{ name: 'x', dims: ['n', 3] }], outputs: [{ name: 'y', dims: ['n', 3] }] });
  const x = { type: 'float32', dims: [1, 3], data: Float32Array.of(0, 2, 1) };
  const load = (limits) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'quern-limits-'));
    folders.push(folder);
    writeFileSync(path.join(folder, 'model.onnx'), MODEL);
    writeFileSync(path.join(folder, 'labels.txt'), 'a\nb\nc\n');
    writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify({ name: 'm', version: '1.0.0', models: { model: 'model.onnx' }, labels: 'labels.txt', outputs: [{ step: 'top_k', k: 2, labels: 'labels' }], limits }));
    return quern.load(folder + '/', { worker: false });
  };

  test('labels alone, where its publisher wants that', async () => {
    const m = await load({ expose: 'label' });
    assert.deepEqual((await m.predict({ x })).map(({ label, score }) => [label, score]), [['b', undefined]]);
    await assert.rejects(m.run({ x }), failure('unavailable', /^run\(\) gives numbers of the model, and its publisher exposes labels only: use predict\(\)/));
    for (const name of ['runSync', 'bind', 'state']) assert.throws(() => m[name]({ x }), sentence('unavailable', /publisher exposes labels only/));
    assert.equal((await m.predict({ x }))[0].label, 'b', 'it goes on');
    m.dispose();
  });

  test('rounded, and so many queries in a time', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1e12 });
    const m = await load({ digits: 2, rate: { queries: 2, seconds: 60 } });
    assert.deepEqual((await m.predict({ x })).map(({ score }) => score), [0.67, 0.24]);
    assert.deepEqual([...m.runSync({ x }).y.data], [...Float32Array.of(0.09, 0.67, 0.24)]);
    await assert.rejects(m.run({ x }), (e) => e.retryAfter === 60 && sentence('unavailable', /^at most 2 queries in 60 s/)(e));
    t.mock.timers.setTime(1e12 + 61_000);
    assert.deepEqual([...(await m.run({ x })).y.data], [...Float32Array.of(0.09, 0.67, 0.24)]);
    m.dispose();
  });

  test('go on counting over an update, and a query too many takes no version back', async () => {
    const limits = { rate: { queries: 3, seconds: 3600 } }, one = makeVersion({ limits }), two = makeVersion({ version: '1.1.0', seeds: [1, 2, 9], limits });
    const server = await hostileServer({ ...one.files, ...two.files, ...makePointer([one, two], { channels: { stable: { version: '1.0.0' } } }) }), events = [];
    try {
      const m = await quern.load(server.url, { cache: memoryStore(), update: false, onEvent: (e) => events.push(e.type) });
      for (let k = 0; k < 2; k++) await m.run(one.feeds);
      Object.assign(server.files, makePointer([one, two], { sequence: 2, channels: { stable: { version: '1.1.0' } } }));
      assert.equal(await m.update(), true);
      assert.equal((await m.run(one.feeds, { meta: true })).version, '1.1.0');
      await assert.rejects(m.run(one.feeds), failure('unavailable', /at most 3 queries in 3600 s/));
      assert.deepEqual([events, m.report().modelVersion], [['downloading', 'updated'], '1.1.0']);
      m.dispose();
    } finally {
      server.close();
    }
  });

  test('that mean nothing are refused', async () => {
    for (const [limits, message] of [[{ expose: 'all' }, /the limits of m 1\.0\.0: expose takes 'label', got 'all'/], [{ digits: 1.5 }, /decimal places from 0 to 15, got 1\.5/], [{ rate: { queries: 0, seconds: 1 } }, /rate takes a number of queries/],
      [{ rate: { queries: 1, seconds: '9' } }, /rate takes/], [[], /"limits" is not an object/]]) await assert.rejects(load(limits), failure('bad-model', message));
  });
});
