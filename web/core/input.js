// What predict() takes, in a form that can be sent to a worker.
import { snapshotAudio } from './audio.js';
import { QuernError } from './errors.js';
import { snapshotImage } from './image.js';

/**
 * One text or several, or pairs of texts.
 * @typedef {string | readonly string[] | readonly (readonly [string, string])[]} TextInput
 * Named values: numbers, texts, or tensors for a model without steps; several rows are a list.
 * @typedef {Record<string, any> | readonly Record<string, any>[]} RowInput
 * @typedef {import('./image.js').ImageSpec | import('./audio.js').AudioSpec | { kind: 'text', texts: readonly (string | readonly string[])[] }
 *   | { kind: 'rows', rows: Record<string, any>[] } | { kind: 'strokes', strokes: [number, number][][] }
 *   | { kind: 'pictures', pictures: import('./image.js').ImageSpec[] }} InputSpec
 * What a pen drew: each stroke a list of points.
 * @typedef {readonly (readonly (readonly [number, number])[])[]} StrokesInput
 * @typedef {StrokesInput | import('./image.js').ImageInput | readonly import('./image.js').ImageInput[] | import('./audio.js').AudioInput | TextInput | RowInput} Input
 */

/** @param {any} value */
const isStroke = (value) => Array.isArray(value) && value.length > 0 && value.every((point) => Array.isArray(point) && point.length === 2 && point.every((x) => typeof x === 'number'));

/** @param {any} value */
const isRow = (value) => Boolean(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value)) && !ArrayBuffer.isView(value.data);

/**
 * What the input is now; later changes of it do not matter.
 * @param {any} input
 * @returns {Promise<InputSpec>}
 */
export async function snapshotInput(input) {
  const list = Array.isArray(input) ? input : [input];
  if (list.length && list.every((item) => typeof item === 'string' || (Array.isArray(item) && item.length === 2 && item.every((t) => typeof t === 'string')))) return { kind: 'text', texts: structuredClone(list) };
  if (list.length && Array.isArray(input) && list.every(isStroke)) return { kind: 'strokes', strokes: structuredClone(list) };
  const sound = snapshotAudio(input); // before rows: what looks like an AudioBuffer may be a plain object
  if (sound) return sound;
  if (list.length && list.every(isRow)) {
    const strange = list.flatMap((row) => Object.entries(row)).find(([, value]) => typeof value === 'function' || typeof value === 'symbol');
    if (strange) throw new QuernError('bad-type', `the value of '${strange[0]}' is a ${typeof strange[1]}; a row has numbers, texts, true, false, null or tensors`);
    return { kind: 'rows', rows: structuredClone(list) };
  }
  if (Array.isArray(input) && input.length && input.every((item) => item && typeof item === 'object' && !Array.isArray(item) && !isRow(item))) return { kind: 'pictures', pictures: await Promise.all(input.map(snapshotImage)) };
  return snapshotImage(input);
}

/** @param {InputSpec} spec @returns {Transferable[]} */
export function transferOfInput(spec) {
  if (spec.kind === 'bitmap') return [spec.bitmap];
  if (spec.kind === 'pictures') return spec.pictures.flatMap(transferOfInput);
  return spec.kind === 'audio' || spec.kind === 'pixels' ? [/** @type {ArrayBuffer} */ (spec.data.buffer)] : [];
}
