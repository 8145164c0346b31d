// The demo's tab "Will it run?" in a real browser: the sample, a model with missing operators, shapes, the report, the keyboard, a narrow
// dark window; and inspect() and profiles in a worker.
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { DIST, ROOT, launch, serve, skipReason } from './helpers/browser.mjs';
import { model } from '../node/onnx-writer.mjs';

const skip = skipReason(['index.js', 'report.js', 'worker.js', 'models/ocr/manifest.json']);
const DEMO = path.join(ROOT, 'web/demo');
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', json: 'application/json', svg: 'image/svg+xml', png: 'image/png', webmanifest: 'application/manifest+json', wav: 'audio/wav' };
const complaints = [];
let browser, server, context, page;

/** Every file of the demo as a page of the server. */
const demoPages = async () => {
  const pages = {};
  for (const name of ['index.html', 'style.css', 'manifest.webmanifest', 'icons/icon.svg', 'samples/samples.json', ...(await import('node:fs')).readdirSync(DEMO).filter((f) => f.endsWith('.js'))]) {
    const body = await readFile(path.join(DEMO, name));
    pages[`/${name}`] = (response) => response.writeHead(200, { 'content-type': TYPES[name.split('.').pop()] }).end(body);
  }
  pages['/'] = pages['/index.html'];
  for (const { file } of JSON.parse(await readFile(path.join(DEMO, 'samples/samples.json'), 'utf8'))) {
    const picture = await readFile(path.join(DEMO, 'samples', file));
    pages[`/samples/${file}`] = (response) => response.writeHead(200, { 'content-type': 'image/png' }).end(picture);
  }
  return pages;
};

async function open(options = {}) {
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ['clipboard-read', 'clipboard-write'], serviceWorkers: 'block', ...options });
  page = await context.newPage();
  page.on('console', (message) => { if (message.type() === 'error' || (message.type() === 'warning' && !/Service Worker registration blocked/.test(message.text()))) complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(error.stack));
  page.setDefaultTimeout(60_000);
  await page.goto(`${server.origin}/#inside`);
}
const finished = () => page.waitForSelector('#inside-drop:not([aria-busy])').then(() => page.waitForSelector('#inside-found:not([hidden])'));

before(async () => {
  if (skip) return;
  browser = await launch();
  server = await serve({ pages: await demoPages() });
  await open();
});
after(async () => {
  await browser?.close();
  server?.close();
});

const float = (name, dims) => ({ name, dims });
const TWO = Buffer.from(model({
  nodes: [{ op: 'MatMul', in: ['x', 'x'], out: ['m'], name: 'product' }, { op: 'Relu', in: ['m'], out: ['y'], name: 'cut' }],
  inputs: [float('x', ['n', 'n'])], outputs: [float('y', ['n', 'n'])],
}));
const PLAIN = Buffer.from(model({ nodes: [{ op: 'Relu', in: ['x'], out: ['y'], name: 'cut' }], inputs: [float('x', ['n', 100])], outputs: [float('y', ['n', 100])] }));
const MISSING = Buffer.from(model({ nodes: [{ op: 'Nonsense', in: ['x'], out: ['y'], domain: 'my.own' }], inputs: [float('x', [1])], outputs: [float('y', [1])] }));
const give = (name, buffer) => page.setInputFiles('#inside-file', { name, mimeType: 'application/octet-stream', buffer });

test('the sample: what is in it, that it runs, where the time goes', { skip }, async () => {
  assert.ok(await page.isVisible('#inside'));
  await page.click('#inside-sample');
  await finished();
  assert.equal(await page.textContent('#inside-alert'), '');
  assert.equal(await page.textContent('#inside-verdict'), 'Yes.');
  const ops = await page.locator('#inside-ops td:first-child').allTextContents();
  assert.ok(ops.includes('Conv') && ops.includes('Resize'), ops.join());
  const shares = (await page.locator('#inside-by-op tbody td:nth-child(4)').allTextContents()).map(parseFloat);
  const sum = shares.reduce((a, b) => a + b, 0);
  assert.ok(sum > 90 && sum < 101, `${sum} %`); // the rest is planning
  assert.match(await page.textContent('#inside-facts'), /Runs in\s*worker/);
  assert.match(await page.textContent('#inside-status'), /Ran \d+ times/);
});

