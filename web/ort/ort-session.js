// onnxruntime-web's InferenceSession over a model on the calling thread.
import { QuernError } from '../core/errors.js';
import { LocalModel } from '../core/model.js';
import { describeSource } from '../core/source.js';
import { threadsFor } from '../core/threads.js';
import { startHelper } from '../worker/start.js';
import { backendFor, env, inform } from './ort-env.js';
import { Tensor } from './ort-tensor.js';

/**
 * @typedef {import('../core/heap.js').Port} Port
 * @typedef {import('./ort-types.js').InferenceSession.ValueMetadata} ValueMetadata
 * What a backend gives, Quern's own or a registered one.
 * @typedef {{ inputNames: readonly string[], outputNames: readonly string[], inputMetadata: readonly ValueMetadata[], outputMetadata: readonly ValueMetadata[],
 *   required: readonly string[], run: (feeds: Record<string, any>, fetches: Record<string, any>, options: any) => Promise<Record<string, any>>,
 *   model?: LocalModel, bound?: Record<string, string>, dispose: () => Promise<void>, startProfiling: () => void, endProfiling: () => void }} Handler
 */

const isObject = (/** @type {unknown} */ v) => typeof v === 'object' && v !== null;

/** @param {unknown} options @returns {any} */
function optionsOf(options) {
  if (options !== undefined && !isObject(options)) throw new TypeError("'options' must be an object.");
  return options ?? {};
}

/** @param {any} value @returns {any} */
function wrap(value) {
  if (Array.isArray(value)) return value.map(wrap);
  return value instanceof Tensor || value instanceof Map || !value ? value : new Tensor(value.type, value.data, value.dims);
}

export class InferenceSession {
  /** @type {Handler} */
  #handler;

  /** @param {Handler} handler of create() */
  constructor(handler) {
    this.#handler = handler;
  }

  get inputNames() {
    return this.#handler.inputNames;
  }

  get outputNames() {
    return this.#handler.outputNames;
  }

  get inputMetadata() {
    return this.#handler.inputMetadata;
  }

  get outputMetadata() {
    return this.#handler.outputMetadata;
  }

  /**
   * create(path | Uint8Array | ArrayBuffer, options?) or create(ArrayBuffer, byteOffset, byteLength?, options?)
   * @param {any} arg0
   * @param {any} [arg1]
   * @param {any} [arg2]
   * @param {any} [arg3]
   * @returns {Promise<InferenceSession>}
   */
  static async create(arg0, arg1, arg2, arg3) {
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
    const given = optionsOf(options);
    const backend = await backendFor(given.executionProviders);
    if (backend === 'gpu') {
      try {
        return new InferenceSession(await openModel(source, given, 'gpu'));
      } catch (error) {
        if (!(error instanceof QuernError && error.code === 'unavailable')) throw error;
        inform(`the execution provider 'webgpu' is answered by the CPU: ${error.message}`);
      }
    }
    if (!backend || backend === 'gpu') return new InferenceSession(await openModel(source, given));
    const handler = await backend.createInferenceSessionHandler(source instanceof URL ? source.href : ArrayBuffer.isView(source) || typeof source === 'string' ? source : new Uint8Array(source), given);
    handler.required ??= handler.inputNames;
    return new InferenceSession(handler);
  }

