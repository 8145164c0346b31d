// Weights stored in fewer bits. What computes stays float32 (fp16, int8: the core expands them once while it loads) or reads the weights in
// blocks as they are (int4: MatMulNBits), so a smaller package needs no calibration and no other kernels.
//
// fp16: IEEE 754 halves and a Cast. int8: symmetric, one scale for each output channel, and DequantizeLinear (before opset 13, which brought its
// axis: Cast and Mul). int4: blocks of 32 along the sum, one scale each, values from -8 to 7 around the stored 8, as in onnxruntime's contrib
// operator com.microsoft.MatMulNBits.
import { elementsOf } from './onnx-file.js';
import { node } from './onnx-node.js';
import { PackError } from './package-folder.js';
import { last, numberOf } from './wire.js';

/**
 * @typedef {import('./onnx-file.js').OnnxFile} OnnxFile
 * @typedef {import('./onnx-file.js').Tensor} Tensor
 * @typedef {ReturnType<OnnxFile['nodes']>[number]} Node
 * count: tensors stored so; others: of these, those of int4 that had to be int8; before and after: bytes of all tensors.
 * @typedef {{ count: number, others: number, before: number, after: number }} Done
 */

const LEAST = 256; // elements: below, the scales and the node cost what is saved
const BLOCK = 32;

/** Which input of an operator is a weight, and the axis of its output channels. @type {Record<string, (n: Node, rank: number) => Record<number, number>>} */
const WEIGHTS = {
  Conv: () => ({ 1: 0 }), ConvTranspose: () => ({ 1: 1 }), MatMul: (_, rank) => ({ 0: Math.max(0, rank - 2), 1: rank - 1 }), Gemm: (n) => ({ 1: intOf(n, 'transB') ? 0 : 1 }),
  Gather: () => ({ 0: 0 }), LSTM: () => ({ 1: 1, 2: 1 }), GRU: () => ({ 1: 1, 2: 1 }), RNN: () => ({ 1: 1, 2: 1 }),
};

/** @param {Node} n @param {string} name */
const intOf = (n, name, otherwise = 0) => (n.attrs[name] ? numberOf(n.attrs[name], 3) : otherwise);
/** @param {Node} n @param {string} name */
function floatOf(n, name) {
  const found = last(n.attrs[name] ?? [], 2);
  return found ? new DataView(found.bytes.buffer, found.bytes.byteOffset).getFloat32(0, true) : 1;
}

/** @param {Tensor} t @param {string} name @param {string} type @param {number[]} dims @param {any} data @returns {Tensor} */
const made = (t, name, type, dims, data) => ({ ...t, name, type, dims, length: data.byteLength, read: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });

const FLOAT = new Float32Array(1), BITS = new Uint32Array(FLOAT.buffer);
/** The nearest half, ties to even. @param {number} value @returns {number} its bits */
export function toHalf(value) {
  FLOAT[0] = value;
  const bits = BITS[0], sign = (bits >>> 16) & 0x8000, e = (bits >>> 23) & 255, m = bits & 0x7fffff;
  if (e === 255) return sign | 0x7c00 | (m ? 0x200 : 0);
  const exponent = e - 112;
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent < -10) return sign;
  const whole = exponent > 0 ? m | (exponent << 23) : m | 0x800000, shift = exponent > 0 ? 13 : 14 - exponent; // below 2⁻¹⁴ without the leading one
  const kept = Math.floor(whole / 2 ** shift), rest = whole - kept * 2 ** shift, half = 2 ** (shift - 1);
  return sign | (kept + Number(rest > half || (rest === half && (kept & 1) === 1)));
}

/** @param {Tensor} t @returns {Tensor | null} null when a value does not fit */
function halves(t) {
  const from = elementsOf(t), out = new Uint16Array(from.length);
  for (let i = 0; i < from.length; i++) {
    out[i] = toHalf(from[i]);
    if ((out[i] & 0x7fff) === 0x7c00 && Number.isFinite(from[i])) return null;
  }
  return made(t, `${t.name}:fp16`, 'float16', t.dims, out);
}

/** @param {Tensor} t @param {number} axis @returns {{ q: Tensor, scale: Tensor } | null} */
function bytesPerChannel(t, axis) {
  const from = elementsOf(t), channels = t.dims[axis], inner = t.dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  if (!from.every(Number.isFinite)) return null;
  const most = new Float32Array(channels), scale = new Float32Array(channels), q = new Int8Array(from.length);
  for (let i = 0; i < from.length; i++) {
    const c = Math.floor(i / inner) % channels;
    most[c] = Math.max(most[c], Math.abs(from[i]));
  }
  for (let c = 0; c < channels; c++) scale[c] = most[c] / 127 || 1;
  for (let i = 0; i < from.length; i++) q[i] = Math.max(-127, Math.min(127, Math.round(from[i] / scale[Math.floor(i / inner) % channels])));
  return { q: made(t, `${t.name}:int8`, 'int8', t.dims, q), scale: made(t, `${t.name}:scale`, 'float32', [channels], scale) };
}

