import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, quern } from './helpers/quern.mjs';
import { f32, model } from './onnx-writer.mjs';

const { inspect, load } = quern;

const float = (name, dims) => ({ name, dims });
/** Relu of a convolution of a picture of any size, and its mean. */
const CONV = model({
  nodes: [
    { op: 'Conv', in: ['x', 'w'], out: ['c'], name: 'first', attrs: { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n] } }, { op: 'Relu', in: ['c'], out: ['r'], name: 'second' },
    { op: 'GlobalAveragePool', in: ['r'], out: ['g'], name: 'third' }, { op: 'Sigmoid', in: ['g'], out: ['y'], name: 'fourth' }],
  inputs: [float('x', [1, 2, 'h', 'w'])], outputs: [float('y', [1, 4, 1, 1])], initializers: { w: f32([4, 2, 3, 3], ...Array.from({ length: 72 }, (_, i) => Math.sin(i))) },
});
const picture = (side) => ({ x: { type: 'float32', dims: [1, 2, side, side], data: Float32Array.from({ length: 2 * side * side }, (_, i) => Math.cos(i)) } });

describe('inspect', () => {
  test('tells operators, opsets, tensors and ports', async () => {
    const found = await inspect(CONV);
    assert.equal(found.problem, '');
    assert.deepEqual(found.opsets, { '': 17 });
    assert.equal(found.ir, 8);
    assert.deepEqual(found.ops.map((op) => [op.name, op.count, op.supported]), [['Conv', 1, true], ['Relu', 1, true], ['GlobalAveragePool', 1, true], ['Sigmoid', 1, true]]);
    assert.deepEqual(found.tensors, [{ type: 'float32', count: 1, elements: 72, bytes: 288 }]);
    assert.deepEqual(found.inputs.map((p) => p.dims), [[1, 2, 'h', 'w']]);
    assert.equal(found.plan, null); // the size is open
  });

  test('plans for given shapes: memory grows with them', async () => {
    const plan = async (side) => (await inspect(CONV, { shapes: { x: [1, 2, side, side] } })).plan;
    const small = await plan(8), large = await plan(64);
    assert.equal(small.problem, '');
    assert.ok(small.whole && small.steps.length >= 3);
    assert.ok(large.activationBytes > 10 * small.activationBytes, `${large.activationBytes} against ${small.activationBytes}`);
    assert.ok(large.peakBytes > large.activationBytes);
    assert.ok(large.steps.some((s) => /Conv/.test(s.op) && s.type === 'float32' && s.shape.reduce((a, b) => a * b) === 4 * 64 * 64));
  });

  test('shapes that do not fit are a problem of the plan', async () => {
    const { problem, plan } = await inspect(CONV, { shapes: { x: [1, 3, 8, 8] } });
    assert.equal(problem, '');
    assert.match(plan.problem, /input 'x' has shape \[1, 3, 8, 8\]/);
  });

  test('a model with missing operators is described all the same', async () => {
    const body = { nodes: [{ op: 'Twist', in: ['x'], out: ['b'], domain: 'my.own' }], outputs: [float('b', [1])] };
    const found = await inspect(model({
      nodes: [{ op: 'Nonsense', in: ['x'], out: ['m'] }, { op: 'Nonsense', in: ['m'], out: ['z'] }, { op: 'If', in: ['c'], out: ['y'], attrs: { then_branch: { graph: body }, else_branch: { graph: body } } }],
      inputs: [float('x', [1]), { name: 'c', type: 'bool', dims: [] }], outputs: [float('y', [1])],
    }));
    assert.match(found.problem, /Nonsense \(opset 17\), my\.own\.Twist/);
    assert.deepEqual(found.missing.map((op) => [op.domain, op.name, op.count]), [['', 'Nonsense', 2], ['my.own', 'Twist', 2]]);
    assert.equal(found.ops.find((op) => op.name === 'If').supported, true);
    assert.equal(found.plan, null);
  });

  test('names with separators in them stay one field', async () => {
    const found = await inspect(model({ nodes: [{ op: 'A\tB\nop\tx\ty\t9\t1', in: ['x'], out: ['y'] }], inputs: [float('x', [1])], outputs: [float('y', [1])] }));
    assert.equal(found.ops.length, 1);
    assert.equal(found.missing.length, 1);
  });

  test('bytes that are no model are a problem, a missing file is an error', async () => {
    assert.match((await inspect(new TextEncoder().encode('this is no model at all'))).problem, /\w/);
    await assert.rejects(inspect('/nowhere/model.onnx'), failure('network', /nowhere/));
  });

  test('where shapes depend on data, the plan ends', async () => {
    const { plan } = await inspect(model({
      nodes: [{ op: 'NonZero', in: ['x'], out: ['i'] }, { op: 'Cast', in: ['i'], out: ['y'], attrs: { to: 1n } }],
      inputs: [float('x', [4])], outputs: [float('y', [1, 'n'])],
    }));
    assert.equal(plan.problem, '');
    assert.equal(plan.whole, false);
  });
});

