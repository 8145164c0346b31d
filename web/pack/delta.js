// What a page needs of a shard when it has the one before: the differences of their bytes, compressed. Retrained int8 weights differ by little,
// so that this is small; parameters of floating point differ in all low bits, and are stored without.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { compareVersions, readPointer } from './pointer.js';
import { openPackage, putFile, readEntry } from './package-folder.js';
import { sha256 } from './shards.js';

/** @typedef {import('./package-folder.js').ModelEntry} ModelEntry */

const WORTH = 2; // a difference is kept when it is at least so many times smaller
const MOST_BITS = 5; // of a byte's entropy, above which compressing is not tried

/** @param {Uint8Array} bytes */
function entropyOf(bytes) {
  const counts = new Float64Array(256);
  for (const byte of bytes) counts[byte]++;
  return counts.reduce((sum, n) => (n ? sum - (n / bytes.length) * Math.log2(n / bytes.length) : sum), 0);
}

/** @param {Uint8Array} before @param {Uint8Array} after of the same length @returns {Uint8Array | null} null: not worth it */
export function deltaOf(before, after) {
  const difference = after.map((byte, i) => byte - before[i]);
  if (entropyOf(difference) > MOST_BITS) return null;
  const sizes = [constants.Z_DEFAULT_STRATEGY, constants.Z_HUFFMAN_ONLY].map((strategy) => deflateRawSync(difference, { level: 9, memLevel: 9, strategy }));
  const least = sizes[0].length <= sizes[1].length ? sizes[0] : sizes[1];
  return WORTH * least.length <= after.length ? least : null;
}

/** @param {Uint8Array} before @param {Uint8Array} delta @returns {Uint8Array} */
export function patched(before, delta) {
  const difference = inflateRawSync(delta, { maxOutputLength: before.length });
  if (difference.length !== before.length) throw new Error(`it has ${difference.length} bytes, the shard before ${before.length}`);
  return difference.map((byte, i) => byte + before[i]);
}

/** The newest version below this one: from which most devices come. @param {string} folder @param {string} version */
function before(folder, version) {
  const versions = Object.keys(readPointer(folder)?.versions ?? {}).filter((v) => compareVersions(v, version) < 0).sort(compareVersions);
  if (!versions.length) return null;
  const { manifest } = openPackage(folder, { version: versions[versions.length - 1] });
  return manifest.encryption ? null : manifest;
}

/**
 * Adds to the shards of a version what they differ by from those in the same places of the version before.
 * @param {Record<string, ModelEntry>} models whose files are in `to`
 * @param {string} folder of the package
 * @param {string} version
 * @param {string} to where its new files go
 * @returns {{ whole: number, bytes: number, count: number }} bytes of these shards, of their differences, and how many
 */
export function addDeltas(models, folder, version, to) {
  const old = before(folder, version), sum = { whole: 0, bytes: 0, count: 0 };
  for (const [role, { params = [] }] of Object.entries(old ? models : {}))
    for (const [i, shard] of params.entries()) {
      const from = old?.models[role]?.params?.[i];
      if (!from || from.size !== shard.size || from.sha256 === shard.sha256) continue;
      const delta = deltaOf(readEntry(folder, from), readEntry(to, shard));
      if (!delta) continue;
      shard.delta = { from: from.sha256, ...putFile(to, shard.file.replace(/^params(.*)-[0-9a-f]{16}\.bin$/, 'delta$1'), '.bin', delta) };
      sum.whole += shard.size;
      sum.bytes += delta.length;
      sum.count++;
    }
  return sum;
}

/** Whether a difference makes its shard, where the shard before is in the folder still; '' or what is wrong. @param {string} folder @param {import('./package-folder.js').Shard} shard */
export function deltaProblem(folder, shard) {
  const { delta } = shard, base = delta && readdirSync(folder).find((file) => file.startsWith('params') && file.endsWith(`-${delta.from.slice(0, 16)}.bin`));
  if (!delta || !base) return '';
  try {
    return sha256(patched(readFileSync(path.join(folder, base)), readEntry(folder, delta))) === shard.sha256 ? '' : `${delta.file} does not make ${shard.file} of ${base}`;
  } catch (error) {
    return `${delta.file} is no difference from ${base}: ${/** @type {Error} */ (error).message}`;
  }
}
