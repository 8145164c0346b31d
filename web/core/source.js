// Where bytes come from: URL, bytes, Blob, Response, stream; in Node a path too. A source is described by plain data that can be sent
// to a worker, and opened where it is read.
import { QuernError, abortable, messageOf, throwIfAborted } from './errors.js';
import { isNode, isPage, nodeModule } from './platform.js';
import { sha256 } from './sha256.js';

/**
 * @typedef {string | URL | ArrayBuffer | ArrayBufferView | Blob | Response | ReadableStream<Uint8Array>} Source
 * url of bytes: where they came from.
 * @typedef {{ kind: 'url', url: string } | { kind: 'path', path: string } | { kind: 'bytes', bytes: Uint8Array, url?: string } | { kind: 'blob', blob: Blob }
 *   | { kind: 'stream', stream: ReadableStream<Uint8Array>, total: number, exact: boolean, url: string }} SourceSpec
 * total 0: unknown; exact: fewer bytes than `total` mean a cut connection.
 * cancel: ends the download, also before the first chunk was asked for.
 * @typedef {{ name: string, total: number, exact: boolean, chunks: AsyncIterable<Uint8Array>, cancel: () => void }} Opened
 */

/** What 32-bit addresses reach: a larger file cannot be held. */
export const MOST_BYTES = 2 ** 32;
const PIECE = 1 << 22; // bytes handed over between two looks at the abort signal

/**
 * @param {any} source
 * @returns {SourceSpec}
 */
export function describeSource(source) {
  if (typeof source === 'string' || source instanceof URL) {
    const text = String(source);
    if (isNode) {
      if (text.startsWith('file:')) return { kind: 'path', path: nodeModule('node:url').fileURLToPath(text) };
      if (!/^(https?|data|blob):/.test(text)) return { kind: 'path', path: text };
    }
    try {
      return { kind: 'url', url: new URL(text, isPage ? document.baseURI : globalThis.location?.href).href };
    } catch (cause) {
      throw new QuernError('bad-argument', `'${text}' is not a URL`, { cause });
    }
  }
  if (source instanceof ArrayBuffer || (globalThis.SharedArrayBuffer && source instanceof SharedArrayBuffer)) return { kind: 'bytes', bytes: new Uint8Array(source) };
  if (ArrayBuffer.isView(source)) return { kind: 'bytes', bytes: new Uint8Array(source.buffer, source.byteOffset, source.byteLength) };
  if (globalThis.Response && source instanceof Response) return describeResponse(source);
  if (globalThis.Blob && source instanceof Blob) return { kind: 'blob', blob: source };
  if (globalThis.ReadableStream && source instanceof ReadableStream) return { kind: 'stream', stream: source, total: 0, exact: false, url: '' };
  throw new QuernError('bad-argument', `a model is loaded from a URL, bytes, a Blob, a Response or a ReadableStream; got ${source === null ? 'null' : source?.constructor?.name ?? typeof source}`);
}

/** The place that relative names of other files are resolved against; '' when there is none. @param {SourceSpec} spec */
export const baseOf = (spec) => (spec.kind === 'path' ? spec.path : spec.kind === 'blob' ? '' : spec.url ?? '');

/**
 * A file beside another one. Refuses names that lead out of its folder.
 * @param {string} base a URL or a path
 * @param {string} name
 * @returns {SourceSpec}
 */
export function siblingOf(base, name) {
  if (!base) throw new QuernError('bad-argument', `the file '${name}' belongs to the model, which was not loaded from a URL: pass it as options.externalData['${name}']`);
  const parts = name.split(/[/\\]/).filter((p) => p && p !== '.');
  if (/^[/\\]|^[a-z][a-z0-9+.-]*:/i.test(name) || parts.includes('..') || !parts.length)
    throw new QuernError('bad-model', `the file name '${name}' leads out of the model's folder`);
  if (/^(https?|file|blob|data):/.test(base)) return { kind: 'url', url: new URL(parts.map(encodeURIComponent).join('/'), base).href };
  const path = nodeModule('node:path');
  return { kind: 'path', path: path.join(/[/\\]$/.test(base) ? base : path.dirname(base), ...parts) };
}

/** @param {Response} response @returns {Extract<SourceSpec, { kind: 'stream' }>} */
function describeResponse(response) {
  const { url } = response;
  const name = url || 'the response';
  if (!response.ok) throw new QuernError('network', `${name} gave ${response.status}${response.statusText && ' ' + response.statusText}`);
  if (!response.body) throw new QuernError('network', `${name} has no body`);
  const total = Number(response.headers.get('content-length')) || 0;
  // the length is that of the compressed bytes, and a cross-origin response hides whether they are
  const exact = total > 0 && !response.headers.has('content-encoding') && response.type !== 'cors';
  return { kind: 'stream', stream: response.body, total: response.headers.has('content-encoding') ? 0 : total, exact, url };
}

