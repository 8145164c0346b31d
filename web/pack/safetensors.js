// safetensors: a JSON header and raw tensors (github.com/huggingface/safetensors, "Format").
import { closeSync, openSync, writeSync } from 'node:fs';
import { readPart } from './onnx-file.js';
import { PackError } from './package-folder.js';

/** @typedef {import('./onnx-file.js').Tensor} Tensor */

/** Types that both sides have. */
const NAMES = new Map(Object.entries({ float64: 'F64', float32: 'F32', float16: 'F16', bfloat16: 'BF16', int64: 'I64', int32: 'I32', int16: 'I16', int8: 'I8', uint64: 'U64', uint32: 'U32',
  uint16: 'U16', uint8: 'U8', bool: 'BOOL', float8e4m3fn: 'F8_E4M3', float8e5m2: 'F8_E5M2' }));
const TYPES = new Map([...NAMES].map(([type, name]) => [name, type]));

/** Sorted by name, one tensor in memory at a time. @param {string} file @param {readonly Tensor[]} tensors @returns {string[]} names of those that the format cannot hold */
export function writeSafetensors(file, tensors) {
  const left = tensors.filter((t) => !NAMES.has(t.type)).map((t) => t.name);
  const list = tensors.filter((t) => NAMES.has(t.type)).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  let at = 0;
  const header = Object.fromEntries(list.map((t) => [t.name, { dtype: NAMES.get(t.type), shape: t.dims, data_offsets: [at, at += t.length] }]));
  const text = Buffer.from(JSON.stringify(header)), padded = Buffer.alloc(Math.ceil(text.length / 8) * 8, ' '), size = Buffer.alloc(8);
  text.copy(padded);
  size.writeBigUInt64LE(BigInt(padded.length));
  const handle = openSync(file, 'w');
  try {
    for (const part of [size, padded]) writeSync(handle, part);
    for (const t of list) {
      const data = t.read();
      for (let n = 0; n < data.length;) n += writeSync(handle, data, n, Math.min(data.length - n, 1 << 28));
    }
  } finally {
    closeSync(handle);
  }
  return left;
}

/** @param {string} file @returns {Map<string, Tensor>} */
export function readSafetensors(file) {
  const bad = (/** @type {string} */ why) => new PackError(`${file} is no safetensors file: ${why}`);
  const head = Buffer.from(readPart(file, 0, 8)), size = Number(head.readBigUInt64LE());
  if (!(size > 1 && size < 1e8)) throw bad(`its header has ${size} bytes`);
  let header;
  try {
    header = JSON.parse(Buffer.from(readPart(file, 8, size)).toString());
  } catch (error) {
    throw bad(/** @type {Error} */ (error).message);
  }
  return new Map(Object.entries(header).filter(([name]) => name !== '__metadata__').map(([name, { dtype, shape, data_offsets: [begin, end] = [] }]) => {
    const type = TYPES.get(dtype);
    if (!type) throw bad(`tensor '${name}' has the type ${dtype}`);
    if (!Array.isArray(shape) || !(begin >= 0 && end >= begin)) throw bad(`tensor '${name}' has no shape or no place`);
    return [name, { name, type, dims: shape, length: end - begin, read: () => readPart(file, 8 + size + begin, end - begin) }];
  }));
}
