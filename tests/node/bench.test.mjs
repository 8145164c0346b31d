// What the bench's figures rest on: its statistics, and a server that counts what it sends.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { load } from '../../dist/index.js';
import { chart, shares } from '../bench/chart.mjs';
import { signature } from '../bench/engines.js';
import { ROOT, SPEED, enginesOf } from '../bench/models.mjs';
import { geometricMean, median, quantile, spread } from '../bench/numbers.mjs';
import { blocks } from '../bench/overhead.mjs';
import { serve } from '../bench/server.mjs';

test('median, quantiles, spread and geometric mean', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(quantile([10, 20, 30, 40, 50], 0.25), 20);
  assert.equal(quantile([1], 0.75), 1);
  assert.equal(spread([10, 20, 30, 40, 50]), 20 / 30);
  assert.ok(Math.abs(geometricMean([0.25, 4, 8]) - 2) < 1e-12);
});

test('answers are the same in any layout and in any number of parts, and others are not', () => {
  const a = signature([Float32Array.of(3, 1), Float32Array.of(2)]);
  assert.deepEqual(signature([Float32Array.of(1, 2, 3)]), a);
  assert.notDeepEqual(signature([Float32Array.of(1, 2, 4)]), a);
  assert.deepEqual(signature([BigInt64Array.of(5n, 5n)]).slice(0, 2), [5, 5]);
});

test('every model says which engines run it, Quern first where the file is', () => {
  for (const [name, model] of Object.entries(SPEED)) {
    const engines = enginesOf(model).map((e) => e.engine);
    assert.deepEqual(engines.slice(0, 2), existsSync(path.join(ROOT, model.file)) ? ['quern', 'ort'] : [], name);
  }
});

test('the server counts bytes and requests, compresses code on a slow line alone, and serves nothing outside', async () => {
  const server = await serve();
  try {
    const file = '/tests/bench/engines.js', whole = readFileSync(path.join(ROOT, file)), get = async (/** @type {string} */ url) => fetch(server.origin + url);
    let answer = await get(file);
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), whole);
    assert.equal(answer.headers.get('content-encoding'), null);
    assert.deepEqual(server.taken(), { bytes: whole.length, requests: 1 });
    server.throttle({ bits: 1e8, latency: 1 });
    answer = await get(file);
    assert.equal(answer.headers.get('content-encoding'), 'br');
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), whole, 'the reader unpacks it');
    const { bytes } = server.taken();
    assert.ok(bytes > 0 && bytes < whole.length / 2, `${bytes} of ${whole.length} bytes`);
    server.throttle(null);
    assert.equal((await get('/tests/bench')).status, 404, 'a folder');
    assert.equal((await get('/..%2f..%2f..%2f..%2fetc/hostname')).status, 404, 'a file elsewhere');
    server.show('<!doctype html><title>another</title>');
    assert.match(await (await get('/')).text(), /another/);
  } finally {
    server.close();
  }
});

test('the chart: a bar for each engine whose answers agree, as long as its share, in light and dark', () => {
  const one = (/** @type {number} */ median, note = undefined) => ({ median, ...(note ? { note } : {}) });
  const models = shares({ 'a<b': { quern: one(1), ort: one(4), litert: one(2), tfjs: one(6) }, c: { quern: one(3), ort: one(4), tfjs: one(1, /** @type {any} */ ('other answers than Quern')) }, alone: { quern: one(1) } });
  assert.deepEqual(models.map((m) => m.bars.map((b) => [b.engine, b.share])), [[['quern', 0.25], ['litert', 0.5], ['tfjs', 1.5]], [['quern', 0.75]]]);
  const svg = chart([{ title: 'One & two', models }]);
  const widths = [...svg.matchAll(/<rect class="\w+" x="140" y="[\d.]+" width="([\d.]+)" height="8"/g)].map((m) => Number(m[1]));
  assert.equal(widths.length, 4);
  for (const [i, n] of [1, 2, 6, 3].entries()) assert.ok(Math.abs(widths[i] / widths[0] - n) < 0.01, `bar ${i}: ${widths}`);
  assert.match(svg, /a&#60;b/);
  assert.match(svg, /One &#38; two/);
  assert.match(svg, /prefers-color-scheme:dark/);
  assert.ok(!svg.includes('alone') && !svg.includes('NaN'));
});

test('the graph whose planning is timed has 500 nodes, runs at any height and does something', async () => {
  const m = await load(blocks(), { threads: 1 });
  try {
    assert.equal(m.report().plan.nodesInFile, 500);
    for (const h of [4, 9]) {
      const [y] = Object.values(m.runSync({ x: { type: 'float32', dims: [1, 4, h, 8], data: Float32Array.from({ length: 32 * h }, (_, i) => Math.sin(i)) } }));
      assert.deepEqual(y.dims, [1, 4, h, 8]);
      assert.ok(y.data.every(Number.isFinite) && new Set(y.data).size > 16 * h);
    }
  } finally {
    m.dispose();
  }
});
