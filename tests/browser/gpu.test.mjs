// Models on the graphics card, in Chromium with its software adapter: the CPU's answers, whatever is there and whatever is not.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ROOT, SWIFTSHADER, launch, serve, skipReason } from './helpers/browser.mjs';
import { f32, model } from '../node/onnx-writer.mjs';

const skip = skipReason(['index.js', 'worker.js', 'gpu.js', 'quern-relaxed.wasm']);
const weights = (/** @type {number[]} */ dims) => f32(dims, ...Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 1.7) / 2));
/** Convolutions, a chain of elementwise operators, a softmax over a reshaped product; any size. */
const SMALL = model({
  nodes: [{ op: 'Conv', in: ['x', 'k'], out: ['a'], attrs: { pads: [1n, 1n, 1n, 1n] } }, { op: 'Sigmoid', in: ['a'], out: ['b'] }, { op: 'Mul', in: ['a', 'b'], out: ['c'] }, { op: 'Add', in: ['c', 'one'], out: ['d'] },
    { op: 'GlobalAveragePool', in: ['d'], out: ['e'] }, { op: 'Flatten', in: ['e'], out: ['f'] }, { op: 'MatMul', in: ['f', 'w'], out: ['g'] }, { op: 'Softmax', in: ['g'], out: ['y'] }],
  inputs: [{ name: 'x', dims: ['n', 3, 'h', 'w'] }], outputs: [{ name: 'y', dims: ['n', 10] }], initializers: { k: weights([8, 3, 3, 3]), one: f32([], 1), w: weights([8, 10]) },
});
/** A step without a kernel between two that have one. */
const ISLAND = model({ nodes: [{ op: 'Relu', in: ['x'], out: ['a'] }, { op: 'Det', in: ['a'], out: ['b'] }, { op: 'Exp', in: ['b'], out: ['y'] }], inputs: [{ name: 'x', dims: ['n', 3, 3] }], outputs: [{ name: 'y', dims: ['n'] }] });
const LOOKUP = model({ nodes: [{ op: 'Gather', in: ['table', 'at'], out: ['y'] }], inputs: [{ name: 'at', type: 'int64', dims: ['n'] }], outputs: [{ name: 'y', dims: ['n', 2] }], initializers: { table: weights([5, 2]) } });
/** The sum of all rows so far, which grow by one a run. */
const SUM = model({ nodes: [{ op: 'Concat', in: ['past', 'x'], out: ['next'], attrs: { axis: 0n } }, { op: 'ReduceSum', in: ['next', 'axes'], out: ['y'], attrs: { keepdims: 0n } }],
  inputs: [{ name: 'past', dims: ['rows', 2] }, { name: 'x', dims: [1, 2] }], outputs: [{ name: 'y', dims: [2] }, { name: 'next', dims: ['all', 2] }],
  initializers: { axes: { type: 'int64', dims: [1], data: BigInt64Array.of(0n) } } });
const blaze = path.join(ROOT, '.models/face_detection_front_128x128_barracuda.onnx');
const pages = { '/': '<!doctype html><title>t</title>', '/small.onnx': SMALL, '/island.onnx': ISLAND, '/lookup.onnx': LOOKUP, '/sum.onnx': SUM, ...(existsSync(blaze) && { '/blaze.onnx': readFileSync(blaze) }) };

