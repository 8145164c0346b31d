// A package: a folder with manifest.json, which names its models and what they do together.
import { QuernError, messageOf } from './errors.js';
import { isNode, nodeModule } from './platform.js';
import { readText, siblingOf } from './source.js';

/**
 * @typedef {import('./source.js').SourceSpec} SourceSpec
 * A file of the package: its name relative to the manifest, or an object with more about it.
 * @typedef {string | { file: string, size?: number, sha256?: string }} FileEntry
 * task: what predict() does. models: by role ("model" for a single one). labels: the classes or the dictionary, one a line.
 * @typedef {{ name: string, version: string, task?: string, models: Record<string, FileEntry>, labels?: FileEntry, options?: Record<string, number> }} Manifest
 * @typedef {{ manifest: Manifest, base: string }} Package
 */

/**
 * The manifest that a source means, or null when it is a plain model.
 * @param {SourceSpec} spec
 * @returns {SourceSpec | null}
 */
export function manifestOf(spec) {
  const name = spec.kind === 'url' ? spec.url.replace(/[?#].*/, '') : spec.kind === 'path' ? spec.path : '';
  if (/(^|[/\\])[^/\\]*\.json$/.test(name)) return spec;
  if (/[/\\]$/.test(name)) return siblingOf(name, 'manifest.json');
  if (isNode && spec.kind === 'path' && nodeModule('node:fs').statSync(name, { throwIfNoEntry: false })?.isDirectory()) return siblingOf(name + '/', 'manifest.json');
  return null;
}

/**
 * @param {SourceSpec} spec of manifest.json
 * @param {AbortSignal} [signal]
 * @returns {Promise<Package>}
 */
export async function readManifest(spec, signal) {
  const base = spec.kind === 'url' ? spec.url : spec.kind === 'path' ? spec.path : '';
  const text = await readText(spec, signal);
  const bad = (/** @type {string} */ why) => new QuernError('bad-model', `${base} is not a manifest of a Quern package: ${why}`);
  let manifest;
  try {
    manifest = JSON.parse(text);
  } catch (cause) {
    throw bad(messageOf(cause));
  }
  if (!manifest || typeof manifest !== 'object' || Array.isArray(manifest)) throw bad('it is not an object');
  if (typeof manifest.model === 'string') manifest.models ??= { model: manifest.model };
  if (!manifest.models || typeof manifest.models !== 'object' || !Object.keys(manifest.models).length) throw bad('"models" is missing');
  const files = Object.entries(manifest.models).map(([role, entry]) => /** @type {[string, any]} */ ([`models.${role}`, entry]));
  for (const [what, entry] of manifest.labels === undefined ? files : [...files, ['labels', manifest.labels]]) checkEntry(what, entry, bad);
  for (const [key, value] of Object.entries(manifest.options ?? {})) if (typeof value !== 'number') throw bad(`options.${key} is not a number`);
  return { manifest: { ...manifest, name: String(manifest.name ?? ''), version: String(manifest.version ?? '') }, base };
}

/** @param {string} what @param {any} entry @param {(why: string) => Error} bad */
function checkEntry(what, entry, bad) {
  if (typeof fileName(entry) !== 'string' || !fileName(entry)) throw bad(`${what} names no file`);
  if (typeof entry === 'string') return;
  if (entry.size !== undefined && !(Number.isSafeInteger(entry.size) && entry.size >= 0)) throw bad(`${what}.size is not a number of bytes`);
  if (entry.sha256 !== undefined && !/^[0-9a-f]{64}$/.test(entry.sha256)) throw bad(`${what}.sha256 is not the 64 hexadecimal digits of a SHA-256`);
}

/** @param {any} entry @returns {string} */
export const fileName = (entry) => (typeof entry === 'string' ? entry : entry?.file);

/** @param {FileEntry} entry */
export const sizeOf = (entry) => (typeof entry === 'string' ? undefined : entry.size);

/** What the file must be. @param {FileEntry} entry */
export const expectedOf = (entry) => (typeof entry === 'string' ? {} : { size: entry.size, sha256: entry.sha256 });

/** @param {Package} pack @param {FileEntry} entry */
export const fileOf = ({ base }, entry) => siblingOf(base, fileName(entry));
