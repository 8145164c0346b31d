// com.microsoft's operators beside onnxruntime-node, over seeded combinations of their attributes, inputs and shapes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reference } from './helpers/models.mjs';
import { quern } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';
import { attentionCases } from './contrib/attention.mjs';
import { exportedCases } from './contrib/exported.mjs';
import { fusedCases } from './contrib/fused.mjs';
import { quantizedCases } from './contrib/quantized.mjs';

const ort = await reference();
const ARRAYS = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array };

/** Seeded numbers: mulberry32. */
function random(seed) {
  let a = seed >>> 0;
  const next = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (low, high) => low + Math.floor(next() * (high - low + 1));
  const size = (dims) => dims.reduce((n, d) => n * d, 1);
  return {
    next, int,
    maybe: (p = 0.5) => next() < p,
    pick: (list) => list[int(0, list.length - 1)],
    floats: (dims, scale = 1) => ({ type: 'float32', dims, data: Float32Array.from({ length: size(dims) }, () => (2 * next() - 1) * scale) }),
    ints: (type, dims, low, high) => ({ type, dims, data: ARRAYS[type].from({ length: size(dims) }, () => (type === 'int64' ? BigInt(int(low, high)) : int(low, high))) }),
  };
}

/** The tensor's numbers, or its strings. */
const numbers = (t) => (t.type === 'string' ? [...t.data] : Array.from(t.data, Number));

/** What quern and onnxruntime give for the node; constant: names of inputs that become initializers. */
async function compare({ op, domain = 'com.microsoft', attrs = {}, inputs, outs = ['y'], types = {}, constant = [], tolerance = 2e-5, units = 0, unitsOf = {}, check = {} }) {
  const names = inputs.map((t, i) => (t ? `x${i}` : ''));
  while (names.at(-1) === '') names.pop();
  const given = inputs.map((t, i) => ({ ...t, name: `x${i}` })).filter((t) => t.type);
  const feeds = given.filter((t, i) => !constant.includes(t.name));
  const bytes = model({
    domains: { 'com.microsoft': 1 }, opset: 17, nodes: [{ op, domain, in: names, out: outs, attrs }], inputs: feeds.map((t) => ({ name: t.name, type: t.type, dims: t.dims })),
    initializers: Object.fromEntries(given.filter((t) => constant.includes(t.name)).map((t) => [t.name, t])),
    outputs: outs.filter(Boolean).map((name) => ({ name, type: types[name] ?? 'float32', dims: null })),
  });
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  const want = await session.run(Object.fromEntries(feeds.map((t) => [t.name, new ort.Tensor(t.type, t.data, t.dims)])));
  const m = await quern.load(bytes);
  try {
    const got = await m.run(Object.fromEntries(feeds.map((t) => [t.name, { type: t.type, dims: t.dims, data: t.data }])));
    for (const name of outs.filter(Boolean)) {
      assert.equal(got[name].type, want[name].type, name);
      assert.deepEqual([...got[name].dims], [...want[name].dims].map(Number), name);
      const a = numbers(got[name]), b = numbers(want[name]), counts = check[name] ?? (() => true);
      for (let i = 0; i < b.length; i++) {
        if (!counts(i, want[name].dims) || Object.is(a[i], b[i]) || a[i] === b[i]) continue;
        const off = Math.abs(a[i] - b[i]);
        if (!(off <= (unitsOf[name] || units || tolerance * (1 + Math.abs(b[i]))))) assert.fail(`${name}[${i}] is ${a[i]}; onnxruntime gives ${b[i]}`);
      }
    }
  } finally {
    m.dispose();
    await session.release();
  }
}

const show = (c) => JSON.stringify({ op: c.op, attrs: c.attrs, inputs: c.inputs.map((t) => t && [t.type, t.dims]), outs: c.outs }, (k, v) => (typeof v === 'bigint' ? Number(v) : v));

for (const [group, makers] of Object.entries({ attention: attentionCases, exported: exportedCases, fused: fusedCases, quantized: quantizedCases })) {
  describe(group, () => {
    for (const [name, make] of Object.entries(makers)) {
      test(name, { skip: ort ? false : 'SKIP: onnxruntime-node is not installed' }, async () => {
        for (let seed = 1; seed <= 30; seed++) {
          const c = make(random(seed));
          try {
            await compare(c);
          } catch (error) {
            throw new Error(`seed ${seed}: ${error.message}\n${show(c)}`, { cause: error });
          }
        }
      });
    }
  });
}
