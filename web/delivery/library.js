// What an origin keeps of its models: files by their SHA-256, shared by all packages and versions, and one small record of what is installed.
// The record is named by its schema and written to two places in turn, so that a cut write loses nothing; files are checked whenever they
// are read. A release with another schema has a record of its own, and neither removes what only the other knows.
import { QuernError, throwIfAborted } from '../core/errors.js';
import { isNode } from '../core/platform.js';
import { baseOf, siblingOf } from '../core/source.js';
import { patched } from './delta.js';
import { download } from './download.js';
import { sha256 } from './sha256.js';
import { openStore } from './store.js';

/**
 * @typedef {import('./store.js').Store} Store
 * @typedef {import('../core/source.js').SourceSpec} SourceSpec
 * @typedef {import('./manifest.js').File} File
 * manifest: its SHA-256. confirmed: it gave answers here.
 * @typedef {{ version: string, manifest: string, size?: number, confirmed?: boolean }} Installed
 * Of one URL. sequence: the highest one verified. pointer: its text, read at `checked`. failed: manifests that did not work here.
 * tries: starts of a version that was not confirmed yet.
 * @typedef {{ sequence?: number, pointer?: string, checked?: number, current?: Installed, previous?: Installed, failed?: string[], tries?: number }} Installation
 * id: random, never sent. files: when each was used last.
 * @typedef {{ generation: number, id: string, files: Record<string, { size: number, used: number }>, packages: Record<string, Installation> }} Ledger
 * @typedef {{ type: string, [detail: string]: any }} DeliveryEvent
 */

const SCHEMA = 1;
const SLOTS = [`ledger-${SCHEMA}a`, `ledger-${SCHEMA}b`];
const IS_FILE = /^[0-9a-f]{64}$/;
const PATIENCE = 10_000; // ms that another tab's download is waited for without progress

const encoder = new TextEncoder(), decoder = new TextDecoder();

const megabytes = (/** @type {number} */ bytes) => `${Math.max(0, bytes / 1e6).toFixed(1)} MB`;

/** @type {Promise<unknown>} */
let turn = Promise.resolve(); // where there are no Web Locks

/** @template T @param {string} name @param {() => Promise<T>} work @returns {Promise<T>} */
function locked(name, work) {
  const { locks } = /** @type {any} */ (globalThis.navigator ?? {});
  if (locks && !isNode) return locks.request(name, work);
  const mine = turn.then(work);
  turn = mine.catch(() => {});
  return mine;
}

/** @param {Store} store @returns {Promise<Ledger>} */
async function readLedger(store) {
  /** @type {Ledger | null} */
  let best = null;
  for (const bytes of await Promise.all(SLOTS.map((slot) => store.read(slot).catch(() => null)))) {
    if (!bytes || bytes.length < 65) continue;
    const body = bytes.subarray(64);
    if ((await sha256(body)) !== decoder.decode(bytes.subarray(0, 64))) continue;
    const ledger = JSON.parse(decoder.decode(body));
    if (!best || ledger.generation > best.generation) best = ledger;
  }
  return best ?? { generation: 0, id: '', files: {}, packages: {} };
}

/** @param {Store} store @param {Ledger} ledger */
async function writeLedger(store, ledger) {
  const body = encoder.encode(JSON.stringify(ledger));
  const bytes = new Uint8Array(64 + body.length);
  bytes.set(encoder.encode(await sha256(body)));
  bytes.set(body, 64);
  await store.write(SLOTS[ledger.generation % 2], bytes);
}

export class Library {
  #store;
  #budget;
  #tell;
  /** By hash. @type {Map<string, Promise<unknown>>} */
  #writing = new Map();
  /** Used by this model, so not thrown away for it. @type {Map<string, number>} */
  #used = new Map();
  /** Sizes of what is kept. @type {Map<string, number> | null} */
  #kept = null;
  /** Whether another release keeps files here too. */
  #shared = false;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  #full = false;
  /** Of what is loaded, and whether there was a look for room for it. @type {Map<string, number>} */
  #expected = new Map();
  #looked = true;
  downloaded = 0;
  fromCache = 0;

