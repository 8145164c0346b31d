// Each pass on and off: the same results, and on where its pattern is, off where the graph only looks like it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { quern } from './helpers/quern.mjs';
import { f32, model } from './onnx-writer.mjs';

const NORM = 4, ACTIVATION = 8, ATTENTION = 16; // QN_PASS_* of src/quern.h
let seed = 1;
const random = () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return (seed >>> 8) / 8388608 - 1; };
const reals = (dims, scale = 1) => ({ type: 'float32', dims, data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random() * scale) });
const ints = (...values) => ({ type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) });
const number = (value) => f32([], value);

/** lines: [op, inputs, output, attrs]; the last one makes y. */
function graph(lines, inputs, initializers, opset = 17) {
  return model({
    opset, nodes: lines.map(([op, inside, out, attrs]) => ({ op, in: inside.split(' '), out: [out], attrs })), initializers,
    inputs: Object.entries(inputs).map(([name, t]) => ({ name, dims: t.dims.map((_, i) => `${name}${i}`) })), outputs: [{ name: 'y', dims: null }],
  });
}

async function answer(bytes, feeds, skipPasses) {
  const m = await quern.load(bytes, { worker: false, skipPasses });
  try {
    const { y } = await m.run(feeds);
    return { y, nodes: m.report().stats.model.nodes };
  } finally {
    m.dispose();
  }
}

/** The pass leaves `left` nodes, and results agree. */
async function both(pass, left, lines, feeds, initializers, opset) {
  const bytes = graph(lines, feeds, initializers, opset);
  const on = await answer(bytes, feeds, 0), off = await answer(bytes, feeds, pass);
  assert.deepEqual(on.y.dims, off.y.dims);
  off.y.data.forEach((want, i) => assert.ok(Math.abs(on.y.data[i] - want) <= 1e-4 + 1e-4 * Math.abs(want), `[${i}] ${on.y.data[i]} for ${want}`));
  assert.equal(on.nodes, left ?? off.nodes);
  if (left !== undefined) assert.ok(off.nodes > left, 'the pattern is there without the pass');
}

describe('pass: norm', () => {
  const x = () => ({ x: reals([2, 5, 24], 3) });
  const row = { g: reals([24]), b: reals([24]), two: number(2), e: number(1e-5), one: number(1) };
  const head = [['ReduceMean', 'x', 'm', { axes: [-1n] }], ['Sub', 'x m', 'c']];
  const deviation = [['Pow', 'c two', 'p'], ['ReduceMean', 'p', 'v', { axes: [-1n] }], ['Add', 'v e', 'w'], ['Sqrt', 'w', 's']];
  test('layer norm by division', () => both(NORM, 1, [...head, ...deviation, ['Div', 'c s', 'd'], ['Mul', 'd g', 'f'], ['Add', 'f b', 'y']], x(), row));
  test('layer norm without a bias', () => both(NORM, 1, [...head, ...deviation, ['Div', 'c s', 'd'], ['Mul', 'g d', 'y']], x(), row));
  test('layer norm by reciprocal, square as a product', () => both(NORM, 1,
    [...head, ['Mul', 'c c', 'p'], ...deviation.slice(1), ['Reciprocal', 's', 'r'], ['Mul', 'r c', 'd'], ['Mul', 'd g', 'f'], ['Add', 'b f', 'y']], x(), row));
  test('layer norm with two subtractions', () => both(NORM, 1,
    [...head, ['Sub', 'x m', 'c2'], ['Pow', 'c2 two', 'p'], ...deviation.slice(1), ['Div', 'c s', 'd'], ['Mul', 'd g', 'f'], ['Add', 'f b', 'y']], x(), row));
  test('axes as an input', () => both(NORM, 1, [['ReduceMean', 'x a', 'm'], ['Sub', 'x m', 'c'], ['Pow', 'c two', 'p'], ['ReduceMean', 'p a', 'v'],
    ...deviation.slice(2), ['Div', 'c s', 'd'], ['Mul', 'd g', 'f'], ['Add', 'f b', 'y']], x(), { ...row, a: ints(-1) }, 18));
  test('RMS norm', () => both(NORM, 1, [['Mul', 'x x', 'p'], ...deviation.slice(1), ['Div', 'one s', 'r'], ['Mul', 'x r', 'd'], ['Mul', 'g d', 'y']], x(), row));
  test('RMS norm by a power', () => both(NORM, 1, [['Pow', 'x two', 'p'], ...deviation.slice(1, 3), ['Pow', 'w h', 'r'], ['Mul', 'x r', 'd'], ['Mul', 'g d', 'y']], x(), { ...row, h: number(-0.5) }));
  test('centred along another axis, RMS norm along the last', () => both(NORM, 4,
    [['ReduceMean', 'x', 'm', { axes: [1n] }], ['Sub', 'x m', 'c'], ...deviation, ['Div', 'c s', 'd'], ['Mul', 'd g', 'f'], ['Add', 'f b', 'y']], x(), row));
  test('another axis stays', () => both(NORM, undefined, [['ReduceMean', 'x', 'm', { axes: [1n] }], ['Sub', 'x m', 'c'], ['Pow', 'c two', 'p'],
    ['ReduceMean', 'p', 'v', { axes: [1n] }], ...deviation.slice(2), ['Div', 'c s', 'd'], ['Mul', 'd g', 'f'], ['Add', 'f b', 'y']], x(), row));
  test('a cube stays', () => both(NORM, undefined, [...head, ...deviation, ['Div', 'c s', 'd'], ['Mul', 'd g', 'f'], ['Add', 'f b', 'y']], x(), { ...row, two: number(4) }));
  test('another centre stays', () => both(NORM, undefined, [...head, ['Sub', 'z m', 'c2'], ['Pow', 'c2 two', 'p'], ...deviation.slice(1), ['Div', 'c s', 'd'], ['Mul', 'd g', 'y']],
    { ...x(), z: reals([2, 5, 24]) }, row));
  test('used in between as well', () => both(NORM, 4, [...head, ...deviation, ['Div', 'c s', 'd'], ['Mul', 'd g', 'f'], ['Add', 'f b', 'n'], ['Tanh', 'f', 't'], ['Add', 'n t', 'y']], x(), row));
});

