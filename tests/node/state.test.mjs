// bind(): outputs that stay in the heap as inputs of the next run.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, ort, quern } from './helpers/quern.mjs';
import { f32, model } from './onnx-writer.mjs';

const { load } = quern;
let seed = 1;
const random = () => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8) / 16777216 - 0.5;
const numbers = (dims) => f32(dims, ...Array.from({ length: dims.reduce((a, b) => a * b, 1) }, random));
const ints = (...values) => ({ type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) });

/** Attention over caches of keys [batch, heads, rows, 8] and values [batch, heads, rows, 4]. */
const attention = (batch, heads) => ({
  bytes: model({
    nodes: [
      { op: 'Concat', in: ['past_k', 'k'], out: ['keys'], attrs: { axis: 2n } }, { op: 'Concat', in: ['past_v', 'v'], out: ['present_v'], attrs: { axis: -2n } },
      { op: 'Identity', in: ['keys'], out: ['present_k'] }, { op: 'Transpose', in: ['keys'], out: ['kt'], attrs: { perm: [0n, 1n, 3n, 2n] } },
      { op: 'MatMul', in: ['q', 'kt'], out: ['scores'] }, { op: 'Softmax', in: ['scores'], out: ['p'], attrs: { axis: -1n } },
      { op: 'MatMul', in: ['p', 'present_v'], out: ['y'] }, { op: 'Shape', in: ['keys'], out: ['shape'] }, { op: 'ReduceSum', in: ['present_v', 'axes'], out: ['sum'] },
    ],
    inputs: ['q', 'k', 'v', 'past_k', 'past_v'].map((name) => ({ name, dims: [batch, heads, name.startsWith('past') ? 'past' : 'rows', name.endsWith('v') ? 4 : 8] })),
    outputs: ['y', 'shape', 'sum', 'present_k', 'present_v'].map((name) => ({ name, type: name === 'shape' ? 'int64' : 'float32', dims: null })),
    initializers: { axes: ints(3) },
  }),
  feeds: (rows) => ({ q: numbers([batch, heads, rows, 8]), k: numbers([batch, heads, rows, 8]), v: numbers([batch, heads, rows, 4]) }),
  first: { past_k: f32([batch, heads, 0, 8]), past_v: f32([batch, heads, 0, 4]) },
});
const PAIRS = { present_k: 'past_k', present_v: 'past_v' };
/** Two states that change places, and one that is summed up. */
const SWAP = model({
  nodes: [{ op: 'Identity', in: ['b'], out: ['a2'] }, { op: 'Identity', in: ['a'], out: ['b2'] }, { op: 'Add', in: ['sum', 'a'], out: ['sum2'] }],
  inputs: ['a', 'b', 'sum'].map((name) => ({ name, dims: [2] })), outputs: ['a2', 'b2', 'sum2'].map((name) => ({ name, dims: [2] })),
});
const using = async (bytes, use, options) => {
  const m = await load(bytes, { worker: false, ...options });
  try {
    return await use(m);
  } finally {
    m.dispose();
  }
};

