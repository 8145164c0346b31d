// A package's folder: files named by their hashes, manifests, and reading both back with every byte checked.
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decrypt } from './encryption.js';
import { OnnxFile, readPart } from './onnx-file.js';
import { LOCATION, sha256 } from './shards.js';
import { concat } from './wire.js';

/**
 * @typedef {{ file: string, size: number, sha256: string }} FileEntry
 * @typedef {{ type: string, dims: number[], offset: number, length: number }} Recorded
 * @typedef {FileEntry & { rtol: number, atol: number, cases: { inputs: Record<string, Recorded>, outputs: Record<string, Recorded> }[] }} Golden
 * @typedef {{ name: string, type: string, dims: (number | string | null)[] | null }} Port
 * @typedef {FileEntry & { delta?: FileEntry & { from: string } }} Shard delta: makes it of the shard whose SHA-256 is `from`
 * @typedef {FileEntry & { params?: Shard[], inputs?: Port[], outputs?: Port[], quantized?: string, golden?: Golden,
 *   baseline?: import('./baseline.js').Baseline, open?: (data: Uint8Array, file: string) => Uint8Array }} ModelEntry open: decrypts a shard
 * @typedef {{ schema: number, name: string, version: string, title?: string, license?: string, runtime?: string, task?: string, models: Record<string, ModelEntry>,
 *   encryption?: { algorithm: string, key: string }, labels?: FileEntry, files?: Record<string, FileEntry>, options?: any, features?: any, outputs?: any, state?: any, limits?: any }} Manifest
 */

/** A mistake in what the user gave, said without a stack. */
export class PackError extends Error {}

/** Over the old file in one step, so that nobody reads half of it. @param {string} file @param {Uint8Array | string} data */
export function writeWhole(file, data) {
  writeFileSync(`${file}.part`, data);
  renameSync(`${file}.part`, file);
}

/**
 * Writes a file under its hash, unless it is there.
 * @param {string} folder
 * @param {string} stem what the name begins with, e.g. "params-0"
 * @param {string} ending with its dot
 * @param {Uint8Array | string} data
 * @returns {FileEntry}
 */
export function putFile(folder, stem, ending, data) {
  const hash = sha256(data), file = `${stem}-${hash.slice(0, 16)}${ending}`, to = path.join(folder, file);
  mkdirSync(folder, { recursive: true });
  const size = Buffer.byteLength(data);
  if (statSync(to, { throwIfNoEntry: false })?.size !== size || sha256(readPart(to, 0)) !== hash) writeWhole(to, data);
  return { file, size, sha256: hash };
}

/** @param {string} folder @param {Manifest} manifest @returns {{ hash: string, size: number }} */
export function putManifest(folder, manifest) {
  const text = `${JSON.stringify(manifest, null, 1)}\n`, hash = sha256(text);
  writeWhole(path.join(folder, `manifest-${hash}.json`), text);
  return { hash, size: Buffer.byteLength(text) };
}

/** A file of a package, checked. @param {string} folder @param {FileEntry} entry @returns {Uint8Array} */
export function readEntry(folder, { file, size, sha256: hash }) {
  if (typeof file !== 'string' || !file || /[/\\]/.test(file) || file === '..') throw new PackError(`'${file}' is not the name of a file in ${folder}`);
  const from = path.join(folder, file);
  if (!existsSync(from)) throw new PackError(`${from} is missing`);
  const data = readPart(from, 0);
  if (size !== undefined && data.length !== size) throw new PackError(`${from} has ${data.length} bytes; the manifest says ${size}`);
  if (hash !== undefined && sha256(data) !== hash) throw new PackError(`${from} is damaged: its SHA-256 is ${sha256(data)}, the manifest says ${hash}`);
  return data;
}

/** @param {string} file @returns {any} */
export function readJson(file) {
  let value;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new PackError(`${file} cannot be read: ${/** @type {Error} */ (error).message}`);
  }
  if (!value || typeof value !== 'object' || Array.isArray(value)) throw new PackError(`${file} is not a JSON object`);
  return value;
}

/** A folder that has a pointer or a manifest, or one of these files. @param {string} target */
export function isPackage(target) {
  if (/\.json$/.test(target)) return true;
  return ['quern.json', 'manifest.json'].some((name) => existsSync(path.join(target, name)));
}

/**
 * The manifest that a folder (or a pointer in it) means, or a manifest named directly.
 * @param {string} target
 * @param {{ version?: string, channel?: string, secret?: import('./encryption.js').SecretKey }} [wanted] the channel `stable` when left out; secret: of encrypted parameters
 * @returns {{ folder: string, manifest: Manifest, file: string }}
 */
