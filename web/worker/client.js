// A model in a worker, with the face of LocalModel.
import { QuernError, abortable, errorFromData, messageOf, throwIfAborted } from '../core/errors.js';
import { TAINTED } from '../core/image.js';
import { snapshotInput, transferOfInput } from '../core/input.js';
import { isPackage } from '../core/package.js';
import { deliveryUrl, featuresUrl, gpuUrl, getModule, rareSource } from '../core/runtime.js';
import { headStart } from '../core/source.js';
import { buffersOf } from './protocol.js';
import { startWorker } from './start.js';

/**
 * @typedef {import('./protocol.js').ToWorker} ToWorker
 * @typedef {import('./protocol.js').FromWorker} FromWorker
 * @typedef {import('./protocol.js').Report} Report
 * @typedef {import('../core/source.js').SourceSpec} SourceSpec
 * @typedef {import('../core/tensor.js').InputValue} InputValue
 * @typedef {{ resolve: (reply: Extract<FromWorker, { op: 'done' }>) => void, reject: (error: unknown) => void,
 *   onProgress?: (progress: import('./protocol.js').Progress) => void }} Waiting
 * @typedef {{ signal?: AbortSignal, onProgress?: Waiting['onProgress'], externalData: Map<string, SourceSpec>, deterministic?: boolean, backend?: 'auto' | 'cpu' | 'gpu',
 *   threads?: import('../core/threads.js').Threads, shapes?: Record<string, readonly number[]>, onEvent?: (event: import('../delivery/library.js').DeliveryEvent) => void }
 *   & Pick<import('../core/model.js').LocalOptions, 'integrity' | 'delivery'>} LoadOptions
 */

/** Sends copies: what the caller gave stays usable. @param {any} value @returns {any} */
function copyOf(value) {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!value || typeof value !== 'object') return value;
  const { type, dims, data } = value;
  return data && typeof data === 'object' ? { type, dims, data: ArrayBuffer.isView(data) ? /** @type {any} */ (data).slice() : data } : value;
}

/** @param {SourceSpec} source @returns {SourceSpec} */
const sendable = (source) => (source.kind === 'bytes' ? { kind: 'bytes', bytes: source.bytes.slice() } : source);

/** @param {SourceSpec} source @returns {Transferable[]} */
const transferOf = (source) => (source.kind === 'bytes' ? [/** @type {ArrayBuffer} */ (source.bytes.buffer)] : source.kind === 'stream' ? [source.stream] : []);

export class WorkerModel {
  #worker;
  #profiled = false;
  /** @type {LoadOptions['onEvent']} */
  #onEvent;
  #next = 1;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  /** @type {Report | undefined} */
  #report;
  /** Why no call is possible any more. */
  #dead = '';

