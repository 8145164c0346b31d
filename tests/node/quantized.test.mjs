// Quantised models: each pattern that a pass turns into one operator on integers, with the passes off and on and by onnxruntime;
// then whole models node by node, every node fed with what onnxruntime computed (DECISIONS.md, "Quantised operators").
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cut, readGraph, sourcesOf, withOutputs } from './helpers/cut.mjs';
import { modelFiles, random, reference, runsOf } from './helpers/models.mjs';
import { quern } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

const QUANTIZE = 2; // QN_PASS_QUANTIZE in src/quern.h
const ort = await reference();
const next = random(11);
const ARRAYS = { uint8: Uint8Array, int8: Int8Array, float32: Float32Array, int32: Int32Array, int64: BigInt64Array };
const size = (dims) => dims.reduce((a, b) => a * b, 1);
const bytes = (type, dims) => ({ type, dims, data: ARRAYS[type].from({ length: size(dims) }, () => Math.floor(256 * next()) - (type === 'int8' ? 128 : 0)) });
const floats = (dims, low, high) => ({ type: 'float32', dims, data: Float32Array.from({ length: size(dims) }, () => low + (high - low) * next()) });

/** Nodes of a graph by their operators; every method gives the name of a value. */
class Graph {
  nodes = [];
  initializers = {};
  inputs = [];
  feeds = {};
  #n = 0;
  #name = () => `v${++this.#n}`;
  op(op, inputs, attrs = {}, outputs = 1) {
    const out = Array.from({ length: outputs }, this.#name);
    this.nodes.push({ op, in: inputs, out, attrs });
    return outputs === 1 ? out[0] : out;
  }
  constant(tensor) {
    const name = this.#name();
    this.initializers[name] = tensor;
    return name;
  }
  number = (type, value) => this.constant({ type, dims: [], data: ARRAYS[type].of(value) });
  ints = (...values) => this.constant({ type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) });
  input(tensor) {
    const name = `x${this.inputs.length}`;
    this.inputs.push({ name, type: tensor.type, dims: tensor.dims });
    this.feeds[name] = tensor;
    return name;
  }
  #affine = ([type, scale, zero]) => [this.number('float32', scale), this.number(type, zero)];
  dequantize = (x, affine) => this.op('DequantizeLinear', [x, ...this.#affine(affine)]);
  quantize = (x, affine) => this.op('QuantizeLinear', [x, ...this.#affine(affine)]);
  /** A quantised input, dequantised. affine: [type, scale, zero] */
  value = (dims, affine) => this.dequantize(this.input(bytes(affine[0], dims)), affine);
  /** Weights with a scale per entry of `axis`. */
  weights(dims, axis, { type = 'int8', zero = false, scale = 0.01 } = {}) {
    const count = dims[axis];
    this.scales = Float32Array.from({ length: count }, () => scale * (0.5 + next()));
    const w = this.constant(bytes(type, dims)), s = this.constant({ type: 'float32', dims: [count], data: this.scales });
    const z = this.constant({ type, dims: [count], data: ARRAYS[type].from({ length: count }, () => (zero ? Math.floor(9 * next()) + (type === 'uint8' ? 120 : -4) : 0)) });
    return this.op('DequantizeLinear', [w, s, z], { axis: BigInt(axis) });
  }
  /** int32 in units of the input's scale times the last weights' scales. */
  bias(step) {
    const dims = [this.scales.length];
    const b = this.constant({ type: 'int32', dims, data: Int32Array.from({ length: dims[0] }, () => Math.floor(8000 * (next() - 0.5))) });
    const s = this.constant({ type: 'float32', dims, data: this.scales.map((v) => Math.fround(v * Math.fround(step))) });
    return this.op('DequantizeLinear', [b, s, this.constant({ type: 'int32', dims, data: new Int32Array(dims[0]) })], { axis: 0n });
  }
  build(outputs, opset = 13) {
    return model({ opset, nodes: this.nodes, inputs: this.inputs, outputs: outputs.map(([name, type]) => ({ name, type, dims: null })), initializers: this.initializers });
  }
}

async function runQuern(file, feeds, options) {
  const m = await quern.load(file, { worker: false, ...options });
  try {
    return { outputs: await m.run(feeds), nodes: m.report().stats.model.nodes };
  } finally {
    m.dispose();
  }
}
async function runOrt(file, feeds) {
  const session = await ort.InferenceSession.create(file, { graphOptimizationLevel: 'disabled', logSeverityLevel: 3 });
  const out = await session.run(Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, new ort.Tensor(t.type, t.data, t.dims)])));
  await session.release();
  return out;
}

/**
 * At most `steps` units between two tensors of bytes, and only `share` of the elements off at all; floats to 1e-5 of the largest.
 * steps 0: the same bits.
 */
function close(what, got, want, steps, share = 0.01) {
  assert.equal(got.type, want.type, what);
  assert.deepEqual(Array.from(got.dims), Array.from(want.dims), what);
  if (steps === 0) return assert.deepEqual(Array.from(got.data), Array.from(want.data), what);
  let worst = 0, off = 0, largest = 0;
  for (let i = 0; i < want.data.length; i++) {
    const d = Math.abs(Number(got.data[i]) - Number(want.data[i]));
    worst = Math.max(worst, d);
    largest = Math.max(largest, Math.abs(Number(want.data[i])));
    off += d ? 1 : 0;
  }
  if (got.type === 'float32') return assert.ok(worst <= 1e-5 * largest, `${what}: ${worst} of ${largest}`);
  assert.ok(worst <= steps && off <= share * want.data.length + 1, `${what}: ${off} of ${want.data.length} differ, by up to ${worst} steps`);
  return undefined;
}

const U = ['uint8', 0.02, 120], V = ['uint8', 0.03, 7], I = ['int8', 0.05, -3], Y = ['uint8', 0.11, 131], Z = ['int8', 0.09, 5];
const pads = [1n, 1n, 1n, 1n];
/** name: [the graph, its output's quantisation or null for float32, operators that are left (an Identity in front of an output is one),
 * steps that onnxruntime and a run without passes may be off] */
const CASES = {
  'Conv with bias and Relu': [(g) => g.op('Relu', [g.op('Conv', [g.value([2, 5, 9, 11], U), g.weights([13, 5, 3, 3], 0), g.bias(0.02)], { pads })]), ['uint8', 0.02, 3], 1, 1],
  'Conv of int8 by uint8 weights with zero points': [(g) => g.op('Conv', [g.value([1, 4, 8, 8], I), g.weights([8, 4, 3, 3], 0, { type: 'uint8', zero: true })], { pads, strides: [2n, 2n] }), Z, 1, 1],
  'pointwise Conv and Clip': [(g) => g.op('Clip', [g.op('Conv', [g.value([1, 24, 7, 9], V), g.weights([17, 24, 1, 1], 0), g.bias(0.03)]), g.number('float32', 0), g.number('float32', 6)]), ['uint8', 6 / 255, 0], 1, 1],
  'depthwise Conv': [(g) => g.op('Conv', [g.value([1, 20, 9, 8], U), g.weights([20, 1, 3, 3], 0), g.bias(0.02)], { pads, group: 20n, strides: [2n, 1n] }), Y, 1, 1],
  'dilated depthwise Conv of int8': [(g) => g.op('Conv', [g.value([2, 16, 9, 8], I), g.weights([16, 1, 3, 2], 0, { zero: true })], { pads, group: 16n, dilations: [2n, 1n] }), Y, 1, 1],
  'Conv in groups': [(g) => g.op('Conv', [g.value([1, 6, 7, 7], U), g.weights([9, 2, 3, 3], 0)], { pads, group: 3n }), Z, 1, 1],
  'Conv in one dimension': [(g) => g.op('Conv', [g.value([2, 3, 30], U), g.weights([5, 3, 4], 0), g.bias(0.02)], { pads: [2n, 1n] }), Y, 1, 1],
  'Conv with a float bias': [(g) => g.op('Conv', [g.value([1, 5, 6, 6], U), g.weights([8, 5, 3, 3], 0), g.constant(floats([8], -4, 4))], { pads }), Y, 1, 1],
  'Conv that stays float': [(g) => g.op('Relu', [g.op('Conv', [g.value([1, 5, 6, 6], U), g.weights([8, 5, 3, 3], 0), g.bias(0.02)], { pads })]), null, 1, 1],
  'MatMul by weights': [(g) => g.op('MatMul', [g.value([2, 7, 31], U), g.weights([31, 18], 1)]), Y, 1, 1],
  'MatMul of two values': [(g) => g.op('MatMul', [g.value([2, 3, 7, 16], U), g.value([2, 1, 16, 9], I)]), ['uint8', 0.2, 100], 1, 1],
  'Gemm turned round': [(g) => g.op('Gemm', [g.value([5, 40], U), g.weights([11, 40], 0), g.bias(0.02)], { transB: 1n }), Y, 1, 1],
  'Gemm that stays float': [(g) => g.op('Gemm', [g.value([1, 40], U), g.weights([40, 11], 1), g.constant(floats([11], -1, 1))]), null, 1, 1],
  'Gemm scaled': [(g) => g.op('Gemm', [g.value([5, 40], U), g.weights([40, 11], 1)], { alpha: 0.5 }), Y, 3, 1],
  'Add and Relu': [(g) => g.op('Relu', [g.op('Add', [g.value([2, 3, 8, 9], U), g.value([2, 3, 8, 9], I)])]), V, 1, 0],
  'Add with broadcasting': [(g) => g.op('Add', [g.value([2, 3, 8, 9], U), g.value([3, 1, 9], V)]), Y, 1, 0],
  Mul: [(g) => g.op('Mul', [g.value([2, 8, 5, 5], U), g.value([2, 8, 1, 1], I)]), Z, 1, 0],
  'MaxPool between equal scales': [(g) => g.op('MaxPool', [g.value([1, 5, 9, 9], U)], { kernel_shape: [3n, 3n], strides: [2n, 2n], pads }), U, 2, 0],
  'MaxPool to another scale': [(g) => g.op('MaxPool', [g.value([1, 5, 9, 9], U)], { kernel_shape: [2n, 2n] }), Z, 2, 0],
  'Transpose and Reshape': [(g) => g.op('Reshape', [g.op('Transpose', [g.value([2, 3, 4, 5], I)], { perm: [0n, 2n, 1n, 3n] }), g.ints(8, -1)]), I, 3, 0],
  'Flatten in front of Gemm': [(g) => g.op('Gemm', [g.op('Flatten', [g.value([3, 4, 2, 2], U)]), g.weights([16, 6], 1)]), Y, 2, 1],
  'Concat of equal scales': [(g) => g.op('Concat', [g.value([1, 3, 4], U), g.value([1, 2, 4], U)], { axis: 1n }), U, 2, 0],
  'Concat of other scales': [(g) => g.op('Concat', [g.value([1, 3, 4], U), g.value([1, 2, 4], I), g.value([1, 1, 4], Y)], { axis: 1n }), Y, 3, 0],
  'one quantization to another': [(g) => g.value([50], U), Z, 1, 0],
  Sigmoid: [(g) => g.op('Sigmoid', [g.value([2, 300], ['int8', 0.06, 2])]), ['uint8', 1 / 256, 0], 1, 0],
  'HardSigmoid, scaled': [(g) => g.op('Mul', [g.op('HardSigmoid', [g.value([300], U)]), g.number('float32', 3)]), ['int8', 0.02, -100], 1, 0],
  'Clip behind a quantized value': [(g) => g.op('Clip', [g.value([300], U), g.number('float32', -1), g.number('float32', 1)]), Z, 1, 0],
  'pooling in float32': [(g) => g.op('GlobalAveragePool', [g.value([2, 9, 5, 5], U)]), Y, 3, 1],
};

describe('patterns of quantised operators', () => {
  for (const [name, [make, affine, nodes, steps]] of Object.entries(CASES))
    test(name, async () => {
      const g = new Graph();
      let y = make(g);
      if (affine) y = g.quantize(y, affine);
      const file = g.build([[y, affine ? affine[0] : 'float32']]);
      const on = await runQuern(file, g.feeds), off = await runQuern(file, g.feeds, { skipPasses: QUANTIZE });
      assert.equal(on.nodes, nodes, 'operators that are left');
      close('passes on and off', on.outputs[y], off.outputs[y], steps);
      const kinds = new Set(on.outputs[y].data);
      assert.ok(kinds.size > 8, `only ${kinds.size} different values: the case shows nothing`);
      if (ort) close('onnxruntime', on.outputs[y], (await runOrt(file, g.feeds))[y], steps);
    });

  test('a value that is an output keeps its operators', async () => {
    const g = new Graph();
    const between = g.op('Conv', [g.value([1, 4, 6, 6], U), g.weights([8, 4, 3, 3], 0)]), y = g.quantize(between, Y);
    const file = g.build([[y, 'uint8'], [between, 'float32']]);
    const on = await runQuern(file, g.feeds), off = await runQuern(file, g.feeds, { skipPasses: QUANTIZE });
    for (const v of [y, between]) close(v, on.outputs[v], off.outputs[v], 1);
  });

  test('scales that are computed are left alone', async () => {
    const g = new Graph();
    const x = g.input(bytes('uint8', [300])), scale = g.input(floats([], 0.5, 0.6));
    const y = g.quantize(g.op('Sigmoid', [g.op('DequantizeLinear', [x, scale])]), ['uint8', 1 / 256, 0]);
    const file = g.build([[y, 'uint8']]);
    const on = await runQuern(file, g.feeds), off = await runQuern(file, g.feeds, { skipPasses: QUANTIZE });
    close(y, on.outputs[y], off.outputs[y], 0);
  });
});

describe('dynamic quantization', () => {
  /** As onnxruntime's quantizer writes it. */
  const linear = (g, x, w, scale, bias) => {
    const [q, s, z] = g.op('DynamicQuantizeLinear', [x], {}, 3);
    const sums = g.op('Cast', [g.op('MatMulInteger', [q, w, z, g.number(g.initializers[w].type, 0)])], { to: 1n });
    const y = g.op('Mul', [sums, g.op('Mul', [s, scale])]);
    return bias ? g.op('Add', [bias, y]) : y;
  };
  for (const [name, perColumn, type, nodes] of [['one scale', false, 'int8', 2], ['a scale per column', true, 'int8', 2], ['uint8 weights', false, 'uint8', 2]])
    test(`MatMulInteger with ${name}: the same bits`, async () => {
      const g = new Graph();
      const scale = g.constant(perColumn ? floats([19], 0.01, 0.02) : { type: 'float32', dims: [], data: Float32Array.of(0.013) });
      const y = linear(g, g.input(floats([2, 5, 37], -2, 3)), g.constant(bytes(type, [37, 19])), scale, g.constant(floats([19], -1, 1)));
      const file = g.build([[y, 'float32']]);
      const on = await runQuern(file, g.feeds), off = await runQuern(file, g.feeds, { skipPasses: QUANTIZE });
      assert.equal(on.nodes, nodes);
      close('passes on and off', on.outputs[y], off.outputs[y], 0);
      if (ort) close('onnxruntime', on.outputs[y], (await runOrt(file, g.feeds))[y], 0);
    });

  test('ConvInteger: the same bits', async () => {
    const g = new Graph();
    const [q, s, z] = g.op('DynamicQuantizeLinear', [g.input(floats([1, 3, 9, 9], -2, 3))], {}, 3);
    const sums = g.op('Cast', [g.op('ConvInteger', [q, g.constant(bytes('uint8', [8, 3, 3, 3])), z, g.number('uint8', 119)], { pads })], { to: 1n });
    const scaled = g.op('Mul', [sums, g.op('Mul', [s, g.number('float32', 0.02)])]);
    const y = g.op('Relu', [g.op('Add', [scaled, g.constant(floats([1, 8, 1, 1], -1, 1))])]);
    const file = g.build([[y, 'float32']]);
    const on = await runQuern(file, g.feeds), off = await runQuern(file, g.feeds, { skipPasses: QUANTIZE });
    assert.equal(on.nodes, 2);
    close('passes on and off', on.outputs[y], off.outputs[y], 0);
    if (ort) close('onnxruntime', on.outputs[y], (await runOrt(file, g.feeds))[y], 0);
  });

  test('three products of one value quantize it once', async () => {
    const g = new Graph();
    const x = g.input(floats([4, 16], -1, 1));
    const parts = [0, 1, 2].map(() => linear(g, x, g.constant(bytes('int8', [16, 8])), g.number('float32', 0.01)));
    const y = g.op('Add', [g.op('Add', [parts[0], parts[1]]), parts[2]]);
    const file = g.build([[y, 'float32']]);
    const on = await runQuern(file, g.feeds), off = await runQuern(file, g.feeds, { skipPasses: QUANTIZE });
    assert.equal(on.nodes, 6);
    close('passes on and off', on.outputs[y], off.outputs[y], 0);
  });

  test('a transformer block', async () => {
    const g = new Graph(), d = 24, heads = 3;
    const x = g.input(floats([2, 7, d], -1, 1));
    const lin = (v, i, o) => linear(g, v, g.constant(bytes('int8', [i, o])), g.number('float32', 0.3 / 127 / Math.sqrt(i)), g.constant(floats([o], -0.1, 0.1)));
    const split = g.ints(0, 0, heads, d / heads), [q, k, v] = [[0n, 2n, 1n, 3n], [0n, 2n, 3n, 1n], [0n, 2n, 1n, 3n]].map((perm) => g.op('Transpose', [g.op('Reshape', [lin(x, d, d), split])], { perm }));
    const weights = g.op('Softmax', [g.op('Div', [g.op('MatMul', [q, k]), g.number('float32', Math.sqrt(d / heads))])], { axis: -1n });
    const mixed = g.op('Reshape', [g.op('Transpose', [g.op('MatMul', [weights, v])], { perm: [0n, 2n, 1n, 3n] }), g.ints(0, 0, d)]);
    const h = g.op('Add', [lin(mixed, d, d), x]);
    const f = lin(h, d, 4 * d), gelu = g.op('Mul', [g.op('Mul', [f, g.op('Add', [g.op('Erf', [g.op('Div', [f, g.number('float32', Math.SQRT2)])]), g.number('float32', 1)])]), g.number('float32', 0.5)]);
    const y = g.op('Add', [lin(gelu, 4 * d, d), h]);
    const file = g.build([[y, 'float32']]);
    const on = await runQuern(file, g.feeds), off = await runQuern(file, g.feeds, { skipPasses: QUANTIZE });
    // a float next to a rounding step may fall on its other side: one unit of a quantised value, a hundredth of the range behind it
    const near = (what, got, want) => got.data.forEach((a, i) => assert.ok(Math.abs(a - want.data[i]) <= 0.01, `${what} [${i}]: ${a} instead of ${want.data[i]}`));
    near('passes on and off', on.outputs[y], off.outputs[y]);
    if (ort) near('onnxruntime', on.outputs[y], (await runOrt(file, g.feeds))[y]);
  });
});

/** Every named value of a model as onnxruntime computes it. */
async function allValues(file, ports, feeds) {
  return runOrt(withOutputs(file, ports), feeds);
}

describe('whole models, node by node from what onnxruntime computed', () => {
  const find = (end) => modelFiles().find((f) => f.endsWith(end));
  const qdq = find('mobilenet_v2_qdq.onnx'), dynamic = find('minilm_l6_int8.onnx');
  const firstRun = async (file) => {
    const m = await quern.load(file);
    const [{ feeds }] = runsOf(qdq && file === qdq ? 'mobilenet_v2_qdq.onnx' : dynamic, m.inputs);
    m.dispose();
    return feeds({});
  };

  /** Runs the parts between the quantised values, each with the reference's inputs. */
  async function compareParts(file, feeds, steps, share) {
    const g = readGraph(file), names = new Set(g.nodes.filter((n) => n.op === 'QuantizeLinear').map((n) => n.out[0]));
    const values = { ...feeds, ...await allValues(file, [...names].map((name) => ({ name, type: 'uint8', dims: null })), feeds) };
    const known = new Set([...names, ...Object.keys(feeds)]);
    for (const name of names) {
      const inputs = sourcesOf(g, name, known).map((n) => ({ name: n, type: values[n].type, dims: Array.from(values[n].dims) }));
      const part = cut(g, inputs, [{ name, type: 'uint8', dims: null }]);
      const { outputs } = await runQuern(part, Object.fromEntries(inputs.map((p) => [p.name, { type: p.type, dims: p.dims, data: values[p.name].data }])));
      close(name, outputs[name], values[name], steps, share);
    }
    return names.size;
  }

  test('a convolutional network made here', { skip: ort ? false : 'SKIP: onnxruntime-node is not installed' }, async () => {
    const g = new Graph(), R = ['uint8', 0.0236, 0], E = ['uint8', 0.05, 128];
    const again = (v, affine) => g.dequantize(g.quantize(v, affine), affine);
    const conv = (v, cin, cout, k, stride, groups, affine) => {
      const w = g.weights([cout, cin / groups, k, k], 0, { scale: 0.4 / 127 / Math.sqrt((cin / groups) * k * k) });
      const c = g.op('Conv', [v, w, g.bias(0.0236)], { pads: Array(4).fill(BigInt(k >> 1)), strides: [BigInt(stride), BigInt(stride)], group: BigInt(groups) });
      return again(affine === R ? g.op('Clip', [c, g.number('float32', 0), g.number('float32', 6)]) : c, affine);
    };
    let x = conv(again(g.input(floats([1, 3, 32, 32], -3, 3)), ['uint8', 0.0236, 128]), 3, 16, 3, 2, 1, R);
    const short = conv(conv(x, 16, 16, 3, 1, 16, R), 16, 24, 1, 1, 1, E);
    x = again(g.op('Add', [short, conv(conv(conv(short, 24, 48, 1, 1, 1, R), 48, 48, 3, 1, 48, R), 48, 24, 1, 1, 1, E)]), E);
    x = again(g.op('Concat', [g.op('MaxPool', [x], { kernel_shape: [2n, 2n], strides: [2n, 2n] }), conv(x, 24, 8, 3, 2, 1, R)], { axis: 1n }), E);
    x = g.op('Flatten', [again(g.op('GlobalAveragePool', [again(g.op('HardSigmoid', [x]), ['uint8', 1 / 255, 0])]), ['uint8', 1 / 255, 0])]);
    const y = g.quantize(g.op('Gemm', [x, g.weights([10, 32], 0), g.constant(floats([10], -1, 1))], { transB: 1n }), ['uint8', 0.02, 128]);
    assert.equal(await compareParts(g.build([[y, 'uint8']]), g.feeds, 1, 0.005), 13);
  });

  test('mobilenet_v2_qdq', { skip: ort && qdq ? false : 'SKIP: not made' }, async () => {
    assert.equal(await compareParts(readFileSync(qdq), await firstRun(qdq), 1, 0.0001), 65);
  });

  test('minilm_l6_int8: products and dynamic quantization to the bit', { skip: ort && dynamic ? false : 'SKIP: not made' }, async () => {
    const file = readFileSync(dynamic), feeds = await firstRun(dynamic), g = readGraph(file);
    const readers = new Map(g.nodes.flatMap((n) => n.in.map((i) => [i, n])));
    const pairs = g.nodes.filter((n) => n.op === 'MatMulInteger').map((n) => {
      let last = n;
      while (['MatMulInteger', 'Cast', 'Mul'].includes(last.op)) last = readers.get(last.out[0]);
      return [g.producer.get(n.in[0]).in[0], last.out[0]];
    });
    const names = [...new Set(pairs.flat())];
    const values = await allValues(file, names.map((name) => ({ name, type: 'float32', dims: null })), feeds);
    for (const [from, to] of pairs) {
      const x = { type: 'float32', dims: Array.from(values[from].dims), data: values[from].data };
      const { outputs, nodes } = await runQuern(cut(g, [{ name: from, type: x.type, dims: x.dims }], [{ name: to, type: 'float32', dims: null }]), { [from]: x });
      assert.equal(nodes, 2);
      close(to, outputs[to], values[to], 0);
    }
    assert.equal(pairs.length, 36);
  });
});