export function openPackage(target, { version, channel = 'stable', secret } = {}) {
  const isFolder = statSync(target, { throwIfNoEntry: false })?.isDirectory();
  const folder = isFolder ? target : path.dirname(target);
  let file = isFolder ? ['quern.json', 'manifest.json'].find((name) => existsSync(path.join(target, name))) ?? '' : path.basename(target);
  if (!file) throw new PackError(`${target} is no package: it has neither quern.json nor manifest.json`);
  if (file === 'quern.json') {
    const pointer = readJson(path.join(folder, file)), wants = version ?? pointer.channels?.[channel]?.version;
    const entry = pointer.versions?.[wants];
    if (!entry) throw new PackError(`${target} has no ${version ? `version ${version}` : `channel '${channel}'`}; its versions are ${Object.keys(pointer.versions ?? {}).join(', ') || 'none'}`);
    file = `manifest-${entry.manifest}.json`;
  }
  const manifest = readJson(path.join(folder, file)), named = /^manifest-([0-9a-f]{64})\.json$/.exec(file)?.[1];
  if (named && sha256(readFileSync(path.join(folder, file))) !== named) throw new PackError(`${path.join(folder, file)} is damaged: its SHA-256 is not the one in its name`);
  if (![1, 2, undefined].includes(manifest.schema)) throw new PackError(`${file} has the schema ${manifest.schema}; this release knows 1 and 2`);
  if (typeof manifest.model === 'string') manifest.models ??= { model: manifest.model };
  if (!manifest.models || typeof manifest.models !== 'object') throw new PackError(`${file} names no models`);
  for (const [role, entry] of Object.entries(manifest.models)) if (typeof entry === 'string') manifest.models[role] = { file: entry };
  if (manifest.encryption) for (const entry of Object.values(manifest.models)) entry.open = (/** @type {Uint8Array} */ data, /** @type {string} */ name) => {
    if (!secret) throw new PackError(`the parameters of ${manifest.name} ${manifest.version} are encrypted: give the key '${manifest.encryption.key}' by --decrypt`);
    return decrypt(secret, manifest.name, name, data);
  };
  return { folder, manifest, file };
}

/** All files that a manifest names, with what they are. @param {Manifest} manifest @returns {[string, FileEntry][]} */
export function filesOf({ models, labels, files = {} }) {
  const list = Object.entries(models).flatMap(([role, m]) => [
    [`models.${role}`, m], ...(m.params ?? []).flatMap((p, i) => [[`models.${role}.params[${i}]`, p], ...(p.delta ? [[`models.${role}.params[${i}].delta`, p.delta]] : [])]), ...(m.golden ? [[`models.${role}.golden`, m.golden]] : [])]);
  return /** @type {any} */ ([...list, ...(labels ? [['labels', typeof labels === 'string' ? { file: labels } : labels]] : []), ...Object.entries(files).map(([role, f]) => [`files.${role}`, f])]);
}

/** @param {Manifest} manifest @param {string} [role] @returns {[string, ModelEntry]} */
export function modelOf(manifest, role) {
  const roles = Object.keys(manifest.models);
  if (role === undefined && roles.length === 1) return [roles[0], manifest.models[roles[0]]];
  if (role === undefined || !manifest.models[role]) throw new PackError(`${role === undefined ? 'say which model by --role' : `there is no model '${role}'`}: the package has ${roles.join(', ')}`);
  return [role, manifest.models[role]];
}

/** The parameters of a model, one after the other. @param {string} folder @param {ModelEntry} entry */
export const readParameters = (folder, { params = [], open = (data) => data }) => concat(params.map((p) => open(readEntry(folder, p), p.file)));

/** A model of a package for load(): the graph's bytes and what lies outside. @param {string} folder @param {ModelEntry} entry */
export function sourceOf(folder, entry) {
  const graph = readEntry(folder, entry);
  /** @type {Map<string, import('../core/source.js').SourceSpec>} */
  const externalData = new Map();
  if (entry.params?.length) externalData.set(LOCATION, { kind: 'bytes', bytes: readParameters(folder, entry) });
  return { source: /** @type {import('../core/source.js').SourceSpec} */ ({ kind: 'bytes', bytes: graph, url: path.join(folder, entry.file) }), externalData };
}

/** The same as a file to be changed. @param {string} folder @param {ModelEntry} entry */
export function onnxOf(folder, entry) {
  /** @type {Uint8Array | undefined} */
  let params;
  return new OnnxFile(readEntry(folder, entry), (location) => {
    if (location !== LOCATION || !entry.params?.length) return path.join(folder, path.basename(location));
    return () => (params ??= readParameters(folder, entry));
  });
}
