import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, quern } from './helpers/quern.mjs';
import { TYPES, f32, model } from './onnx-writer.mjs';

const { load, Tensor } = quern;

const ADD = model({
  nodes: [{ op: 'Add', in: ['x', 'b'], out: ['y'], name: 'sum' }],
  inputs: [{ name: 'x', dims: ['n', 3] }, { name: 'b', dims: [3] }], outputs: [{ name: 'y', dims: ['n', 3] }],
});
const identity = (type, dims) => model({ nodes: [{ op: 'Identity', in: ['x'], out: ['y'] }], inputs: [{ name: 'x', type, dims }], outputs: [{ name: 'y', type, dims }] });
/** So many steps that a run takes several slices. */
const LONG = model({
  nodes: Array.from({ length: 400 }, (_, i) => ({ op: 'Tanh', in: [i ? `t${i - 1}` : 'x'], out: [i === 399 ? 'y' : `t${i}`] })),
  inputs: [{ name: 'x', dims: ['n'] }], outputs: [{ name: 'y', dims: ['n'] }],
});
const long = (n, value = 1) => ({ x: { type: 'float32', dims: [n], data: new Float32Array(n).fill(value) } });

async function using(bytes, use) {
  const m = await load(bytes);
  try {
    return await use(m);
  } finally {
    m.dispose();
  }
}

describe('run', () => {
  test('ports tell names, types, dimensions', () => using(ADD, (m) => {
    assert.deepEqual(m.inputs, [
      { name: 'x', kind: 'tensor', type: 'float32', dims: ['n', 3], optional: false }, { name: 'b', kind: 'tensor', type: 'float32', dims: [3], optional: false }]);
    assert.deepEqual(m.outputs.map((p) => p.name), ['y']);
  }));

  test('another shape each time', () => using(ADD, async (m) => {
    const b = { type: 'float32', dims: [3], data: [1, 2, 3] };
    for (const n of [1, 4, 2, 0, 1]) {
      const { y } = await m.run({ x: new Tensor('float32', new Float32Array(3 * n), [n, 3]), b });
      assert.deepEqual(y.dims, [n, 3]);
      assert.deepEqual([...y.data], Array.from({ length: 3 * n }, (_, i) => 1 + (i % 3)));
    }
  }));

  test('outputs are copies', () => using(ADD, async (m) => {
    const feeds = { x: f32([1, 3], 1, 2, 3), b: f32([3], 0, 0, 0) };
    const first = m.runSync(feeds).y;
    feeds.x.data.fill(9);
    m.runSync(feeds);
    assert.deepEqual([...first.data], [1, 2, 3]);
  }));

  test('chosen outputs', async () => {
    const bytes = model({
      nodes: [{ op: 'Neg', in: ['x'], out: ['a'] }, { op: 'Abs', in: ['x'], out: ['b'] }],
      inputs: [{ name: 'x', dims: [1] }], outputs: [{ name: 'a', dims: [1] }, { name: 'b', dims: [1] }],
    });
    await using(bytes, async (m) => {
      assert.deepEqual(Object.keys(await m.run({ x: f32([1], -2) }, { outputs: ['b'] })), ['b']);
      await assert.rejects(m.run({ x: f32([1], -2) }, { outputs: ['c'] }), failure('bad-argument', /no output 'c'; the model has 'a', 'b'/));
    });
  });

  test('numbers of every type', async () => {
    for (const type of Object.keys(TYPES)) {
      if (type === 'string' || type === 'bool' || type === 'float16') continue;
      await using(identity(type, [3]), (m) => {
        const { y } = m.runSync({ x: { dims: [3], data: [1, 2, 3] } });
        assert.equal(y.type, type);
        assert.deepEqual([...y.data].map(Number), [1, 2, 3]);
        assert.deepEqual(m.runSync({ x: y }).y, y);
      });
    }
    await using(identity('bool', [2]), (m) => assert.deepEqual([...m.runSync({ x: { data: [true, false] } }).y.data], [1, 0]));
    await using(identity('float16', [2]), (m) => assert.deepEqual([...new Uint16Array(m.runSync({ x: { data: Uint16Array.of(0x3c00, 0x7e00) } }).y.data.buffer)], [0x3c00, 0x7e00]));
    await using(identity('int64', [2]), (m) => assert.deepEqual(m.runSync({ x: { data: BigInt64Array.of(-1n, 2n ** 62n) } }).y.data, BigInt64Array.of(-1n, 2n ** 62n)));
  });

  test('strings', () => using(identity('string', ['n']), (m) => {
    const data = ['', 'aä€😀', 'x'.repeat(300)];
    assert.deepEqual(m.runSync({ x: { data } }).y, { type: 'string', dims: [3], data });
    assert.deepEqual(m.runSync({ x: { data: [] } }).y, { type: 'string', dims: [0], data: [] });
    assert.deepEqual(m.runSync({ x: { data: ['\ufeffa', '\ufeff'] } }).y.data, ['\ufeffa', '\ufeff'], 'what looks like a byte order mark stays');
  }));

  test('a scalar', () => using(identity('float32', []), (m) => assert.deepEqual(m.runSync({ x: { dims: [], data: [5] } }).y, f32([], 5))));

  test('sequences in and out', async () => {
    const bytes = model({
      nodes: [{ op: 'Identity', in: ['s'], out: ['t'] }, { op: 'SequenceLength', in: ['s'], out: ['n'] }],
      inputs: [{ name: 's', kind: 'sequence' }], outputs: [{ name: 't', kind: 'sequence' }, { name: 'n', type: 'int64', dims: [] }],
    });
    await using(bytes, (m) => {
      const s = [f32([2], 1, 2), f32([1, 1], 3)];
      assert.deepEqual(m.runSync({ s }), { t: s, n: { type: 'int64', dims: [], data: BigInt64Array.of(2n) } });
      assert.deepEqual(m.runSync({ s: [] }).t, []);
      assert.throws(() => m.runSync({ s: f32([1], 1) }), failure('bad-type', /sequence/));
    });
  });
});