describe('state', () => {
  for (const [batch, heads] of [[1, 3], [2, 2], [1, 1]])
    for (const skipPasses of [0, 16 /* attention */])
      test(`a cache of ${batch} × ${heads} heads grows as if it were given each time${skipPasses ? ', passes off' : ''}`, async () => {
        const { bytes, feeds, first } = attention(batch, heads);
        await using(bytes, (bound) => using(bytes, async (plain) => {
          bound.bind(PAIRS);
          let past = first;
          for (let step = 0; step < 80; step++) {
            const given = feeds(step % 7 === 3 ? 5 : 1);
            const ours = step & 1 ? bound.runSync(given) : await bound.run(given), theirs = plain.runSync({ ...given, ...past });
            past = { past_k: theirs.present_k, past_v: theirs.present_v };
            assert.deepEqual(ours, { y: theirs.y, shape: theirs.shape, sum: theirs.sum });
            if (step % 20 === 0) assert.deepEqual(bound.state(), past);
            if (step === 50) assert.deepEqual(bound.runSync({ ...feeds(1), ...first }, { outputs: ['shape'] }).shape.data[2], 1n); // starts afresh
            if (step === 50) past = bound.state();
          }
          bound.reset();
          assert.deepEqual(bound.state(), {});
          const given = feeds(2), one = bound.runSync(given, { outputs: ['y', 'present_k'] }), two = plain.runSync({ ...given, ...first });
          assert.deepEqual(one, { y: two.y, present_k: two.present_k });
          assert.deepEqual(bound.runSync(feeds(1)).shape.data[2], 3n);
          bound.bind({});
          assert.throws(() => bound.runSync(given), failure('bad-argument', /input 'past_k' is missing/));
          assert.deepEqual(bound.runSync({ ...given, ...first }).y, two.y);
        }, { skipPasses }), { skipPasses });
      });

  test('states may change places', () => using(SWAP, (m) => {
    m.bind({ a2: 'a', b2: 'b', sum2: 'sum' }, { initial: { a: f32([2], 1, 2), b: f32([2], 10, 20) } });
    for (let i = 0; i < 5; i++) assert.deepEqual(m.runSync({}), {});
    assert.deepEqual(m.state(), { a: f32([2], 10, 20), b: f32([2], 1, 2), sum: f32([2], 23, 46) });
    m.runSync({ sum: f32([2], 0, 1) });
    assert.deepEqual(m.state().sum, f32([2], 10, 21));
    m.reset();
    m.runSync({});
    assert.deepEqual(m.state(), { a: f32([2], 10, 20), b: f32([2], 1, 2), sum: f32([2], 1, 2) });
  }));

  test('a cache grows within what it has room for without asking for memory', () => using(attention(1, 4).bytes, (m) => {
    m.bind(PAIRS);
    const given = attention(1, 4).feeds(1);
    for (let i = 0; i < 1000; i++) m.runSync(given);
    assert.equal(m.state().past_k.dims[2], 1000);
    assert.ok(m.report().heapBytes < 1 << 23, `${m.report().heapBytes} bytes`);
  }));

  test('a run that fails leaves the state as it was', () => using(attention(1, 2).bytes, (m) => {
    const { feeds } = attention(1, 2);
    m.bind(PAIRS);
    m.runSync(feeds(3));
    const before = m.state();
    assert.throws(() => m.runSync({ ...feeds(1), q: numbers([1, 2, 1, 8]), k: numbers([1, 2, 1, 8]), v: numbers([1, 2, 2, 4]) }), failure('bad-shape', /fit|multiply/));
    assert.deepEqual(m.state(), before);
    assert.deepEqual(m.runSync(feeds(1)).shape.data[2], 4n);
  }));

  test('a dimension of the same name as an input\'s begins with its size', () => using(model({
    nodes: [{ op: 'Add', in: ['x', 'h'], out: ['h2'] }],
    inputs: [{ name: 'x', dims: ['n', 2] }, { name: 'h', dims: ['n', 2] }], outputs: [{ name: 'h2', dims: ['n', 2] }],
  }), (m) => {
    m.bind({ h2: 'h' });
    for (let i = 0; i < 3; i++) m.runSync({ x: f32([3, 2], 1, 2, 3, 4, 5, 6) });
    assert.deepEqual(m.state().h, f32([3, 2], 3, 6, 9, 12, 15, 18));
  }));

  test('what cannot be bound is refused in sentences', async () => {
    const bytes = model({
      nodes: [{ op: 'Identity', in: ['a'], out: ['y'] }, { op: 'Cast', in: ['b'], out: ['z'], attrs: { to: 7n } }, { op: 'SequenceConstruct', in: ['a'], out: ['list'] }, { op: 'Identity', in: ['c'], out: ['w'] }],
      inputs: [{ name: 'a', dims: [null, 2] }, { name: 'b', dims: [2] }, { name: 'c', dims: [2, 2] }],
      outputs: [{ name: 'y', dims: [null, 2] }, { name: 'z', type: 'int64', dims: [2] }, { name: 'list', kind: 'sequence' }, { name: 'w', dims: [2, 2] }],
    });
    await using(bytes, async (m) => {
      const b = f32([2], 1, 2), c = f32([2, 2], 1, 2, 3, 4);
      for (const [pairs, options, pattern, code = 'bad-argument'] of [
        [{ q: 'a' }, {}, /no output 'q'; the model has 'y', 'z', 'list', 'w'/], [{ y: 'q' }, {}, /no input 'q'; the model has 'a', 'b', 'c'/],
        [{ y: 'a', w: 'a' }, {}, /two outputs are bound to one input/], [{ z: 'b' }, {}, /output 'z' is int64; input 'b' takes float32/, 'bad-type'],
        [{ list: 'a' }, {}, /'list' cannot be kept for input 'a': both must be tensors/, 'bad-type'], [{ y: 'b' }, {}, /output 'y' has 2 dimensions; input 'b' takes 1/, 'bad-shape'],
        [{ y: 'a' }, { initial: { b: [2] } }, /initial value for input 'b', to which no output is bound/],
        [{ y: 'a' }, { initial: { a: f32([2, 2], 1) } }, /4 elements of data, got 1/, 'bad-shape'], [null, {}, /takes pairs/],
      ]) assert.throws(() => m.bind(pairs, options), failure(code, pattern));
      assert.equal(m.runSync({ a: f32([1, 2], 1, 2), b, c }).y.data[1], 2);
      m.bind({ y: 'a' });
      assert.throws(() => m.runSync({ b, c }), failure('bad-argument', /input 'a' is a state of float32 \[\?, 2\]: give its shape or contents/));
      m.bind({ y: 'a' }, { initial: { a: [3, 2] } });
      assert.deepEqual(Object.keys(m.runSync({ b, c })), ['z', 'list', 'w']);
      assert.deepEqual(m.state().a.dims, [3, 2]);
      const run = m.run({ b, c });
      for (const call of ['bind', 'reset', 'state']) assert.throws(() => m[call]({}), failure('bad-state', new RegExp(`${call}\\(\\) was called while a run`)));
      await run;
    });
  });

  test('quern/ort binds too', async () => {
    const session = await ort.InferenceSession.create(SWAP), two = (...data) => new ort.Tensor('float32', Float32Array.from(data), [2]);
    session.bind({ sum2: 'sum', a2: 'a' }, { initial: { a: two(1, 2) } });
    assert.deepEqual(Object.keys(await session.run({ b: two(3, 4) })), ['b2']);
    const { sum2 } = await session.run({ b: two(5, 6) }, ['sum2']);
    assert.deepEqual([...sum2.data], [4, 6]);
    assert.deepEqual([...session.state().a.data], [5, 6]);
    session.reset();
    assert.deepEqual(session.state(), {});
    await assert.rejects(session.run({}), /input 'b' is missing in 'feeds'/);
    await session.release();
  });
});
