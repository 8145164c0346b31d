// What a model may not ask for: more elements than there is memory, and graphs, functions and messages nested without end.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bytes, concat, int } from '../../web/pack/wire.js';
import { failure, quern } from './helpers/quern.mjs';
import { f32, model } from './onnx-writer.mjs';

const MANY = 1 << 20, ints = (...data) => ({ type: 'int64', dims: [data.length], data: BigInt64Array.from(data, BigInt) });
const relu = (from, to) => ({ op: 'Relu', in: [from], out: [to] });

async function run(bytes, feeds = {}) {
  const m = await quern.load(bytes, { worker: false });
  try {
    return await m.run(feeds);
  } finally {
    m.dispose();
  }
}

/** [operator, attributes, inputs: sizes given at run time are behind a name]: 2^40 elements or more. */
const ROW = { type: 'float32', dims: [1, MANY], data: new Float32Array(MANY) }, COLUMN = { ...ROW, dims: [MANY, 1] }, ONE = f32([1, 1], 1);
const LARGE = [
  ['ConstantOfShape', {}, [ints(MANY, MANY)]],
  ['ConstantOfShape', {}, [ints(2n ** 40n, 2n ** 40n)]],
  ['Expand', {}, [ONE, ints(MANY, MANY)]],
  ['Expand', {}, [ONE, ints(2n ** 62n, 4)]],
  ['Tile', {}, [ONE, ints(MANY, MANY)]],
  ['Pad', {}, [ONE, ints(0, 0, MANY, MANY)]],
  ['Resize', {}, [ONE, null, f32([2], MANY, MANY)]],
  ['Add', {}, [ROW, COLUMN]],
  ['MatMul', {}, [COLUMN, ROW]],
  ['Gemm', {}, [COLUMN, ROW]],
  ['Einsum', { equation: 'ij,kl->il' }, [COLUMN, ROW]],
  ['Where', {}, [{ type: 'bool', dims: [1], data: Uint8Array.of(1) }, ROW, COLUMN]],
  ['Range', {}, [ints(0), ints(2n ** 40n), ints(1)].map((t) => ({ ...t, dims: [] }))],
  ['OneHot', {}, [{ type: 'int64', dims: [MANY], data: new BigInt64Array(MANY) }, { ...ints(MANY), dims: [] }, f32([2], 0, 1)]],
  ['GatherND', {}, [ROW, { type: 'int64', dims: [MANY, 1], data: new BigInt64Array(MANY) }]],
  ['RandomNormal', { shape: [BigInt(MANY), BigInt(MANY)] }, []],
  ['EyeLike', {}, [{ ...ROW, dims: [MANY, 1] }], /* MANY elements: it works */ true],
  ['Conv', { pads: [0n, 0n, BigInt(MANY), BigInt(MANY)] }, [f32([1, 1, 1, 1], 1), f32([1, 1, 1, 1], 1)]],
  ['ConvTranspose', { strides: [BigInt(MANY), BigInt(MANY)] }, [f32([1, 1, 3, 3], ...Array(9).fill(1)), f32([1, 1, 1, 1], 1)]],
  ['DepthToSpace', { blocksize: 1n << 40n }, [f32([1, 1, 1, 1], 1)]],
];

describe('more elements than there is memory', () => {
  for (const [op, attrs, inputs, works] of LARGE) {
    for (const constant of [false, true]) {
      const numbers = inputs.filter(Boolean).map((t) => (t.data.length > 4 ? '' : [...t.data].join(' ')));
      test(`${op} ${constant ? 'of constants' : 'at run time'} ${numbers.join(', ')}`, async () => {
        const given = inputs.map((t, i) => t && [`x${i}`, t]).filter(Boolean), values = Object.fromEntries(given);
        const file = model({
          nodes: [{ op, attrs, in: inputs.map((t, i) => (t ? `x${i}` : '')), out: ['y'] }], outputs: [{ name: 'y', dims: null, type: op === 'Range' ? 'int64' : 'float32' }],
          ...(constant ? { initializers: values } : { inputs: given.map(([name, t]) => ({ name, type: t.type, dims: t.dims })) }),
        });
        const start = process.memoryUsage().rss;
        if (works) return assert.ok(await run(file, constant ? {} : values));
        await assert.rejects(run(file, constant ? {} : values), (error) => error instanceof quern.QuernError && /\d{2,}/.test(error.message) || assert.fail(String(error)));
        assert.ok(process.memoryUsage().rss - start < 2 ** 30, 'nothing large was allocated');
      });
    }
  }
});