describe('pass: activation', () => {
  const x = () => ({ x: reals([3, 40], 6) });
  const c = { r: number(Math.SQRT2), i: number(Math.SQRT1_2), one: number(1), h: number(0.5), k: number(0.044715), q: number(Math.sqrt(2 / Math.PI)), three: number(3), zero: number(0), six: number(6), sixth: number(1 / 6), a: number(1.702) };
  test('GELU', () => both(ACTIVATION, 1, [['Div', 'x r', 'u'], ['Erf', 'u', 'e'], ['Add', 'e one', 'p'], ['Mul', 'x p', 'm'], ['Mul', 'm h', 'y']], x(), c));
  test('GELU, half first', () => both(ACTIVATION, 1, [['Mul', 'x i', 'u'], ['Erf', 'u', 'e'], ['Add', 'one e', 'p'], ['Mul', 'h x', 'm'], ['Mul', 'm p', 'y']], x(), c));
  test('GELU, half of the sum', () => both(ACTIVATION, 1, [['Mul', 'i x', 'u'], ['Erf', 'u', 'e'], ['Add', 'e one', 'p'], ['Mul', 'p h', 'm'], ['Mul', 'x m', 'y']], x(), c));
  const cube = [['Mul', 'k t', 'kt'], ['Add', 'x kt', 's'], ['Mul', 'q s', 'u'], ['Tanh', 'u', 'e'], ['Add', 'e one', 'p'], ['Mul', 'x h', 'm'], ['Mul', 'm p', 'y']];
  test('GELU by tanh', () => both(ACTIVATION, 1, [['Pow', 'x three', 't'], ...cube], x(), c));
  test('GELU by tanh, cube as a product', () => both(ACTIVATION, 1, [['Mul', 'x x', 'xx'], ['Mul', 'xx x', 't'], ...cube], x(), c));
  test('Swish', () => both(ACTIVATION, 1, [['Sigmoid', 'x', 's'], ['Mul', 's x', 'y']], x(), c));
  test('quick GELU', () => both(ACTIVATION, 1, [['Mul', 'a x', 'ax'], ['Sigmoid', 'ax', 's'], ['Mul', 'x s', 'y']], x(), c));
  test('hard Swish by HardSigmoid', () => both(ACTIVATION, 1, [['HardSigmoid', 'x', 's', { alpha: 1 / 6, beta: 0.5 }], ['Mul', 'x s', 'y']], x(), c));
  const ramp = [['Add', 'x three', 'p'], ['Clip', 'p zero six', 'q1']];
  test('hard Swish, divided at the end', () => both(ACTIVATION, 1, [...ramp, ['Mul', 'x q1', 'm'], ['Div', 'm six', 'y']], x(), c));
  test('hard Swish, scaled before', () => both(ACTIVATION, 1, [...ramp, ['Mul', 'q1 sixth', 'm'], ['Mul', 'm x', 'y']], x(), c));
  test('another slope stays', () => both(ACTIVATION, undefined, [['HardSigmoid', 'x', 's', { alpha: 0.2, beta: 0.5 }], ['Mul', 'x s', 'y']], x(), c));
  test('another factor stays', () => both(ACTIVATION, undefined, [['Div', 'x r', 'u'], ['Erf', 'u', 'e'], ['Add', 'e one', 'p'], ['Mul', 'x p', 'm'], ['Mul', 'm a', 'y']], x(), c));
  test('the gate of something else stays', () => both(ACTIVATION, undefined, [['Sigmoid', 'z', 's'], ['Mul', 's x', 'y']], { ...x(), z: reals([3, 40]) }, c));
  test('a long product stays', () => both(ACTIVATION, undefined, Array.from({ length: 300 }, (_, i) => ['Mul', `${i ? `t${i}` : 'x'} one`, i === 299 ? 'y' : `t${i + 1}`]), x(), c));
});

