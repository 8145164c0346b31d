import { build } from '../core/version.js';

/**
 * Waits until the script of a worker runs.
 * @param {Worker} worker
 * @returns {Promise<Worker>}
 */
export function started(worker) {
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
