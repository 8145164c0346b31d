// Parameters as files of 1 to 4 MB, cut where a changed tensor changes few of them (docs/PACKAGE.md, "Parameters").
import { createHash } from 'node:crypto';
import { concat } from './wire.js';

/** @typedef {import('./onnx-file.js').Tensor} Tensor */

export const LOCATION = 'params';
const MB = 1 << 20, LEAST = MB, MOST = 4 * MB, PIECE = 3 * MB, ALIGN = 16;

/** @param {Uint8Array | string} data */
export const sha256 = (data) => createHash('sha256').update(data).digest('hex');

/** Whether a tensor lies in the parameters; else inside the graph: shapes and axes, which are wanted before the first shard is there. @param {Tensor} t */
export const isParameter = ({ type, length }) => type !== 'string' && length >= (/64$/.test(type) && type.includes('int') ? 1024 : 128);

/** A border that the name picks, so that it is the same one when something before has changed. @param {string} name */
const isBorder = (name) => parseInt(sha256(name).slice(0, 2), 16) % 8 === 0;

/**
 * Hands over shard after shard; no more than one is in memory, and one tensor.
 * @param {readonly Tensor[]} tensors
 * @param {(shard: Uint8Array) => void} take
 * @returns {Map<string, { location: string, offset: number }>} where each of them lies
 */
export function cutShards(tensors, take) {
  const places = new Map();
  /** @type {Uint8Array[]} */
  let parts = [];
  let pending = 0, offset = 0;
  const add = (/** @type {Uint8Array} */ bytes) => {
    parts.push(bytes);
    pending += bytes.length;
    offset += bytes.length;
  };
  const flush = () => {
    if (pending) take(concat(parts));
    parts = [];
    pending = 0;
  };
  for (const tensor of tensors) {
    const padded = Math.ceil(tensor.length / ALIGN) * ALIGN;
    if (pending >= LEAST && pending + padded > MOST) flush();
    if (places.has(tensor.name)) throw new Error(`the model has two initializers named '${tensor.name}'`);
    places.set(tensor.name, { location: LOCATION, offset });
    const bytes = tensor.read(), pad = new Uint8Array(padded - tensor.length);
    if (padded > PIECE) {
      const piece = Math.ceil(padded / Math.ceil(padded / PIECE) / ALIGN) * ALIGN;
      for (let at = 0; at < bytes.length; at += piece) {
        add(bytes.subarray(at, at + piece));
        if (at + piece < bytes.length) flush();
      }
      add(pad);
      flush();
    } else {
      add(bytes);
      add(pad);
      if (pending >= LEAST && isBorder(tensor.name)) flush();
    }
  }
  flush();
  return places;
}
