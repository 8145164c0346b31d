// One ONNX model in a heap: its bytes in, its runs.
import { QuernError, throwIfAborted } from './errors.js';
import { yieldToEvents } from './platform.js';
import { Profile } from './profile.js';
import { baseOf, openPieces, openSource, readAll, siblingOf } from './source.js';
import { ARRAYS, PER_ELEMENT, countOf, describe, toMap, toTensor } from './tensor.js';

/**
 * @typedef {import('./heap.js').Heap} Heap
 * @typedef {import('./heap.js').Port} Port
 * @typedef {import('./source.js').SourceSpec} SourceSpec
 * @typedef {import('./tensor.js').TensorLike} TensorLike
 * @typedef {import('./tensor.js').ValueLike} ValueLike
 * @typedef {import('./tensor.js').InputValue} InputValue
 * @typedef {import('./tensor.js').InputTensor} InputTensor
 * stage: 'download' and 'external' count bytes (total 0: unknown); 'prepare' builds the graph and packs the weights.
 * @typedef {{ stage: 'download' | 'external' | 'prepare', loaded: number, total: number }} Progress
 * @typedef {{ signal?: AbortSignal, onProgress?: (progress: Progress) => void,
 *   externalData?: Map<string, SourceSpec | import('./source.js').Pieces>, skipPasses?: number, gpu?: GpuMaker, opened?: import('./source.js').Opened }} ReadOptions
 * gpu: makes what runs the model on the graphics card; again: on another device, after that was lost.
 * @typedef {((heap: Heap, model: number) => import('../gpu/executor.js').Executor) & { again?: (heap: Heap, model: number) => Promise<import('../gpu/executor.js').Executor> }} GpuMaker
 * skipPasses: bits of QN_PASS_* in src/quern.h, for tests. opened: the source, when its download has begun already.
 * outputs: names of those wanted, all when left out. meta: with the version of the package that computed them, and the time it took.
 * @typedef {{ signal?: AbortSignal, outputs?: readonly string[], meta?: boolean }} RunOptions
 * @typedef {{ items: TensorLike[], nested: boolean }} Items of a sequence or an optional; nested: the optional holds a sequence
 * @typedef {{ maps: { keys: TensorLike, values: TensorLike }[] }} Maps
 * initial, by input: the shape of the zeros that a state begins with, or its contents.
 * @typedef {{ initial?: Record<string, readonly number[] | InputTensor> }} BindOptions
 * @typedef {{ values: (TensorLike | Items | Maps | null)[], outputs: number[] }} Prepared
 */

const SLICE_US = 8000; // a page stays responsive when half a frame at most goes to a run at once
const EXTERNAL_PIECE = 1 << 24;
const NEUTRAL = 32; // QN_PASS_TARGET left out: a graph for another executor

/** @param {Port[]} ports */
const namesOf = (ports) => (ports.length ? ports.map((p) => `'${p.name}'`).join(', ') : 'none');

/** @param {Port[]} ports @param {string} name @param {string} side */
function find(ports, name, side) {
  const i = ports.findIndex((p) => p.name === name);
  if (i < 0) throw new QuernError('bad-argument', `there is no ${side} '${name}'; the model has ${namesOf(ports)}`);
  return i;
}

/** @param {string} type @param {readonly number[]} dims @returns {TensorLike} */
const zeros = (type, dims) => /** @type {any} */ ({ type, dims, data: type === 'string' ? Array(countOf(dims)).fill('') : new ARRAYS[type](Math.ceil(countOf(dims) * (PER_ELEMENT[type] ?? 1))) });

