// Less in the answers: labels alone, rounded scores, so many queries in a time.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limit } from '../../web/limits/index.js';
import { failure } from './helpers/quern.mjs';

const ANSWERS = [{ label: 'b', score: 0.21987 }, { label: 'a', score: 0.75123 }];
const y = { type: 'float32', dims: [3], data: Float32Array.of(0.123456, NaN, -2.5551) };
const fake = (answers = ANSWERS) => ({
  name: 'm', predict: async (input, { meta } = {}) => (meta ? { answers, version: '1.0.0', ms: 3.25 } : answers), run: async (feeds, { meta } = {}) => (meta ? { outputs: { y }, version: '1.0.0', ms: 3.25 } : { y }),
  runSync: () => ({ y }), bind: () => 'bound', state: async () => ({ y }), report() { return this.name; } });
const sentence = (code, text) => (error) => error.code === code && text.test(error.message) && error.name === 'QuernError' || assert.fail(`${error.code}: ${error.message}`);

describe('limits of answers', () => {
  test('labels alone: the best one, without its score, and no raw outputs', async () => {
    const m = limit(fake(), { expose: 'label' });
    assert.deepEqual(await m.predict(1), [{ label: 'a' }]);
    assert.deepEqual(await m.predict(1, { meta: true }), { answers: [{ label: 'a' }], version: '1.0.0', ms: 3.25 });
    for (const name of ['run', 'state']) await assert.rejects(m[name]({}), failure('unavailable', new RegExp(`^${name}\\(\\) gives numbers of the model, and this page exposes labels only`)));
    for (const name of ['runSync', 'bind', 'runWatched']) if (name in fake()) assert.throws(() => m[name]({}), sentence('unavailable', /exposes labels only/));
    assert.equal(m.report(), 'm');
    const boxes = [{ label: 'cat', score: 0.9, box: [1, 2, 3, 4] }, { label: 'dog', score: 0.8, box: [5, 6, 7, 8] }];
    assert.deepEqual(await limit(fake(boxes), { expose: 'label' }).predict(1), [{ label: 'cat', box: [1, 2, 3, 4] }, { label: 'dog', box: [5, 6, 7, 8] }]);
    assert.deepEqual(await limit(fake([{ text: 'x', score: 0.5, boxScore: 0.25 }]), { expose: 'label' }).predict(1), [{ text: 'x' }]);
  });

  test('rounded: scores of answers and numbers of outputs, nothing else, and the model keeps its own', async () => {
    const m = limit(fake(), { digits: 2 });
    assert.deepEqual(await m.predict(1), [{ label: 'b', score: 0.22 }, { label: 'a', score: 0.75 }]);
    const rounded = { y: { type: 'float32', dims: [3], data: Float32Array.of(0.12, NaN, -2.56) } };
    assert.deepEqual(await m.run({}), rounded);
    assert.deepEqual(m.runSync({}), rounded);
    assert.deepEqual(await m.run({}, { meta: true }), { outputs: rounded, version: '1.0.0', ms: 3.25 });
    assert.equal(y.data[0], Math.fround(0.123456));
    assert.deepEqual(await limit(fake([{ text: 'x', score: 0.123, box: [1.23456, 2] }]), { digits: 1 }).predict(1), [{ text: 'x', score: 0.1, box: [1.23456, 2] }]);
  });

  test('so many queries in a time, with when to ask again, also after the page was loaded anew', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1e12 });
    const kept = new Map(), store = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v) };
    for (const rate of [{ queries: 2, seconds: 60 }, { queries: 2, seconds: 60, store }]) {
      let m = limit(fake(), { rate });
      await m.predict(1);
      t.mock.timers.tick(20_000);
      await m.run({});
      if (rate.store) m = limit(fake(), { rate });
      await assert.rejects(m.predict(1), (e) => e.retryAfter === 40 && sentence('unavailable', /^at most 2 queries in 60 s are answered here: ask again in 40 s$/)(e));
      assert.throws(() => m.runSync({}), sentence('unavailable', /ask again in 40 s/));
      t.mock.timers.tick(40_000);
      await m.predict(1);
      await assert.rejects(m.predict(1), (e) => e.retryAfter === 20);
      t.mock.timers.tick(100_000);
    }
    for (const odd of ['no json', '{"a":1}', '["x",null]']) {
      kept.set('quern-queries', odd);
      await limit(fake(), { rate: { queries: 1, seconds: 1, store } }).predict(1);
    }
    const off = { getItem: () => { throw new Error('off'); }, setItem: () => { throw new Error('off'); } };
    const m = limit(fake(), { rate: { queries: 1, seconds: 1, store: off } });
    await m.predict(1);
    await assert.rejects(m.predict(1), (e) => e.retryAfter === 1);
  });

  test('options that are none', () => {
    for (const [options, text] of [[{ expose: 'all' }, /expose takes 'label', got 'all'/], [{ digits: 1.5 }, /from 0 to 15, got 1.5/], [{ rate: { queries: 0, seconds: 1 } }, /got 0 in 1/], [{ rate: { queries: 1 } }, /got 1 in undefined/]])
      assert.throws(() => limit(fake(), options), sentence('bad-argument', text));
  });
});
