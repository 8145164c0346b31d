// A package at a URL, over time: which version it is, where its files come from, what to do about a newer one.
import { QuernError, messageOf, throwIfAborted } from '../core/errors.js';
import { baseOf, siblingOf } from '../core/source.js';
import { version as runtime } from '../core/version.js';
import { limiter } from '../limits/index.js';
import { NotThere, download } from './download.js';
import { Fetcher, joined } from './fetcher.js';
import { differsFromGolden } from './golden.js';
import { Library } from './library.js';
import { SEAL, fileOf, filesOf, goldenFilesOf, parseManifest } from './manifest.js';
import { MAX_AGE, chooseVersion, parsePointer, refusal } from './pointer.js';
import { sha256 } from './sha256.js';
import { isSignedByAny, parseKeys } from './signature.js';
import { inRange } from './versions.js';

/**
 * @typedef {import('../core/source.js').SourceSpec} SourceSpec
 * @typedef {import('../core/session.js').Progress} Progress
 * @typedef {import('../core/package.js').Package} Package
 * @typedef {import('../core/package.js').Manifest} Manifest
 * @typedef {import('../core/loaded.js').Loaded} Loaded
 * @typedef {import('./library.js').Installation} Installation
 * @typedef {import('./library.js').Installed} Installed
 * @typedef {import('./library.js').DeliveryEvent} DeliveryEvent
 * @typedef {import('./pointer.js').Pointer} Pointer
 * keys: whose signatures on the pointer count; none: it is not signed. channel: 'stable' when left out. mirrors: other folders with the
 * same files. decryptionKey: for a package whose parameters are encrypted; a port in a worker. update: false: only when update() is called. cache: false: keep nothing. cacheBudget: bytes for all models of this origin.
 * @typedef {{ keys?: readonly string[], channel?: string, mirrors?: readonly string[], update?: boolean,
 *   decryptionKey?: import('./decrypt.js').DecryptionKey | MessagePort, cache?: boolean | import('./store.js').Store, cacheBudget?: number }} DeliveryOptions
 * @typedef {{ signal?: AbortSignal, onProgress?: (progress: Progress) => void, onEvent?: (event: DeliveryEvent) => void }} Watching
 * Makes a model of a package's files.
 * @typedef {(pack: Package, how: Watching) => Promise<Loaded>} Make
 * url of what is loaded; sequence and expires of its pointer; previous: what there is to go back to; refused: why it must not be used.
 * @typedef {{ url: string, channel: string, version: string, previous: string, sequence: number, expires: string, expired: boolean, checked: number, refused: string,
 *   cache: string, downloadedBytes: number, cachedBytes: number }} DeliveryFacts
 */

const PROOF = 3; // answers until a version counts as good and the one before is given up
const TRIES = 2; // starts without an answer until a new version counts as broken
const AGAIN = 60_000; // ms until a pointer is asked for again that could not be had

/** The visitor asked for less traffic. */
const savesData = () => Boolean(/** @type {any} */ (globalThis.navigator)?.connection?.saveData);

/** An error that says something about the network or the caller, and nothing about the version. @param {any} error */
const isOutside = (error) => ['network', 'aborted', 'bad-argument', 'unavailable'].includes(error?.code);

export class Delivered {
  #options;
  #make;
  /** @type {Watching} */
  #watching = {};
  #library = /** @type {Library} */ (/** @type {unknown} */ (null));
  #keys;
  /** The folder, or the manifest that was asked for by name. */
  #base;
  #named;
  #mirrors;
  /** @type {Pointer | null} */
  #pointer = null;
  /** @type {Loaded | null} */
  #current = null;
  /** The one before, while the current one is on trial. @type {Loaded | null} */
  #before = null;
  /** @type {Installed | null} */
  #installedBefore = null;
  /** @type {Installed | null} */
  #installed = null;
  /** @type {WeakSet<Loaded>} */
  #broken = new WeakSet();
  #answers = 0;
  #refused = '';
  #askedAt = 0;
  /** The pointer that is known names another version than the one in use: its download was cut, or waits for a line that is not metered. */
  #behind = false;
  /** @type {Promise<boolean> | null} */
  #checking = null;
  /** By what they say, so that a new version with the same ones goes on counting. @type {Map<string, import('../limits/index.js').Limiter>} */
  #limits = new Map();
  #closed = new AbortController();

