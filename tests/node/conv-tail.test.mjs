// What follows a convolution is computed while it stores its result: each case must give what the same graph gives when every
// value in it is an output, since then nothing can be folded away.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { quern } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

let seed = 5;
const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1;
const reals = (...dims) => ({ type: 'float32', dims, data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, random) });
const scalar = (v) => ({ type: 'float32', dims: [], data: Float32Array.of(v) });
const zeros = (...dims) => ({ ...reals(...dims), data: new Float32Array(dims.reduce((a, b) => a * b, 1)) });
const ints = (...v) => ({ type: 'int64', dims: [v.length], data: BigInt64Array.from(v, BigInt) });

const conv = (input, out, weights, attrs = {}) => ({ op: 'Conv', in: [input, ...weights], out: [out], attrs: { pads: [1n, 1n, 1n, 1n], ...attrs } });
const pointwise = { pads: [0n, 0n, 0n, 0n] };
const BASE = { w: reals(6, 5, 3, 3), b: reals(6), p: reals(6, 5, 1, 1), d: reals(5, 1, 3, 3), e: reals(5), half: scalar(0.5), three: scalar(3), six: scalar(6), zero: scalar(0), two: scalar(2) };
const hardSwish = (x, y, last = 'y') => [{ op: 'Add', in: [x, 'three'], out: ['t1'] }, { op: 'Clip', in: ['t1', 'zero', 'six'], out: ['t2'] }, { op: 'Mul', in: [x, 't2'], out: ['t3'] },
  { op: 'Div', in: ['t3', 'six'], out: [last] }];

