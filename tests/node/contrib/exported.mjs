// Cases of com.microsoft's operators that onnxruntime's tools and skl2onnx write: quantized attention and embeddings, text, distances.

const int = BigInt;
const BYTES = { uint8: [0, 255], int8: [-128, 127] };
const bytes = (r, type, dims) => r.ints(type, dims, ...BYTES[type]);
const scalar = (value) => ({ type: 'float32', dims: [], data: Float32Array.of(value) });
const positive = (r, dims, low, high) => { const t = r.floats(dims); return { ...t, data: t.data.map((x) => low + Math.abs(x) * (high - low)) }; };
const some = (r, list, n) => Array.from({ length: n }, () => r.pick(list)).join('');

export const exportedCases = {
  QAttention(r) {
    const batch = r.int(1, 2), rows = r.int(1, 5), heads = r.int(1, 3), width = r.pick([4, 8]), hidden = heads * width, inputs = r.int(3, 9), past = r.maybe() ? r.int(1, 4) : 0;
    const tw = r.pick(['int8', 'uint8']), each = r.maybe() ? [3 * hidden] : [];
    return {
      op: 'QAttention', attrs: { num_heads: int(heads), ...(r.maybe() && { unidirectional: 1n }), ...(r.maybe(0.3) && { scale: 0.4 }) }, constant: r.maybe() ? ['x1', 'x4', 'x7'] : [], tolerance: 1e-4,
      outs: past || r.maybe() ? ['y', 'present'] : ['y'],
      inputs: [bytes(r, 'uint8', [batch, rows, inputs]), bytes(r, tw, [inputs, 3 * hidden]), r.floats([3 * hidden]), scalar(0.01), positive(r, each, 0.005, 0.02),
        r.maybe() ? r.ints('int32', [batch], 1, past + rows) : null, r.maybe(0.7) ? r.ints('uint8', [], 100, 150) : null, r.maybe(0.7) ? r.ints(tw, each, 0, 20) : null,
        past ? r.floats([2, batch, heads, past, width]) : null],
    };
  },

  /* Cached integers may be one step off, where a value lies between two; so the answers are compared loosely. */
  'GroupQueryAttention, quantized': (r) => {
    const kv = r.int(1, 2), heads = kv * r.int(1, 3), width = 16, bits = r.pick([8, 4]), type = bits === 4 ? 'uint8' : 'int8', prompt = r.maybe(0.4), rows = prompt ? r.int(1, 5) : 1, past = prompt ? 0 : r.int(1, 9);
    const kind = r.pick(['PER_TENSOR', 'PER_CHANNEL']), dims = kind === 'PER_TENSOR' ? [1] : [1, kv, 1, width], total = past + rows, step = bits === 4 ? 0.2 : 0.01;
    const cache = () => bytes(r, type, [1, kv, past, bits === 4 ? width / 2 : width]), turns = r.maybe();
    const angles = (f) => ({ type: 'float32', dims: [32, 8], data: Float32Array.from({ length: 256 }, (_, i) => f(Math.floor(i / 8) * 0.3 ** (i % 8))) });
    return {
      op: 'GroupQueryAttention', outs: ['y', 'k', 'v'], types: { k: type, v: type }, tolerance: bits === 4 ? 0.1 : 0.01, unitsOf: { k: bits === 4 ? 17 : 1, v: bits === 4 ? 17 : 1 },
      attrs: { num_heads: int(heads), kv_num_heads: int(kv), k_quant_type: kind, v_quant_type: kind, kv_cache_bit_width: int(bits), ...(turns && { do_rotary: 1n }) },
      inputs: [r.floats([1, rows, heads * width]), r.floats([1, rows, kv * width]), r.floats([1, rows, kv * width]), cache(), cache(), { type: 'int32', dims: [1], data: Int32Array.of(total - 1) },
        { type: 'int32', dims: [1], data: Int32Array.of(total) }, turns ? angles(Math.cos) : null, turns ? angles(Math.sin) : null, null, null, null, positive(r, dims, step, 2 * step), positive(r, dims, step, 2 * step)],
    };
  },

  QEmbedLayerNormalization(r) {
    const batch = r.int(1, 3), rows = r.int(1, 5), n = r.int(2, 20), segments = r.maybe(), type = r.pick(['uint8', 'int8']), steps = [0, 1, 2, 3, 4].map(() => scalar(0.01 + 0.01 * r.next()));
    const zeros = [0, 1, 2, 3, 4].map(() => r.ints(type, [], 0, 20)), only = (t) => (segments ? t : null);
    return {
      op: 'QEmbedLayerNormalization', attrs: { epsilon: 1e-6 }, outs: ['y', 'lengths'], types: { lengths: 'int32' }, tolerance: 1e-4,
      constant: ['x2', 'x3', 'x4', 'x5', 'x6', 'x8', 'x9', 'x10', 'x11', 'x12', 'x13', 'x14', 'x15', 'x16', 'x17'],
      inputs: [r.ints('int32', [batch, rows], 0, 9), only(r.ints('int32', [batch, rows], 0, 1)), bytes(r, type, [10, n]), bytes(r, type, [8, n]), only(bytes(r, type, [2, n])), bytes(r, type, [n]), bytes(r, type, [n]),
        r.maybe() ? r.ints('int32', [batch, rows], 0, 1) : null, steps[0], steps[1], only(steps[2]), steps[3], steps[4], zeros[0], zeros[1], only(zeros[2]), zeros[3], zeros[4]],
    };
  },

  /* onnxruntime rounds the inputs to bytes and Quern does not, so what they differ by is that rounding. */
  DynamicQuantizeLSTM(r) {
    const steps = r.int(1, 4), batch = r.int(1, 2), inputs = r.int(2, 6), hidden = r.int(2, 5), both = r.maybe(0.4), d = both ? 2 : 1, type = r.pick(['uint8', 'int8']), dims = r.maybe() ? [d, 4 * hidden] : [d];
    const middle = type === 'uint8' ? 128 : 0, zero = () => r.ints(type, dims, middle, middle); /* onnxruntime wants one for all, and for int8 none */
    return {
      op: 'DynamicQuantizeLSTM', attrs: { hidden_size: int(hidden), direction: both ? 'bidirectional' : r.pick(['forward', 'reverse']) }, outs: ['y', 'h', 'c'], tolerance: 0.04,
      constant: ['x1', 'x2', 'x8', 'x9', 'x10', 'x11'],
      inputs: [r.floats([steps, batch, inputs]), bytes(r, type, [d, inputs, 4 * hidden]), bytes(r, type, [d, hidden, 4 * hidden]), r.floats([d, 8 * hidden]), null, r.maybe() ? r.floats([d, batch, hidden]) : null,
        r.maybe() ? r.floats([d, batch, hidden]) : null, null, positive(r, dims, 0.002, 0.004), zero(), positive(r, dims, 0.002, 0.004), zero()],
    };
  },

  MatMulBnb4(r) {
    const k = r.pick([32, 64, 7, 48]), n = r.int(1, 20), block = r.pick([16, 32, 64]), even = k * n % 2 ? n + 1 : n;
    return { op: 'MatMulBnb4', attrs: { K: int(k), N: int(even), block_size: int(block), quant_type: r.pick([0n, 1n]) }, constant: r.maybe() ? ['x1', 'x2'] : [],
      inputs: [r.floats(r.pick([[1, k], [2, 3, k]])), bytes(r, 'uint8', [k * even / 2]), r.floats([Math.ceil(k * even / block)])] };
  },

  NGramRepeatBlock(r) {
    const batch = r.int(1, 3), length = r.int(1, 12);
    return { op: 'NGramRepeatBlock', attrs: { ngram_size: int(r.int(1, 4)) }, inputs: [r.ints('int64', [batch, length], 0, 3), r.floats([batch, 5])] };
  },

  Tokenizer(r) {
    const texts = r.int(1, 4), dims = r.maybe() ? [texts] : [1, texts], alphabet = ['a', 'b', 'B', ' ', ' ', ',', 'é', '1', '-'];
    const attrs = r.maybe() ? { tokenexp: r.pick(['\\b\\w\\w+\\b', '[a-zA-Z]+', 'a|ab|ba', '[^ ,]*', 'a.', '.']) } : { separators: r.pick([[' '], [',', ' '], ['[ ,]+', '^a'], ['b+', '1'], [''], ['x*', 'a']]) };
    const way = { attrs, plain: attrs.tokenexp === '.' || attrs.separators?.[0] === '' };
    return {
      op: 'Tokenizer', types: { y: 'string' }, attrs: { mark: r.pick([0n, 1n]), pad_value: r.pick(['#', '']), mincharnum: way.plain ? 1n : int(r.int(1, 2)), ...way.attrs },
      inputs: [{ type: 'string', dims, data: Array.from({ length: texts }, () => some(r, alphabet, r.int(0, 14))) }],
    };
  },

  MurmurHash3(r) {
    const positive = r.maybe(), type = r.pick(['int32', 'int64', 'float32', 'string']), dims = [r.int(1, 4), 3];
    const data = { int32: () => r.ints('int32', dims, -1000, 1000), int64: () => r.ints('int64', dims, -1000, 1000), float32: () => r.floats(dims), string: () => ({ type, dims, data: Array.from({ length: dims[0] * 3 }, () => some(r, ['a', 'é', 'Z', '0', ' '], r.int(0, 11))) }) };
    return { op: 'MurmurHash3', attrs: { ...(positive ? {} : { positive: 0n }), ...(r.maybe() && { seed: int(r.int(0, 100)) }) }, types: { y: positive ? 'uint32' : 'int32' }, inputs: [data[type]()] };
  },

  Unique: (r) => ({ op: 'Unique', outs: ['y', 'idx', 'counts'], types: { idx: 'int64', counts: 'int64' }, inputs: [{ ...r.floats([12]), data: Float32Array.from({ length: 12 }, () => r.int(0, 5)) }] }),
  Inverse: (r) => { const n = r.int(1, 5), t = r.floats(r.pick([[n, n], [2, n, n]])); return { op: 'Inverse', tolerance: 1e-3, inputs: [{ ...t, data: t.data.map((x, i) => (i % (n * n) % (n + 1) === 0 ? x + 3 : x)) }] }; },
  CDist: (r) => { const n = r.int(1, 6); return { op: 'CDist', attrs: { metric: r.pick(['euclidean', 'sqeuclidean']) }, tolerance: 1e-4, inputs: [r.floats([r.int(1, 5), n]), r.floats([r.int(1, 5), n])] }; },
  MatMulInteger16: (r) => ({ op: 'MatMulInteger16', types: { y: 'int32' }, inputs: [r.ints('int16', [3, 4], -200, 200), r.ints('int16', [4, 5], -200, 200)] }),
};
