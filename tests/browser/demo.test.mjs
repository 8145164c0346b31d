// The demo page in a real browser: every sample letter for letter, speech in the sample recording, the keyboard, errors, and all of it
// again without a network. QUERN_DIST names another folder of built files, CHROMIUM another browser.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(fileURLToPath(new URL('../../', import.meta.url)));
const DEMO = path.join(ROOT, 'web/demo');
const DIST = path.resolve(ROOT, process.env.QUERN_DIST ?? 'dist');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const MIME = {
  html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', json: 'application/json', webmanifest: 'application/manifest+json',
  svg: 'image/svg+xml', png: 'image/png', wav: 'audio/wav', wasm: 'application/wasm',
};
const PATIENCE = 60_000; // ms; the first reading loads and packs the model on a machine that may be busy

const missing = whatIsMissing();
if (missing && process.env.CI) throw new Error(`the demo cannot be tested: ${missing}`);
const skip = missing ? `SKIP: ${missing}` : false;

const samples = JSON.parse(await readFile(path.join(DEMO, 'samples/samples.json'), 'utf8'));
let server, browser, context, page, origin;
const complaints = [];

function whatIsMissing() {
  if (!existsSync(CHROMIUM)) return 'no browser';
  try {
    createRequire(import.meta.url).resolve('playwright-core');
  } catch {
    return 'playwright-core is not installed';
  }
  for (const file of ['index.js', 'models/ocr/manifest.json', 'models/vad/manifest.json']) {
    if (!existsSync(path.join(DIST, file))) return `${file} is not built`;
  }
  return '';
}

/** As serve.sh does: the page at /, the built files at /dist/, isolated from other origins. */
function serve() {
  const answer = async (request, response) => {
    let name = decodeURIComponent(new URL(request.url, 'http://here').pathname);
    if (name.endsWith('/')) name += 'index.html';
    const [folder, rest] = name.startsWith('/dist/') ? [DIST, name.slice(6)] : [DEMO, name.slice(1)];
    const file = path.join(folder, rest);
    const headers = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'cache-control': 'no-cache' };
    try {
      if (!file.startsWith(folder + path.sep)) throw new Error('outside');
      const body = await readFile(file);
      response.writeHead(200, { ...headers, 'content-type': MIME[path.extname(file).slice(1)] ?? 'application/octet-stream', 'content-length': body.length });
      response.end(request.method === 'HEAD' ? undefined : body);
    } catch {
      response.writeHead(404, headers).end();
    }
  };
  return new Promise((resolve) => {
    const made = createServer(answer).listen(0, '127.0.0.1', () => resolve(made));
  });
}

before(async () => {
  if (skip) return;
  const { chromium } = createRequire(import.meta.url)('playwright-core');
  server = await serve();
  origin = `http://127.0.0.1:${server.address().port}`;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, permissions: ['clipboard-read', 'clipboard-write'] });
  context.on('request', (request) => {
    const { protocol, origin: from } = new URL(request.url());
    if (protocol.startsWith('http') && from !== origin) complaints.push(`a request to ${request.url()}`);
    if (request.method() !== 'GET') complaints.push(`a ${request.method()} request to ${request.url()}`);
  });
  page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`page error: ${error.stack}`));
  page.setDefaultTimeout(PATIENCE);
  await page.goto(origin);
});

after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

async function readSample(file) {
  await page.click(`[data-sample="${file}"]`);
  await page.waitForSelector('#read-drop:not([aria-busy])');
  assert.equal(await page.textContent('#read-alert'), '');
  return page.locator('#lines .text').allTextContents();
}

const linesOf = (sample) => sample.lines.map((line) => line.text);

test('reads every sample letter for letter, with a box for each line', { skip }, async () => {
  await page.waitForSelector('[data-sample]');
  assert.equal(await page.locator('[data-sample]').count(), samples.length);
  for (const sample of samples) {
    assert.deepEqual(await readSample(sample.file), linesOf(sample), sample.file);
    assert.equal(await page.locator('#picture-boxes polygon').count(), sample.lines.length);
  }
  assert.match(await page.textContent('#read-facts'), /Reading.*ms|Reading.* s/);
});

test('links box and line, copies and saves the text', { skip }, async () => {
  const sample = samples[0];
  await readSample(sample.file);
  await page.hover('#lines li:nth-child(2)');
  assert.equal(await page.locator('#picture-boxes polygon.on').count(), 1);
  assert.ok(await page.locator('#picture-boxes polygon:nth-child(2)').evaluate((box) => box.classList.contains('on')));
  await page.locator('#picture-boxes polygon:nth-child(3)').click();
  assert.equal(await page.evaluate(() => document.activeElement.closest('li').querySelector('.text').textContent), linesOf(sample)[2]);

  await page.click('#copy-all');
  await page.waitForFunction(() => /copied/.test(document.getElementById('read-status').textContent));
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), linesOf(sample).join('\n'));
  for (const [button, check] of [['#save-txt', (text) => assert.equal(text, `${linesOf(sample).join('\n')}\n`)], ['#save-json', (text) => assert.deepEqual(JSON.parse(text).map((a) => a.text), linesOf(sample))]]) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
    check(await readFile(await download.path(), 'utf8'));
  }
});

