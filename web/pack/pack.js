// An ONNX model made a package: the same input gives the same bytes.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { difference } from '../cli/compare.js';
import { limiter } from '../limits/index.js';
import { baselineOf } from './baseline.js';
import { addDeltas } from './delta.js';
import { declarations } from './declarations.js';
import { openModel, replaceParameters } from './convert.js';
import { casesOf, changeOf, loadEntry, loadOnnx, putGolden, tensorsOnly } from './golden.js';
import { decrypt, encrypt } from './encryption.js';
import { PackError, putFile, putManifest, writeWhole } from './package-folder.js';
import { addVersion, checkRange, checkVersion } from './pointer.js';
import { stepsProblem } from './steps.js';
import { preloadTags } from './preload.js';
import { quantize } from './quantize.js';
import { cutShards, isParameter } from './shards.js';

/**
 * @typedef {import('./package-folder.js').Manifest} Manifest
 * @typedef {import('./package-folder.js').ModelEntry} ModelEntry
 * @typedef {import('../core/tensor.js').TensorLike} TensorLike
 * @typedef {'fp16' | 'int8' | 'int4'} Storage
 * models: ONNX files or packages by role. params: a safetensors file with other values for them. files: by role. golden: by role the cases, each of inputs and perhaps outputs.
 * secret: encrypts the parameters; opening: decrypts those of a package that is packed anew. limit: the most that an output may change by --quantize, as ‖got − expected‖ / ‖expected‖.
 * @typedef {{ models: Record<string, string>, params?: string, golden: Record<string, Record<string, TensorLike>[]>, folder: string, name: string, version: string, title?: string,
 *   license?: string, runtime?: string, task?: string, features?: any, outputs?: any, options?: any, state?: any, limits?: any, labels?: string, files: Record<string, string>,
 *   quantize?: Storage, limit?: number, rtol: number, atol: number, channel?: string, replace?: boolean, base?: string, secret?: import('./encryption.js').SecretKey, opening?: import('./encryption.js').SecretKey, sign: string[], unsigned?: boolean,
 *   say: (line: string) => void }} PackOptions
 */

/** What an output may change by, when --limit does not say. @type {Record<Storage, number>} */
export const LIMITS = { fp16: 0.01, int8: 0.1, int4: 0.25 };

/** Writes a model's graph and parameters. @param {import('./onnx-file.js').OnnxFile} onnx @param {string} folder @param {string} suffix of the names, '' for the only one @param {Pick<PackOptions, 'name' | 'secret'>} [sealed] @returns {ModelEntry} */
export function putModel(onnx, folder, suffix, { name, secret } = { name: '' }) {
  /** @type {import('./package-folder.js').Shard[]} */
  const params = [];
  const places = cutShards(onnx.tensors.filter(isParameter), (shard) => {
    const stem = `params${suffix}-${params.length}`;
    params.push(putFile(folder, stem, '.bin', secret ? encrypt(secret, name, stem, shard) : shard));
  });
  return { ...putFile(folder, `graph${suffix}`, '.onnx', onnx.write((t) => places.get(t.name))), params, ...(secret && { open: (data, file) => decrypt(secret, name, file, data) }) };
}

/** @param {import('../core/model.js').LocalModel} model */
const portsOf = (model) => {
  const plain = (/** @type {import('../core/heap.js').Port[]} */ ports) => ports.map(({ name, kind, type, dims }) => ({ name, type: kind === 'tensor' ? type : `${kind} of ${type}`,
    dims: dims ? dims.map((d) => (typeof d === 'number' && d < 0 ? null : d)) : null }));
  return { inputs: plain(model.inputs), outputs: plain(model.outputs) };
};

/** @param {string} role @param {string} file @param {PackOptions} o @returns {Promise<ModelEntry>} */
async function packModel(role, file, o) {
  const onnx = openModel(file, { secret: o.opening }), suffix = Object.keys(o.models).length > 1 ? `-${role}` : '';
  const given = o.golden[role] ?? [];
  if (o.params) o.say(`${role}: ${replaceParameters(onnx, o.params)} tensors taken from ${o.params}`);
  const before = o.quantize ? await loadOnnx(onnx) : undefined;
  try {
    const done = o.quantize ? quantize(onnx, o.quantize) : undefined;
    if (done) o.say(`${role}: ${done.count} weights stored as ${o.quantize}${done.others ? `, ${done.others} of them as int8 since no operator reads them in blocks` : ''}: ${done.before} bytes became ${done.after}`);
    const entry = putModel(onnx, o.folder, suffix, o);
    const model = await loadEntry(o.folder, entry);
    try {
      const cases = casesOf(model, given).map(({ inputs, expected }, i) => {
        const outputs = tensorsOnly(model.runSync(inputs));
        for (const [name, recorded] of Object.entries(expected)) {
          const why = done ? '' : difference(outputs[name], recorded, o);
          if (why) throw new PackError(`golden case ${i} of '${role}', output '${name}' is not what was recorded: ${why}`);
        }
        if (before) compareWith(before, inputs, outputs, role, i, o);
        return { inputs, outputs: { ...outputs, ...(done ? {} : expected) } };
      });
      if (given.length) o.say(`${role}: ${cases.length} golden case${cases.length > 1 ? 's' : ''} recorded`);
      else o.say(`${role}: one golden case of random numbers was recorded; give real ones by --golden, which also make the baseline`);
      return { ...entry, ...portsOf(model), ...(o.quantize ? { quantized: o.quantize } : {}), golden: putGolden(o.folder, `golden${suffix}`, cases, { rtol: o.rtol, atol: o.atol }),
        ...(given.length ? { baseline: baselineOf(cases) } : {}) };
    } finally {
      model.dispose();
    }
  } finally {
    before?.dispose();
  }
}

