// onnxruntime-web's names over Quern, on the calling thread: code written for it changes only its import.
// Behaviour follows onnxruntime-common 1.30. What has no meaning here (execution providers, optimisation levels, wasm paths of
// onnxruntime's own files) is accepted and ignored.
import { QuernError } from './core/errors.js';
import { LocalModel } from './core/model.js';
import { init } from './core/runtime.js';
import { describeSource } from './core/source.js';
import { ARRAYS, PER_ELEMENT } from './core/tensor.js';
import { version } from './core/version.js';

export { QuernError, init };

/**
 * @typedef {import('./core/tensor.js').NumberArray} NumberArray
 * @typedef {import('./core/heap.js').Port} Port
 * @typedef {NumberArray | string[]} Data
 * @typedef {{ readonly name: string, readonly isTensor: boolean, readonly type?: string, readonly shape?: readonly (number | string)[] }} ValueMetadata
 * @typedef {Record<string, any> & { externalData?: readonly (string | { path: string, data: any })[] }} SessionOptions
 */

/** Typed arrays whose type is clear. @type {[any, string][]} */
const INFERRED = ['float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'float64', 'uint32', 'int64', 'uint64'].map((type) => [ARRAYS[type], type]);
if (ARRAYS.float16 !== Uint16Array) INFERRED.push([ARRAYS.float16, 'float16']);

/** @param {readonly unknown[]} dims */
function sizeOf(dims) {
  return dims.reduce((/** @type {number} */ size, dim, i) => {
    if (typeof dim !== 'number' || !Number.isSafeInteger(dim)) throw new TypeError(`dims[${i}] must be an integer, got: ${dim}`);
    if (dim < 0) throw new RangeError(`dims[${i}] must be a non-negative integer, got: ${dim}`);
    return size * dim;
  }, 1);
}

export class Tensor {
  /** @type {Data | undefined} */
  #data;

  /**
   * new Tensor(type, data, dims?) or new Tensor(data, dims?)
   * @param {any} arg0
   * @param {any} [arg1]
   * @param {any} [arg2]
   */
  constructor(arg0, arg1, arg2) {
    let type;
    let data;
    let dims;
    if (typeof arg0 === 'string') {
      type = arg0;
      data = dataOf(type, arg1);
      dims = arg2;
    } else {
      ({ type, data } = infer(arg0));
      dims = arg1;
    }
    if (dims === undefined) dims = [data.length];
    if (!Array.isArray(dims)) throw new TypeError("A tensor's dims must be a number array");
    const size = sizeOf(dims);
    // packed types have fewer; onnxruntime knows that of int4 and uint4
    if (size !== data.length && Math.ceil(size * (PER_ELEMENT[type] ?? 1)) !== data.length) throw new Error(`Tensor's size(${size}) does not match data length(${data.length}).`);
    /** @type {any} */
    this.type = type;
    /** @type {readonly number[]} */
    this.dims = dims;
    this.size = size;
    this.#data = data;
  }

  /** @returns {any} */
  get data() {
    if (!this.#data) throw new Error('The tensor is disposed.');
    return this.#data;
  }

  get location() {
    return this.#data ? 'cpu' : 'none';
  }

  /** @returns {Promise<any>} */
  async getData() {
    return this.data;
  }

  dispose() {
    this.#data = undefined;
  }

  /** @param {readonly number[]} dims */
  reshape(dims) {
    return new Tensor(this.type, this.data, dims);
  }
}

/** @param {any} data @returns {{ type: string, data: Data }} */
function infer(data) {
  if (Array.isArray(data)) {
    if (!data.length) throw new TypeError('Tensor type cannot be inferred from an empty array.');
    const first = typeof data[0];
    if (first === 'string') return { type: 'string', data };
    if (first === 'boolean') return { type: 'bool', data: Uint8Array.from(data) };
    throw new TypeError(`Invalid element type of data array: ${first}.`);
  }
  if (data instanceof Uint8ClampedArray) return { type: 'uint8', data: Uint8Array.from(data) };
  const type = INFERRED.find(([Ctor]) => data?.constructor === Ctor)?.[1];
  if (!type) throw new TypeError(`Unsupported type for tensor data: ${data?.constructor?.name ?? typeof data}.`);
  return { type, data };
}

/** @param {string} type @param {any} data @returns {Data} */
function dataOf(type, data) {
  if (type === 'string') {
    if (!Array.isArray(data)) throw new TypeError("A string tensor's data must be a string array.");
    return data;
  }
  const Ctor = ARRAYS[type];
  if (!Ctor) throw new TypeError(`Unsupported tensor type: ${type}.`);
  if (Array.isArray(data)) {
    if ((type === 'float16' && Ctor === Uint16Array) || PER_ELEMENT[type])
      throw new TypeError(`Creating a ${type} tensor from number array is not supported. Please use ${Ctor.name} as data.`);
    return type === 'int64' || type === 'uint64' ? Ctor.from(data, BigInt) : Ctor.from(data);
  }
  if (data instanceof Ctor) return data;
  if (data instanceof Uint8ClampedArray && type === 'uint8') return Uint8Array.from(data);
  if (data instanceof Uint8Array && Ctor === Int8Array && PER_ELEMENT[type]) return new Ctor(data.buffer, data.byteOffset, data.length);
  if (data instanceof Uint16Array && type === 'float16') return new Ctor(data.buffer, data.byteOffset, data.length);
  throw new TypeError(`A ${type} tensor's data must be type of ${Ctor.name}, got ${data?.constructor?.name ?? typeof data}`);
}

/** @param {Port} port @returns {ValueMetadata} */
const metadata = ({ name, kind, type, dims }) => (kind === 'tensor'
  ? { name, isTensor: true, type, shape: (dims ?? []).map((d) => d ?? '') }
  : { name, isTensor: false });

/** @param {any} value @returns {any} */
function wrap(value) {
  if (Array.isArray(value)) return value.map(wrap);
  return value && new Tensor(value.type, value.data, value.dims);
}

const isObject = (/** @type {unknown} */ v) => typeof v === 'object' && v !== null;

/** @param {unknown} options @returns {SessionOptions} */
function optionsOf(options) {
  if (options !== undefined && !isObject(options)) throw new TypeError("'options' must be an object.");
  return options ?? {};
}

export class InferenceSession {
  #model;

  /** @param {LocalModel} model */
  constructor(model) {
    this.#model = model;
    this.inputMetadata = model.inputs.map(metadata);
    this.outputMetadata = model.outputs.map(metadata);
    this.inputNames = this.inputMetadata.map((m) => m.name);
    this.outputNames = this.outputMetadata.map((m) => m.name);
  }

  /**
   * create(path | Uint8Array | ArrayBuffer, options?) or create(ArrayBuffer, byteOffset, byteLength?, options?)
   * @param {string | URL | ArrayBufferLike | Uint8Array} arg0
   * @param {any} [arg1]
   * @param {any} [arg2]
   * @param {any} [arg3]
   */
  static async create(arg0, arg1, arg2, arg3) {
    /** @type {any} */
    let source = arg0;
    let options = arg1;
    if (arg0 instanceof ArrayBuffer || (globalThis.SharedArrayBuffer && arg0 instanceof SharedArrayBuffer)) {
      if (typeof arg1 === 'number') {
        options = arg3;
        if (!Number.isSafeInteger(arg1)) throw new RangeError("'byteOffset' must be an integer.");
        if (arg1 < 0 || arg1 >= arg0.byteLength) throw new RangeError(`'byteOffset' is out of range [0, ${arg0.byteLength}).`);
        if (arg2 !== undefined && typeof arg2 !== 'number') throw new TypeError("'byteLength' must be a number.");
        const length = arg2 ?? arg0.byteLength - arg1;
        if (!Number.isSafeInteger(length)) throw new RangeError("'byteLength' must be an integer.");
        if (length <= 0 || arg1 + length > arg0.byteLength) throw new RangeError(`'byteLength' is out of range (0, ${arg0.byteLength - arg1}].`);
        source = new Uint8Array(arg0, arg1, length);
      }
    } else if (typeof arg0 !== 'string' && !(arg0 instanceof URL) && !(arg0 instanceof Uint8Array)) {
      throw new TypeError("Unexpected argument[0]: must be 'path' or 'buffer'.");
    }
    const { externalData = [] } = optionsOf(options);
    const files = externalData.map((file) => (typeof file === 'string' ? { path: file, data: file } : file));
    return new InferenceSession(await LocalModel.load(describeSource(source), {
      externalData: new Map(files.map(({ path, data }) => [path.replace(/^\.\//, ''), describeSource(data)])),
    }));
  }

  /**
   * @param {Record<string, any>} feeds
   * @param {any} [arg1] fetches (names, or an object whose keys are names) or options
   * @param {any} [arg2] options
   * @returns {Promise<Record<string, any>>}
   */
  async run(feeds, arg1, arg2) {
    if (!isObject(feeds) || feeds instanceof Tensor || Array.isArray(feeds))
      throw new TypeError("'feeds' must be an object that use input names as keys and OnnxValue as corresponding values.");
    /** @type {string[] | undefined} */
    let outputs;
    let options = arg2;
    if (arg1 === null) throw new TypeError('Unexpected argument[1]: cannot be null.');
    if (arg1 !== undefined && !isObject(arg1)) throw new TypeError("Unexpected argument[1]: must be 'fetches' or 'options'.");
    if (arg1 instanceof Tensor) throw new TypeError("'fetches' cannot be a Tensor");
    if (Array.isArray(arg1)) {
      if (!arg1.length) throw new TypeError("'fetches' cannot be an empty array.");
      for (const name of arg1) {
        if (typeof name !== 'string') throw new TypeError("'fetches' must be a string array or an object.");
        if (!this.outputNames.includes(name)) throw new RangeError(`'fetches' contains invalid output name: ${name}.`);
      }
      outputs = arg1;
    } else if (arg1) {
      const named = this.outputNames.filter((name) => Object.hasOwn(arg1, name) && (arg1[name] === null || arg1[name] instanceof Tensor));
      if (named.length) outputs = named;
      else options = arg1;
    }
    optionsOf(options);
    for (const { name, optional, kind } of this.#model.inputs)
      if (feeds[name] === undefined && !optional && kind !== 'optional') throw new Error(`input '${name}' is missing in 'feeds'.`);
    // onnxruntime ignores what it does not know
    const known = Object.fromEntries(this.inputNames.filter((name) => feeds[name] !== undefined).map((name) => [name, feeds[name]]));
    const results = await this.#model.run(known, { outputs });
    return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, wrap(value)]));
  }

  async release() {
    this.#model.dispose();
  }

  startProfiling() {}

  endProfiling() {}
}

/** @type {'verbose' | 'info' | 'warning' | 'error' | 'fatal'} */
let logLevel = 'warning';

/** Settings of onnxruntime; kept so that code which sets them runs, without effect. @type {Record<string, any>} */
export const env = {
  wasm: { numThreads: 1, simd: true, proxy: false, wasmPaths: undefined },
  webgl: {},
  webgpu: {},
  versions: { common: '1.30.0', web: '1.30.0', quern: version },
  debug: false,
  trace: false,
  get logLevel() {
    return logLevel;
  },
  set logLevel(level) {
    if (level === undefined) return;
    if (!['verbose', 'info', 'warning', 'error', 'fatal'].includes(level)) throw new Error(`Unsupported logging level: ${level}`);
    logLevel = level;
  },
};

export default { InferenceSession, Tensor, env };
