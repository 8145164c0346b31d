import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { dist, ort, wasm } from './helpers/quern.mjs';
import { f32, model } from './onnx-writer.mjs';

const { InferenceSession, Tensor, env } = ort;
const bytes = model({
  nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }, { op: 'Neg', in: ['x'], out: ['z'] }],
  inputs: [{ name: 'x', dims: ['n', 2] }], outputs: [{ name: 'y', dims: ['n', 2] }, { name: 'z', dims: ['n', 2] }],
  initializers: { w: f32([2], 1, 2) },
});

describe('onnxruntime-web\'s names', () => {
  test('a session', async () => {
    const s = await InferenceSession.create(bytes, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
    assert.deepEqual(s.inputNames, ['x']);
    assert.deepEqual(s.outputNames, ['y', 'z']);
    assert.deepEqual(s.inputMetadata, [{ name: 'x', isTensor: true, type: 'float32', shape: ['n', 2] }]);
    const x = new Tensor('float32', [3, 4], [1, 2]);
    const out = await s.run({ x });
    assert.ok(out.y instanceof Tensor);
    assert.deepEqual([out.y.type, out.y.dims, out.y.size, out.y.location], ['float32', [1, 2], 2, 'cpu']);
    assert.deepEqual(await out.y.getData(), Float32Array.of(4, 6));
    assert.deepEqual(Object.keys(await s.run({ x }, ['z'])), ['z']);
    assert.deepEqual(Object.keys(await s.run({ x }, { z: null }, {})), ['z']);
    assert.deepEqual(Object.keys(await s.run({ x }, { tag: 'options' })), ['y', 'z']);
    s.startProfiling();
    s.endProfiling();
    await s.release();
    await assert.rejects(s.run({ x }), /disposed/);
  });

  test('a session from a part of a buffer', async () => {
    const buffer = new Uint8Array(bytes.length + 10);
    buffer.set(bytes, 4);
    const s = await InferenceSession.create(buffer.buffer, 4, bytes.length, {});
    assert.deepEqual(s.inputNames, ['x']);
    await assert.rejects(InferenceSession.create(buffer.buffer, -1), RangeError);
    await assert.rejects(InferenceSession.create(buffer.buffer, 4, 1e6), RangeError);
    await assert.rejects(InferenceSession.create(5), TypeError);
    await assert.rejects(InferenceSession.create(bytes, 'x'), TypeError);
  });

  test('arguments of run', async () => {
    const s = await InferenceSession.create(bytes);
    const x = new Tensor(Float32Array.of(1, 2), [1, 2]);
    await assert.rejects(s.run(null), TypeError);
    await assert.rejects(s.run(x), TypeError);
    await assert.rejects(s.run({}), /input 'x' is missing in 'feeds'/);
    await assert.rejects(s.run({ x }, null), TypeError);
    await assert.rejects(s.run({ x }, []), TypeError);
    await assert.rejects(s.run({ x }, [1]), TypeError);
    await assert.rejects(s.run({ x }, ['q']), RangeError);
    await assert.rejects(s.run({ x }, x), TypeError);
    await assert.rejects(s.run({ x }, ['y'], 5), TypeError);
    assert.deepEqual((await s.run({ x, unknown: x })).y.data, Float32Array.of(2, 4));
  });

  test('outputs into tensors of the caller', async () => {
    const s = await InferenceSession.create(bytes);
    const x = new Tensor('float32', [3, 4], [1, 2]);
    const y = new Tensor('float32', [0, 0], [1, 2]);
    const out = await s.run({ x }, { y, z: null });
    assert.equal(out.y, y);
    assert.deepEqual([...y.data, ...out.z.data], [4, 6, -3, -4]);
    await assert.rejects(s.run({ x }, { y: new Tensor('float32', [0, 0]) }), /'y' is float32 \[1, 2\]; the tensor allocated for it is float32 \[2\]/);
    await assert.rejects(s.run({ x }, { terminate: true }), /terminate/);
  });

  test('fixed dimensions', async () => {
    const s = await InferenceSession.create(bytes, { freeDimensionOverrides: { n: 2 } });
    assert.deepEqual([s.inputMetadata[0].shape, s.outputMetadata[1].shape], [[2, 2], [2, 2]]);
    assert.deepEqual([...(await s.run({ x: new Tensor('float32', [1, 2, 3, 4], [2, 2]) })).z.data], [-1, -2, -3, -4]);
    await assert.rejects(s.run({ x: new Tensor('float32', [1, 2], [1, 2]) }), /'x' has the size 1 at dimension 0; freeDimensionOverrides set 'n' to 2/);
    await assert.rejects(InferenceSession.create(bytes, { freeDimensionOverrides: { n: -1 } }), /non-negative integer/);
  });

  test('an initializer that can be overridden is no input that must be given', async () => {
    const s = await InferenceSession.create(model({ irVersion: 8, nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }],
      inputs: [{ name: 'x', dims: [2] }, { name: 'w', dims: [2] }], outputs: [{ name: 'y', dims: [2] }], initializers: { w: f32([2], 1, 2) } }));
    assert.deepEqual(s.inputNames, ['x']);
    const x = new Tensor('float32', [1, 1]);
    assert.deepEqual([...(await s.run({ x })).y.data, ...(await s.run({ x, w: new Tensor('float32', [5, 5]) })).y.data], [2, 3, 6, 6]);
  });

  test('one element of any rank for a scalar', async () => {
    const s = await InferenceSession.create(model({ nodes: [{ op: 'Mul', in: ['x', 'k'], out: ['y'] }], inputs: [{ name: 'x', dims: [2] }, { name: 'k', dims: [] }], outputs: [{ name: 'y', dims: [2] }] }));
    const x = new Tensor('float32', [1, 2]);
    for (const dims of [[], [1], [1, 1]]) assert.deepEqual([...(await s.run({ x, k: new Tensor('float32', [3], dims) })).y.data], [3, 6]);
    await assert.rejects(s.run({ x, k: new Tensor('float32', [3, 3], [2]) }), /'k' has shape \[2\]; the model expects \[\]/);
  });

  test('execution providers and backends', async () => {
    for (const name of ['wasm', 'webgpu', 'webgl', 'webnn', 'cuda']) await InferenceSession.create(bytes, { executionProviders: [{ name }] });
    await InferenceSession.create(bytes, { executionProviders: ['none', 'wasm'] });
    await assert.rejects(InferenceSession.create(bytes, { executionProviders: ['none'] }), /no available backend found.*\[none\]/);
    const calls = [];
    const backend = {
      init: async (name) => void calls.push(name),
      createInferenceSessionHandler: async (source) => ({
        inputNames: ['a'], outputNames: ['b'], inputMetadata: [], outputMetadata: [], startProfiling() {}, endProfiling() {}, dispose: async () => void calls.push('dispose'),
        run: async (feeds, fetches) => ({ b: { type: 'int32', data: Int32Array.of(source.length, Object.keys(fetches).length), dims: [2] } }),
      }),
    };
    ort.registerBackend('mine', backend, 10);
    const s = await InferenceSession.create(bytes, { executionProviders: ['mine'] });
    const { b } = await s.run({ a: new Tensor('int32', [1]) });
    await s.release();
    assert.ok(b instanceof Tensor);
    assert.deepEqual([[...b.data], calls], [[bytes.length, 1], ['mine', 'dispose']]);
    assert.throws(() => ort.registerBackend('mine', { ...backend }, 10), /another one has it/);
    assert.throws(() => ort.registerBackend('x', {}, 1), TypeError);
  });

  test('types that JavaScript has no array for', () => {
    assert.deepEqual(new Tensor('int4', Int8Array.of(0x21, 3), [3]).dims, [3]);
    assert.deepEqual(new Tensor('uint4', Uint8Array.of(0x21)).dims, [2]);
    assert.deepEqual(new Tensor('bfloat16', Uint16Array.of(0x3f80)).dims, [1]);
    assert.equal(new Tensor('float8e4m3fn', Uint8Array.of(1, 2), [2]).size, 2);
    assert.deepEqual(new Tensor('float16', Uint16Array.of(0x3c00), [1]).dims, [1]);
    for (const type of ['int4', 'uint4', 'int2', 'float4e2m1', 'bfloat16', 'float8e5m2']) assert.throws(() => new Tensor(type, [1]), /from number array is not supported/);
    assert.throws(() => new Tensor('int4', Int8Array.of(1), [3]), /size\(3\)/);
  });

  test('tensors that lie elsewhere', async () => {
    let freed = 0;
    const elsewhere = (more) => Tensor.fromGpuBuffer({ size: 8, mapState: 'unmapped' }, { dims: [1, 2], download: async () => Float32Array.of(3, 4), dispose: () => freed++, ...more });
    const x = elsewhere({});
    assert.deepEqual([x.location, x.type, x.size, x.gpuBuffer.size], ['gpu-buffer', 'float32', 2, 8]);
    assert.throws(() => x.data, /not on the CPU but in gpu-buffer/);
    assert.throws(() => x.texture, /gpu-buffer, not in texture/);
    assert.throws(() => x.reshape([2]), /owns a resource/);
    const s = await InferenceSession.create(bytes);
    assert.deepEqual([...(await s.run({ x })).y.data], [4, 6]);
    assert.equal(x.location, 'cpu');
    x.dispose();
    assert.equal(freed, 1);
    await assert.rejects(s.run({ x: elsewhere({ download: undefined }) }), /without a download function/);
    const p = Tensor.fromPinnedBuffer('float32', Float32Array.of(1, 2), [1, 2]);
    assert.deepEqual([p.location, p.reshape([2]).location, [...(await s.run({ x: p })).z.data]], ['cpu-pinned', 'cpu-pinned', [-1, -2]]);
    assert.throws(() => Tensor.fromPinnedBuffer('float32', Int32Array.of(1)), /should be of type Float32Array, got Int32Array/);
    assert.throws(() => new Tensor({ location: 'moon', type: 'float32', dims: [1] }), /unsupported location 'moon'/);
    await assert.rejects(Tensor.fromImage('data:image/png;base64,AAAA'), /image decoder|canvas/);
    assert.throws(() => p.reshape([1, 1, 1, 2]).toDataURL(), /document/);
  });

  test('by require()', { skip: existsSync(new URL('ort.cjs', dist)) ? false : 'SKIP: ort.cjs is not built' }, async () => {
    const required = createRequire(import.meta.url)(new URL('ort.cjs', dist).pathname);
    assert.deepEqual(Object.keys(required).sort(), Object.keys(ort).sort());
    await required.init({ wasm });
    const s = await required.InferenceSession.create(bytes);
    assert.deepEqual([...(await s.run({ x: new required.Tensor('float32', [3, 4], [1, 2]) })).y.data], [4, 6]);
  });

  test('every name of onnxruntime-web', () => {
    const names = Object.keys(createRequire(import.meta.url)('onnxruntime-common'));
    for (const name of names) assert.ok(name in ort && name in ort.default, name);
    for (const trace of ['TRACE', 'TRACE_FUNC_BEGIN', 'TRACE_FUNC_END', 'TRACE_EVENT_BEGIN', 'TRACE_EVENT_END']) ort[trace]('a', 'b');
  });

  test('tensors', () => {
    assert.equal(new Tensor(new BigInt64Array(2)).type, 'int64');
    assert.deepEqual(new Tensor(new Float32Array(6), [2, 3]).dims, [2, 3]);
    assert.deepEqual(new Tensor('int64', [1, 2]).data, BigInt64Array.of(1n, 2n));
    assert.deepEqual([new Tensor([true, false]).type, new Tensor(['a']).type], ['bool', 'string']);
    assert.equal(new Tensor(Uint8ClampedArray.of(1)).type, 'uint8');
    assert.deepEqual(new Tensor(new Float32Array(6), [2, 3]).reshape([3, 2]).dims, [3, 2]);
    assert.throws(() => new Tensor('float32', new Float32Array(5), [2, 3]), /size\(6\) does not match data length\(5\)/);
    assert.throws(() => new Tensor('float32', new Int32Array(1)), TypeError);
    assert.throws(() => new Tensor('float', [1]), TypeError);
    assert.throws(() => new Tensor([]), TypeError);
    assert.throws(() => new Tensor([1, 2]), TypeError);
    assert.throws(() => new Tensor('float32', [1], [-1]), RangeError);
    assert.throws(() => new Tensor('float32', [1], ['1']), TypeError);
    assert.throws(() => new Tensor('float32', [1], 1), TypeError);
    const t = new Tensor('float32', [1]);
    t.dispose();
    assert.equal(t.location, 'none');
    assert.throws(() => t.data, /disposed/);
  });

  test('env', () => {
    env.wasm.numThreads = 4;
    env.logLevel = 'error';
    assert.equal(env.logLevel, 'error');
    assert.throws(() => { env.logLevel = 'loud'; }, /loud/);
    assert.ok(env.versions.common && env.versions.web);
  });
});