test('says in a sentence that a file is no picture, and goes on', { skip }, async () => {
  await page.setInputFiles('#read-file', { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('not a picture') });
  await page.waitForSelector('#read-alert span');
  assert.match(await page.textContent('#read-alert span'), /“notes\.png” is not a picture/);
  assert.deepEqual(await readSample(samples[0].file), linesOf(samples[0]));
});

test('all of tab 1 can be reached by keyboard', { skip }, async () => {
  await page.focus('#tab-read');
  const seen = new Set();
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    seen.add(await page.evaluate(() => document.activeElement.id || document.activeElement.dataset.sample || document.activeElement.closest('ol')?.id));
  }
  for (const id of ['read-file', 'camera-open', 'copy-all', 'save-txt', 'save-json', 'lines', ...samples.map((s) => s.file)]) assert.ok(seen.has(id), `${id} is not in the tab order`);

  await page.focus(`[data-sample="${samples[1].file}"]`);
  await page.keyboard.press('Enter');
  await page.waitForFunction((text) => document.querySelector('#lines .text')?.textContent === text, linesOf(samples[1])[0]);
  await page.focus('#lines li button');
  await page.keyboard.press('ArrowDown');
  assert.ok(await page.locator('#lines li:nth-child(2)').evaluate((line) => line.classList.contains('on')));
});

test('finds speech in the sample recording, by keyboard', { skip }, async () => {
  await page.focus('#tab-read');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.getAttribute('#tab-hear', 'aria-selected'), 'true');
  assert.ok(await page.isVisible('#hear') && !await page.isVisible('#read'));
  await page.focus('#hear-sample');
  await page.keyboard.press('Enter');
  await checkSpeech();
  await page.focus('#s-on');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.textContent('#s-on-out'), '0.55');
  assert.match(await page.textContent('#hear-facts'), /Per frame/);
});

/** The sample says three sentences; their places come from the recording itself, within two frames. */
async function checkSpeech() {
  await page.waitForSelector('#hear-facts div');
  await page.waitForSelector('#hear-work', { state: 'hidden' });
  assert.equal(await page.textContent('#hear-alert'), '');
  const spoken = (await page.locator('#segments .when').allTextContents()).map((text) => text.match(/[\d.]+/g).map(Number));
  const expected = [[0.4, 2.43], [3.23, 5.24], [6.04, 7.38]];
  assert.equal(spoken.length, expected.length, JSON.stringify(spoken));
  spoken.forEach((segment, i) => segment.forEach((second, k) => assert.ok(Math.abs(second - expected[i][k]) < 0.1, `${second} s, expected ${expected[i][k]} s`)));
}

test('judges a row of numbers, by keyboard, and says what is no number', { skip: judge() }, async () => {
  await page.focus('#tab-judge');
  await page.keyboard.press('Enter');
  assert.equal(await page.getAttribute('#tab-judge', 'aria-selected'), 'true');
  await page.focus('#judge-malignant');
  await page.keyboard.press('Enter');
  await checkVerdict('Malignant', '99.6 %');
  await page.fill('#judge-form [name=area]', 'large');
  await page.waitForSelector('#judge-form [name=area][aria-invalid=true]');
  assert.match(await page.textContent('#judge-alert'), /column 'area', row 0: the value is 'large', not a number/);
  await page.fill('#judge-form [name=area]', '');
  await page.waitForFunction(() => /1 left open/.test(document.getElementById('judge-status').textContent));
  assert.equal(await page.textContent('#judge-alert'), '');
  await page.click('#judge-benign');
  await checkVerdict('Benign', '18.7 %');
  await page.setViewportSize({ width: 320, height: 640 });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.click('#judge-clear');
  await page.waitForSelector('#judge-answer', { state: 'hidden' });
});

/** @param {string} word @param {string} share of malignant, as scikit-learn has it */
async function checkVerdict(word, share) {
  await page.waitForFunction((text) => document.getElementById('judge-share').textContent.endsWith(text) && !document.getElementById('judge-answer').hidden, share, { timeout: PATIENCE });
  assert.match(await page.textContent('#judge-verdict'), new RegExp(`^${word}`));
}

function judge() {
  return skip || (existsSync(path.join(DIST, 'models/cancer/manifest.json')) ? false : 'SKIP: models/cancer is not built');
}

test('nothing complained, nothing was sent, nobody else was asked', { skip }, () => {
  assert.deepEqual(complaints, []);
});

test('works without a network after one visit', { skip }, async () => {
  await page.waitForTimeout(500); // the last files are still being kept
  await context.setOffline(true);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await page.goto(`${origin}/#read`);
  await page.reload();
  await page.waitForSelector('[data-sample]');
  assert.deepEqual(await readSample(samples[0].file), linesOf(samples[0]));
  await page.click('#tab-hear');
  await page.click('#hear-sample');
  await checkSpeech();
  assert.match(await page.textContent('#connection'), /No network/);
});
