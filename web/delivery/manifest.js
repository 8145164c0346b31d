// The manifest of one version of a package: docs/PACKAGE.md. No I/O.
import { QuernError, messageOf } from '../core/errors.js';
import { inRange } from './versions.js';

/**
 * @typedef {import('../core/package.js').Manifest} Manifest
 * @typedef {import('../core/package.js').FileEntry} FileEntry
 * delta: another file that makes this one of the one whose SHA-256 is `from`.
 * @typedef {{ file: string, size?: number, sha256?: string, delta?: { from: string, file: string, size: number, sha256: string } }} File
 */

/**
 * @param {Uint8Array} bytes
 * @param {string} where
 * @returns {Manifest}
 */
export function parseManifest(bytes, where) {
  const bad = (/** @type {string} */ why) => new QuernError('bad-model', `${where} is not a manifest of a Quern package: ${why}`);
  let manifest;
  try {
    manifest = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw bad(messageOf(cause));
  }
  if (!isObject(manifest)) throw bad('it is not an object');
  if (![1, 2].includes(manifest.schema ?? 1)) throw new QuernError('unsupported', `${where} has schema ${JSON.stringify(manifest.schema)}; this release reads 1 and 2: the package is of a later one`);
  if (typeof manifest.model === 'string') manifest.models ??= { model: manifest.model };
  if (!isObject(manifest.models) || !Object.keys(manifest.models).length) throw bad('"models" is missing');
  for (const [role, entry] of Object.entries(manifest.models)) {
    checkEntry(`models.${role}`, entry, bad);
    const { params = [], golden } = /** @type {any} */ (entry);
    if (!Array.isArray(params)) throw bad(`models.${role}.params is not a list`);
    params.forEach((shard, i) => {
      const what = `models.${role}.params[${i}]`;
      checkEntry(what, shard, bad, true, manifest.encryption ? SEAL + 1 : 1);
      if (shard.delta === undefined) return;
      checkEntry(`${what}.delta`, shard.delta, bad, true);
      if (!isHash(shard.delta.from) || shard.delta.size >= shard.size) throw bad(`${what}.delta needs the SHA-256 of the shard before, and is smaller than the shard`);
    });
    if (golden !== undefined) checkGolden(`models.${role}.golden`, golden, bad);
  }
  const { encryption } = manifest;
  if (encryption !== undefined && typeof encryption?.key !== 'string') throw bad('"encryption" needs a key');
  if (encryption && encryption.algorithm !== 'AES-256-GCM') throw new QuernError('unsupported', `${where} is encrypted by ${JSON.stringify(encryption.algorithm)}; this release knows AES-256-GCM`);
  if (manifest.labels !== undefined) checkEntry('labels', manifest.labels, bad);
  if (manifest.files !== undefined && !isObject(manifest.files)) throw bad('"files" is not an object');
  if (manifest.limits !== undefined && !isObject(manifest.limits)) throw bad('"limits" is not an object');
  if (manifest.options !== undefined && !isObject(manifest.options)) throw bad('"options" is not an object');
  for (const [role, entry] of Object.entries(manifest.files ?? {})) checkEntry(`files.${role}`, entry, bad);
  // those of a task are the task's own, by role
  for (const side of ['features', 'outputs']) if (manifest[side] !== undefined && !Array.isArray(manifest[side]) && !(manifest.task && isObject(manifest[side]))) throw bad(`"${side}" is not a list of steps`);
  for (const [key, value] of Object.entries(manifest.options ?? {})) if (typeof value !== 'number') throw bad(`options.${key} is not a number`);
  if (manifest.runtime !== undefined && inRange('0.0.0', manifest.runtime) === null) throw bad(`runtime ${JSON.stringify(manifest.runtime)} is not a range such as ">=0.1.0 <2.0.0"`);
  const { name = '', version = '' } = manifest;
  if (typeof name !== 'string' || typeof version !== 'string') throw bad('"name" and "version" are not text');
  return /** @type {any} */ ({ ...manifest, name, version });
}

/** @param {unknown} value @returns {value is Record<string, any>} */
export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @param {unknown} value */
export const isHash = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);

/** A number, not what JavaScript would compare as one. @param {unknown} value @param {number} least @param {number} [most] */
export const isWithin = (value, least, most = Infinity) => typeof value === 'number' && value >= least && value <= most;

/** @param {string} what @param {any} entry @param {(why: string) => Error} bad @param {boolean} [whole] size and hash have to be there @param {number} [least] its size */
function checkEntry(what, entry, bad, whole = false, least = 1) {
  const { file, size, sha256 } = fileOf(entry);
  if (typeof file !== 'string' || !file) throw bad(`${what} names no file`);
  if (whole ? !(Number.isSafeInteger(size) && Number(size) >= least) : size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) throw bad(`${what}.size is not a number of bytes`);
  if ((whole || sha256 !== undefined) && !isHash(sha256)) throw bad(`${what}.sha256 is not the 64 hexadecimal digits of a SHA-256`);
}

/** @param {string} what @param {any} golden @param {(why: string) => Error} bad */
function checkGolden(what, golden, bad) {
  checkEntry(what, golden, bad, true);
  if (!isWithin(golden.rtol, 0) || !isWithin(golden.atol, 0)) throw bad(`${what} needs rtol and atol`);
  if (!Array.isArray(golden.cases)) throw bad(`${what}.cases is not a list`);
  for (const { inputs, outputs } of golden.cases.map((/** @type {any} */ c) => c ?? {}))
    for (const side of [inputs, outputs]) {
      if (!isObject(side)) throw bad(`${what}: a case needs inputs and outputs`);
      for (const [name, t] of Object.entries(side))
        if (typeof t?.type !== 'string' || !Array.isArray(t.dims) || ![t.offset, t.length, ...t.dims].every((n) => Number.isSafeInteger(n) && n >= 0) || t.offset + t.length > golden.size)
          throw bad(`${what}: '${name}' needs type, dims, offset and length, inside the file`);
    }
}

/** @param {any} entry @returns {File} */
export const fileOf = (entry) => (typeof entry === 'string' ? { file: entry } : entry ?? {});

/** What encryption adds to a shard: nonce and tag. */
export const SEAL = 28;

/** All files that running the package takes, in the order of need. @param {Manifest} manifest @returns {File[]} */
export const filesOf = ({ models, labels, files = {} }) =>
  [...Object.values(models).flatMap((entry) => [entry, .../** @type {any} */ (entry).params ?? []]), ...(labels === undefined ? [] : [labels]), ...Object.values(files)].map(fileOf);

/** @param {Manifest} manifest @returns {File[]} */
export const goldenFilesOf = ({ models }) => Object.values(models).map((entry) => /** @type {any} */ (entry).golden).filter(Boolean);
