// Models of scikit-learn, exported by skl2onnx, against what scikit-learn itself answers (tests/golden/make_sklearn_golden.py).
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { quern } from './helpers/quern.mjs';

const folder = new URL('../golden/sklearn/', import.meta.url);
const answers = JSON.parse(readFileSync(new URL('answers.json', folder), 'utf8'));

/** Nested lists as a tensor of the input's type; null stands for NaN. Objects are maps. */
function toInput(value, type) {
  if (!Array.isArray(value)) return value;
  const dims = [];
  for (let v = value; Array.isArray(v); v = v[0]) dims.push(v.length);
  const flat = value.flat(Infinity).map((v) => v ?? NaN);
  return { type, dims, data: type === 'string' ? flat : Float32Array.from(flat) };
}

/** scikit-learn computes in double precision; single is what the exporter chose. In svc_poly_binary large kernel values cancel: onnxruntime differs by
 * 4e-5 as well. */
function assertClose(got, expected, what, tolerance = 2e-5) {
  assert.equal(got.length, expected.length, what);
  got.forEach((v, i) => assert.ok(Math.abs(v - expected[i]) <= tolerance * (1 + Math.abs(expected[i])), `${what}: element ${i} is ${v}, expected ${expected[i]}`));
}

describe('scikit-learn', () => {
  test('every model has answers', () => assert.deepEqual(readdirSync(folder).filter((f) => f.endsWith('.onnx')).map((f) => f.slice(0, -5)).sort(), Object.keys(answers).sort()));
  for (const [name, { inputs, outputs }] of Object.entries(answers)) {
    test(name, async () => {
      const model = await quern.load(readFileSync(new URL(`${name}.onnx`, folder)));
      try {
        const results = Object.values(await model.run(Object.fromEntries(model.inputs.map((p) => [p.name, toInput(inputs[p.name], p.type)]))));
        assert.equal(results.length, outputs.length);
        results.forEach((got, i) => {
          const expected = outputs[i], what = `output ${i}`;
          if (Array.isArray(got)) { // ZipMap: a Map for each row
            assert.deepEqual(got.map((m) => [...m.keys()]), expected.map((row) => row.map(([label]) => label)));
            assertClose(got.flatMap((m) => [...m.values()]), expected.flatMap((row) => row.map(([, p]) => p)), what);
          } else if (got.type === 'string') {
            assert.deepEqual(got.data, expected.flat());
          } else if (got.type === 'int64') {
            assert.deepEqual(Array.from(got.data, Number), expected.flat());
          } else {
            assertClose(Array.from(got.data), expected.flat(Infinity), what, name === 'svc_poly_binary' ? 1e-4 : undefined);
          }
        });
      } finally {
        model.dispose();
      }
    });
  }
});