  /**
   * cache: false: nothing is kept; a Store: kept there. cacheBudget: bytes.
   * @param {{ cache?: boolean | Store, cacheBudget?: number }} options
   * @param {(event: DeliveryEvent) => void} tell
   */
  static async open({ cache = true, cacheBudget }, tell) {
    const store = cache === true ? await openStore() : cache || null;
    return new Library(store, store ? await readLedger(store) : { generation: 0, id: '', files: {}, packages: {} }, cacheBudget, tell);
  }

  /** @param {Store | null} store @param {Ledger} ledger @param {number | undefined} budget @param {(event: DeliveryEvent) => void} tell */
  constructor(store, ledger, budget, tell) {
    this.#store = store;
    this.ledger = ledger;
    this.#budget = budget;
    this.#tell = tell;
  }

  get kind() {
    return this.#store?.kind ?? 'none';
  }

  /**
   * Changes the record, on what other tabs wrote meanwhile.
   * @param {(ledger: Ledger) => void} change
   */
  async change(change) {
    const store = this.#store;
    if (!store) return change(this.ledger);
    await locked('quern ledger', async () => {
      const ledger = await readLedger(store);
      change(ledger);
      ledger.generation++;
      this.ledger = ledger;
      await writeLedger(store, ledger).catch((error) => this.#uncached(error));
    });
  }

  /** The random id of this installation; '' where it could not be kept. */
  async id() {
    if (!this.#store) return '';
    if (!this.ledger.id)
      await this.change((ledger) => { ledger.id ||= Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join(''); });
    return this.ledger.id;
  }

  /** @param {unknown} error */
  #uncached(error) {
    if (!this.#full) this.#tell({ type: 'uncached', message: `the browser did not keep a file (${/** @type {any} */ (error)?.message ?? error}); it is fetched again next time` });
    this.#full = true;
  }

  /**
   * @param {File} file
   * @param {(damaged: boolean) => void} [found] told of what is there and useless
   * @param {import('./store.js').Buffers} [buffers]
   * @returns {Promise<Uint8Array | null>}
   */
  async read(file, found, buffers) {
    const { size, sha256: hash } = file;
    if (!this.#store || !hash) return null;
    const bytes = await this.#store.read(hash, buffers).catch(() => null);
    if (!bytes) return null;
    if ((size === undefined || bytes.length === size) && (await sha256(bytes)) === hash) {
      this.#used.set(hash, bytes.length);
      return bytes;
    }
    await this.#store.remove(hash).catch(() => {});
    found?.(size === undefined || bytes.length >= size); // a shorter one is a write that was cut
    return null;
  }

  /**
   * A file, from here or from where it lies, verified. What was downloaded is kept.
   * @param {File} file
   * @param {SourceSpec[]} places
   * @param {{ signal?: AbortSignal, onBytes?: (loaded: number) => void, buffers?: import('./store.js').Buffers }} [options] buffers: for what is here
   * @returns {Promise<Uint8Array>}
   */
  async get(file, places, { signal, onBytes, buffers } = {}) {
    const hash = file.sha256;
    let damaged = false;
    const kept = await this.read(file, (d) => { damaged = d; }, buffers);
    if (kept) {
      this.fromCache += kept.length;
      onBytes?.(kept.length);
      return kept;
    }
    const fetched = async (/** @type {(() => void) | undefined} */ ping) => {
      void this.#lookForRoom();
      const heard = (/** @type {number} */ n) => { ping?.(); onBytes?.(n); };
      let bytes = await this.#patched(file, places, signal, heard);
      if (!bytes) {
        bytes = await download(places, file, { signal, onBytes: heard });
        this.downloaded += bytes.length;
      }
      if (damaged) this.#tell({ type: 'healed', file: file.file, message: `${file.file} was damaged in the browser's cache and was fetched again` });
      return bytes;
    };
    if (!this.#store || !hash || places[0].kind === 'path') return fetched(undefined);
    return new Promise((resolve, reject) => {
      const work = this.#alone(hash, signal, async (ping) => {
        let bytes = await this.read(file); // another tab may have got it meanwhile
        if (bytes) {
          this.fromCache += bytes.length;
          onBytes?.(bytes.length);
          return resolve(bytes);
        }
        bytes = await fetched(ping);
        resolve(bytes);
        await this.#keep(hash, bytes);
      }).catch(reject).finally(() => { if (this.#writing.get(hash) === work) this.#writing.delete(hash); });
      this.#writing.set(hash, work);
    });
  }

  /**
   * The file made of the one that it replaces, where that is here; null: the whole is to be downloaded.
   * @param {File} file
   * @param {SourceSpec[]} places
   * @param {AbortSignal | undefined} signal
   * @param {(loaded: number) => void} onBytes
   */
  async #patched({ file, size = 0, sha256: hash, delta }, places, signal, onBytes) {
    const base = delta && await this.read({ file, size, sha256: delta.from });
    if (!base) return null;
    try {
      const difference = await download(places.map((place) => siblingOf(baseOf(place), delta.file)), delta, { signal, once: true, onBytes: (n) => onBytes(Math.floor((n * size) / delta.size)) });
      this.downloaded += difference.length;
      const bytes = await patched(base, difference);
      if ((await sha256(bytes)) === hash) return bytes;
    } catch {
      throwIfAborted(signal);
    }
    onBytes(0);
    return null;
  }

  /**
   * One tab at a time, but not behind one that stands still.
   * @param {string} hash
   * @param {AbortSignal | undefined} signal
   * @param {(ping?: () => void) => Promise<void>} work
   */
  async #alone(hash, signal, work) {
    const { locks } = /** @type {any} */ (globalThis.navigator ?? {});
    if (!locks || isNode) return work();
    const channel = this.#channel ??= new BroadcastChannel('quern');
    const stop = new AbortController(), abort = () => stop.abort();
    let began = false;
    /** @type {any} */
    let timer;
    const wait = () => { clearTimeout(timer); timer = setTimeout(abort, PATIENCE); };
    const heard = (/** @type {MessageEvent} */ { data }) => { if (data === hash) wait(); };
    channel.addEventListener('message', heard);
    signal?.addEventListener('abort', abort);
    wait();
    const done = () => {
      clearTimeout(timer);
      channel.removeEventListener('message', heard);
      signal?.removeEventListener('abort', abort);
    };
    try {
      await locks.request(`quern ${hash}`, { signal: stop.signal }, () => {
        began = true;
        done();
        let last = Date.now();
        return work(() => { if (Date.now() - last > 1000) { last = Date.now(); channel.postMessage(hash); } });
      });
    } catch (error) {
      if (began || signal?.aborted) throw error;
      await work();
    } finally {
      done();
    }
  }

  /** Keeps a file that came another way. @param {string} hash @param {Uint8Array} bytes */
  async put(hash, bytes) {
    if (this.#store) await this.#keep(hash, bytes);
  }

  /** @param {string} hash @param {Uint8Array} bytes */
  async #keep(hash, bytes) {
    const store = /** @type {Store} */ (this.#store);
    this.#used.set(hash, bytes.length);
    try {
      await this.#makeRoom(bytes.length);
      await store.write(hash, bytes).catch(async (error) => {
        if (error?.name !== 'QuotaExceededError') throw error;
        await this.#makeRoom(bytes.length, true);
        await store.write(hash, bytes);
      });
      this.#kept?.set(hash, bytes.length);
    } catch (error) {
      await store.remove(hash).catch(() => {});
      this.#uncached(error);
    }
  }

  /**
   * Throws the least recently used away until so many bytes more are within the budget.
   * @param {number} bytes
   * @param {boolean} [harder] the browser had no room: a quarter more
   */
  async #makeRoom(bytes, harder = false) {
    const store = /** @type {Store} */ (this.#store);
    if (this.#budget === undefined) {
      const estimate = await globalThis.navigator?.storage?.estimate?.().catch(() => null);
      this.#budget = (estimate?.quota ?? 2e9) / 2;
    }
    if (!this.#kept) {
      const all = [...await store.list()];
      this.#kept = new Map(all.filter(([name]) => IS_FILE.test(name)));
      this.#shared = all.some(([name]) => /^ledger-/.test(name) && !SLOTS.includes(name));
    }
    const kept = this.#kept;
    let sum = [...kept.values()].reduce((a, b) => a + b, bytes);
    const most = harder ? (sum - bytes) * 0.75 : this.#budget;
    if (sum <= most) return;
    const { files } = await readLedger(store);
    // a file that the record does not know is of a load that was cut or goes on in another tab: last, and never where another release keeps files
    const old = [...kept.keys()].filter((name) => (files[name] || !this.#shared) && !this.#used.has(name) && !this.#expected.has(name)).sort((a, b) => (files[a]?.used ?? Infinity) - (files[b]?.used ?? Infinity) || 0);
    for (const name of old) {
      if (sum <= most) break;
      if (!(await store.remove(name).then(() => true, () => false))) continue; // another tab reads it
      sum -= kept.get(name) ?? 0;
      kept.delete(name);
    }
    if (sum > most) throw new QuernError('out-of-memory', `${megabytes(sum)} would be kept, ${megabytes(most)} are allowed`);
  }

  /** These are about to be used: none is thrown away for another one. @param {File[]} files */
  expect(files) {
    for (const { sha256: hash, size = 0 } of files) if (hash) this.#expected.set(hash, size);
    this.#looked = false;
  }

  /** Whether what is still to be fetched fits, asked before the first download; a model goes on without being kept when not. */
  async #lookForRoom() {
    const store = this.#store;
    if (!store || this.#looked) return;
    this.#looked = true;
    const left = async () => {
      const { quota = Infinity, usage = 0 } = (await globalThis.navigator?.storage?.estimate?.().catch(() => null)) ?? {};
      return quota - usage;
    };
    const kept = await store.list().catch(() => new Map()), bytes = [...this.#expected].reduce((sum, [hash, size]) => sum + (kept.has(hash) ? 0 : size), 0);
    if (bytes <= await left()) return;
    await this.#makeRoom(0, true).catch(() => {});
    const found = await left();
    if (bytes > found) this.#uncached(new Error(`it needs ${megabytes(bytes)}, and the browser has ${megabytes(found)} left for this site`));
  }

  /** Waits until all is written that was downloaded. */
  async flush() {
    while (this.#writing.size) await Promise.all(this.#writing.values());
  }

  /** The same of one file. @param {string | undefined} hash */
  async written(hash) {
    await this.#writing.get(hash ?? '');
  }

  /** Notes what was used now, which is what eviction goes by. */
  async touch() {
    if (!this.#store || !this.#used.size) return;
    const used = Date.now();
    await this.change(({ files }) => { for (const [hash, size] of this.#used) files[hash] = { size, used }; });
  }

  close() {
    this.#channel?.close();
    this.#channel = null;
  }
}

/** What this origin keeps of models. */
export const cache = {
  /** @returns {Promise<{ packages: { url: string, version: string, checked: number }[], files: { sha256: string, size: number, used: number }[], bytes: number }>} */
  async list() {
    const store = await openStore();
    if (!store) return { packages: [], files: [], bytes: 0 };
    const ledger = await readLedger(store);
    const files = [...await store.list()].filter(([name]) => IS_FILE.test(name)).map(([name, size]) => ({ sha256: name, size, used: ledger.files[name]?.used ?? 0 }));
    return {
      packages: Object.entries(ledger.packages).map(([url, { current, checked = 0 }]) => ({ url, version: current?.version ?? '', checked })),
      files, bytes: files.reduce((sum, { size }) => sum + size, 0),
    };
  },

  /** Removes all models, and with them who is in which canary; the next load starts anew. */
  async clear() {
    const store = await openStore();
    if (!store) return;
    await locked('quern ledger', async () => {
      for (const name of (await store.list()).keys()) if (IS_FILE.test(name) || SLOTS.includes(name)) await store.remove(name);
    });
  },

  /** Forgets one package, by its URL, or one file, by its SHA-256. Files that other packages may share go when room is needed. @param {string | URL} what */
  async delete(what) {
    const store = await openStore();
    if (!store) return;
    const name = String(what);
    if (IS_FILE.test(name)) return store.remove(name);
    const url = new URL(name, globalThis.document?.baseURI ?? globalThis.location?.href).href;
    await locked('quern ledger', async () => {
      const ledger = await readLedger(store);
      // the sequence stays: a forgotten package must not take an older pointer
      const { sequence } = ledger.packages[url] ?? {};
      if (sequence) ledger.packages[url] = { sequence };
      else delete ledger.packages[url];
      ledger.generation++;
      await writeLedger(store, ledger);
    });
  },

  /** Asks the browser not to throw the origin's files away when it is short of room. @returns {Promise<boolean>} whether it promised */
  async persist() {
    return Boolean(await globalThis.navigator?.storage?.persist?.());
  },
};