/** name: nodes over input x [2, 5, 7, 9], further constants, steps left of the folded graph (layout changes included) */
const CASES = {
  'a sum with another convolution, then Relu': [[conv('x', 'a', ['w', 'b']), conv('x', 'c', ['p'], pointwise), { op: 'Add', in: ['a', 'c'], out: ['s'] }, { op: 'Relu', in: ['s'], out: ['y'] }]],
  'a sum with what is computed later': [[conv('x', 'a', ['w', 'b']), conv('x', 'c', ['p'], pointwise), { op: 'Sigmoid', in: ['c'], out: ['g'] }, { op: 'Add', in: ['a', 'g'], out: ['y'] }]],
  'a sum with its own input': [[conv('x', 'a', ['w', 'b']), conv('a', 'c', ['q'], pointwise), { op: 'Add', in: ['c', 'a'], out: ['y'] }], { q: reals(6, 6, 1, 1) }],
  'a sum with a value that is read again': [[conv('x', 'a', ['w', 'b']), conv('x', 'c', ['p'], pointwise), { op: 'Add', in: ['a', 'c'], out: ['s'] }, { op: 'Mul', in: ['s', 'c'], out: ['y'] }]],
  'a sum of a depthwise convolution': [[conv('x', 'a', ['d', 'e'], { group: 5n }), conv('x', 'c', ['d', 'e'], { group: 5n }), { op: 'Add', in: ['a', 'c'], out: ['s'] }, { op: 'Clip', in: ['s', 'zero', 'half'], out: ['y'] }]],
  'a sum that broadcasts one number per channel': [[conv('x', 'a', ['w', 'b']), { op: 'GlobalAveragePool', in: ['a'], out: ['g'] }, conv('g', 'h', ['q'], pointwise),
    { op: 'Relu', in: ['h'], out: ['r'] }, conv('x', 'c', ['p'], pointwise), { op: 'Add', in: ['c', 'r'], out: ['y'] }], { q: reals(6, 6, 1, 1) }],
  'a convolution that broadcasts over the sum': [[conv('x', 'a', ['w', 'b']), { op: 'GlobalAveragePool', in: ['a'], out: ['g'] }, conv('g', 'h', ['q'], pointwise),
    { op: 'Relu', in: ['a'], out: ['r'] }, { op: 'Add', in: ['h', 'r'], out: ['s'] }, { op: 'Relu', in: ['s'], out: ['y'] }], { q: reals(6, 6, 1, 1) }],
  'channels of zeros by Concat': [[conv('x', 'a', ['d', 'e'], { group: 5n }), { op: 'Concat', in: ['a', 'z'], out: ['k'], attrs: { axis: 1n } }, conv('x', 'c', ['w', 'b']),
    { op: 'Add', in: ['c', 'k'], out: ['s'] }, { op: 'Relu', in: ['s'], out: ['y'] }], { z: zeros(2, 1, 7, 9) }],
  'channels of zeros by Pad': [[conv('x', 'a', ['d', 'e'], { group: 5n }), { op: 'Pad', in: ['a', 'pads'], out: ['k'] }, conv('x', 'c', ['w', 'b']), { op: 'Add', in: ['k', 'c'], out: ['y'] }],
    { pads: ints(0, 0, 0, 0, 0, 1, 0, 0) }],
  'channels of zeros that broadcast': [[conv('x', 'a', ['w', 'b']), { op: 'GlobalAveragePool', in: ['a'], out: ['g'] }, { op: 'Concat', in: ['g', 'z'], out: ['k'], attrs: { axis: 1n } },
    conv('x', 'c', ['q']), { op: 'Add', in: ['c', 'k'], out: ['y'] }], { z: zeros(2, 2, 1, 1), q: reals(8, 5, 3, 3) }],
  'other channels by Concat': [[conv('x', 'a', ['d', 'e'], { group: 5n }), { op: 'Concat', in: ['a', 'z'], out: ['k'], attrs: { axis: 1n } }, conv('x', 'c', ['w', 'b']),
    { op: 'Add', in: ['c', 'k'], out: ['y'] }], { z: reals(2, 1, 7, 9) }],
  'HardSwish in pieces, scaled and shifted': [[conv('x', 'a', ['w', 'b']), ...hardSwish('a', 'y', 'h'), { op: 'Mul', in: ['two', 'h'], out: ['m'] }, { op: 'Add', in: ['m', 'half'], out: ['n'] },
    { op: 'Sub', in: ['n', 'three'], out: ['y'] }]],
  'HardSwish in pieces, depthwise, then a convolution': [[conv('x', 'a', ['d', 'e'], { group: 5n }), ...hardSwish('a', 'y', 'h'), conv('h', 'y', ['w', 'b'])]],
  'HardSwish': [[conv('x', 'a', ['w', 'b']), { op: 'HardSwish', in: ['a'], out: ['y'] }]],
  'HardSigmoid as a gate': [[conv('x', 'a', ['w', 'b']), { op: 'HardSigmoid', in: ['a'], out: ['g'], attrs: { alpha: 0.3, beta: 0.4 } }, { op: 'Mul', in: ['g', 'a'], out: ['y'] }]],
  'a gate divided before it is applied': [[conv('x', 'a', ['w', 'b']), { op: 'Mul', in: ['a', 'two'], out: ['t0'] }, { op: 'Add', in: ['t0', 'three'], out: ['t1'] }, { op: 'Clip', in: ['t1', 'zero', 'six'], out: ['t2'] },
    { op: 'Div', in: ['t2', 'six'], out: ['t3'] }, { op: 'Mul', in: ['t3', 'a'], out: ['h'] }, { op: 'Relu', in: ['h'], out: ['y'] }]],
  'a gate behind a sum': [[conv('x', 'a', ['w', 'b']), conv('x', 'c', ['p'], pointwise), { op: 'Add', in: ['a', 'c'], out: ['s'] }, { op: 'HardSwish', in: ['s'], out: ['y'] }]],
  'no gate: something is added behind the clamp': [[conv('x', 'a', ['w', 'b']), { op: 'Clip', in: ['a', 'zero', 'six'], out: ['t1'] }, { op: 'Add', in: ['t1', 'half'], out: ['t2'] }, { op: 'Mul', in: ['a', 't2'], out: ['y'] }]],
  'zeros around it': [[{ op: 'Pad', in: ['x', 'pads'], out: ['k'] }, conv('k', 'a', ['w', 'b'], { strides: [2n, 2n] }), { op: 'Relu', in: ['a'], out: ['y'] }], { pads: ints(0, 0, 0, 1, 0, 0, 2, 3) }],
  'zeros around one without padding of its own': [[{ op: 'Pad', in: ['x', 'pads', 'zero'], out: ['k'] }, { ...conv('k', 'y', ['d', 'e']), attrs: { group: 5n, auto_pad: 'VALID' } }], { pads: ints(0, 0, 1, 0, 0, 0, 0, 2) }],
  'zeros before channels, another number, a mirror': [[{ op: 'Pad', in: ['x', 'pads'], out: ['k'] }, conv('k', 'a', ['q'], { group: 1n }), { op: 'Pad', in: ['a', 'around', 'half'], out: ['l'] }, conv('l', 'c', ['r']),
    { op: 'Pad', in: ['c', 'around'], out: ['m'], attrs: { mode: 'reflect' } }, conv('m', 'y', ['r'])], { pads: ints(0, 1, 1, 0, 0, 0, 0, 2), around: ints(0, 0, 1, 1, 0, 0, 1, 1), q: reals(6, 6, 3, 3), r: reals(6, 6, 3, 3) }],
  'transposed, then scaled, shifted and normalized': [[{ op: 'ConvTranspose', in: ['x', 't', 'b'], out: ['a'], attrs: { strides: [2n, 2n] } }, { op: 'Add', in: ['a', 'q'], out: ['c'] }, { op: 'Mul', in: ['r', 'c'], out: ['f'] },
    { op: 'BatchNormalization', in: ['f', 'b', 'q1', 'b', 'r1'], out: ['n'] }, { op: 'Relu', in: ['n'], out: ['y'] }], { t: reals(5, 6, 2, 2), q: reals(6, 1, 1), r: reals(6, 1, 1), q1: reals(6), r1: { ...reals(6), data: Float32Array.of(1, 2, 0.5, 3, 1, 0.25) } }],
  'transposed with groups, then shifted': [[{ op: 'ConvTranspose', in: ['x', 't'], out: ['a'], attrs: { group: 5n, pads: [1n, 0n, 0n, 1n] } }, { op: 'Add', in: ['a', 'q'], out: ['y'] }], { t: reals(5, 2, 3, 3), q: reals(10, 1, 1) }],
  'a square is no gate': [[conv('x', 'a', ['w', 'b']), { op: 'Mul', in: ['a', 'a'], out: ['y'] }]],
};

