// Places to keep files for tests in Node, where there is none by itself.
import { mkdirSync, promises as fs } from 'node:fs';
import path from 'node:path';

/** @returns {import('../../../web/delivery/store.js').Store & { files: Map<string, Uint8Array> }} */
export function memoryStore() {
  const files = new Map();
  return {
    kind: 'memory', files,
    read: async (name, buffers = (size) => new Uint8Array(size)) => {
      const kept = files.get(name), bytes = kept && buffers(kept.length);
      bytes?.set(kept);
      return bytes ?? null;
    },
    write: async (name, bytes) => void files.set(name, bytes.slice()),
    remove: async (name) => void files.delete(name),
    list: async () => new Map([...files].map(([name, bytes]) => [name, bytes.length])),
  };
}

/** Not atomic, as the browser's is not: a killed process leaves cut files. @param {string} folder */
export function folderStore(folder) {
  mkdirSync(folder, { recursive: true });
  const at = (name) => path.join(folder, name);
  return {
    kind: 'folder',
    read: async (name) => new Uint8Array(await fs.readFile(at(name)).catch(() => null) ?? 0).length ? new Uint8Array(await fs.readFile(at(name))) : null,
    write: async (name, bytes) => {
      const file = await fs.open(at(name), 'w');
      for (let i = 0; i < bytes.length; i += 4096) await file.write(bytes.subarray(i, i + 4096)); // in pieces, to be killed between
      await file.close();
    },
    remove: (name) => fs.rm(at(name), { force: true }),
    list: async () => new Map(await Promise.all((await fs.readdir(folder)).map(async (name) => [name, (await fs.stat(at(name))).size]))),
  };
}
