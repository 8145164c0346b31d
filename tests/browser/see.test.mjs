// The demo's tabs "Find faces" and "Name a symbol" in a real browser: a picture, a camera, a pen.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT, launch, serve, skipReason } from './helpers/browser.mjs';

const skip = skipReason(['index.js', 'worker.js', 'features.js', 'quern-pictures.wasm', 'models/face/manifest.json', 'models/lines/manifest.json', 'models/symbols/manifest.json']);
const DEMO = path.join(ROOT, 'web/demo'), TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', png: 'image/png', json: 'application/json', webmanifest: 'application/manifest+json' };
const complaints = [];
let browser, server, page;

before(async () => {
  if (skip) return;
  const pages = {};
  for (const name of [...readdirSync(DEMO).filter((f) => f.includes('.')), 'icons/icon.svg', 'samples/page.png', 'samples/samples.json']) {
    const body = readFileSync(path.join(DEMO, name));
    pages[`/${name}`] = (response) => response.writeHead(200, { 'content-type': TYPES[name.split('.').pop()] }).end(body);
  }
  pages['/'] = pages['/index.html'];
  browser = await launch();
  server = await serve({ pages });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ['camera'], serviceWorkers: 'block' });
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.stack));
  page.setDefaultTimeout(60_000);
  await page.goto(`${server.origin}/#see`);
});
after(async () => {
  await browser?.close();
  await server?.close();
});

/** A picture of the golden face, as a file of the browser's own making. */
const faceFile = async () => {
  const { width, height } = JSON.parse(readFileSync(path.join(ROOT, 'tests/golden/steps/face.json'), 'utf8'));
  const rgb = [...readFileSync(path.join(ROOT, 'tests/golden/steps/face.bin'))];
  const url = await page.evaluate(async ({ rgb, width, height }) => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    const pixels = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) pixels.data.set([...rgb.slice(3 * i, 3 * i + 3), 255], 4 * i);
    canvas.getContext('2d').putImageData(pixels, 0, 0);
    return canvas.toDataURL('image/png');
  }, { rgb, width, height });
  return { name: 'face.png', mimeType: 'image/png', buffer: Buffer.from(url.split(',')[1], 'base64') };
};
const status = (id, pattern) => page.waitForFunction(([id, source]) => new RegExp(source).test(document.getElementById(id).textContent), [id, pattern]);

test('a face in a picture, then lines', { skip }, async () => {
  await page.setInputFiles('#see-file', await faceFile());
  await status('see-status', '^1 face found');
  assert.match(await page.getAttribute('#see-canvas', 'aria-label'), /1 face found/);
  await page.waitForSelector('#see-facts:not([hidden])');
  await page.check('input[value=lines]');
  await status('see-status', 'lines? found');
  await page.check('input[value=face]');
  await status('see-status', '^1 face found');
});

test('a file that is no picture', { skip }, async () => {
  await page.setInputFiles('#see-file', { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('words') });
  await page.waitForFunction(() => /“notes.txt” is not a picture/.test(document.getElementById('see-alert').textContent));
});

test('a camera, started and stopped', { skip }, async () => {
  await page.evaluate(() => { // a camera that shows a grey wall
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 320, height: 240 });
    const context = canvas.getContext('2d');
    setInterval(() => {
      context.fillStyle = '#888';
      context.fillRect(0, 0, 320, 240);
    }, 30);
    globalThis.wall = canvas.captureStream(30);
    navigator.mediaDevices.getUserMedia = async () => globalThis.wall;
  });
  await page.click('#see-camera');
  await status('see-status', '^No faces found');
  assert.equal(await page.getAttribute('#see-camera', 'aria-pressed'), 'true');
  await page.click('#tab-draw'); // no camera runs behind a closed tab
  assert.equal(await page.evaluate(() => globalThis.wall.getTracks().every((track) => track.readyState === 'ended')), true);
  assert.equal(await page.getAttribute('#see-camera', 'aria-pressed'), 'false');
});

test('a symbol drawn by pen, undone, and the sample', { skip }, async () => {
  const { x, y } = await page.locator('#draw-canvas').boundingBox();
  const stroke = async (...points) => {
    await page.mouse.move(x + points[0][0], y + points[0][1]);
    await page.mouse.down();
    for (const [px, py] of points.slice(1)) await page.mouse.move(x + px, y + py, { steps: 6 });
    await page.mouse.up();
  };
  await stroke([60, 60], [200, 200]);
  await stroke([60, 200], [200, 60]);
  await status('draw-status', 'Most likely times');
  assert.equal(await page.locator('#draw-names li').count(), 5);
  assert.match(await page.locator('#draw-names li').first().textContent(), /^×times\d+ %$/);
  // the ink is where the pen was
  assert.ok(await page.evaluate(() => {
    const canvas = document.getElementById('draw-canvas'), { data } = canvas.getContext('2d').getImageData(60 * devicePixelRatio, 60 * devicePixelRatio, 1, 1);
    return data[3] > 0;
  }));
  await page.click('#draw-undo');
  await page.click('#draw-clear');
  assert.equal(await page.locator('#draw-names li').count(), 0);
  await page.click('#draw-sample');
  await status('draw-status', 'Most likely arrow');
  assert.deepEqual(complaints, []);
});