describe('what follows a convolution', () => {
  for (const [name, [nodes, more]] of Object.entries(CASES)) {
    test(name, async () => {
      const initializers = { ...BASE, ...more }, inputs = [{ name: 'x', dims: ['n', 5, 'h', 'w'] }];
      const used = Object.fromEntries(Object.entries(initializers).filter(([k]) => nodes.some((n) => n.in.includes(k))));
      const values = nodes.flatMap((n) => n.out);
      const folded = await quern.load(model({ nodes, inputs, outputs: [{ name: 'y', dims: null }], initializers: used }), { worker: false });
      const apart = await quern.load(model({ nodes, inputs, outputs: values.map((v) => ({ name: v, dims: null })), initializers: used }), { worker: false });
      for (let round = 0; round < 2; round++) {
        const x = reals(2, 5, 7, 9), { y } = await folded.run({ x }), want = (await apart.run({ x })).y;
        assert.deepEqual(y.dims, want.dims);
        assert.ok(y.data.every((v, i) => Math.abs(v - want.data[i]) <= 1e-5 * (1 + Math.abs(want.data[i]))), `${y.data.slice(0, 4)} against ${want.data.slice(0, 4)}`);
      }
      folded.dispose();
      apart.dispose();
    });
  }

  test('large ones around a depthwise convolution, a strip of rows through all of them at a time', async () => {
    const expand = reals(64, 5, 1, 1), depthwise = reals(64, 1, 3, 3), project = reals(5, 64, 1, 1), stem = reals(5, 5, 3, 3);
    const block = (x, y, strides) => [conv(x, `${y}e`, ['expand'], pointwise), { op: 'Relu', in: [`${y}e`], out: [`${y}r`] }, conv(`${y}r`, `${y}d`, ['depthwise'], { group: 64n, strides }),
      { op: 'Clip', in: [`${y}d`, 'zero', 'six'], out: [`${y}c`] }, conv(`${y}c`, `${y}p`, ['project'], pointwise)];
    const nodes = [conv('x', 's', ['stem']), ...block('s', 'a', [1n, 1n]), { op: 'Add', in: ['ap', 's'], out: ['t'] }, ...block('t', 'b', [2n, 2n]), { op: 'Sigmoid', in: ['bp'], out: ['y'] }];
    const initializers = { expand, depthwise, project, stem, zero: scalar(0), six: scalar(6) }, inputs = [{ name: 'x', dims: ['n', 5, 'h', 'w'] }];
    const folded = await quern.load(model({ nodes, inputs, outputs: [{ name: 'y', dims: null }], initializers }), { worker: false });
    const apart = await quern.load(model({ nodes, inputs, outputs: [...nodes.flatMap((n) => n.out)].map((v) => ({ name: v, dims: null })), initializers }), { worker: false });
    const x = reals(2, 5, 99, 101), { y } = await folded.run({ x }), want = (await apart.run({ x })).y;
    assert.deepEqual(y.dims, want.dims);
    assert.ok(y.data.every((v, i) => Math.abs(v - want.data[i]) <= 1e-6));
    const small = reals(1, 5, 9, 11); // planned again, by steps of their own
    assert.ok((await folded.run({ x: small })).y.data.every(Number.isFinite));
    assert.ok(folded.report().heapBytes < apart.report().heapBytes);
    folded.dispose();
    apart.dispose();
  });
});
