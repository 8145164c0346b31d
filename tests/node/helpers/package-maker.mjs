// Packages for tests, as docs/PACKAGE.md describes them: files by name, and pointers signed and unsigned.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { deltaOf } from '../../../web/pack/delta.js';
import { model } from '../onnx-writer.mjs';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const json = (value) => Buffer.from(JSON.stringify(value, null, 1));
/** Numbers that repeat for a seed, below 1; seeds [a, b]: those of a, of which every b-th one is twice as large. */
const numbers = (n, seed) => Array.isArray(seed) ? numbers(n, seed[0]).map((v, i) => (i % seed[1] ? v : 2 * v)) : Float32Array.from({ length: n }, (_, i) => Math.fround((((i + 1) * 7919 + seed * 104729) % 1000) / 1000));

/** @param {string} stem @param {Uint8Array} bytes @param {string} suffix */
function addFile(files, stem, bytes, suffix) {
  const hash = sha256(bytes), file = `${stem}-${hash.slice(0, 16)}.${suffix}`;
  files[file] = bytes;
  return { file, size: bytes.length, sha256: hash };
}

/**
 * One version of a package that computes y = sum over shards of x + w_i: its files, its manifest and what it answers to x = 0.
 * @param {{ version?: string, name?: string, shards?: number, floats?: number, seeds?: (number | number[])[], before?: any, spoil?: (delta: Uint8Array) => Uint8Array, change?: any, golden?: 'right' | 'wrong' | 'none', op?: string, frail?: boolean, runtime?: string }} [options]
 * before: a version from which its shards can be made by differences, which spoil and change make wrong. floats of each shard; seeds of the shards, so that versions share some; op: the operator of the last node; frail: it takes one row only
 */
export function makeVersion({ version = '1.0.0', name = 'sums', shards = 3, floats = 1024, seeds, golden = 'right', op = 'Identity', frail = false, runtime, before, spoil = (delta) => delta, change, ...more } = {}) {
  const files = {}, weights = Array.from({ length: shards }, (_, i) => numbers(floats, seeds?.[i] ?? i + 1));
  const initializers = {}, nodes = [];
  weights.forEach((w, i) => {
    initializers[`w${i}`] = { type: 'float32', dims: [floats], external: { location: 'params', offset: i * 4 * floats, length: 4 * floats } };
    nodes.push({ op: 'Add', in: [i ? `t${i - 1}` : 'x', `w${i}`], out: [`t${i}`] });
  });
  if (frail) initializers.shape = { type: 'int64', dims: [2], data: BigInt64Array.of(1n, BigInt(floats)) };
  nodes.push(frail ? { op: 'Reshape', in: [`t${shards - 1}`, 'shape'], out: ['y'] } : { op, in: [`t${shards - 1}`], out: ['y'] });
  const graph = Buffer.from(model({ nodes, inputs: [{ name: 'x', dims: ['n', floats] }], outputs: [{ name: 'y', dims: ['n', floats] }], initializers }));
  const entry = addFile(files, 'graph', graph, 'onnx');
  entry.params = weights.map((w, i) => addFile(files, `params-${i}`, Buffer.from(w.buffer), 'bin'));
  for (const [i, shard] of before ? entry.params.entries() : []) {
    const [old, bytes] = Object.entries(before.files).find(([n]) => n.startsWith(`params-${i}-`)), delta = deltaOf(bytes, files[shard.file]);
    if (old !== shard.file && delta) shard.delta = { from: sha256(bytes), ...addFile(files, `delta-${i}`, Buffer.from(spoil(delta)), 'bin'), ...change };
  }
  const sums = Float32Array.from({ length: floats }, (_, k) => weights.reduce((sum, w) => Math.fround(sum + w[k]), 0));
  if (golden !== 'none') {
    const recorded = golden === 'wrong' ? sums.map((v) => v + 1) : sums;
    const x = new Float32Array(floats);
    const bytes = Buffer.concat([Buffer.from(x.buffer), Buffer.from(recorded.buffer)]);
    const dims = [1, floats], length = 4 * floats;
    entry.golden = { ...addFile(files, 'golden', bytes, 'bin'), rtol: 1e-4, atol: 1e-5,
      cases: [{ inputs: { x: { type: 'float32', dims, offset: 0, length } }, outputs: { y: { type: 'float32', dims, offset: length, length } } }] };
  }
  const manifest = json({ schema: 2, name, version, license: 'Apache-2.0', ...(runtime && { runtime }), models: { model: entry }, ...more });
  const hash = sha256(manifest);
  files[`manifest-${hash}.json`] = manifest;
  return { files, version, manifest: hash, size: manifest.length, runtime, floats, answer: sums[0], feeds: { x: { type: 'float32', dims: [1, floats], data: new Float32Array(floats) } } };
}

export function makeKeys() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { privateKey, public: Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url').toString('base64') };
}

/** quern.json and, with keys, quern.json.sig for some versions. */
export function makePointer(versions, { sequence = 1, channels, keys = [], name = 'sums', ...more } = {}) {
  const pointer = json({ schema: 1, name, sequence, versions: Object.fromEntries(versions.map((v) => [v.version, { manifest: v.manifest, size: v.size, ...(v.runtime && { runtime: v.runtime }) }])),
    channels: channels ?? { stable: { version: versions[0].version } }, ...more });
  return { 'quern.json': pointer, ...(keys.length && { 'quern.json.sig': Buffer.from(keys.map((k) => sign(null, pointer, k.privateKey).toString('base64')).join('\n') + '\n') }) };
}
