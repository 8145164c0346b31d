// The public entry.
import { QuernError } from './core/errors.js';
import { inspectLocal } from './core/inspect.js';
import { LocalModel } from './core/model.js';
import { isNode, isPage } from './core/platform.js';
import { getDelivery, init, workerOption } from './core/runtime.js';
import { describeSource } from './core/source.js';
import { Tensor } from './core/tensor.js';
import { threadsFor } from './core/threads.js';
import { version } from './core/version.js';
import { WorkerModel } from './worker/client.js';
import { NoWorker, startHelper } from './worker/start.js';

export { QuernError, Tensor, init, version };

/**
 * @typedef {import('./core/source.js').Source} Source
 * @typedef {import('./core/session.js').Progress} Progress
 * @typedef {import('./core/session.js').RunOptions} RunOptions
 * @typedef {import('./core/model.js').PredictOptions} PredictOptions
 * @typedef {import('./core/model.js').Report} Report
 * @typedef {import('./core/heap.js').Port} Port
 * @typedef {import('./core/tensor.js').InputValue} InputValue
 * @typedef {import('./core/tensor.js').TensorLike} TensorLike
 * @typedef {import('./core/image.js').ImageInput} ImageInput
 * @typedef {import('./core/audio.js').AudioInput} AudioInput
 * @typedef {import('./core/errors.js').QuernErrorCode} QuernErrorCode
 * @typedef {import('./predict/ocr.js').OcrAnswer} OcrAnswer
 * @typedef {import('./predict/vad.js').VadAnswer} VadAnswer
 * @typedef {import('./core/runtime.js').InitOptions} InitOptions
 * @typedef {import('./core/inspect.js').Inspection} Inspection
 * @typedef {import('./core/profile.js').ProfileTable} ProfileTable
 * @typedef {import('./delivery/delivered.js').DeliveryOptions} DeliveryOptions
 * @typedef {import('./delivery/library.js').DeliveryEvent} DeliveryEvent
 * @typedef {typeof import('./delivery/library.js').cache} Cache
 *
 * worker: false computes on the calling thread, where runSync() is possible. externalData: files that the model refers to, when they do
 * not lie beside it. deterministic: the same bits on every machine, a little slower. skipPasses: for tests, what of the graph is left as it is.
 * backend: 'gpu' computes on the graphics card and fails where there is none. integrity: "sha256-" and the base64 of what the file must be. Of packages only: onEvent and the options of DeliveryOptions, see docs/DELIVERY.md.
 * @typedef {DeliveryOptions & { signal?: AbortSignal, onProgress?: (progress: Progress) => void, onEvent?: (event: DeliveryEvent) => void, integrity?: string, worker?: boolean, backend?: 'auto' | 'cpu' | 'gpu', threads?: 'auto' | number,
 *   deterministic?: boolean, externalData?: Record<string, Source> | Map<string, Source>, skipPasses?: number }} LoadOptions
 *
 * @typedef {object} Model
 * @property {Port[]} inputs
 * @property {Port[]} outputs
 * @property {(feeds: Record<string, InputValue>, options?: RunOptions) => Promise<Record<string, any>>} run tensors in, tensors out
 * @property {(feeds: Record<string, InputValue>, options?: { outputs?: readonly string[] }) => Record<string, any>} runSync on this thread, to the end
 * @property {(pairs: Record<string, string>, options?: import('./core/session.js').BindOptions) => void | Promise<void>} bind { output: input }:
 *   these outputs stay in the heap as inputs of the next run, as caches and recurrent state do; await it where there is a worker
 * @property {() => void | Promise<void>} reset the next run begins with the initial state
 * @property {() => Record<string, any> | Promise<Record<string, any>>} state copies of the bound inputs, by name
 * @property {(input: import('./core/input.js').Input, options?: PredictOptions) => Promise<any>} predict what the package is for
 * @property {(input: import('./core/input.js').Input) => Promise<Record<string, TensorLike>>} features what the steps of a package make of an input, for debugging
 * @property {(options?: { profile?: boolean }) => Report} report profile: times runs node by node from the first call on
 * @property {() => Promise<boolean>} update asks for a newer version of the package now; true: the next query uses it
 * @property {() => void} dispose
 */