export class Session {
  #heap;
  #model;
  #disposed = false;
  /** Runs begun or waiting. */
  #pending = 0;
  /** Bound inputs by index: the output that is kept for it, and what it begins with. @type {Map<number, { output: number, initial?: TensorLike, begun: boolean }>} */
  #states = new Map();
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  runs = 0;
  /** Of its files. */
  bytes = 0;
  /** Runs the model on the graphics card. @type {import('../gpu/executor.js').Executor | null} */
  gpu = null;
  /** Why the CPU took over. */
  gpuLost = '';
  /** @type {GpuMaker | undefined} */
  #gpuMaker;
  /** After a loss, once there is another device. @type {import('../gpu/executor.js').Executor | null} */
  #returning = null;
  /** Set: runs are timed node by node. @type {Profile | null} */
  profile = null;

  /**
   * @param {Heap} heap
   * @param {SourceSpec} source
   * @param {ReadOptions} [options]
   */
  static async load(heap, source, options = {}) {
    const session = new Session(heap);
    try {
      await session.read(source, options);
      return session;
    } catch (error) {
      session.dispose();
      throw error;
    }
  }

  /** @param {Heap} heap */
  constructor(heap) {
    this.#heap = heap;
    this.#model = heap.createModel();
    /** @type {Port[]} */
    this.inputs = [];
    /** @type {Port[]} */
    this.outputs = [];
  }

