// A plain file that the page knows the hash of.
import { QuernError } from '../core/errors.js';
import { openSource, readAll } from '../core/source.js';
import { Library } from './library.js';
import { sha256 } from './sha256.js';

/**
 * @typedef {import('../core/source.js').SourceSpec} SourceSpec
 * @param {SourceSpec} source
 * @param {string} integrity as in HTML: sha256- and base64; or the 64 hexadecimal digits
 * @param {import('../core/model.js').LocalOptions} options
 * @returns {Promise<SourceSpec>} its bytes, verified; those of a URL are kept
 */
export async function verifiedFile(source, integrity, { signal, onProgress, onEvent, delivery = {} }) {
  const [, base64] = /^sha256-([0-9A-Za-z+/]{43}=)$/.exec(integrity) ?? [];
  const hash = base64 ? Array.from(atob(base64), (c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join('') : integrity;
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new QuernError('bad-argument', `integrity is "sha256-" and the base64 of a SHA-256, got '${integrity}'`);
  if (source.kind === 'url' || source.kind === 'path') {
    const name = source.kind === 'url' ? source.url : source.path;
    const library = await Library.open(delivery, (event) => onEvent?.(event));
    const bytes = await library.get({ file: name, sha256: hash }, [source], { signal, onBytes: (loaded) => onProgress?.({ stage: 'download', loaded, total: 0 }) });
    void library.flush().then(() => library.touch()).finally(() => library.close());
    return { kind: 'bytes', bytes, url: name };
  }
  /** @type {any[]} */
  const chunks = [];
  const opened = await openSource(source, signal);
  await readAll(opened, (chunk) => chunks.push(chunk.slice()), signal);
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  if ((await sha256(bytes)) !== hash) throw new QuernError('network', `${opened.name} is not the file that integrity names: its SHA-256 is another`);
  return { kind: 'bytes', bytes, url: source.kind === 'stream' ? source.url : undefined };
}
