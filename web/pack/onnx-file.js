// An ONNX file as its maker sees it: the initializers apart, everything else as the bytes that were there. One tensor at a time is in
// memory; what lies in other files (external data) is read when it is asked for.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { WireError, bytes, concat, fields, int, intsOf, last, many, numberOf, text, textOf } from './wire.js';

/**
 * @typedef {import('./wire.js').Field} Field
 * type: a name of TYPES, or "type 99". read: its elements, little-endian; length: of those, in bytes. rest: fields that are kept (doc_string, metadata).
 * strings: the elements of a tensor of strings, whose length is 0.
 * @typedef {{ name: string, type: string, dims: number[], length: number, read: () => Uint8Array, rest?: Uint8Array, strings?: Uint8Array[] }} Tensor
 */

/** TensorProto.DataType: by name the number and the bits of an element. @type {Record<string, [number, number]>} */
export const TYPES = {
  float32: [1, 32], uint8: [2, 8], int8: [3, 8], uint16: [4, 16], int16: [5, 16], int32: [6, 32], int64: [7, 64], string: [8, 0], bool: [9, 8], float16: [10, 16],
  float64: [11, 64], uint32: [12, 32], uint64: [13, 64], complex64: [14, 64], complex128: [15, 128], bfloat16: [16, 16], float8e4m3fn: [17, 8], float8e4m3fnuz: [18, 8],
  float8e5m2: [19, 8], float8e5m2fnuz: [20, 8], uint4: [21, 4], int4: [22, 4], float4e2m1: [23, 4], float8e8m0: [24, 8], uint2: [25, 2], int2: [26, 2],
};
const NAMES = new Map(Object.entries(TYPES).map(([name, [number]]) => [number, name]));

const MODEL = { graph: 7, opset: 8, functions: 25 };
const GRAPH = { node: 1, initializer: 5, input: 11, output: 12 };
const TENSOR = { dims: 1, type: 2, float: 4, int32: 5, strings: 6, int64: 7, name: 8, raw: 9, double: 10, uint64: 11, external: 13, location: 14 };
const NODE = { attribute: 5 }, ATTRIBUTE = { tensor: 5, graph: 6, tensors: 10, graphs: 11 };
const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Bytes that so many elements take. @param {string} type @param {readonly number[]} dims */
export const bytesOf = (type, dims) => Math.ceil((dims.reduce((a, b) => a * b, 1) * (TYPES[type]?.[1] ?? 0)) / 8);

/** Part of a file; readSync() gives 2 GB at most. @param {string} file @param {number} offset @param {number} [length] to the end when left out */
export function readPart(file, offset, length) {
  const handle = openSync(file, 'r');
  try {
    const { size } = fstatSync(handle), wanted = length ?? size - offset;
    if (offset + wanted > size || wanted < 0) throw new Error(`bytes ${offset} to ${offset + wanted} of ${file} are wanted, which has ${size}`);
    const out = new Uint8Array(wanted);
    for (let at = 0; at < wanted;) {
      const n = readSync(handle, out, at, Math.min(wanted - at, 1 << 28), offset + at);
      if (!n) throw new Error(`${file} broke off at byte ${offset + at}`);
      at += n;
    }
    return out;
  } finally {
    closeSync(handle);
  }
}

/** The little-endian bytes of elements that lie one by one in a typed field. @param {readonly Field[]} list @param {string} type */
function typedElements(list, type) {
  const bits = TYPES[type][1];
  const floats = list.filter((f) => f.field === (/64|128/.test(type) && /float|complex128/.test(type) ? TENSOR.double : TENSOR.float));
  if (/^(float(32|64)|complex)/.test(type) && type !== 'complex128' ? floats.length : type === 'complex128' && floats.length) return concat(floats.map((f) => f.bytes));
  const field = type === 'int64' ? TENSOR.int64 : type === 'uint64' || type === 'uint32' ? TENSOR.uint64 : TENSOR.int32;
  const values = intsOf(list, field);
  if (bits < 8) return Uint8Array.from(values, Number); // packed already, a byte each
  const size = bits / 8, out = new DataView(new ArrayBuffer(values.length * size));
  values.forEach((v, i) => {
    if (size === 8) out.setBigUint64(i * 8, BigInt.asUintN(64, v), true);
    else if (size === 4) out.setUint32(i * 4, Number(BigInt.asUintN(32, v)), true);
    else if (size === 2) out.setUint16(i * 2, Number(BigInt.asUintN(16, v)), true);
    else out.setUint8(i, Number(BigInt.asUintN(8, v)));
  });
  return new Uint8Array(out.buffer);
}

