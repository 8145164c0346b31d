// Code written for onnxruntime-web, over onnxruntime-web and over quern/ort by an alias of the bundler: the same results.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readWav } from '../../web/demo/wav.js';
import { ROOT, launch, serve, skipReason } from './helpers/browser.mjs';
import { ENGINES, bundle, ortFiles } from './helpers/bundle.mjs';

const RATE = 24000;
const MODULES = path.join(ROOT, 'node_modules');
const skip = skipReason(['ort.js', 'quern-simd.wasm', 'quern-relaxed.wasm'])
  || ['onnxruntime-web', '@ricky0123/vad-web'].filter((name) => !existsSync(path.join(MODULES, name))).map((name) => `SKIP: ${name} is not installed`)[0];
if (skip && process.env.CI) throw new Error(`clients cannot be tested: ${skip}`);

/** Segments of speech in a recording. */
const VAD = `
import { NonRealTimeVAD } from '@ricky0123/vad-web';
globalThis.client = async ({ rate, options }) => {
  let engine;
  const samples = new Float32Array(await (await fetch('/speech.f32')).arrayBuffer());
  const vad = await NonRealTimeVAD.new({ modelURL: '/silero_vad_legacy.onnx', ortConfig: (ort) => { ort.env.wasm.wasmPaths = '/ort/'; ort.env.wasm.numThreads = 1; ort.env.logLevel = 'error'; engine = ort.env.versions.quern ? 'quern' : 'onnxruntime-web'; }, ...options });
  const segments = [];
  for await (const { start, end, audio } of vad.run(samples, rate)) segments.push({ start, end, length: audio.length });
  return { engine, segments };
};`;

/** Pictures to tensors, with what onnxruntime-web carries out of its documented options, and back. */
const IMAGES = `
import ort, { Tensor } from 'onnxruntime-web';
globalThis.client = async () => {
  const image = new ImageData(5, 3);
  image.data.forEach((_, i) => { image.data[i] = i % 4 === 3 ? 255 : (i * 37) % 256; });
  const canvas = Object.assign(document.createElement('canvas'), { width: 5, height: 3 });
  canvas.getContext('2d').putImageData(image, 0, 0);
  const url = canvas.toDataURL();
  const element = new Image();
  element.src = url;
  await element.decode();
  const bitmap = await createImageBitmap(canvas);
  const shown = (t) => [t.type, t.dims, [...t.data]];
  const norms = [undefined, { mean: 1, bias: 0 }, { mean: [255, 127.5, 64], bias: [0, -1, 2] }, { mean: [1, 2, 3, 4], bias: [1, 2, 3, 4] }];
  const out = { same: ort.Tensor === Tensor };
  for (const [name, source] of Object.entries({ image, bitmap, url }))
    for (const tensorFormat of [undefined, 'RGB', 'BGR', 'RBG', 'RGBA'])
      for (const [i, norm] of norms.entries()) out[[name, tensorFormat, i]] = shown(await Tensor.fromImage(source, { ...(tensorFormat && { tensorFormat }), ...(norm && { norm }) }));
  out.element = shown(await Tensor.fromImage(element));
  out.plain = shown(await Tensor.fromImage(image));
  const rgb = await Tensor.fromImage(image);
  const rgba = await Tensor.fromImage(image, { tensorFormat: 'RGBA', norm: { mean: 2, bias: 1 } });
  const flat = await Tensor.fromImage(image, { norm: { mean: 1, bias: 0 } });
  out.back = [...rgb.toImageData().data];
  out.backNorm = [...rgba.toImageData({ format: 'RGBA', norm: { mean: 2, bias: [0.5, 0.5, 0.5, 0.5] } }).data];
  out.backMean = [...flat.toImageData({ format: 'RGB', norm: { mean: [1, 1, 1], bias: 0 } }).data];
  out.dataURL = rgb.toDataURL().slice(0, 22);
  const again = new Image();
  again.src = rgb.toDataURL();
  await again.decode();
  out.dataURLPixels = shown(await Tensor.fromImage(again));
  return out;
};`;

