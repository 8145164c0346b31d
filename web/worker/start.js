// Starting worker.js, from a page. No part of worker.js itself: bundlers refuse a worker that starts its own file by name.
import { messageOf } from '../core/errors.js';
import { workerOption } from '../core/runtime.js';
import { engage } from '../core/threads.js';
import { build } from '../core/version.js';

/** There can be no worker; the model was not touched yet. */
export class NoWorker extends Error {}

/**
 * Waits until the script of a worker runs.
 * @param {Worker} worker
 * @returns {Promise<Worker>}
 */
function started(worker) {
  return new Promise((resolve, reject) => {
    const fail = (/** @type {string} */ why) => {
      worker.terminate();
      reject(new Error(why));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fail(event.message || 'its script could not be loaded');
    };
    worker.onmessage = ({ data }) => {
      const message = /** @type {import('./protocol.js').FromWorker} */ (data);
      if (message.op !== 'ready') return;
      if (message.build !== build) return fail(`it is of build ${message.build}, the page's script of build ${build}`);
      worker.onerror = worker.onmessage = null;
      resolve(worker);
    };
  });
}

/** worker.classic.js as a blob. It stays, since the worker starts its helpers from it. @type {string | undefined} */
let blob;

/** @returns {Promise<Worker>} */
export async function startWorker() {
  const given = workerOption();
  const reasons = [];
  try {
    return await started(given
      ? new Worker(given, { type: 'module' })
      : new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }));
  } catch (error) {
    reasons.push(messageOf(error));
  }
  // from another origin, or where module workers are missing: the self-contained script, by a blob
  try {
    if (!blob) {
      const response = await fetch(given ? new URL('./worker.classic.js', new URL(given, document.baseURI)) : new URL('./worker.classic.js', import.meta.url));
      if (!response.ok) throw new Error(`worker.classic.js gave ${response.status}`);
      blob = URL.createObjectURL(new Blob([await response.arrayBuffer()], { type: 'text/javascript' }));
    }
    return await started(new Worker(blob));
  } catch (error) {
    reasons.push(messageOf(error));
  }
  throw new NoWorker(`no worker could be started (${reasons.join('; ')})`);
}

/** @type {import('../core/threads.js').StartHelper} */
export const startHelper = async (message, failed) => engage(await startWorker(), message, failed);