  /**
   * Fails with NoWorker when there can be none; the source was not touched then.
   * @param {SourceSpec} source
   * @param {LoadOptions} options
   */
  static async load(source, options) {
    const { model, give } = await WorkerModel.#start(source, options);
    try {
      await give('load');
      return model;
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /**
   * What is in a model. Fails as load() does.
   * @param {SourceSpec} source
   * @param {LoadOptions} options
   * @returns {Promise<import('../core/inspect.js').Inspection>}
   */
  static async inspect(source, options) {
    const { model, give } = await WorkerModel.#start(source, options);
    try {
      return await give('inspect');
    } finally {
      model.dispose();
    }
  }

  /**
   * A worker, and a function that hands the source over to it.
   * @param {SourceSpec} source
   * @param {LoadOptions} options
   */
  static async #start(source, { backend, signal, onProgress, onEvent, externalData, deterministic, threads, shapes, integrity, delivery: { decryptionKey: ask, ...delivery } = {} }) {
    /** @type {import('../delivery/delivered.js').DeliveryOptions} */
    const sending = delivery, ports = ask ? [sending.decryptionKey = portOf(/** @type {any} */ (ask))] : [];
    const how = { integrity, delivery, deliveryUrl: deliveryUrl(), featuresUrl: featuresUrl(), backend, ...(backend === 'gpu' && { gpuUrl: gpuUrl() }) };
    // all start at once
    const starting = startWorker();
    const beginning = new AbortController(); // the caller's signal reaches the worker by a message, which a broken stream would overtake
    const begun = source.kind === 'url' && !isPackage(source) && !how.integrity && canTransferStreams() ? headStart(source, beginning.signal) : null;
    const [module, worker, early, rare] = await abortable(Promise.all([getModule(deterministic, threads), starting, begun, rareSource()]), signal).catch((error) => {
      starting.then((w) => w.terminate(), () => {});
      beginning.abort();
      throw error;
    });
    const model = new WorkerModel(worker);
    model.#onEvent = onEvent;
    const external = new Map([...externalData].map(([name, spec]) => [name, sendable(spec)]));
    let sent = early ?? sendable(source);
    if (sent.kind === 'stream' && !canTransferStreams()) {
      const { total, exact, url, stream } = sent;
      const bytes = new Uint8Array(await abortable(new Response(stream).arrayBuffer(), signal));
      if (exact && bytes.length < total) throw new QuernError('network', `${url || 'the given stream'} broke off after ${bytes.length} of ${total} bytes`);
      sent = { kind: 'bytes', bytes };
    }
    const give = (/** @type {'load' | 'inspect'} */ op) =>
      model.#ask({ op, id: 0, source: sent, module, threads: threads && { ...threads, start: undefined }, externalData: external, how: { ...how, rare }, shapes }, [...ports, ...[sent, ...external.values()].flatMap(transferOf)], signal, onProgress);
    return { model, give };
  }

  /** @param {Worker} worker */
  constructor(worker) {
    this.#worker = worker;
    /** @type {import('../core/heap.js').Port[]} */
    this.inputs = [];
    /** @type {import('../core/heap.js').Port[]} */
    this.outputs = [];
    worker.onmessage = ({ data }) => this.#receive(data);
    worker.onerror = (event) => this.#end(`the worker failed: ${event.message || 'unknown error'}`, 'internal');
    worker.onmessageerror = () => this.#end('a message of the worker could not be read', 'internal');
  }

  /** @param {FromWorker} message */
  #receive(message) {
    if (message.op === 'ready') return;
    if (message.op === 'event') return this.#onEvent?.(message.event);
    const waiting = this.#waiting.get(message.id);
    if (message.op === 'progress') return waiting?.onProgress?.(message.progress);
    this.#waiting.delete(message.id);
    if (message.op === 'failed') return waiting?.reject(errorFromData(message.error));
    this.#report = message.report ?? this.#report;
    this.inputs = message.inputs;
    this.outputs = message.outputs;
    waiting?.resolve(message);
  }

  /** @param {string} why @param {import('../core/errors.js').QuernErrorCode} code */
  #end(why, code) {
    if (this.#dead) return;
    this.#dead = why;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(new QuernError(code, why));
    this.#waiting.clear();
  }

