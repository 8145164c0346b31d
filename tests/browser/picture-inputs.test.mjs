// quern/features takes pictures in every form that a page has them, and gives the same numbers for all.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, serve, skipReason } from './helpers/browser.mjs';

const skip = skipReason(['features.js', 'quern-pictures.wasm']);
let browser, server, page;
before(async () => {
  if (skip) return;
  browser = await launch();
  server = await serve({ pages: { '/': '<!doctype html><title>pictures</title>' } });
  page = await browser.newPage();
  await page.goto(`${server.origin}/`);
});
after(async () => {
  await browser?.close();
  await server?.close();
});

test('bitmaps, canvases, elements, frames, blobs and pixels', { skip }, async () => {
  const results = await page.evaluate(async () => {
    const { image } = await import('/dist/features.js');
    const extract = await image([{ step: 'color' }, { step: 'resize', width: 5, height: 4 }]);
    const pixels = new ImageData(20, 16);
    for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = i % 4 === 3 ? 255 : (i * 53) & 255;
    const canvas = Object.assign(document.createElement('canvas'), { width: 20, height: 16 }), offscreen = new OffscreenCanvas(20, 16);
    for (const one of [canvas, offscreen]) one.getContext('2d', { willReadFrequently: true }).putImageData(pixels, 0, 0);
    const blob = await offscreen.convertToBlob(), img = new Image();
    img.src = URL.createObjectURL(blob);
    const frame = new VideoFrame(canvas, { timestamp: 0 });
    const forms = { pixels, canvas, offscreen, blob, img, frame, bitmap: await createImageBitmap(pixels), raw: { data: pixels.data, width: 20, height: 16 } };
    const results = {};
    for (const [name, form] of Object.entries(forms)) results[name] = [...(await extract(form)).data];
    results.again = [...(await extract(canvas)).data]; // nothing is used up, and nothing of the picture before shines through
    const clear = new OffscreenCanvas(20, 16);
    clear.getContext('2d');
    results.clear = [...(await extract(clear)).data];
    const video = Object.assign(document.createElement('video'), { srcObject: canvas.captureStream(30), muted: true });
    const refusal = await extract(video).catch((error) => error.message);
    const painted = setInterval(() => canvas.getContext('2d').putImageData(pixels, 0, 0), 20);
    await video.play();
    results.video = (await extract(video)).dims;
    clearInterval(painted);
    // what is changed after the call does not matter
    const late = new Uint8ClampedArray(pixels.data), coming = extract({ data: late, width: 20, height: 16 });
    late.fill(0);
    results.late = [...(await coming).data];
    return { results, refusal };
  });
  const { pixels, video, clear, ...others } = results.results;
  for (const [name, data] of Object.entries(others)) assert.deepEqual(data, pixels, name);
  assert.ok(clear.every((v) => v === 0));
  assert.deepEqual(video, [4, 5, 3]);
  assert.match(results.refusal, /the video has no frame yet/);
});

test('a picture of another origin is refused, and the next one is not', { skip }, async () => {
  const other = await serve({ pages: { '/p.svg': (response) => response.writeHead(200, { 'content-type': 'image/svg+xml' }).end('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>') } });
  const results = await page.evaluate(async (url) => {
    const { image } = await import('/dist/features.js');
    const extract = await image([{ step: 'color' }]), canvas = Object.assign(document.createElement('canvas'), { width: 9, height: 9 }), foreign = new Image();
    foreign.src = url;
    await foreign.decode();
    canvas.getContext('2d').drawImage(foreign, 0, 0);
    const refusal = await extract(canvas).catch((error) => error.message);
    return [refusal, (await extract(Object.assign(document.createElement('canvas'), { width: 9, height: 9 }))).dims];
  }, `${other.origin}/p.svg`);
  assert.match(results[0], /another origin/);
  assert.deepEqual(results[1], [9, 9, 3]);
  await other.close();
});