/**
 * @param {Uint8Array} data a TensorProto
 * @param {(location: string) => string | (() => Uint8Array)} find the file that external data lies in, or a function that gives its bytes
 * @returns {Tensor}
 */
export function readTensor(data, find) {
  const list = fields(data), name = textOf(list, TENSOR.name), number = numberOf(list, TENSOR.type);
  const type = NAMES.get(number) ?? `type ${number}`, dims = intsOf(list, TENSOR.dims).map(Number);
  if (!NAMES.has(number)) throw new Error(`tensor '${name}' has the ${type}, which is not known here`);
  const known = new Set(Object.values(TENSOR));
  const rest = concat(list.filter((f) => !known.has(f.field)).map((f) => f.raw));
  if (type === 'string') return { name, type, dims, length: 0, read: () => new Uint8Array(0), rest, strings: list.filter((f) => f.field === TENSOR.strings).map((f) => f.bytes) };
  const length = bytesOf(type, dims);
  const check = (/** @type {Uint8Array} */ bytes) => {
    if (bytes.length !== length) throw new Error(`tensor '${name}' is ${type} [${dims.join(', ')}], which takes ${length} bytes; it has ${bytes.length}`);
    return bytes;
  };
  if (numberOf(list, TENSOR.location) === 1) {
    const entries = Object.fromEntries(list.filter((f) => f.field === TENSOR.external).map((f) => fields(f.bytes)).map((e) => [textOf(e, 1), textOf(e, 2)]));
    const where = find(entries.location ?? ''), offset = Number(entries.offset ?? 0);
    return { name, type, dims, length, rest, read: () => check(typeof where === 'string' ? readPart(where, offset, length) : where().subarray(offset, offset + length)) };
  }
  const raw = last(list, TENSOR.raw);
  if (raw) return { name, type, dims, length, rest, read: () => check(raw.bytes) };
  return { name, type, dims, length, rest, read: () => check(typedElements(list, type)) };
}

/** @param {Tensor} tensor @param {{ location: string, offset: number }} [external] where its elements lie, if not here */
export function writeTensor({ name, type, dims, length, read, rest, strings }, external) {
  const parts = [many(int, TENSOR.dims, dims), int(TENSOR.type, TYPES[type][0]), bytes(TENSOR.name, name)];
  if (strings) parts.push(many(bytes, TENSOR.strings, strings));
  else if (external) {
    for (const [key, value] of Object.entries({ ...external, length })) parts.push(bytes(TENSOR.external, concat([bytes(1, key), bytes(2, String(value))])));
    parts.push(int(TENSOR.location, 1));
  } else parts.push(bytes(TENSOR.raw, read()));
  return concat([...parts, rest ?? new Uint8Array(0)]);
}

/** Elements as the typed array that NumPy would show; types without one as their bits. @param {Tensor} tensor @returns {any} */
export function elementsOf({ type, read }) {
  const raw = read(), bits = TYPES[type][1];
  const Ctor = { float32: Float32Array, float64: Float64Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array, uint64: BigUint64Array, uint32: Uint32Array }[type]
    ?? (bits === 16 ? Uint16Array : Uint8Array);
  if (!LITTLE && bits > 8) throw new Error('this machine is big-endian, where packages cannot be made');
  return new Ctor(new Uint8Array(raw).buffer);
}

/** External data in attributes and bodies put inside, since only initializers of the main graph can lie in parameters. @param {Uint8Array} node @param {Parameters<typeof readTensor>[1]} find */
function withTensorsInside(node, find) {
  let changed = false;
  /** @param {Uint8Array} message @param {Record<number, (bytes: Uint8Array) => Uint8Array>} by field */
  const map = (message, by) => concat(fields(message).map((f) => (by[f.field] && f.wire === 2 ? bytes(f.field, by[f.field](f.bytes)) : f.raw)));
  const tensor = (/** @type {Uint8Array} */ t) => {
    if (numberOf(fields(t), TENSOR.location) !== 1) return t;
    changed = true;
    return writeTensor(readTensor(t, find));
  };
  const graph = (/** @type {Uint8Array} */ g) => map(g, { [GRAPH.node]: one, [GRAPH.initializer]: tensor });
  const attribute = (/** @type {Uint8Array} */ a) => map(a, { [ATTRIBUTE.tensor]: tensor, [ATTRIBUTE.tensors]: tensor, [ATTRIBUTE.graph]: graph, [ATTRIBUTE.graphs]: graph });
  const one = (/** @type {Uint8Array} */ n) => map(n, { [NODE.attribute]: attribute });
  const out = one(node);
  return changed ? out : node;
}

