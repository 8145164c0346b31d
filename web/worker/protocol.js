// Every message between the page and the worker of one model. Numbers `id` pair a request with its reply.

/**
 * @typedef {import('../core/source.js').SourceSpec} SourceSpec
 * @typedef {import('../core/errors.js').ErrorData} ErrorData
 * @typedef {import('../core/model.js').Report} Report
 * @typedef {import('../core/session.js').Progress} Progress
 * @typedef {import('../core/heap.js').Port} Port
 * @typedef {Pick<import('../core/model.js').LocalOptions, 'integrity' | 'delivery' | 'deliveryUrl' | 'featuresUrl' | 'rare' | 'backend' | 'gpuUrl'>} Delivering
 *
 * @typedef {{ op: 'load', id: number, source: SourceSpec, module: WebAssembly.Module, threads: import('../core/threads.js').Threads | undefined, externalData: Map<string, SourceSpec>, how: Delivering }
 *   | { op: 'update' | 'reset' | 'state', id: number }
 *   | { op: 'bind', id: number, pairs: Record<string, string>, options: import('../core/session.js').BindOptions | undefined }
 *   | { op: 'run', id: number, feeds: Record<string, any>, outputs: readonly string[] | undefined, meta: boolean }
 *   | { op: 'predict' | 'features', id: number, input: import('../core/input.js').InputSpec, meta: boolean }
 *   | { op: 'profile', id: number }
 *   | { op: 'inspect', id: number, source: SourceSpec, module: WebAssembly.Module, threads: unknown, externalData: Map<string, SourceSpec>, how: Delivering, shapes: Record<string, readonly number[]> | undefined }
 *   | import('../core/threads.js').HelpMessage
 *   | { op: 'abort', id: number }} ToWorker
 *
 * ready: the script runs. done: the reply, with a fresh report where a model is loaded.
 * @typedef {{ op: 'ready', build: string }
 *   | { op: 'progress', id: number, progress: Progress }
 *   | { op: 'event', event: import('../delivery/library.js').DeliveryEvent }
 *   | { op: 'done', id: number, value: any, report: Report | undefined, inputs: Port[], outputs: Port[] }
 *   | { op: 'failed', id: number, error: ErrorData }} FromWorker
 */

/** The buffers of a value's tensors, each once. @param {any} value @param {Set<ArrayBuffer>} [found] @returns {ArrayBuffer[]} */
export function buffersOf(value, found = new Set()) {
  if (ArrayBuffer.isView(value)) found.add(/** @type {ArrayBuffer} */ (value.buffer));
  else if (Array.isArray(value)) {
    if (typeof value[0] === 'object') for (const item of value) buffersOf(item, found);
  } else if (value && typeof value === 'object') for (const item of Object.values(value)) buffersOf(item, found);
  return [...found];
}
