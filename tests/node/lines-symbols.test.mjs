// models/lines and models/symbols, and their steps.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dist, quern } from './helpers/quern.mjs';

const features = await import(new URL('features.js', dist).href);
const folder = (name) => fileURLToPath(new URL(`models/${name}/`, dist));
const skip = (name) => (existsSync(`${folder(name)}manifest.json`) ? false : `SKIP: models/${name} is not built`);

describe('models/lines', { skip: skip('lines') }, () => {
  test('the sides of a dark rectangle', async () => {
    const width = 300, height = 200, left = 60, top = 40, right = 240, bottom = 160;
    const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
      const x = Math.floor(i / 3) % width, y = Math.floor(i / 3 / width);
      return x >= left && x < right && y >= top && y < bottom ? 60 : 230;
    });
    const model = await quern.load(folder('lines'));
    const found = await model.predict({ data, width, height });
    const sides = [[left, top, right, top], [left, bottom, right, bottom], [left, top, left, bottom], [right, top, right, bottom]];
    assert.equal(found.length, sides.length);
    for (const side of sides) // within two pixels, a place of the model's map
      assert.ok(found.some(({ line, score }) => score > 0.5 && line.every((v, i) => Math.abs(v - side[i]) < 2)), `${side} is not among ${found.map((f) => f.line)}`);
    model.dispose();
  });
});

test('lines of maps: the best in order, long ones alone', async () => {
  const w = 6, h = 5, offsets = new Float32Array(w * h * 4), scores = new Float32Array(w * h);
  const put = (x, y, score, ...d) => {
    scores[y * w + x] = score;
    offsets.set(d, 4 * (y * w + x));
  };
  put(1, 1, 0.5, -1, 0, 2, 0);
  put(4, 3, 0.9, 0, -2, 0, 1);
  put(2, 2, 0.8, 0, 0, 0.5, 0); // short
  put(3, 0, 0.1, -3, 0, 3, 0); // weak
  put(5, 4, NaN, -5, 0, 0, 0);
  const facts = await seen(12, 10);
  const run = async (step) => (await features.answers([{ step: 'lines', shortest: 4, ...step }]))({ offsets: { type: 'float32', dims: [1, h, w, 4], data: offsets }, scores: { type: 'float32', dims: [1, h, w, 1], data: scores } }, facts);
  assert.deepEqual(await run({}), [{ line: [9, 3, 9, 9], score: Math.fround(0.9) }, { line: [1, 3, 7, 3], score: 0.5 }]);
  assert.deepEqual((await run({ most: 1 })).length, 1);
  await assert.rejects(async () => (await features.answers([{ step: 'lines' }]))({ a: { type: 'float32', dims: [1, 1, 1, 1], data: new Float32Array(1) } }, facts), /it takes 2 inputs, got 1/);
});

/** The facts of a picture of this size. */
async function seen(width, height) {
  const extract = await features.image([{ step: 'color' }]);
  await extract({ data: new Uint8Array(3 * width * height), width, height });
  return extract.facts();
}

describe('models/symbols', { skip: skip('symbols') }, () => {
  const CROSS = [[[0, 0], [40, 40]], [[0, 40], [40, 0]]], ARROW = [[[0, 0], [50, 0]], [[40, -10], [50, 0], [40, 10]]], TACK = [[[0, 0], [0, 50]], [[0, 25], [40, 25]]];
  test('what was drawn', async () => {
    const model = await quern.load(folder('symbols'));
    for (const [strokes, label] of [[CROSS, '× times'], [ARROW, '→ arrow.r'], [TACK, '⊢ tack.r']]) assert.equal((await model.predict(strokes))[0].label, label);
    const large = CROSS.map((stroke) => stroke.map(([x, y]) => [x * 7 + 300, y * 7 - 20]));
    assert.equal((await model.predict(large))[0].label, '× times');
    model.dispose();
  });
});

describe('strokes', () => {
  const extract = async (strokes, step = {}) => (await features.strokes([{ step: 'draw', size: 20, margin: 4, pen: 2, ...step }]))(strokes);
  const at = ({ data }, x, y) => data[20 * y + x];

  test('lie in the middle, with flat ends and mitred corners', async () => {
    const line = await extract([[[0, 0], [6, 0]]]);
    assert.deepEqual([line.type, line.dims], ['uint8', [20, 20, 1]]);
    assert.equal(line.data.reduce((sum, v) => sum + v, 0), 12 * 2 * 255, '12 long, 2 wide');
    assert.deepEqual([at(line, 4, 9), at(line, 15, 10), at(line, 3, 9), at(line, 16, 10), at(line, 8, 8)], [255, 255, 0, 0, 0]);
    const corner = await extract([[[0, 0], [6, 0], [6, 6]]]);
    assert.deepEqual([at(corner, 16, 3), at(corner, 16, 15), at(corner, 16, 16)], [255, 255, 0], 'the corner is filled to its tip');
    const cut = await extract([[[0, 0], [6, 0]], [[6, 0], [6, 6]]]);
    assert.equal(at(cut, 16, 3), 0, 'two strokes meet without one');
  });

  test('of one point, and none', async () => {
    assert.ok((await extract([[[5, 5]]])).data.every((v) => v === 0));
    assert.ok((await extract([[[5, 5], [5, 5]]])).data.every((v) => v === 0));
  });

  test('of numbers that are none are refused', async () => {
    await assert.rejects(() => extract([[[0, 0], [NaN, 1]]]), /point 1 is not a number/);
    await assert.rejects(() => extract([[[0, 0], [1, 1]]], { margin: 10 }), /a margin of 10 leaves nothing of a picture of 20/);
    await assert.rejects(() => extract([[['a', 'b']]]), /not of pictures|a picture is|features are of strokes/);
    assert.ok((await extract([[[-1e30, 3e29], [1e30, 1e30]]])).data.some((v) => v > 0), 'however large');
  });
});
