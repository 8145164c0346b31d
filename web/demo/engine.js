// The page's only door to Quern: loads it late, once the service worker can keep what is fetched.

export const DIST = new URL('../../dist/', import.meta.url);
export const MODELS = {
  cancer: new URL('models/cancer/manifest.json', DIST).href,
  ocr: new URL('models/ocr/manifest.json', DIST).href,
  vad: new URL('models/vad/manifest.json', DIST).href,
  face: new URL('models/face/manifest.json', DIST).href,
  lines: new URL('models/lines/manifest.json', DIST).href,
  symbols: new URL('models/symbols/manifest.json', DIST).href,
};

/** With ?monitor in the address what the models do is counted and reported to /v1/metrics, which `./serve.sh --collector` takes. */
const MONITORED = new URLSearchParams(location.search).has('monitor');
let monitor = null;

let keeper = Promise.resolve();

/** The engine waits for this promise before its first fetch, so that one visit is enough to work without a network. */
export function waitFor(promise) {
  keeper = promise;
}

/** A script of Quern's. @param {string} name */
export async function program(name) {
  await keeper;
  return import(new URL(name, DIST).href);
}

/**
 * A model that is loaded when first asked for and stays. A failed or stopped load is forgotten, the next ask tries again.
 * @param {string} url
 */
export function lazyModel(url) {
  let loading = null;
  let stopper = new AbortController();
  let bytes = 0, before = 0, last = 0; // a package is several files, each counted from 0
  let listener = null;

  async function start(signal) {
    const { load } = await program('index.js');
    signal.throwIfAborted();
    if (MONITORED) {
      const { Monitor } = await program('monitor.js');
      monitor ??= new Monitor({ endpoint: new URL('/v1/metrics', location.href), interval: 5, attributes: { 'service.name': 'quern-demo' } });
    }
    const loading = load(url, {
      signal,
      onProgress(p) {
        if (p.stage !== 'prepare') {
          if (p.loaded < last) before += last;
          last = p.loaded;
          bytes = before + last;
        }
        listener?.(p);
      },
    });
    return monitor ? monitor.load(loading) : loading;
  }

  return {
    /** Bytes of the model that came, over the network or out of the cache. */
    get bytes() { return bytes; },
    /** @param {(p: { stage: string, loaded: number, total: number }) => void} onProgress told of this load until the next get() */
    async get(onProgress) {
      listener = onProgress;
      if (!loading) {
        stopper = new AbortController();
        bytes = before = last = 0;
        const mine = loading = start(stopper.signal);
        mine.then(() => dispatchEvent(new Event('modelready')), () => {
          if (loading === mine) loading = null;
        });
      }
      return loading;
    },
    /** Stops a load under way; a loaded model stays. */
    stopLoading() {
      stopper.abort();
    },
  };
}

/** The sentence to show for an error; null when the visitor stopped the work himself. */
export function sentence(error) {
  if (error?.name === 'AbortError' || error?.code === 'aborted') return null;
  if (error?.name === 'TypeError' && /import|fetch|module/i.test(error.message)) {
    return navigator.onLine ? 'The program could not be fetched. Is it built, and served from here?' : 'There is no network, and this part was not kept on an earlier visit.';
  }
  const text = error?.message || String(error);
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}

/** Shows `text` in an alert box with a button that closes it; an empty text closes it. */
export function alertIn(box, text) {
  box.replaceChildren();
  if (!text) return;
  const close = document.createElement('button');
  close.type = 'button';
  close.textContent = 'Close';
  close.addEventListener('click', () => box.replaceChildren());
  const words = document.createElement('span');
  words.textContent = text;
  box.append(words, close);
}

const STAGES = { download: 'Fetching the model', external: 'Fetching the parameters', prepare: 'Preparing the model' };

/** A progress block: <div hidden><label/><progress/><button/></div>. The quern in the header turns while anything works. */
export function progressIn(block) {
  const label = block.querySelector('label');
  const bar = block.querySelector('progress');
  return {
    start(text) {
      block.hidden = false;
      bar.removeAttribute('value');
      label.textContent = text;
      document.body.classList.add('working');
    },
    /** @param {{ stage: string, loaded: number, total: number }} p */
    load(p) {
      const name = STAGES[p.stage] ?? 'Fetching the model';
      if (p.total > 0 && p.stage !== 'prepare') {
        bar.value = Math.min(1, p.loaded / p.total);
        label.textContent = `${name}: ${size(p.loaded)} of ${size(p.total)}`;
      } else {
        bar.removeAttribute('value');
        label.textContent = name;
      }
    },
    part(text, share) {
      label.textContent = text;
      if (share === undefined) bar.removeAttribute('value');
      else bar.value = share;
    },
    stop() {
      block.hidden = true;
      document.body.classList.remove('working');
    },
  };
}

/** 1234567 → "1.2 MB". */
export function size(bytes) {
  if (!(bytes >= 0)) return '–';
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** 0.1234 → "0.12 ms", 12.3 → "12 ms", 1234 → "1.23 s". */
export function time(ms) {
  if (!(ms >= 0)) return '–';
  if (ms < 10) return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
