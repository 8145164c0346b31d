// Control flow in its rarer forms, against onnxruntime where it can run them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { random, reference } from './helpers/models.mjs';
import { failure, quern } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

const ort = await reference();
const next = random(3);
const floats = (dims) => ({ type: 'float32', dims, data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 2 * next() - 1) });

/** h, x → h + x · w, and twice that: `w` belongs to the graph around the body. */
const body = {
  nodes: [{ op: 'Mul', in: ['x', 'w'], out: ['m'] }, { op: 'Add', in: ['h', 'm'], out: ['h2'] }, { op: 'Add', in: ['h2', 'h2'], out: ['y'] }],
  inputs: [{ name: 'h', dims: [2] }, { name: 'x', dims: [2] }], outputs: [{ name: 'h2', dims: [2] }, { name: 'y', dims: [2] }],
};
const scan8 = (direction) => model({
  opset: 8,
  nodes: [{ op: 'Scan', in: ['lens', 'h0', 'xs'], out: ['h', 'ys'], attrs: { num_scan_inputs: 1n, directions: [BigInt(direction)], body: { graph: body } } }],
  inputs: [{ name: 'lens', type: 'int64', dims: [3] }, { name: 'h0', dims: [3, 2] }, { name: 'xs', dims: [3, 4, 2] }],
  outputs: [{ name: 'h', dims: [3, 2] }, { name: 'ys', dims: [3, 4, 2] }],
  initializers: { w: { type: 'float32', dims: [2], data: Float32Array.of(0.5, -3) } },
});

describe('Scan of opset 8', () => {
  for (const direction of [0, 1])
    test(`sequences of a batch with lengths of their own, direction ${direction}`, { skip: ort ? false : 'SKIP: onnxruntime-node is not installed' }, async () => {
      const bytes = scan8(direction);
      const lens = { type: 'int64', dims: [3], data: BigInt64Array.of(4n, 1n, 3n) };
      const feeds = { lens, h0: floats([3, 2]), xs: floats([3, 4, 2]) };
      const m = await quern.load(bytes, { worker: false });
      const got = await m.run(feeds);
      const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
      const want = await session.run(Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, new ort.Tensor(t.type, t.data, t.dims)])));
      for (const name of ['h', 'ys']) {
        assert.deepEqual(Array.from(got[name].dims), Array.from(want[name].dims));
        want[name].data.forEach((v, i) => {
          if (name === 'ys' && (i >> 1) % 4 >= Number(lens.data[Math.floor(i / 8)])) return; // behind the sequence's end: undefined
          assert.ok(Math.abs(got[name].data[i] - v) < 1e-6, `${name}[${i}]: ${got[name].data[i]} instead of ${v}`);
        });
      }
      m.dispose();
    });
  test('a length beyond the sequence', async () => {
    const m = await quern.load(scan8(0), { worker: false });
    await assert.rejects(m.run({ lens: { type: 'int64', dims: [3], data: [4n, 5n, 1n] }, h0: floats([3, 2]), xs: floats([3, 4, 2]) }), failure('out-of-range', /sequence_lens\[1\] is 5/));
    m.dispose();
  });
});

describe('names in nested bodies', () => {
  const scalar = { type: 'float32', dims: [] };
  const branch = (nodes, out) => ({ graph: { nodes, outputs: [{ name: out, dims: [] }] } });
  test('a body in a body uses what a later node of the main graph gives', async () => {
    const inner = (out) => branch([{ op: 'Add', in: ['late', 'mid'], out: [out] }], out);
    const outer = (n) => branch([{ op: 'Neg', in: ['x'], out: ['mid'] }, { op: 'If', in: ['c'], out: [`o${n}`], attrs: { then_branch: inner(`t${n}`), else_branch: inner(`e${n}`) } }], `o${n}`);
    const bytes = model({
      nodes: [{ op: 'If', in: ['c'], out: ['y'], attrs: { then_branch: outer(1), else_branch: outer(2) } }, { op: 'Mul', in: ['x', 'x'], out: ['late'] }],
      inputs: [{ name: 'c', type: 'bool', dims: [] }, { name: 'x', dims: [] }], outputs: [{ name: 'y', dims: [] }],
    });
    const m = await quern.load(bytes, { worker: false });
    for (const c of [0, 1]) {
      const { y } = await m.run({ c: { type: 'bool', dims: [], data: [c] }, x: { ...scalar, data: [3] } });
      assert.equal(y.data[0], 6);
    }
    m.dispose();
  });
});
