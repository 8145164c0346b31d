// Steps of manifests, with a model and without one.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { dist, quern } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

const features = await import(new URL('features.js', dist).href);

/** How a promise fails. */
const refusal = (promise) => promise.then(() => assert.fail('it was accepted'), (error) => error);
const folders = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** A package on disk. */
function packageOf(manifest, bytes, files = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'quern-steps-'));
  folders.push(folder);
  writeFileSync(path.join(folder, 'model.onnx'), bytes);
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify({ name: 'steps', version: '1.0.0', models: { model: 'model.onnx' }, ...manifest }));
  return folder + '/';
}

/** The mean of each colour is the score of its name. */
const MEANS = model({ nodes: [{ op: 'ReduceMean', in: ['x'], out: ['y'], attrs: { axes: [2n, 3n], keepdims: 0n } }], inputs: [{ name: 'x', dims: ['n', 3, 'h', 'w'] }], outputs: [{ name: 'y', dims: ['n', 3] }] });
const FEATURES = [{ step: 'color' }, { step: 'resize', width: 4, height: 4 }, { step: 'normalize', scale: 1 / 255 }, { step: 'layout' }];
const OUTPUTS = [{ step: 'softmax', temperature: 0.1 }, { step: 'top_k', k: 2, labels: 'labels' }];
const picture = { data: Uint8Array.from({ length: 4 * 30 }, (_, i) => [10, 200, 60, 255][i % 4]), width: 6, height: 5 };

describe('a package with steps', () => {
  test('answers by its steps, in order', async () => {
    const m = await quern.load(packageOf({ labels: 'labels.txt', features: FEATURES, outputs: OUTPUTS }, MEANS, { 'labels.txt': 'red\ngreen\nblue\n' }));
    const answers = await m.predict(picture);
    assert.deepEqual(answers.map(({ label, index }) => [label, index]), [['green', 1], ['blue', 2]]);
    const e = [10, 200, 60].map((v) => Math.exp(v / 25.5));
    assert.ok(Math.abs(answers[0].score - e[1] / (e[0] + e[1] + e[2])) < 1e-6);
    const { x } = await m.features(picture);
    assert.deepEqual([x.type, x.dims], ['float32', [1, 3, 4, 4]]);
    assert.ok(Math.abs(x.data[16] - 200 / 255) < 1e-6);
    assert.match((await refusal(m.predict('words'))).message, /these features are of pictures, not of text/);
    m.dispose();
  });

  test('rows of a model without steps are its inputs', async () => {
    const add = model({ nodes: [{ op: 'Add', in: ['a', 'b'], out: ['sum'] }], inputs: [{ name: 'a', dims: ['n', 1] }, { name: 'b', dims: ['n', 1] }], outputs: [{ name: 'sum', dims: ['n', 1] }] });
    const m = await quern.load(packageOf({ outputs: [{ step: 'top_k' }] }, add));
    assert.deepEqual(await m.predict({ a: 1, b: 2.5 }), [{ score: 3.5, index: 0 }]);
    assert.match((await refusal(m.predict({ a: 1, b: () => 2 }))).message, /the value of 'b' is a function; a row has numbers/);
    m.dispose();
  });

  test('answers take what the features made, by name', async () => {
    // the picture itself is the mask here: pixels of 0 do not count
    const identity = model({ nodes: [{ op: 'Identity', in: ['x'], out: ['y'] }], inputs: [{ name: 'x', dims: [2, 3, 1] }], outputs: [{ name: 'y', dims: [2, 3, 1] }] });
    const m = await quern.load(packageOf({ features: [{ step: 'color', to: 'gray', as: 'mask' }, { step: 'normalize', scale: 0.5, as: 'half' }], outputs: [{ step: 'l2_norm', as: 'z' }, { step: 'pool', input: ['y', 'half'] }] }, identity));
    const gray = { data: Uint8Array.from([0, 10, 20, 30, 0, 0].flatMap((v) => [v, v, v, 255])), width: 3, height: 2 };
    assert.deepEqual(Object.keys(await m.features(gray)), ['x']);
    // the mask has a dimension too many, and that is said with its name: it arrived
    assert.match((await refusal(m.predict(gray))).message, /outputs\[1\] 'pool': 'half' has the shape \[2, 3, 1\], which does not say for each token of 'y'/);
    m.dispose();
  });

  test('several pictures in one run of the model', async () => {
    const m = await quern.load(packageOf({ labels: 'labels.txt', features: FEATURES, outputs: OUTPUTS }, MEANS, { 'labels.txt': 'red\ngreen\nblue\n' }));
    const other = { data: Uint8Array.from({ length: 3 * 12 }, (_, i) => [200, 10, 60][i % 3]), width: 4, height: 3 };
    const together = await m.predict([picture, other]);
    assert.deepEqual(together.map(([first]) => first.label), ['green', 'red']);
    assert.deepEqual(together, [await m.predict(picture), await m.predict(other)]);
    const { x } = await m.features([picture, other]);
    assert.deepEqual(x.dims, [2, 3, 4, 4]);
    m.dispose();
    const free = await quern.load(packageOf({ features: [{ step: 'color' }, { step: 'normalize' }, { step: 'layout' }], outputs: [{ step: 'softmax' }] }, MEANS));
    assert.match((await refusal(free.predict([picture, other]))).message, /several pictures need one size: 'x' is \[1, 3, 5, 6\] of the first and \[1, 3, 3, 4\] of another/);
    assert.match((await refusal((await features.image(FEATURES))([picture, other]))).message, /one picture at a time|a picture is/);
    free.dispose();
  });

  test('wrong steps are said when it loads', async () => {
    const bad = await refusal(quern.load(packageOf({ features: [{ step: 'resize', widht: 3 }] }, MEANS)));
    assert.equal(bad.code, 'bad-argument');
    assert.match(bad.message, /features\[0\] 'resize': there is no parameter 'widht'; it takes width, height/);
    assert.match((await refusal(quern.load(packageOf({ outputs: [{ step: 'top_k', labels: 'labels' }] }, MEANS)))).message, /outputs\[0\] 'top_k': labels names the file 'labels'/);
    assert.match((await refusal(quern.load(packageOf({ outputs: {} }, MEANS)))).message, /"outputs" is not a list of steps/);
  });
});

