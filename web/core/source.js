// Where bytes come from: URL, bytes, Blob, Response, stream; in Node a path too. A source is described by plain data that can be sent
// to a worker, and opened where it is read.
import { QuernError, abortable, messageOf, throwIfAborted } from './errors.js';
import { isNode, isPage, nodeModule } from './platform.js';

/**
 * @typedef {string | URL | ArrayBuffer | ArrayBufferView | Blob | Response | ReadableStream<Uint8Array>} Source
 * url of bytes: where they came from. etag: a strong one, with which a download that broke off goes on.
 * @typedef {{ kind: 'url', url: string } | { kind: 'path', path: string } | { kind: 'bytes', bytes: Uint8Array, url?: string } | { kind: 'blob', blob: Blob }
 *   | { kind: 'stream', stream: ReadableStream<Uint8Array>, total: number, exact: boolean, url: string, etag?: string }} SourceSpec
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
export const baseOf = (spec) => (spec.kind === 'path' ? spec.path : 'url' in spec ? spec.url ?? '' : '');

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
  const plain = !response.headers.has('content-encoding');
  const exact = total > 0 && plain && response.type !== 'cors';
  const etag = plain && /^"/.test(response.headers.get('etag') ?? '') ? response.headers.get('etag') ?? '' : '';
  return { kind: 'stream', stream: response.body, total: plain ? total : 0, exact, url, etag };
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
  /** @type {Uint8Array[]} */
  const chunks = [];
  await readAll(await openSource(found, signal), (chunk) => chunks.push(chunk.slice()), signal);
  return { kind: 'bytes', bytes: new Uint8Array(await new Blob(/** @type {any[]} */ (chunks)).arrayBuffer()), url: found.url };
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
    case 'stream': {
      const { stream, total, exact, url, etag } = spec;
      return { name: url || 'the given stream', total, exact, ...chunksOf(stream, url || 'the given stream', signal, etag && total ? { url, etag, total } : undefined) };
    }
  }
}

/** @param {Uint8Array} bytes */
async function* piecesOf(bytes) {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

/** @typedef {{ url: string, etag: string, total: number }} Resumable */
const TRIES = 5; // without a byte between them

/**
 * @param {ReadableStream<Uint8Array>} stream
 * @param {string} name
 * @param {AbortSignal | undefined} signal
 * @param {Resumable} [resumable]
 */
function chunksOf(stream, name, signal, resumable) {
  let reader = stream.getReader(), skip = 0;
  const cancel = () => void reader.cancel().catch(() => {});
  async function* chunks() {
    let at = 0, tries = 0;
    try {
      for (;;) {
        try {
          const { done, value } = await abortable(reader.read(), signal);
          if (done && at < (resumable?.total ?? 0)) throw new Error('the connection was closed');
          if (done) return;
          const known = Math.min(skip, value.length);
          skip -= known;
          if (known === value.length) continue;
          at += value.length - known;
          tries = 0;
          yield* piecesOf(value.subarray(known));
        } catch (cause) {
          throwIfAborted(signal);
          if (!resumable || cause instanceof QuernError || ++tries > TRIES)
            throw cause instanceof QuernError ? cause : new QuernError('network', `${name} broke off: ${messageOf(cause)}`, { cause });
          cancel();
          await abortable(new Promise((resolve) => setTimeout(resolve, 200 << tries)), signal);
          const response = await fetch(resumable.url, { signal, headers: { range: `bytes=${at}-`, 'if-range': resumable.etag } }).catch(() => null);
          if (!response?.body || response.status >= 500) continue; // reading on fails again
          skip = response.status === 200 ? at : 0; // some servers know no ranges
          if (response.headers.get('etag') !== resumable.etag || !(skip || response.headers.get('content-range')?.startsWith(`bytes ${at}-`)))
            throw new QuernError('network', `${name} broke off after ${at} of ${resumable.total} bytes and is not the same any more (status ${response.status})`);
          reader = response.body.getReader();
        }
      }
    } finally {
      cancel();
    }
  }
  return { chunks: chunks(), cancel };
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
export function sniff(chunk, name) {
  const head = String.fromCharCode(...chunk.subarray(0, 64));
  if (/^(\xef\xbb\xbf)?\s*<(!doctype|!--|html|head|\?xml)/i.test(head))
    throw new QuernError('network', `${name} is an HTML page, not a model: many servers answer so for a file that they do not have`);
  if (head.startsWith('version https://git-lfs')) throw new QuernError('network', `${name} is a Git LFS pointer, not the file itself: run "git lfs pull" where it was copied from`);
}

/**
 * A source whose pieces are read in any order. Downloads are kept in a Blob, which browsers hold outside the JavaScript heap.
 * @typedef {{ name: string, size: number, read: (offset: number, length: number) => Promise<Uint8Array>, close: () => void }} RandomAccess
 * @typedef {{ kind: 'pieces', pieces: RandomAccess }} Pieces opened already
 * @param {SourceSpec | Pieces} spec
 * @param {(loaded: number, total: number) => void} onProgress
 * @param {AbortSignal} [signal]
 * @returns {Promise<RandomAccess>}
 */
export async function openPieces(spec, onProgress, signal) {
  if (spec.kind === 'pieces') return spec.pieces;
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
