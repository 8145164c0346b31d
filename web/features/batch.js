// Several pictures at once: what the steps made of each, one behind the other for one run of the model, and its outputs apart again.
import { QuernError } from '../core/errors.js';

/** @typedef {import('./module.js').NamedTensor} NamedTensor */

/**
 * Along the first dimension, by name.
 * @param {Record<string, any>[]} all tensors of each picture
 * @returns {Record<string, any>}
 */
export function joinFeeds(all) {
  return Object.fromEntries(Object.keys(all[0]).map((name) => {
    const tensors = all.map((feeds) => feeds[name]), [{ type, dims }] = tensors;
    const strange = tensors.find((t) => !t || t.dims.length !== dims.length || t.dims[0] !== 1 || t.dims.some((/** @type {number} */ n, /** @type {number} */ i) => n !== dims[i]));
    if (strange || !dims.length)
      throw new QuernError('bad-shape', `several pictures need one size: '${name}' is [${dims.join(', ')}] of the first and [${strange?.dims.join(', ') ?? ''}] of another; the steps have to end in one shape that begins with 1`);
    const Type = /** @type {any} */ (tensors[0].data).constructor, size = tensors[0].data.length, data = new Type(size * all.length);
    for (const [i, t] of tensors.entries()) data.set(t.data, i * size);
    return [name, { type, dims: [all.length, ...dims.slice(1)], data }];
  }));
}

/**
 * The outputs of picture i of n.
 * @param {readonly NamedTensor[]} outputs
 * @param {number} i
 * @param {number} n
 * @returns {NamedTensor[]}
 */
export function partOf(outputs, i, n) {
  return outputs.map(({ name, type, dims, data }) => {
    if (dims[0] !== n) throw new QuernError('bad-model', `the output '${name}' of ${n} pictures is [${dims.join(', ')}]: its first dimension does not count them`);
    const size = data.length / n;
    return /** @type {NamedTensor} */ ({ name, type, dims: [1, ...dims.slice(1)], data: data.slice(i * size, (i + 1) * size) });
  });
}
