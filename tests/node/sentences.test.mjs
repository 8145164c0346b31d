// What a wrong node is told: which input, what it has, what is expected. At loading where the file alone shows it, else at the first run.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { quern } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

const ARRAYS = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array };
const t = (dims, type = 'float32', value = 0) => ({ type, dims, data: new ARRAYS[type](dims.reduce((n, d) => n * d, 1)).fill(type === 'int64' ? BigInt(value) : value) });
const list = (...data) => ({ type: 'int64', dims: [data.length], data: BigInt64Array.from(data, BigInt) });

/** [operator, attributes, inputs, sentence] */
const WRONG = [
  ['Erf', {}, [t([2], 'bool')], "Erf 'y': input 0 is bool; float32, uint8, int8, uint16, int16, int32, int64, float16, float64, uint32, uint64 or bfloat16 is expected"],
  ['And', {}, [t([2]), t([2], 'bool')], "And 'y': input 0 is float32; bool is expected"],
  ['Conv', {}, [t([1, 1, 3, 3]), t([1, 1, 1, 1], 'int8')], "Conv 'y': input 1, the weights, has element type int8 where the first input has float32; the same is expected"],
  ['Gemm', {}, [t([2, 2]), t([2, 2], 'int32')], "Gemm 'y': input 1 has element type int32 where the first input has float32; the same is expected"],
  ['Mish', {}, [t([2]), t([2])], "Mish 'y': it has 2 inputs; 1 are expected"],
  ['TopK', {}, [null, list(1)], "TopK 'y': it has no first input, which the operator needs"],
  ['Slice', {}, [t([3]), null, list(1)], "Slice 'y': starts are missing"],
  ['BatchNormalization', {}, [t([1, 2, 3]), t([1, 2]), t([2]), t([2]), t([2])], "BatchNormalization 'y': input 1 has shape [1, 2]; [2], one number for each channel, is expected"],
  ['MaxPool', { kernel_shape: [-2n] }, [t([1, 1, 3])], "MaxPool 'y': kernel_shape has the entry -2; 1 or more is expected"],
  ['Tile', {}, [t([2]), list(2 ** 40)], "Tile 'y': output 0: a float32 tensor of shape [2199023255552] does not fit the 4 GB that a WebAssembly memory can have"],
  ['ScatterND', { reduction: 'mean' }, [t([3]), list(1), t([1])], "ScatterND 'y': reduction is 'mean'; 'none', 'add', 'mul', 'max' or 'min' is expected"],
  ['HannWindow', {}, [{ ...list(-3), dims: [] }], "HannWindow 'y': the length of the window is -3; 0 or more is expected"],
  ['Col2Im', {}, [t([1, 4, 1]), list(), list(2, 2)], "Col2Im 'y': image_shape is missing or empty"],
  ['STFT', {}, [t([1, 8, 1]), null, null, { ...list(4), dims: [] }], "STFT 'y': input 1, frame_step, is missing"],
  ['Pad', {}, [t([2]), list(1, 2, 3)], "Pad 'y': there are 3 pads for 1 axes; two for each are expected"],
  ['Einsum', {}, [t([2])], "Einsum 'y': attribute equation is missing"],
  ['Conv', { auto_pad: 'SAME' }, [t([1, 1, 3]), t([1, 1, 1])], "Conv 'y': auto_pad is 'SAME'; 'NOTSET', 'SAME_UPPER', 'SAME_LOWER' or 'VALID' is expected"],
  ['Cast', {}, [t([1])], "Cast 'y': attribute to, the type to cast to, is missing"],
];

describe('sentences', () => {
  for (const [op, attrs, inputs, sentence] of WRONG) {
    test(sentence, async () => {
      const given = inputs.map((x, i) => x && [`x${i}`, x]).filter(Boolean);
      const bytes = model({ opset: 20, nodes: [{ op, attrs, in: inputs.map((x, i) => (x ? `x${i}` : '')), out: ['y'] }], inputs: given.map(([name, x]) => ({ name, type: x.type, dims: x.dims })), outputs: [{ name: 'y', dims: null }] });
      let said;
      try {
        const m = await quern.load(bytes, { worker: false });
        try { await m.run(Object.fromEntries(given)); } finally { m.dispose(); }
      } catch (error) {
        if (!(error instanceof quern.QuernError)) throw error;
        said = error.message;
      }
      assert.equal(said, sentence);
    });
  }
});