test('the report can be copied and saved', { skip }, async () => {
  await page.click('#inside-copy');
  await page.waitForFunction(() => /clipboard/.test(document.getElementById('inside-status').textContent));
  const text = await page.evaluate(() => navigator.clipboard.readText());
  for (const line of [/Will it run\? {2}Yes\./, /Parameters/, /Conv +62/, /Run with random inputs \(x \[1, 3, 224, 224\]\)/, /GFLOP\/s/]) assert.match(text, line);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#inside-save')]);
  assert.match(download.suggestedFilename(), /-report\.txt$/);
  assert.equal(await readFile(await download.path(), 'utf8'), text);
});

test('shapes can be changed; those that do not fit are explained', { skip }, async () => {
  await give('two.onnx', TWO);
  await finished();
  await page.fill('#inside-fields input', '8 x 8');
  await page.click('#inside-shapes button');
  await page.waitForFunction(() => /Yes/.test(document.getElementById('inside-verdict').textContent) && !document.getElementById('inside-time').hidden);
  await page.waitForSelector('#inside-drop:not([aria-busy])');
  await page.click('summary');
  assert.match(await page.textContent('#inside-by-node'), /productMatMulfloat32 \[8, 8\]/);
  await page.fill('#inside-fields input', '2, 3');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => /Not for these shapes: .*MatMul/.test(document.getElementById('inside-verdict').textContent));
  assert.ok(await page.isHidden('#inside-time'));
  await page.waitForSelector('#inside-drop:not([aria-busy])');
  await page.fill('#inside-fields input', 'two');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#inside-alert span');
  assert.match(await page.textContent('#inside-alert span'), /“two” of x is not a list/);
});

test('a model with a missing operator, and a file that is no model', { skip }, async () => {
  await give('odd.onnx', MISSING);
  await page.waitForFunction(() => /^No: .*my\.own\.Nonsense/.test(document.getElementById('inside-verdict').textContent));
  await page.waitForSelector('#inside-drop:not([aria-busy])');
  assert.deepEqual(await page.locator('#inside-ops td').allTextContents(), ['my.own.Nonsense', '1', 'missing']);
  assert.ok(await page.isHidden('#inside-time') && await page.isHidden('#inside-shapes'));
  await give('notes.onnx', Buffer.from('these are notes'));
  await page.waitForFunction(() => document.getElementById('inside-name').textContent === 'notes.onnx');
  assert.match(await page.textContent('#inside-verdict'), /^No: /);
});

test('by keyboard', { skip }, async () => {
  await page.focus('#tab-draw');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.getAttribute('#tab-inside', 'aria-selected'), 'true');
  await give('plain.onnx', PLAIN);
  await finished();
  await page.waitForSelector('#inside-time:not([hidden])');
  await page.focus('#tab-inside');
  const seen = new Set();
  for (let i = 0; i < 14; i++) {
    await page.keyboard.press('Tab');
    seen.add(await page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute('name') || document.activeElement.getAttribute('aria-label') || document.activeElement.tagName));
  }
  for (const id of ['inside-file', 'inside-sample', 'x', 'inside-copy', 'inside-save', 'Operators of the model', 'Time by operator', 'SUMMARY']) assert.ok(seen.has(id), `${id} is not in the tab order: ${[...seen]}`);
});

test('narrow and dark, nothing runs over the edge', { skip }, async () => {
  await open({ viewport: { width: 320, height: 700 }, colorScheme: 'dark' });
  await give('plain.onnx', PLAIN);
  await finished();
  await page.waitForSelector('#inside-time:not([hidden])');
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page scrolls sideways');
});

test('inspect() and report({ profile }) work through a worker', { skip }, async () => {
  const found = await page.evaluate(async (bytes) => {
    const { inspect, load } = await import('/dist/index.js');
    const { plan, ops } = await inspect(Uint8Array.from(bytes), { shapes: { x: [4, 4] } });
    const m = await load(Uint8Array.from(bytes));
    m.report({ profile: true });
    const y = await m.run({ x: { type: 'float32', dims: [2, 2], data: new Float32Array(4).fill(1) } });
    const { where, profile } = m.report({ profile: true });
    m.dispose();
    return { steps: plan.steps.length, ops: ops.length, where, y: [...y.y.data], runs: profile.model.runs, flops: profile.model.steps[0].flops };
  }, [...TWO]);
  assert.deepEqual(found, { steps: 2, ops: 2, where: 'worker', y: [2, 2, 2, 2], runs: 1, flops: 16 });
});

test('nothing complained', { skip }, async () => {
  assert.deepEqual(complaints, []);
  assert.ok((await stat(path.join(DIST, 'report.js'))).size < 16_000);
});
