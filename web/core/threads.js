// Helper threads of a model: how many there may be, and starting them. Each runs the same module on the same memory; src/base/parallel.c
// shares work among those that are there, so a model is usable before they come, and without them.
import { messageOf } from './errors.js';
import { isNode, nodeModule } from './platform.js';

/**
 * What a helper is told; stack: the lowest address of its own.
 * @typedef {{ op: 'help', id: number, module: WebAssembly.Module, memory: WebAssembly.Memory, index: number, stack: number }} HelpMessage
 * count: threads at most, the caller's among them; reason: why not more. start: makes a worker that runs worker.js, where workers are of browsers.
 * @typedef {{ count: number, reason: string, start?: () => Promise<Worker> }} Threads
 */

const MOST = 16, USUAL = 4;

/**
 * @param {'auto' | number} wanted
 * @param {Threads['start']} [start]
 * @returns {Threads}
 */
export function threadsFor(wanted, start) {
  if (wanted === 1) return { count: 1, reason: 'one was asked for' };
  if (!globalThis.SharedArrayBuffer || !(isNode || globalThis.crossOriginIsolated))
    return { count: 1, reason: 'the page is not cross-origin isolated: it needs the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp' };
  const cores = (isNode ? nodeModule('node:os')?.availableParallelism() : globalThis.navigator?.hardwareConcurrency) || 1;
  return wanted === 'auto' ? { count: Math.min(cores, USUAL), reason: `there are ${cores} cores, of which up to ${USUAL} are used`, start }
    : { count: Math.min(Math.floor(wanted), MOST), reason: `${wanted} were asked for, at most ${MOST} are possible`, start };
}

/** A memory as wasm/thread_imports.txt declares it; some devices refuse to reserve much. */
export function sharedMemory() {
  for (let maximum = 65536; ; maximum /= 2)
    try {
      return new WebAssembly.Memory({ initial: 32, maximum, shared: true });
    } catch (error) {
      if (maximum <= 4096) throw error;
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
export async function help({ module, memory, index, stack }) {
  /** @type {Record<string, Record<string, any>>} */
  const imports = {};
  for (const { module: space, name, kind } of WebAssembly.Module.imports(module)) (imports[space] ??= {})[name] = kind === 'memory' ? memory : () => 0n; // helpers call none
  const exports = /** @type {any} */ ((await WebAssembly.instantiate(module, imports)).exports);
  try {
    exports.qnw_help(index, stack);
  } catch (error) {
    exports.qnw_help_failed(); // the model's thread waits for this one
    throw error;
  }
}

/**
 * @param {HelpMessage} message
 * @param {Threads['start']} start
 * @param {(why: string) => void} failed also later
 * @returns {Promise<{ terminate: () => unknown }>}
 */
export async function startHelper(message, start, failed) {
  if (isNode) {
    const { Worker } = nodeModule('node:worker_threads');
    const worker = new Worker(`(${help})(require('node:worker_threads').workerData)`, { eval: true, workerData: message });
    worker.unref();
    return worker.on('error', (/** @type {unknown} */ error) => failed(messageOf(error)));
  }
  if (!start) throw new Error('no workers here');
  const worker = await start();
  worker.onerror = (event) => failed(event.message || 'unknown error');
  worker.onmessage = ({ data }) => failed(data.error?.message ?? 'it ended');
  worker.postMessage(message);
  return worker;
}
