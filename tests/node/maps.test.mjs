// Maps in and out: ZipMap, CastMap, DictVectorizer. onnxruntime-web has no maps; the expectations are the standard's.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, ort, quern } from './helpers/quern.mjs';
import { f32, model } from './onnx-writer.mjs';

const ML = { 'ai.onnx.ml': 3 };
const ml = (op, attrs, input, output) => model({
  nodes: [{ op, in: ['x'], out: ['y'], attrs, domain: 'ai.onnx.ml', name: 'n' }], inputs: [{ name: 'x', ...input }], outputs: [{ name: 'y', ...output }], domains: ML,
});

async function using(bytes, use) {
  const m = await quern.load(bytes);
  try {
    return await use(m);
  } finally {
    m.dispose();
  }
}

describe('maps', () => {
  test('ZipMap gives an array of Maps, by numbers', () => using(ml('ZipMap', { classlabels_int64s: [3n, -1n] }, { dims: ['n', 2] }, { kind: 'maps' }), async (m) => {
    assert.deepEqual(m.outputs, [{ name: 'y', kind: 'sequence', type: 'float32', dims: null, optional: false, key: 'int64' }]);
    for (const n of [2, 0, 3]) {
      const { y } = await m.run({ x: f32([n, 2], ...Array.from({ length: 2 * n }, (_, i) => i)) });
      assert.deepEqual(y, Array.from({ length: n }, (_, i) => new Map([[3, 2 * i], [-1, 2 * i + 1]])));
    }
  }));

  test('and by strings, through quern/ort too', async () => {
    const bytes = ml('ZipMap', { classlabels_strings: ['größer', 'b'] }, { dims: ['n', 2] }, { kind: 'maps', key: 'string' });
    await using(bytes, (m) => assert.deepEqual(m.runSync({ x: f32([1, 2], 0.5, 0.25) }).y, [new Map([['größer', 0.5], ['b', 0.25]])]));
    const session = await ort.InferenceSession.create(bytes);
    assert.deepEqual((await session.run({ x: new ort.Tensor('float32', Float32Array.of(1, 2), [1, 2]) })).y, [new Map([['größer', 1], ['b', 2]])]);
  });

  test('ZipMap refuses other widths, types and no labels', async () => {
    await using(ml('ZipMap', { classlabels_int64s: [1n, 2n] }, {}, { kind: 'maps' }), (m) =>
      assert.throws(() => m.runSync({ x: f32([1, 3], 1, 2, 3) }), failure('bad-shape', /3 values for 2 labels/)));
    await using(ml('ZipMap', { classlabels_int64s: [1n] }, { type: 'int64' }, { kind: 'maps' }), (m) =>
      assert.throws(() => m.runSync({ x: { data: [1n], dims: [1, 1] } }), failure('bad-type', /int64/)));
    await using(ml('ZipMap', {}, {}, { kind: 'maps' }), (m) =>
      assert.throws(() => m.runSync({ x: f32([1, 1], 1) }), failure('bad-argument', /one of classlabels_strings and classlabels_int64s/)));
  });

  test('DictVectorizer takes Maps and objects', () => using(ml('DictVectorizer', { string_vocabulary: ['a', 'c', 'b', 'z'] }, { kind: 'map', key: 'string' }, {}), (m) => {
    assert.equal(m.inputs[0].kind, 'map');
    assert.equal(m.inputs[0].key, 'string');
    const { y } = m.runSync({ x: { a: 4, c: 8, unknown: 1 } });
    assert.deepEqual([y.dims, [...y.data]], [[1, 4], [4, 8, 0, 0]]);
    assert.deepEqual([...m.runSync({ x: new Map([['z', 1], ['b', 2]]) }).y.data], [0, 0, 2, 1]);
    assert.deepEqual([...m.runSync({ x: {} }).y.data], [0, 0, 0, 0]);
    assert.throws(() => m.runSync({ x: [1, 2] }), failure('bad-type', /input 'x'.*Map from string to float32/));
    assert.throws(() => m.runSync({}), failure('bad-type', /Map from string/));
  }));

  test('DictVectorizer over numbers to other types', async () => {
    await using(ml('DictVectorizer', { int64_vocabulary: [7n, -3n] }, { kind: 'map', type: 'float64' }, { type: 'float64' }), (m) =>
      assert.deepEqual(m.runSync({ x: new Map([[-3, 0.1], [7n, 2]]) }).y.data, Float64Array.of(2, 0.1)));
    await using(ml('DictVectorizer', { int64_vocabulary: [7n, -3n] }, { kind: 'map', type: 'string' }, { type: 'string' }), (m) =>
      assert.deepEqual(m.runSync({ x: { '-3': 'x' } }).y.data, ['', 'x']));
    await using(ml('DictVectorizer', { string_vocabulary: ['a'] }, { kind: 'map', key: 'int64' }, {}), (m) =>
      assert.throws(() => m.runSync({ x: { 1: 2 } }), failure('bad-type', /map from strings as the vocabulary/)));
  });

  test('CastMap, dense and sparse', async () => {
    const cast = (attrs, type, out, x) => using(ml('CastMap', attrs, { kind: 'map', type }, { type: out }), (m) => {
      const { y } = m.runSync({ x });
      return [y.dims, Array.from(y.data, String)];
    });
    assert.deepEqual(await cast({}, 'float32', 'float32', new Map([[9, 1.5], [-2, 3]])), [[1, 2], ['3', '1.5']]);
    assert.deepEqual(await cast({ cast_to: 'TO_INT64' }, 'string', 'int64', { 2: '12', 1: '-7.9' }), [[1, 2], ['-7', '12']]);
    assert.deepEqual(await cast({ cast_to: 'TO_STRING' }, 'float32', 'string', { 2: 12, 1: 0.5 }), [[1, 2], ['0.5', '12.0']]);
    assert.deepEqual(await cast({ map_form: 'SPARSE', max_map: 4n }, 'float32', 'float32', { 2: 12, 0: 5 }), [[1, 4], ['5', '0', '12', '0']]);
    assert.deepEqual(await cast({ map_form: 'SPARSE', max_map: 2n, cast_to: 'TO_STRING' }, 'string', 'string', { 1: 'ß' }), [[1, 2], ['0.f', 'ß']]);
    assert.deepEqual(await cast({}, 'float32', 'float32', {}), [[1, 0], []]);
    await assert.rejects(cast({ map_form: 'SPARSE', max_map: 2n }, 'float32', 'float32', { 5: 1 }), failure('out-of-range', /key 5; keys from 0 to 1/));
    await assert.rejects(cast({ cast_to: 'TO_FLOAT' }, 'string', 'float32', { 5: 'one' }), failure('out-of-range', /value 0 of the map is not a number/));
    await assert.rejects(cast({ cast_to: 'TO_BOOL' }, 'float32', 'float32', { 5: 1 }), failure('bad-argument', /TO_BOOL/));
    await assert.rejects(cast({}, 'float32', 'float32', new Map([[1, 2], ['1', 3]])), failure('bad-argument', /key 1 is there twice/));
    await assert.rejects(cast({}, 'float32', 'float32', { a: 1 }), failure('bad-type', /key 'a'/));
  });

  test('a sequence of maps passes through', () => using(model({
    nodes: [{ op: 'Identity', in: ['x'], out: ['y'] }], inputs: [{ name: 'x', kind: 'maps', key: 'string', type: 'int64' }],
    outputs: [{ name: 'y', kind: 'maps', key: 'string', type: 'int64' }],
  }), (m) => {
    assert.deepEqual(m.runSync({ x: [{ a: 1 }, new Map([['b', 2 ** 53 + 2]]), {}] }).y, [new Map([['a', 1]]), new Map([['b', 9007199254740994n]]), new Map()]);
  }));
});