/** @param {string} url @param {AbortSignal} [signal] */
async function fetchSource(url, signal) {
  try {
    return describeResponse(await fetch(url, { signal }));
  } catch (cause) {
    if (cause instanceof QuernError) throw cause;
    throwIfAborted(signal);
    throw new QuernError('network', `${url} could not be fetched: ${messageOf(cause)} (no connection, a wrong host, or a server that does not allow other origins)`, { cause });
  }
}

/** Up to this a file is read before it is handed over. */
const HEAD_START = 1 << 22;

/**
 * Begins a download here, while the worker starts that will read it: a small file as bytes, a larger one as a stream to be transferred.
 * @param {SourceSpec} spec
 * @param {AbortSignal} [signal]
 * @returns {Promise<SourceSpec>}
 */
export async function headStart(spec, signal) {
  if (spec.kind !== 'url') return spec;
  const found = await fetchSource(spec.url, signal);
  if (!found.total || found.total > HEAD_START) return found;
  return { kind: 'bytes', bytes: await readVerified(found, {}, undefined, signal), url: found.url };
}

/**
 * @param {SourceSpec} spec
 * @param {AbortSignal} [signal]
 * @returns {Promise<Opened>}
 */
export async function openSource(spec, signal) {
  throwIfAborted(signal);
  switch (spec.kind) {
    case 'url':
      return openSource(await fetchSource(spec.url, signal), signal);
    case 'path': {
      const { promises, createReadStream } = nodeModule('node:fs');
      let size;
      try {
        const stat = await promises.stat(spec.path);
        if (!stat.isFile()) throw new Error('not a file');
        ({ size } = stat);
      } catch (cause) {
        throw new QuernError('network', `${spec.path} could not be opened: ${messageOf(cause)}`, { cause });
      }
      const chunks = createReadStream(spec.path, { highWaterMark: 1 << 20 });
      return { name: spec.path, total: size, exact: true, chunks, cancel: () => chunks.destroy() };
    }
    case 'bytes':
      return { name: spec.url || 'the given bytes', total: spec.bytes.length, exact: true, chunks: piecesOf(spec.bytes), cancel() {} };
    case 'blob':
      return { name: 'the given Blob', total: spec.blob.size, exact: true, ...chunksOf(spec.blob.stream(), 'the given Blob', signal) };
    case 'stream':
      return { name: spec.url || 'the given stream', total: spec.total, exact: spec.exact, ...chunksOf(spec.stream, spec.url || 'the given stream', signal) };
  }
}

