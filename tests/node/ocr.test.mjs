// The package that reads text: the samples letter for letter, and packages that are not as they should be.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { dist, failure, quern } from './helpers/quern.mjs';
import { readPng } from './helpers/png.mjs';

const folder = fileURLToPath(new URL('models/ocr/', dist));
const samples = fileURLToPath(new URL('../../web/demo/samples/', import.meta.url));
const skip = existsSync(path.join(folder, 'manifest.json')) ? false : 'SKIP: models/ocr is not built';

describe('reading text', { skip }, () => {
  let model;
  before(async () => {
    model = await quern.load(folder);
  });
  after(() => model?.dispose());
  const blank = { data: new Uint8Array(64 * 64 * 4).fill(255), width: 64, height: 64 };

  for (const { file, lines } of JSON.parse(readFileSync(path.join(samples, 'samples.json'), 'utf8')))
    test(file, async () => {
      const answers = await model.predict(readPng(readFileSync(path.join(samples, file))));
      assert.deepEqual(answers.map((a) => a.text), lines.map((l) => l.text));
      answers.forEach((a, i) => {
        assert.ok(Math.abs(a.score - lines[i].score) < 2e-3, `${a.text}: ${a.score} instead of ${lines[i].score}`);
        a.box.flat().forEach((v, k) => assert.ok(Math.abs(v - lines[i].box[k]) <= 1, `${a.text}: box ${a.box} instead of ${lines[i].box}`));
      });
    });

  test('a blank picture has no lines', async () => assert.deepEqual(await model.predict(blank), []));

  test('RGB and grey do as well', async () => {
    const { data, width, height } = readPng(readFileSync(path.join(samples, 'sign.png')));
    const rgb = data.filter((_, i) => i % 4 !== 3);
    const want = (await model.predict({ data, width, height })).map((a) => a.text);
    assert.deepEqual((await model.predict({ data: rgb, width, height })).map((a) => a.text), want);
    assert.ok((await model.predict({ data: data.filter((_, i) => i % 4 === 1), width, height })).length > 0);
  });

  test('meta tells version and time', async () => {
    const { answers, version, ms } = await model.predict(blank, { meta: true });
    assert.deepEqual(answers, []);
    assert.equal(version, JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')).version);
    assert.ok(ms >= 0);
    assert.equal(model.report().modelVersion, version);
    assert.deepEqual(Object.keys(model.report().stats), ['det', 'cls', 'rec']);
  });

  test('predictions queue, and an abort ends one', async () => {
    const picture = readPng(readFileSync(path.join(samples, 'sign.png')));
    const controller = new AbortController();
    const first = model.predict(picture, { signal: controller.signal });
    const second = model.predict(picture);
    setTimeout(() => controller.abort(), 15);
    await assert.rejects(first, failure('aborted', /aborted/));
    assert.ok((await second).length > 0);
  });

  test('what is no picture', async () => {
    await assert.rejects(model.predict(undefined), failure('bad-argument', /a picture is .* got undefined/));
    await assert.rejects(model.predict({ data: new Uint8Array(5), width: 2, height: 2 }), failure('bad-shape', /16 bytes of RGBA/));
    await assert.rejects(model.predict(new Blob(['x'])), failure('unavailable', /no image decoder/));
    await assert.rejects(model.run({}), failure('bad-argument', /has 3 models \(det, cls, rec\): use predict/));
  });
});

describe('packages', { skip }, () => {
  const change = async (edit, code, message) => {
    const copy = mkdtempSync(path.join(tmpdir(), 'quern-'));
    try {
      cpSync(folder, copy, { recursive: true, dereference: true });
      const manifest = JSON.parse(readFileSync(path.join(copy, 'manifest.json'), 'utf8'));
      const text = edit(manifest) ?? manifest;
      writeFileSync(path.join(copy, 'manifest.json'), typeof text === 'string' ? text : JSON.stringify(text));
      await assert.rejects(quern.load(copy), failure(code, message));
    } finally {
      rmSync(copy, { recursive: true });
    }
  };
  test('a manifest that is no JSON', () => change(() => '{', 'bad-model', /not a manifest/));
  test('a manifest without models', () => change((m) => void delete m.models, 'bad-model', /"models" is missing/));
  test('a model without a file', () => change((m) => void (m.models.det = 5), 'bad-model', /models\.det names no file/));
  test('a file outside', () => change((m) => void (m.models.det.file = '../x.onnx'), 'bad-model', /out of the model's folder/));
  test('a file that is missing', () => change((m) => void (m.models.det.file = 'x.onnx'), 'network', /x\.onnx could not be opened/));
  test('a file of another version', () => change((m) => void m.models.det.size++, 'network', /different versions/));
  test('a damaged file', () => change((m) => void (m.models.cls.sha256 = '0'.repeat(64)), 'network', /SHA-256/));
  test('a damaged dictionary', () => change((m) => void (m.labels.sha256 = '0'.repeat(64)), 'network', /SHA-256/));
  test('no recogniser', () => change((m) => void delete m.models.rec, 'bad-model', /models\.rec/));
  test('a task of the future', () => change((m) => void (m.task = 'dream'), 'unsupported', /'dream'/));
  test('an option that does not exist', () => change((m) => void (m.options.speed = 2), 'bad-argument', /no option 'speed'; there are limit_side_len/));
  test('an option out of range', () => change((m) => void (m.options.threshold = 7), 'bad-argument', /threshold is 7/));
});
