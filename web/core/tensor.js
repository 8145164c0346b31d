import { QuernError } from './errors.js';

/**
 * @typedef {'float32' | 'uint8' | 'int8' | 'uint16' | 'int16' | 'int32' | 'int64' | 'string' | 'bool' | 'float16' | 'float64' | 'uint32'
 *   | 'uint64' | 'complex64' | 'complex128' | 'bfloat16' | 'float8e4m3fn' | 'float8e4m3fnuz' | 'float8e5m2' | 'float8e5m2fnuz' | 'uint4'
 *   | 'int4' | 'float4e2m1' | 'float8e8m0' | 'uint2' | 'int2'} DType
 * @typedef {Float32Array | Float64Array | Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array
 *   | BigInt64Array | BigUint64Array} NumberArray
 * @typedef {NumberArray | string[]} TensorData
 * @typedef {{ type: DType, dims: readonly number[], data: TensorData }} TensorLike
 * What an input accepts: type is the model's when left out, dims are [data.length]; plain numbers, bigints and booleans are converted.
 * @typedef {{ type?: string, dims?: readonly number[], data: TensorData | readonly (number | bigint | boolean | string)[] }} InputTensor
 * @typedef {Map<any, any> | Record<string, any>} InputMap keys and values are numbers, bigints or strings
 * A value of a run: sequences are arrays, an empty optional is null, a map is a Map.
 * @typedef {TensorLike | null | ValueLike[] | Map<any, any>} ValueLike
 * @typedef {InputTensor | null | undefined | InputValue[] | InputMap} InputValue
 */

const F16 = /** @type {any} */ (globalThis).Float16Array ?? Uint16Array;

/** @type {Record<string, any>} */
export const ARRAYS = {
  float32: Float32Array, float64: Float64Array, float16: F16, bfloat16: Uint16Array,
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array,
  int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
  complex64: Float32Array, complex128: Float64Array, // real and imaginary parts in turn
  // packed, low bits first, and the small floats: their bits
  int4: Int8Array, uint4: Uint8Array, int2: Int8Array, uint2: Uint8Array, float4e2m1: Uint8Array,
  float8e4m3fn: Uint8Array, float8e4m3fnuz: Uint8Array, float8e5m2: Uint8Array, float8e5m2fnuz: Uint8Array, float8e8m0: Uint8Array,
};

/** Elements of the array per element of the tensor. @type {Record<string, number>} */
export const PER_ELEMENT = { complex64: 2, complex128: 2, int4: 0.5, uint4: 0.5, float4e2m1: 0.5, int2: 0.25, uint2: 0.25 };

/** @param {readonly number[]} dims */
export const countOf = (dims) => dims.reduce((a, b) => a * b, 1);

/** @param {string} type @param {readonly (number | string | null)[] | null | undefined} dims */
export const describe = (type, dims) => (dims ? `${type} [${dims.map((d) => d ?? '?').join(', ')}]` : type);

/**
 * Numbers of any JavaScript form as the array of a type.
 * @param {string} type
 * @param {ArrayLike<any>} values
 * @param {string} what
 * @returns {NumberArray}
 */
function convert(type, values, what) {
  const Ctor = ARRAYS[type];
  if (PER_ELEMENT[type] < 1 || (Ctor.BYTES_PER_ELEMENT < 4 && type.includes('float') && type !== 'float16') || (type === 'float16' && Ctor === Uint16Array))
    throw new QuernError('bad-type', `${what}: plain numbers cannot be converted to ${type} here; give its bits as ${Ctor.name}`);
  try {
    return type === 'int64' || type === 'uint64' ? Ctor.from(values, BigInt) : Ctor.from(values);
  } catch (cause) {
    throw new QuernError('bad-type', `${what}: a value cannot be converted to ${type} (${cause instanceof Error ? cause.message : cause})`, { cause });
  }
}

/**
 * Checks a tensor that the user gave and returns it with the right array.
 * @param {any} value
 * @param {string} what for the sentence, e.g. "input 'x'"
 * @param {string} [expected] the type to take when the value has none
 * @returns {TensorLike}
 */
