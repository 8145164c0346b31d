// A loaded model or package on this thread.
import { QuernError } from './errors.js';
import { snapshotInput } from './input.js';
import { Loaded } from './loaded.js';
import { isPackage } from './package.js';
import { isNode, isPage, now } from './platform.js';
import { hasRelaxedSimd } from './probe.js';
import { Profile, measurePeak } from './profile.js';
import { getDelivery, getGpu, getModule } from './runtime.js';
import { Session } from './session.js';
import { baseOf, openSource } from './source.js';
import { build, version } from './version.js';

/**
 * @typedef {import('./session.js').Progress} Progress
 * @typedef {import('./session.js').RunOptions} RunOptions
 * @typedef {import('./source.js').SourceSpec} SourceSpec
 * @typedef {import('./heap.js').Port} Port
 * @typedef {import('./tensor.js').InputValue} InputValue
 * @typedef {import('../delivery/delivered.js').Delivered} Delivered
 * @typedef {import('../delivery/delivered.js').DeliveryOptions} DeliveryOptions
 * @typedef {import('../delivery/library.js').DeliveryEvent} DeliveryEvent
 * module: compiled already (in a worker, by the page that started it); deliveryUrl, featuresUrl, rare: from there too. deterministic: the same bits on every machine.
 * integrity: of a plain model, "sha256-" and the base64 of its hash. onEvent: what happens to a package while it is used.
 * @typedef {{ signal?: AbortSignal, onProgress?: (progress: Progress) => void, externalData?: Map<string, SourceSpec>, deterministic?: boolean, integrity?: string,
 *   module?: WebAssembly.Module, threads?: import('./threads.js').Threads, whereReason?: string, skipPasses?: number, delivery?: DeliveryOptions,
 *   deliveryUrl?: string, featuresUrl?: string, gpuUrl?: string, backend?: 'auto' | 'cpu' | 'gpu', rare?: import('./runtime.js').RareSource, onEvent?: (event: DeliveryEvent) => void }} LocalOptions
 * @typedef {{ version: string, build: string, variant: string, rare: boolean, backend: 'cpu' | 'gpu', backendReason: string, gpu?: GpuFacts, threads: number, threadsReason: string, helped: number,
 *   where: 'page' | 'worker' | 'node', whereReason: string, url: string, name: string, modelVersion: string, heapBytes: number, runs: number,
 *   lastMs: number, stats: Record<string, Record<string, number>>, bytes: number, peakBytes: number, plan: Plan, missing: string[],
 *   delivery?: import('../delivery/delivered.js').DeliveryFacts, profile?: Record<string, import('./profile.js').ProfileTable> }} Report
 * What the last run did on the graphics card. islands: steps that ran on the CPU, and why.
 * @typedef {{ adapter: import('../gpu/device.js').AdapterFacts, dispatches: number, uploaded: number, downloaded: number, submissions: number, replayed: boolean, islands: string[], buffers: number, bufferBytes: number }} GpuFacts
 * rare: the second wasm file is in use. threads: at work now, this one among them; helped: how often the others took a part. bytes: of the model's files. heapBytes: WebAssembly memory now; peakBytes: at most so far. missing: what this browser or page lacks that would help.
 * nodes: operators that run, of nodesInFile; segments: plans made for the shapes seen; weightBytes: constants held; arenaBytes: activations.
 * @typedef {{ nodes: number, nodesInFile: number, segments: number, parameters: number, weightBytes: number, arenaBytes: number }} Plan
 * profile of a report: by role, where the time of the runs since it was first asked for went.
 * @typedef {{ meta?: boolean, signal?: AbortSignal }} PredictOptions
 */

export class LocalModel {
  #source;
  #whereReason;
  /** A plain model, or the version of a package that a report was last made of. @type {Loaded | null} */
  #loaded = null;
  /** @type {Delivered | null} */
  #delivered = null;
  /** The version that a bound state belongs to, which stays until it is unbound. @type {Loaded | null} */
  #bound = null;
  #disposed = false;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  #lastMs = 0;
  #peakBytes = 0;
  /** @type {string[] | undefined} */
  #missing;
  /** The graphics device, when it computes. @type {import('../gpu/device.js').Context | null} */
  #gpu = null;
  /** Of the last moment before disposal. @type {Record<string, Record<string, number>>} */
  #stats = {};

