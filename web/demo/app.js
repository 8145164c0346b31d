// The page as a whole: tabs, the service worker, the sign of being without a network.
import { DIST, MODELS, program, waitFor } from './engine.js';
import { startRead } from './read.js';
import { startHear } from './hear.js';
import { startSee } from './see.js';
import { startDraw } from './draw.js';
import { startInside } from './inside.js';
import { startJudge } from './judge.js';

const $ = (id) => document.getElementById(id);

waitFor(keepForLater());
const parts = { read: startRead(), hear: startHear(), see: startSee(), draw: startDraw(), inside: startInside(), judge: startJudge() };
tabs();
connection();

// ARIA tabs: arrows move and choose, Home and End jump; the address remembers the choice.
function tabs() {
  const all = /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll('[role=tab]')]);
  const panelOf = (tab) => $(tab.getAttribute('aria-controls'));

  function choose(tab, focus) {
    for (const other of all) {
      const chosen = other === tab;
      other.setAttribute('aria-selected', String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      panelOf(other).hidden = !chosen;
      if (!chosen) parts[panelOf(other).id].stop(); // camera and microphone do not run behind a closed tab
    }
    if (focus) tab.focus();
    history.replaceState(null, '', `#${panelOf(tab).id}`);
    dispatchEvent(new Event('tabchosen'));
  }

  all.forEach((tab, i) => {
    tab.addEventListener('click', () => choose(tab, false));
    tab.addEventListener('keydown', (event) => {
      const to = { ArrowRight: (i + 1) % all.length, ArrowLeft: (i + all.length - 1) % all.length, Home: 0, End: all.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(all[to], true);
    });
  });
  const asked = all.find((tab) => `#${panelOf(tab).id}` === location.hash);
  if (asked) choose(asked, false);
}

function connection() {
  const chip = $('connection');
  // What the chosen tab needs of its model first: kept means that it opens without a network.
  const needs = { read: MODELS.ocr, hear: MODELS.vad, see: MODELS.face, draw: MODELS.symbols, judge: MODELS.cancer };
  const isKept = async (/** @type {string | undefined} */ url) => {
    const script = await caches.match(new URL('index.js', DIST).href);
    if (!script) return false;
    if (!url) return Boolean(await caches.match(new URL('report.js', DIST).href));
    return (await (await program('index.js')).cache.list()).packages.some((p) => p.url === url);
  };
  const show = async () => {
    const panel = Object.keys(parts).find((id) => !$(id).hidden) ?? 'read';
    const kept = Boolean(navigator.serviceWorker?.controller && await isKept(needs[panel]));
    if (!navigator.onLine) chip.textContent = kept ? 'No network, and no need of one' : 'No network';
    else chip.textContent = kept ? 'Works offline too' : '';
  };
  for (const type of ['online', 'offline', 'modelready', 'tabchosen']) addEventListener(type, show);
  show();
}

/** Registers the service worker; resolves when it keeps what the page fetches, or at once where it cannot. */
async function keepForLater() {
  const keeper = navigator.serviceWorker;
  if (!keeper) return;
  const first = !keeper.controller;
  try {
    const registration = await keeper.register(new URL('sw.js', import.meta.url));
    offerUpdates(registration);
    if (!first) return;
    await Promise.race([
      new Promise((resolve) => {
        if (keeper.controller) resolve();
        keeper.addEventListener('controllerchange', resolve, { once: true });
      }),
      new Promise((resolve) => setTimeout(resolve, 4000)),
    ]);
  } catch {
    // Private windows and odd hosts refuse service workers: the page works all the same, online.
  }
}

/** @param {ServiceWorkerRegistration} registration */
function offerUpdates(registration) {
  const offer = (worker) => {
    $('update').hidden = false;
    $('update-now').onclick = () => {
      navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
      worker.postMessage('take over');
    };
  };
  if (registration.waiting && navigator.serviceWorker.controller) offer(registration.waiting);
  registration.addEventListener('updatefound', () => {
    const worker = registration.installing;
    worker.addEventListener('statechange', () => {
      if (worker.state === 'installed' && navigator.serviceWorker.controller) offer(worker);
    });
  });
}
