// onnxruntime's settings and registries. Quern needs none of the settings; they are kept, so that code which sets and reads them runs.
import { version } from '../core/version.js';

/** @type {('verbose' | 'info' | 'warning' | 'error' | 'fatal')[]} */
const LEVELS = ['verbose', 'info', 'warning', 'error', 'fatal'];
let logLevel = LEVELS[2];

/** @type {any} */
export const env = {
  // wasmPaths is set: transformers.js would else fetch onnxruntime's own wasm from another host, 20 MB for nothing
  wasm: { numThreads: undefined, simd: true, trace: false, proxy: false, initTimeout: 0, wasmPaths: './', wasmBinary: undefined },
  webgl: {},
  webgpu: { profiling: { mode: 'off' }, powerPreference: undefined, validateInputContent: false },
  versions: { common: '1.30.0', web: '1.30.0', quern: version },
  debug: false,
  trace: false,
  get logLevel() {
    return logLevel;
  },
  set logLevel(level) {
    if (level === undefined) return;
    if (!LEVELS.includes(level)) throw new Error(`Unsupported logging level: ${level}. The levels are ${LEVELS.join(', ')}.`);
    logLevel = level;
  },
};

/** Says what a setting does not do here, to those who asked to hear it. @param {string} text */
export function inform(text) {
  if (LEVELS.indexOf(logLevel) <= 1) console.info(`quern/ort: ${text}`);
}

// ---- execution providers ----

/** Names that onnxruntime knows; a session for any of them is computed on the CPU. */
const PROVIDERS = ['wasm', 'cpu', 'webgpu', 'webgl', 'webnn', 'xnnpack', 'cuda', 'dml', 'tensorrt', 'coreml', 'nnapi', 'qnn'];
/** Registered by the application. @type {Map<string, { backend: any, priority: number, ready?: Promise<void> }>} */
const backends = new Map();

/** @param {string} name @param {any} backend @param {number} priority */
export function registerBackend(name, backend, priority) {
  if (typeof backend?.init !== 'function' || typeof backend.createInferenceSessionHandler !== 'function')
    throw new TypeError('not a valid backend: it needs init() and createInferenceSessionHandler()');
  const known = backends.get(name);
  if (known && known.priority > priority) return;
  if (known && known.priority === priority && known.backend !== backend) throw new Error(`cannot register backend "${name}" using priority ${priority}: another one has it`);
  if (known?.backend !== backend) backends.set(name, { backend, priority });
}

/**
 * The first provider that there is: a registered backend, 'gpu' for Quern by WebGPU, or null for Quern on the CPU.
 * @param {readonly (string | { name: string })[]} [wanted]
 * @returns {Promise<any>}
 */
export async function backendFor(wanted = []) {
  if (!Array.isArray(wanted)) throw new TypeError("'executionProviders' must be an array of names or of objects with a name.");
  const errors = [];
  for (const provider of wanted) {
    const name = typeof provider === 'string' ? provider : provider?.name;
    const registered = backends.get(name);
    if (registered) {
      try {
        await (registered.ready ??= registered.backend.init(name));
        return registered.backend;
      } catch (error) {
        errors.push(`[${name}] ${error}`);
      }
    } else if (name === 'webgpu' && /** @type {any} */ (globalThis.navigator)?.gpu) {
      return 'gpu';
    } else if (PROVIDERS.includes(name)) {
      if (name !== 'wasm' && name !== 'cpu') inform(`the execution provider '${name}' is answered by the CPU`);
      return null;
    } else errors.push(`[${name}] backend not found.`);
  }
  if (errors.length) throw new Error(`no available backend found. ERR: ${errors.join(', ')}; Quern has ${PROVIDERS.slice(0, 2).join(' and ')} and takes ${PROVIDERS.slice(2).join(', ')} for them.`);
  return null;
}

// ---- marks for a profiler, as onnxruntime's, when env.trace or env.wasm.trace is set ----

/** @param {string} device @param {string} label */
export const TRACE = (device, label) => {
  if (env.trace || env.wasm.trace) console.timeStamp?.(`${device}::ORT::${label}`);
};
/** @param {string} [message] */
export const TRACE_FUNC_BEGIN = (message = '') => TRACE('CPU', `FUNC_BEGIN::${message}`);
/** @param {string} [message] */
export const TRACE_FUNC_END = (message = '') => TRACE('CPU', `FUNC_END::${message}`);
/** @param {string} [message] */
export const TRACE_EVENT_BEGIN = (message = '') => {
  if (env.trace || env.wasm.trace) console.time?.(`ORT::${message}`);
};
/** @param {string} [message] */
export const TRACE_EVENT_END = (message = '') => {
  if (env.trace || env.wasm.trace) console.timeEnd?.(`ORT::${message}`);
};