describe('pass: attention', () => {
  const t = (dims) => reals(dims, 1.5);
  const c = { root: number(Math.sqrt(8)), eighth: number(0.3), two: number(2) };
  const split = [['Transpose', 'q', 'qh', { perm: [0n, 2n, 1n, 3n] }], ['Transpose', 'k', 'kt', { perm: [0n, 2n, 3n, 1n] }], ['Transpose', 'v', 'vh', { perm: [0n, 2n, 1n, 3n] }]];
  const tail = [['Softmax', 's', 'p', { axis: -1n }], ['MatMul', 'p vh', 'o'], ['Transpose', 'o', 'y', { perm: [0n, 2n, 1n, 3n] }]];
  const qkv = (rows = 5, keys = 37) => ({ q: t([2, rows, 3, 8]), k: t([2, keys, 3, 8]), v: t([2, keys, 3, 8]) });
  const masked = [...split, ['MatMul', 'qh kt', 'm'], ['Div', 'm root', 'd'], ['Add', 'd mask', 's'], ...tail];
  for (const [name, dims] of [['per batch', [2, 1, 1, 37]], ['per query', [5, 37]], ['full', [2, 3, 5, 37]], ['per row', [5, 1]]])
    test(`BERT's, mask ${name}`, () => both(ATTENTION, 1, masked, { ...qkv(), mask: reals(dims, 4) }, c));
  test("BERT's, keys hidden by the mask", () => {
    const mask = { type: 'float32', dims: [2, 1, 1, 37], data: Float32Array.from({ length: 74 }, (_, i) => (i % 3 ? 0 : -3e38)) };
    return both(ATTENTION, 1, masked, { ...qkv(), mask }, c);
  });
  test('one query', () => both(ATTENTION, 1, masked, { ...qkv(1), mask: reals([2, 1, 1, 37]) }, c));
  test('many queries', () => both(ATTENTION, 1, masked, { ...qkv(70), mask: reals([2, 1, 1, 37]) }, c));
  test("GPT's, without a mask, heads first and last", () => both(ATTENTION, 1,
    [['Transpose', 'k', 'kt', { perm: [0n, 1n, 3n, 2n] }], ['MatMul', 'q kt', 'm'], ['Mul', 'eighth m', 's'], ['Softmax', 's', 'p', { axis: -1n }], ['MatMul', 'p v', 'y']],
    { q: t([1, 3, 1, 8]), k: t([1, 3, 20, 8]), v: t([1, 3, 20, 6]) }, c));
  test('scaled queries and keys, no other scale', () => both(ATTENTION, 1, [...split.slice(0, 1), ['Mul', 'qh eighth', 'qs'], ...split.slice(1), ['Mul', 'kt two', 'ks'], ['MatMul', 'qs ks', 's'], ...tail], qkv(), c));
  test('one batch of keys for all queries', () => both(ATTENTION, 1, [...split, ['MatMul', 'qh kt', 's'], ...tail], { ...qkv(), k: t([1, 37, 3, 8]), v: t([1, 37, 1, 8]) }, c));
  test('scores that somebody else reads', () => both(ATTENTION, 6, [...split, ['MatMul', 'qh kt', 's'], ...tail.slice(0, 2), ['ReduceMax', 's', 'r', { keepdims: 0n }], ['Add', 'o r', 'y']], qkv(), c));
  test('a softmax over another axis stays', () => both(ATTENTION, undefined, [...split, ['MatMul', 'qh kt', 's'], ['Softmax', 's', 'p', { axis: 1n }], ...tail.slice(1)], qkv(), c));
  test('keys that are not transposed stay', () => both(ATTENTION, undefined, [['MatMul', 'q k', 's'], ['Softmax', 's', 'p', { axis: -1n }], ['MatMul', 'p v', 'y']],
    { q: t([1, 3, 5, 8]), k: t([1, 3, 8, 20]), v: t([1, 3, 20, 6]) }, c));
});
