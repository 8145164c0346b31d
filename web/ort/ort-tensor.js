// onnxruntime-web's Tensor: numbers on the CPU. A tensor that lies elsewhere (texture, GPU buffer, MLTensor) is accepted when it can be downloaded.
import { ARRAYS, PER_ELEMENT, countOf } from '../core/tensor.js';
import { imageDataOf, pixelsOf, tensorOfPixels } from './ort-image.js';

/**
 * @typedef {import('../core/tensor.js').NumberArray} NumberArray
 * @typedef {NumberArray | string[]} Data
 * @typedef {'none' | 'cpu' | 'cpu-pinned' | 'texture' | 'gpu-buffer' | 'ml-tensor'} Location
 */

/** Typed arrays whose type is clear. @type {[any, string][]} */
const INFERRED = ['float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'float64', 'uint32', 'int64', 'uint64'].map((type) => [ARRAYS[type], type]);
if (ARRAYS.float16 !== Uint16Array) INFERRED.push([ARRAYS.float16, 'float16']);

/** The member that holds what lies outside the memory of the page. @type {Record<string, string>} */
const RESOURCES = { texture: 'texture', 'gpu-buffer': 'gpuBuffer', 'ml-tensor': 'mlTensor' };

/** @param {any} data @returns {string} */
const kindOf = (data) => (data === null ? 'null' : data?.constructor?.name ?? typeof data);

export class Tensor {
  /** @type {Data | undefined} */
  #data;
  /** @type {Location} */
  #location = 'cpu';
  /** What lies elsewhere, with how to get it and how to free it. @type {any} */
  #resource;
  #downloading = false;

  /**
   * new Tensor(type, data, dims?), new Tensor(data, dims?) or new Tensor({ location, type, dims, … })
   * @param {any} arg0
   * @param {any} [arg1]
   * @param {any} [arg2]
   */
  constructor(arg0, arg1, arg2) {
    let type;
    let dims;
    if (typeof arg0 === 'object' && arg0 !== null && 'location' in arg0) {
      ({ type, dims } = arg0);
      this.#location = arg0.location;
      if (arg0.location === 'cpu-pinned') {
        if (!ARRAYS[type]) throw new TypeError(`A tensor of type "${type}" cannot be made from a pinned buffer: the types are ${Object.keys(ARRAYS).join(', ')}.`);
        if (!(arg0.data instanceof ARRAYS[type])) throw new TypeError(`The buffer of a ${type} tensor should be of type ${ARRAYS[type].name}, got ${kindOf(arg0.data)}.`);
        this.#data = arg0.data;
      } else if (RESOURCES[arg0.location]) {
        this.#resource = arg0;
      } else throw new Error(`Tensor constructor: unsupported location '${arg0.location}'.`);
    } else if (typeof arg0 === 'string') {
      type = arg0;
      this.#data = dataOf(type, arg1);
      dims = arg2;
    } else {
      ({ type, data: this.#data } = infer(arg0));
      dims = arg1;
    }
    if (dims === undefined) dims = [(this.#data?.length ?? 0) / (PER_ELEMENT[type] ?? 1)];
    if (!Array.isArray(dims)) throw new TypeError("A tensor's dims must be a number array.");
    const size = sizeOf(dims);
    // packed and complex types have fewer or more elements in their array; onnxruntime takes the array's length as the size too
    if (this.#data && size !== this.#data.length && Math.ceil(size * (PER_ELEMENT[type] ?? 1)) !== this.#data.length)
      throw new Error(`Tensor's size(${size}) does not match data length(${this.#data.length}).`);
    /** @type {any} */
    this.type = type;
    /** @type {readonly number[]} */
    this.dims = dims;
    this.size = size;
  }

  // ---- from pictures and resources ----

  /**
   * @param {any} image ImageData, an img element, an ImageBitmap, or the URL of a picture
   * @param {import('./ort-image.js').ImageOptions} [options]
   * @returns {Promise<any>}
   */
  static async fromImage(image, options = {}) {
    const { type, data, dims } = tensorOfPixels(await pixelsOf(image, options), options);
    return new Tensor(type, data, dims);
  }

  /** @param {any} texture @param {any} options @returns {any} */
  static fromTexture(texture, { width, height, download, dispose }) {
    return new Tensor({ location: 'texture', type: 'float32', texture, dims: [1, height, width, 4], download, dispose });
  }

  /** @param {any} gpuBuffer @param {any} options @returns {any} */
  static fromGpuBuffer(gpuBuffer, { dataType = 'float32', dims, download, dispose }) {
    return new Tensor({ location: 'gpu-buffer', type: dataType, gpuBuffer, dims, download, dispose });
  }

  /** @param {any} mlTensor @param {any} options @returns {any} */
  static fromMLTensor(mlTensor, { dataType = 'float32', dims, download, dispose }) {
    return new Tensor({ location: 'ml-tensor', type: dataType, mlTensor, dims, download, dispose });
  }

  /** @param {any} type @param {any} buffer @param {readonly number[]} [dims] @returns {any} */
  static fromPinnedBuffer(type, buffer, dims) {
    return new Tensor({ location: 'cpu-pinned', type, data: buffer, dims: dims ?? [buffer.length] });
  }

  // ---- to pictures ----

  /** @param {import('./ort-image.js').ImageOptions} [options] */
  toImageData(options) {
    return imageDataOf(this, options);
  }

  /** @param {import('./ort-image.js').ImageOptions} [options] @returns {string} */
  toDataURL(options) {
    if (typeof document === 'undefined') throw new Error('toDataURL() needs a document: only a canvas element makes data URLs at once. In a worker use toImageData().');
    const image = imageDataOf(this, options);
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    const context = canvas.getContext('2d');
    if (!context) throw new Error(`There is no canvas of ${image.width}×${image.height} here.`);
    context.putImageData(image, 0, 0);
    return canvas.toDataURL();
  }

  // ---- data ----

  /** @returns {any} */
  get data() {
    this.#valid();
    if (!this.#data) throw new Error(`The data is not on the CPU but in ${this.#location}: getData() downloads it.`);
    return this.#data;
  }

  get location() {
    return this.#location;
  }

  get texture() {
    return this.#resourceAt('texture');
  }

  get gpuBuffer() {
    return this.#resourceAt('gpu-buffer');
  }

  get mlTensor() {
    return this.#resourceAt('ml-tensor');
  }

  /** @param {string} location @returns {any} */
  #resourceAt(location) {
    this.#valid();
    if (this.#location !== location) throw new Error(`The data of this tensor lies in ${this.#location}, not in ${location}.`);
    return this.#resource[RESOURCES[location]];
  }

  #valid() {
    if (this.#location === 'none') throw new Error('The tensor is disposed.');
  }

  #idle() {
    if (this.#downloading) throw new Error('The tensor is being downloaded; await getData() first.');
  }

  /** @param {boolean} [release] frees what lay elsewhere @returns {Promise<any>} */
  async getData(release) {
    this.#valid();
    if (this.#data) return this.#data;
    const { download, dispose } = this.#resource;
    if (!download) throw new Error(`The tensor lies in ${this.#location} and was made without a download function: Quern computes on the CPU and cannot read it.`);
    this.#idle();
    this.#downloading = true;
    try {
      this.#data = await download();
      this.#location = 'cpu';
      this.#resource = release ? undefined : { dispose };
      if (release) dispose?.();
    } finally {
      this.#downloading = false;
    }
    return this.#data;
  }

  dispose() {
    this.#idle();
    this.#resource?.dispose?.();
    this.#data = this.#resource = undefined;
    this.#location = 'none';
  }

  /** The same data under other dims. @param {readonly number[]} dims @returns {any} */
  reshape(dims) {
    this.#valid();
    if (this.#resource?.download || this.#resource?.dispose) throw new Error('A tensor that owns a resource cannot be reshaped.');
    if (this.#location === 'cpu') return new Tensor(this.type, this.#data, dims);
    return new Tensor({ ...this.#resource, location: this.#location, type: this.type, dims, data: this.#data });
  }
}

/** @param {readonly unknown[]} dims */
function sizeOf(dims) {
  dims.forEach((dim, i) => {
    if (typeof dim !== 'number' || !Number.isSafeInteger(dim)) throw new TypeError(`dims[${i}] must be an integer, got: ${dim}`);
    if (dim < 0) throw new RangeError(`dims[${i}] must be a non-negative integer, got: ${dim}`);
  });
  return countOf(/** @type {number[]} */ (dims));
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
  if (!type) throw new TypeError(`Unsupported type for tensor data: ${kindOf(data)}.`);
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
    // what is stored as bits cannot be made from numbers
    if (PER_ELEMENT[type] < 1 || (type.includes('float') && Ctor.BYTES_PER_ELEMENT < 4 && !Ctor.name.includes('Float')))
      throw new TypeError(`Creating a ${type} tensor from number array is not supported. Please use ${Ctor.name} as data.`);
    return type === 'int64' || type === 'uint64' ? Ctor.from(data, BigInt) : Ctor.from(data);
  }
  if (data instanceof Ctor) return data;
  if (data instanceof Uint8ClampedArray && type === 'uint8') return Uint8Array.from(data);
  if (data instanceof Uint8Array && Ctor === Int8Array && PER_ELEMENT[type]) return new Ctor(data.buffer, data.byteOffset, data.length);
  if (data instanceof Uint16Array && type === 'float16') return new Ctor(data.buffer, data.byteOffset, data.length);
  throw new TypeError(`A ${type} tensor's data must be type of ${Ctor.name}, got ${kindOf(data)}.`);
}
