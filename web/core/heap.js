// The only file that touches wasm memory. Views are made when they are used, since growth detaches them, and never leave this file:
// what comes out is a copy. Pointers are unsigned: the memory may be larger than 2 GB.
import { QuernError, messageOf } from './errors.js';
import { now } from './platform.js';
import { ARRAYS } from './tensor.js';
import { getRare } from './runtime.js';
import { mayWait, sharedMemory } from './threads.js';
import { build } from './version.js';

/**
 * @typedef {import('./tensor.js').TensorLike} TensorLike
 * @typedef {import('./tensor.js').ValueLike} ValueLike
 * @typedef {'tensor' | 'sequence' | 'optional' | 'map'} Kind
 * An input or output as the model declares it; dims null: not declared, a dimension null: unknown, a string: its symbol; key: the type of the
 * keys of a map, or of the maps in a sequence.
 * @typedef {{ name: string, kind: Kind, type: string, dims: (number | string | null)[] | null, optional: boolean, key?: string }} Port
 */

const decoder = new TextDecoder('utf-8', { ignoreBOM: true }); // a text may begin with U+FEFF
const encoder = new TextEncoder();
/** @type {Kind[]} */
const KINDS = ['tensor', 'sequence', 'optional', 'map']; // qn_kind

/**
 * @param {WebAssembly.Module} module
 * @param {() => void} onGrowth
 */
function importsFor(module, onGrowth) {
  /** @type {Record<string, any>} */
  const known = {
    qn_host_now: now,
    emscripten_notify_memory_growth: onGrowth,
  };
  /** @type {Record<string, Record<string, any>>} */
  const imports = {};
  for (const { module: space, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind === 'memory') known[name] = sharedMemory();
    if (!known[name])
      throw new QuernError('unavailable', `the wasm asks for ${space}.${name}, which this release does not have: the files are of different releases`);
    (imports[space] ??= {})[name] = known[name];
  }
  return imports;
}

export class Heap {
  /** @type {any} */
  #exports;
  /** As the second file imports them. @type {WebAssembly.Exports} */
  #primary;
  /** @type {import('./runtime.js').RareSource | undefined} */
  #rareSource;
  /** The second file, once it was wanted. @type {Promise<WebAssembly.Module | undefined> | undefined} */
  #rare;
  /** @type {WebAssembly.Memory} */
  #memory;
  #u8 = new Uint8Array(0);
  /** Where shapes go in and facts of values come out. */
  #room = 0;
  /** Why no call is possible any more. @type {string | undefined} */
  #dead;
  /** @type {string[]} */
  #types = [];
  /** @type {string[]} */
  #stats = [];
  /** What starts them when they are wanted. @type {(() => Promise<void>) | undefined} */
  #start;
  /** @type {{ terminate: () => unknown }[]} */
  #helpers = [];
  threadsReason = '';

  /** @param {WebAssembly.Module} module @param {import('./threads.js').Threads} [threads] @param {import('./runtime.js').RareSource} [rare] as the page knows it */
  static async create(module, threads, rare) {
    try {
      const imports = importsFor(module, () => {});
      const heap = new Heap(await WebAssembly.instantiate(module, imports), imports.env?.memory, module, threads);
      heap.#rareSource = rare;
      return heap;
    } catch (cause) {
      if (cause instanceof QuernError) throw cause;
      throw new QuernError('out-of-memory', `no WebAssembly memory for another model: ${messageOf(cause)}. Dispose models that are not needed.`, { cause });
    }
  }

