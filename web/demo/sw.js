// Keeps the page for use without a network.
// Program and pages: from the network when there is one (so that all files are of one build), else from the cache.
// Model files: those whose names say their contents never change and come from the cache; the others as the program does.
// Raise VERSION to make browsers throw the old page away.
const VERSION = 1;
const SHELL = `quern-demo-shell-${VERSION}`;
const MODELS = 'quern-demo-models-1';

const PAGE = [
  './', 'style.css', 'app.js', 'engine.js', 'read.js', 'hear.js', 'facts.js', 'overlay.js', 'camera.js', 'chart.js', 'sound.js', 'speech.js', 'wav.js', 'mic-worklet.js',
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
  const isModel = url.pathname.includes('/models/');
  const isFixed = isModel && /[-.][0-9a-f]{8,64}\.[a-z0-9]+$/.test(url.pathname);
  event.respondWith(isFixed ? cacheFirst(event, MODELS) : networkFirst(event, isModel ? MODELS : SHELL));
});

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
