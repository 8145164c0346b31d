// What the operators of language models refuse, with the sentence that says why.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, quern } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

const SIZES = { float32: Float32Array, uint8: Uint8Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array };
const t = (dims, type = 'float32', value = 0) => ({ type, dims, data: new SIZES[type](dims.reduce((n, d) => n * d, 1)).fill(type === 'int64' ? BigInt(value) : value) });
const int = (dims, value) => t(dims, 'int32', value);

/** [operator, domain, attributes, inputs, code, message, outputs] */
const REFUSED = [
  ['Attention', '', {}, [t([1, 2, 3, 4]), t([1, 2, 3, 5]), t([1, 2, 3, 4])], 'bad-shape', /keys .* do not fit queries of width 4/],
  ['Attention', '', {}, [t([1, 3, 3, 4]), t([1, 2, 3, 4]), t([1, 2, 3, 4])], 'bad-shape', /3 query heads cannot share 2 key heads/],
  ['Attention', '', {}, [t([1, 3, 8]), t([1, 3, 8]), t([1, 3, 8])], 'bad-argument', /q_num_heads is 0/],
  ['Attention', '', { q_num_heads: 3n, kv_num_heads: 1n }, [t([1, 3, 8]), t([1, 3, 8]), t([1, 3, 8])], 'bad-shape', /8 columns, which 3 heads do not divide/],
  ['Attention', '', { qk_matmul_output_mode: 4n }, [t([1, 1, 3, 4]), t([1, 1, 3, 4]), t([1, 1, 3, 4])], 'bad-argument', /0 to 3 are expected/],
  ['Attention', '', { softmax_precision: 7n }, [t([1, 1, 3, 4]), t([1, 1, 3, 4]), t([1, 1, 3, 4])], 'bad-argument', /a floating-point type is expected/],
  ['Attention', '', { left_window_size: -2n }, [t([1, 1, 3, 4]), t([1, 1, 3, 4]), t([1, 1, 3, 4])], 'bad-argument', /-1 or more is expected/],
  ['Attention', '', {}, [t([1, 1, 3, 4]), t([1, 1, 3, 4]), t([1, 1, 3, 4]), t([2, 3])], 'bad-shape', /attn_mask of shape \[2, 3\] does not broadcast/],
  ['Attention', '', {}, [t([1, 1, 3, 4]), t([1, 1, 3, 4]), t([1, 1, 3, 4]), t([3, 4])], 'bad-shape', /attn_mask covers 4 keys of 3/],
  ['Attention', '', {}, [t([1, 1, 3, 4]), t([1, 1, 3, 4]), t([1, 1, 3, 4]), null, t([1, 1, 2, 4])], 'bad-argument', /must be given together/],
  ['RotaryEmbedding', '', {}, [t([1, 1, 3, 4]), t([8, 2]), t([8, 2]), t([1, 3], 'int64', 9)], 'out-of-range', /position 9 has no angles among 8/],
  ['RotaryEmbedding', '', {}, [t([1, 1, 3, 4]), t([1, 3, 3]), t([1, 3, 3])], 'bad-shape', /tables of 3 angles do not fit/],
  ['RotaryEmbedding', '', {}, [t([1, 3, 4]), t([1, 3, 2]), t([1, 3, 2])], 'bad-argument', /num_heads is 0/],
  ['TensorScatter', '', {}, [t([1, 4, 2]), t([1, 2, 2]), t([1], 'int64', 3)], 'out-of-range', /2 rows from 3 on do not fit a cache of 4/],
  ['TensorScatter', '', { axis: 0n }, [t([1, 4, 2]), t([1, 4, 2])], 'bad-argument', /axis is the batch dimension/],
  ['LinearAttention', '', { q_num_heads: 2n, kv_num_heads: 2n, update_rule: 'slow' }, [t([1, 3, 8]), t([1, 3, 8]), t([1, 3, 8])], 'bad-argument', /update_rule is 'slow'/],
  ['LinearAttention', '', { q_num_heads: 2n, kv_num_heads: 2n }, [t([1, 3, 8]), t([1, 3, 8]), t([1, 3, 8])], 'bad-argument', /wants decay and beta/],
  ['CausalConvWithState', '', { activation: 'relu' }, [t([1, 2, 3]), t([2, 1, 2])], 'bad-argument', /'silu', 'swish' or 'none'/],
  ['CausalConvWithState', '', {}, [t([1, 2, 3]), t([3, 1, 2])], 'bad-shape', /\[2, 1, 2\] is expected/],
  ['SwiGLU', '', {}, [t([2, 3]), t([3])], 'bad-shape', /differ in shape/],
  ['BitCast', '', { to: 7n }, [t([2])], 'bad-argument', /bits of float32 cannot be read as element type 7/],
  ['FlexAttention', 'ai.onnx.preview', {}, [t([1, 2, 3]), t([1, 2, 3]), t([1, 2, 3])], 'bad-shape', /rank 3; 4 is expected/],
  ['MultiHeadAttention', 'com.microsoft', { num_heads: 2n }, [t([1, 3, 7]), t([1, 3, 7]), t([1, 3, 7])], 'bad-shape', /for 2 heads/],
  ['MultiHeadAttention', 'com.microsoft', { num_heads: 2n }, [t([1, 3, 8]), t([1, 3, 8]), t([1, 3, 8]), null, int([3], 1)], 'unsupported', /a mask of shape \[3\]/],
  ['Attention', 'com.microsoft', { num_heads: 3n }, [t([1, 2, 4]), t([4, 24])], 'bad-shape', /cannot be queries, keys and values of 3 heads/],
  ['Attention', 'com.microsoft', { num_heads: 2n, do_rotary: 1n }, [t([1, 2, 4]), t([4, 24])], 'unsupported', /do_rotary/],
  ['GroupQueryAttention', 'com.microsoft', { num_heads: 2n, kv_num_heads: 1n }, [t([1, 1, 8]), t([1, 1, 4]), t([1, 1, 4]), t([1, 1, 2, 4]), t([1, 1, 2, 4]), int([1], 5), int([1], 3)], 'out-of-range', /seqlens_k says 6 of 3 keys/],
  ['GroupQueryAttention', 'com.microsoft', { num_heads: 2n, kv_num_heads: 1n }, [t([1, 4, 8]), t([1, 4, 4]), t([1, 4, 4]), null, null, int([1], 2), int([1], 3)], 'out-of-range', /total_sequence_length is 3 for 4 new rows/],
  ['GroupQueryAttention', 'com.microsoft', { num_heads: 2n, kv_num_heads: 1n, do_rotary: 1n }, [t([1, 1, 8]), t([1, 1, 4]), t([1, 1, 4]), null, null, int([1], 0), int([1], 1)], 'bad-argument', /wants cos_cache and sin_cache/],
  ['MatMulNBits', 'com.microsoft', { K: 32n, N: 4n, bits: 3n, block_size: 32n }, [t([1, 32]), t([4, 1, 12], 'uint8'), t([4])], 'unsupported', /3 bits in blocks of 32/],
  ['MatMulNBits', 'com.microsoft', { K: 32n, N: 4n, block_size: 32n }, [t([1, 32]), t([4, 1, 15], 'uint8'), t([4])], 'bad-shape', /the weights have 60 elements; 64 are expected/],
  ['MatMulNBits', 'com.microsoft', { K: 32n, N: 4n, block_size: 32n }, [t([1, 32]), t([4, 1, 16], 'uint8'), t([4]), null, int([32], 1)], 'out-of-range', /group 1 of element 0 is not one of 1/],
  ['GatherBlockQuantized', 'com.microsoft', { block_size: 16n }, [t([3, 16], 'uint8'), t([1], 'int64'), t([3, 3])], 'bad-shape', /scales of shape \[3, 3\] do not fit blocks of 16/],
  ['SkipLayerNormalization', 'com.microsoft', {}, [t([2, 3, 4]), t([2, 2, 4]), t([4])], 'bad-shape', /a skip of shape \[2, 2, 4\] does not fit \[2, 3, 4\]/],
  ['MatMulBnb4', 'com.microsoft', { K: 32n, N: 4n, block_size: 32n, quant_type: 1n }, [t([1, 32]), t([63], 'uint8'), t([4])], 'bad-shape', /the weights have 63 elements; 64 are expected/],
  ['MatMulBnb4', 'com.microsoft', { K: 32n, N: 4n, block_size: 32n, transB: 0n }, [t([1, 32]), t([64], 'uint8'), t([4])], 'unsupported', /transB = 0/],
  ['GroupQueryAttention', 'com.microsoft', { num_heads: 1n, kv_num_heads: 1n }, [t([1, 1, 4]), t([1, 1, 4]), t([1, 1, 4]), t([1, 1, 2, 4], 'uint8'), t([1, 1, 2, 4], 'uint8'), int([1], 2), int([1], 3), null, null, null, null, null, t([1]), t([1])],
    'unsupported', /a cache of uint8 with 8 bits; int8 with 8 and uint8 with 4/],
  ['GroupQueryAttention', 'com.microsoft', { num_heads: 1n, kv_num_heads: 1n, kv_cache_bit_width: 4n }, [t([1, 1, 4]), t([1, 1, 4]), t([1, 1, 4]), t([1, 1, 2, 4], 'uint8'), t([1, 1, 2, 4], 'uint8'), int([1], 2), int([1], 3), null, null, null, null, null, t([1]), t([1])],
    'bad-shape', /input 3 has shape \[1, 1, 2, 4\]; \[1, 1, 2, 2\] is expected/],
  ['Inverse', 'com.microsoft', {}, [t([2, 3])], 'bad-shape', /square matrices are expected/],
  ['NGramRepeatBlock', 'com.microsoft', { ngram_size: 1n }, [t([1, 2], 'int64', 7), t([1, 3])], 'out-of-range', /token 7 is not one of 3/],
  ['NGramRepeatBlock', 'com.microsoft', {}, [t([1, 2], 'int64'), t([1, 3])], 'bad-argument', /ngram_size is 0/],
  ['NGramRepeatBlock', 'com.microsoft', { ngram_size: 1n }, [t([2, 2], 'int64'), t([1, 3])], 'bad-shape', /\[batch, tokens\]/],
  ['QAttention', 'com.microsoft', { num_heads: 3n }, [t([1, 2, 4], 'uint8'), t([4, 24], 'uint8'), t([24]), t([]), t([])], 'bad-shape', /cannot be queries, keys and values of 3 heads/],
  ['EmbedLayerNormalization', 'com.microsoft', {}, [int([1, 2], 7), null, t([5, 4]), t([8, 4]), null, t([4]), t([4])], 'out-of-range', /row 7 of a table of 5/],
];

describe('what the operators of language models refuse', () => {
  for (const [op, domain, attrs, inputs, code, message, outs = ['y']] of REFUSED) {
    test(`${op}: ${message.source}`, async () => {
      const ports = inputs.map((x, i) => x && { name: `x${i}`, type: x.type, dims: x.dims }).filter(Boolean);
      const bytes = model({ opset: 28, domains: { 'com.microsoft': 1, 'ai.onnx.preview': 1 }, nodes: [{ op, domain, attrs, in: inputs.map((x, i) => (x ? `x${i}` : '')), out: outs }], inputs: ports, outputs: [{ name: 'y', dims: null }] });
      const m = await quern.load(bytes);
      try {
        await assert.rejects(m.run(Object.fromEntries(inputs.map((x, i) => [`x${i}`, x]).filter(([, x]) => x))), failure(code, message));
      } finally {
        m.dispose();
      }
    });
  }
});