/** @param {Uint8Array} bytes */
async function* piecesOf(bytes) {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

/**
 * @param {ReadableStream<Uint8Array>} stream
 * @param {string} name
 * @param {AbortSignal | undefined} signal
 */
function chunksOf(stream, name, signal) {
  const reader = stream.getReader();
  return { chunks: chunksOfReader(reader, name, signal), cancel: () => void reader.cancel().catch(() => {}) };
}

/**
 * @param {ReadableStreamDefaultReader<Uint8Array>} reader
 * @param {string} name
 * @param {AbortSignal | undefined} signal
 */
async function* chunksOfReader(reader, name, signal) {
  try {
    for (;;) {
      const { done, value } = await abortable(reader.read(), signal);
      if (done) return;
      yield* piecesOf(value);
    }
  } catch (cause) {
    if (cause instanceof QuernError) throw cause;
    throwIfAborted(signal);
    throw new QuernError('network', `${name} broke off: ${messageOf(cause)}`, { cause });
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Reads an opened source to its end, checking on the way that it is what was asked for.
 * @param {Opened} opened
 * @param {(chunk: Uint8Array, loaded: number) => void} take
 * @param {AbortSignal} [signal]
 * @returns {Promise<number>} bytes read
 */
export async function readAll(opened, take, signal) {
  let loaded = 0;
  const check = (/** @type {number} */ size, /** @type {string} */ found) => {
    if (size <= MOST_BYTES) return;
    opened.cancel();
    throw new QuernError('out-of-memory', `${opened.name} ${found}; one model can have ${MOST_BYTES} bytes (4 GB) at most, which is all that 32-bit WebAssembly addresses`);
  };
  check(opened.total, `has ${opened.total} bytes`); // before anything is downloaded
  for await (const chunk of opened.chunks) {
    throwIfAborted(signal);
    check(loaded + chunk.length, `goes on after ${loaded} bytes`);
    if (!loaded) sniff(chunk, opened.name);
    take(chunk, loaded);
    loaded += chunk.length;
  }
  throwIfAborted(signal);
  if (opened.exact && loaded < opened.total) throw new QuernError('network', `${opened.name} broke off after ${loaded} of ${opened.total} bytes`);
  if (!loaded) throw new QuernError('network', `${opened.name} is empty`);
  return loaded;
}

/** Frequent kinds of "not the file". @param {Uint8Array} chunk @param {string} name */
function sniff(chunk, name) {
  const head = String.fromCharCode(...chunk.subarray(0, 64));
  if (/^(\xef\xbb\xbf)?\s*<(!doctype|!--|html|head|\?xml)/i.test(head))
    throw new QuernError('network', `${name} is an HTML page, not a model: many servers answer so for a file that they do not have`);
  if (head.startsWith('version https://git-lfs')) throw new QuernError('network', `${name} is a Git LFS pointer, not the file itself: run "git lfs pull" where it was copied from`);
}

/**
 * A whole file, checked against what its package says of it before anybody uses a byte.
 * @param {SourceSpec} spec
 * @param {{ size?: number, sha256?: string }} expected
 * @param {(loaded: number, total: number) => void} [onProgress]
 * @param {AbortSignal} [signal]
 * @returns {Promise<Uint8Array>}
 */
export async function readVerified(spec, expected, onProgress, signal) {
  /** @type {Uint8Array[]} */
  const chunks = [];
  const opened = await openSource(spec, signal);
  await readAll(opened, (chunk, loaded) => {
    if (expected.size !== undefined && loaded + chunk.length > expected.size)
      throw new QuernError('network', `${opened.name} has more than the ${expected.size} bytes that the manifest says: the files are of different versions`);
    chunks.push(chunk.slice());
    onProgress?.(loaded + chunk.length, expected.size ?? opened.total);
  }, signal);
  const bytes = join(chunks);
  if (expected.size !== undefined && bytes.length !== expected.size)
    throw new QuernError('network', `${opened.name} has ${bytes.length} bytes; the manifest says ${expected.size}: the files are of different versions`);
  if (expected.sha256 !== undefined && (await sha256(bytes)) !== String(expected.sha256).toLowerCase())
    throw new QuernError('network', `${opened.name} is damaged or of another version: its SHA-256 is not the one in the manifest`);
  return bytes;
}

/** @param {SourceSpec} spec @param {AbortSignal} [signal] @param {{ size?: number, sha256?: string }} [expected] */
export async function readText(spec, signal, expected = {}) {
  return new TextDecoder().decode(await readVerified(spec, expected, undefined, signal));
}

/** @param {Uint8Array[]} chunks */
function join(chunks) {
  const out = new Uint8Array(chunks.reduce((n, c) => n + c.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/**
 * A source whose pieces are read in any order. Downloads are kept in a Blob, which browsers hold outside the JavaScript heap.
 * @typedef {{ name: string, size: number, read: (offset: number, length: number) => Promise<Uint8Array>, close: () => void }} RandomAccess
 * @param {SourceSpec} spec
 * @param {(loaded: number, total: number) => void} onProgress
 * @param {AbortSignal} [signal]
 * @returns {Promise<RandomAccess>}
 */
export async function openPieces(spec, onProgress, signal) {
  if (spec.kind === 'path') {
    const { name, total } = await openSource(spec, signal);
    const file = await nodeModule('node:fs').promises.open(spec.path);
    return {
      name, size: total, close: () => file.close(),
      read: async (offset, length) => {
        const out = new Uint8Array(length);
        const { bytesRead } = await file.read(out, 0, length, offset);
        return out.subarray(0, bytesRead);
      },
    };
  }
  if (spec.kind === 'bytes') {
    const { bytes } = spec;
    return { name: 'the given bytes', size: bytes.length, close() {}, read: async (offset, length) => bytes.subarray(offset, offset + length) };
  }
  let blob;
  let name = 'the given Blob';
  if (spec.kind === 'blob') ({ blob } = spec);
  else {
    /** @type {any[]} */
    const chunks = [];
    const opened = await openSource(spec, signal);
    ({ name } = opened);
    await readAll(opened, (chunk, loaded) => {
      chunks.push(chunk.slice());
      onProgress(loaded + chunk.length, opened.total);
    }, signal);
    blob = new Blob(chunks);
  }
  const { size } = blob;
  return { name, size, close() {}, read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()) };
}