describe('inputs that do not fit', () => {
  const good = () => ({ x: f32([1, 3], 1, 2, 3), b: f32([3], 1, 2, 3) });
  const cases = {
    missing: [{ x: good().x }, 'bad-argument', /input 'b' is missing; the model has 'x', 'b'/],
    unknown: [{ ...good(), c: f32([1], 1) }, 'bad-argument', /no input 'c'; the model has 'x', 'b'/],
    'not by name': [good().x, 'bad-argument', /by name/],
    'not an object': [null, 'bad-argument', /by name/],
    'not a tensor': [{ ...good(), b: 5 }, 'bad-type', /input 'b': expected a tensor .* got number/],
    'bare array': [{ ...good(), b: Float32Array.of(1, 2, 3) }, 'bad-type', /got Float32Array/],
    'other type': [{ ...good(), b: { type: 'int32', dims: [3], data: [1, 2, 3] } }, 'bad-type', /input 'b' is int32; the model expects float32/],
    'unknown type': [{ ...good(), b: { type: 'float', dims: [3], data: [1, 2, 3] } }, 'bad-type', /unknown type 'float'/],
    'other array': [{ ...good(), b: { dims: [3], data: new Float64Array(3) } }, 'bad-type', /takes Float32Array.* got Float64Array/],
    'other length': [{ ...good(), b: { dims: [3], data: [1, 2] } }, 'bad-shape', /float32 \[3\] has 3 elements of data, got 2/],
    'other shape': [{ ...good(), x: f32([1, 4], 1, 2, 3, 4) }, 'bad-shape', /\[1, 4\].*expects \[-1, 3\]/],
    'other rank': [{ ...good(), x: f32([3], 1, 2, 3) }, 'bad-shape', /\[3\].*expects/],
    'negative dimension': [{ ...good(), x: { dims: [-1, 3], data: [] } }, 'bad-shape', /integers from 0/],
    'broken dimension': [{ ...good(), x: { dims: [1.5, 2], data: [1, 2, 3] } }, 'bad-shape', /integers from 0/],
    'text for numbers': [{ ...good(), b: { dims: [3], data: 'abc' } }, 'bad-type', /expected an array/],
  };
  for (const [name, [feeds, code, message]] of Object.entries(cases))
    test(name, () => using(ADD, async (m) => {
      await assert.rejects(m.run(feeds), failure(code, message));
      assert.throws(() => m.runSync(feeds), failure(code, message));
      assert.deepEqual([...(await m.run(good())).y.data], [2, 4, 6]); // still usable
    }));

  test('a failure inside names node and operator', async () => {
    const bytes = model({
      nodes: [{ op: 'MatMul', in: ['a', 'b'], out: ['y'], name: 'product' }],
      inputs: [{ name: 'a', dims: ['n', 'k'] }, { name: 'b', dims: ['l', 'm'] }], outputs: [{ name: 'y', dims: ['n', 'm'] }],
    });
    await using(bytes, (m) => m.run({ a: f32([1, 2], 1, 2), b: f32([3, 1], 1, 2, 3) }).then(assert.fail, (e) => {
      failure('bad-shape', /product/)(e);
      assert.equal(e.op, 'MatMul');
      assert.equal(e.node, 'product');
    }));
  });
});

