// Nodes as ONNX writes them.
import { bytes, concat, float, int, many } from './wire.js';

/** @typedef {bigint | number | string | readonly bigint[] | readonly number[] | readonly string[] | { field: number, type: number, message: Uint8Array }} Attribute message: a tensor or a graph, with its field and AttributeType */

const NOTHING = new Uint8Array(0);

/** Bigints are integers, numbers floats. @param {string} name @param {Attribute} value */
export function attribute(name, value) {
  const parts = () => {
    if (typeof value === 'bigint') return [int(3, value), int(20, 2)];
    if (typeof value === 'number') return [float(2, value), int(20, 1)];
    if (typeof value === 'string') return [bytes(4, value), int(20, 3)];
    if ('message' in value) return [bytes(value.field, value.message), int(20, value.type)];
    if (typeof value[0] === 'bigint') return [many(int, 8, /** @type {bigint[]} */ (value)), int(20, 7)];
    if (typeof value[0] === 'string') return [many(bytes, 9, /** @type {string[]} */ (value)), int(20, 8)];
    return [many(float, 7, /** @type {number[]} */ (value)), int(20, 6)];
  };
  return concat([bytes(1, name), ...parts()]);
}

/** @param {{ op: string, in: readonly string[], out: readonly string[], name?: string, attrs?: Record<string, Attribute>, domain?: string }} node */
export function node({ op, in: inputs, out, name = '', attrs = {}, domain = '' }) {
  return concat([many(bytes, 1, inputs), many(bytes, 2, out), bytes(3, name), bytes(4, op),
    ...Object.entries(attrs).map(([k, v]) => bytes(5, attribute(k, v))), domain ? bytes(7, domain) : NOTHING]);
}
