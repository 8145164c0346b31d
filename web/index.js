// The public entry.
import { QuernError } from './core/errors.js';
import { LocalModel } from './core/model.js';
import { isNode, isPage } from './core/platform.js';
import { init, workerOption } from './core/runtime.js';
import { describeSource } from './core/source.js';
import { Tensor } from './core/tensor.js';
import { version } from './core/version.js';
import { NoWorker, WorkerModel } from './worker/client.js';

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
 *
 * worker: false computes on the calling thread, where runSync() is possible. externalData: files that the model refers to, when they do
 * not lie beside it. deterministic: the same bits on every machine, a little slower. skipPasses: for tests, what of the graph is left as it is.
 * @typedef {{ signal?: AbortSignal, onProgress?: (progress: Progress) => void, worker?: boolean, backend?: 'auto' | 'cpu', threads?: 'auto' | number,
 *   deterministic?: boolean, externalData?: Record<string, Source> | Map<string, Source>, skipPasses?: number }} LoadOptions
 *
 * @typedef {object} Model
 * @property {Port[]} inputs
 * @property {Port[]} outputs
 * @property {(feeds: Record<string, InputValue>, options?: RunOptions) => Promise<Record<string, any>>} run tensors in, tensors out
 * @property {(feeds: Record<string, InputValue>, options?: { outputs?: readonly string[] }) => Record<string, any>} runSync on this thread, to the end
 * @property {(input: ImageInput | AudioInput, options?: PredictOptions) => Promise<any>} predict what the package is for
 * @property {() => Report} report
 * @property {() => void} dispose
 */

/**
 * Loads a model: an .onnx file, or a package (a folder with manifest.json) by its URL.
 * @param {Source} source a URL, bytes, a Blob, a Response or a stream; in Node a path too
 * @param {LoadOptions} [options]
 * @returns {Promise<Model>}
 */
export async function load(source, options = {}) {
  const { signal, onProgress, worker, backend = 'auto', threads = 'auto', deterministic, skipPasses } = options;
  if (backend !== 'auto' && backend !== 'cpu') throw new QuernError('unsupported', `there is no backend '${backend}' in this release; 'auto' takes the best there is`);
  if (threads !== 'auto' && !(Number(threads) >= 1)) throw new QuernError('bad-argument', `threads is 'auto' or a number from 1 up, got ${threads}`);
  const spec = describeSource(source);
  const given = options.externalData ?? {};
  const externalData = new Map([...(given instanceof Map ? given : Object.entries(given))].map(([name, file]) => [name, describeSource(file)]));
  const local = { signal, onProgress, externalData, deterministic, skipPasses };
  let whereReason = 'worker: false';
  if (isNode) whereReason = 'Node';
  else if (!isPage) whereReason = 'already in a worker';
  else if (workerOption() === false) whereReason = 'init({ worker: false })';
  else if (worker !== false) {
    try {
      return await WorkerModel.load(spec, local);
    } catch (error) {
      if (!(error instanceof NoWorker)) throw error;
      whereReason = error.message;
    }
  }
  return LocalModel.load(spec, { ...local, whereReason });
}
