// Writes small ONNX files for tests: just the protobuf fields that they need.

import { TYPES as KINDS } from '../../web/pack/onnx-file.js';
import { node as writeNode } from '../../web/pack/onnx-node.js';
import { bytes, concat, int, many } from '../../web/pack/wire.js';

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

/** A body or a tensor as the attribute of a node. */
const message = (value) => (value?.graph ? { field: 6, type: 5, message: graph(value.graph) } : value?.dims ? { field: 5, type: 4, message: tensor('', value) } : value);

/** { op, in, out, name, attrs }: attrs' bigints are integers, numbers floats. */
const node = ({ attrs = {}, ...rest }) => writeNode({ ...rest, attrs: Object.fromEntries(Object.entries(attrs).map(([k, v]) => [k, message(v)])) });

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