describe('profile', () => {
  test('report({ profile }) times nodes from the first call on, and counts operations', async () => {
    const m = await load(CONV);
    try {
      const plain = await m.run(picture(16));
      assert.equal('profile' in m.report(), false);
      const { peak, ...empty } = m.report({ profile: true }).profile.model;
      assert.deepEqual(empty, { runs: 0, ms: 0, planMs: 0, steps: [] });
      assert.equal(peak.threads, m.report().threads);
      assert.ok(Number.isFinite(peak.gflops) && peak.gflops > 0 && Number.isFinite(peak.gbps) && peak.gbps > 0, JSON.stringify(peak));
      for (let i = 0; i < 3; i++) assert.deepEqual((await m.run(picture(16))).y.data, plain.y.data);
      m.runSync(picture(16));
      const { runs, ms, steps, peak: again } = m.report({ profile: true }).profile.model;
      assert.deepEqual(again, peak, 'it is measured once');
      assert.equal(runs, 4);
      assert.ok(ms > 0);
      const conv = steps.find((s) => /Conv/.test(s.op));
      assert.equal(conv.count, 4);
      assert.equal(conv.flops, 4 * 2 * (4 * 16 * 16) * (2 * 3 * 3));
      assert.ok(conv.bytes >= 4 * 4 * (2 * 16 * 16 + 4 * 16 * 16), `${conv.bytes}`);
      assert.ok(steps.every((s) => s.count === 4 && s.ms >= 0));
    } finally {
      m.dispose();
    }
  });

  test('products are counted', async () => {
    const m = await load(model({
      nodes: [{ op: 'MatMul', in: ['a', 'b'], out: ['c'] }, { op: 'Gemm', in: ['d', 'c'], out: ['y'], attrs: { transA: 1n } }],
      inputs: [float('a', [5, 7]), float('b', [7, 3]), float('d', [5, 2])], outputs: [float('y', [2, 3])],
    }));
    const tensor = (dims) => ({ type: 'float32', dims, data: new Float32Array(dims[0] * dims[1]).fill(1) });
    m.report({ profile: true });
    m.runSync({ a: tensor([5, 7]), b: tensor([7, 3]), d: tensor([5, 2]) });
    const flops = Object.fromEntries(m.report({ profile: true }).profile.model.steps.map((s) => [s.op, s.flops]));
    assert.deepEqual(flops, { MatMul: 2 * 5 * 3 * 7, Gemm: 2 * 2 * 3 * 5 });
    m.dispose();
  });

  test('recurrent layers and bytes are counted; a table that is gathered from is not read whole', async () => {
    const random = (...dims) => ({ type: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b)).fill(0.1) });
    const m = await load(model({
      nodes: [{ op: 'Gather', in: ['table', 'i'], out: ['x'] }, { op: 'LSTM', in: ['x', 'w', 'r'], out: ['y'], attrs: { hidden_size: 4n } }],
      inputs: [{ name: 'i', type: 'int64', dims: [5, 2] }], outputs: [float('y', [5, 1, 2, 4])],
      initializers: { table: random(1000, 3), w: random(1, 16, 3), r: random(1, 16, 4) },
    }));
    m.report({ profile: true });
    m.runSync({ i: { type: 'int64', dims: [5, 2], data: new BigInt64Array(10).fill(7n) } });
    const { LSTM, Gather } = Object.fromEntries(m.report({ profile: true }).profile.model.steps.map((s) => [s.op, s]));
    assert.equal(LSTM.flops, 2 * 5 * 2 * (16 * 3 + 16 * 4));
    assert.equal(Gather.bytes, 2 * 4 * 5 * 2 * 3);
    m.dispose();
    assert.equal(m.report({ profile: true }).profile.model.runs, 1, 'a model that is gone is still told about');
  });

  test('a profile asked for after dispose() has no peak', async () => {
    const m = await load(CONV);
    m.dispose();
    assert.deepEqual(m.report({ profile: true }).profile.model, { runs: 0, ms: 0, planMs: 0, steps: [] });
  });

  test('loops are timed by the nodes of their bodies, and a failing run leaves the model usable', async () => {
    const m = await load(model({
      nodes: [{ op: 'Gather', in: ['x', 'i'], out: ['y'], name: 'pick' }],
      inputs: [float('x', [3]), { name: 'i', type: 'int64', dims: [1] }], outputs: [float('y', [1])],
    }));
    m.report({ profile: true });
    const feeds = (i) => ({ x: { type: 'float32', dims: [3], data: [1, 2, 3] }, i: { type: 'int64', dims: [1], data: [i] } });
    await assert.rejects(m.run(feeds(7)), (error) => error instanceof quern.QuernError);
    assert.deepEqual([...(await m.run(feeds(2))).y.data], [3]);
    m.dispose();
  });
});
