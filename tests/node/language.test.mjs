// The package models/language: the answers are those of the scikit-learn pipeline it was trained as (models/language/train.py).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { quern } from './helpers/quern.mjs';

const golden = JSON.parse(readFileSync(new URL('../golden/language.json', import.meta.url), 'utf8'));

describe('the package language', () => {
  let model;
  before(async () => { model = await quern.load(fileURLToPath(new URL('../../models/language/', import.meta.url))); });
  after(() => model?.dispose());

  test('answers as the pipeline that it was trained as', async () => {
    for (const { text, label, score } of golden) {
      const [best, ...others] = await model.predict(text);
      assert.equal(best.label, label, text);
      assert.ok(Math.abs(best.score - score) < 2e-5, `${best.score} for ${score}: ${text}`);
      assert.equal(others.length, 2);
    }
  });

  test('any text has an answer', async () => {
    for (const text of ['', ' ', '🎉', '\ud800', 'x'.repeat(100000)]) {
      const answers = await model.predict(text);
      assert.equal(answers.length, 3);
      assert.ok(answers.every(({ score }) => score >= 0 && score <= 1));
    }
  });

  test('the vector can be looked at', async () => {
    const { vector } = await model.features('a b');
    assert.deepEqual(vector.dims, [1, 4096]);
    assert.ok(Math.abs(vector.data.reduce((sum, v) => sum + v * v, 0) - 1) < 1e-5);
  });
});
