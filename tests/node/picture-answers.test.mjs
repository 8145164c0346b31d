// Steps that form answers of pictures, against torchvision, OpenCV and NumPy: cases recorded by tests/golden/make_answers_golden.py.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { dist } from './helpers/quern.mjs';
import { distance, scene } from './helpers/scene.mjs';

const features = await import(new URL('features.js', dist).href);
const read = (ending) => readFileSync(new URL(`../golden/steps/answers.${ending}`, import.meta.url));
const bytes = read('bin'), { cases } = JSON.parse(read('json'));
const TYPES = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

function tensorOf({ type, dims, offset }) {
  const Type = TYPES[type], count = dims.reduce((a, b) => a * b, 1);
  return { type, dims, data: new Type(new Uint8Array(bytes.subarray(offset, offset + count * Type.BYTES_PER_ELEMENT)).buffer) };
}

/** The tensors that the last step makes: answers() forms objects of them, a step behind it that renames nothing does not. */
async function run(c) {
  let facts;
  if (c.features) {
    const extract = await features.image(c.features);
    await extract(scene(...c.source));
    facts = extract.facts();
  }
  const files = Object.fromEntries(Object.entries(c.files ?? {}).map(([name, place]) => [name, new Uint8Array(tensorOf(place).data.buffer)]));
  const form = await features.answers(c.steps, { files });
  const inputs = Object.fromEntries(Object.entries(c.inputs).map(([name, place]) => [name, tensorOf(place)]));
  return form(inputs, facts);
}

describe('answers of pictures', () => {
  for (const c of cases) test(c.name, async () => {
    const rows = await run(c), [first] = Object.values(c.outputs);
    if (!Array.isArray(rows)) { // tensors
      for (const [name, place] of Object.entries(c.outputs)) {
        const want = tensorOf(place);
        assert.deepEqual([rows[name].type, rows[name].dims], [want.type, want.dims]);
        assert.equal(distance(rows[name].data, want.data).most, 0, name);
      }
      return;
    }
    assert.equal(rows.length, first.dims[0]);
    for (const [name, place] of Object.entries(c.outputs)) {
      const want = tensorOf(place), got = rows.flatMap((row) => [row[name]].flat(3)), d = distance(got, want.data);
      assert.ok(d.most <= (want.type === 'float32' ? 1e-4 : 0), `${name}: ${JSON.stringify(d)}`); // pixels, of pictures of some tens
    }
  });

  test('what does not fit is said', async () => {
    const boxes = { box: { type: 'float32', dims: [2, 4], data: new Float32Array(8) }, score: { type: 'float32', dims: [2], data: new Float32Array(2) } };
    const refused = async (step, inputs, pattern) => assert.rejects(async () => (await features.answers([step]))(inputs), pattern);
    await refused({ step: 'to_source' }, boxes, /the picture is not known: give the facts of the features/);
    await refused({ step: 'nms' }, { box: boxes.box }, /it takes boxes, scores and up to 6 more, got 1 inputs/);
    await refused({ step: 'nms' }, { box: boxes.score, score: boxes.score }, /'box' is float32 \[2\]; it takes boxes, float32 \[n, 4\]/);
    await refused({ step: 'label', labels: ['a'] }, boxes, /none of its inputs is called 'class'/);
    await refused({ step: 'anchors', strides: [8] }, boxes, /the size of the picture that the model saw is not known/);
    const one = { ...boxes, score: { ...boxes.score, dims: [2, 1] } };
    await refused({ step: 'anchors', strides: [8], width: 64, height: 8 }, one, /there are 8 anchors for 2 boxes of a picture of 64×8/);
    await refused({ step: 'anchors', strides: [8], width: 16, height: 8, keypoints: 1 }, one, /'box' has 4 numbers for a box; with 1 keypoints it takes 6/);
    const wide = { y: { type: 'float32', dims: [1, 6, 5], data: new Float32Array(30) } };
    await refused({ step: 'yolo', keypoints: 1 }, wide, /leaves no class; it takes \[1, 4 \+ classes \+ 3 · keypoints, n\]/);
    await refused({ step: 'yolo', form: 'x', width: 64, height: 64 }, { y: { ...wide.y, dims: [1, 5, 6] } }, /have 84 places, 'y' has 5/);
    await refused({ step: 'heat_points' }, wide, /it takes 4 dimensions/);
    await refused({ step: 'class_mask' }, { y: { ...wide.y, dims: [1, 2, 3, 5] } }, /the picture is not known/);
    await refused({ step: 'class_mask', size: 'model', colors: [1, 2, 3, 4] }, { y: { ...wide.y, dims: [1, 2, 3, 5] } }, /colors has 4 numbers; 2 classes take 8/);
    const named = await features.answers([{ step: 'label', labels: ['cat', 'dog'] }]);
    const of = (...data) => ({ class: { type: 'int32', dims: [data.length], data: Int32Array.from(data) } });
    assert.deepEqual(named(of(1, 0)), [{ label: 'dog' }, { label: 'cat' }]);
    assert.throws(() => named(of(2)), /there is class 2 and 2 labels/);
  });

  test('numbers that are none are no answers', async () => {
    const form = await features.answers([{ step: 'anchors', strides: [8], width: 16, height: 8 }, { step: 'nms' }]);
    assert.deepEqual(form({ box: { type: 'float32', dims: [2, 4], data: new Float32Array(8).fill(NaN) }, score: { type: 'float32', dims: [2, 1], data: Float32Array.of(NaN, -9) } }), []);
  });
});
