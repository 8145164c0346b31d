// Steps for pictures against the libraries that models are trained behind: cases recorded by tests/golden/make_steps_golden.py.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dist } from './helpers/quern.mjs';
import { distance, goldenCases, scene } from './helpers/scene.mjs';

const features = await import(new URL('features.js', dist).href);

const told = ({ like, steps, size, type }) => `${like} ${type} ${size.join('×')}: ${steps.map(({ step, ...rest }) => [step, ...Object.values(rest)].join(' ')).join(', ')}`;

/** Runs every case of a golden file. */
async function against(name, check) {
  let count = 0;
  for (const c of goldenCases(name)) {
    const extract = await features.image(c.steps);
    const tensors = c.points ? { points: { type: 'float32', dims: [c.points.length / 2, 2], data: Float32Array.from(c.points) } } : {};
    const got = await extract(scene(...c.size, c.gray), tensors);
    assert.deepEqual([got.type, got.dims], [c.type, c.dims], told(c));
    check(c, distance(got.data, c.data), told(c));
    extract.dispose();
    count++;
  }
  return count;
}

/** Bytes are equal, floats within 1e-5 of their range, which is 0 to 1. */
const near = (c, d, name) => assert.ok(d.most <= (c.type === 'uint8' ? 0 : 1e-5), `${name}: ${d.most} apart, ${d.equal} equal`);

test('resizing as Pillow, OpenCV and torch do', async () => {
  assert.ok(await against('resize', near) > 100);
  const refused = async (step) => assert.rejects(async () => (await features.image([{ step: 'color' }, { step: 'resize', width: 2, height: 2, ...step }]))(scene(4, 4)), /has no filter '\w+'; it has nearest, bilinear, bicubic/);
  await refused({ like: 'torch', filter: 'lanczos' });
  await refused({ like: 'opencv', filter: 'hamming' });
  await refused({ like: 'pillow', filter: 'nearest_exact' });
});

test('cutting, padding, turning and fitting in', async () => {
  assert.ok(await against('places', near) > 50);
});

test('landmarks to a template as OpenCV does', async () => {
  // the map is solved otherwise than by OpenCV: a position in 1/32 pixel may be the next one
  assert.ok(await against('warp', (c, d, name) => assert.ok(d.most <= 4 && d.equal >= 0.995 && d.mean <= 0.01, `${name}: ${JSON.stringify(d)}`)) > 7);
  const extract = await features.image([{ step: 'color', input: 'picture', as: 'picture' }, { step: 'warp', input: ['picture', 'points'], width: 8, height: 8, template: [1, 1, 5, 5] }]);
  const points = (...data) => ({ points: { type: 'float32', dims: [data.length / 2, 2], data: Float32Array.from(data) } });
  await assert.rejects(() => extract(scene(9, 9), points(3, 3, 3, 3)), /the points 'points' lie in one place or on a line/);
  await assert.rejects(() => extract(scene(9, 9), points(3, 3, NaN, 3)), /are not numbers/);
  await assert.rejects(() => extract(scene(9, 9), points(3, 3)), /template has float32 \[2, 2\]/);
  assert.deepEqual((await extract(scene(9, 9), points(1, 1, 5, 5))).dims, [8, 8, 3]);
});