/** [K, N] or, transposed, [N, K] in blocks along K. @param {Tensor} t @param {boolean} transposed @returns {{ q: Tensor, scale: Tensor, k: number, n: number } | null} */
function blocks(t, transposed) {
  const from = elementsOf(t), [k, n] = transposed ? [t.dims[1], t.dims[0]] : t.dims, count = Math.ceil(k / BLOCK);
  if (!from.every(Number.isFinite)) return null;
  const q = new Uint8Array((n * count * BLOCK) / 2), scale = new Float32Array(n * count);
  const at = (/** @type {number} */ row, /** @type {number} */ i) => (i < k ? from[transposed ? row * k + i : i * n + row] : 0);
  for (let row = 0; row < n; row++) {
    for (let b = 0; b < count; b++) {
      let most = 0; // with its sign: it becomes exactly -8
      for (let i = b * BLOCK; i < (b + 1) * BLOCK; i++) if (Math.abs(at(row, i)) > Math.abs(most)) most = at(row, i);
      const s = Math.fround(most / -8) || 1;
      scale[row * count + b] = s;
      for (let i = 0; i < BLOCK; i++) {
        const v = Math.max(0, Math.min(15, Math.round(at(row, b * BLOCK + i) / s) + 8));
        q[((row * count + b) * BLOCK + i) >> 1] |= v << (4 * (i & 1));
      }
    }
  }
  return { q: made(t, `${t.name}:int4`, 'uint8', [n, count, BLOCK / 2], q), scale: made(t, `${t.name}:scale`, 'float32', [n, count], scale), k, n };
}

/** Whether MatMulNBits can take this node's weight. @param {Node} n @param {Tensor} t */
const readsBlocks = (n, t) => !n.domain && t.dims.length === 2
  && ((n.op === 'MatMul' && n.in[1] === t.name && n.in[0] !== t.name)
    || (n.op === 'Gemm' && n.in[1] === t.name && n.in[0] !== t.name && n.in[2] !== t.name && !intOf(n, 'transA') && floatOf(n, 'alpha') === 1 && floatOf(n, 'beta') === 1));

/**
 * Changes the file.
 * @param {OnnxFile} onnx
 * @param {'fp16' | 'int8' | 'int4'} storage
 * @returns {Done}
 */
export function quantize(onnx, storage) {
  const opset = onnx.opset(), nodes = onnx.nodes();
  if (opset < 7) throw new PackError(`the model is of opset ${opset}; weights can be stored in fewer bits from opset 7 on, whose Mul broadcasts`);
  const inputs = new Set(onnx.inputNames()), before = onnx.tensors.reduce((n, t) => n + t.length, 0);
  /** @type {Uint8Array[]} */
  const added = [];
  /** @type {Map<number, Uint8Array[]>} */
  const replaced = new Map();
  let count = 0, others = 0;
  /** @param {Tensor} t @returns {Tensor[]} */
  const asBytes = (t) => {
    const reader = nodes.find((n) => !n.domain && WEIGHTS[n.op] && n.in.includes(t.name));
    const axis = reader && t.dims.length > 1 ? WEIGHTS[reader.op](reader, t.dims.length)[reader.in.indexOf(t.name)] : undefined;
    const found = axis === undefined ? null : bytesPerChannel(t, axis);
    if (!found || axis === undefined) return [t];
    const { q, scale } = found;
    if (opset >= 13) added.push(node({ op: 'DequantizeLinear', in: [q.name, scale.name], out: [t.name], name: `${t.name}:expand`, attrs: { axis: BigInt(axis) } }));
    else {
      scale.dims = t.dims.map((d, i) => (i === axis ? d : 1));
      added.push(node({ op: 'Cast', in: [q.name], out: [`${t.name}:float`], name: `${t.name}:cast`, attrs: { to: 1n } }),
        node({ op: 'Mul', in: [`${t.name}:float`, scale.name], out: [t.name], name: `${t.name}:expand` }));
    }
    count++;
    if (storage === 'int4') others++;
    return [q, scale];
  };
  /** @param {Tensor} t @returns {Tensor[]} */
  const asBlocks = (t) => {
    const readers = nodes.filter((n) => n.in.includes(t.name));
    if (!readers.length || !readers.every((n) => readsBlocks(n, t)) || new Set(readers.map((n) => n.op + intOf(n, 'transB'))).size > 1) return asBytes(t);
    const found = blocks(t, Boolean(intOf(readers[0], 'transB')));
    if (!found) return [t];
    const { q, scale, k, n } = found;
    for (const r of readers) {
      const bias = r.op === 'Gemm' && r.in[2], product = bias ? `${r.out[0]}:product` : r.out[0];
      const messages = [node({ op: 'MatMulNBits', domain: 'com.microsoft', in: [r.in[0], q.name, scale.name], out: [product], name: r.name,
        attrs: { K: BigInt(k), N: BigInt(n), bits: 4n, block_size: BigInt(BLOCK) } })];
      if (bias) messages.push(node({ op: 'Add', in: [product, bias], out: [r.out[0]], name: `${r.name}:bias` }));
      replaced.set(r.index, messages);
    }
    onnx.importDomain('com.microsoft', 1);
    count++;
    return [q, scale];
  };
  /** @param {Tensor} t @returns {Tensor[]} */
  const asHalves = (t) => {
    const half = halves(t);
    if (!half) return [t];
    added.push(node({ op: 'Cast', in: [half.name], out: [t.name], name: `${t.name}:expand`, attrs: { to: 1n } }));
    count++;
    return [half];
  };
  const store = storage === 'fp16' ? asHalves : storage === 'int8' ? asBytes : asBlocks;
  onnx.tensors = onnx.tensors.flatMap((t) => {
    const isInput = inputs.has(t.name);
    if (t.type !== 'float32' || t.length < 4 * LEAST || (isInput && onnx.ir >= 4)) return [t]; // from IR 4 on such an input is a default that can be overridden
    const stored = store(t);
    if (stored[0] !== t && isInput) onnx.dropInput(t.name);
    return stored;
  });
  onnx.replaceNodes(replaced);
  onnx.prependNodes(added);
  return { count, others, before, after: onnx.tensors.reduce((n, t) => n + t.length, 0) };
}
