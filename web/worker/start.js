// Starting worker.js, from a page. No part of worker.js itself: bundlers refuse a worker that starts its own file by name.
import { QuernError, messageOf } from '../core/errors.js';
import { workerOption } from '../core/runtime.js';
import { started } from './started.js';

/** There can be no worker; the model was not touched yet. */
export class NoWorker extends QuernError {}

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
  throw new NoWorker('unavailable', `no worker could be started (${reasons.join('; ')})`);
}
