// Helper threads of a model: how many there may be, and what each does. Each runs the same module on the same memory; src/base/parallel.c
// shares work among those that are there, so a model is usable before they come, and without them.
import { messageOf } from './errors.js';
import { isNode, nodeModule } from './platform.js';

/**
 * What a helper is told; stack: the lowest address of its own; rare: the second file, where the model needs it.
 * @typedef {{ op: 'help', id: number, module: WebAssembly.Module, memory: WebAssembly.Memory, index: number, stack: number, rare?: WebAssembly.Module }} HelpMessage
 * Starts a helper; `failed` may be called later too.
 * @typedef {(message: HelpMessage, failed: (why: string) => void) => Promise<{ terminate: () => unknown }>} StartHelper
 * least: for tests, the work that is worth sharing. count: threads at most, the caller's among them; reason: why not more.
 * @typedef {{ count: number, reason: string, start?: StartHelper, least?: number }} Threads
 */

const MOST = 16, USUAL = 4;

/**
 * @param {'auto' | number} wanted
 * @param {StartHelper} [start] where Node does not
 * @returns {Threads}
 */
export function threadsFor(wanted, start) {
  if (wanted === 1) return { count: 1, reason: 'threads: 1' };
  if (!globalThis.SharedArrayBuffer || !(isNode || globalThis.crossOriginIsolated))
    return { count: 1, reason: 'the page is not cross-origin isolated (by the headers COOP: same-origin and COEP: require-corp)' };
  const cores = (isNode ? nodeModule('node:os')?.availableParallelism() : globalThis.navigator?.hardwareConcurrency) || 1;
  const count = wanted === 'auto' ? Math.min(cores, USUAL) : Math.min(Math.floor(wanted), MOST);
  return { count, reason: `up to ${count} of ${cores} cores`, start: isNode ? startInNode : start };
}

/** A memory as wasm/thread_imports.txt declares it; some devices refuse to reserve much. */
export function sharedMemory() {
  for (let maximum = 65536; ; maximum /= 2)
    try {
      return new WebAssembly.Memory({ initial: 32, maximum, shared: true });
    } catch (error) {
      if (maximum < 4096) throw error;
    }
}

/** Whether this thread may block: a page's and some others may not. */
export function mayWait() {
  try {
    return Boolean(Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1));
  } catch {
    return false;
  }
}

/**
 * The life of a helper. It stands alone, since Node's helpers are made of its text.
 * @param {HelpMessage} message
 */
export async function help({ module, memory, index, stack, rare }) {
  /** @type {Record<string, Record<string, any>>} */
  const imports = { env: {} };
  for (const { name, kind } of WebAssembly.Module.imports(module)) imports.env[name] = kind === 'memory' ? memory : () => 0n; // helpers call none
  const exports = /** @type {any} */ ((await WebAssembly.instantiate(module, imports)).exports);
  if (rare) await WebAssembly.instantiate(rare, { primary: { ...exports, memory } });
  try {
    exports.qnw_help(index, stack);
  } catch (error) {
    exports.qnw_help_failed(); // the model's thread waits for this one
    throw error;
  }
}

/** @type {StartHelper} */
async function startInNode(message, failed) {
  const { Worker } = nodeModule('node:worker_threads');
  const worker = new Worker(`(${help})(require('node:worker_threads').workerData)`, { eval: true, workerData: message });
  worker.unref();
  return worker.on('error', (/** @type {unknown} */ error) => failed(messageOf(error)));
}

/**
 * Makes a worker that runs worker.js a helper.
 * @param {Worker} worker
 * @param {HelpMessage} message
 * @param {(why: string) => void} failed
 */
export function engage(worker, message, failed) {
  worker.onerror = (event) => failed(event.message);
  worker.onmessage = ({ data }) => data.error && failed(data.error.message);
  worker.postMessage(message);
  return worker;
}
