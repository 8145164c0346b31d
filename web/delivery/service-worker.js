// A service worker for pages with Quern: they install, start and work without a network, and all files of the runtime are of one build.
// Models are not kept here: packages keep their own files, by content. sw.js of a page is one line:
//   importScripts('/quern/quern-sw.js'); quern.serviceWorker({ runtime: '/quern/', precache: ['/', '/app.js', '/style.css'] });
import { hasRelaxedSimd } from '../core/probe.js';
import { build } from '../core/version.js';

/**
 * runtime: the folder of Quern's files. precache: the page's own files, kept at installation. isolate: adds the headers that threads need
 * (COOP, COEP) to what this worker answers, for hosts that cannot send them; 'credentialless' lets pictures of other origins through.
 * skip: paths that are left to the browser. name: tells apart several workers of one origin.
 * @typedef {{ runtime?: string, precache?: readonly string[], isolate?: boolean | 'credentialless', skip?: RegExp, name?: string }} ServiceWorkerOptions
 */

const scope = /** @type {any} */ (globalThis);

const variant = () => (hasRelaxedSimd() ? 'relaxed' : 'simd');

/** Quern's files that every page with packages asks for, with the wasm that this browser takes. */
export const runtimeFiles = () => ['index.js', 'worker.js', 'delivery.js', `quern-${variant()}.wasm`];

/** Files that some of them ask for. @param {ServiceWorkerOptions} options */
const moreFiles = ({ isolate }) => [`quern-rare-${variant()}.wasm`, 'features.js', 'quern-features.wasm', 'quern-pictures.wasm',
  ...(isolate || scope.crossOriginIsolated ? [`quern-${variant()}-threads.wasm`, `quern-rare-${variant()}-threads.wasm`] : [])];

const urlOf = (/** @type {string} */ name, base = scope.location.href) => new URL(name, base).href;
const cacheOf = ({ name = 'page' } = {}) => ({ runtime: `quern-sw-${name}-runtime-${build}`, page: `quern-sw-${name}-page` });

/** @param {ServiceWorkerOptions} options @returns {(url: string) => boolean} */
const isRuntime = ({ runtime = './' }) => (url) => url.startsWith(urlOf(runtime)) && /\.(js|wasm)$/.test(new URL(url).pathname);

/** Keeps the runtime and the page; for the install event. A file of the page that is missing does not stop it. @param {ServiceWorkerOptions} [options] */
export async function keep(options = {}) {
  const { runtime = './', precache = [] } = options, names = cacheOf(options);
  const fresh = (/** @type {string} */ url) => new Request(url, { cache: 'no-cache' });
  const quern = await caches.open(names.runtime), page = await caches.open(names.page), isOurs = isRuntime(options);
  await quern.addAll(runtimeFiles().map((file) => fresh(urlOf(file, urlOf(runtime)))));
  // what not every host publishes, and the page's own files
  const rest = [...moreFiles(options).map((file) => urlOf(file, urlOf(runtime))), ...precache.map((file) => urlOf(file))];
  await Promise.all(rest.map((url) => (isOurs(url) ? quern : page).add(fresh(url)).catch((error) => console.warn(`${url} was not kept for use without a network: ${error.message}`))));
}

/** Removes the runtimes of earlier builds; for the activate event. @param {ServiceWorkerOptions} [options] */
export async function dropOld(options = {}) {
  const { runtime } = cacheOf(options), prefix = runtime.slice(0, -build.length);
  for (const name of await caches.keys()) if (name.startsWith(prefix) && name !== runtime) await caches.delete(name);
}

/**
 * The answer to a request, or null where it is none of this worker's business: the runtime as it was kept, the page from the network and
 * without one as it was kept.
 * @param {Request} request
 * @param {ServiceWorkerOptions} [options]
 * @param {(work: Promise<unknown>) => void} [waitUntil] for what goes on after the answer
 * @returns {Promise<Response> | null}
 */
export function answer(request, options = {}, waitUntil = () => {}) {
  const { isolate = false, skip } = options, url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== scope.location.origin || request.headers.has('range') || skip?.test(url.pathname)) return null;
  const names = cacheOf(options);
  const found = isRuntime(options)(request.url) ? firstKept(request, names.runtime, waitUntil) : firstFetched(request, names.page, waitUntil);
  return isolate ? found.then((response) => isolated(response, isolate)) : found;
}

/** @param {Request} request @param {string} name @param {(work: Promise<unknown>) => void} waitUntil */
async function firstKept(request, name, waitUntil) {
  return (await (await caches.open(name)).match(request, { ignoreVary: true })) ?? fetchAndKeep(request, name, waitUntil);
}

/** @param {Request} request @param {string} name @param {(work: Promise<unknown>) => void} waitUntil */
async function firstFetched(request, name, waitUntil) {
  try {
    return await fetchAndKeep(request, name, waitUntil, true);
  } catch (error) {
    const cache = await caches.open(name), navigates = request.mode === 'navigate';
    const kept = (await cache.match(request, { ignoreVary: true, ignoreSearch: navigates })) ?? (navigates ? await cache.match(urlOf('./')) : undefined);
    if (kept) return kept;
    throw error;
  }
}

/**
 * @param {Request} request
 * @param {string} name
 * @param {(work: Promise<unknown>) => void} waitUntil
 * @param {boolean} [onlyKnown] keeps it only when it was kept before: the page's own files, not everything that a page fetches
 */
async function fetchAndKeep(request, name, waitUntil, onlyKnown = false) {
  const response = await fetch(request);
  if (response.status !== 200 || response.type !== 'basic') return response;
  const copy = response.clone();
  waitUntil((async () => {
    const cache = await caches.open(name);
    if (!onlyKnown || (await cache.match(request, { ignoreVary: true }))) await cache.put(request, copy);
    else await copy.body?.cancel();
  })().catch(() => {})); // a full disk must not stop the page
  return response;
}

/** @param {Response} response @param {true | 'credentialless'} how */
function isolated(response, how) {
  if (response.type === 'opaque' || response.type === 'opaqueredirect' || !response.status) return response;
  const headers = new Headers(response.headers);
  headers.set('cross-origin-opener-policy', 'same-origin');
  headers.set('cross-origin-embedder-policy', how === 'credentialless' ? how : 'require-corp');
  headers.set('cross-origin-resource-policy', 'same-origin');
  return new Response([101, 204, 205, 304].includes(response.status) ? null : response.body, { status: response.status, statusText: response.statusText, headers });
}

/** All of it: what a service worker does that has nothing else to do. @param {ServiceWorkerOptions} [options] */
export function serviceWorker(options = {}) {
  scope.addEventListener('install', (/** @type {any} */ event) => event.waitUntil(keep(options)));
  scope.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(dropOld(options).then(() => scope.clients.claim())));
  // a new worker waits until the pages of the old one are closed, so that no page has files of two builds, unless the page says otherwise
  scope.addEventListener('message', (/** @type {any} */ event) => { if (event.data === 'take over') scope.skipWaiting(); });
  scope.addEventListener('fetch', (/** @type {any} */ event) => {
    const found = answer(event.request, options, (work) => event.waitUntil(work));
    if (found) event.respondWith(found);
  });
}