  /**
   * @param {SourceSpec} source
   * @param {LocalOptions} [options]
   */
  static async load(source, options = {}) {
    const model = new LocalModel(source, options.whereReason);
    const compiling = options.module ? Promise.resolve(options.module) : getModule(options.deterministic, options.threads);
    compiling.catch(() => {}); // said when it is awaited
    try {
      const gpu = options.backend === 'gpu' ? await model.#openGpu(options.gpuUrl) : undefined;
      if (isPackage(source)) await model.#readPackage(options, compiling, gpu);
      else await model.#readFile(options, compiling, gpu);
      return model;
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /** @param {SourceSpec} source @param {string} [whereReason] */
  constructor(source, whereReason = '') {
    this.#source = source;
    this.#whereReason = whereReason;
  }

  /** @param {string} [url] @returns {Promise<import('./session.js').GpuMaker>} */
  async #openGpu(url) {
    const { build: made, context, executor } = await getGpu(url);
    if (made !== build) throw new QuernError('unavailable', `the JavaScript is of build ${build}, gpu.js of build ${made}: publish the files of one release together`);
    const device = this.#gpu = await context();
    return Object.assign((/** @type {import('./heap.js').Heap} */ heap, /** @type {number} */ model) => executor(device, heap, model), {
      again: async (/** @type {import('./heap.js').Heap} */ heap, /** @type {number} */ model) => executor(this.#gpu = await context(), heap, model),
    });
  }

  /** @param {Session[]} sessions @returns {GpuFacts} */
  #gpuFacts(sessions) {
    const { facts, pool } = /** @type {import('../gpu/device.js').Context} */ (this.#gpu), last = sessions[0]?.gpu?.facts;
    return { adapter: facts, ...(last ?? { dispatches: 0, uploaded: 0, downloaded: 0, submissions: 0, replayed: false, islands: [] }), buffers: pool.count, bufferBytes: pool.bytes };
  }

  /** @param {LocalOptions} options @param {Promise<WebAssembly.Module>} compiling @param {import('./session.js').GpuMaker} [gpu] */
  async #readFile({ integrity, ...options }, compiling, gpu) {
    const source = integrity ? await (await getDelivery(options.deliveryUrl)).verifiedFile(this.#source, integrity, options) : this.#source;
    // the model's download begins while the wasm is fetched and compiled
    const opening = source.kind === 'url' ? openSource(source, options.signal) : undefined;
    opening?.catch(() => {});
    try {
      this.#loaded = await Loaded.create(await compiling, options.threads, options.rare);
      this.#loaded.sessions.model = await Session.load(this.#loaded.heap, source, { ...options, gpu, opened: await opening });
    } catch (error) {
      opening?.then(({ cancel }) => cancel(), () => {});
      throw error;
    }
  }

  /** @param {LocalOptions} options @param {Promise<WebAssembly.Module>} compiling @param {import('./session.js').GpuMaker} [gpu] */
  async #readPackage({ deliveryUrl, featuresUrl, signal, onProgress, onEvent, delivery, skipPasses, threads, rare }, compiling, gpu) {
    const { Delivered } = await getDelivery(deliveryUrl);
    this.#delivered = await Delivered.open(this.#source, { ...delivery, signal, onProgress, onEvent }, async (pack, how) => {
      const loaded = await Loaded.create(await compiling, threads, rare);
      try {
        await loaded.readPackage(pack, { ...how, featuresUrl, skipPasses, gpu });
        return loaded;
      } catch (error) {
        loaded.dispose();
        throw error;
      }
    });
  }

  get #now() {
    if (this.#disposed) throw new QuernError('bad-state', 'the model was disposed');
    const newest = this.#delivered?.current;
    return this.#loaded = this.#bound ?? newest ?? /** @type {Loaded} */ (this.#loaded);
  }

  /** The version for a call that its publisher may have closed. @param {string} method */
  #open(method) {
    const loaded = this.#now;
    loaded.limits?.enter(method);
    return loaded;
  }

  /** @returns {Port[]} of a model that is one file */
  get inputs() {
    return this.#ports().inputs;
  }

  /** @returns {Port[]} */
  get outputs() {
    return this.#ports().outputs;
  }

  #ports() {
    const loaded = this.#delivered?.newest ?? this.#loaded;
    return loaded?.only ?? { inputs: [], outputs: [] };
  }

  /** @param {Loaded} loaded */
  #session({ only, sessions }) {
    if (!only) throw new QuernError('bad-argument', `the package has ${Object.keys(sessions).length} models (${Object.keys(sessions).join(', ')}): use predict()`);
    return only;
  }

  /**
   * Does it with the version that is the newest now, to the end.
   * @template T
   * @param {string} method
   * @param {(loaded: Loaded) => Promise<T>} work
   * @returns {Promise<{ value: T, version: string }>}
   */
  async #query(method, work) {
    const delivered = this.#delivered;
    if (delivered) await delivered.ready(); // a plain model's run begins at once
    const loaded = this.#now, start = now();
    loaded.limits?.enter(method);
    try {
      const value = await loaded.use(work);
      this.#lastMs = now() - start;
      delivered?.answered(loaded);
      return { value, version: loaded.version };
    } catch (error) {
      if (this.#disposed) throw error;
      const rescued = await delivered?.failed(loaded, error, (before) => before.use(work));
      if (rescued) return { value: rescued.value, version: this.#now.version };
      throw error;
    }
  }

  /**
   * Tensors in, tensors out.
   * @param {Record<string, InputValue>} feeds
   * @param {RunOptions} [options]
   * @returns {Promise<Record<string, any>>} outputs by name; with meta: { outputs, version, ms }
   */
  async run(feeds, options = {}) {
    if (this.#disposed) throw new QuernError('bad-state', 'the model was disposed');
    const { value: outputs, version } = await this.#query('run', async (loaded) => {
      const found = await this.#session(loaded).run(feeds, options);
      return loaded.limits?.outputs(found) ?? found;
    });
    return options.meta ? { outputs, version, ms: this.#lastMs } : outputs;
  }

  /**
   * @param {Record<string, InputValue>} feeds
   * @param {{ outputs?: readonly string[] }} [options]
   * @returns {Record<string, any>}
   */
  runSync(feeds, options) {
    const start = now(), loaded = this.#open('runSync');
    const found = this.#session(loaded).runSync(feeds, options), outputs = loaded.limits?.outputs(found) ?? found;
    this.#lastMs = now() - start;
    this.#delivered?.answered(loaded);
    return outputs;
  }

  /**
   * Outputs that are inputs of the next run stay in the heap, as caches and recurrent state do: { output: input }. They are then neither
   * given to run() nor returned by it; where one is given, the run begins with that. A package keeps to the version it has now until
   * bind({}).
   * @param {Record<string, string>} pairs none: nothing is bound any more
   * @param {import('./session.js').BindOptions} [options]
   */
  bind(pairs, options) {
    const loaded = this.#open('bind');
    this.#session(loaded).bind(pairs, options);
    const bound = Object.keys(pairs).length ? loaded : null;
    if (bound === this.#bound) return;
    if (bound) bound.users++;
    else this.#bound?.leave();
    this.#bound = bound;
  }

  /** The next run begins with the initial state. */
  reset() {
    this.#session(this.#now).reset();
  }

  /** A copy of the state, by input; none before the first run. @returns {Record<string, import('./tensor.js').TensorLike>} */
  state() {
    return this.#session(this.#open('state')).state();
  }

  /**
   * What the package is for: picture, sound, text or rows in, answers out.
   * @param {import('./input.js').Input} input
   * @param {PredictOptions} [options]
   * @returns {Promise<any>} answers; with meta: { answers, version, ms }
   */
  async predict(input, options) {
    return this.predictSnapshot(await snapshotInput(input), options);
  }

  /**
   * What the steps of a package make of an input: the tensors that its model would get.
   * @param {import('./input.js').Input} input
   * @returns {Promise<Record<string, import('./tensor.js').TensorLike>>}
   */
  async features(input) {
    return this.featuresSnapshot(await snapshotInput(input));
  }

  /** @param {import('./input.js').InputSpec} input used up @returns {Promise<any>} */
  featuresSnapshot(input) {
    return this.#inTurn(async () => (await this.#query('features', async ({ task }) => {
      if (!task || !('features' in task)) throw new QuernError('bad-argument', 'features() needs a package whose manifest has steps');
      return task.features(input);
    })).value);
  }

  /** One after the other. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  #inTurn(work) {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /**
   * @param {import('./input.js').InputSpec} input used up
   * @param {PredictOptions} [options]
   * @returns {Promise<any>}
   */
  predictSnapshot(input, { meta = false, signal } = {}) {
    return this.#inTurn(async () => {
      const { value: answers, version } = await this.#query('predict', async ({ task, limits }) => {
        if (!task) throw new QuernError('bad-argument', 'predict() needs a package, whose manifest says what goes in and out; this is a plain model: use run()');
        const found = await task.predict(input, signal);
        return limits?.answers(found) ?? found;
      });
      return meta ? { answers, version, ms: this.#lastMs } : answers;
    });
  }

  /** Asks for a newer version of the package now. @returns {Promise<boolean>} whether there is one, which the next query uses */
  async update() {
    return this.#delivered?.update() ?? false;
  }

  /**
   * profile: from the first call with it on, runs are timed node by node, and the report has the times of the runs since.
   * @param {{ profile?: boolean }} [options]
   * @returns {Report}
   */
  report({ profile = false } = {}) {
    const disposed = this.#disposed;
    const { sessions, heap, name, version: modelVersion } = /** @type {Loaded} */ (this.#loaded = (disposed ? null : this.#bound ?? this.#delivered?.newest) ?? this.#loaded);
    const list = Object.values(sessions);
    if (!disposed) {
      this.#stats = Object.fromEntries(Object.entries(sessions).map(([role, s]) => [role, s.stats()]));
      this.#peakBytes = heap.bytes; // wasm memory never shrinks
    }
    const sum = (/** @type {string} */ key) => Object.values(this.#stats).reduce((n, stats) => n + stats[key], 0);
    if (profile && list.some((s) => !s.profile)) {
      const peak = disposed ? undefined : measurePeak(heap);
      for (const s of list) s.profile ??= new Profile(peak);
    }
    return {
      version, build, variant: heap.variant, rare: heap.isRare,
      backend: list.some((s) => s.gpu) ? 'gpu' : 'cpu', ...(this.#gpu && { gpu: this.#gpuFacts(list) }),
      backendReason: this.#gpu ? list.find((s) => s.gpuLost)?.gpuLost ?? "backend: 'gpu'" : "the CPU computes unless backend: 'gpu' is asked for",
      threads: heap.threads, threadsReason: heap.threadsReason, helped: heap.helped,
      where: isNode ? 'node' : isPage ? 'page' : 'worker', whereReason: this.#whereReason,
      url: baseOf(this.#source), name, modelVersion,
      heapBytes: disposed ? 0 : this.#peakBytes, peakBytes: this.#peakBytes,
      bytes: list.reduce((n, s) => n + s.bytes, 0),
      plan: { nodes: sum('nodes'), nodesInFile: sum('nodesInFile'), segments: sum('plans'), parameters: sum('parameters'), weightBytes: sum('weightBytes'), arenaBytes: sum('arenaBytes') },
      missing: this.#missing ??= missingFeatures(heap.variant),
      runs: list.reduce((n, s) => n + s.runs, 0), lastMs: this.#lastMs,
      stats: disposed ? {} : this.#stats,
      ...(this.#delivered && { delivery: this.#delivered.facts() }),
      ...(profile ? { profile: Object.fromEntries(Object.entries(sessions).map(([role, s]) => [role, /** @type {Profile} */ (s.profile).table()])) } : {}),
    };
  }

  /**
   * A run in which each tensor is shown as it is computed, for comparisons: see Session.runWatched.
   * @param {Parameters<Session['runWatched']>} args
   */
  runWatched(...args) {
    return this.#session(this.#open('runWatched')).runWatched(...args);
  }

  /** Gives the memory back. A second call does nothing, later calls of other methods fail. */
  dispose() {
    if (this.#disposed) return;
    this.#loaded = this.#bound ?? this.#delivered?.newest ?? this.#loaded;
    this.#peakBytes = this.#loaded?.heap.bytes ?? 0;
    this.#disposed = true;
    this.#delivered?.dispose();
    this.#loaded?.dispose();
  }

  [/** @type {any} */ (Symbol).dispose ?? Symbol('dispose')]() {
    this.dispose();
  }
}

/** @param {string} variant the build in use */
function missingFeatures(variant) {
  const missing = [];
  if (variant !== 'relaxed') missing.push(hasRelaxedSimd() ? 'relaxed SIMD: it is there, but the build without it was chosen' : 'relaxed SIMD: this engine has none, or is of before 2025, which costs up to half of the speed');
  if (!isNode && !globalThis.crossOriginIsolated) missing.push('cross-origin isolation: without it there is no shared memory for threads');
  if (!isNode && !(/** @type {any} */ (globalThis.navigator)?.gpu)) missing.push('WebGPU: this browser has none');
  return missing;
}