describe('steps without a model', () => {
  test('pictures', async () => {
    const extract = await features.image(FEATURES);
    for (let i = 0; i < 3; i++) {
      const { type, dims, data } = await extract(picture);
      assert.deepEqual([type, dims, data.length], ['float32', [1, 3, 4, 4], 48]);
    }
    assert.deepEqual(extract.all().map((t) => t.name), ['picture', 'picture', 'picture', 'picture', 'tensor']);
    extract.dispose();
    assert.match((await refusal(features.audio(FEATURES))).message, /'color' cannot begin a list of steps for sound/);
  });

  test('sound, whole and in pieces', async () => {
    const steps = [{ step: 'frames', length: 400, hop: 160, pad: 'reflect', window: 'hann', rate: 16000 }, { step: 'spectrum' }, { step: 'mel', filters: 40 }, { step: 'log' }];
    const sound = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i * i / 9000) / 2);
    const extract = await features.audio(steps);
    const whole = await extract({ data: sound, rate: 16000 });
    assert.deepEqual([whole.type, whole.dims], ['float32', [32, 40]]);
    const stream = await features.audio.stream(steps, { rate: 16000, longest: 700 });
    for (let round = 0; round < 2; round++) {
      const rows = [];
      for (let at = 0; at < sound.length; at += 699) rows.push(...stream.push(sound.subarray(at, at + 699)).data);
      rows.push(...stream.flush().data);
      assert.deepEqual(Float32Array.from(rows), whole.data);
    }
    assert.throws(() => stream.push(new Float32Array(701)), /a length of 701, planned for 700/);
    assert.deepEqual(stream.push(new Float32Array(0)).dims, [0, 40]);
    stream.dispose();
    assert.match((await refusal(extract({ data: sound, rate: 8000 }))).message, /8000 samples per second, the step is for 16000/);
    assert.match((await refusal(features.audio.stream([...steps.slice(0, 3), { step: 'log', top: 8 }], { rate: 16000 }))).message, /cannot be part of a stream/);
    extract.dispose();
  });

  test('text where the global object has no decoder', async () => {
    const { TextDecoder, TextEncoder } = globalThis;
    try {
      delete globalThis.TextDecoder;
      delete globalThis.TextEncoder;
      await import('../../web/features/utf8-fallback.js');
      assert.notEqual(globalThis.TextDecoder, TextDecoder);
      for (const text of ['', 'steps[0]', 'é – 中 😀', 'lone \ud800 and \udfff']) {
        const bytes = new globalThis.TextEncoder().encode(text);
        assert.deepEqual(bytes, new TextEncoder().encode(text));
        assert.equal(new globalThis.TextDecoder().decode(bytes), new TextDecoder().decode(bytes));
      }
    } finally {
      Object.assign(globalThis, { TextDecoder, TextEncoder });
    }
  });

  test('answers', async () => {
    const name = await features.answers(OUTPUTS, { files: { labels: 'a\nb\nc' } });
    assert.deepEqual(name({ y: { type: 'float32', dims: [1, 3], data: Float32Array.of(0, 9, 3) } }).map((a) => a.label), ['b', 'c']);
  });

  test('a step is looked for in the module that has it', async () => {
    const [common, pictures] = await Promise.all([features.describe(), features.describe('pictures')]);
    const names = new Set(common.map((step) => step.name));
    const own = pictures.filter((step) => !names.has(step.name));
    assert.ok(own.length > 15 && common.length > own.length / 2);
    for (const { name } of own) // what is wrong may be parameters or inputs, not the name
      await features.answers([{ step: name }]).then((form) => form.dispose(), (error) => assert.doesNotMatch(error.message, /there is no step/, name));
    assert.match((await refusal(features.image([{ step: 'shrink' }]))).message, /there is no step 'shrink'; there are color, resize/);
  });

  test('the table of steps', async () => {
    const resize = (await features.describe('pictures')).find((s) => s.name === 'resize');
    assert.deepEqual(resize.params.find((p) => p.name === 'filter').choices.slice(0, 2), ['nearest', 'bilinear']);
  });
});
