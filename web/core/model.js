// A loaded model or package on this thread.
import { snapshotAudio } from './audio.js';
import { QuernError } from './errors.js';
import { Heap } from './heap.js';
import { snapshotImage } from './image.js';
import { expectedOf, fileOf, manifestOf, readManifest, sizeOf } from './package.js';
import { isNode, isPage, now } from './platform.js';
import { hasRelaxedSimd } from './probe.js';
import { Profile } from './profile.js';
import { getModule } from './runtime.js';
import { Session } from './session.js';
import { baseOf, openSource } from './source.js';
import { build, version } from './version.js';
import { Ocr } from '../predict/ocr.js';
import { Vad } from '../predict/vad.js';

/**
 * @typedef {import('./session.js').Progress} Progress
 * @typedef {import('./session.js').RunOptions} RunOptions
 * @typedef {import('./source.js').SourceSpec} SourceSpec
 * @typedef {import('./image.js').ImageSpec} ImageSpec
 * @typedef {import('./heap.js').Port} Port
 * @typedef {import('./tensor.js').InputValue} InputValue
 * @typedef {import('./package.js').Package} Package
 * module: compiled already (in a worker, by the page that started it). deterministic: the same bits on every machine.
 * @typedef {{ signal?: AbortSignal, onProgress?: (progress: Progress) => void, externalData?: Map<string, SourceSpec>, deterministic?: boolean,
 *   module?: WebAssembly.Module, threads?: import('./threads.js').Threads, whereReason?: string, skipPasses?: number }} LocalOptions
 * @typedef {{ version: string, build: string, variant: string, backend: 'cpu', backendReason: string, threads: number, threadsReason: string, helped: number,
 *   where: 'page' | 'worker' | 'node', whereReason: string, url: string, name: string, modelVersion: string, heapBytes: number, runs: number,
 *   lastMs: number, stats: Record<string, Record<string, number>>, bytes: number, peakBytes: number, plan: Plan, missing: string[],
 *   profile?: Record<string, import('./profile.js').ProfileTable> }} Report
 * threads: at work now, this one among them; helped: how often the others took a part. bytes: of the model's files. heapBytes: WebAssembly memory now; peakBytes: at most so far. missing: what this browser or page lacks that would help.
 * nodes: operators that run, of nodesInFile; segments: plans made for the shapes seen; weightBytes: constants held; arenaBytes: activations.
 * @typedef {{ nodes: number, nodesInFile: number, segments: number, parameters: number, weightBytes: number, arenaBytes: number }} Plan
 * profile of a report: by role, where the time of the runs since it was first asked for went.
 * @typedef {{ meta?: boolean, signal?: AbortSignal }} PredictOptions
 */

export class LocalModel {
  #heap;
  #source;
  /** By role; a plain model is "model". @type {Record<string, Session>} */
  #sessions = {};
  /** @type {Package | null} */
  #package = null;
  /** @type {Ocr | Vad | null} */
  #task = null;
  #disposed = false;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  #lastMs = 0;
  #peakBytes = 0;
  /** @type {string[] | undefined} */
  #missing;
  /** Of the last moment before disposal. @type {Record<string, Record<string, number>>} */
  #stats = {};
  #whereReason;

  /**
   * @param {SourceSpec} source
   * @param {LocalOptions} [options]
   */
  static async load(source, options = {}) {
    // the model's download begins while the wasm is fetched and compiled
    const opening = source.kind === 'url' && !manifestOf(source) ? openSource(source, options.signal) : undefined;
    opening?.catch(() => {}); // said when it is awaited
    let model;
    try {
      model = new LocalModel(await Heap.create(options.module ?? await getModule(options.deterministic, options.threads), options.threads), source, options.whereReason);
      await model.#read({ ...options, opened: await opening });
      return model;
    } catch (error) {
      opening?.then(({ cancel }) => cancel(), () => {});
      model?.dispose();
      throw error;
    }
  }

  /** @param {Heap} heap @param {SourceSpec} source @param {string} [whereReason] */
  constructor(heap, source, whereReason = '') {
    this.#whereReason = whereReason;
    this.#heap = heap;
    this.#source = source;
    /** @type {Port[]} */
    this.inputs = [];
    /** @type {Port[]} */
    this.outputs = [];
  }

  /** @param {LocalOptions & { opened?: import('./source.js').Opened }} options */
  async #read(options) {
    const manifest = manifestOf(this.#source);
    if (!manifest) {
      this.#sessions.model = await Session.load(this.#heap, this.#source, options);
    } else {
      const pack = await readManifest(manifest, options.signal);
      this.#package = pack;
      const entries = Object.entries(pack.manifest.models);
      const total = entries.reduce((n, [, entry]) => n + (sizeOf(entry) ?? NaN), 0) || 0;
      let before = 0;
      for (const [role, entry] of entries) {
        const onProgress = total ? (/** @type {Progress} */ p) => options.onProgress?.({ stage: p.stage, loaded: before + p.loaded, total }) : options.onProgress;
        this.#sessions[role] = await Session.load(this.#heap, fileOf(pack, entry), { ...options, onProgress, expected: expectedOf(entry) });
        before += sizeOf(entry) ?? 0;
      }
      if (pack.manifest.task === 'ocr') this.#task = await Ocr.create(this.#heap, pack, this.#sessions, options.signal);
      else if (pack.manifest.task === 'vad') this.#task = new Vad(this.#heap, pack, this.#sessions.model);
      else if (pack.manifest.task) throw new QuernError('unsupported', `the package ${pack.manifest.name} has the task '${pack.manifest.task}'; this release knows 'ocr' and 'vad'`);
    }
    const main = this.#only();
    if (main) ({ inputs: this.inputs, outputs: this.outputs } = main);
  }

