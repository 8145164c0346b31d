// Threads in a browser: helpers of a page and of a worker where the page is isolated, one thread and the reason where it is not.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, serve, skipReason } from './helpers/browser.mjs';
import { f32, model } from '../node/onnx-writer.mjs';

const skip = skipReason(['index.js', 'ort.js', 'worker.js', 'worker.classic.js', 'quern-simd-threads.wasm', 'quern-relaxed-threads.wasm']);
const PRODUCT = model({
  nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'] }], inputs: [{ name: 'x', dims: ['n', 256] }], outputs: [{ name: 'y', dims: ['n', 256] }],
  initializers: { w: f32([256, 256], ...Array.from({ length: 65536 }, (_, i) => Math.sin(i))) },
});
const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const pages = { '/': '<!doctype html><title>t</title>', '/m.onnx': PRODUCT };

describe('threads in a browser', { skip }, () => {
  let browser, site, strict, foreign, open;
  before(async () => {
    site = await serve({ pages, headers: isolated });
    strict = await serve({ pages, headers: { ...isolated, 'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" } });
    foreign = await serve({ headers: { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' } });
    open = await serve({ pages });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    for (const server of [site, strict, foreign, open]) server?.close();
  });

  /** @param {string} origin @param {(argument: any) => any} work @param {any} argument */
  async function inPage(origin, work, argument) {
    const page = await browser.newPage();
    try {
      await page.goto(origin);
      const result = await page.evaluate(work, argument);
      for (let i = 0; i < 100 && page.workers().length; i++) await new Promise((resolve) => setTimeout(resolve, 50)); // word of their end takes a moment
      return { result, workers: page.workers().length };
    } finally {
      await page.close();
    }
  }

  /** Runs until the second thread has helped, or three times where there is none; compares with a model on one thread. */
  const compare = async ({ from, options }) => {
    const quern = await import(from + '/dist/index.js');
    const feeds = { x: { type: 'float32', dims: [512, 256], data: Float32Array.from({ length: 512 * 256 }, (_, i) => Math.cos(i)) } };
    const one = await quern.load('/m.onnx', { ...options, threads: 1 }), m = await quern.load('/m.onnx', { threads: 2, ...options });
    const want = (await one.run(feeds)).y.data;
    let different = 0, runs = 0;
    do {
      const got = (await m.run(feeds)).y.data;
      different += got.some((v, i) => v !== want[i]);
      await new Promise((resolve) => setTimeout(resolve, 0));
    } while (++runs < 3 || (m.report().threadsReason.startsWith('up to 2') && !m.report().helped));
    const { where, threads, threadsReason } = m.report();
    m.dispose();
    one.dispose();
    return { where, threads, threadsReason, different };
  };

  test('in a worker, which starts helpers itself', async () => {
    const { result } = await inPage(site.origin, compare, { from: site.origin, options: {} });
    assert.match(result.threadsReason, /^up to 2 of \d+ cores$/);
    assert.deepEqual({ ...result, threadsReason: '' }, { where: 'worker', threads: 2, threadsReason: '', different: 0 });
  });

  test('in the page', async () => {
    const { result, workers } = await inPage(site.origin, compare, { from: site.origin, options: { worker: false } });
    assert.deepEqual({ ...result, threadsReason: '' }, { where: 'page', threads: 2, threadsReason: '', different: 0 });
    assert.equal(workers, 0, 'the helper ended with its model');
  });

  test('under a strict policy', async () => {
    for (const options of [{}, { worker: false }]) {
      const { result } = await inPage(strict.origin, compare, { from: strict.origin, options });
      assert.deepEqual([result.threads, result.different], [2, 0]);
    }
  });

  test('with the files on another origin', async () => {
    for (const options of [{}, { worker: false }]) {
      const { result } = await inPage(site.origin, compare, { from: foreign.origin, options });
      assert.deepEqual([result.threads, result.different], [2, 0], result.threadsReason);
    }
  });

  test('without isolation: one, and the reason', async () => {
    for (const options of [{}, { worker: false }]) {
      const { result } = await inPage(open.origin, compare, { from: open.origin, options });
      assert.deepEqual([result.threads, result.different], [1, 0]);
      assert.match(result.threadsReason, /not cross-origin isolated .*COOP/);
    }
  });

  test('no helper is left of 50 models', async () => {
    const { result, workers } = await inPage(site.origin, async (from) => {
      const quern = await import(from + '/dist/index.js');
      const feeds = { x: { type: 'float32', dims: [512, 256], data: new Float32Array(512 * 256) } };
      let most = 0;
      for (let i = 0; i < 50; i++) {
        const m = await quern.load('/m.onnx', { threads: 2, worker: false });
        do { // until it is there, or disposed while its helper starts
          await m.run(feeds);
          await new Promise((resolve) => setTimeout(resolve, 0));
        } while (i % 2 && m.report().threads < 2);
        most = Math.max(most, m.report().threads);
        m.dispose();
      }
      await new Promise((resolve) => setTimeout(resolve, 500)); // those that were just starting
      return most;
    }, site.origin);
    assert.equal(result, 2);
    assert.equal(workers, 0);
  });

  test('by quern/ort, as env.wasm.numThreads says', async () => {
    const { result } = await inPage(site.origin, async (from) => {
      const ort = await import(from + '/dist/ort.js');
      const x = new ort.Tensor('float32', Float32Array.from({ length: 512 * 256 }, (_, i) => Math.cos(i)), [512, 256]);
      const sums = [];
      for (const threads of [1, 2]) {
        ort.env.wasm.numThreads = threads;
        const session = await ort.InferenceSession.create('/m.onnx');
        for (let i = 0; i < 30; i++) sums.push((await session.run({ x })).y.data.reduce((a, v) => a + v, 0));
        await session.release();
      }
      return new Set(sums).size;
    }, site.origin);
    assert.equal(result, 1);
  });
});
