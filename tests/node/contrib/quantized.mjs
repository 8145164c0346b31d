// Cases of com.microsoft's operators on integers. Results may be one unit away where a value lies between two.

const int = BigInt;
const BYTES = { uint8: [0, 255], int8: [-128, 127] };
const bytes = (r, type, dims) => r.ints(type, dims, ...BYTES[type]);
const scale = (r, low = 0.01) => ({ type: 'float32', dims: [], data: Float32Array.of(low + 0.05 * r.next()) });
const zero = (r, type) => (type === 'uint8' ? r.ints(type, [], 90, 160) : r.ints(type, [], -20, 20));
const byteType = (r) => r.pick(['uint8', 'int8']);

const binary = (op) => (r) => {
  const t = byteType(r), dims = [r.int(1, 3), r.int(1, 4), r.int(1, 40)], other = r.pick([dims, [dims[2]], [1, dims[1], 1]]);
  return { op, types: { y: t }, units: 1, inputs: [bytes(r, t, dims), scale(r), zero(r, t), bytes(r, t, other), scale(r), zero(r, t), scale(r), zero(r, t)] };
};
const unary = (op, attrs, dims, outScale = scale) => (r) => {
  const t = byteType(r);
  return { op, attrs: attrs(r), types: { y: t }, units: 1, inputs: [bytes(r, t, dims(r)), scale(r), zero(r, t), outScale(r), zero(r, t)] };
};
const fixed = (value) => () => ({ type: 'float32', dims: [], data: Float32Array.of(value) });

