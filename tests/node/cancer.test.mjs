// models/cancer: rows in, answers out, as scikit-learn's pipeline gives them (models/cancer/train.py).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { quern } from './helpers/quern.mjs';

const folder = new URL('../../models/cancer/', import.meta.url);
const cases = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8'));
const { features } = JSON.parse(readFileSync(new URL('manifest.json', folder), 'utf8'));

describe('the package cancer', () => {
  let model;
  before(async () => { model = await quern.load(fileURLToPath(folder)); });
  after(() => model.dispose());

  const check = (answers, wanted) => {
    assert.deepEqual(answers.map((a) => a.label), wanted.map((c) => c.label));
    answers.forEach(({ score }, i) => assert.ok(Math.abs(score - wanted[i].score) <= 1e-6, `${i}: ${score}, not ${wanted[i].score}`));
  };

  test('a row at a time', async () => {
    for (const c of cases) if (Object.keys(c.row).length) check(await model.predict(c.row), [c]);
  });

  test('all rows at once, as objects and as columns', async () => {
    check(await model.predict(cases.map((c) => c.row)), cases);
    check(await model.predict(Object.fromEntries(features[0].columns.map((name) => [name, cases.map((c) => c.row[name] ?? null)]))), cases);
  });

  test('numbers of a form are texts; the order of the members and other members do not matter', async () => {
    const row = Object.fromEntries(Object.entries({ note: 'x', ...cases[0].row }).map(([k, v]) => [k, String(v)]).reverse());
    check(await model.predict(row), [cases[0]]);
    check(await model.predict({ ...cases[15].row, radius: '' }), [cases[15]]); // nothing at all is known
  });

  test('what is no number is said with column and row', async () => {
    const error = await model.predict([cases[0].row, { ...cases[1].row, area: 'large' }]).then(() => assert.fail('it was accepted'), (e) => e);
    assert.equal(error.code, 'bad-type');
    assert.match(error.message, /features\[0\] 'select': column 'area', row 1: the value is 'large', not a number/);
    check(await model.predict(cases[2].row), [cases[2]]); // and the module goes on
  });

  test('shows what the model gets', async () => {
    const { x } = await model.features(cases[0].row);
    assert.deepEqual([x.type, x.dims, x.data[0]], ['float32', [1, 10], Math.fround(cases[0].row.radius)]);
  });
});
