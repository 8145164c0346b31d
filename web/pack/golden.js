// Recorded cases: what a package's model gives for known inputs, so that whoever has the package can see that it still does.
import { LocalModel } from '../core/model.js';
import { ARRAYS, PER_ELEMENT, countOf } from '../core/tensor.js';
import { difference } from '../cli/compare.js';
import { randomInputs } from '../report/random-inputs.js';
import { numbersOf } from './baseline.js';
import { PackError, putFile, readEntry, sourceOf } from './package-folder.js';
import { LOCATION, cutShards, isParameter } from './shards.js';
import { concat } from './wire.js';

/**
 * @typedef {import('../core/tensor.js').TensorLike} TensorLike
 * @typedef {{ inputs: Record<string, TensorLike>, outputs: Record<string, TensorLike> }} Case
 * @typedef {import('./package-folder.js').Golden} Golden
 * @typedef {import('./package-folder.js').Recorded} Recorded
 * @typedef {import('./package-folder.js').ModelEntry} ModelEntry
 */

const OFFSET = 64; // where a typed array of any type may begin

/** Little-endian bytes; strings as a JSON array. @param {TensorLike} t */
const bytesOfTensor = ({ type, data }) => (type === 'string' ? Buffer.from(JSON.stringify(data))
  : new Uint8Array(/** @type {any} */ (data).buffer, /** @type {any} */ (data).byteOffset, /** @type {any} */ (data).byteLength));

/** @param {Uint8Array} file @param {Recorded} recorded @returns {TensorLike} */
function tensorOf(file, { type, dims, offset, length }) {
  const raw = file.slice(offset, offset + length);
  if (raw.length !== length) throw new PackError('a golden tensor lies outside of its file');
  if (type === 'string') return { type, dims, data: JSON.parse(Buffer.from(raw).toString()) };
  const Ctor = ARRAYS[type];
  if (!Ctor || length !== Math.ceil(countOf(dims) * (PER_ELEMENT[type] ?? 1)) * Ctor.BYTES_PER_ELEMENT) throw new PackError(`a golden tensor ${type} [${dims.join(', ')}] has ${length} bytes`);
  return { type: /** @type {any} */ (type), dims, data: new Ctor(raw.buffer) };
}

/**
 * @param {string} folder
 * @param {string} stem
 * @param {Case[]} cases
 * @param {{ rtol: number, atol: number }} tolerance
 * @returns {Golden}
 */
export function putGolden(folder, stem, cases, tolerance) {
  /** @type {Uint8Array[]} */
  const parts = [];
  let at = 0;
  const record = (/** @type {Record<string, TensorLike>} */ tensors) => Object.fromEntries(Object.entries(tensors).map(([name, t]) => {
    const raw = bytesOfTensor(t), place = { type: t.type, dims: [...t.dims], offset: at, length: raw.length };
    parts.push(raw, new Uint8Array((OFFSET - (raw.length % OFFSET)) % OFFSET));
    at += Math.ceil(raw.length / OFFSET) * OFFSET;
    return [name, place];
  }));
  const listed = cases.map((c) => ({ inputs: record(c.inputs), outputs: record(c.outputs) }));
  return { ...putFile(folder, stem, '.bin', concat(parts)), ...tolerance, cases: listed };
}

/** @param {string} folder @param {Golden} golden @returns {Case[]} */
export function readGolden(folder, golden) {
  const file = readEntry(folder, golden);
  const all = (/** @type {Record<string, Recorded>} */ list) => Object.fromEntries(Object.entries(list).map(([name, r]) => [name, tensorOf(file, r)]));
  return golden.cases.map((c) => ({ inputs: all(c.inputs), outputs: all(c.outputs) }));
}

/** The model of an entry in the build that gives the same bits everywhere. @param {string} folder @param {ModelEntry} entry */
export function loadEntry(folder, entry) {
  const { source, externalData } = sourceOf(folder, entry);
  return LocalModel.load(source, { externalData, deterministic: true, whereReason: 'Node' });
}

