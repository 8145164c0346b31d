// Finds, loads and compiles the wasm; one compiled module per variant serves every model.
import { QuernError, messageOf } from './errors.js';
import { isNode, nodeModule } from './platform.js';
import { hasRelaxedSimd, hasSimd } from './probe.js';

/**
 * @typedef {'simd' | 'relaxed'} Variant
 * @typedef {string | URL | ArrayBuffer | ArrayBufferView | WebAssembly.Module | Response} WasmSource
 * @typedef {typeof import('./delivery.js')} Delivery
 * @typedef {typeof import('./features.js')} Features
 * @typedef {typeof import('./gpu.js')} Gpu
 * Where the second file of each build lies, or the one that is to be used.
 * @typedef {Record<string, string> | Exclude<WasmSource, URL | Response>} RareSource
 * wasm: the module in any form, when it does not lie beside the script; rare: the second file of the same build, the same way; worker: where worker.js lies, or false to never start one;
 * delivery, features: where delivery.js and features.js lie, or the modules themselves, for places that cannot import late (service workers, worklets);
 * gpu: the same of gpu.js, for models on the graphics card.
 * @typedef {{ wasm?: WasmSource | Promise<WasmSource>, rare?: WasmSource | Promise<WasmSource>, worker?: string | URL | false, delivery?: string | URL | Delivery,
 *   features?: string | URL | Features, gpu?: string | URL | Gpu }} InitOptions
 */

/** @type {InitOptions} */
let config = {};
/** @type {Map<string, Promise<WebAssembly.Module>>} */
const modules = new Map();

/**
 * Sets where the parts lie and starts loading the wasm. Optional: load() does the same with the files beside the script.
 * @param {InitOptions} [options]
 * @returns {Promise<void>}
 */
export async function init(options = {}) {
  if ('wasm' in options || 'rare' in options) modules.clear();
  config = { ...config, ...options };
  await getModule();
}

export const workerOption = () => config.worker;

/** Where delivery.js lies, which a page with packages fetches. */
export const deliveryUrl = () => String(config.delivery && !isModule(config.delivery) ? config.delivery : new URL('./delivery.js', import.meta.url));

/** @param {string | URL | Delivery} given @returns {given is Delivery} */
const isModule = (given) => typeof given === 'object' && 'Delivered' in given;

/** @param {string} [url] as the page that started this worker knows it @returns {Promise<Delivery>} */
export async function getDelivery(url) {
  if (config.delivery && isModule(config.delivery)) return config.delivery;
  const at = url ?? deliveryUrl();
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ at);
  } catch (cause) {
    throw new QuernError('unavailable', `delivery.js, which packages need, could not be loaded from ${at}: ${messageOf(cause)}. Pass its place to init({ delivery }).`, { cause });
  }
}

/** Where features.js lies, which packages with steps need. */
export const featuresUrl = () => String(config.features && !('StepsTask' in /** @type {any} */ (config.features)) ? config.features : new URL('./features.js', import.meta.url));

/** @param {string} [url] as the page that started this worker knows it @returns {Promise<Features>} */
export async function getFeatures(url) {
  if (config.features && typeof config.features === 'object' && 'StepsTask' in config.features) return config.features;
  const at = url ?? featuresUrl();
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ at);
  } catch (cause) {
    throw new QuernError('unavailable', `features.js, which packages with steps need, could not be loaded from ${at}: ${messageOf(cause)}. Pass its place to init({ features }).`, { cause });
  }
}

/** Where gpu.js lies, which models on the graphics card need. */
export const gpuUrl = () => String(config.gpu && !('executor' in /** @type {any} */ (config.gpu)) ? config.gpu : new URL('./gpu.js', import.meta.url));

/** @param {string} [url] as the page that started this worker knows it @returns {Promise<Gpu>} */
export async function getGpu(url) {
  if (config.gpu && typeof config.gpu === 'object' && 'executor' in config.gpu) return config.gpu;
  const at = url ?? gpuUrl();
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ at);
  } catch (cause) {
    throw new QuernError('unavailable', `gpu.js, which the backend 'gpu' needs, could not be loaded from ${at}: ${messageOf(cause)}. Pass its place to init({ gpu }).`, { cause });
  }
}

/** @returns {Variant} */
function bestVariant() {
  if (hasRelaxedSimd()) return 'relaxed'; // each probe takes milliseconds at start: the one that most browsers pass comes first
  if (!hasSimd()) throw new QuernError('unavailable', 'this browser has no WebAssembly SIMD, which Quern needs (every browser since 2021 has it, Safari since 16.4)');
  return 'simd';
}