/** What the documentation has and onnxruntime-web refuses or ignores. */
const MORE = `
import { Tensor } from 'onnxruntime-web';
globalThis.client = async () => {
  const image = new ImageData(2, 2);
  image.data.set([255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 10, 20, 30, 255]);
  const bitmap = await createImageBitmap(image);
  const shown = (t) => [t.type, t.dims.join(), [...t.data].join()];
  const told = (promise) => promise.then(() => 'no error', (e) => e.message);
  const nhwc = await Tensor.fromImage(image, { tensorLayout: 'NHWC', norm: { mean: 1 } });
  const red = new ImageData(4, 4);
  red.data.forEach((_, i) => { red.data[i] = i % 4 === 0 || i % 4 === 3 ? 255 : 0; });
  const canvas = new OffscreenCanvas(2, 2);
  canvas.getContext('2d').putImageData(image, 0, 0);
  const blob = URL.createObjectURL(await canvas.convertToBlob());
  const element = new Image();
  element.src = blob;
  return {
    nhwc: shown(nhwc), back: [...nhwc.toImageData({ tensorLayout: 'NHWC', norm: { mean: 1 } }).data].join(),
    bytes: shown(await Tensor.fromImage(bitmap, { dataType: 'uint8', tensorFormat: 'BGR' })), element: shown(await Tensor.fromImage(element, { tensorFormat: 'RGB', dataType: 'uint8' })),
    bgr: [...(await Tensor.fromImage(image, { tensorFormat: 'BGR' })).toImageData({ format: 'BGR' }).data].join(),
    grey: [...new Tensor('float32', [0, 1], [1, 1, 1, 2]).toImageData().data].join(),
    smaller: shown(await Tensor.fromImage(red, { resizedWidth: 2, resizedHeight: 1, dataType: 'uint8' })), taller: (await Tensor.fromImage(blob, { resizedHeight: 6 })).dims.join(),
    layout: await told(Tensor.fromImage(image, { tensorLayout: 'HWC' })), format: await told(Tensor.fromImage(image, { tensorFormat: 'CMYK' })),
    type: await told(Tensor.fromImage(image, { dataType: 'int8' })), nothing: await told(Tensor.fromImage(7)), missing: await told(Tensor.fromImage('/none.png')),
    channels: await told((async () => new Tensor('float32', [0, 1], [1, 2, 1, 1]).toImageData())()), rank: await told((async () => new Tensor('float32', [0, 1]).toImageData())()),
  };
};`;

describe('clients of onnxruntime-web', { skip }, () => {
  let browser, site;
  /** @type {Record<string, string>} */
  const scripts = {};
  before(async () => {
    for (const [name, code] of Object.entries({ vad: VAD, images: IMAGES, more: MORE }))
      for (const engine of ENGINES) scripts[`/dist/${name}-${engine}.js`] = await bundle(code, engine);
    // speech from espeak-ng, silence, the same speech; at a rate that vad-web takes, which is 16 kHz or more
    const { samples, rate } = readWav(new Uint8Array(await readFile(path.join(ROOT, 'web/demo/samples/speech.wav'))).buffer);
    const up = Float32Array.from({ length: Math.floor(samples.length * RATE / rate) }, (_, i) => samples[Math.floor(i * rate / RATE)]);
    const twice = new Float32Array(2 * up.length + 3 * RATE);
    twice.set(up);
    twice.set(up, up.length + 3 * RATE);
    site = await serve({ pages: { ...scripts, '/': '<!doctype html><title>client</title>', '/silero_vad_legacy.onnx': await readFile(path.join(MODULES, '@ricky0123/vad-web/dist/silero_vad_legacy.onnx')),
      '/speech.f32': new Uint8Array(twice.buffer), ...ortFiles(MODULES) } });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    site?.close();
  });

  async function run(name, engine, argument) {
    const page = await browser.newPage();
    try {
      await page.goto(site.origin);
      return await page.evaluate(async ({ url, argument }) => {
        await import(url);
        return globalThis.client(argument);
      }, { url: `/dist/${name}-${engine}.js`, argument });
    } finally {
      await page.close();
    }
  }

  test('@ricky0123/vad-web finds the same segments of speech', async () => {
    // once with its defaults, once so short that pauses between words divide
    for (const options of [{}, { redemptionMs: 100, minSpeechMs: 100, preSpeechPadMs: 0, positiveSpeechThreshold: 0.6, negativeSpeechThreshold: 0.5 }]) {
      const [theirs, ours] = [await run('vad', 'onnxruntime-web', { rate: RATE, options }), await run('vad', 'quern', { rate: RATE, options })];
      assert.deepEqual([theirs.engine, ours.engine], ENGINES);
      assert.ok(theirs.segments.length > 1, `${theirs.segments.length} segments`);
      assert.deepEqual(ours.segments, theirs.segments);
    }
  });

  test('pictures become the same tensors', async () => {
    const [theirs, ours] = [await run('images', 'onnxruntime-web'), await run('images', 'quern')];
    assert.ok(Object.keys(theirs).length > 60);
    for (const [name, value] of Object.entries(theirs)) assert.deepEqual(ours[name], value, name);
    assert.deepEqual(ours, theirs);
  });

  test('pictures with every documented option', async () => {
    const r = await run('more', 'quern');
    assert.deepEqual(r.nhwc, ['float32', '1,2,2,3', '255,0,0,0,255,0,0,0,255,10,20,30']);
    assert.equal(r.back, '255,0,0,255,0,255,0,255,0,0,255,255,10,20,30,255');
    assert.deepEqual(r.bytes, ['uint8', '1,3,2,2', '0,0,255,30,0,255,0,20,255,0,0,10']);
    assert.deepEqual(r.element, ['uint8', '1,3,2,2', '255,0,0,10,0,255,0,20,0,0,255,30']);
    assert.equal(r.bgr, r.back);
    assert.equal(r.grey, '0,0,0,255,255,255,255,255');
    assert.deepEqual([r.smaller, r.taller], [['uint8', '1,3,1,2', '255,255,0,0,0,0'], '1,3,6,2']);
    for (const [name, sentence] of Object.entries({ layout: /'HWC' is not known/, format: /'CMYK' is not known/, type: /not 'int8'/, nothing: /got Number/, missing: /none\.png gave 404/, channels: /doesn't match.* 2/, rank: /\[2\]/ }))
      assert.match(r[name], sentence);
  });
});
