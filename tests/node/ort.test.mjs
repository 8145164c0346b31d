import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ort } from './helpers/quern.mjs';
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
