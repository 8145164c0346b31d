// Damaged models, inputs that do not fit, data that decides wrongly: a sentence each, never a trap, and the module goes on.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { modelFiles, random } from './helpers/models.mjs';
import { failure, quern } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

const NAMES = ['ch_ppocr_mobile_v2.0_cls_infer.onnx', 'silero_vad_v5.onnx', 'face_detection_front_128x128_barracuda.onnx'];

/** Feeds of zeros for what the (damaged) model says it wants, or null when that is too much for a test. */
function feedsFor(m) {
  const feeds = {};
  for (const { name, type, dims } of m.inputs) {
    const shape = (dims ?? []).map((d, i) => (typeof d === 'number' && d > 0 ? d : i === 0 ? 1 : dims.length === 4 ? 64 : dims.length === 2 ? 576 : 1));
    const count = shape.reduce((a, b) => a * b, 1);
    if (count > 1 << 20) return null;
    feeds[name] = { type, dims: shape, data: Array(count).fill(type === 'int64' ? 16000n : 0) };
  }
  return feeds;
}

/** Loads and runs; true when it worked. Anything but a QuernError with a sentence fails the test. */
async function survives(bytes) {
  try {
    const m = await quern.load(bytes, { worker: false });
    try {
      const feeds = feedsFor(m);
      if (feeds) await m.run(feeds, { signal: AbortSignal.timeout(3000) });
    } finally {
      m.dispose();
    }
    return true;
  } catch (error) {
    if (error.name === 'TimeoutError' || error.name === 'AbortError') return true; // a trip count was made huge; it could be stopped
    if (!(error instanceof quern.QuernError)) throw error;
    assert.ok(error.message.length > 10, error.message);
    return false;
  }
}

describe('damaged models', () => {
  for (const name of NAMES) {
    const file = modelFiles().find((f) => f.endsWith(name));
    const skip = file && existsSync(file) ? false : 'SKIP: not downloaded';
    test(`${name} cut at every fiftieth`, { skip }, async () => {
      const bytes = readFileSync(file);
      for (let k = 0; k < 50; k++) await survives(bytes.subarray(0, Math.floor((bytes.length * k) / 50)));
      assert.ok(await survives(bytes), 'the whole file works afterwards');
    });
    test(`${name} with a byte flipped, 400 times`, { skip }, async () => {
      const bytes = new Uint8Array(readFileSync(file));
      const next = random(11);
      for (let k = 0; k < 400; k++) {
        const at = Math.floor(next() * (k & 1 ? 20000 : bytes.length)) % bytes.length; // nodes come first in a file
        const old = bytes[at];
        bytes[at] ^= 1 << Math.floor(next() * 8);
        await survives(bytes);
        bytes[at] = old;
      }
      assert.ok(await survives(bytes), 'the whole file works afterwards');
    });
  }
});

const one = (op, inputs) => model({
  nodes: [{ op, in: inputs.map((i) => i.name), out: ['y'] }], inputs, outputs: [{ name: 'y', dims: null, type: op === 'Div' ? 'int32' : 'float32' }],
});

describe('data that does not fit', () => {
  const run = async (bytes, feeds) => {
    const m = await quern.load(bytes, { worker: false });
    try { return await m.run(feeds); } finally { m.dispose(); }
  };
  test('an index out of range', async () => {
    const gather = one('Gather', [{ name: 'x', dims: [3] }, { name: 'i', type: 'int64', dims: ['n'] }]);
    await assert.rejects(run(gather, { x: { dims: [3], data: [1, 2, 3] }, i: { type: 'int64', dims: [1], data: [7] } }), failure('out-of-range', /7/));
  });
  test('an integer division by zero', async () => {
    const div = one('Div', [{ name: 'a', type: 'int32', dims: [2] }, { name: 'b', type: 'int32', dims: [2] }]);
    await assert.rejects(run(div, { a: { type: 'int32', dims: [2], data: [1, 2] }, b: { type: 'int32', dims: [2], data: [1, 0] } }), failure('out-of-range', /zero/));
  });
  test('a dimension of size zero', async () => {
    const relu = one('Relu', [{ name: 'x', dims: ['n', 3] }]);
    const { y } = await run(relu, { x: { type: 'float32', dims: [0, 3], data: [] } });
    assert.deepEqual(Array.from(y.dims), [0, 3]);
  });
  test('2^40 elements asked for', async () => {
    const expand = one('ConstantOfShape', [{ name: 'x', type: 'int64', dims: [2] }]);
    await assert.rejects(run(expand, { x: { type: 'int64', dims: [2], data: [1048576, 1048576] } }), failure('out-of-memory', /1048576, 1048576/));
  });
});
