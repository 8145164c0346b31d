// quern-features.wasm, quern-pictures.wasm and quern-text.wasm: the only file that touches their memories. What comes out is a copy. One instance of each serves
// all pipelines of a thread; an instance that failed is replaced by the next pipeline.
import { QuernError, messageOf } from '../core/errors.js';
import { compile } from '../core/runtime.js';
import { ARRAYS } from '../core/tensor.js';
import { build } from '../core/version.js';

/**
 * @typedef {import('../core/runtime.js').WasmSource} WasmSource
 * @typedef {import('../core/tensor.js').TensorLike} TensorLike
 * @typedef {'features' | 'pictures' | 'text'} ModuleName
 * planes: of the picture that the tensor is made of.
 * @typedef {{ name: string, planes?: import('../core/image.js').Planes } & TensorLike} NamedTensor
 * What is known of a source beside its numbers, as bytes that only the core reads.
 * @typedef {Uint8Array} Facts
 */

const decoder = new TextDecoder('utf-8', { ignoreBOM: true }); // a mark at the beginning of a text is part of it
const encoder = new TextEncoder();
const FACTS = 80;
/** Element types by their number in the core (qn_dtype). */
const TYPES = ['', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16', 'float64', 'uint32', 'uint64'];
const SOURCES = ['any', 'picture', 'sound', 'text', 'rows', 'strokes'];
const ANSWERS = ['tensors', 'rows', 'one'];
const KINDS = ['number', 'int', 'bool', 'choice', 'numbers', 'text', 'texts', 'file', 'tree'];

/** @type {Partial<Record<ModuleName, WasmSource | Promise<WasmSource>>>} */
let given = {};
/** @type {Partial<Record<ModuleName, Promise<WebAssembly.Module>>>} */
let compiled = {};
/** @type {Partial<Record<ModuleName, Promise<FeatureModule>>>} */
let modules = {};

/** Where the wasm lies, or the module itself, when it is not beside the script. @param {Partial<Record<ModuleName, WasmSource | Promise<WasmSource>>>} places */
export function setModules(places) {
  given = { ...given, ...places };
  compiled = {};
  modules = {};
}

/** @param {ModuleName} name @returns {Promise<FeatureModule>} */
export function getModule(name) {
  const known = modules[name];
  if (known) return known.then((module) => (module.dead ? renew(name) : module));
  return renew(name);
}

/** The wasm, compiled once. @param {ModuleName} name @returns {Promise<WebAssembly.Module>} */
export function compiledModule(name) {
  // the URLs are literal, so that bundlers find the files
  return compiled[name] ??= compile(given[name] ?? (name === 'text' ? new URL('./quern-text.wasm', import.meta.url)
    : name === 'pictures' ? new URL('./quern-pictures.wasm', import.meta.url) : new URL('./quern-features.wasm', import.meta.url)));
}

/** @param {ModuleName} name */
function renew(name) {
  const module = modules[name] = compiledModule(name).then((wasm) => FeatureModule.create(wasm));
  module.catch(() => {
    delete compiled[name];
    delete modules[name];
  });
  return module;
}

export class FeatureModule {
  /** @type {any} */
  #exports;
  #u8 = new Uint8Array(0);
  /** Where names, shapes and texts go in. */
  #room = 0;
  #roomSize = 0;
  /** Why no call is possible any more. */
  dead = '';

  /** @param {WebAssembly.Module} module */
  static async create(module) {
    /** @type {Record<string, Record<string, any>>} */
    const imports = {};
    for (const { module: space, name } of WebAssembly.Module.imports(module))
      (imports[space] ??= {})[name] = name === 'qn_host_now' ? () => 0 : () => {};
    return new FeatureModule(await WebAssembly.instantiate(module, imports));
  }

  /** @param {WebAssembly.Instance} instance */
  constructor(instance) {
    this.#exports = Object.fromEntries(Object.entries(instance.exports).map(([name, f]) => [name.replace('qnf_', ''), f]));
    this.#exports._initialize?.();
    const made = this.#text(this.call('build_id'));
    if (made !== build && made !== 'dev' && build !== 'dev')
      throw new QuernError('unavailable', `the JavaScript is of build ${build}, the wasm of the features of build ${made}: publish the files of one release together`);
  }

  /**
   * @param {string} name without qnf_
   * @param {...number} args
   * @returns {number}
   */
  call(name, ...args) {
    if (this.dead) throw new QuernError('bad-state', this.dead);
    try {
      return this.#exports[name](...args);
    } catch (cause) {
      this.dead = `the features stopped at an earlier internal error (${messageOf(cause)}); make the pipeline anew`;
      throw new QuernError('internal', `internal error in ${name}: ${messageOf(cause)}. This is a bug in Quern.`, { cause });
    }
  }

  get #bytes() {
    const { buffer } = this.#exports.memory;
    if (this.#u8.buffer !== buffer) this.#u8 = new Uint8Array(buffer);
    return this.#u8;
  }

  /** @param {number} pointer */
  #text(pointer) {
    const start = pointer >>> 0, bytes = this.#bytes;
    return start ? decoder.decode(bytes.subarray(start, bytes.indexOf(0, start))) : '';
  }

  /** @param {number} size */
  #space(size) {
    if (size > this.#roomSize) {
      this.call('release', this.#room);
      this.#room = this.call('alloc', size) >>> 0;
      this.#roomSize = this.#room ? size : 0;
      if (!this.#room) throw new QuernError('out-of-memory', `no memory for ${size} bytes`);
    }
    return this.#room;
  }

  /** @param {number} pipeline @param {number} status */
  check(pipeline, status) {
    if (status) throw new QuernError(/** @type {any} */ (this.#text(this.call('error_code', pipeline))), this.#text(this.call('error_text', pipeline)));
  }

  // ---- a pipeline ----

  create() {
    const pipeline = this.call('create');
    if (!pipeline) throw new QuernError('out-of-memory', 'no memory for a pipeline');
    return pipeline;
  }

  /** @param {number} pipeline @param {string} name @param {Uint8Array} bytes */
  addFile(pipeline, name, bytes) {
    const text = encoder.encode(name), at = this.#space(text.length + bytes.length + 1);
    this.#bytes.set(text, at);
    this.#bytes.set(bytes, at + text.length);
    this.check(pipeline, this.call('file', pipeline, at, text.length, at + text.length, bytes.length));
  }

  /** @param {number} pipeline @param {'features' | 'outputs' | 'steps'} side @param {unknown} steps */
  read(pipeline, side, steps) {
    const text = encoder.encode(JSON.stringify(steps) ?? 'null'), at = this.#space(text.length + 1);
    this.#bytes.set(text, at);
    this.check(pipeline, this.call('read', pipeline, ['features', 'outputs', 'steps'].indexOf(side), at, text.length));
  }

  /** @param {number} pipeline */
  sourceOf(pipeline) {
    return SOURCES[this.call('source', pipeline)];
  }

  /** @param {number} pipeline */
  answerOf(pipeline) {
    return ANSWERS[this.call('answer', pipeline)];
  }

  /** @param {number} pipeline @returns {Facts} */
  facts(pipeline) {
    const at = this.call('facts', pipeline) >>> 0;
    return this.#bytes.slice(at, at + FACTS);
  }

  /** @param {number} pipeline @param {Facts | { rate?: number }} facts */
  giveFacts(pipeline, facts) {
    const at = this.call('given', pipeline) >>> 0;
    if (facts instanceof Uint8Array) this.#bytes.set(facts, at);
    else new DataView(this.#bytes.buffer).setFloat64(at, facts.rate ?? 0, true);
  }

  /**
   * Plans for these inputs and gives them their numbers.
   * @param {number} pipeline
   * @param {readonly NamedTensor[]} inputs
   * @param {boolean} [stream] data is left out
   */
  input(pipeline, inputs, stream = false) {
    const texts = inputs.map(({ type, data }) => (type === 'string' ? /** @type {string[]} */ (data).map((text) => encoder.encode(text)) : null));
    this.call('clear_inputs', pipeline);
    for (const [i, { name, type, dims }] of inputs.entries()) {
      const text = encoder.encode(name), at = this.#space(8 * dims.length + text.length + 1);
      this.#bytes.set(new Uint8Array(BigInt64Array.from(dims, BigInt).buffer), at);
      this.#bytes.set(text, at + 8 * dims.length);
      this.#bytes[at + 8 * dims.length + text.length] = 0;
      const size = texts[i]?.reduce((sum, t) => sum + t.length, 0) ?? 0;
      this.check(pipeline, this.call('input', pipeline, at + 8 * dims.length, TYPES.indexOf(type), dims.length, at, size));
    }
    this.check(pipeline, this.call('plan', pipeline, Number(stream)));
    if (!stream) for (const [i, { data, dims, planes }] of inputs.entries()) {
      if (planes) this.#paint(pipeline, i, /** @type {Uint8Array} */ (data), dims, planes);
      else this.#fill(pipeline, i, texts[i] ?? /** @type {any} */ (data));
    }
  }

  /** @param {number} pipeline @param {number} i @param {Uint8Array[] | import('../core/tensor.js').NumberArray} data */
  #fill(pipeline, i, data) {
    const at = this.call('input_data', pipeline, i) >>> 0, bytes = this.#bytes;
    if (!Array.isArray(data)) return bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    const view = new DataView(bytes.buffer);
    let place = at + 8 * data.length;
    for (const [k, text] of data.entries()) {
      view.setUint32(at + 8 * k, place, true);
      view.setUint32(at + 8 * k + 4, text.length, true);
      bytes.set(text, place);
      place += text.length;
    }
  }

  /** @param {number} pipeline @param {number} i @param {Uint8Array} data @param {readonly number[]} dims @param {import('../core/image.js').Planes} planes */
  #paint(pipeline, i, data, [height, width], { format, layout, matrix, fullRange }) {
    const head = 8 * layout.length, at = this.#space(head + data.length);
    this.#bytes.set(new Uint8Array(Float64Array.from(layout).buffer), at);
    this.#bytes.set(data, at + head);
    if (!this.call('planes', this.call('input_data', pipeline, i), at + head, data.length, width, height, ['I420', 'NV12', 'I422', 'I444'].indexOf(format), at, ['bt601', 'bt709', 'bt2020'].indexOf(matrix), Number(fullRange)))
      throw new QuernError('bad-shape', `the planes of ${width}×${height} ${format} do not lie inside of ${data.length} bytes, at ${layout.join(', ')} (offset and stride of each)`);
  }

  /** The next piece of a stream, as the only input. @param {number} pipeline @param {Float32Array} samples */
  piece(pipeline, samples) {
    this.check(pipeline, this.call('shorten', pipeline, 0, samples.length));
    this.#fill(pipeline, 0, samples);
  }

  /**
   * @param {number} pipeline
   * @param {boolean} [first] of a stream
   * @param {boolean} [last]
   */
  run(pipeline, first = true, last = true) {
    this.check(pipeline, this.call('run', pipeline, Number(first), Number(last)));
  }

  /** The results of the last step, and of any step those with one of these names. @param {number} pipeline @param {readonly string[]} [names] @returns {NamedTensor[]} */
  results(pipeline, names = []) {
    const count = this.call('slot_count', pipeline), last = count - this.call('result_count', pipeline);
    const found = new Map();
    for (let i = 0; i < count; i++) {
      const name = this.#text(this.call('slot_name', pipeline, i));
      if (i >= last || names.includes(name)) found.set(i >= last && found.has(name) && !names.includes(name) ? `${name}${i}` : name, i);
    }
    return [...found].map(([name, i]) => ({ name, .../** @type {any} */ (this.#slot(pipeline, i)) }));
  }

  /** All tensors of the last run in order, each with the index of the step that made it (-1: an input), for comparisons. @param {number} pipeline @returns {(NamedTensor & { step: number })[]} */
  slots(pipeline) {
    return Array.from({ length: this.call('slot_count', pipeline) }, (_, i) => ({ name: this.#text(this.call('slot_name', pipeline, i)), step: this.call('slot_step', pipeline, i), .../** @type {any} */ (this.#slot(pipeline, i)) }));
  }

  /** @param {number} pipeline @param {number} i @returns {TensorLike} */
  #slot(pipeline, i) {
    const type = this.#text(this.call('slot_type', pipeline, i)), rank = this.call('slot_rank', pipeline, i);
    const shape = this.call('slot_dims', pipeline, i) >>> 0, at = this.call('slot_data', pipeline, i) >>> 0, bytes = this.#bytes;
    const dims = Array.from(new BigInt64Array(bytes.slice(shape, shape + 8 * rank).buffer), Number), count = dims.reduce((a, b) => a * b, 1);
    if (type !== 'string') {
      const Type = ARRAYS[type];
      return /** @type {any} */ ({ type, dims, data: new Type(bytes.slice(at, at + count * Type.BYTES_PER_ELEMENT).buffer) });
    }
    const view = new DataView(bytes.buffer);
    const data = Array.from({ length: count }, (_, k) => {
      const from = view.getUint32(at + 8 * k, true);
      return decoder.decode(bytes.subarray(from, from + view.getUint32(at + 8 * k + 4, true)));
    });
    return { type: 'string', dims, data };
  }

  /** @param {number} pipeline */
  free(pipeline) {
    if (!this.dead) this.call('free', pipeline);
  }

  /** The steps that there are, with their parameters. */
  describe() {
    return Array.from({ length: this.call('step_count') }, (_, step) => ({
      name: this.#text(this.call('step_name', step)), source: SOURCES[this.call('step_source', step)], whole: Boolean(this.call('step_whole', step)),
      params: Array.from({ length: this.call('param_count', step) }, (_, param) => {
        const choices = this.#text(this.call('param_choices', step, param));
        const [least, most, fallback] = ['least', 'most', 'fallback'].map((part) => this.call(`param_${part}`, step, param));
        return { name: this.#text(this.call('param_name', step, param)), kind: KINDS[this.call('param_kind', step, param)], choices: choices ? choices.split('|') : [],
          least, most, fallback, counts: [this.call('param_length', step, param, 0), this.call('param_length', step, param, 1)] };
      }),
    }));
  }
}
