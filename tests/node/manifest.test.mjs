// Damaged manifests: a sentence or a model that works, never anything else, and never a file outside the package.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { parseManifest } from '../../web/delivery/manifest.js';
import { fuzzManifests } from '../fuzz/fuzz_manifest.mjs';
import { random } from './helpers/models.mjs';
import { failure, quern } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

const folder = mkdtempSync(path.join(os.tmpdir(), 'quern-manifest-'));
after(() => rmSync(folder, { recursive: true }));
const bytes = model({ nodes: [{ op: 'Neg', in: ['x'], out: ['y'] }], inputs: [{ name: 'x', dims: [2] }], outputs: [{ name: 'y', dims: [2] }] });
writeFileSync(path.join(folder, 'model.onnx'), bytes);
const good = { name: 'negative', version: '1.0.0', models: { model: { file: 'model.onnx', size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') } }, options: { threshold: 0.5 } };

const load = (manifest) => {
  writeFileSync(path.join(folder, 'manifest.json'), typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  return quern.load(folder, { worker: false });
};

describe('manifests', () => {
  test("the demo's own, whose tasks have features by role", () => {
    for (const name of ['ocr', 'vad']) assert.equal(parseManifest(readFileSync(new URL(`../../models/${name}/manifest.json`, import.meta.url)), name).task, name);
    const text = (/** @type {any} */ manifest) => new TextEncoder().encode(JSON.stringify(manifest));
    assert.throws(() => parseManifest(text({ ...good, features: {} }), 'm'), /"features" is not a list of steps/);
    assert.throws(() => parseManifest(text({ ...good, task: 'ocr', features: 'x' }), 'm'), /"features" is not a list of steps/);
  });

  test('the undamaged one', async () => {
    const m = await load(good);
    assert.deepEqual(Array.from((await m.run({ x: { dims: [2], data: [1, -2] } })).y.data), [-1, 2]);
    m.dispose();
  });

  const changed = (change) => { const copy = structuredClone(good); change(copy); return copy; };
  for (const [what, change, message] of [
    ['no models', (m) => delete m.models, /"models" is missing/], ['no file', (m) => (m.models.model = {}), /models\.model names no file/],
    ['a size that is none', (m) => (m.models.model.size = -1), /models\.model\.size/], ['a short hash', (m) => (m.models.model.sha256 = 'abc'), /models\.model\.sha256/],
    ['labels without a file', (m) => (m.labels = 7), /labels names no file/], ['an option in words', (m) => (m.options.threshold = 'low'), /options\.threshold/],
    ['a file above the package', (m) => (m.models.model.file = '../model.onnx'), /leads out/], ['a file of another host', (m) => (m.models.model.file = 'https://example.org/x.onnx'), /leads out/],
  ]) test(what, () => assert.rejects(load(changed(change)), failure('bad-model', message)));

  test('a byte changed, removed or doubled, 1,000 times', async () => {
    const text = JSON.stringify(good), next = random(5);
    let worked = 0;
    for (let k = 0; k < 1000; k++) {
      const at = Math.floor(next() * text.length), c = String.fromCharCode(32 + Math.floor(next() * 95));
      const damaged = text.slice(0, at) + [c, '', text[at] + text[at]][k % 3] + text.slice(at + 1);
      try {
        (await load(damaged)).dispose();
        worked++;
      } catch (error) {
        if (!(error instanceof quern.QuernError)) throw new Error(`${damaged}\n${error.stack}`);
        assert.ok(error.message.length > 10, error.message);
      }
    }
    assert.ok(worked > 10 && worked < 950, `${worked} worked`); // a changed name or option is legal, a changed hash never
  });

  test('and pointers, of every structure: 20,000 rounds of make fuzz-manifest', () => {
    const { refused, accepted } = fuzzManifests({ rounds: 20_000, seed: 7 });
    assert.ok(refused > 5000 && accepted > 2000, `${refused} refused, ${accepted} accepted`);
  });
});
