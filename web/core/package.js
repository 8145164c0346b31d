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
  for (const [role, entry] of Object.entries(manifest.models)) if (typeof fileName(entry) !== 'string') throw bad(`models.${role} names no file`);
  return { manifest: { ...manifest, name: String(manifest.name ?? ''), version: String(manifest.version ?? '') }, base };
}

/** @param {any} entry @returns {string} */
export const fileName = (entry) => (typeof entry === 'string' ? entry : entry?.file);

/** @param {FileEntry} entry */
export const sizeOf = (entry) => (typeof entry === 'string' ? undefined : entry.size);

/** What the file must be. @param {FileEntry} entry */
export const expectedOf = (entry) => (typeof entry === 'string' ? {} : { size: entry.size, sha256: entry.sha256 });

/** @param {Package} pack @param {FileEntry} entry */
export const fileOf = ({ base }, entry) => siblingOf(base, fileName(entry));