/** A model that lies in no package yet. @param {import('./onnx-file.js').OnnxFile} onnx */
export function loadOnnx(onnx) {
  /** @type {Uint8Array[]} */
  const shards = [];
  const places = cutShards(onnx.tensors.filter(isParameter), (shard) => shards.push(shard));
  const externalData = new Map([[LOCATION, /** @type {import('../core/source.js').SourceSpec} */ ({ kind: 'bytes', bytes: concat(shards) })]]);
  return LocalModel.load({ kind: 'bytes', bytes: onnx.write((t) => places.get(t.name)) }, { externalData, deterministic: true, whereReason: 'Node' });
}

/** Outputs that are tensors; sequences and maps are not recorded. @param {Record<string, any>} outputs @returns {Record<string, TensorLike>} */
export const tensorsOnly = (outputs) => Object.fromEntries(Object.entries(outputs).filter(([, v]) => v && !Array.isArray(v) && v.data));

/**
 * Cases from what was given: tensors by the names of inputs, and of outputs where another runtime recorded them; without any, one of seeded random numbers.
 * @param {LocalModel} model
 * @param {Record<string, TensorLike>[]} given
 * @returns {{ inputs: Record<string, TensorLike>, expected: Record<string, TensorLike> }[]}
 */
export function casesOf(model, given) {
  const ins = new Set(model.inputs.map((p) => p.name)), outs = new Set(model.outputs.map((p) => p.name));
  return (given.length ? given : [randomInputs(model.inputs, {})]).map((tensors) => {
    const odd = Object.keys(tensors).filter((name) => !ins.has(name) && !outs.has(name));
    if (odd.length) throw new PackError(`the golden tensors ${odd.map((n) => `'${n}'`).join(', ')} are neither inputs (${[...ins].join(', ')}) nor outputs (${[...outs].join(', ')}) of the model`);
    const open = model.inputs.filter((p) => !tensors[p.name] && !p.optional);
    if (open.length) throw new PackError(`the golden inputs lack ${open.map((p) => `'${p.name}'`).join(', ')}`);
    const pick = (/** @type {Set<string>} */ names) => Object.fromEntries(Object.entries(tensors).filter(([name]) => names.has(name)));
    return { inputs: pick(ins), expected: pick(outs) };
  });
}

/**
 * What does not agree with the recording; each a sentence.
 * @param {string} folder
 * @param {ModelEntry & { golden: Golden }} entry
 */
export async function checkGolden(folder, entry) {
  const model = await loadEntry(folder, entry);
  try {
    const cases = readGolden(folder, entry.golden);
    return cases.flatMap(({ inputs, outputs }, i) => {
      const got = model.runSync(inputs, { outputs: Object.keys(outputs) });
      return Object.entries(outputs).flatMap(([name, recorded]) => {
        const why = difference(got[name], recorded, entry.golden);
        return why ? [`golden case ${i}, output '${name}': ${why}`] : [];
      });
    });
  } finally {
    model.dispose();
  }
}

/**
 * How far two outputs are apart. relative: ‖got − expected‖ / ‖expected‖; worst: the largest difference of an element; top: the share of rows
 * of the last axis whose greatest element is the same one, where that axis has 2 elements at least.
 * @typedef {{ relative: number, worst: number, top: number | null, rows: number }} Change
 * @param {TensorLike} got
 * @param {TensorLike} expected
 * @returns {Change}
 */
export function changeOf(got, expected) {
  const a = numbersOf(got), b = numbersOf(expected);
  if (!a || !b || a.length !== b.length) return { relative: difference(got, expected, { rtol: 0, atol: 0 }) ? Infinity : 0, worst: NaN, top: null, rows: 0 };
  let error = 0, size = 0, worst = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i]))) { size += b[i] * b[i] || 0; continue; }
    const d = Math.abs(a[i] - b[i]);
    error += d * d;
    size += b[i] * b[i];
    if (!(d <= worst)) worst = d;
  }
  const classes = expected.dims.at(-1) ?? 0, rows = classes > 1 ? a.length / classes : 0;
  const greatest = (/** @type {Float64Array} */ v, /** @type {number} */ row) => {
    let at = row * classes;
    for (let i = at; i < (row + 1) * classes; i++) if (v[i] > v[at]) at = i;
    return at;
  };
  let same = 0;
  for (let row = 0; row < rows; row++) same += Number(greatest(a, row) === greatest(b, row));
  return { relative: error ? Math.sqrt(error / size) : 0, worst, top: rows ? same / rows : null, rows };
}