describe('order', () => {
  test('runs queue, each with its own inputs', () => using(LONG, async (m) => {
    const feeds = long(20000);
    const first = m.run(feeds);
    feeds.x.data.fill(0);
    const second = m.run(feeds);
    feeds.x.data.fill(2);
    const [a, b, c] = await Promise.all([first, second, m.run(long(3, 0))]);
    assert.ok(a.y.data[0] > 0 && a.y.data.length === 20000);
    assert.equal(b.y.data[0], 0);
    assert.equal(c.y.data.length, 3);
  }));

  test('the event loop lives on during a run', () => using(LONG, async (m) => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await m.run(long(300000));
    clearInterval(timer);
    assert.ok(turns > 3, `${turns} turns`);
  }));

  test('runSync within a run', () => using(LONG, async (m) => {
    const run = m.run(long(300000));
    assert.throws(() => m.runSync(long(1)), failure('bad-state', /under way/));
    await run;
    assert.equal(m.runSync(long(1, 0)).y.data[0], 0);
  }));

  test('a run that fails does not stop the next ones', () => using(LONG, async (m) => {
    const [a, b, c] = await Promise.allSettled([m.run(long(50000)), m.run({ x: f32([1, 1], 1) }), m.run(long(2))]);
    assert.deepEqual([a.status, b.status, c.status], ['fulfilled', 'rejected', 'fulfilled']);
  }));

  test('an abort ends a run', () => using(LONG, async (m) => {
    const controller = new AbortController();
    const run = m.run(long(1000000), { signal: controller.signal });
    const next = m.run(long(2, 0));
    controller.abort();
    await assert.rejects(run, failure('aborted', /aborted/));
    assert.equal((await next).y.data[0], 0);
    await assert.rejects(m.run(long(1), { signal: AbortSignal.abort() }), failure('aborted', /aborted/));
  }));
});

describe('dispose', () => {
  test('twice, and then nothing works', async () => {
    const m = await load(ADD);
    m.dispose();
    m.dispose();
    await assert.rejects(m.run({}), failure('bad-state', /disposed/));
    assert.throws(() => m.runSync({}), failure('bad-state', /disposed/));
    await assert.rejects(m.predict({ data: new Uint8Array(4), width: 1, height: 1 }), failure('bad-state', /disposed/));
    assert.equal(m.report().heapBytes, 0);
  });

  test('during a run', async () => {
    const m = await load(LONG);
    const run = m.run(long(1000000));
    const next = m.run(long(1));
    m.dispose();
    await assert.rejects(run, failure('bad-state', /disposed/));
    await assert.rejects(next, failure('bad-state', /disposed/));
  });

  test('many models, one after the other', async () => {
    for (let i = 0; i < 200; i++) (await load(ADD)).dispose();
  });
});

describe('report', () => {
  test('tells what runs where', () => using(ADD, async (m) => {
    m.runSync({ x: f32([1, 3], 1, 2, 3), b: f32([3], 1, 2, 3) });
    const report = m.report();
    assert.equal(report.where, 'node');
    assert.equal(report.backend, 'cpu');
    assert.equal(report.threads, 1);
    assert.ok(report.threadsReason && report.version && report.build && ['simd', 'relaxed'].includes(report.variant));
    assert.ok(report.heapBytes > 0);
    assert.equal(report.runs, 1);
    assert.equal(report.stats.model.nodes, 1);
    assert.equal(report.stats.model.opset, 17);
    assert.equal(report.bytes, ADD.length);
    assert.equal(report.peakBytes, report.heapBytes);
    assert.deepEqual({ nodes: report.plan.nodes, nodesInFile: report.plan.nodesInFile, segments: report.plan.segments }, { nodes: 1, nodesInFile: 1, segments: 1 });
    assert.ok(report.plan.arenaBytes >= 0 && report.plan.weightBytes >= 0);
    assert.equal(report.missing.length, report.variant === 'relaxed' ? 0 : 1);
    const { peakBytes } = report;
    m.dispose();
    assert.deepEqual([m.report().heapBytes, m.report().peakBytes], [0, peakBytes]);
  }));

  test('a repeated run allocates nothing', () => using(ADD, (m) => {
    const feeds = { x: f32([1, 3], 1, 2, 3), b: f32([3], 1, 2, 3) };
    const calls = () => (m.runSync(feeds), m.report().stats.model.allocCalls);
    calls();
    const before = calls();
    assert.equal(calls() - before, 0);
  }));
});
