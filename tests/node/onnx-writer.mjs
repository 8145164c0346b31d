// Writes small ONNX files for tests: just the protobuf fields that they need.

import { bytes, concat, float, int, many } from '../../web/pack/wire.js';
import { TYPES as KINDS } from '../../web/pack/onnx-file.js';

/** Those of the first releases of ONNX, by name. */
export const TYPES = Object.fromEntries(Object.entries(KINDS).filter(([name, [number]]) => number < 14).map(([name, [number]]) => [name, number]));

/** A tensor: { type, dims, data } or { type, dims, external: { location, offset, length } }. */
export function tensor(name, { type, dims, data, external }) {
  const parts = [many(int, 1, dims), int(2, KINDS[type][0]), bytes(8, name)];
  if (external) {
    for (const [key, value] of Object.entries(external)) parts.push(bytes(13, concat([bytes(1, key), bytes(2, String(value))])));
    parts.push(int(14, 1));
  } else if (type === 'string') parts.push(many(bytes, 6, data));
  else parts.push(bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
  return concat(parts);
}

/** kind: tensor, sequence, optional, map or maps (a sequence of them), with the type of the keys; dims: numbers, names, or null for a rank that is not declared. */
export function port({ name, type = 'float32', dims, kind = 'tensor', key = 'int64' }) {
  const shape = dims && bytes(2, concat(dims.map((d) => bytes(1, typeof d === 'number' ? int(1, d) : d ? bytes(2, d) : new Uint8Array(0)))));
  let proto = bytes(1, concat([int(1, KINDS[type][0]), shape ?? new Uint8Array(0)]));
  if (kind.startsWith('map')) proto = bytes(5, concat([int(1, KINDS[key][0]), bytes(2, proto)]));
  if (kind === 'maps') proto = bytes(4, bytes(1, proto));
  if (kind === 'sequence') proto = bytes(4, bytes(1, proto));
  if (kind === 'optional') proto = bytes(9, bytes(1, proto));
  return concat([bytes(1, name), bytes(2, proto)]);
}

function attribute(name, value) {
  const head = bytes(1, name);
  if (typeof value === 'bigint') return concat([head, int(3, value), int(20, 2)]);
  if (typeof value === 'number') return concat([head, float(2, value), int(20, 1)]);
  if (typeof value === 'string') return concat([head, bytes(4, value), int(20, 3)]);
  if (value.graph) return concat([head, bytes(6, graph(value.graph)), int(20, 5)]);
  if (value.dims) return concat([head, bytes(5, tensor('', value)), int(20, 4)]);
  if (typeof value[0] === 'bigint') return concat([head, many(int, 8, value), int(20, 7)]);
  if (typeof value[0] === 'string') return concat([head, many(bytes, 9, value), int(20, 8)]);
  return concat([head, many(float, 7, value), int(20, 6)]);
}

/** { op, in, out, name, attrs }: attrs' bigints are integers, numbers floats. */
function node({ op, in: inputs, out, name = '', attrs = {}, domain = '' }) {
  return concat([many(bytes, 1, inputs), many(bytes, 2, out), bytes(3, name), bytes(4, op),
    ...Object.entries(attrs).map(([k, v]) => bytes(5, attribute(k, v))), domain ? bytes(7, domain) : new Uint8Array(0)]);
}

function graph({ nodes, inputs = [], outputs, initializers = {} }) {
  return concat([...nodes.map((n) => bytes(1, node(n))), bytes(2, 'g'), ...Object.entries(initializers).map(([k, v]) => bytes(5, tensor(k, v))),
    ...inputs.map((p) => bytes(11, port(p))), ...outputs.map((p) => bytes(12, port(p)))]);
}

/** @returns {Uint8Array} */
export function model({ opset = 17, domains = {}, ...rest }) {
  return concat([int(1, 8), bytes(7, graph(rest)), bytes(8, int(2, opset)),
    ...Object.entries(domains).map(([domain, version]) => bytes(8, concat([bytes(1, domain), int(2, version)])))]);
}

export const f32 = (dims, ...data) => ({ type: 'float32', dims, data: Float32Array.from(data) });
