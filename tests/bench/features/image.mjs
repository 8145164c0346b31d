// Resizing and normalising a picture of 1920×1080 to a model's 224×224, in Chromium: the steps beside what a page does otherwise, a canvas that
// draws the picture small, getImageData and a loop in JavaScript. A canvas takes four pixels for each of its own (low) or filters (high), as steps
// that are like OpenCV's or Pillow's do. In turns in one page; prints medians and their ratio. node tests/bench/features/image.mjs
import { cpus } from 'node:os';
import { launch, serve } from '../../browser/helpers/browser.mjs';

const server = await serve({ pages: { '/': '<!doctype html><title>bench</title>' } }), browser = await launch();
const page = await browser.newPage();
await page.goto(`${server.origin}/`);
const rows = await page.evaluate(async () => {
  const { image } = await import('/dist/features.js');
  const WIDTH = 1920, HEIGHT = 1080, SIDE = 224, ROUNDS = 40;
  const MEAN = [0.485, 0.456, 0.406], STD = [0.229, 0.224, 0.225];
  const steps = (how) => image([{ step: 'resize', width: SIDE, height: SIDE, ...how }, { step: 'color' }, { step: 'normalize', mean: MEAN, std: STD }, { step: 'layout' }]);
  const plain = await steps({ like: 'opencv' }), filtered = await steps({ like: 'pillow' });
  const pixels = new ImageData(WIDTH, HEIGHT);
  for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = i % 4 === 3 ? 255 : (i * 7 + ((i >> 8) * 13)) & 255;
  const bitmap = await createImageBitmap(pixels);

  const small = new OffscreenCanvas(SIDE, SIDE).getContext('2d', { willReadFrequently: true });
  const whole = new OffscreenCanvas(WIDTH, HEIGHT).getContext('2d', { willReadFrequently: true });
  const byHand = (source, quality) => {
    small.imageSmoothingQuality = quality;
    if (source instanceof ImageData) {
      whole.putImageData(source, 0, 0);
      source = whole.canvas;
    }
    small.drawImage(source, 0, 0, SIDE, SIDE);
    const { data } = small.getImageData(0, 0, SIDE, SIDE), out = new Float32Array(3 * SIDE * SIDE);
    for (let i = 0; i < SIDE * SIDE; i++) for (let c = 0; c < 3; c++) out[c * SIDE * SIDE + i] = (data[4 * i + c] / 255 - MEAN[c]) / STD[c];
    return out;
  };
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  const rows = [];
  for (const [name, source, extract, quality] of [
    ['ImageData, not antialiased', pixels, plain, 'low'], ['ImageData, antialiased', pixels, filtered, 'high'], ['ImageData, antialiased beside a canvas that is not', pixels, filtered, 'low'],
    ['ImageBitmap, not antialiased', bitmap, plain, 'low'], ['ImageBitmap, antialiased', bitmap, filtered, 'high'],
  ]) {
    const ours = [], theirs = [];
    for (let k = 0; k < ROUNDS; k++) {
      const begin = performance.now();
      await extract(source);
      const between = performance.now();
      byHand(source, quality);
      theirs.push(performance.now() - between);
      ours.push(between - begin);
    }
    rows.push({ name, ours: median(ours), theirs: median(theirs) });
  }
  return rows;
});
console.log(`${cpus()[0].model}, Chromium ${browser.version()}`);
for (const { name, ours, theirs } of rows) console.log(`${name} 1920×1080 → 224×224: steps ${ours.toFixed(2)} ms, canvas and loop ${theirs.toFixed(2)} ms, ratio ${(ours / theirs).toFixed(2)}`);
await browser.close();
await server.close();
