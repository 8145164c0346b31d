// Planes of brightness and colour to pixels: against the formulas of the ITU's recommendations, and OpenCV's conversion, which rounds its factors.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dist } from './helpers/quern.mjs';
import { distance, goldenCases } from './helpers/scene.mjs';

const features = await import(new URL('features.js', dist).href);
const FORMATS = { I420: [2, 2], NV12: [2, 2], I422: [2, 1], I444: [1, 1] };

/** Samples of any value, and where they lie. */
function frame(format, width, height, pad = 0) {
  const [sx, sy] = FORMATS[format], cw = Math.ceil(width / sx), ch = Math.ceil(height / sy);
  const sizes = format === 'NV12' ? [[width, height], [2 * cw, ch]] : [[width, height], [cw, ch], [cw, ch]];
  let end = 0;
  const layout = sizes.map(([stride, rows]) => ({ offset: (end += (stride + pad) * rows + pad) - (stride + pad) * rows, stride: stride + pad }));
  const data = Uint8Array.from({ length: end }, (_, i) => (i * 97 + (i >> 3) * 31) & 255);
  const sample = (plane, x, y) => data[layout[plane].offset + layout[plane].stride * y + x];
  const chroma = (x, y) => { // u and v
    const [cx, cy] = [Math.floor(x / sx), Math.floor(y / sy)];
    return format === 'NV12' ? [sample(1, 2 * cx, cy), sample(1, 2 * cx + 1, cy)] : [sample(1, cx, cy), sample(2, cx, cy)];
  };
  return { data, width, height, format, layout, at: (x, y) => [sample(0, x, y), ...chroma(x, y)] };
}

/** The formula in doubles. */
function rgb([y, u, v], matrix, full) {
  const [kr, kb] = { bt601: [0.299, 0.114], bt709: [0.2126, 0.0722], bt2020: [0.2627, 0.0593] }[matrix], kg = 1 - kr - kb;
  const bright = full ? y / 255 : (y - 16) / 219, pb = (u - 128) / (full ? 255 : 224), pr = (v - 128) / (full ? 255 : 224);
  const r = bright + 2 * (1 - kr) * pr, b = bright + 2 * (1 - kb) * pb;
  return [r, (bright - kr * r - kb * b) / kg, b].map((c) => Math.min(255, Math.max(0, c * 255)));
}

describe('planes', () => {
  for (const format of Object.keys(FORMATS)) test(`of ${format}, in every matrix and range`, async () => {
    const extract = await features.image([{ step: 'color' }]);
    for (const [width, height] of [[1, 1], [5, 3], [16, 9]]) for (const pad of [0, 5]) for (const matrix of ['bt601', 'bt709', 'bt2020']) for (const fullRange of [false, true]) {
      const picture = frame(format, width, height, pad), { at, layout, ...tight } = picture;
      const { data, dims } = await extract(pad ? { ...tight, layout, matrix, fullRange } : { ...tight, matrix, fullRange });
      assert.deepEqual(dims, [height, width, 3]);
      for (let y = 0, i = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          for (const want of rgb(at(x, y), matrix, fullRange)) {
            assert.ok(Math.abs(data[i] - want) <= 0.501, `${format} ${width}×${height} ${matrix} ${fullRange} at ${x},${y}: ${data[i]} for ${want}`);
            i++;
          }
    }
    extract.dispose();
  });

  test('as OpenCV converts them', async () => {
    const cases = goldenCases('planes'), extract = await features.image([{ step: 'color' }]);
    assert.equal(cases.length, 2);
    for (const { format, size: [width, height], samples, data } of cases) {
      const got = await extract({ data: Uint8Array.from(atob(samples), (c) => c.charCodeAt(0)), width, height, format });
      const d = distance(got.data, data);
      assert.ok(d.most <= 1 && d.mean <= 0.1, `${format}: ${JSON.stringify(d)}`); // OpenCV has 1.164 for 255/219
    }
  });

  test('what does not fit is said', async () => {
    const extract = await features.image([{ step: 'color' }]), { data } = frame('I420', 4, 4);
    const refused = (more, pattern) => assert.rejects(() => extract({ data, width: 4, height: 4, format: 'I420', ...more }), pattern);
    await refused({ format: 'RGBX' }, /the format of planes is one of I420, NV12, I422, I444, not RGBX/);
    await refused({ matrix: 'bt470' }, /matrix is one of bt601, bt709, bt2020, not bt470/);
    await refused({ layout: [{ offset: 0, stride: 4 }] }, /I420 has 3 planes, layout has 1/);
    await refused({ data: data.slice(1) }, /the planes of 4×4 I420 do not lie inside of 23 bytes/);
    await refused({ layout: [{ offset: 0, stride: 3 }, { offset: 16, stride: 2 }, { offset: 20, stride: 2 }] }, /do not lie inside/);
    await refused({ layout: [{ offset: 0, stride: 4 }, { offset: -2, stride: 2 }, { offset: 20, stride: 2 }] }, /do not lie inside/);
    await refused({ layout: [{ offset: 0, stride: 4 }, { offset: NaN, stride: 2 }, { offset: 20, stride: 1e300 }] }, /do not lie inside/);
    assert.equal((await extract({ data, width: 4, height: 4, format: 'I420' })).data.length, 48, 'it goes on working');
  });
});
