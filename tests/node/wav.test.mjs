// The demo's reader of WAV files: every format, and files that are damaged.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readWav } from '../../web/demo/wav.js';

/** A WAV file of samples written by `put`. */
function wav({ kind, bits, channels = 1, rate = 8000, extensible = false }, count, put) {
  const format = extensible ? 40 : 16, size = count * channels * bits / 8, view = new DataView(new ArrayBuffer(28 + format + size + 10));
  const tag = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  tag(0, 'RIFF');
  tag(8, 'WAVE');
  tag(12, 'LIST'); // a chunk that nobody knows, of odd length
  view.setUint32(16, 1, true);
  tag(22, 'fmt ');
  view.setUint32(26, format, true);
  view.setUint16(30, extensible ? 0xfffe : kind, true);
  view.setUint16(32, channels, true);
  view.setUint32(34, rate, true);
  view.setUint16(44, bits, true);
  if (extensible) view.setUint16(54, kind, true);
  tag(30 + format, 'data');
  view.setUint32(34 + format, size, true);
  for (let i = 0; i < count * channels; i++) put(view, 38 + format + i * bits / 8, i);
  return view.buffer;
}

const FORMATS = [
  [{ kind: 1, bits: 8 }, (view, at, i) => view.setUint8(at, 128 + 32 * (i % 4)), 0.25],
  [{ kind: 1, bits: 16 }, (view, at, i) => view.setInt16(at, 8192 * (i % 4), true), 0.25],
  [{ kind: 1, bits: 24 }, (view, at, i) => view.setInt16(at + 1, 8192 * (i % 4), true), 0.25],
  [{ kind: 1, bits: 32 }, (view, at, i) => view.setInt32(at, 0x20000000 * (i % 4), true), 0.25],
  [{ kind: 3, bits: 32 }, (view, at, i) => view.setFloat32(at, 0.25 * (i % 4), true), 0.25],
  [{ kind: 3, bits: 64, extensible: true }, (view, at, i) => view.setFloat64(at, 0.25 * (i % 4), true), 0.25],
];

describe('WAV files', () => {
  test('of every format', () => {
    for (const [format, put, unit] of FORMATS) {
      const { rate, samples } = readWav(wav(format, 8, put));
      assert.deepEqual([rate, [...samples]], [8000, Array.from({ length: 8 }, (_, i) => unit * (i % 4))]);
      assert.deepEqual([...readWav(wav({ ...format, channels: 2 }, 2, put)).samples], [0.5 * unit, 2.5 * unit]);
    }
  });

  test('that are damaged: a sentence or samples, as many as there are bytes for', () => {
    let seed = 1, refused = 0;
    const any = (below) => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % below;
    for (let round = 0; round < 6000; round++) {
      const [format, put] = FORMATS[round % FORMATS.length];
      const bytes = new Uint8Array(wav({ ...format, channels: 1 + any(3), extensible: any(2) === 1 }, 50, put));
      for (let k = any(4); k > 0; k--) bytes[any(90)] = [0, 1, 255, 128, any(256)][any(5)];
      const damaged = bytes.slice(0, any(3) ? bytes.length : any(bytes.length));
      try {
        const { rate, samples } = readWav(damaged.buffer);
        assert.ok(rate > 0 && samples.length <= damaged.length);
      } catch (error) {
        refused++;
        assert.match(error.message, /^This (is not a )?WAV file.*\.$/);
      }
    }
    assert.ok(refused > 500 && refused < 5500, `${refused}`);
  });
});