  /**
   * @param {Exclude<ToWorker, { op: 'abort' }>} message its id is set here
   * @param {Transferable[]} transfer
   * @param {AbortSignal | undefined} signal
   * @param {Waiting['onProgress']} [onProgress]
   * @returns {Promise<any>}
   */
  async #ask(message, transfer, signal, onProgress) {
    if (this.#dead) throw new QuernError('bad-state', this.#dead);
    throwIfAborted(signal);
    const id = message.id = this.#next++;
    const abort = () => this.#worker.postMessage(/** @type {ToWorker} */ ({ op: 'abort', id }));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const { value } = await new Promise((/** @type {Waiting['resolve']} */ resolve, reject) => {
        this.#waiting.set(id, { resolve, reject, onProgress });
        this.#worker.postMessage(message, transfer);
      });
      return value;
    } catch (cause) {
      this.#waiting.delete(id);
      if (cause instanceof QuernError) throw cause;
      throw new QuernError('bad-argument', `the arguments cannot be sent to the worker: ${messageOf(cause)}`, { cause });
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /**
   * @param {Record<string, InputValue>} feeds
   * @param {import('../core/session.js').RunOptions} [options]
   * @returns {Promise<Record<string, any>>}
   */
  async run(feeds, { signal, outputs, meta = false } = {}) {
    const copies = feeds && typeof feeds === 'object' ? Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, copyOf(value)])) : feeds;
    return this.#ask({ op: 'run', id: 0, feeds: copies, outputs, meta }, buffersOf(copies), signal);
  }

  /** @param {Record<string, string>} pairs @param {import('../core/session.js').BindOptions} [options] @returns {Promise<void>} */
  bind(pairs, options) {
    return this.#ask({ op: 'bind', id: 0, pairs, options }, [], undefined);
  }

  /** @returns {Promise<void>} */
  reset() {
    return this.#ask({ op: 'reset', id: 0 }, [], undefined);
  }

  /** @returns {Promise<Record<string, import('../core/tensor.js').TensorLike>>} */
  state() {
    return this.#ask({ op: 'state', id: 0 }, [], undefined);
  }

  /** @returns {never} */
  runSync() {
    throw new QuernError('bad-state', 'runSync() needs the model on this thread: load it with { worker: false }');
  }

  /**
   * @param {import('../core/input.js').Input} input
   * @param {import('../core/model.js').PredictOptions} [options]
   * @returns {Promise<any>}
   */
  async predict(input, { meta = false, signal } = {}) {
    return this.#give('predict', await snapshotInput(input), meta, signal);
  }

  /** @param {import('../core/input.js').Input} input @returns {Promise<Record<string, import('../core/tensor.js').TensorLike>>} */
  async features(input) {
    return this.#give('features', await snapshotInput(input), false, undefined);
  }

  /** @param {'predict' | 'features'} op @param {import('../core/input.js').InputSpec} input @param {boolean} meta @param {AbortSignal | undefined} signal */
  async #give(op, input, meta, signal) {
    try {
      return await this.#ask({ op, id: 0, input, meta }, transferOfInput(input), signal);
    } catch (error) {
      // a bitmap of foreign pixels is made, but not sent
      const cause = /** @type {any} */ (error).cause;
      throw cause?.name === 'DataCloneError' && input.kind === 'bitmap' ? new QuernError('bad-argument', TAINTED, { cause }) : error;
    }
  }

  /** @returns {Promise<boolean>} */
  async update() {
    return this.#ask({ op: 'update', id: 0 }, [], undefined);
  }

  /** As of the last reply. @param {{ profile?: boolean }} [options] @returns {Report} */
  report({ profile = false } = {}) {
    if (profile && !this.#profiled && !this.#dead) {
      this.#profiled = true;
      this.#ask({ op: 'profile', id: 0 }, [], undefined).catch(() => {}); // what ended the worker is told by the next call
    }
    return /** @type {Report} */ (this.#dead ? { .../** @type {Report} */ (this.#report), heapBytes: 0, stats: {} } : this.#report);
  }

  dispose() {
    this.#end('the model was disposed', 'bad-state');
  }

  [/** @type {any} */ (Symbol).dispose ?? Symbol('dispose')]() {
    this.dispose();
  }
}

/** The page's function, where the worker can ask it. @param {(request: any) => any} ask */
function portOf(ask) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = async ({ data }) => port1.postMessage(await Promise.resolve(data).then(ask).then((key) => ({ key }), (error) => ({ why: messageOf(error) })));
  return port2;
}

/** Safari cannot yet. */
function canTransferStreams() {
  try {
    const stream = new ReadableStream();
    structuredClone(stream, { transfer: [stream] });
    return true;
  } catch {
    return false;
  }
}