/** @param {import('../core/model.js').LocalModel} before @param {Record<string, TensorLike>} inputs @param {Record<string, TensorLike>} outputs @param {string} role @param {number} i @param {PackOptions} o */
function compareWith(before, inputs, outputs, role, i, o) {
  const limit = o.limit ?? LIMITS[/** @type {Storage} */ (o.quantize)];
  for (const [name, expected] of Object.entries(tensorsOnly(before.runSync(inputs)))) {
    const { relative, worst, top, rows } = changeOf(outputs[name], expected);
    o.say(`${role}: case ${i}, output '${name}' changed by ${relative.toPrecision(3)} of its size, an element by ${worst.toPrecision(3)} at most${top === null ? '' : `; the greatest of a row is the same in ${Math.round(top * rows)} of ${rows}`}`);
    if (!(relative <= limit)) throw new PackError(`stored as ${o.quantize}, output '${name}' of '${role}' changes by ${relative.toPrecision(3)} of its size in case ${i}, more than the limit of ${limit}: raise --limit if that is good enough, or store it otherwise`);
  }
}

/** @param {any} limits */
function checkLimits(limits) {
  const unknown = Object.keys(limits).find((key) => !['expose', 'digits', 'rate'].includes(key));
  try {
    if (unknown) throw new Error(`there is no '${unknown}'; they are expose, digits and rate`);
    limiter(limits);
  } catch (error) {
    throw new PackError(`--limits: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {PackOptions} o */
export async function pack(o) {
  checkVersion(o.version);
  if (o.runtime) checkRange(o.runtime);
  mkdirSync(o.folder, { recursive: true });
  const work = mkdtempSync(path.join(o.folder, '.pack-')); // so that a pack that is refused leaves nothing behind
  try {
    const { manifest, hash, size } = await write({ ...o, folder: work }, o.folder);
    const { pointer, changed } = addVersion(o.folder, { name: o.name, version: o.version, runtime: o.runtime, hash, size, channel: o.channel, replace: o.replace }, o, () => {
      for (const file of readdirSync(work)) renameSync(path.join(work, file), path.join(o.folder, file));
    });
    return { manifest, hash, pointer, changed };
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** All files of the version, in `o.folder`. @param {PackOptions} o @param {string} home where the versions before are */
async function write(o, home) {
  /** @type {Record<string, ModelEntry>} */
  const models = {};
  for (const [role, file] of Object.entries(o.models)) {
    if (!existsSync(file)) throw new PackError(`${file} is missing`);
    models[role] = await packModel(role, file, o);
  }
  if (!o.secret) { // encrypted shards have nothing in common
    const { count, whole, bytes } = addDeltas(models, home, o.version, o.folder);
    if (count) o.say(`${count} shards differ by little from the version before: who has that one downloads ${bytes} bytes for their ${whole}`);
  }
  const put = (/** @type {string} */ role, /** @type {string} */ file) => putFile(o.folder, role, path.extname(file), readFileSync(file));
  const { name, version, title, license, runtime, task, features, outputs, options, state, limits } = o;
  if (limits !== undefined) checkLimits(limits);
  const files = Object.fromEntries(Object.entries(o.files).map(([role, file]) => [role, put(role, file)]));
  /** @type {any} */
  const all = { schema: 2, name, version, title, license, runtime, task, encryption: o.secret && { algorithm: 'AES-256-GCM', key: o.secret.id }, models, labels: o.labels && put('labels', o.labels),
    files: Object.keys(files).length ? files : undefined, options, features, outputs, state, limits };
  const manifest = /** @type {Manifest} */ (Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined)));
  const steps = await stepsProblem(o.folder, manifest);
  if (steps) throw new PackError(steps);
  const { hash, size } = putManifest(o.folder, manifest);
  writeWhole(path.join(o.folder, 'model.d.ts'), declarations(manifest));
  writeWhole(path.join(o.folder, 'preload.html'), preloadTags(manifest, hash, o.base));
  return { manifest, hash, size };
}
