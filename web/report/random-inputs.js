// Inputs to try a model with, where nobody has real ones.
import { ARRAYS, PER_ELEMENT, countOf } from '../core/tensor.js';

/** @typedef {import('../core/heap.js').Port} Port */

/** Numbers in [0, 1) from a seed: mulberry32. @param {number} seed */
export function generator(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A shape to begin with: what is open becomes 1 in front, a picture's side behind a channel, else a short sequence. @param {Port} port */
export function guessShape({ dims, type }) {
  return (dims ?? []).map((d, i, all) => (typeof d === 'number' && d > 0 ? d : i === 0 ? 1 : all.length === 4 && type === 'float32' ? (i === 1 ? 3 : 224) : 16));
}

/**
 * Tensors of these ports: fractions from -1 to 1; integers 0 or 1, which are valid indices and masks nearly everywhere.
 * @param {Port[]} ports
 * @param {Record<string, readonly number[]>} shapes
 * @param {number} [seed]
 */
export function randomInputs(ports, shapes, seed = 1) {
  const next = generator(seed);
  /** @type {Record<string, any>} */
  const feeds = {};
  for (const port of ports) {
    const { name, kind, type, optional } = port;
    if (kind !== 'tensor' || (optional && !shapes[name])) continue;
    const dims = shapes[name] ?? guessShape(port), Ctor = ARRAYS[type];
    const length = Math.ceil(countOf(dims) * (PER_ELEMENT[type] ?? 1));
    if (type === 'string') feeds[name] = { type, dims, data: Array(length).fill('a') };
    else if (/float16/.test(type) && Ctor === Uint16Array) feeds[name] = { type, dims, data: Uint16Array.from({ length }, () => (next() < 0.5 ? 0x3c00 : 0)) }; // 1 (of bfloat16: near 0) or 0
    else if (/float|complex/.test(type) && Ctor !== Uint8Array) feeds[name] = { type, dims, data: Ctor.from({ length }, () => 2 * next() - 1) };
    else feeds[name] = { type, dims, data: Ctor.from({ length }, /64/.test(type) ? () => BigInt(next() < 0.5) : () => Number(next() < 0.5)) };
  }
  return feeds;
}
