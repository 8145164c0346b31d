// NumPy's files: one array (.npy) or several in a zip (.npz). Format: numpy.lib.format, versions 1 to 3.
import { inflateRawSync } from 'node:zlib';

/** @typedef {import('../core/tensor.js').TensorLike} TensorLike */

/** @type {Record<string, [string, any]>} type, array */
const KINDS = {
  f4: ['float32', Float32Array], f8: ['float64', Float64Array], f2: ['float16', Uint16Array], V2: ['bfloat16', Uint16Array],
  i1: ['int8', Int8Array], u1: ['uint8', Uint8Array], i2: ['int16', Int16Array], u2: ['uint16', Uint16Array], i4: ['int32', Int32Array],
  u4: ['uint32', Uint32Array], i8: ['int64', BigInt64Array], u8: ['uint64', BigUint64Array], b1: ['bool', Uint8Array],
};

/** @param {Buffer} file @param {string} name for messages @returns {TensorLike} */
export function readNpy(file, name) {
  if (file.length < 12 || file.toString('latin1', 0, 6) !== '\x93NUMPY') throw new Error(`${name} is no .npy file`);
  const long = file[6] > 1, at = long ? 12 : 10;
  const begin = at + (long ? file.readUInt32LE(8) : file.readUInt16LE(8));
  const header = file.toString('utf8', at, begin);
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? '', dims = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? '').split(',').map((d) => d.trim()).filter(Boolean).map(Number);
  const elements = dims.reduce((a, b) => a * b, 1);
  const text = /^[<|=]?U(\d+)$/.exec(descr);
  if (text) {
    const width = Number(text[1]);
    const letters = Array.from({ length: elements * width }, (_, i) => file.readUInt32LE(begin + 4 * i));
    const data = Array.from({ length: elements }, (_, i) => String.fromCodePoint(...letters.slice(i * width, (i + 1) * width)).replace(/\0+$/, ''));
    return { type: 'string', dims, data };
  }
  const kind = KINDS[descr.slice(1)];
  if (!kind || descr[0] === '>') throw new Error(`${name} holds elements of the type '${descr}', which no tensor here has`);
  const [type, Ctor] = kind;
  const bytes = elements * Ctor.BYTES_PER_ELEMENT;
  if (file.length < begin + bytes) throw new Error(`${name} is cut off: ${file.length} bytes of ${begin + bytes}`);
  const data = new Ctor(new Uint8Array(file.subarray(begin, begin + bytes)).buffer);
  return { type: /** @type {any} */ (type), dims, data: /'fortran_order':\s*True/.test(header) ? fromColumns(data, dims) : data };
}

/** Column-major to row-major. @param {any} data @param {number[]} dims */
function fromColumns(data, dims) {
  const out = data.slice();
  const index = dims.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    let at = 0;
    for (let d = dims.length - 1; d >= 0; d--) at = at * dims[d] + index[d];
    out[i] = data[at];
    for (let d = dims.length - 1; d >= 0 && ++index[d] === dims[d]; d--) index[d] = 0;
  }
  return out;
}

/** @param {TensorLike} tensor */
export function writeNpy({ type, dims, data }) {
  let descr, body;
  if (type === 'string') {
    const strings = /** @type {string[]} */ (data).map((s) => [...s].map((c) => c.codePointAt(0) ?? 0));
    const width = Math.max(1, ...strings.map((s) => s.length));
    descr = `<U${width}`;
    body = Buffer.from(Uint32Array.from(strings.flatMap((s) => [...s, ...Array(width - s.length).fill(0)])).buffer);
  } else {
    const kind = Object.entries(KINDS).find(([, [t]]) => t === type)?.[0];
    if (!kind) throw new Error(`a .npy file cannot hold ${type}`);
    descr = (/1$/.test(kind) || kind === 'V2' ? '|' : '<') + kind;
    const view = /** @type {ArrayBufferView} */ (/** @type {unknown} */ (data));
    body = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  }
  let header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims.join(', ')}${dims.length === 1 ? ',' : ''}), }`;
  header = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
  const size = Buffer.alloc(2);
  size.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), size, Buffer.from(header, 'latin1'), body]);
}

/** @param {Buffer} file @param {string} name @returns {Record<string, TensorLike>} */
export function readNpz(file, name) {
  let end = file.length - 22;
  while (end >= 0 && file.readUInt32LE(end) !== 0x06054b50) end--;
  if (end < 0) throw new Error(`${name} is no .npz file`);
  /** @type {Record<string, TensorLike>} */
  const tensors = {};
  for (let n = file.readUInt16LE(end + 10), at = file.readUInt32LE(end + 16); n > 0; n--) {
    const method = file.readUInt16LE(at + 10), packed = file.readUInt32LE(at + 20), size = file.readUInt32LE(at + 24), from = file.readUInt32LE(at + 42);
    const lengths = [28, 30, 32].map((o) => file.readUInt16LE(at + o));
    const entry = file.toString('utf8', at + 46, at + 46 + lengths[0]);
    at += 46 + lengths[0] + lengths[1] + lengths[2];
    if (packed === 0xffffffff || size === 0xffffffff) throw new Error(`${entry} in ${name} has more than 4 GB`);
    const begin = from + 30 + file.readUInt16LE(from + 26) + file.readUInt16LE(from + 28);
    const bytes = file.subarray(begin, begin + packed);
    if (method !== 0 && method !== 8) throw new Error(`${entry} in ${name} is packed by the method ${method}; stored and deflated ones can be read`);
    tensors[entry.replace(/\.npy$/, '')] = readNpy(method ? inflateRawSync(bytes) : bytes, `${entry} in ${name}`);
  }
  return tensors;
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
/** @param {Uint8Array} bytes */
const crc32 = (bytes) => ~bytes.reduce((crc, b) => CRC[(crc ^ b) & 255] ^ (crc >>> 8), -1) >>> 0;

/** Stored, not deflated. @param {Record<string, TensorLike>} tensors */
export function writeNpz(tensors) {
  const files = [], directory = [];
  let at = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    const body = writeNpy(tensor), entry = Buffer.from(`${name}.npy`);
    const common = Buffer.alloc(26); // from "version needed" to the length of the extra field
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800, 2); // names are UTF-8
    common.writeUInt16LE(0x21, 8); // the first day that the format knows
    common.writeUInt32LE(crc32(body), 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(body.length, 18);
    common.writeUInt16LE(entry.length, 22);
    files.push(Buffer.from('PK\x03\x04'), common, entry, body);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, entry);
    at += 30 + entry.length + body.length;
  }
  const list = Buffer.concat(directory), end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(tensors).length, 4);
  end.writeUInt16LE(Object.keys(tensors).length, 6);
  end.writeUInt32LE(list.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...files, list, Buffer.from('PK\x05\x06'), end]);
}