/** @param {keyof Cache} name @returns {any} */
const late = (name) => async (/** @type {any[]} */ ...args) => /** @type {any} */ ((await getDelivery()).cache)[name](...args);

/** What this origin keeps of models. @type {Cache} */
export const cache = { list: late('list'), clear: late('clear'), delete: late('delete'), persist: late('persist') };

/**
 * Loads a model: an .onnx file, or a package (a folder with manifest.json) by its URL.
 * @param {Source} source a URL, bytes, a Blob, a Response or a stream; in Node a path too
 * @param {LoadOptions} [options]
 * @returns {Promise<Model>}
 */
export async function load(source, options = {}) {
  const { backend = 'auto', threads = 'auto' } = options;
  if (!['auto', 'cpu', 'gpu'].includes(backend)) throw new QuernError('unsupported', `there is no backend '${backend}'; there are 'auto', 'cpu' and 'gpu'`);
  if (threads !== 'auto' && !(Number(threads) >= 1)) throw new QuernError('bad-argument', `threads is 'auto' or a number from 1 up, got ${threads}`);
  return placed(source, { ...options, threads }, (spec, how) => WorkerModel.load(spec, how), (spec, how) => LocalModel.load(spec, how));
}

/**
 * What is in a model and whether it will run: operators and which of them are missing, types, sizes, and, for given shapes, plan and
 * memory. Where a model cannot be loaded, `problem` says why.
 * @param {Source} source
 * @param {Omit<LoadOptions, 'backend' | 'threads'> & { shapes?: Record<string, readonly number[]> }} [options]
 * @returns {Promise<import('./core/inspect.js').Inspection>}
 */
export function inspect(source, options = {}) {
  return placed(source, options, (spec, how) => WorkerModel.inspect(spec, how), (spec, how) => inspectLocal(spec, how));
}

/**
 * In a worker where there can be one and it is wanted, else here, with the reason.
 * @template T
 * @param {Source} source
 * @param {LoadOptions & { shapes?: Record<string, readonly number[]> }} options
 * @param {(spec: import('./core/source.js').SourceSpec, how: import('./worker/client.js').LoadOptions) => Promise<T>} inWorker
 * @param {(spec: import('./core/source.js').SourceSpec, how: import('./core/model.js').LocalOptions & import('./worker/client.js').LoadOptions) => Promise<any>} here
 * @returns {Promise<any>}
 */
async function placed(source, options, inWorker, here) {
  const { backend, signal, onProgress, onEvent, worker, deterministic, threads, skipPasses, shapes, integrity, externalData: given = {} } = options;
  const { keys, channel, mirrors, update, cache, cacheBudget, decryptionKey } = options, delivery = { keys, channel, mirrors, update, cache, cacheBudget, decryptionKey };
  const spec = describeSource(source);
  const externalData = new Map([...(given instanceof Map ? given : Object.entries(given))].map(([name, file]) => [name, describeSource(file)]));
  const how = { backend, signal, onProgress, onEvent, externalData, deterministic, threads: threads ? threadsFor(threads, workerOption() === false ? undefined : startHelper) : undefined, skipPasses, shapes, integrity, delivery };
  let whereReason = 'worker: false';
  if (isNode) whereReason = 'Node';
  else if (!isPage) whereReason = 'already in a worker';
  else if (workerOption() === false) whereReason = 'init({ worker: false })';
  else if (worker !== false) {
    try {
      return await inWorker(spec, how);
    } catch (error) {
      if (!(error instanceof NoWorker)) throw error;
      whereReason = error.message;
    }
  }
  return here(spec, { ...how, whereReason });
}