  /**
   * @param {SourceSpec} spec
   * @param {DeliveryOptions & Watching} options
   * @param {Make} make
   */
  static async open(spec, options, make) {
    const delivered = new Delivered(spec, options, make);
    delivered.#library = await Library.open(options, (event) => delivered.#tell(event));
    try {
      await delivered.#start();
      return delivered;
    } catch (error) {
      delivered.dispose();
      throw error;
    }
  }

  /** @param {SourceSpec} spec @param {DeliveryOptions & Watching} options @param {Make} make */
  constructor(spec, { signal, onProgress, onEvent, ...options }, make) {
    this.#options = options;
    this.#watching = { signal, onProgress };
    this.onEvent = onEvent;
    this.#make = make;
    this.#keys = parseKeys(options.keys ?? []);
    const base = baseOf(spec).replace(/[?#].*$/, spec.kind === 'url' ? '' : '$&');
    const isFile = /\.json$/.test(base);
    this.#named = isFile && !/(^|[/\\])quern\.json$/.test(base);
    this.#base = this.#named || /[/\\]$/.test(base) ? base : isFile ? base.replace(/quern\.json$/, '') : base + '/';
    this.#mirrors = (options.mirrors ?? []).map((url) => new URL(String(url).replace(/\/?$/, '/'), this.#base).href);
  }

  /** @param {DeliveryEvent} event */
  #tell(event) {
    try {
      this.onEvent?.(event);
    } catch (error) {
      console.error(error); // the page's own
    }
  }

  /** @param {string} name @returns {SourceSpec[]} */
  #places = (name) => [this.#base, ...this.#mirrors].map((base) => siblingOf(base, name));

  /** @returns {Installation} */
  get #record() {
    return this.#library.ledger.packages[this.#base] ?? {};
  }

