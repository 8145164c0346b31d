// Where files are kept: the origin private file system, else the Cache API, else nowhere. A file may be cut or damaged when it is read
// again (a tab can end at any moment): who reads checks.

/**
 * write: rejects when there is no room. list: size by name. read: with buffers, into one of the caller's, where that is possible.
 * @typedef {(size: number) => Uint8Array} Buffers
 * @typedef {{ kind: string, read: (name: string, buffers?: Buffers) => Promise<Uint8Array | null>, write: (name: string, bytes: Uint8Array) => Promise<void>,
 *   remove: (name: string) => Promise<void>, list: () => Promise<Map<string, number>> }} Store
 */

const FOLDER = 'quern';

/** @param {any} error */
const isMissing = (error) => error?.name === 'NotFoundError';

/** A handle to write with, when those who read have closed theirs. @param {any} file */
async function alone(file) {
  for (let tries = 40; ; tries--)
    try {
      return await file.createSyncAccessHandle();
    } catch (error) {
      if (!tries || /** @type {any} */ (error)?.name !== 'NoModificationAllowedError') throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
}

/** @returns {Promise<Store | null>} */
async function openFiles() {
  const { storage } = globalThis.navigator ?? {};
  const Handle = /** @type {any} */ (globalThis).FileSystemFileHandle?.prototype;
  if (!storage?.getDirectory || !Handle) return null;
  // synchronous handles are the fast way and, in Safari before 26, the only one; workers alone have them
  const direct = 'createSyncAccessHandle' in Handle;
  if (!direct && !('createWritable' in Handle)) return null;
  const folder = await (await storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
  return {
    kind: 'files',
    async read(name, buffers) {
      try {
        const file = /** @type {any} */ (await folder.getFileHandle(name));
        // straight from the disk, where getFile() asks another process for every piece; null: somebody writes it or, in older browsers, reads it.
        // Not for the record, which another tab may want to write meanwhile
        const handle = direct && buffers && await file.createSyncAccessHandle({ mode: 'read-only' }).catch(() => null);
        if (!handle) return new Uint8Array(await (await file.getFile()).arrayBuffer());
        try {
          const bytes = /** @type {Buffers} */ (buffers)(handle.getSize());
          return bytes.subarray(0, handle.read(bytes, { at: 0 }));
        } finally {
          handle.close();
        }
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async write(name, bytes) {
      const file = /** @type {any} */ (await folder.getFileHandle(name, { create: true }));
      if (direct) {
        const handle = await alone(file);
        try {
          handle.truncate(0);
          if (handle.write(bytes, { at: 0 }) !== bytes.length) throw new DOMException('the disk is full', 'QuotaExceededError');
        } finally {
          handle.close();
        }
      } else {
        const stream = await file.createWritable();
        await stream.write(bytes);
        await stream.close();
      }
    },
    async remove(name) {
      await folder.removeEntry(name).catch((error) => { if (!isMissing(error)) throw error; });
    },
    async list() {
      const found = new Map();
      for await (const [name, handle] of /** @type {any} */ (folder).entries()) if (handle.kind === 'file') found.set(name, (await handle.getFile()).size);
      return found;
    },
  };
}

/** @returns {Promise<Store | null>} */
async function openResponses() {
  if (!globalThis.caches) return null;
  const cache = await caches.open(FOLDER);
  const urlOf = (/** @type {string} */ name) => new URL(`/.quern/${name}`, globalThis.location.origin).href; // nothing is ever fetched from there
  return {
    kind: 'responses',
    read: async (name) => {
      const found = await cache.match(urlOf(name));
      return found ? new Uint8Array(await found.arrayBuffer()) : null;
    },
    write: (name, bytes) => cache.put(urlOf(name), new Response(/** @type {any} */ (bytes), { headers: { 'content-length': String(bytes.length) } })),
    remove: async (name) => void await cache.delete(urlOf(name)),
    async list() {
      const found = new Map();
      for (const request of await cache.keys()) found.set(request.url.slice(request.url.lastIndexOf('/') + 1), Number((await cache.match(request))?.headers.get('content-length')) || 0);
      return found;
    },
  };
}

/** @type {Promise<Store | null> | undefined} */
let opened;

/** The place of this origin, or null: a page over plain http, a private window, Node. */
export function openStore() {
  return opened ??= openFiles().catch(() => null).then((store) => store ?? openResponses().catch(() => null));
}
