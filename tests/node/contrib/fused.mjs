// Cases of com.microsoft's fused operators and normalizations.

const int = BigInt;
const activations = (r, given) => {
  const [activation, params] = r.pick([['Relu', []], ['Tanh', []], ['Sigmoid', []], ['LeakyRelu', [0.2]], ['Clip', [-0.3, 0.6]], ['HardSigmoid', [0.3, 0.4]]].filter(([name]) => given.includes(name)));
  return { activation, params };
};
const skipNorm = (op, simplified) => (r) => {
  const dims = r.maybe(0.2) ? [r.int(1, 3), r.int(1, 40)] : [r.int(1, 3), r.int(1, 4), r.int(1, 40)], n = dims.at(-1), part = dims.length === 3 && r.maybe(0.4);
  const skip = part ? r.pick([[1, dims[1], n], [dims[1], n]]) : dims;
  return {
    op, attrs: r.maybe() ? { epsilon: 1e-3 } : { epsilon: 1e-12 }, outs: r.maybe() ? ['y', '', '', 'sum'] : ['y'], tolerance: 1e-4,
    inputs: [r.floats(dims), r.floats(skip), r.floats([n]), ...(simplified ? [] : [r.maybe(0.7) ? r.floats([n]) : null]), r.maybe() ? r.floats([n]) : null],
  };
};

export const fusedCases = {
  SkipLayerNormalization: skipNorm('SkipLayerNormalization', false),
  SkipSimplifiedLayerNormalization: skipNorm('SkipSimplifiedLayerNormalization', true),

  SimplifiedLayerNormalization(r) {
    const dims = [r.int(1, 3), r.int(1, 4), r.int(1, 40)];
    return { op: 'SimplifiedLayerNormalization', domain: '', attrs: { axis: -1n, ...(r.maybe() && { epsilon: 1e-3 }), stash_type: 1n }, inputs: [r.floats(dims), r.floats([dims[2]])] };
  },

  EmbedLayerNormalization(r) {
    const batch = r.int(1, 3), rows = r.int(1, 5), n = r.int(1, 20), segments = r.maybe();
    return {
      op: 'EmbedLayerNormalization', attrs: { epsilon: 1e-6 }, outs: ['y', 'lengths', ...(r.maybe() ? ['sum'] : [])], types: { lengths: 'int32' }, tolerance: 1e-4,
      inputs: [r.ints('int32', [batch, rows], 0, 9), segments ? r.ints('int32', [batch, rows], 0, 1) : null, r.floats([10, n]), r.floats([8, n]), segments ? r.floats([2, n]) : null, r.floats([n]),
        r.floats([n]), r.maybe() ? r.ints('int32', [batch, rows], 0, 1) : null, r.maybe() ? r.ints('int32', r.pick([[1, rows], [batch, rows]]), 0, 7) : null],
    };
  },

  FusedMatMul(r) {
    const m = r.int(1, 5), k = r.int(1, 6), n = r.int(1, 9), batch = r.pick([[], [2], [2, 3]]), ta = r.maybe(), tb = r.maybe(), ba = batch.length > 0 && r.maybe(0.3), bb = batch.length > 0 && r.maybe(0.3);
    /* as multiplied: [...batch, rows, columns]; turned back: transBatch moves the rows to the front. */
    const shape = (rows, columns, t, b) => { const [x, y] = t ? [columns, rows] : [rows, columns]; return b ? [x, ...batch, y] : [...batch, x, y]; };
    return {
      op: 'FusedMatMul', constant: r.maybe() ? ['x1'] : [], inputs: [r.floats(shape(m, k, ta, ba)), r.floats(shape(k, n, tb, bb))],
      attrs: { ...(ta && { transA: 1n }), ...(tb && { transB: 1n }), ...(ba && { transBatchA: 1n }), ...(bb && { transBatchB: 1n }), ...(r.maybe() && { alpha: 0.7 }) },
    };
  },

  FusedGemm(r) {
    const m = r.int(1, 5), k = r.int(1, 6), n = r.int(1, 9), ta = r.maybe(), tb = r.maybe(), { activation, params } = activations(r, ['Relu', 'Tanh', 'Sigmoid', 'LeakyRelu']);
    return {
      op: 'FusedGemm', constant: r.maybe() ? ['x1', 'x2'] : [], inputs: [r.floats(ta ? [k, m] : [m, k]), r.floats(tb ? [n, k] : [k, n]), r.maybe(0.7) ? r.floats(r.pick([[n], [1, n], [m, n]])) : null],
      attrs: { activation, ...(params.length && { activation_alpha: params[0] }), ...(ta && { transA: 1n }), ...(tb && { transB: 1n }), ...(r.maybe() && { alpha: 0.7 }), ...(r.maybe() && { beta: 0.3 }) },
    };
  },

  FusedConv(r) {
    const groups = r.pick([1, 1, 2]), c = 2 * groups, maps = 4, size = r.int(3, 8), { activation, params } = activations(r, ['Relu', 'Tanh', 'Sigmoid', 'LeakyRelu', 'Clip', 'HardSigmoid']);
    const pad = r.int(0, 1), out = size + 2 * pad - 2, sum = groups === 1 && r.maybe(0.4);
    return {
      op: 'FusedConv', constant: r.maybe() ? ['x1', 'x2'] : [],
      attrs: { activation, ...(params.length && { activation_params: params }), kernel_shape: [3n, 3n], pads: [pad, pad, pad, pad].map(int), strides: [1n, 1n], dilations: [1n, 1n], group: int(groups) },
      inputs: [r.floats([1, c, size, size]), r.floats([maps, c / groups, 3, 3]), r.maybe() || sum ? r.floats([maps]) : null, sum ? r.floats([1, maps, out, out]) : null],
    };
  },

  FastGelu: (r) => { const n = r.int(1, 30); return { op: 'FastGelu', inputs: [r.floats([r.int(1, 4), n], 4), r.maybe() ? r.floats([n]) : null] }; },
  BiasGelu: (r) => { const n = r.int(1, 30); return { op: 'BiasGelu', inputs: [r.floats([r.int(1, 4), n], 4), r.floats([n])] }; },
  Gelu: (r) => ({ op: 'Gelu', inputs: [r.floats([r.int(1, 4), 7], 4)] }),
  QuickGelu: (r) => ({ op: 'QuickGelu', attrs: r.maybe() ? { alpha: 1.2 } : {}, inputs: [r.floats([r.int(1, 4), 7], 4)] }),
  Trilu: (r) => ({ op: 'Trilu', attrs: r.maybe() ? { upper: 0n } : {}, inputs: [r.floats([2, 4, 5]), r.maybe() ? r.ints('int64', [], -2, 2) : null] }),
  ExpandDims: (r) => ({ op: 'ExpandDims', constant: ['x1'], inputs: [r.floats([2, 3]), r.ints('int32', [], -3, 2)] }),
  GatherND: (r) => ({ op: 'GatherND', inputs: [r.floats([3, 4, 5]), r.ints('int64', [2, 2], 0, 2)] }),
  Pad: (r) => ({ op: 'Pad', attrs: { mode: r.pick(['constant', 'reflect', 'edge']) }, inputs: [r.floats([4, 5]), r.ints('int64', [4], 0, 2), r.maybe() ? r.floats([1]) : null] }),
};
