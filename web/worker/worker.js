// The worker: one model for its whole life, or a helper of one; who started it ends it.
import { QuernError, errorData } from '../core/errors.js';
import { inspectLocal } from '../core/inspect.js';
import { LocalModel } from '../core/model.js';
import { engage, help } from '../core/threads.js';
import { build } from '../core/version.js';
import { buffersOf } from './protocol.js';

/**
 * @typedef {import('./protocol.js').ToWorker} ToWorker
 * @typedef {import('./protocol.js').FromWorker} FromWorker
 */

/** @type {LocalModel | undefined} */
let model;
/** Whether reports have the times of nodes. */
let profile = false;
/** @type {Map<number, AbortController>} */
const running = new Map();

/** @param {FromWorker} message @param {Transferable[]} [transfer] */
const send = (message, transfer = []) => /** @type {any} */ (globalThis).postMessage(message, transfer);

const loaded = () => {
  if (!model) throw new QuernError('bad-state', 'the model is not loaded');
  return model;
};

/** @param {Exclude<ToWorker, { op: 'abort' }>} message @param {AbortSignal} signal */
async function answer(message, signal) {
  switch (message.op) {
    case 'load': {
      const { id, source, module, threads, externalData, how } = message;
      // its helpers run the same script, wherever that lies and whatever it is called by now
      /** @type {import('../core/threads.js').StartHelper} */
      const start = async (order, failed) => engage(new Worker(globalThis.location.href, { type: 'module' }), order, failed);
      model = await LocalModel.load(source, { ...how, module, threads: threads && { ...threads, start }, externalData, signal, onProgress: (progress) => send({ op: 'progress', id, progress }), onEvent: (event) => send({ op: 'event', event }) });
      return null;
    }
    case 'help':
      return help(message);
    case 'run':
      return loaded().run(message.feeds, { signal, outputs: message.outputs, meta: message.meta });
    case 'bind':
      return loaded().bind(message.pairs, message.options);
    case 'reset':
    case 'state':
    case 'update':
      return loaded()[message.op]();
    case 'profile':
      profile = true;
      return null;
    case 'inspect': {
      const { id, source, module, externalData, shapes, how } = message;
      return inspectLocal(source, { module, rare: how.rare, externalData, shapes, signal, onProgress: (progress) => send({ op: 'progress', id, progress }) });
    }
    case 'features':
      return loaded().featuresSnapshot(message.input);
    case 'predict':
      return loaded().predictSnapshot(message.input, { meta: message.meta, signal });
  }
}

/** @param {ToWorker} message */
async function handle(message) {
  const { id } = message;
  if (message.op === 'abort') return running.get(id)?.abort();
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const value = await answer(message, controller.signal);
    const { inputs, outputs } = model ?? { inputs: [], outputs: [] };
    send({ op: 'done', id, value, report: model?.report({ profile }), inputs, outputs }, message.op === 'inspect' ? [] : buffersOf(value));
  } catch (error) {
    send({ op: 'failed', id, error: errorData(error) });
  } finally {
    running.delete(id);
  }
}

globalThis.addEventListener('message', (event) => void handle(/** @type {MessageEvent<ToWorker>} */ (event).data));
send({ op: 'ready', build });
