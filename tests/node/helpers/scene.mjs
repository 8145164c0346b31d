// The picture that the golden cases of steps are made of (tests/golden/make_steps_golden.py: scene), and how their results are compared.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** RGB, or its first channel three times. */
export function scene(width, height, gray = false) {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++, i++) {
        const k = gray ? 0 : c, noise = (x * 7919 + y * 104729 + k * 1299709 + ((x * y) % 97) * 31) % 61;
        data[i] = (x * 3 + y * 5 + k * 40 + noise) % 256;
      }
  return { data, width, height };
}

/** The cases of a golden file, with their results. */
export function goldenCases(name) {
  const read = (ending) => readFileSync(new URL(`../../golden/steps/${name}.${ending}`, import.meta.url));
  const bytes = read('bin');
  return JSON.parse(read('json')).cases.map((c) => {
    const count = c.dims.reduce((a, b) => a * b, 1), Type = { uint8: Uint8Array, float32: Float32Array, int32: Int32Array }[c.type];
    const part = bytes.subarray(c.offset, c.offset + count * Type.BYTES_PER_ELEMENT);
    return { ...c, data: new Type(new Uint8Array(part).buffer) };
  });
}

/** How far results are apart: the largest difference, the share of equal ones, the mean of the signed differences. */
export function distance(got, want) {
  assert.equal(got.length, want.length);
  let most = 0, equal = 0, sum = 0;
  for (let i = 0; i < got.length; i++) {
    const d = got[i] - want[i];
    most = Math.max(most, Number.isNaN(d) ? Infinity : Math.abs(d));
    equal += d === 0;
    sum += d;
  }
  return { most, equal: equal / got.length, mean: Math.abs(sum / got.length) };
}