/** An If in an If, `depth` deep; the innermost body squeezes x. */
function nested(depth) {
  const output = (name) => [{ name, dims: null }];
  let nodes = [relu('x', 'y0')];
  for (let i = 1; i <= depth; i++) nodes = [{ op: 'If', in: ['c'], out: [`y${i}`], attrs: { then_branch: { graph: { nodes, outputs: output(`y${i - 1}`) } }, else_branch: { graph: { nodes: [relu('x', 'e')], outputs: output('e') } } } }];
  return model({ nodes, inputs: [{ name: 'c', type: 'bool', dims: [] }, { name: 'x', dims: [1] }], outputs: output(`y${depth}`) });
}

/** A FunctionProto's fields: name, input, output, node, opset_import, domain. */
const call = (op, domain) => bytes(7, concat([bytes(1, 'a'), bytes(2, 'b'), bytes(4, op), bytes(7, domain)]));
const body = (name, node) => bytes(25, concat([bytes(1, name), bytes(4, 'a'), bytes(5, 'b'), node, bytes(9, concat([bytes(1, ''), int(2, 17)])), bytes(9, concat([bytes(1, 'my'), int(2, 1)])), bytes(10, 'my')]));
const chain = (length) => concat([model({ nodes: [{ op: `F${length}`, domain: 'my', in: ['x'], out: ['y'] }], domains: { my: 1 }, inputs: [{ name: 'x', dims: [1] }], outputs: [{ name: 'y', dims: null }] }),
  ...Array.from({ length }, (_, i) => body(`F${i + 1}`, i ? call(`F${i}`, 'my') : call('Relu', '')))]);

describe('nesting without end', () => {
  const x = { type: 'float32', dims: [1], data: [-2] }, c = { type: 'bool', dims: [], data: [1] };

  test('graphs in graphs', async () => {
    assert.deepEqual([...(await run(nested(20), { c, x })).y20.data], [0]);
    for (const depth of [40, 400]) await assert.rejects(run(nested(depth), { c, x }), failure('bad-model', /nested more than 32 deep/));
  });

  test('functions that call functions', async () => {
    assert.deepEqual([...(await run(chain(20), { x })).y.data], [0]);
    for (const length of [60, 5000]) await assert.rejects(run(chain(length), { x }), failure('unsupported', /call each other more than 32 deep/));
  });

  test('types of sequences of sequences', async () => {
    let type = bytes(1, int(1, 1));
    for (let i = 0; i < 3000; i++) type = bytes(i & 1 ? 4 : 9, bytes(1, type));
    const graph = concat([bytes(1, concat([bytes(1, 'x'), bytes(2, 'y'), bytes(4, 'Identity')])), bytes(11, concat([bytes(1, 'x'), bytes(2, type)])), bytes(12, bytes(1, 'y'))]);
    await assert.rejects(run(concat([int(1, 8), bytes(7, graph), bytes(8, int(2, 17))])), (error) => error instanceof quern.QuernError && error.message.length > 10);
  });

  test('messages of unknown fields, and groups that were never closed', async () => {
    let unknown = bytes(99, 'x');
    for (let i = 0; i < 3000; i++) unknown = bytes(99, unknown);
    const fine = model({ nodes: [relu('x', 'y')], inputs: [{ name: 'x', dims: [1] }], outputs: [{ name: 'y', dims: null }] });
    assert.deepEqual([...(await run(concat([fine, unknown]), { x })).y.data], [0]);
    const group = new Uint8Array(100_000).fill((15 << 3) | 3); /* start of group 15 */
    await assert.rejects(run(concat([fine, group]), { x }), (error) => error instanceof quern.QuernError && error.message.length > 10);
  });
});
