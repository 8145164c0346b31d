// Cases of com.microsoft's attention operators: each maker takes seeded random numbers and gives a node with its inputs.

const int = BigInt;

/** Rows of a cache [batch, heads, rows, width] that have been written, by lengths per batch. */
const written = (lengths) => (i, [, heads, rows, width]) => {
  const row = Math.floor(i / Number(width)) % Number(rows), b = Math.floor(i / Number(heads * rows * width));
  return row < lengths[b];
};

/** A mask that leaves each row its first key: where all are masked, the numbers are what is left of -10000 + x. */
function mask(r, dims) {
  const t = r.ints('int32', dims, 0, 1), keys = dims.at(-1);
  for (let i = 0; i < t.data.length; i += keys) t.data[i] = 1;
  return t;
}

export const attentionCases = {
  Attention(r) {
    const batch = r.int(1, 2), rows = r.int(1, 6), heads = r.int(1, 3), width = r.pick([4, 8]), hidden = heads * width, inputs = r.int(3, 9);
    const past = r.maybe() ? r.int(1, 4) : 0, keys = rows + past;
    const vWidth = past || r.maybe() ? width : r.pick([4, 12]);
    const attrs = { num_heads: int(heads), ...(r.maybe(0.3) && { scale: 0.4 }), ...(r.maybe() && { unidirectional: 1n }), ...(r.maybe(0.3) && { mask_filter_value: -7.5 }),
      ...(vWidth !== width && { qkv_hidden_sizes: [int(hidden), int(hidden), int(heads * vWidth)] }) };
    const masked = r.pick([null, 'lengths', 'ranges', '2d', '3d']);
    const masks = {
      lengths: () => r.ints('int32', [batch], 1, keys), ranges: () => ({ type: 'int32', dims: [2 * batch], data: Int32Array.from([...Array(batch).fill(keys - 1), ...Array(batch).fill(1)]) }),
      '2d': () => mask(r, [batch, keys]), '3d': () => mask(r, [batch, rows, keys]),
    };
    return {
      op: 'Attention', attrs, constant: r.maybe() ? ['x1'] : [], outs: past || r.maybe() && vWidth === width ? ['y', 'present'] : ['y'],
      inputs: [r.floats([batch, rows, inputs]), r.floats([inputs, 2 * hidden + heads * vWidth]), r.floats([2 * hidden + heads * vWidth]), masked && masks[masked](),
        past ? r.floats([2, batch, heads, past, width]) : null, !past && r.maybe(0.4) ? r.floats([r.pick([1, batch]), r.pick([1, heads]), rows, keys]) : null],
    };
  },

  MultiHeadAttention(r) {
    const batch = r.int(1, 2), heads = r.int(1, 3), width = r.pick([4, 8]), hidden = heads * width;
    const form = r.pick(['plain', 'plain', 'plain', 'ready']) /* onnxruntime has packed forms on GPUs only */, rows = r.int(1, 5), fresh = form === 'all' ? rows : r.int(1, 5);
    const past = form === 'plain' && r.maybe() ? r.int(1, 4) : 0, keys = past + fresh, vWidth = form === 'plain' && !past && r.maybe(0.3) ? 12 : width;
    const attrs = { num_heads: int(heads), ...(r.maybe(0.3) && { scale: 0.4 }), ...(form === 'plain' && fresh === rows && r.maybe() && { unidirectional: 1n }) };
    const masked = r.pick([null, null, '1d', '2d', '3d']), bias = form !== 'ready' && form !== 'pair' && form !== 'all' && r.maybe();
    const qkv = {
      plain: () => [r.floats([batch, rows, hidden]), r.floats([batch, fresh, hidden]), r.floats([batch, fresh, heads * vWidth])],
      pair: () => [r.floats([batch, rows, hidden]), r.floats([batch, fresh, heads, 2, width]), null],
      all: () => [r.floats([batch, rows, heads, 3, width]), null, null],
      ready: () => [r.floats([batch, rows, hidden]), r.floats([batch, heads, fresh, width]), r.floats([batch, heads, fresh, width])],
    };
    const masks = { '1d': () => r.ints('int32', [batch], 1, keys), '2d': () => mask(r, [batch, keys]), '3d': () => mask(r, [batch, rows, keys]) };
    return {
      op: 'MultiHeadAttention', attrs, outs: past || (form === 'plain' && r.maybe(0.3)) ? ['y', 'k', 'v'] : ['y'],
      inputs: [...qkv[form](), bias ? r.floats([2 * hidden + heads * vWidth]) : null, masked && masks[masked](), r.maybe(0.4) ? r.floats([r.pick([1, batch]), r.pick([1, heads]), rows, keys]) : null,
        past ? r.floats([batch, heads, past, width]) : null, past ? r.floats([batch, heads, past, vWidth]) : null],
    };
  },

  GroupQueryAttention(r) {
    const kv = r.int(1, 2), heads = kv * r.int(1, 3), width = r.pick([16, 32]), turns = r.maybe(), packed = r.maybe(0.4);
    const prompt = r.maybe(), rows = prompt ? r.int(1, 6) : r.pick([1, 1, 3]), batch = rows > 1 && !prompt ? 1 : r.int(1, 2), past = prompt ? 0 : r.int(1, 9), total = past + rows;
    const lengths = Array.from({ length: batch }, (_, b) => (b && !prompt ? r.int(rows, total) : total)), half = turns ? r.pick([width / 2, width / 2, 8]) : width / 2;
    const attrs = { num_heads: int(heads), kv_num_heads: int(kv), ...(turns && { do_rotary: 1n, ...(r.maybe() && { rotary_interleaved: 1n }) }), ...(r.maybe(0.3) && { scale: 0.4 }),
      ...(r.maybe(0.4) && { local_window_size: int(r.int(1, 4)) }), ...(r.maybe(0.3) && { softcap: 2 }), ...(r.maybe(0.3) && { smooth_softmax: 1n }) };
    const sink = !attrs.smooth_softmax && r.maybe(0.3), angles = (f) => ({ type: 'float32', dims: [32, half], data: Float32Array.from({ length: 32 * half }, (_, i) => f(Math.floor(i / half) * 0.3 ** (i % half / half * 4))) });
    return {
      op: 'GroupQueryAttention', attrs, outs: ['y', 'k', 'v'], check: { k: written(lengths), v: written(lengths) },
      inputs: [r.floats([batch, rows, (packed ? heads + 2 * kv : heads) * width]), packed ? null : r.floats([batch, rows, kv * width]), packed ? null : r.floats([batch, rows, kv * width]),
        prompt ? null : r.floats([batch, kv, past, width]), prompt ? null : r.floats([batch, kv, past, width]), { type: 'int32', dims: [batch], data: Int32Array.from(lengths, (n) => n - 1) },
        { type: 'int32', dims: [1], data: Int32Array.of(total) }, turns ? angles(Math.cos) : null, turns ? angles(Math.sin) : null, null,
        r.maybe(0.3) ? r.floats([r.pick([1, batch]), r.pick([1, heads]), rows, total]) : null, sink ? r.floats([heads]) : null],
    };
  },

  RotaryEmbedding(r) {
    const batch = r.int(1, 2), heads = r.int(1, 3), rows = r.int(1, 4), width = r.pick([8, 16]), partial = r.maybe(0.3), half = (partial ? 4 : width) / 2, first = r.maybe() ? [1] : [batch, rows];
    return {
      op: 'RotaryEmbedding', attrs: { ...(r.maybe() && { interleaved: 1n }), ...(partial && { num_heads: int(heads), rotary_embedding_dim: 4n }) },
      inputs: [r.floats(r.maybe() ? [batch, rows, heads * width] : [batch, heads, rows, width]), r.ints('int64', first, 0, 6), r.floats([12, half]), r.floats([12, half])],
    };
  },
};