export const quantizedCases = {
  MatMulNBits(r) {
    const bits = r.pick([4, 4, 8, 2]), block = r.pick([16, 32, 64]), k = r.int(1, 4) * block + (bits === 4 && r.maybe() ? r.int(1, 15) : 0), n = r.int(1, 20), blocks = Math.ceil(k / block);
    const zeros = r.pick([null, () => r.ints('uint8', [n * Math.ceil(blocks * bits / 8)], 0, 255), ...(bits === 4 ? [() => r.floats([n, blocks], 8)] : [])]);
    return {
      op: 'MatMulNBits', attrs: { K: int(k), N: int(n), bits: int(bits), block_size: int(block) }, constant: ['x1', 'x2', 'x3', 'x5'], tolerance: 2e-4,
      inputs: [r.floats([r.pick([1, 2, 7]), k]), r.ints('uint8', [n, blocks, block * bits / 8], 0, 255), r.floats([n * blocks], 0.1), zeros?.() ?? null, null, r.maybe() ? r.floats([n]) : null],
    };
  },

  GatherBlockQuantized(r) {
    const rows = r.int(2, 9), columns = r.pick([32, 64]), block = r.pick([16, 32]), bits = r.pick([4, 8]), blocks = columns / block;
    return {
      op: 'GatherBlockQuantized', attrs: { gather_axis: 0n, quantize_axis: 1n, block_size: int(block), bits: int(bits) }, constant: ['x0', 'x2', 'x3'],
      inputs: [r.ints('uint8', [rows, columns * bits / 8], 0, 255), r.ints(r.pick(['int32', 'int64']), r.pick([[3], [2, 2]]), -rows, rows - 1), r.floats([rows, blocks]),
        r.maybe() ? r.ints('uint8', [rows, Math.ceil(blocks * bits / 8)], 0, 255) : null],
    };
  },

  QLinearAdd: binary('QLinearAdd'),
  QLinearMul: binary('QLinearMul'),
  QLinearSigmoid: unary('QLinearSigmoid', () => ({}), (r) => [r.int(1, 3), 50], fixed(1 / 256)),
  QLinearLeakyRelu: unary('QLinearLeakyRelu', (r) => ({ alpha: r.pick([0.01, 0.3]) }), (r) => [r.int(1, 3), 50]),
  QLinearSoftmax: unary('QLinearSoftmax', (r) => { const opset = r.pick([11, 13]); return { opset: int(opset), axis: int(r.pick(opset === 13 ? [-1, 1] : [1, 2])) }; }, (r) => [r.int(1, 3), 4, 10], fixed(1 / 256)),
  QLinearGlobalAveragePool: unary('QLinearGlobalAveragePool', () => ({}), (r) => [r.int(1, 2), r.int(1, 5), r.int(1, 6), 4]),
  QLinearAveragePool: unary('QLinearAveragePool', (r) => ({ kernel_shape: [2n, 3n], strides: [r.pick([1n, 2n]), 1n], pads: r.pick([[0n, 0n, 0n, 0n], [1n, 1n, 1n, 1n]]), count_include_pad: r.pick([0n, 1n]) }),
    (r) => [1, r.int(1, 5), 6, 5]),

  QLinearConcat(r) {
    const t = byteType(r), parts = r.int(1, 3), axis = r.int(0, 2), inputs = [scale(r), zero(r, t)];
    for (let i = 0; i < parts; i++) {
      const dims = [2, 3, 4];
      dims[axis] = r.int(1, 4);
      inputs.push(bytes(r, t, dims), scale(r), zero(r, t));
    }
    return { op: 'QLinearConcat', attrs: { axis: int(axis) }, types: { y: t }, units: 1, inputs, constant: inputs.map((_, i) => `x${i}`).filter((_, i) => i < 2 || i % 3 !== 2) };
  },

  QLinearWhere(r) {
    const t = byteType(r), dims = [3, 4];
    return { op: 'QLinearWhere', types: { y: t }, units: 1, constant: ['x2', 'x3', 'x5', 'x6', 'x7', 'x8'],
      inputs: [{ ...r.ints('bool', dims, 0, 1) }, bytes(r, t, dims), scale(r), zero(r, t), bytes(r, t, r.pick([dims, [4], [3, 1]])), scale(r), zero(r, t), scale(r), zero(r, t)] };
  },

  DynamicQuantizeMatMul(r) {
    const t = byteType(r), m = r.int(1, 6), k = r.int(1, 20), n = r.int(1, 12), each = r.maybe() ? [n] : [1];
    return { op: 'DynamicQuantizeMatMul', constant: r.maybe() ? ['x1', 'x2', 'x3'] : [], tolerance: 1e-3,
      inputs: [r.floats([m, k]), bytes(r, t, [k, n]), { ...r.floats(each), data: r.floats(each).data.map((x) => 0.01 + Math.abs(x) / 20) }, r.maybe(0.7) ? r.ints(t, each, 0, 20) : null, r.maybe() ? r.floats([n]) : null] };
  },

  MatMulIntegerToFloat(r) {
    const ta = byteType(r), tb = ta === 'int8' ? 'int8' : byteType(r), m = r.int(1, 6), k = r.int(1, 20), n = r.int(1, 12);
    return { op: 'MatMulIntegerToFloat', constant: r.maybe() ? ['x1'] : [], tolerance: 1e-4,
      inputs: [bytes(r, ta, [m, k]), bytes(r, tb, [k, n]), scale(r), scale(r), r.maybe(0.7) ? zero(r, ta) : null, r.maybe(0.7) ? r.ints(tb, [], 0, 20) : null, r.maybe() ? r.floats([n]) : null] };
  },

  QGemm(r) {
    const ta = byteType(r), m = r.int(1, 6), k = r.int(1, 20), n = r.int(1, 12), turnedA = r.maybe(0.3), turned = r.maybe(), tb = ta === 'int8' ? 'int8' : byteType(r), whole = r.maybe();
    const each = r.maybe(0.3) ? [n] : [], sum = r.pick([null, null, [n], [1, n], [m, 1], [m, n], [1], []]), steps = () => { const t = r.floats(each); return { ...t, data: t.data.map((x) => 0.01 + Math.abs(x) / 20) }; };
    return { op: 'QGemm', attrs: { ...(turned && { transB: 1n }), ...(turnedA && { transA: 1n }), ...(r.maybe(0.3) && { alpha: 0.6 }) }, constant: r.maybe() ? ['x3'] : [], types: { y: whole ? ta : 'float32' }, units: whole ? 1 : 0, tolerance: 1e-4,
      inputs: [bytes(r, ta, turnedA ? [k, m] : [m, k]), scale(r), zero(r, ta), bytes(r, tb, turned ? [n, k] : [k, n]), steps(), r.ints(tb, each, 0, 20), sum && r.ints('int32', sum, -500, 500),
        whole ? scale(r, 0.1) : null, whole ? zero(r, ta) : null] };
  },

  'QLinearGlobalAveragePool, channels last': unary('QLinearGlobalAveragePool', () => ({ channels_last: 1n }), (r) => [r.int(1, 2), r.int(1, 5), 4, r.int(1, 6)]),
  'QLinearAveragePool, channels last': unary('QLinearAveragePool', (r) => ({ channels_last: 1n, kernel_shape: [2n, 3n], strides: [r.pick([1n, 2n]), 1n], pads: r.pick([[0n, 0n, 0n, 0n], [1n, 1n, 1n, 1n]]) }), (r) => [1, 6, 5, r.int(1, 5)]),
  NhwcMaxPool(r) {
    const t = byteType(r);
    return { op: 'NhwcMaxPool', types: { y: t }, attrs: { kernel_shape: [2n, 3n], strides: [r.pick([1n, 2n]), 1n], pads: r.pick([[0n, 0n, 0n, 0n], [1n, 1n, 1n, 1n]]) }, inputs: [bytes(r, t, [1, 6, 5, r.int(1, 5)])] };
  },
  QLinearConv(r) {
    const t = byteType(r), last = r.maybe(), c = r.int(1, 4), maps = r.int(1, 5), tw = t === 'int8' ? 'int8' : byteType(r);
    return { op: 'QLinearConv', types: { y: t }, units: 1, attrs: { kernel_shape: [3n, 2n], ...(last && { channels_last: 1n }), pads: [1n, 0n, 1n, 0n] }, constant: r.maybe() ? ['x3', 'x4', 'x5'] : [],
      inputs: [bytes(r, t, last ? [1, 5, 6, c] : [1, c, 5, 6]), scale(r), zero(r, t), bytes(r, tw, [maps, c, 3, 2]), scale(r), r.ints(tw, [], 0, 0), scale(r, 0.1), zero(r, t), r.maybe() ? r.ints('int32', [maps], -500, 500) : null] };
  },

  QuantizeLinear: (r) => { const t = byteType(r); return { op: 'QuantizeLinear', types: { y: t }, units: 1, inputs: [r.floats([3, 20], 4), scale(r), zero(r, t)] }; },
  DequantizeLinear: (r) => { const t = byteType(r); return { op: 'DequantizeLinear', inputs: [bytes(r, t, [3, 20]), scale(r), zero(r, t)] }; },
};
