/**
 * The first eight come from the core (QN_STATUS_LIST in src/base/status.h, read from the wasm); the others are this layer's own.
 * @typedef {'out-of-memory' | 'bad-model' | 'unsupported' | 'bad-type' | 'bad-shape' | 'bad-argument' | 'out-of-range' | 'bad-state'
 *   | 'network' | 'aborted' | 'unavailable' | 'internal'} QuernErrorCode
 */

/**
 * An error as plain data, for messages between threads.
 * @typedef {{ code: QuernErrorCode, message: string, node: string, op: string, retryAfter?: number }} ErrorData
 */

const MARK = Symbol.for('quern.error');

/** Every failure of Quern. `message` is a full sentence; `node` and `op` name the place in the model, or are "". */
export class QuernError extends Error {
  /**
   * @param {QuernErrorCode} code
   * @param {string} message
   * @param {{ node?: string, op?: string, cause?: unknown }} [where]
   */
  constructor(code, message, { node = '', op = '', cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    // code that knows fetch() tests for this name
    this.name = code === 'aborted' ? 'AbortError' : 'QuernError';
    /** @type {QuernErrorCode} */
    this.code = code;
    this.node = node;
    this.op = op;
  }

  get [MARK]() {
    return true;
  }

  /** index.js and delivery.js each have this class: what one throws, the other has to know. @param {any} error */
  static [Symbol.hasInstance](error) {
    return Boolean(error?.[MARK]);
  }
}

/**
 * @param {unknown} error
 * @returns {ErrorData}
 */
export function errorData(error) {
  if (error instanceof QuernError) return { code: error.code, message: error.message, node: error.node, op: error.op, retryAfter: /** @type {any} */ (error).retryAfter };
  return { code: 'internal', message: error instanceof Error ? `${error.name}: ${error.message}` : String(error), node: '', op: '' };
}

/** @param {ErrorData} data */
export function errorFromData({ code, message, node, op, retryAfter }) {
  return Object.assign(new QuernError(code, message, { node, op }), retryAfter && { retryAfter });
}

/** @param {unknown} error */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** @param {AbortSignal | undefined} signal */
export function throwIfAborted(signal) {
  if (signal?.aborted) throw abortError(signal);
}

/** @param {AbortSignal} signal */
export function abortError(signal) {
  return new QuernError('aborted', 'the operation was aborted', { cause: signal.reason });
}

/**
 * Settles as `promise` does, or rejects as soon as the signal says so.
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<T>}
 */
export function abortable(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(abortError(signal));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