/** Where external data of a model beside it lies; names that lead out of its folder are refused. @param {string} file */
export const besides = (file) => (/** @type {string} */ location) => {
  const parts = location.split(/[/\\]/);
  if (!location || path.isAbsolute(location) || parts.includes('..')) throw new Error(`the external data '${location}' does not lie beside ${file}`);
  return path.join(path.dirname(file), ...parts);
};

export class OnnxFile {
  /** Fields of the model that are not graphs. @type {Field[]} */
  head = [];
  /** Fields of the graph that are not initializers. @type {Field[]} */
  graph = [];
  /** @type {Tensor[]} */
  tensors = [];

  /** @param {string} file */
  static open(file) {
    try {
      return new OnnxFile(readPart(file, 0), besides(file));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new Error(`${file} is not a well-formed ONNX model: ${error.message}`);
    }
  }

  /** @param {Uint8Array} data @param {Parameters<typeof readTensor>[1]} find */
  constructor(data, find) {
    const top = fields(data);
    this.head = top.filter((f) => f.field !== MODEL.graph);
    const graph = top.filter((f) => f.field === MODEL.graph).flatMap((f) => fields(f.bytes)); // several graphs merge into one
    if (!graph.length) throw new WireError('it has no graph');
    for (const f of graph) {
      if (f.field === GRAPH.initializer) this.tensors.push(readTensor(f.bytes, find));
      else if (f.field === GRAPH.node) this.graph.push({ ...f, raw: bytes(GRAPH.node, withTensorsInside(f.bytes, find)) });
      else this.graph.push(f);
    }
  }

  get ir() {
    return numberOf(this.head, 1);
  }

  /** Version of a domain's operators, 0 when it is not imported. @param {string} [domain] */
  opset(domain = '') {
    const found = this.head.filter((f) => f.field === MODEL.opset).map((f) => fields(f.bytes)).filter((f) => textOf(f, 1) === domain || (!domain && textOf(f, 1) === 'ai.onnx')).at(-1);
    return found ? numberOf(found, 2) : 0;
  }

  /** @param {string} domain @param {number} version */
  importDomain(domain, version) {
    if (!this.opset(domain)) this.head.push(...fields(bytes(MODEL.opset, concat([bytes(1, domain), int(2, version)]))));
  }

  /** The nodes of the main graph. index: its place in `graph`. */
  nodes() {
    return this.graph.flatMap((f, index) => {
      if (f.field !== GRAPH.node) return [];
      const list = fields(f.bytes), strings = (/** @type {number} */ n) => list.filter((p) => p.field === n).map((p) => text(p.bytes));
      /** @type {Record<string, Field[]>} */
      const attrs = Object.fromEntries(list.filter((p) => p.field === NODE.attribute).map((p) => fields(p.bytes)).map((a) => [textOf(a, 1), a]));
      return [{ index, op: textOf(list, 4), domain: textOf(list, 7).replace(/^ai\.onnx$/, ''), name: textOf(list, 3), in: strings(1), out: strings(2), attrs }];
    });
  }

  /** Names of the graph's inputs, those that are initializers (IR 3) included. */
  inputNames() {
    return this.graph.filter((f) => f.field === GRAPH.input).map((f) => textOf(fields(f.bytes), 1));
  }

  /** @param {string} name */
  dropInput(name) {
    this.graph = this.graph.filter((f) => f.field !== GRAPH.input || textOf(fields(f.bytes), 1) !== name);
  }

  /** Nodes put in the place of others. @param {Map<number, Uint8Array[]>} messages by index in `graph` */
  replaceNodes(messages) {
    this.graph = this.graph.flatMap((f, i) => (messages.has(i) ? fields(many(bytes, GRAPH.node, messages.get(i) ?? [])) : [f]));
  }

  /** Nodes as messages, put before all others. @param {Uint8Array[]} messages */
  prependNodes(messages) {
    this.graph.unshift(...fields(many(bytes, GRAPH.node, messages)));
  }

  /**
   * The file: initializers behind the other fields of the graph, those that `place` names a place for without their elements.
   * @param {(tensor: Tensor) => { location: string, offset: number } | undefined} [place]
   */
  write(place = () => undefined) {
    return concat([...this.head.filter((f) => f.field < MODEL.graph).map((f) => f.raw),
      bytes(MODEL.graph, concat([...this.graph.map((f) => f.raw), ...this.tensors.map((t) => bytes(GRAPH.initializer, writeTensor(t, place(t))))])),
      ...this.head.filter((f) => f.field > MODEL.graph).map((f) => f.raw)]);
  }
}