  /** @param {SourceSpec} source @param {ReadOptions} options */
  async read(source, { signal, onProgress, externalData, skipPasses = 0, opened: early, gpu }) {
    const opened = early ?? await openSource(source, signal);
    onProgress?.({ stage: 'download', loaded: 0, total: opened.total });
    const size = await readAll(opened, (chunk, loaded) => {
      this.#heap.push(this.#model, chunk);
      onProgress?.({ stage: 'download', loaded: loaded + chunk.length, total: opened.total });
    }, signal);
    this.bytes = size;
    await this.#readExternal(baseOf(source), externalData ?? new Map(), onProgress, signal);
    onProgress?.({ stage: 'prepare', loaded: 0, total: size });
    if (onProgress || signal) await yieldToEvents(); // so that the progress is seen: what follows blocks
    throwIfAborted(signal);
    this.#usable();
    if (this.#heap.resolve(this.#model)) {
      await this.#heap.addRare();
      this.#usable();
    }
    this.#heap.finish(this.#model, gpu ? skipPasses | NEUTRAL : skipPasses);
    this.gpu = gpu?.(this.#heap, this.#model) ?? null;
    this.#gpuMaker = gpu;
    this.inputs = this.#heap.ports(this.#model, 'input');
    this.outputs = this.#heap.ports(this.#model, 'output');
    onProgress?.({ stage: 'prepare', loaded: size, total: size });
  }

  /**
   * @param {string} base
   * @param {Map<string, SourceSpec | import('./source.js').Pieces>} given
   * @param {ReadOptions['onProgress']} onProgress
   * @param {AbortSignal} [signal]
   */
  async #readExternal(base, given, onProgress, signal) {
    /** @type {Map<string, import('./source.js').RandomAccess>} */
    const files = new Map();
    try {
      for (;;) {
        const piece = this.#heap.external(this.#model);
        if (!piece) return;
        let file = files.get(piece.location);
        if (!file) {
          const spec = given.get(piece.location) ?? given.get(piece.location.replace(/^\.\//, '')) ?? siblingOf(base, piece.location);
          file = await openPieces(spec, (loaded, total) => onProgress?.({ stage: 'external', loaded, total }), signal);
          files.set(piece.location, file);
        }
        const end = piece.length ? piece.offset + piece.length : file.size;
        if (end > file.size || piece.offset > file.size)
          throw new QuernError('bad-model', `the model wants bytes ${piece.offset} to ${end} of '${piece.location}', but ${file.name} has ${file.size}`);
        for (let at = piece.offset; at < end;) {
          const bytes = await file.read(at, Math.min(EXTERNAL_PIECE, end - at));
          throwIfAborted(signal);
          if (!bytes.length) throw new QuernError('network', `${file.name} broke off at byte ${at}`);
          this.#heap.push(this.#model, bytes);
          at += bytes.length;
          this.bytes += bytes.length;
        }
      }
    } finally {
      for (const file of files.values()) file.close();
    }
  }

  #usable() {
    if (this.#disposed) throw new QuernError('bad-state', 'the model was disposed');
  }

  /**
   * Checks names and data; types and shapes are checked by the core.
   * @param {Record<string, InputValue>} feeds
   * @param {readonly string[] | undefined} wanted
   * @returns {Prepared}
   */
  #prepare(feeds, wanted) {
    this.#usable();
    if (!feeds || typeof feeds !== 'object' || Array.isArray(feeds) || 'data' in feeds && 'dims' in feeds)
      throw new QuernError('bad-argument', `inputs are given by name: { name: tensor }; the model has ${namesOf(this.inputs)}`);
    for (const name of Object.keys(feeds))
      if (!this.inputs.some((p) => p.name === name)) throw new QuernError('bad-argument', `there is no input '${name}'; the model has ${namesOf(this.inputs)}`);
    const values = this.inputs.map(({ name, kind, type, optional, key }, i) => {
      const value = /** @type {any} */ (Object.hasOwn(feeds, name) ? feeds[name] : undefined);
      const what = `input '${name}'`;
      if (kind === 'tensor') {
        if (value !== undefined && value !== null) return toTensor(value, what, type);
        if (optional || this.#states.has(i)) return null;
        throw new QuernError('bad-argument', `${what} is missing; the model has ${namesOf(this.inputs)}`);
      }
      if (kind === 'map' || (key && Array.isArray(value)))
        return { maps: (kind === 'map' ? [value] : value).map((/** @type {any} */ item, /** @type {number} */ k) =>
          toMap(item, kind === 'map' ? what : `${what}, item ${k}`, key ?? 'int64', type)) };
      if (value === undefined && kind === 'sequence') throw new QuernError('bad-argument', `${what} is missing; it is a sequence: give an array of tensors`);
      if (kind === 'sequence' && !Array.isArray(value)) throw new QuernError('bad-type', `${what} is a sequence: expected an array of tensors`);
      const list = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
      return { items: list.map((item, i) => toTensor(item, list === value ? `${what}, item ${i}` : what, type)), nested: kind === 'optional' && list === value };
    });
    const kept = new Set([...this.#states.values()].map((s) => s.output));
    const outputs = wanted ? wanted.map((name) => find(this.outputs, name, 'output')) : this.outputs.map((_, i) => i).filter((i) => !kept.has(i));
    return { values, outputs };
  }

  /**
   * Keeps outputs in the heap as inputs of the next run, which are then neither given nor returned (unless they are asked for by name):
   * { output: input }. Replaces what was bound before.
   * @param {Record<string, string>} pairs
   * @param {BindOptions} [options]
   */
  bind(pairs, { initial = {} } = {}) {
    this.#idle('bind()');
    if (!pairs || typeof pairs !== 'object') throw new QuernError('bad-argument', 'bind() takes pairs of an output and the input that it becomes: { output: input }');
    const states = new Map(Object.entries(pairs).map(([from, to]) => [find(this.inputs, to, 'input'), { output: find(this.outputs, from, 'output'), begun: false }]));
    if (states.size < Object.keys(pairs).length) throw new QuernError('bad-argument', 'two outputs are bound to one input');
    for (const [name, value] of Object.entries(initial)) {
      const i = find(this.inputs, name, 'input'), state = /** @type {any} */ (states.get(i));
      if (!state) throw new QuernError('bad-argument', `there is an initial value for input '${name}', to which no output is bound`);
      const { type } = this.inputs[i];
      state.initial = copyOf(toTensor(Array.isArray(value) ? zeros(type, value) : value, `the initial value of '${name}'`, type));
    }
    const free = () => {
      for (const i of this.#states.keys()) {
        if (this.gpu) this.gpu.forgetState(i);
        else this.#heap.bindState(this.#model, i, -1);
      }
      this.#states = new Map();
    };
    free();
    try {
      for (const [i, state] of states) {
        if (!this.gpu) this.#heap.bindState(this.#model, i, state.output);
        else if (this.inputs[i].kind !== 'tensor' || this.outputs[state.output].type !== this.inputs[i].type) throw new QuernError('bad-type', `output '${this.outputs[state.output].name}' cannot be kept for input '${this.inputs[i].name}'`);
        this.#states.set(i, state);
      }
    } catch (error) {
      free();
      throw error;
    }
  }

  /** The next run begins with the initial state again. */
  reset() {
    this.#idle('reset()');
    for (const state of this.#states.values()) state.begun = false;
  }

  /** Copies of the states that there are, by the names of their inputs; to be given to a run that goes on from there. @returns {any} from the graphics card a promise */
  state() {
    this.#idle('state()');
    const { gpu } = this;
    if (gpu) return this.#inTurn(async () => {
      /** @type {Record<string, any>} */
      const states = {};
      for (const i of this.#states.keys()) if (gpu.stateOf(i)) states[this.inputs[i].name] = await gpu.readState(i); // one after the other: they share a buffer
      return states;
    });
    return Object.fromEntries([...this.#states].filter(([, s]) => s.begun).map(([i]) => [this.inputs[i].name, /** @type {TensorLike} */ (this.#heap.input(this.#model, i))]));
  }

  /** @param {string} what */
  #idle(what) {
    this.#usable();
    if (this.#pending) throw new QuernError('bad-state', `${what} was called while a run of this model is under way; await it first`);
  }

  /**
   * What a state begins with where nothing is said: zeros, in which a dimension of the same name as one of the inputs given has its size
   * and others, such as the length of a cache, are 0.
   * @param {number} i
   * @param {Prepared['values']} values
   */
  #initial(i, values) {
    const { name, type, dims } = this.inputs[i];
    const sizes = Object.fromEntries(this.inputs.flatMap((port, k) => (port.dims ?? []).map((d, axis) => [d, /** @type {any} */ (values[k])?.dims?.[axis]])).filter(([, size]) => size >= 0));
    if (!dims || dims.includes(null))
      throw new QuernError('bad-argument', `input '${name}' is a state of ${describe(type, dims)}: give its shape or contents, bind({ … }, { initial: { '${name}': [ … ] } })`);
    return zeros(type, dims.map((d) => (typeof d === 'number' ? d : sizes[String(d)] ?? 0)));
  }

  /** @param {Prepared} prepared */
  #start({ values }) {
    values.forEach((value, i) => {
      const state = this.#states.get(i);
      if (state?.begun && !value) return this.gpu ? this.#heap.bindShape(this.#model, i, /** @type {any} */ (this.gpu.stateOf(i))) : undefined;
      if (state) this.gpu?.forgetState(i);
      if (state) value ??= state.initial ?? this.#initial(i, values);
      if (value && 'items' in value) this.#heap.bindItems(this.#model, i, this.inputs[i].type, value.items, value.nested);
      else if (value && 'maps' in value) this.#heap.bindMaps(this.#model, i, this.inputs[i].type, value.maps);
      else if (value) this.#heap.bind(this.#model, i, value);
      else this.#heap.unbind(this.#model, i);
      if (state) state.begun = true;
    });
    this.#heap.start(this.#model);
  }

  /** @param {Prepared} prepared @returns {Record<string, any>} */
  #collect({ outputs }) {
    this.runs++;
    return Object.fromEntries(outputs.map((i) => [this.outputs[i].name, this.#heap.output(this.#model, i)]));
  }

  /**
   * Runs in slices, between which the page lives on. Calls made meanwhile wait their turn.
   * @param {Record<string, InputValue>} feeds
   * @param {RunOptions} [options]
   * @returns {Promise<Record<string, any>>} outputs by name: tensors, arrays of them for sequences
   */
  run(feeds, { signal, outputs } = {}) {
    try {
      throwIfAborted(signal);
      const prepared = this.#prepare(feeds, outputs);
      if (this.#pending) prepared.values = /** @type {any} */ (prepared.values.map(copyOf)); // the caller may write into its arrays again
      this.#comeBack();
      if (this.gpu) return this.#inTurn(() => this.#onGpu(prepared, signal));
      return this.#queue(() => this.#start(prepared), () => this.#collect(prepared), signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * A run whose input is written and whose output is read inside the heap.
   * @template T
   * @param {(model: number) => void} fill
   * @param {(model: number) => T} take
   * @param {AbortSignal} [signal]
   */
  drive(fill, take, signal) {
    if (this.gpu) throw new QuernError('unsupported', 'this package reads and writes the memory of its models, which the backend \'gpu\' does not; use \'cpu\'');
    return this.#queue(() => {
      fill(this.#model);
      this.#heap.start(this.#model);
    }, () => {
      this.runs++;
      return take(this.#model);
    }, signal);
  }

  /**
   * @template T
   * @param {() => void} start
   * @param {() => T} collect
   * @param {AbortSignal} [signal]
   * @returns {Promise<T>}
   */
  #queue(start, collect, signal) {
    return this.#inTurn(() => this.#execute(start, collect, signal));
  }

  /** @param {Prepared} prepared @param {AbortSignal | undefined} signal @returns {Promise<Record<string, any>>} */
  async #onGpu(prepared, signal) {
    this.#usable();
    throwIfAborted(signal);
    const { gpu } = this, { values, outputs } = prepared, onCpu = () => this.#execute(() => this.#start(prepared), () => this.#collect(prepared), signal);
    if (!gpu) return onCpu(); // lost by a run before
    try {
      const results = await gpu.run(() => {
        this.#start(prepared);
        return values.flatMap((v, i) => (v || this.#states.has(i) ? [i] : []));
      }, outputs, () => {
        this.#usable();
        throwIfAborted(signal);
      }, this.#states);
      this.runs++;
      return Object.fromEntries(outputs.map((i, k) => [this.outputs[i].name, results[k]]));
    } catch (error) {
      if (this.#disposed || !gpu.lost) throw error;
      const stateful = this.#giveUpGpu(gpu);
      if (stateful) throw new QuernError('bad-state', `${gpu.lost}, and the state of this model with it; the next run begins anew, on the CPU`, { cause: error });
      return onCpu();
    }
  }

  /** The CPU takes over, with the graph and the weights that are in the heap. @param {import('../gpu/executor.js').Executor} gpu @returns whether a state was lost */
  #giveUpGpu(gpu) {
    this.gpuLost = gpu.lost;
    this.gpu = null;
    gpu.dispose();
    let lost = false;
    for (const [i, state] of this.#states) {
      lost ||= state.begun;
      state.begun = false;
      this.#heap.bindState(this.#model, i, state.output);
    }
    this.#gpuMaker?.again?.(this.#heap, this.#model).then((again) => (this.#disposed ? again.dispose() : this.#returning = again), () => {}); // there may never be one
    return lost;
  }

  /** To the graphics card, between two runs, when there is a device again and no state in the heap. */
  #comeBack() {
    if (!this.#returning || this.#pending || [...this.#states.values()].some((s) => s.begun)) return;
    for (const i of this.#states.keys()) this.#heap.bindState(this.#model, i, -1);
    this.gpu = this.#returning;
    this.#returning = null;
    this.gpuLost = '';
  }

  /** @template T @param {() => Promise<T>} go @returns {Promise<T>} */
  #inTurn(go) {
    const turn = this.#pending++ ? this.#last.then(go) : go();
    const leave = () => void this.#pending--;
    this.#last = turn.then(leave, leave);
    return turn;
  }

  /**
   * @template T
   * @param {() => void} start
   * @param {() => T} collect
   * @param {AbortSignal | undefined} signal
   */
  async #execute(start, collect, signal) {
    this.#usable();
    throwIfAborted(signal);
    this.#begin(start);
    while (this.#advance(SLICE_US)) {
      await yieldToEvents();
      this.#usable();
      if (signal?.aborted) {
        this.#heap.cancel(this.#model);
        throwIfAborted(signal);
      }
    }
    return collect();
  }

  /** @param {() => void} start */
  #begin(start) {
    if (this.profile) this.profile.begin(start);
    else start();
  }

  /** @param {number} budget microseconds */
  #advance(budget) {
    return this.profile ? this.profile.advance(this.#heap, this.#model, budget / 1000) : this.#heap.step(this.#model, budget);
  }

  /**
   * Plans a run of these inputs, whose contents do not matter.
   * @param {Record<string, InputValue>} feeds
   */
  plan(feeds) {
    const heap = this.#heap, model = this.#model;
    this.#start(this.#prepare(feeds, []));
    const steps = heap.planSteps(model).map((step) => {
      const { type = '', dims = [] } = heap.stepShape(step, 'output', 0) ?? {};
      return { op: heap.stepOp(step), name: heap.stepName(step), output: heap.stepOutputName(model, step, 0), type, shape: dims };
    });
    const whole = heap.planIsWhole(model);
    heap.cancel(model);
    return { steps, whole };
  }

  /**
   * Runs to the end and hands over each tensor as it is computed.
   * @param {Record<string, InputValue>} feeds
   * @param {(found: { op: string, node: string, output: string, value: ValueLike, channelsLast: boolean }) => boolean | void} look true: stop
   * @param {(name: string) => boolean} wanted which outputs are copied
   * @returns {Record<string, any> | null} the model's outputs; null when it was stopped
   */
  runWatched(feeds, look, wanted) {
    const heap = this.#heap, model = this.#model;
    const prepared = this.#prepare(feeds, undefined);
    this.#start(prepared);
    for (let step; (step = heap.next(model));) {
      const names = [];
      for (let i = 0; i < 64; i++) names.push(heap.stepOutputName(model, step, i));
      heap.stepOne(model);
      for (const [i, name] of names.entries()) {
        const found = name && wanted(name) ? heap.stepOutput(step, i) : null;
        if (found && look({ op: heap.stepOp(step), node: heap.stepName(step), output: name, ...found })) {
          heap.cancel(model);
          return null;
        }
      }
    }
    heap.step(model, 0);
    return this.#collect(prepared);
  }

  /**
   * Runs to the end on this thread.
   * @param {Record<string, InputValue>} feeds
   * @param {{ outputs?: readonly string[] }} [options]
   */
  runSync(feeds, { outputs } = {}) {
    const prepared = this.#prepare(feeds, outputs);
    if (this.gpu) throw new QuernError('unsupported', 'runSync() waits for the end of a run, which a model on the graphics card cannot; use run()');
    if (this.#pending) throw new QuernError('bad-state', 'runSync() was called while a run of this model is under way; await it first');
    this.#begin(() => this.#start(prepared));
    while (this.#advance(0));
    return this.#collect(prepared);
  }

  /** For what fails outside a run. @template T @param {(model: number) => T} use */
  use(use) {
    this.#usable();
    return use(this.#model);
  }

  stats() {
    return this.#heap.stats(this.#model);
  }

  dispose() {
    if (this.#disposed) return;
    this.#disposed = true;
    this.gpu?.dispose();
    this.#returning?.dispose();
    this.#heap.freeModel(this.#model);
  }
}

/** @param {any} value @returns {any} */
function copyOf(value) {
  if (value?.maps) return value; // made for this run
  if (value?.items) return { ...value, items: value.items.map(copyOf) };
  return value && { ...value, data: value.data.slice() };
}