  /** @param {(record: Installation) => void} change */
  #note(change) {
    return this.#library.change((ledger) => change(ledger.packages[this.#base] ??= {}));
  }

  /** @param {Partial<import('./pointer.js').Installation>} [more] */
  #here = (more) => ({ channel: this.#options.channel ?? 'stable', id: '', runtime, now: Date.now(), failed: this.#record.failed, ...more });

  // ---- the first version ----

  async #start() {
    if (this.#named) return this.#startNamed(this.#base);
    const { pointer, current, previous, tries = 0 } = this.#record;
    if (pointer) this.#pointer = parsePointer(new TextEncoder().encode(pointer), this.#base);
    if (this.#pointer && current && (await this.#startKept(current, previous, tries))) return;
    // nothing that could be used: the pointer comes first
    try {
      this.#pointer = await this.#readPointer(this.#watching.signal);
    } catch (error) {
      // without a network: an old pointer that was verified, or a package that had none when it was kept
      if (!(this.#pointer || (current && !this.#keys.length)) || /** @type {any} */ (error).code === 'aborted') throw error;
      if (this.#pointer) this.#tell({ type: 'refused', message: messageOf(error) });
    }
    if (!this.#pointer) return this.#startNamed('manifest.json');
    for (;;) {
      const installed = await this.#choose(this.#pointer);
      try {
        await this.#use(await this.#package(installed, this.#watching), installed);
        break;
      } catch (error) {
        if (isOutside(error)) throw error;
        await this.#fail(installed, error); // the next choice is another one, or says that there is none
      }
    }
    await this.#library.flush();
    const installed = /** @type {Installed} */ (this.#installed);
    await this.#note((record) => Object.assign(record, { previous: undefined, current: installed, tries: 0 }));
  }

  /**
   * What is installed, without asking the network for anything that is here.
   * @param {Installed} current
   * @param {Installed | undefined} previous
   * @param {number} tries
   */
  async #startKept(current, previous, tries) {
    const pointer = /** @type {Pointer} */ (this.#pointer);
    for (const [installed, first] of /** @type {[Installed, boolean][]} */ (previous && !current.confirmed ? [[current, true], [previous, false]] : [[current, true]])) {
      const why = refusal(pointer, installed.version, this.#here(), true);
      if (why) {
        this.#tell({ type: 'blocked', version: installed.version, message: why });
        continue;
      }
      try {
        if (first && previous && !current.confirmed) {
          if (tries >= TRIES) throw new QuernError('internal', `it was started ${tries} times and gave no answer`);
          await this.#note((record) => { record.tries = tries + 1; });
        }
        await this.#use(await this.#package(installed, this.#watching), installed);
        if (!first) await this.#note((record) => Object.assign(record, { current: installed, previous: undefined, tries: 0 }));
        this.#behind = await this.#choose(pointer).then(({ manifest }) => manifest !== installed.manifest, () => false);
        return true;
      } catch (error) {
        throwIfAborted(this.#watching.signal);
        if (!isOutside(error)) await this.#fail(installed, error);
        else if (!first || !previous) this.#tell({ type: 'refused', version: installed.version, message: messageOf(error) });
      }
    }
    return false;
  }

  /** @param {Package} pack @param {Installed | null} installed */
  async #use(pack, installed) {
    this.#current = await this.#make(pack, this.#watching);
    this.#installed = installed;
    this.#watching = {};
  }

  /** @param {Installed} installed @param {unknown} error */
  async #fail(installed, error) {
    await this.#note((record) => { record.failed = [...new Set([...(record.failed ?? []), installed.manifest])].slice(-32); });
    this.#tell({ type: 'failed', version: installed.version, message: `version ${installed.version} does not work here: ${messageOf(error)}` });
  }

  // ---- files ----

  /** A manifest without a pointer: the newest there is; without a network, or where its name has its hash, the kept one. @param {string} name */
  async #startNamed(name) {
    const { signal } = this.#watching, { current } = this.#record;
    const hash = /manifest-([0-9a-f]{64})\.json$/.exec(name)?.[1];
    const places = this.#named ? [/** @type {SourceSpec} */ (/^(https?|blob|data):/.test(this.#base) ? { kind: 'url', url: this.#base } : { kind: 'path', path: this.#base })] : this.#places(name);
    let bytes;
    if (hash) bytes = await this.#library.get({ file: name, sha256: hash }, places, { signal });
    else {
      try {
        bytes = await download(places, {}, { signal, cache: 'no-cache', once: Boolean(current) });
      } catch (error) {
        const kept = current && !(/** @type {any} */ (error).cause instanceof NotThere) && await this.#library.read({ file: name, sha256: current.manifest });
        if (!kept) throw error;
        bytes = kept;
      }
    }
    const manifest = parseManifest(bytes, baseOf(places[0]));
    this.#checkRuntime(manifest);
    await this.#use(this.#packageOf(manifest, this.#watching), null);
    if (!filesOf(manifest).every((f) => f.sha256)) return; // a cache could not tell its files from later ones
    const sum = hash ?? await sha256(bytes), { version } = manifest;
    if (sum === current?.manifest) return;
    await this.#library.put(sum, bytes);
    await this.#library.flush();
    await this.#note((record) => { record.current = { version, manifest: sum }; });
  }

  /** @param {Installed} installed @param {Watching} watching */
  async #package({ version, manifest: hash, size }, watching) {
    const file = { file: `manifest-${hash}.json`, size, sha256: hash };
    const manifest = parseManifest(await this.#library.get(file, this.#places(file.file), watching), file.file);
    const { name } = /** @type {Pointer} */ (this.#pointer);
    if (manifest.name !== name || manifest.version !== version)
      throw new QuernError('bad-model', `${file.file} is of ${manifest.name} ${manifest.version}, and the pointer says ${name} ${version}`);
    this.#checkRuntime(manifest);
    return this.#packageOf(manifest, watching);
  }

  /** @param {Manifest} manifest */
  #checkRuntime({ name, version, runtime: range }) {
    if (!inRange(runtime, range)) throw new QuernError('unsupported', `${name} ${version} is for runtimes ${range}, and this is ${runtime}`);
  }

  /** What the publisher wants to leave the model. @param {Manifest} manifest */
  #limitsOf({ limits, name, version }) {
    if (!limits) return undefined;
    const { expose, digits, rate } = limits, key = JSON.stringify([expose, digits, rate]), known = this.#limits.get(key);
    if (known) return known;
    try {
      // what a manifest says is no object of the page: nothing is stored for it
      const made = limiter({ expose, digits, rate: rate && { queries: rate.queries, seconds: rate.seconds } }, 'its publisher');
      this.#limits.set(key, made);
      return made;
    } catch (cause) {
      throw new QuernError('bad-model', `the limits of ${name} ${version}: ${messageOf(cause)}`, { cause });
    }
  }

  /** @param {Manifest} manifest @param {Watching} watching @returns {Package} */
  #packageOf(manifest, { signal, onProgress }) {
    const files = filesOf(manifest);
    this.#library.expect(files);
    const fetcher = new Fetcher(this.#library, files, this.#places, { signal, onProgress: (loaded, total) => onProgress?.({ stage: 'download', loaded, total }) });
    onProgress?.({ stage: 'download', loaded: 0, total: fetcher.total });
    const known = (/** @type {any} */ entry) => files.find(({ file }) => file === fileOf(entry).file) ?? fileOf(entry);
    const decrypting = manifest.encryption && import(/* webpackIgnore: true */ /* @vite-ignore */ new URL('./decrypt.js', import.meta.url).href)
      .then(({ decrypter }) => decrypter(manifest, this.#options.decryptionKey), (cause) => { throw new QuernError('unavailable', `decrypt.js, which the package needs, could not be loaded: ${messageOf(cause)}`, { cause }); });
    decrypting?.catch(() => {}); // said when it is awaited
    return {
      manifest, base: this.#base, limits: this.#limitsOf(manifest),
      open: async (role) => {
        const entry = /** @type {any} */ (manifest.models[role]), params = (entry.params ?? []).map(fileOf).map((/** @type {any} */ f) => (decrypting ? { ...f, size: f.size - SEAL } : f));
        const take = async (/** @type {any} */ shard) => (decrypting ? (await decrypting)(await fetcher.take(known(shard)), shard.file) : fetcher.take(known(shard)));
        const bytes = await fetcher.take(known(entry));
        const place = this.#places(fileOf(entry).file)[0];
        return {
          source: { kind: 'bytes', bytes, url: baseOf(place) },
          ...(params.length && { externalData: new Map([['params', joined(take, (bytes) => fetcher.give(bytes), params, `the parameters of ${manifest.name}`)]]) }),
        };
      },
      bytes: (entry) => fetcher.take(known(entry)),
      text: async (entry) => new TextDecoder().decode(await fetcher.take(known(entry))),
    };
  }

  // ---- the pointer ----

  /**
   * The newest pointer, verified and noted; null when there is none at this URL.
   * @param {AbortSignal} [signal]
   * @returns {Promise<Pointer | null>}
   */
  async #readPointer(signal) {
    const places = this.#places('quern.json'), where = baseOf(places[0]);
    const { current: kept, sequence: highest = 0 } = this.#record;
    const get = (/** @type {string} */ name) => download(this.#places(name), {}, { signal, cache: 'no-cache', once: Boolean(kept) });
    this.#askedAt = Date.now();
    let bytes;
    try {
      bytes = await get('quern.json');
      // the signature is published first: a reader in between asks once more
      if (this.#keys.length && !(await this.#isSigned(bytes, await get('quern.json.sig'))) && !(await this.#isSigned(bytes = await get('quern.json'), await get('quern.json.sig'))))
        throw new QuernError('bad-model', `${where} is not signed by any of the ${this.#keys.length} keys that this page trusts: it was not used`);
    } catch (error) {
      if (!bytes && !highest && /** @type {any} */ (error).cause instanceof NotThere && /** @type {any} */ (error).cause.status === 404) {
        if (this.#keys.length) throw new QuernError('network', `${where} is not there, and the page asks for a package that is signed`, { cause: error });
        return null;
      }
      throw error;
    }
    const pointer = parsePointer(bytes, where);
    if (pointer.sequence < highest) throw new QuernError('bad-model', `${where} has the sequence ${pointer.sequence}, and ${highest} was seen here before: an old pointer is not taken again`);
    if (pointer.expires !== undefined && Date.parse(pointer.expires) < Date.now()) throw new QuernError('bad-model', `${where} expired at ${pointer.expires}: its publisher has to sign a new one`);
    const text = new TextDecoder().decode(bytes), checked = Date.now();
    await this.#note((record) => {
      if (pointer.sequence < (record.sequence ?? 0)) return; // another tab was faster
      Object.assign(record, { sequence: pointer.sequence, pointer: text, checked });
    });
    return pointer;
  }

  /** @param {Uint8Array} bytes @param {Uint8Array} signatures */
  #isSigned(bytes, signatures) {
    return isSignedByAny(bytes, new TextDecoder().decode(signatures), this.#keys);
  }

  /** @param {Pointer} pointer @returns {Promise<Installed>} */
  async #choose(pointer) {
    const version = chooseVersion(pointer, this.#here({ id: await this.#library.id() }));
    const { manifest, size } = pointer.versions[version];
    return { version, manifest, size };
  }

  // ---- while it is used ----

  /** The version for the next query; waits where the one there must not be used any more. @returns {Promise<Loaded>} */
  async ready() {
    if (this.#refused) {
      await this.#checking?.catch(() => {});
      if (this.#refused && Date.now() - this.#askedAt > AGAIN) await this.update().catch(() => {});
    }
    return this.current;
  }

  /** What is loaded, whether it may be used or not. */
  get newest() {
    return this.#current;
  }

  /** @returns {Loaded} */
  get current() {
    if (this.#refused) throw new QuernError('unavailable', `${this.#refused}, and there is no other one here yet`);
    return /** @type {Loaded} */ (this.#current);
  }

  /** A query was answered. @param {Loaded} loaded */
  answered(loaded) {
    if (loaded === this.#current && this.#answers++ === (this.#before ? PROOF : 1) - 1) void this.#confirm().catch((error) => this.#tell({ type: 'uncached', message: messageOf(error) }));
    if (this.#options.update === false || this.#named || !this.#pointer || this.#checking) return;
    const { checked = 0 } = this.#record, now = Date.now(), maxAge = 1000 * (this.#pointer.maxAge ?? MAX_AGE);
    if ((now - checked >= maxAge || (this.#behind && !savesData())) && now - this.#askedAt >= Math.min(AGAIN, maxAge)) void this.update(false).catch(() => {}); // told as an event
  }

  async #confirm() {
    this.#before?.retire();
    this.#before = null;
    await this.#library.flush();
    await this.#library.touch();
    const { current } = this.#record;
    if (this.#installed && current?.manifest === this.#installed.manifest && (!current.confirmed || this.#record.tries))
      await this.#note((record) => {
        if (record.current?.manifest === this.#installed?.manifest) Object.assign(record.current ?? {}, { confirmed: true });
        record.tries = 0;
      });
  }

  /**
   * A query failed. While a new version is on trial the one before is asked: where it has an answer, it is the version's fault.
   * @template T
   * @param {Loaded} loaded
   * @param {unknown} error
   * @param {(loaded: Loaded) => Promise<T>} again
   * @returns {Promise<{ value: T } | null>}
   */
  async failed(loaded, error, again) {
    if (/** @type {any} */ (error)?.code === 'aborted') return null;
    if (loaded !== this.#current && this.#broken.has(loaded)) return { value: await again(this.current) }; // another query was first
    const before = this.#before;
    if (loaded !== this.#current || !before) return null;
    let value;
    try {
      value = await again(before);
    } catch {
      return null;
    }
    if (loaded !== this.#current) return { value };
    const broken = /** @type {Installed} */ (this.#installed), good = this.#installedBefore;
    this.#current = before;
    this.#before = null;
    this.#installed = good;
    this.#broken.add(loaded);
    loaded.retire();
    await this.#fail(broken, error);
    await this.#note((record) => Object.assign(record, { current: good, previous: undefined, tries: 0 }));
    this.#tell({ type: 'restored', version: before.version, message: `back to version ${before.version}` });
    return { value };
  }

  /**
   * Asks for a newer version now.
   * @param {boolean} [wanted] by the page; else a version is not fetched while data are saved
   * @returns {Promise<boolean>} whether there is one, which the next query uses
   */
  update(wanted = true) {
    if (this.#named || (!this.#pointer && this.#current && !this.#record.pointer)) return Promise.resolve(false);
    return this.#checking ??= this.#check(wanted).catch((error) => {
      if (!this.#closed.signal.aborted) this.#tell({ type: 'refused', message: messageOf(error) });
      throw error;
    }).finally(() => { this.#checking = null; });
  }

  /** @param {boolean} wanted */
  async #check(wanted) {
    const { signal } = this.#closed;
    const pointer = await this.#readPointer(signal);
    if (!pointer) return false;
    this.#pointer = pointer;
    const installed = /** @type {Installed} */ (this.#installed);
    this.#refused = refusal(pointer, installed.version, this.#here(), true);
    if (this.#refused) this.#tell({ type: 'blocked', version: installed.version, message: this.#refused });
    const next = await this.#choose(pointer);
    this.#behind = next.manifest !== installed.manifest;
    if (!this.#behind) return false;
    if (!wanted && !this.#refused && savesData()) {
      this.#tell({ type: 'waiting', version: next.version, message: `version ${next.version} is there, and is fetched when the browser does not save data any more, or by update()` });
      return false;
    }
    this.#tell({ type: 'downloading', version: next.version, message: `version ${next.version} is fetched` });
    let loaded;
    try {
      const pack = await this.#package(next, { signal });
      loaded = await this.#make(pack, { signal });
      await this.#tryGolden(pack.manifest, loaded);
    } catch (error) {
      loaded?.dispose();
      if (!isOutside(error)) await this.#fail(next, error);
      throw error;
    }
    // everything is there before the record says so
    await this.#library.flush();
    await this.#note((record) => Object.assign(record, { previous: this.#refused ? undefined : record.current, current: next, tries: 0 }));
    this.#before?.retire();
    if (this.#refused) this.#current?.retire();
    this.#before = this.#refused ? null : this.#current;
    this.#installedBefore = installed;
    this.#current = loaded;
    this.#installed = next;
    this.#answers = 0;
    this.#refused = '';
    this.#behind = false;
    this.#tell({ type: 'updated', version: next.version, message: `version ${next.version} answers from now on` });
    return true;
  }

  /** @param {Manifest} manifest @param {Loaded} loaded */
  async #tryGolden(manifest, loaded) {
    const { signal } = this.#closed;
    for (const file of goldenFilesOf(manifest)) {
      const role = Object.keys(manifest.models).find((r) => /** @type {any} */ (manifest.models[r]).golden === file) ?? '';
      const bytes = await this.#library.get(file, this.#places(file.file), { signal });
      const why = await differsFromGolden((feeds) => loaded.sessions[role].run(feeds, { signal }), /** @type {any} */ (file), bytes);
      if (why) throw new QuernError('bad-model', `it does not give what was recorded: ${why}`);
    }
  }

  /** @returns {DeliveryFacts} */
  facts() {
    const { sequence = 0, checked = 0, previous } = this.#record;
    const { expires = '' } = this.#pointer ?? {};
    return {
      url: this.#base, channel: this.#pointer ? this.#options.channel ?? 'stable' : '', version: this.#current?.version ?? '', previous: previous?.version ?? '',
      sequence, expires, expired: Boolean(expires) && Date.parse(expires) < Date.now(), checked, refused: this.#refused,
      cache: this.#library.kind, downloadedBytes: this.#library.downloaded, cachedBytes: this.#library.fromCache,
    };
  }

  dispose() {
    this.#closed.abort();
    this.#current?.dispose();
    this.#before?.dispose();
    this.#library?.close();
  }
}
