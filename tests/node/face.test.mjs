// models/face: boxes and points equal those that onnxruntime with Pillow and NumPy gives (tests/golden/make_face_golden.py).
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dist, quern } from './helpers/quern.mjs';

const folder = fileURLToPath(new URL('models/face/', dist));
const skip = existsSync(path.join(folder, 'manifest.json')) ? false : 'SKIP: models/face is not built';
const golden = (ending) => readFileSync(new URL(`../golden/steps/face.${ending}`, import.meta.url));
const { width, height, faces } = JSON.parse(golden('json'));
const picture = { data: new Uint8Array(golden('bin')), width, height };

describe('models/face', { skip }, () => {
  test('finds the face where the reference finds it', async () => {
    const model = await quern.load(folder);
    const found = await model.predict(picture);
    assert.equal(found.length, faces.length);
    for (const [i, { box, score, points }] of faces.entries()) {
      assert.ok(Math.abs(found[i].score - score) < 1e-3);
      // of the picture's pixels; the two runtimes add in another order
      for (const [k, v] of box.entries()) assert.ok(Math.abs(found[i].box[k] - v) < 0.05, `${found[i].box} for ${box}`);
      assert.equal(found[i].points.length, 6);
      for (const [k, [x, y]] of points.entries()) assert.ok(Math.hypot(found[i].points[k][0] - x, found[i].points[k][1] - y) < 0.05);
    }
    model.dispose();
  });

  test('its eyes lead to an upright face', async () => {
    const features = await import(new URL('features.js', dist).href);
    const [{ points }] = faces, size = 64;
    const upright = await features.image([{ step: 'color', input: 'picture', as: 'picture' }, { step: 'warp', input: ['picture', 'points'], width: size, height: size, template: [20, 24, 44, 24] }]);
    const face = await upright(picture, { points: { type: 'float32', dims: [2, 2], data: Float32Array.from(points.slice(0, 2).flat()) } });
    const darkness = (x, y) => { // of 7×7 pixels
      let sum = 0;
      for (let j = -3; j <= 3; j++) for (let i = -3; i <= 3; i++) sum += face.data[3 * ((y + j) * size + x + i) + 1];
      return 255 - sum / 49;
    };
    for (const x of [20, 44]) assert.ok(darkness(x, 24) > darkness(x, 42), 'an eye is darker than the cheek below it');
    upright.dispose();
  });

  test('an empty picture has none', async () => {
    const model = await quern.load(folder);
    assert.deepEqual(await model.predict({ data: new Uint8Array(3 * 50 * 40).fill(90), width: 50, height: 40 }), []);
    model.dispose();
  });
});
