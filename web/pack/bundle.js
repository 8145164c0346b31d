// Runtime and package in one file that needs no server: opened from a disk (file://), a page cannot fetch, so every file is in the script, and
// a fetch() of its own answers for the package's folder. Nothing else is answered, so the page's own requests go where they always went.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { PackError, filesOf, openPackage, readEntry } from './package-folder.js';

/**
 * folder: the built runtime (dist/). at: the address under which the page loads the package; variant: which build of the core; rare: with its second file, which a model needs (report().rare).
 * @typedef {{ runtime: string, version?: string, channel?: string, at?: string, variant?: 'simd' | 'relaxed' | 'both', rare?: boolean }} BundleOptions
 */

/** What does not shrink is not packed: unpacking costs the visitor time. @param {Uint8Array} data @returns {[string, string]} 'gzip' or '', base64 */
function encoded(data) {
  const packed = gzipSync(data, { level: 9 }), small = packed.length < 0.95 * data.length;
  return [small ? 'gzip' : '', Buffer.from(small ? packed : data).toString('base64')];
}

const WORKER = 'https://bundle.invalid/worker.js'; // never fetched

/**
 * Runs in the page and in its worker, so it is written out as text. Blobs and not their addresses: from a disk, worker and page are of different
 * origins, and none may fetch the other's.
 * @param {any} self @param {string} base of the package @param {Promise<Record<string, Blob>>} files by name
 */
function answerFetches(self, base, files) {
  const before = self.fetch.bind(self);
  self.fetch = async (/** @type {any} */ request, /** @type {any} */ options) => {
    const url = String(request && request.url || request).replace(/[?#].*/, '');
    if (url.slice(0, base.length) !== base) return before(request, options);
    const all = await files, name = url.slice(base.length);
    return Object.prototype.hasOwnProperty.call(all, name) ? new Response(all[name]) : new Response('not in the bundle', { status: 404 });
  };
}

/** In the worker, before anything else listens: the first message has the files. @param {any} self @param {string} base @param {any} answer answerFetches */
function receiveFiles(self, base, answer) {
  answer(self, base, new Promise((resolve) => {
    self.addEventListener('message', (/** @type {any} */ event) => {
      event.stopImmediatePropagation();
      resolve(event.data);
    }, { once: true });
  }));
}

/**
 * In the page: makes blobs of the files and tells the runtime where they are.
 * @param {any} self @param {any} quern @param {any} bundle @param {string} receive text of the worker's beginning, a function of the base @param {any} answer answerFetches
 */
function unpackBundle(self, quern, bundle, receive, answer) {
  const base = new URL(bundle.at, self.document.baseURI).href;
  const bytesOf = async (/** @type {[string, string]} */ [encoding, text]) => {
    const letters = self.atob(text), bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
    return encoding ? new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new self.DecompressionStream(encoding))).arrayBuffer()) : bytes;
  };
  let chosen = '';
  const wasm = async () => {
    for (chosen of bundle.wasm.slice(0, -1)) {
      try {
        return await WebAssembly.compile(await bytesOf(bundle.runtime[chosen]));
      } catch {
        // this browser lacks what it needs: the next one
      }
    }
    chosen = bundle.wasm[bundle.wasm.length - 1];
    return WebAssembly.compile(await bytesOf(bundle.runtime[chosen]));
  };
  const rareOf = async (/** @type {Promise<WebAssembly.Module>} */ first) => {
    await first;
    return WebAssembly.compile(await bytesOf(bundle.runtime[chosen.replace('quern-', 'quern-rare-')]));
  };
  /** @type {Promise<void> | undefined} */
  let ready;
  const prepare = async () => {
    /** @type {Record<string, Blob>} */
    const files = {};
    for (const name of Object.keys(bundle.files)) {
      files[name] = new Blob([await bytesOf(bundle.files[name])]);
      bundle.files[name] = null; // the text is several times as large in memory
    }
    answer(self, base, Promise.resolve(files));
    const script = URL.createObjectURL(new Blob([receive, `(${JSON.stringify(base)});\n`, await bytesOf(bundle.runtime['worker.classic.js'])], { type: 'text/javascript' }));
    const Before = self.Worker;
    self.Worker = function Worker(/** @type {any} */ url, /** @type {any} */ options) {
      if (String(url) !== bundle.worker) return new Before(url, options);
      const worker = new Before(script);
      worker.postMessage(files);
      return worker;
    };
    self.Worker.prototype = Before.prototype;
    const delivery = bundle.runtime['delivery.js'];
    const first = wasm();
    await quern.init({ wasm: first, ...(bundle.rare ? { rare: rareOf(first) } : {}), worker: bundle.worker, ...(delivery ? { delivery: `data:text/javascript;base64,${delivery[1]}` } : {}) });
  };
  const load = quern.load;
  const loadBundled = (/** @type {any} */ options) => (ready ??= prepare()).then(() => load(base, { update: false, cache: false, ...options }));
  // a page that loads the package by its address need not know that it is bundled
  self.quern = { ...quern, load: (/** @type {any} */ from, /** @type {any} */ options) => (typeof from === 'string' && new URL(from, self.document.baseURI).href.replace(/\/?$/, '/') === base ? loadBundled(options) : load(from, options)) };
  self.quernBundle = { name: bundle.name, version: bundle.version, load: loadBundled };
}