  /** The session of a model that has just one. */
  #only() {
    const sessions = Object.values(this.#sessions);
    return sessions.length === 1 ? sessions[0] : null;
  }

  #session() {
    if (this.#disposed) throw new QuernError('bad-state', 'the model was disposed');
    const session = this.#only();
    if (!session) throw new QuernError('bad-argument', `the package has ${Object.keys(this.#sessions).length} models (${Object.keys(this.#sessions).join(', ')}): use predict()`);
    return session;
  }

  /**
   * Tensors in, tensors out.
   * @param {Record<string, InputValue>} feeds
   * @param {RunOptions} [options]
   * @returns {Promise<Record<string, any>>}
   */
  async run(feeds, options) {
    const start = now();
    const outputs = await this.#session().run(feeds, options);
    this.#lastMs = now() - start;
    return outputs;
  }

  /**
   * @param {Record<string, InputValue>} feeds
   * @param {{ outputs?: readonly string[] }} [options]
   * @returns {Record<string, any>}
   */
  runSync(feeds, options) {
    const start = now();
    const outputs = this.#session().runSync(feeds, options);
    this.#lastMs = now() - start;
    return outputs;
  }

  /**
   * Outputs that are inputs of the next run stay in the heap, as caches and recurrent state do: { output: input }. They are then neither
   * given to run() nor returned by it; where one is given, the run begins with that.
   * @param {Record<string, string>} pairs none: nothing is bound any more
   * @param {import('./session.js').BindOptions} [options]
   */
  bind(pairs, options) {
    this.#session().bind(pairs, options);
  }

  /** The next run begins with the initial state. */
  reset() {
    this.#session().reset();
  }

  /** A copy of the state, by input; none before the first run. @returns {Record<string, import('./tensor.js').TensorLike>} */
  state() {
    return this.#session().state();
  }

  /**
   * What the package is for: picture or sound in, answers out.
   * @param {import('./image.js').ImageInput | import('./audio.js').AudioInput} input
   * @param {PredictOptions} [options]
   * @returns {Promise<any>} answers; with meta: { answers, version, ms }
   */
  async predict(input, options) {
    return this.predictSnapshot(snapshotAudio(input) ?? await snapshotImage(/** @type {any} */ (input)), options);
  }

  /**
   * @param {ImageSpec | import('./audio.js').AudioSpec} input used up
   * @param {PredictOptions} [options]
   * @returns {Promise<any>}
   */
  predictSnapshot(input, { meta = false, signal } = {}) {
    const turn = this.#last.then(async () => {
      if (this.#disposed) throw new QuernError('bad-state', 'the model was disposed');
      if (!this.#task) throw new QuernError('bad-argument', 'predict() needs a package, whose manifest says what goes in and out; this is a plain model: use run()');
      const start = now();
      const answers = await this.#task.predict(input, signal);
      this.#lastMs = now() - start;
      return meta ? { answers, version: this.#package?.manifest.version ?? '', ms: this.#lastMs } : answers;
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  /**
   * profile: from the first call with it on, runs are timed node by node, and the report has the times of the runs since.
   * @param {{ profile?: boolean }} [options]
   * @returns {Report}
   */
  report({ profile = false } = {}) {
    const sessions = Object.entries(this.#sessions);
    const disposed = this.#disposed;
    if (!disposed) {
      this.#stats = Object.fromEntries(sessions.map(([role, s]) => [role, s.stats()]));
      this.#peakBytes = this.#heap.bytes; // wasm memory never shrinks
    }
    const sum = (/** @type {string} */ name) => Object.values(this.#stats).reduce((n, stats) => n + stats[name], 0);
    if (profile) for (const [, s] of sessions) s.profile ??= new Profile();
    return {
      version, build, variant: this.#heap.variant,
      backend: 'cpu', backendReason: 'this release computes on the CPU',
      threads: this.#heap.threads, threadsReason: this.#heap.threadsReason, helped: this.#heap.helped,
      where: isNode ? 'node' : isPage ? 'page' : 'worker', whereReason: this.#whereReason,
      url: this.#package?.base ?? baseOf(this.#source),
      name: this.#package?.manifest.name ?? '', modelVersion: this.#package?.manifest.version ?? '',
      heapBytes: disposed ? 0 : this.#peakBytes, peakBytes: this.#peakBytes,
      bytes: sessions.reduce((n, [, s]) => n + s.bytes, 0),
      plan: { nodes: sum('nodes'), nodesInFile: sum('nodesInFile'), segments: sum('plans'), parameters: sum('parameters'), weightBytes: sum('weightBytes'), arenaBytes: sum('arenaBytes') },
      missing: this.#missing ??= missingFeatures(this.#heap.variant),
      runs: sessions.reduce((n, [, s]) => n + s.runs, 0), lastMs: this.#lastMs,
      stats: disposed ? {} : this.#stats,
      ...(profile ? { profile: Object.fromEntries(sessions.map(([role, s]) => [role, /** @type {Profile} */ (s.profile).table()])) } : {}),
    };
  }

  /**
   * A run in which each tensor is shown as it is computed, for comparisons: see Session.runWatched.
   * @param {Parameters<Session['runWatched']>} args
   */
  runWatched(...args) {
    return this.#session().runWatched(...args);
  }

  /** Gives the memory back. A second call does nothing, later calls of other methods fail. */
  dispose() {
    if (this.#disposed) return;
    this.#peakBytes = this.#heap.bytes;
    this.#disposed = true;
    for (const session of Object.values(this.#sessions)) session.dispose();
    this.#heap.drop();
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