export function toTensor(value, what, expected) {
  const shown = value === null ? 'null' : typeof value !== 'object' ? typeof value : value.constructor?.name ?? 'an object';
  if (!value || typeof value !== 'object' || !('data' in value))
    throw new QuernError('bad-type', `${what}: expected a tensor { type, dims, data }, got ${shown}`);
  const type = value.type ?? expected;
  let { data } = value;
  if (type !== 'string' && !ARRAYS[type])
    throw new QuernError('bad-type', `${what}: unknown type '${type}'; the types are ${Object.keys(ARRAYS).join(', ')} and string`);
  if (!data || typeof data !== 'object' || !(data.length >= 0))
    throw new QuernError('bad-type', `${what}: expected an array as data of a ${type} tensor, got ${data === null ? 'null' : typeof data}`);
  const dims = value.dims ? Array.from(value.dims, Number) : [data.length / (PER_ELEMENT[type] ?? 1)];
  if (!dims.every((d) => Number.isSafeInteger(d) && d >= 0))
    throw new QuernError('bad-shape', `${what}: dims must be integers from 0 up, got [${dims.join(', ')}]`);
  if (type === 'string') {
    if (!Array.isArray(data) || !data.every((s) => typeof s === 'string'))
      throw new QuernError('bad-type', `${what}: expected an array of strings`);
  } else if (Array.isArray(data)) {
    data = convert(type, data, what);
  } else if (!(data instanceof ARRAYS[type])) {
    const clamped = type === 'uint8' && data instanceof Uint8ClampedArray;
    const bits = type === 'float16' && data instanceof Uint16Array;
    const bytes = data instanceof Uint8Array && ARRAYS[type] === Int8Array && PER_ELEMENT[type] < 1;
    if (!clamped && !bits && !bytes)
      throw new QuernError('bad-type', `${what}: a ${type} tensor takes ${ARRAYS[type].name} or an array of numbers, got ${data.constructor?.name}`);
  }
  const length = Math.ceil(countOf(dims) * (PER_ELEMENT[type] ?? 1));
  if (data.length !== length)
    throw new QuernError('bad-shape', `${what}: ${describe(type, dims)} has ${length} elements of data, got ${data.length}`);
  return { type, dims, data };
}

/**
 * A map that the user gave as its keys, ascending, and its values.
 * @param {any} value a Map, or an object whose properties are the keys
 * @param {string} what for the sentence
 * @param {string} key type of the keys
 * @param {string} type of the values
 */
export function toMap(value, what, key, type) {
  if (!value || typeof value !== 'object' || Array.isArray(value) || ArrayBuffer.isView(value))
    throw new QuernError('bad-type', `${what}: expected a Map from ${key} to ${type}, or an object, got ${value === null ? 'null' : typeof value}`);
  /** @type {any[]} */
  let entries = [...(value instanceof Map ? value : Object.entries(value))];
  if (key !== 'string') {
    entries = entries.map(([k, v]) => [convert('int64', [k], `${what}, key '${k}'`)[0], v]).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const twice = entries.findIndex(([k], i) => i > 0 && k === entries[i - 1][0]);
    if (twice >= 0) throw new QuernError('bad-argument', `${what}: the key ${entries[twice][0]} is there twice`);
  }
  const list = (/** @type {string} */ t, /** @type {any[]} */ data, /** @type {string} */ part) => toTensor({ type: t, data }, `${what}, ${part}`);
  return { keys: list(key, entries.map(([k]) => k), 'keys'), values: list(type, entries.map(([, v]) => v), 'values') };
}

/** A tensor on the CPU. Plain objects with the same three members do as well. */
export class Tensor {
  /**
   * @param {DType} type
   * @param {TensorData | readonly (number | bigint | boolean)[]} data
   * @param {readonly number[]} [dims] [data.length] when left out
   */
  constructor(type, data, dims) {
    const tensor = toTensor({ type, data, dims }, 'Tensor');
    /** @type {DType} */
    this.type = tensor.type;
    /** @type {readonly number[]} */
    this.dims = tensor.dims;
    /** @type {TensorData} */
    this.data = tensor.data;
  }

  get size() {
    return countOf(this.dims);
  }
}