/**
 * The script: quern.js, the package, and what joins them.
 * @param {string} target a package
 * @param {BundleOptions} options
 */
export function bundleScript(target, { runtime, version, channel, at, variant = 'both', rare = true }) {
  const { folder, manifest, file } = openPackage(target, { version, channel });
  const part = (/** @type {string} */ name) => {
    if (!existsSync(path.join(runtime, name))) throw new PackError(`${path.join(runtime, name)} is missing: a bundle is made of the built runtime`);
    return readFileSync(path.join(runtime, name));
  };
  const wasm = variant === 'both' ? ['quern-relaxed.wasm', 'quern-simd.wasm'] : [`quern-${variant}.wasm`];
  const parts = ['worker.classic.js', ...(existsSync(path.join(runtime, 'delivery.js')) ? ['delivery.js'] : []), ...wasm, ...(rare ? wasm.map((name) => name.replace('quern-', 'quern-rare-')) : [])];
  /** @type {Record<string, Uint8Array>} */
  const files = { [file]: readFileSync(path.join(folder, file)) };
  const hash = /^manifest-([0-9a-f]{64})\.json$/.exec(file)?.[1];
  // the one version that is here; canaries and other channels would lead to files that are not
  if (hash) files['quern.json'] = Buffer.from(JSON.stringify({ schema: 1, name: manifest.name, sequence: 1, versions: { [manifest.version]: { manifest: hash, size: files[file].length } }, channels: { stable: { version: manifest.version } } }));
  for (const [what, entry] of filesOf(manifest)) if (!/\.(golden|delta)$/.test(what)) files[entry.file] = readEntry(folder, entry);
  const bundle = { worker: WORKER, name: manifest.name, version: manifest.version, at: at ?? `models/${manifest.name}/`, wasm, rare, runtime: Object.fromEntries(parts.map((name) => [name, name === 'delivery.js' ? ['', part(name).toString('base64')] : encoded(part(name))])),
    files: Object.fromEntries(Object.entries(files).map(([name, data]) => [name, encoded(data)])) };
  if (!bundle.at.endsWith('/')) throw new PackError(`--at is the address of a folder and ends with '/'; got '${bundle.at}'`);
  const receive = `(base => (${receiveFiles})(self, base, ${answerFetches}))`;
  return `/* quern with ${manifest.name.replace(/\*\//g, '')} ${manifest.version}: quern bundle */\n${part('quern.js')}\n;(${unpackBundle})(self, self.quern, ${JSON.stringify(bundle)}, ${JSON.stringify(receive)}, ${answerFetches});\n`;
}

/** Text between <script> tags: the two sequences that would end or hide it. @param {string} script */
const inline = (script) => script.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');

/**
 * A page with the script, its own classic scripts and stylesheets inside.
 * @param {string} page a file
 * @param {string} script
 */
export function bundlePage(page, script) {
  const folder = path.dirname(page);
  const local = (/** @type {string} */ name) => (/^([a-z][a-z0-9+.-]*:|\/\/)/i.test(name) ? null : path.resolve(folder, decodeURIComponent(name.replace(/[?#].*/, ''))));
  const read = (/** @type {string} */ name) => {
    const from = local(name);
    if (!from) return null;
    if (!existsSync(from)) throw new PackError(`${page} wants ${name}, which does not lie at ${from}`);
    return readFileSync(from, 'utf8');
  };
  let placed = false;
  const tag = () => {
    placed = true;
    return `<script>${inline(script)}</script>`;
  };
  let html = readFileSync(page, 'utf8').replace(/<script\b([^>]*)\bsrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))([^>]*)>\s*<\/script\s*>/gi, (all, before, a, b, c, rest) => {
    const name = a ?? b ?? c, attributes = before + rest;
    if (/(^|\/)quern\.js$/.test(name.replace(/[?#].*/, ''))) return placed ? '' : tag();
    if (/\btype\s*=\s*["']?module/i.test(attributes)) throw new PackError(`${page} has ${name} as a module, which browsers do not load from a disk: make it a classic script`);
    const text = read(name);
    return text === null ? all : `<script>${inline(text)}</script>`;
  }).replace(/<link\b[^>]*\brel\s*=\s*["']?stylesheet\b[^>]*>/gi, (all) => {
    const name = /\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/i.exec(all), text = name && read(name[1] ?? name[2] ?? name[3]);
    return text === null || text === undefined ? all : `<style>${text.replace(/<\/(style)/gi, '<\\/$1')}</style>`;
  });
  if (!placed) {
    const at = /<script\b|<\/head\s*>|<body\b[^>]*>/i.exec(html);
    html = at ? html.slice(0, at.index) + tag() + html.slice(at.index) : tag() + html;
  }
  return html;
}
