// Elements on the graphics card are 32 bits each, whatever their type: floats as f32, integers and bool as i32 or u32.
import { QuernError } from '../core/errors.js';

/** Types that are there, with what they are in a shader. @type {Record<string, 'f32' | 'i32' | 'u32'>} */
export const WORDS = { float32: 'f32', float16: 'f32', int64: 'i32', int32: 'i32', int16: 'i32', int8: 'i32', uint64: 'u32', uint32: 'u32', uint16: 'u32', uint8: 'u32', bool: 'u32' };
/** Bytes of an element in the heap. @type {Record<string, number>} */
export const SIZES = { float32: 4, float16: 2, int64: 8, int32: 4, int16: 2, int8: 1, uint64: 8, uint32: 4, uint16: 2, uint8: 1, bool: 1 };

const scratch = new Float32Array(1), bits = new Uint32Array(scratch.buffer);

/** @param {number} h 16 bits */
function fromHalf(h) {
  const exponent = (h >> 10) & 31, fraction = h & 1023, sign = h & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : fraction * 2 ** -24);
}

/** To the nearest, ties to even. @param {number} value */
function toHalf(value) {
  scratch[0] = value;
  const b = bits[0], sign = (b >>> 16) & 0x8000, magnitude = Math.abs(value);
  if (value !== value) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) { // a subnormal, or the least normal number
    const scaled = magnitude * 2 ** 24, floor = Math.floor(scaled), rest = scaled - floor;
    return sign | (floor + (rest > 0.5 || (rest === 0.5 && floor & 1) ? 1 : 0));
  }
  return sign | (((b & 0x7fffffff) + 0xfff + ((b >> 13) & 1) - 0x38000000) >>> 13);
}

/**
 * What is uploaded for these elements. Integers of 64 bits have to fit 32.
 * @param {string} type
 * @param {any} data a typed array
 * @returns {Float32Array | Int32Array | Uint32Array}
 */
export function toWords(type, data) {
  if (type === 'float32' || type === 'int32' || type === 'uint32') return data;
  if (type === 'float16') return data.constructor.name === 'Float16Array' ? Float32Array.from(data) : Float32Array.from(data, fromHalf);
  if (type === 'int64' || type === 'uint64') {
    const pairs = new Int32Array(data.buffer, data.byteOffset, 2 * data.length), out = new Int32Array(data.length);
    for (let i = 0; i < out.length; i++) {
      out[i] = pairs[2 * i];
      if (pairs[2 * i + 1] !== (type === 'int64' && out[i] < 0 ? -1 : 0))
        throw new QuernError('unsupported', `${data[i]} does not fit the 32 bits that an ${type} has on the graphics card; use the backend 'cpu'`);
    }
    return type === 'int64' ? out : new Uint32Array(out.buffer);
  }
  return WORDS[type] === 'i32' ? Int32Array.from(data) : Uint32Array.from(data);
}

/**
 * @param {string} type
 * @param {ArrayBuffer} buffer words
 * @param {any} Type the array of this type
 * @returns {any}
 */
export function fromWords(type, buffer, Type) {
  const words = WORDS[type] === 'f32' ? new Float32Array(buffer) : WORDS[type] === 'i32' ? new Int32Array(buffer) : new Uint32Array(buffer);
  if (type === 'float32' || type === 'int32' || type === 'uint32') return words;
  if (type === 'float16') return Type.name === 'Float16Array' ? Type.from(words) : Uint16Array.from(words, toHalf);
  if (type !== 'int64' && type !== 'uint64') return Type.from(words);
  const out = new Type(words.length), pairs = new Int32Array(out.buffer);
  for (let i = 0; i < words.length; i++) {
    pairs[2 * i] = words[i];
    pairs[2 * i + 1] = type === 'int64' && words[i] < 0 ? -1 : 0;
  }
  return out;
}