/**
 * @param {boolean} [deterministic] the same bits on every machine: no relaxed SIMD
 * @param {import('./threads.js').Threads} [threads]
 * @returns {Promise<WebAssembly.Module>}
 */
export function getModule(deterministic = false, threads = undefined) {
  let variant;
  const many = threads && threads.count > 1;
  try {
    variant = config.wasm ? 'given' : (deterministic ? 'simd' : bestVariant()) + (many ? '-threads' : '');
  } catch (error) {
    return Promise.reject(error);
  }
  let module = modules.get(variant);
  if (!module) {
    // the URLs are literal, so that bundlers find the files
    module = compile(config.wasm ?? (variant === 'relaxed' ? new URL('./quern-relaxed.wasm', import.meta.url) : variant === 'simd' ? new URL('./quern-simd.wasm', import.meta.url)
      : variant === 'relaxed-threads' ? new URL('./quern-relaxed-threads.wasm', import.meta.url) : new URL('./quern-simd-threads.wasm', import.meta.url)));
    modules.set(variant, module);
    module.catch(() => modules.delete(variant)); // the next load tries again
  }
  return many && !config.wasm ? module.catch(() => getModule(deterministic)) : module; // not everybody publishes all builds
}

/** What a worker needs to find the second file. @returns {Promise<RareSource>} */
export async function rareSource() {
  const { wasm, rare } = config;
  if (rare) {
    const given = await rare;
    return given instanceof URL ? given.href : given instanceof Response ? compile(given, 'rare') : given;
  }
  const beside = typeof wasm === 'string' || wasm instanceof URL ? String(wasm).replace(/quern-(?=[a-z-]+\.wasm$)/, 'quern-rare-') : String(wasm);
  if (beside !== String(wasm)) return beside;
  return { simd: String(new URL('./quern-rare-simd.wasm', import.meta.url)), relaxed: String(new URL('./quern-rare-relaxed.wasm', import.meta.url)),
    'simd-threads': String(new URL('./quern-rare-simd-threads.wasm', import.meta.url)), 'relaxed-threads': String(new URL('./quern-rare-relaxed-threads.wasm', import.meta.url)) };
}

/**
 * The file with the operators that few models have.
 * @param {string} variant the build that it belongs to
 * @param {RareSource} [source]
 * @returns {Promise<WebAssembly.Module>}
 */
export async function getRare(variant, source) {
  const from = source ?? await rareSource(), place = typeof from === 'object' && variant in from ? /** @type {Record<string, string>} */ (from)[variant] : from;
  const key = `rare ${variant}`;
  let module = modules.get(key);
  if (!module) {
    module = compile(/** @type {WasmSource} */ (place), 'rare');
    modules.set(key, module);
    module.catch(() => modules.delete(key));
  }
  return module;
}

/** @param {WasmSource | Promise<WasmSource>} given @param {'wasm' | 'rare'} [option] of init() */
export async function compile(given, option = 'wasm') {
  const what = option === 'wasm' ? 'the wasm' : 'the second wasm file, with operators that this model has,';
  const source = await given;
  if (source instanceof WebAssembly.Module) return source;
  let where = 'the given bytes';
  try {
    if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return await WebAssembly.compile(/** @type {any} */ (source));
    where = source instanceof Response ? source.url : String(source);
    if (isNode && !(source instanceof Response) && !/^(https?|data|blob):/.test(where))
      return await WebAssembly.compile(await nodeModule('node:fs').promises.readFile(where.startsWith('file:') ? new URL(where) : where));
    const response = source instanceof Response ? source : await fetch(where);
    if (!response.ok) throw new QuernError('network', `${what} was not found: ${where} gave ${response.status} ${response.statusText}. Pass its place to init({ ${option} }).`);
    // another MIME type is common on simple hosts, and compileStreaming refuses it
    return /^application\/wasm/.test(response.headers.get('content-type') ?? '')
      ? await WebAssembly.compileStreaming(response)
      : await WebAssembly.compile(await response.arrayBuffer());
  } catch (cause) {
    if (cause instanceof QuernError) throw cause;
    const hint = /unsafe-eval|Content Security Policy/i.test(messageOf(cause)) ? " The page's Content-Security-Policy needs script-src 'wasm-unsafe-eval'." : '';
    throw new QuernError('unavailable', `${what} could not be loaded from ${where}: ${messageOf(cause)}.${hint}`, { cause });
  }
}
