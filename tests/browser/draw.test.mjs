// The step `draw` against a canvas, which models of drawn symbols are trained behind.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, serve, skipReason } from './helpers/browser.mjs';

const skip = skipReason(['features.js', 'quern-pictures.wasm']);
let browser, server, page;
before(async () => {
  if (skip) return;
  browser = await launch();
  server = await serve({ pages: { '/': '<!doctype html><title>draw</title>' } });
  page = await browser.newPage();
  await page.goto(`${server.origin}/`);
});
after(async () => {
  await browser?.close();
  await server?.close();
});

test('strokes look as on a canvas', { skip }, async () => {
  const results = await page.evaluate(async () => {
    const { strokes } = await import('/dist/features.js');
    const draw = await strokes([{ step: 'draw', size: 64, margin: 6, pen: 5 }]);
    const onCanvas = (lines) => {
      const canvas = new OffscreenCanvas(64, 64), context = canvas.getContext('2d', { willReadFrequently: true });
      const all = lines.flat(), low = [0, 1].map((a) => Math.min(...all.map((p) => p[a]))), high = [0, 1].map((a) => Math.max(...all.map((p) => p[a])));
      const scale = 52 / Math.max(high[0] - low[0], high[1] - low[1]);
      context.strokeStyle = 'white';
      context.lineWidth = 5;
      context.fillRect(0, 0, 64, 64);
      for (const line of lines) {
        context.beginPath();
        for (const point of line) context.lineTo(...point.map((v, a) => Math.round((v - (low[a] + high[a]) / 2) * scale + 32)));
        context.stroke();
      }
      return context.getImageData(0, 0, 64, 64).data.filter((_, i) => i % 4 === 0);
    };
    const curve = Array.from({ length: 30 }, (_, i) => [i * 3, 40 + 30 * Math.sin(i / 4)]);
    const cases = [[[[0, 0], [10, 4]]], [[[0, 0], [30, 10], [5, 40], [50, 50]]], [[[0, 0], [40, 0]], [[20, -10], [20, 30], [22, -8]]], [curve], [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]];
    const found = [];
    for (const lines of cases) {
      const { data } = await draw(lines), want = onCanvas(lines);
      found.push({ mean: data.reduce((sum, v, i) => sum + Math.abs(v - want[i]), 0) / data.length, lit: want.filter((v) => v > 127).length });
    }
    return found;
  });
  // A browser weighs the edge of a line in 256 steps, the step in 16 samples.
  for (const { mean, lit } of results) assert.ok(lit > 50 && mean < 1.5, `${mean} of 255 apart on average, ${lit} pixels drawn`);
});
