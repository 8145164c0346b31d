// Steps over rows and over scores, against what scikit-learn makes (tests/golden/make_tabular_golden.py).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { dist } from './helpers/quern.mjs';

const features = await import(new URL('features.js', dist).href);
const golden = JSON.parse(readFileSync(new URL('../golden/tabular.json', import.meta.url), 'utf8'));

const ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, int64: BigInt64Array };
const tensorOf = ({ type, dims, data }) => ({ type, dims, data: type === 'int64' ? BigInt64Array.from(data, BigInt) : ARRAYS[type].from(data, (v) => v ?? NaN) });
const filesOf = (files) => Object.fromEntries(Object.entries(files).map(([name, text]) => [name, new Uint8Array(Buffer.from(text, 'base64'))]));

/** Within 1e-6 of the value, and of 1. */
function close(got, want, what) {
  assert.equal(got.length, want.length, what);
  for (let i = 0; i < want.length; i++) {
    const w = want[i] ?? NaN, g = Number(got[i]);
    assert.ok(Number.isNaN(w) ? Number.isNaN(g) : Math.abs(g - w) <= 1e-6 * Math.max(1, Math.abs(w)), `${what}[${i}]: ${g}, not ${w}`);
  }
}

describe('rows as scikit-learn has them', () => {
  for (const { name, steps, columns, want } of golden.rows)
    test(name, async () => {
      const extract = await features.tabular(steps);
      const objects = Array.from({ length: want.dims[0] }, (_, i) => Object.fromEntries(Object.entries(columns).map(([key, values]) => [key, values[i]])));
      for (const input of [columns, objects]) {
        const got = await extract(input);
        assert.deepEqual([got.type, got.dims], [want.type, want.dims]);
        close(got.data, want.data, name);
      }
      // a row alone is what it is among others
      const { data } = await extract(objects[3]);
      close(data, want.data.slice(3 * want.dims[1], 4 * want.dims[1]), name);
      extract.dispose();
    });
});

describe('answers as scikit-learn has them', () => {
  for (const { name, steps, inputs, want, files } of golden.answers)
    test(name, async () => {
      const form = await features.answers(steps, { files: filesOf(files) });
      const got = form(Object.fromEntries(Object.entries(inputs).map(([key, t]) => [key, tensorOf(t)])));
      form.dispose();
      if (!Array.isArray(want)) {
        assert.deepEqual(Object.keys(got), Object.keys(want));
        for (const [key, t] of Object.entries(want)) {
          assert.deepEqual(got[key].dims, t.dims);
          close(got[key].data, t.data, key);
        }
        return;
      }
      // names and texts are equal, numbers close
      const answers = [got].flat();
      const parts = (list, pick) => list.map((a) => Object.fromEntries(Object.entries(a).filter(([, v]) => (typeof v === 'string') === pick)));
      assert.deepEqual(parts(answers, true), parts(want, true));
      assert.deepEqual(answers.map(Object.keys), want.map(Object.keys));
      for (const key of Object.keys(want[0] ?? {})) if (typeof want[0][key] !== 'string') close(answers.flatMap((a) => a[key]), want.flatMap((a) => a[key]), key);
    });
});