describe('the graphics card', { skip }, () => {
  let browser, plain, server;
  before(async () => {
    [browser, plain, server] = await Promise.all([launch(SWIFTSHADER), launch(), serve({ pages })]);
  });
  after(async () => {
    await Promise.all([browser?.close(), plain?.close()]);
    server?.close();
  });

  /** @param {(argument: any) => any} work @param {any} [argument] @param {any} [inside] */
  async function inPage(work, argument, inside = browser) {
    const page = await inside.newPage();
    try {
      await page.goto(server.origin);
      return await page.evaluate(work, argument);
    } finally {
      await page.close();
    }
  }

  for (const worker of [false, true])
    test(`gives the CPU's numbers, again and with other shapes, in ${worker ? 'a worker' : 'the page'}`, async () => {
      const { worst, reports } = await inPage(async (worker) => {
        const { load } = await import('/dist/index.js');
        const cpu = await load('/small.onnx', { worker: false }), gpu = await load('/small.onnx', { worker, backend: 'gpu' });
        let worst = 0;
        const reports = [];
        for (const dims of [[1, 3, 9, 7], [1, 3, 9, 7], [2, 3, 16, 20], [1, 3, 9, 7]]) {
          const feeds = { x: { type: 'float32', dims, data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.cos(i * 0.37 + reports.length)) } };
          const [a, b] = [(await cpu.run(feeds)).y, (await gpu.run(feeds)).y];
          a.data.forEach((v, i) => { worst = Math.max(worst, Math.abs(v - b.data[i])); });
          reports.push(gpu.report());
        }
        gpu.dispose();
        return { worst, reports };
      }, worker);
      assert.ok(worst < 1e-5, `${worst}`);
      assert.deepEqual(reports.map((r) => [r.backend, r.where, r.gpu.islands.length, r.gpu.replayed]), [false, true, false, true].map((again) => ['gpu', worker ? 'worker' : 'page', 0, again]));
      assert.ok(reports[0].gpu.dispatches < 7, `${reports[0].gpu.dispatches} dispatches: the elementwise operators are one`);
      assert.ok(reports[0].gpu.adapter.isFallback !== undefined);
    });

  test('a step without a kernel runs on the CPU, and is named', async () => {
    const { y, islands } = await inPage(async () => {
      const { load } = await import('/dist/index.js');
      const m = await load('/island.onnx', { worker: false, backend: 'gpu' }), out = [];
      for (const k of [1, 2]) out.push(...(await m.run({ x: { type: 'float32', dims: [1, 3, 3], data: Float32Array.of(k, 0, 0, 0, 2, -1, 0, 0, 1) } })).y.data);
      return { y: out, islands: m.report().gpu.islands };
    });
    assert.ok(Math.abs(y[0] - Math.exp(2)) < 1e-4 && Math.abs(y[1] - Math.exp(4)) < 1e-3, `${y}`);
    assert.deepEqual(islands.map((text) => text.replace(/ '.*'/, '')), ['Det: there is no kernel for it']);
  });

  test('an index out of range is an error that names the node, and the model goes on', async () => {
    const { refused, fine } = await inPage(async () => {
      const { load } = await import('/dist/index.js');
      const m = await load('/lookup.onnx', { worker: false, backend: 'gpu' }), at = (...data) => ({ at: { type: 'int64', dims: [data.length], data: BigInt64Array.from(data, BigInt) } });
      const refused = [];
      for (const wrong of [at(1, 9), at(0, -6)]) refused.push(await m.run(wrong).then(() => 'accepted', (error) => error.message));
      refused.push(await m.run(at(1n << 40n)).then(() => 'accepted', (error) => error.message));
      return { refused, fine: Array.from((await m.run(at(-1, 0))).y.data) };
    });
    assert.match(refused[0], /Gather.*an index is out of range/);
    assert.match(refused[1], /Gather.*an index is out of range/);
    assert.match(refused[2], /1099511627776/);
    const table = Array.from({ length: 10 }, (_, i) => Math.fround(Math.sin(i * 1.7) / 2));
    assert.deepEqual(fine, [table[8], table[9], table[0], table[1]]);
  });

  test('a thousand runs keep no buffers', async () => {
    const { after10, after1000, left } = await inPage(async () => {
      const { load } = await import('/dist/index.js');
      const gpu = await import('/dist/gpu.js'), m = await load('/small.onnx', { worker: false, backend: 'gpu' });
      let after10 = 0;
      for (let i = 0; i < 1000; i++) {
        const side = 4 + (i % 3);
        await m.run({ x: { type: 'float32', dims: [1, 3, side, side], data: new Float32Array(3 * side * side) } });
        if (i === 9) after10 = m.report().gpu.buffers;
      }
      const after1000 = m.report().gpu.buffers;
      m.dispose();
      return { after10, after1000, left: (await gpu.context()).pool.count };
    });
    assert.equal(after1000, after10);
    assert.ok(left <= after10);
  });

  test('BlazeFace', { skip: existsSync(blaze) ? false : 'SKIP: BlazeFace is not there' }, async () => {
    const worst = await inPage(async () => {
      const { load } = await import('/dist/index.js');
      const [cpu, gpu] = [await load('/blaze.onnx', { worker: false }), await load('/blaze.onnx', { worker: false, backend: 'gpu' })];
      const [{ name, dims }] = cpu.inputs, feeds = { [name]: { type: 'float32', dims, data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.11)) } };
      const [a, b] = [await cpu.run(feeds), await gpu.run(feeds)];
      return Math.max(...Object.keys(a).map((key) => a[key].data.reduce((most, v, i) => Math.max(most, Math.abs(v - b[key].data[i]) / (1e-3 + 1e-3 * Math.abs(v))), 0)));
    });
    assert.ok(worst < 1, `${worst}`);
  });

  test('where there is none, that is said', async () => {
    const said = await inPage(async () => {
      const { load } = await import('/dist/index.js');
      const forced = await load('/small.onnx', { worker: false, backend: 'gpu' }).then(() => 'accepted', (error) => [error.code, error.message]);
      const other = await load('/small.onnx', { backend: 'nothing' }).then(() => 'accepted', (error) => error.message);
      return { forced, other, auto: (await load('/small.onnx', { worker: false })).report().backend };
    }, undefined, plain);
    assert.equal(said.forced[0], 'unavailable');
    assert.match(said.forced[1], /WebGPU/);
    assert.match(said.other, /'auto', 'cpu' and 'gpu'/);
    assert.equal(said.auto, 'cpu');
  });

  test('a lost device: the run is finished by the CPU, later ones are back on the card', async () => {
    const { want, got, backends, reasons } = await inPage(async () => {
      const { load } = await import('/dist/index.js');
      const gpu = await import('/dist/gpu.js'), cpu = await load('/small.onnx', { worker: false }), m = await load('/small.onnx', { worker: false, backend: 'gpu' });
      const feeds = { x: { type: 'float32', dims: [1, 3, 8, 8], data: Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)) } };
      const want = Array.from((await cpu.run(feeds)).y.data), got = [], backends = [], reasons = [];
      const run = async () => { got.push(Array.from((await m.run(feeds)).y.data)); backends.push(m.report().backend); reasons.push(m.report().backendReason); };
      await run();
      const first = await gpu.context(), under = run(); // in the middle of a run
      first.device.destroy();
      await under;
      for (let i = 0; i < 50 && backends.at(-1) !== 'gpu'; i++) { await new Promise((r) => setTimeout(r, 100)); await run(); }
      return { want, got, backends, reasons };
    });
    assert.deepEqual([backends[0], backends[1], backends.at(-1)], ['gpu', 'cpu', 'gpu']);
    assert.match(reasons[1], /the graphics device was lost/);
    for (const y of got) y.forEach((v, i) => assert.ok(Math.abs(v - want[i]) < 1e-5));
  });

  test('bind() keeps state on the card', async () => {
    const { want, got, state, uploaded } = await inPage(async () => {
      const { load } = await import('/dist/index.js');
      const want = [], got = [];
      let state, uploaded = 0;
      for (const [backend, list] of [['cpu', want], ['gpu', got]]) {
        const m = await load('/sum.onnx', { worker: false, backend });
        await m.bind({ next: 'past' });
        for (let i = 1; i < 6; i++) {
          list.push(Array.from((await m.run({ x: { type: 'float32', dims: [1, 2], data: Float32Array.of(i, -i) } })).y.data));
          if (backend === 'gpu') uploaded = m.report().gpu.uploaded;
        }
        list.push(Array.from((state = (await m.state()).past).data));
        await m.reset();
        list.push(Array.from((await m.run({ x: { type: 'float32', dims: [1, 2], data: Float32Array.of(7, 8) } })).y.data));
        m.dispose();
      }
      return { want, got, state, uploaded };
    });
    assert.deepEqual(got, want);
    assert.deepEqual(state.dims, [5, 2]);
    assert.equal(uploaded, 8, 'two numbers, not the rows before them');
  });

  test("quern/ort takes 'webgpu', and the CPU where there is none", async () => {
    const work = async () => {
      const ort = await import('/dist/ort.js'), bytes = new Uint8Array(await (await fetch('/small.onnx')).arrayBuffer()), out = [];
      const x = new ort.Tensor('float32', Float32Array.from({ length: 75 }, (_, i) => i / 75), [1, 3, 5, 5]);
      for (const executionProviders of [['webgpu', 'wasm'], ['wasm']]) out.push(Array.from((await (await ort.InferenceSession.create(bytes, { executionProviders })).run({ x })).y.data));
      return { out, gpu: performance.getEntriesByType('resource').some((e) => e.name.endsWith('/gpu.js')) };
    };
    for (const [inside, fetched] of [[browser, true], [plain, undefined]]) {
      const { out: [a, b], gpu } = await inPage(work, undefined, inside);
      a.forEach((v, i) => assert.ok(Math.abs(v - b[i]) < 1e-5));
      if (fetched) assert.ok(gpu);
    }
  });

  test('what waits for a result is refused', async () => {
    const said = await inPage(async () => {
      const { load } = await import('/dist/index.js');
      const m = await load('/small.onnx', { worker: false, backend: 'gpu' }), feeds = { x: { type: 'float32', dims: [1, 3, 4, 4], data: new Float32Array(48) } };
      const text = (f) => { try { f(); return 'accepted'; } catch (error) { return error.message; } };
      return [text(() => m.runSync(feeds)), text(() => m.bind({ y: 'z' }))];
    });
    assert.match(said[0], /runSync\(\).*use run\(\)/);
    assert.match(said[1], /there is no input 'z'/);
  });
});
