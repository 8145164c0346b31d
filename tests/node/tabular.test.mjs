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
      assert.deepEqual(got.map(({ score, ...rest }) => rest), want.map(({ score, ...rest }) => rest));
      close(got.map((a) => a.score), want.map((a) => a.score), 'score');
    });
});
