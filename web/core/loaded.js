// One version of a model in a heap of its own: a session for each of its files, and the task of its package.
import { QuernError } from './errors.js';
import { Heap } from './heap.js';
import { getFeatures } from './runtime.js';
import { Session } from './session.js';
import { Ocr } from '../predict/ocr.js';
import { Vad } from '../predict/vad.js';

/**
 * @typedef {import('./package.js').Package} Package
 * @typedef {import('./session.js').ReadOptions} ReadOptions
 */

export class Loaded {
  heap;
  /** By role; a plain model is "model". @type {Record<string, Session>} */
  sessions = {};
  /** @type {Ocr | Vad | import('../features/task.js').StepsTask | null} */
  task = null;
  name = '';
  version = '';
  /** What of its answers leaves it, and how often. @type {import('../limits/index.js').Limiter | null} */
  limits = null;
  /** Queries that are at work with it. */
  users = 0;
  /** To be disposed when none is. */
  retired = false;

  /** @param {WebAssembly.Module} module @param {import('./threads.js').Threads} [threads] @param {import('./runtime.js').RareSource} [rare] */
  static async create(module, threads, rare) {
    return new Loaded(await Heap.create(module, threads, rare));
  }

  /** @param {Heap} heap */
  constructor(heap) {
    this.heap = heap;
  }

  /** @param {Package} pack @param {ReadOptions & { featuresUrl?: string }} options */
  async readPackage(pack, { onProgress, featuresUrl, ...options }) {
    const { manifest } = pack, { task, features, outputs } = manifest;
    const late = !task && (features || outputs) ? getFeatures(featuresUrl) : undefined;
    const adding = task === 'ocr' ? this.heap.addRare() : undefined; // its arithmetic is there
    adding?.catch(() => {}); // said below
    late?.catch(() => {}); // said when it is awaited
    ({ name: this.name, version: this.version } = manifest);
    this.limits = pack.limits ?? null;
    for (const role of Object.keys(manifest.models)) {
      const { source, externalData } = await pack.open(role);
      this.sessions[role] = await Session.load(this.heap, source, { ...options, externalData, onProgress: (p) => { if (p.stage === 'prepare') onProgress?.(p); } });
    }
    await adding;
    if (task === 'ocr') this.task = await Ocr.create(this.heap, pack, this.sessions);
    else if (task === 'vad') this.task = new Vad(this.heap, pack, this.sessions.model);
    else if (task) throw new QuernError('unsupported', `the package ${this.name} has the task '${task}'; this release knows 'ocr' and 'vad', and steps of features and outputs without a task`);
    else if (late) this.task = await (await late).StepsTask.create(pack, this.only);
  }

  /** The session of a model that has just one, or null. */
  get only() {
    const sessions = Object.values(this.sessions);
    return sessions.length === 1 ? sessions[0] : null;
  }

  /** @template T @param {(loaded: Loaded) => Promise<T>} work @returns {Promise<T>} */
  async use(work) {
    this.users++;
    try {
      return await work(this);
    } finally {
      this.leave();
    }
  }

  /** The other end of users++. */
  leave() {
    this.users--;
    if (this.retired) this.retire();
  }

  /** Gives the memory back when the queries that use it have ended. */
  retire() {
    this.retired = true;
    if (!this.users) this.dispose();
  }

  dispose() {
    /** @type {any} */ (this.task)?.dispose?.();
    for (const session of Object.values(this.sessions)) session.dispose();
    this.heap.drop();
  }
}
