// Gets one immutable file whole and as it should be, from whichever host gives it: attempts with back-off over the mirrors in turn.
import { QuernError, abortError, abortable, messageOf, throwIfAborted } from '../core/errors.js';
import { nodeModule } from '../core/platform.js';
import { sniff } from '../core/source.js';
import { sha256 } from './sha256.js';

/**
 * @typedef {import('../core/source.js').SourceSpec} SourceSpec
 * onBytes: how many are there of this file, also fewer than before. once: no second attempt.
 * @typedef {{ signal?: AbortSignal, onBytes?: (loaded: number) => void, cache?: RequestCache, once?: boolean }} DownloadOptions
 * @typedef {{ size?: number, sha256?: string }} Expected
 */

const ROUNDS = 6; // over all mirrors
const PAUSE = 250; // ms after the first round, doubled each time
const STALLED = 20_000; // ms without a byte

/** An attempt that did not give the file. */
class Failed extends Error {}

/** The server says that it does not have the file, or not for us: asking again is of no use. */
export class NotThere extends Failed {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {SourceSpec[]} places of the same file
 * @param {Expected} expected
 * @param {DownloadOptions} [options]
 * @returns {Promise<Uint8Array>}
 */
export async function download(places, expected, { signal, onBytes, cache, once } = {}) {
  let left = places;
  /** @type {unknown} */
  let last;
  for (let round = 0; round < (once ? 1 : ROUNDS); round++) {
    if (round) await abortable(new Promise((resolve) => setTimeout(resolve, PAUSE * 2 ** (round - 1) * (0.75 + Math.random() / 2))), signal);
    for (const place of left) {
      throwIfAborted(signal);
      try {
        // what came damaged out of the browser's own cache would come so again
        return await attempt(place, expected, signal, onBytes, round ? 'reload' : cache);
      } catch (error) {
        throwIfAborted(signal);
        last = error;
        onBytes?.(0);
        if (error instanceof NotThere || place.kind === 'path') left = left.filter((p) => p !== place);
      }
    }
    if (!left.length) break;
  }
  throw new QuernError('network', messageOf(last) + (left.length && !once ? ` (after ${ROUNDS} attempts)` : ''), { cause: last });
}

/**
 * @param {SourceSpec} place
 * @param {Expected} expected
 * @param {AbortSignal | undefined} signal
 * @param {DownloadOptions['onBytes']} onBytes
 * @param {RequestCache | undefined} cache
 */
async function attempt(place, expected, signal, onBytes, cache) {
  const bytes = place.kind === 'path' ? await readPath(place.path) : await readUrl(/** @type {any} */ (place).url, expected, signal, onBytes, cache);
  const name = /** @type {any} */ (place).url ?? /** @type {any} */ (place).path;
  const { length } = bytes;
  if (!length) throw new Failed(`${name} is empty`);
  if (expected.size !== undefined && length !== expected.size) {
    sniffFor(bytes, name);
    throw new Failed(`${name} has ${length} bytes; the manifest says ${expected.size}: it was cut off, or the files are of different versions`);
  }
  if (expected.sha256 !== undefined && (await sha256(bytes)) !== expected.sha256) {
    sniffFor(bytes, name);
    throw new Failed(`${name} is damaged or of another version: its SHA-256 is not the one in the manifest`);
  }
  onBytes?.(length);
  return bytes;
}

/** @param {Uint8Array} bytes @param {string} name */
function sniffFor(bytes, name) {
  sniff(bytes, name);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) throw new Failed(`${name} is compressed (gzip), and the server does not say so: it needs the header Content-Encoding, or the file as it is`);
}

/** @param {string} path */
async function readPath(path) {
  try {
    return new Uint8Array(await nodeModule('node:fs').promises.readFile(path));
  } catch (cause) {
    throw new NotThere(`${path} could not be opened: ${messageOf(cause)}`, /** @type {any} */ (cause).code === 'ENOENT' ? 404 : 0);
  }
}

/**
 * @param {string} url
 * @param {Expected} expected
 * @param {AbortSignal | undefined} signal
 * @param {DownloadOptions['onBytes']} onBytes
 * @param {RequestCache | undefined} cache
 */
async function readUrl(url, { size }, signal, onBytes, cache) {
  const stop = new AbortController();
  const abort = () => stop.abort();
  signal?.addEventListener('abort', abort);
  let stalled = false;
  const watch = () => setTimeout(() => { stalled = true; stop.abort(); }, STALLED);
  let timer = watch();
  try {
    const response = await fetch(url, { signal: stop.signal, ...(cache && { cache }) });
    const { status, statusText } = response;
    if (!response.ok) {
      response.body?.cancel().catch(() => {});
      const text = `${url} gave ${status}${statusText && ' ' + statusText}`;
      throw status >= 500 || status === 429 || status === 408 ? new Failed(text) : new NotThere(text, status);
    }
    if (!response.body) throw new Failed(`${url} has no body`);
    const reader = response.body.getReader();
    let out = new Uint8Array(size ?? 1 << 16), loaded = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      clearTimeout(timer);
      timer = watch();
      if (loaded + value.length > out.length) {
        if (!loaded) sniffFor(value, url);
        if (size !== undefined) {
          stop.abort();
          throw new Failed(`${url} has more than the ${size} bytes that the manifest says: the files are of different versions`);
        }
        const more = new Uint8Array(2 * (loaded + value.length));
        more.set(out.subarray(0, loaded));
        out = more;
      }
      out.set(value, loaded);
      loaded += value.length;
      onBytes?.(loaded);
    }
    return loaded === out.length ? out : out.slice(0, loaded);
  } catch (cause) {
    if (signal?.aborted) throw abortError(signal);
    if (stalled) throw new Failed(`${url} sent nothing for ${STALLED / 1000} seconds`, { cause });
    if (cause instanceof QuernError || cause instanceof Failed) throw cause;
    throw new Failed(`${url} could not be fetched or broke off: ${messageOf(cause)} (no connection, a wrong host, or a server that does not allow other origins)`, { cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
