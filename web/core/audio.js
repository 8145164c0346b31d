// Sound in the forms that a page has it: one channel of numbers and their rate.
import { QuernError } from './errors.js';

/**
 * @typedef {AudioBuffer | AudioData | Float32Array | { data: Float32Array, rate: number }} AudioInput
 * A bare Float32Array is sound at the rate of the package, −1 … 1, one channel.
 * @typedef {{ kind: 'audio', data: Float32Array<ArrayBuffer>, rate: number }} AudioSpec rate 0: that of the package
 */

/** A copy of the sound, or null when the input is something else. @param {any} input @returns {AudioSpec | null} */
export function snapshotAudio(input) {
  if (input instanceof Float32Array) return { kind: 'audio', data: Float32Array.from(input), rate: 0 };
  if (input?.data instanceof Float32Array && 'rate' in input) {
    if (!(input.rate >= 1000 && input.rate <= 1e6)) throw new QuernError('bad-argument', `the rate of a sound is samples per second, got ${input.rate}`);
    return { kind: 'audio', data: Float32Array.from(input.data), rate: Number(input.rate) };
  }
  if (typeof input?.copyTo === 'function' && 'numberOfFrames' in input) {
    if (!input.numberOfFrames) throw new QuernError('bad-argument', 'the AudioData is closed');
    return mixed(input, input.numberOfFrames, (c) => {
      const plane = new Float32Array(input.numberOfFrames);
      input.copyTo(plane, { planeIndex: c, format: 'f32-planar' });
      return plane;
    });
  }
  return typeof input?.getChannelData === 'function' ? mixed(input, input.length, (c) => input.getChannelData(c)) : null;
}

/** The mean of the channels. @param {{ numberOfChannels: number, sampleRate: number }} sound @param {number} length @param {(channel: number) => Float32Array} plane @returns {AudioSpec} */
function mixed({ numberOfChannels, sampleRate }, length, plane) {
  const data = new Float32Array(length);
  for (let c = 0; c < numberOfChannels; c++) plane(c).forEach((v, i) => { data[i] += v / numberOfChannels; });
  return { kind: 'audio', data, rate: sampleRate };
}

/**
 * Another rate, by a Hann-windowed sinc of 16 zero crossings on each side (J. O. Smith, "Digital Audio Resampling").
 * @param {Float32Array<ArrayBuffer>} data
 * @param {number} from
 * @param {number} to
 */
export function resample(data, from, to) {
  if (from === to || !from) return data;
  const ratio = from / to, cutoff = Math.min(1, 1 / ratio), half = 16 / cutoff, side = Math.ceil(half);
  /** What the samples around a place count, which lies so far behind the middle one. @param {number} rest */
  const weights = (rest) => Float64Array.from({ length: 2 * side + 1 }, (_, k) => {
    const d = rest + side - k, x = Math.PI * d * cutoff;
    return Math.abs(d) > half ? 0 : cutoff * (x ? Math.sin(x) / x : 1) * (0.5 + 0.5 * Math.cos(Math.PI * d / half));
  });
  let a = from, b = to;
  while (b) [a, b] = [b, a % b];
  const phases = to / a; // whole rates: the places come again after so many
  /** @type {Float64Array[]} */
  const known = [];
  return Float32Array.from({ length: Math.floor(data.length / ratio) }, (_, i) => {
    const middle = Math.floor(i * from / to), rest = i * from / to - middle;
    const w = phases <= 4096 ? known[i % phases] ??= weights(rest) : weights(rest);
    let sum = 0;
    for (let k = Math.max(0, side - middle), end = Math.min(w.length, data.length - middle + side); k < end; k++) sum += data[middle - side + k] * w[k];
    return sum;
  });
}