  /**
   * @param {WebAssembly.Instance} instance
   * @param {WebAssembly.Memory | undefined} shared
   * @param {WebAssembly.Module} module
   * @param {import('./threads.js').Threads} [threads]
   */
  constructor(instance, shared, module, { count, reason, start, least = 0 } = { count: 1, reason: '' }) {
    const { memory, _initialize } = /** @type {any} */ (instance.exports);
    this.#primary = shared ? { ...instance.exports, memory: shared } : instance.exports;
    this.#exports = Object.fromEntries(Object.entries(instance.exports).map(([name, f]) => [name.replace('qnw_', ''), f]));
    this.#memory = shared ?? memory;
    _initialize?.();
    this.#room = this.#call('alloc', 96) >>> 0;
    if (!this.#room) throw new QuernError('out-of-memory', 'no memory for a model');
    this.threadsReason = count > 1 && !shared ? 'the wasm in use is a build without threads' : reason;
    if (shared && count > 1) {
      this.#call('threads', count, Number(mayWait()), least);
      this.#start = async () => {
        for (let index = 1; index < count && !this.#dead; index++) {
          const stack = this.#call('stack') >>> 0;
          if (!start || !stack) throw new Error(start ? 'no memory for its stack' : 'no workers are wanted');
          const helper = await start({ op: 'help', id: 0, module, memory: shared, index, stack, rare: await this.#rare }, (why) => this.#lost(why));
          this.#helpers.push(helper);
          if (this.#dead) helper.terminate();
        }
      };
    }
    for (let i = 0; i < this.#call('dtype_count'); i++) this.#types.push(this.#text(this.#call('dtype_name', i)));
    for (let i = 0; i < this.#call('stat_count'); i++) this.#stats.push(this.#text(this.#call('stat_name', i)));
    this.build = this.#text(this.#call('build_id'));
    this.variant = this.#text(this.#call('variant'));
    if (this.build !== build && this.build !== 'dev' && build !== 'dev')
      throw new QuernError('unavailable', `the JavaScript is of build ${build}, the wasm of build ${this.build}: publish the files of one release together`);
  }

  get bytes() {
    return this.#memory.buffer.byteLength;
  }

  get threads() {
    return 1 + this.#helpers.length;
  }

  /** How often helpers took a part of the work. */
  get helped() {
    return this.#exports?.threads_helped?.() ?? 0;
  }

  /** @param {string} why there are fewer */
  #lost(why) {
    if (this.#dead) return;
    this.threadsReason = `a helper thread could not be started (${why})`;
    for (const helper of this.#helpers.splice(0)) helper.terminate();
  }

  /** Whether operators of the second file are in use. */
  get isRare() {
    return Boolean(this.#rare);
  }

  /** Gives the instance the code of its second file: before a model that needs it is finished, and before helpers start. */
  addRare() {
    const adding = this.#rare ??= this.#addRare();
    adding.catch(() => (this.#rare = undefined)); // the next model tries again
    return adding;
  }

  async #addRare() {
    if (!Object.keys(this.#primary).some((name) => name.startsWith('%'))) return undefined; // a custom build is whole
    const name = this.variant + (this.#primary.memory === this.#memory && this.#memory.buffer instanceof ArrayBuffer ? '' : '-threads');
    const module = await getRare(name, this.#rareSource);
    const [section] = WebAssembly.Module.customSections(module, 'quern'), is = section ? decoder.decode(section) : 'no part of Quern';
    if (is !== `${this.build} ${name}`)
      throw new QuernError('unavailable', `the first wasm is of build ${this.build} ${name}, the second of ${is}: publish the files of one release together`);
    await WebAssembly.instantiate(module, { primary: this.#primary });
    return module;
  }

  /** For web/gpu/plan.js, which reads plans and tensors where they lie. */
  inside() {
    return { call: (/** @type {string} */ name, /** @type {number[]} */ ...args) => this.#call(name, ...args), bytes: () => this.#bytes, types: this.#types,
      text: (/** @type {number} */ pointer) => this.#text(pointer), check: (/** @type {number} */ model, /** @type {number} */ status) => this.#check(model, status) };
  }

  /** Forgets the instance: wasm memory never shrinks, so this is how it is given back. */
  drop() {
    this.#dead = 'the model was disposed';
    for (const helper of this.#helpers.splice(0)) helper.terminate();
    this.#exports = undefined;
    this.#primary = {};
    this.#memory = /** @type {any} */ (undefined);
    this.#u8 = new Uint8Array(0);
  }

  /**
   * @param {string} name without qnw_
   * @param {...number} args
   * @returns {number}
   */
  #call(name, ...args) {
    if (this.#dead) throw new QuernError('bad-state', this.#dead);
    const exported = this.#exports[name];
    if (!exported) throw new QuernError('unsupported', `this wasm is a custom build, made for other models: it has no ${name}`);
    try {
      return exported(...args);
    } catch (cause) {
      this.#dead = `the model stopped at an earlier internal error (${messageOf(cause)}); load it again`;
      throw new QuernError('internal', `internal error in ${name}: ${messageOf(cause)}. This is a bug in Quern; the model has to be loaded again.`, { cause });
    }
  }

  get #bytes() {
    if (this.#u8.buffer !== this.#memory.buffer) this.#u8 = new Uint8Array(this.#memory.buffer);
    return this.#u8;
  }

  /** @param {number} pointer */
  #text(pointer) {
    const start = pointer >>> 0;
    if (!start) return '';
    const bytes = this.#bytes;
    // slice, not subarray: TextDecoder refuses shared memory
    return decoder.decode(bytes.slice(start, bytes.indexOf(0, start)));
  }

  /** @param {number} pointer @param {number} count @returns {number[]} */
  #int64s(pointer, count) {
    const start = pointer >>> 0;
    return Array.from(new BigInt64Array(this.#bytes.slice(start, start + 8 * count).buffer), Number);
  }

  /**
   * Runs `use` with a copy of the bytes in the heap.
   * @template T
   * @param {Uint8Array} bytes
   * @param {(pointer: number) => T} use
   */
  #lend(bytes, use) {
    const pointer = this.#call('alloc', bytes.length) >>> 0;
    if (!pointer) throw new QuernError('out-of-memory', `no memory for ${bytes.length} bytes`);
    try {
      this.#bytes.set(bytes, pointer);
      return use(pointer);
    } finally {
      if (!this.#dead) this.#call('release', pointer);
    }
  }

  /** @param {number} model @param {number} status */
  #check(model, status) {
    if (status) this.#fail(model);
  }

  /** @param {number} model @returns {never} */
  #fail(model) {
    const text = (/** @type {string} */ name) => this.#text(this.#call('error_' + name, model));
    throw new QuernError(/** @type {any} */ (text('code')), text('text'), { node: text('node'), op: text('op') });
  }

  // ---- a model ----

  createModel() {
    const model = this.#call('create');
    if (!model) throw new QuernError('out-of-memory', 'no memory for a model');
    return model;
  }

  /** @param {number} model */
  freeModel(model) {
    if (!this.#dead) this.#call('free', model);
  }

  /**
   * Gives the next bytes of the file.
   * @param {number} model
   * @param {Uint8Array} bytes
   */
  push(model, bytes) {
    for (let at = 0; at < bytes.length;) {
      this.#check(model, this.#call('want', model));
      const pointer = this.#call('want_ptr', model) >>> 0;
      const n = Math.min(this.#call('want_size', model) >>> 0, bytes.length - at);
      this.#bytes.set(bytes.subarray(at, at + n), pointer);
      this.#check(model, this.#call('commit', model, n));
      at += n;
    }
  }

  /**
   * The next piece of external data that is missing; length 0: to the end of the file.
   * @param {number} model
   */
  external(model) {
    if (!this.#call('external', model)) return null;
    const [offset, length] = this.#int64s(this.#call('external_range', model), 2);
    return { location: this.#text(this.#call('external_location', model)), offset, length };
  }

  /** Looks the operators up. Whether the second file is needed. @param {number} model */
  resolve(model) {
    this.#check(model, this.#call('resolve', model));
    return Boolean(this.#call('rare', model));
  }

  /** @param {number} model @param {number} [skipPasses] bits of QN_PASS_* */
  finish(model, skipPasses) {
    if (skipPasses) this.#call('skip_passes', model, skipPasses);
    this.#check(model, this.#call('finish', model));
  }

  /** @param {number} model @returns {Record<string, number>} */
  stats(model) {
    const values = this.#int64s(this.#call('stats', model), this.#stats.length);
    return Object.fromEntries(this.#stats.map((name, i) => [camelCase(name), values[i]]));
  }

  /**
   * @param {number} model
   * @param {'input' | 'output'} side
   * @returns {Port[]}
   */
  ports(model, side) {
    return Array.from({ length: this.#call(side + '_count', model) }, (_, i) => {
      const port = this.#call(side + '_port', model, i);
      const rank = this.#call('port_rank', port);
      const dims = rank < 0 ? null : this.#int64s(this.#call('port_dims', port), rank)
        .map((d, k) => (d >= 0 ? d : this.#text(this.#call('port_symbol', port, k)) || null));
      return {
        name: this.#text(this.#call('port_name', port)), kind: KINDS[this.#call('port_kind', port)], type: this.#types[this.#call('port_dtype', port)],
        dims, optional: Boolean(this.#call('port_optional', port)), ...(this.#call('port_key', port) && { key: this.#types[this.#call('port_key', port)] }),
      };
    });
  }

  // ---- inputs ----

  /** @param {number} model @param {number} i */
  unbind(model, i) {
    this.#check(model, this.#call('input_unbind', model, i));
  }

  /** From now on an output is the input of the next run; -1: none is. @param {number} model @param {number} i @param {number} output */
  bindState(model, i, output) {
    this.#check(model, this.#call('state_bind', model, i, output));
  }

  /** A copy of what an input holds. @param {number} model @param {number} i */
  input(model, i) {
    return this.#value(this.#call('input_value', model, i));
  }

  /** @param {number} model @param {number} i @param {TensorLike} tensor */
  bind(model, i, { type, dims, data }) {
    if (type === 'string') {
      const bytes = packStrings(/** @type {string[]} */ (data));
      this.#lend(bytes, (p) => this.#check(model, this.#call('input_strings', model, i, dims.length, this.#shape(dims), p, bytes.length)));
    } else {
      const pointer = this.#call('input_bind', model, i, this.#types.indexOf(type), dims.length, this.#shape(dims)) >>> 0;
      if (!pointer) this.#fail(model);
      this.#bytes.set(bytesOf(/** @type {any} */ (data)), pointer);
    }
  }

  /** The type and shape of an input whose contents are elsewhere. @param {number} model @param {number} i @param {{ type: string, dims: readonly number[] }} shape */
  bindShape(model, i, { type, dims }) {
    if (!this.#call('input_bind', model, i, this.#types.indexOf(type), dims.length, this.#shape(dims))) this.#fail(model);
  }

  /** Where these dimensions lie until the next call. @param {readonly number[]} dims */
  #shape(dims) {
    if (dims.length > 8) throw new QuernError('unsupported', `a tensor of rank ${dims.length}: at most 8 dimensions are supported`);
    const view = new DataView(this.#memory.buffer, this.#room, 96);
    dims.forEach((d, k) => (view.setUint32(8 * k, d, true), view.setUint32(8 * k + 4, d / 2 ** 32, true)));
    return this.#room;
  }

  /**
   * A sequence or optional.
   * @param {number} model
   * @param {number} i
   * @param {string} type
   * @param {TensorLike[]} items
   * @param {boolean} nested the optional holds a sequence of them
   */
  bindItems(model, i, type, items, nested) {
    this.#check(model, this.#call('input_items', model, i, this.#types.indexOf(type), Number(nested)));
    for (const item of items) {
      const bytes = item.type === 'string' ? packStrings(/** @type {string[]} */ (item.data)) : bytesOf(/** @type {any} */ (item.data));
      this.#lend(bytes, (p) =>
        this.#check(model, this.#call('input_push', model, i, this.#types.indexOf(item.type), item.dims.length, this.#shape(item.dims), p, bytes.length)));
    }
  }

  /**
   * Maps: of a map input the only one, of a sequence all. Their keys ascend.
   * @param {number} model
   * @param {number} i
   * @param {string} type of the values
   * @param {{ keys: TensorLike, values: TensorLike }[]} maps
   */
  bindMaps(model, i, type, maps) {
    const packed = (/** @type {TensorLike} */ t) => (t.type === 'string' ? packStrings(/** @type {string[]} */ (t.data)) : bytesOf(/** @type {any} */ (t.data)));
    this.#check(model, this.#call('input_items', model, i, this.#types.indexOf(type), 0));
    for (const { keys, values } of maps) {
      const [a, b] = [packed(keys), packed(values)];
      this.#lend(a, (k) => this.#lend(b, (v) => this.#check(model, this.#call('input_map', model, i, keys.data.length, k, a.length, v, b.length))));
    }
  }

  // ---- reading text: `model` is the one in use, which keeps the error ----

  /**
   * @param {number} model
   * @param {Record<string, number>} options QN_OCR_OPTIONS of src/feature/ocr.h
   * @param {Uint8Array} labels
   */
  ocrCreate(model, options, labels) {
    const names = Array.from({ length: this.#call('ocr_option_count') }, (_, i) => this.#text(this.#call('ocr_option_name', i)));
    for (const name of Object.keys(options))
      if (!names.includes(name)) throw new QuernError('bad-argument', `there is no option '${name}'; there are ${names.join(', ')}`);
    return this.#lend(bytesOf(Float32Array.from(names, (name) => options[name] ?? NaN)), (values) => this.#lend(labels, (p) => {
      const ocr = this.#call('ocr_create', model, values, p, labels.length);
      if (!ocr) this.#fail(model);
      return ocr;
    }));
  }

  /** @param {number} ocr */
  ocrFree(ocr) {
    if (!this.#dead) this.#call('ocr_free', ocr);
  }

  /** @param {number} model @param {number} ocr @param {{ data: Uint8Array | Uint8ClampedArray, width: number, height: number }} image RGBA */
  ocrImage(model, ocr, { data, width, height }) {
    this.#lend(bytesOf(data), (p) => this.#check(model, this.#call('ocr_set_image', model, ocr, p, width, height)));
  }

  /** @param {number} ocr @param {number} stage */
  ocrBatches(ocr, stage) {
    return this.#call('ocr_batches', ocr, stage);
  }

  /** @param {number} model @param {number} ocr @param {number} stage @param {number} batch */
  ocrInput(model, ocr, stage, batch) {
    this.#check(model, this.#call('ocr_input', model, ocr, stage, batch));
  }

  /** @param {number} model @param {number} ocr @param {number} stage @param {number} batch */
  ocrOutput(model, ocr, stage, batch) {
    this.#check(model, this.#call('ocr_output', model, ocr, stage, batch));
  }

  /**
   * box: top left, top right, bottom right, bottom left, in pixels.
   * @param {number} ocr
   * @returns {{ text: string, score: number, box: [number, number][], boxScore: number, turned: boolean }[]}
   */
  ocrResults(ocr) {
    return this.#lend(new Uint8Array(4 * 13), (pointer) => Array.from({ length: this.#call('ocr_result_count', ocr) }, (_, i) => {
      this.#call('ocr_result_at', ocr, i, pointer);
      const result = new DataView(this.#bytes.slice(pointer, pointer + 4 * 13).buffer);
      const start = result.getUint32(0, true);
      return {
        text: decoder.decode(this.#bytes.slice(start, start + result.getUint32(4, true))),
        score: result.getFloat32(8, true),
        box: [0, 1, 2, 3].map((c) => /** @type {[number, number]} */ ([result.getInt32(20 + 8 * c, true), result.getInt32(24 + 8 * c, true)])),
        boxScore: result.getFloat32(12, true),
        turned: result.getInt32(16, true) !== 0,
      };
    }));
  }

  // ---- speech ----

  /**
   * @param {number[]} options qn_vad_options of src/feature/post/vad.h
   * @param {Float32Array} probabilities one per frame
   * @returns {[number, number][]} first frame, frame after the last
   */
  vadSegments(options, probabilities) {
    const most = (probabilities.length >> 1) + 1; // a frame of speech and one of quiet each
    return this.#lend(bytesOf(Float32Array.from(options)), (o) => this.#lend(bytesOf(probabilities), (p) => this.#lend(new Uint8Array(16 * most), (out) => {
      const count = Math.min(most, this.#call('vad_segments', o, p, probabilities.length, out, most));
      const ends = this.#int64s(out, 2 * count);
      return Array.from({ length: count }, (_, i) => /** @type {[number, number]} */ ([ends[2 * i], ends[2 * i + 1]]));
    })));
  }

  // ---- running ----

  /** @param {number} model */
  start(model) {
    this.#check(model, this.#call('run_start', model));
  }

  /**
   * @param {number} model
   * @param {number} budget microseconds; 0: to the end
   * @returns {boolean} whether there is more to do
   */
  step(model, budget) {
    const status = this.#call('run_step', model, budget);
    if (this.#start && this.#call('threads_wanted')) { // a model that has no work for them never starts any
      this.#start().catch((error) => this.#lost(messageOf(error)));
      this.#start = undefined;
    }
    if (status > 0) this.#check(model, status);
    return status < 0;
  }

  /** @param {number} model */
  cancel(model) {
    if (!this.#dead) this.#call('run_cancel', model);
  }

  // ---- looking inside ----

  /** The lines of src/graph/describe.h. @param {number} model */
  describe(model) {
    const text = this.#call('describe', model);
    if (!text) throw new QuernError('out-of-memory', 'no memory to describe the model');
    try {
      return this.#text(text);
    } finally {
      this.#call('release', text);
    }
  }

  /** The step that comes next, 0 at the end. @param {number} model */
  next(model) {
    this.#check(model, this.#call('run_next', model));
    return this.#call('next_step', model);
  }

  /** Runs one step. @param {number} model */
  stepOne(model) {
    this.step(model, 0xffffffff);
  }

  /** Of the segment that is planned. @param {number} model @returns {number[]} */
  planSteps(model) {
    const steps = [];
    for (let i = 0, step; (step = this.#call('plan_step', model, i)); i++) steps.push(step);
    return steps;
  }

  /** @param {number} model */
  planIsWhole(model) {
    return Boolean(this.#call('plan_is_whole', model));
  }

  /** The operator as it runs; those that Quern makes have no domain here. @param {number} step */
  stepOp(step) {
    const domain = this.#text(this.#call('step_text', step, 0)), op = this.#text(this.#call('step_text', step, 1));
    return domain && domain !== 'quern' ? `${domain}.${op}` : op;
  }

  /** @param {number} step */
  stepName(step) {
    return this.#text(this.#call('step_text', step, 2));
  }

  /** @param {number} model @param {number} step @param {number} i */
  stepOutputName(model, step, i) {
    return this.#text(this.#call('step_output_name', model, step, i));
  }

  /** In the order of its storage; null for what is absent or no tensor. @param {number} step @param {'input' | 'output'} side @param {number} i */
  stepShape(step, side, i) {
    const value = this.#call('step_' + side, step, i);
    const facts = value && this.#facts(value);
    return facts && !facts.kind ? { type: facts.type, dims: facts.dims, bytes: facts.bytes } : null;
  }

  /** Multiply-adds on registers alone. @param {number} operations @returns {number} */
  burn(operations) {
    this.#call('peak_multiply_add', operations);
    return operations;
  }

  /** Reads this memory once. @param {number} most @returns {number} the bytes that were read */
  sweep(most) {
    return this.#call('peak_read', most, this.#room) >>> 0;
  }

  /** A copy of an output that was just computed. @param {number} step @param {number} i @returns {{ value: ValueLike, channelsLast: boolean } | null} */
  stepOutput(step, i) {
    const value = this.#call('step_output', step, i);
    return value ? { value: this.#value(value), channelsLast: Boolean(this.#call('step_channels_last', step, i)) } : null;
  }

  /** A copy. @param {number} model @param {number} i @returns {ValueLike} */
  output(model, i) {
    const value = this.#call('output_value', model, i);
    if (!value) throw new QuernError('bad-state', `output ${i} was not computed`);
    return this.#value(value);
  }

  /** @param {number} value @returns {ValueLike} */
  #value(value) {
    const { kind, type, dims, start, bytes, count } = this.#facts(value);
    if (kind) {
      const items = Array.from({ length: count }, (_, i) => this.#value(this.#call('value_item', value, i)));
      if (KINDS[kind] === 'map') return mapOf(/** @type {TensorLike} */ (items[0]), /** @type {TensorLike} */ (items[1]));
      return KINDS[kind] === 'sequence' ? items : items[0] ?? null;
    }
    const copy = this.#bytes.slice(start, start + bytes).buffer;
    return { type: /** @type {any} */ (type), dims, data: type === 'string' ? this.#strings(copy) : new ARRAYS[type](copy) };
  }

  /** @param {number} value */
  #facts(value) {
    this.#call('value_facts', value, this.#room);
    const view = new DataView(this.#memory.buffer, this.#room, 96);
    const [kind, type, rank, start, bytes, count] = Array.from({ length: 6 }, (_, i) => view.getUint32(4 * i, true));
    const dims = Array.from({ length: rank }, (_, k) => view.getUint32(24 + 8 * k, true) + view.getUint32(28 + 8 * k, true) * 2 ** 32);
    return { kind, type: this.#types[type], dims, start, bytes, count };
  }

  /** @param {ArrayBufferLike} table of qn_string: pointer, length */
  #strings(table) {
    const pairs = new Uint32Array(table);
    return Array.from({ length: pairs.length / 2 }, (_, i) => decoder.decode(this.#bytes.slice(pairs[2 * i], pairs[2 * i] + pairs[2 * i + 1])));
  }
}

/** Integers as numbers where they are exact. @param {any} v */
const plain = (v) => (typeof v === 'bigint' && Number.isSafeInteger(Number(v)) ? Number(v) : v);

/** @param {TensorLike} keys @param {TensorLike} values */
const mapOf = (keys, values) => new Map(Array.from(/** @type {any} */ (keys.data), (key, i) => [plain(key), plain(values.data[i])]));

/** @param {string} name */
const camelCase = (name) => name.replace(/_(.)/g, (_, c) => c.toUpperCase());

/** @param {ArrayBufferView} view */
const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Each string as a 32-bit length and its UTF-8 bytes. @param {string[]} strings */
function packStrings(strings) {
  const parts = strings.map((s) => encoder.encode(s));
  const out = new Uint8Array(parts.reduce((n, p) => n + 4 + p.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    out.set(part, at + 4);
    at += 4 + part.length;
  }
  return out;
}