  /**
   * run(feeds, options?) or run(feeds, fetches, options?); fetches: names, or an object with a tensor to write into or null by name
   * @param {any} feeds
   * @param {any} [arg1]
   * @param {any} [arg2]
   * @returns {Promise<any>}
   */
  async run(feeds, arg1, arg2) {
    if (!isObject(feeds) || feeds instanceof Tensor || Array.isArray(feeds))
      throw new TypeError("'feeds' must be an object that use input names as keys and OnnxValue as corresponding values.");
    const { outputNames, required, bound = {} } = this.#handler;
    const given = /** @type {Record<string, any>} */ (feeds);
    /** @type {Record<string, any> | undefined} */
    let fetches;
    let options = arg2;
    if (arg1 === null) throw new TypeError('Unexpected argument[1]: cannot be null.');
    if (arg1 !== undefined && !isObject(arg1)) throw new TypeError("Unexpected argument[1]: must be 'fetches' or 'options'.");
    if (arg1 instanceof Tensor) throw new TypeError("'fetches' cannot be a Tensor");
    if (Array.isArray(arg1)) {
      if (!arg1.length) throw new TypeError("'fetches' cannot be an empty array.");
      for (const name of arg1) {
        if (typeof name !== 'string') throw new TypeError("'fetches' must be a string array or an object.");
        if (!outputNames.includes(name)) throw new RangeError(`'fetches' contains invalid output name: ${name}.`);
      }
      fetches = Object.fromEntries(arg1.map((name) => [name, null]));
    } else if (arg1) {
      const named = outputNames.filter((name) => Object.hasOwn(arg1, name) && (arg1[name] === null || arg1[name] instanceof Tensor));
      if (named.length) fetches = Object.fromEntries(named.map((name) => [name, arg1[name]]));
      else options = arg1;
    }
    for (const name of required) if (given[name] === undefined && !Object.values(bound).includes(name)) throw new Error(`input '${name}' is missing in 'feeds'.`);
    const results = await this.#handler.run(given, fetches ?? Object.fromEntries(outputNames.filter((name) => !Object.hasOwn(bound, name)).map((name) => [name, null])), optionsOf(options));
    return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, wrap(value)]));
  }

  /**
   * Quern's own, in place of an IoBinding: outputs that stay in the heap as inputs of the next run, { output: input }. See Model.bind.
   * @param {Record<string, string>} pairs
   * @param {import('../core/session.js').BindOptions} [options]
   */
  bind(pairs, options) {
    if (!this.#handler.model) throw new Error('A session of a registered backend cannot bind outputs to inputs.');
    this.#handler.model.bind(pairs, options);
    this.#handler.bound = { ...pairs };
  }

  /** The next run begins with the initial state. */
  reset() {
    this.#handler.model?.reset();
  }

  /** Copies of the bound inputs, by name. @returns {Record<string, Tensor>} */
  state() {
    return Object.fromEntries(Object.entries(this.#handler.model?.state() ?? {}).map(([name, value]) => [name, wrap(value)]));
  }

  async release() {
    await this.#handler.dispose();
  }

  startProfiling() {
    this.#handler.startProfiling();
  }

  endProfiling() {
    this.#handler.endProfiling();
  }
}

/** @param {any} source @param {any} options @param {'cpu' | 'gpu'} [backend] @returns {Promise<Handler>} */
async function openModel(source, options, backend = 'cpu') {
  const files = [...(options.externalData ?? [])].map((file) => (typeof file === 'string' ? { path: file, data: file } : file));
  const fixed = fixedDimensions(options.freeDimensionOverrides);
  const location = options.preferredOutputLocation;
  for (const place of typeof location === 'string' ? [location] : Object.values(location ?? {}))
    if (place !== 'cpu' && place !== 'cpu-pinned') inform(`outputs are given on the CPU, not in '${place}'`);
  const model = await LocalModel.load(describeSource(source), {
    backend,
    threads: threadsFor(env.wasm.numThreads >= 1 ? env.wasm.numThreads : 'auto', startHelper),
    externalData: new Map(files.map(({ path, data }) => [path.replace(/^\.\//, ''), describeSource(data)])),
  });
  // an initializer that may be overridden is no input to onnxruntime, though it can be fed
  const inputs = model.inputs.filter((port) => !port.optional);
  const inputMetadata = inputs.map((port) => metadata(port, fixed));
  const outputMetadata = model.outputs.map((port) => metadata(port, fixed));
  const inputNames = inputs.map(({ name }) => name);
  let since = 0;
  return {
    model, inputNames, inputMetadata, outputMetadata,
    outputNames: model.outputs.map(({ name }) => name),
    required: inputs.filter(({ kind }) => kind !== 'optional').map(({ name }) => name),
    async run(feeds, fetches, { terminate }) {
      if (terminate) throw new Error('The run was ended before it began: its options say terminate.');
      /** @type {Record<string, any>} */
      const known = {};
      for (const port of model.inputs) { // onnxruntime-node ignores what the model does not have
        if (feeds[port.name] === undefined) continue;
        known[port.name] = await onCpu(feeds[port.name]);
        checkFixed(port, feeds[port.name], fixed);
      }
      const results = await model.run(known, { outputs: Object.keys(fetches) });
      return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, fetches[name] ? writeInto(fetches[name], value, name) : value]));
    },
    dispose: async () => model.dispose(),
    startProfiling() {
      since = model.report().runs;
    },
    endProfiling() {
      const { runs, lastMs } = model.report();
      inform(`${runs - since} runs since startProfiling(), the last took ${lastMs.toFixed(2)} ms; a browser's profiler shows the rest`);
    },
  };
}

/** A tensor that lies elsewhere is downloaded first. @param {any} value @returns {Promise<any>} */
async function onCpu(value) {
  if (value instanceof Tensor && value.location !== 'cpu') await value.getData();
  return value;
}

/** @param {any} overrides sizes by symbol @returns {Map<string, number>} */
function fixedDimensions(overrides = {}) {
  for (const [name, size] of Object.entries(overrides))
    if (!Number.isInteger(size) || size < 0) throw new Error(`The free dimension override of '${name}' must be a non-negative integer, got ${size}.`);
  return new Map(Object.entries(overrides));
}

/** @param {Port} port @param {any} value @param {Map<string, number>} fixed */
function checkFixed({ name, dims }, value, fixed) {
  dims?.forEach((symbol, i) => {
    const size = typeof symbol === 'string' ? fixed.get(symbol) : undefined;
    const got = value?.dims?.[i];
    if (size !== undefined && got !== undefined && got !== size)
      throw new Error(`Input '${name}' has the size ${got} at dimension ${i}; freeDimensionOverrides set '${symbol}' to ${size}.`);
  });
}

/** @param {Port} port @param {Map<string, number>} fixed @returns {ValueMetadata} */
function metadata({ name, kind, type, dims }, fixed) {
  if (kind !== 'tensor') return { name, isTensor: false };
  return { name, isTensor: true, type: /** @type {any} */ (type), shape: (dims ?? []).map((d) => (typeof d === 'string' ? fixed.get(d) ?? d : d ?? '')) };
}

/** Into the tensor that the caller allocated. @param {any} target @param {any} value @param {string} name */
function writeInto(target, value, name) {
  const shown = (/** @type {any} */ t) => `${t.type} [${t.dims.join(', ')}]`;
  if (!value || Array.isArray(value) || value instanceof Map) throw new Error(`Output '${name}' is no tensor and cannot be written into one.`);
  if (target.type !== value.type || target.dims.join() !== value.dims.join())
    throw new Error(`Output '${name}' is ${shown(value)}; the tensor allocated for it is ${shown(target)}.`);
  const { data } = target;
  if (Array.isArray(data)) data.splice(0, data.length, ...value.data);
  else data.set(value.data);
  return target;
}
