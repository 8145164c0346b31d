// Keeps the page for use without a network.
// Program and pages: from the network when there is one (so that all files are of one build), else from the cache.
// Models: the manifest as the program does; its files from the cache, until the manifest changes.
// Raise VERSION to make browsers throw the old page away.
const VERSION = 1;
const SHELL = `quern-demo-shell-${VERSION}`;
const MODELS = 'quern-demo-models-1';

const PAGE = [
  './', 'style.css', 'app.js', 'engine.js', 'read.js', 'hear.js', 'inside.js', 'facts.js', 'overlay.js', 'camera.js', 'chart.js', 'sound.js', 'speech.js', 'wav.js', 'mic-worklet.js',
  'manifest.webmanifest', 'icons/icon.svg', 'icons/icon-192.png', 'samples/speech.wav',
];
const LATER = ['samples/samples.json']; // and the pictures it names; nice to have

self.addEventListener('install', (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(SHELL);
    await cache.addAll(PAGE.map((path) => new Request(path, { cache: 'no-cache' })));
    await keepSamples(cache).catch(() => {});
  })());
});

async function keepSamples(cache) {
  await cache.addAll(LATER);
  const listed = await (await cache.match(LATER[0])).json();
  await cache.addAll((listed.samples ?? listed).map(({ file }) => `samples/${file}`));
}

self.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith('quern-demo-') && name !== SHELL && name !== MODELS) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener('message', (event) => {
  if (event.data === 'take over') self.skipWaiting();
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin || request.headers.has('range')) return;
  if (!url.pathname.includes('/models/')) event.respondWith(networkFirst(event, SHELL));
  else if (url.pathname.endsWith('/manifest.json')) event.respondWith(newestManifest(event));
  else event.respondWith(cacheFirst(event, MODELS));
});

// A manifest names its files by their hashes: when it has changed, the files kept beside it may have too.
async function newestManifest(event) {
  const cache = await caches.open(MODELS);
  const kept = await cache.match(event.request);
  const before = await kept?.clone().text();
  let response;
  try {
    response = await fetch(event.request, { cache: 'no-cache' });
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
  if (response.status !== 200) return response;
  const body = await response.clone().text();
  if (before !== undefined && body !== before) {
    const folder = new URL('.', event.request.url).href;
    for (const request of await cache.keys()) if (request.url.startsWith(folder)) await cache.delete(request);
  }
  if (body !== before) event.waitUntil(cache.put(event.request, response.clone()).catch(() => {}));
  return response;
}

async function cacheFirst(event, name) {
  return (await (await caches.open(name)).match(event.request)) ?? fetchAndKeep(event, name);
}

async function networkFirst(event, name) {
  try {
    return await fetchAndKeep(event, name);
  } catch (error) {
    const kept = await (await caches.open(name)).match(event.request, { ignoreSearch: event.request.mode === 'navigate' });
    if (kept) return kept;
    if (event.request.mode === 'navigate') {
      const page = await (await caches.open(SHELL)).match('./');
      if (page) return page;
    }
    throw error;
  }
}

async function fetchAndKeep(event, name) {
  const response = await fetch(event.request);
  if (response.status === 200 && response.type === 'basic') {
    const copy = response.clone();
    event.waitUntil(caches.open(name).then((cache) => cache.put(event.request, copy)).catch(() => {})); // a full disk must not stop the page
  }
  return response;
}
