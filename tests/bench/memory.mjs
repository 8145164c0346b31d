// What a model leaves in memory, and whether long runs let it grow.
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { ROOT, SPEED } from './models.mjs';
import { fixed } from './numbers.mjs';

const FEEDS = `const { feedsOf } = await import('/tests/bench/engines.js'); const feeds = Object.fromEntries(feedsOf(arg.inputs, false).map((f) => [f.name, { type: f.type, dims: f.dims, data: f.data }])); const { load } = await import('/dist/index.js');`;

/** @param {Awaited<ReturnType<import('./pages.mjs').launch>>} browser @param {import('./report.mjs').Report} report */
export async function heap(browser, report) {
  const rows = [], results = {};
  for (const name of ['resnet50', 'minilm_l6']) {
    const { file, inputs } = SPEED[name];
    if (!existsSync(path.join(ROOT, file))) continue;
    const bytes = await browser.once(`${FEEDS} const m = await load('/' + arg.file, { worker: false }); await m.run(feeds); return m.report().heapBytes;`, { file, inputs });
    const { size } = statSync(path.join(ROOT, file));
    Object.assign(results, { [name]: { heap: bytes, size } });
    rows.push([name, `${fixed(size / 1e6, 1)} MB`, `${fixed(bytes / 1e6, 1)} MB`, fixed(bytes / size), '≤ 1.25']);
  }
  report.table('wasm memory after loading and running', ['model', 'file', 'memory', 'ratio', 'aim'], rows);
  return results;
}

/** @param {Awaited<ReturnType<import('./pages.mjs').launch>>} browser @param {import('./report.mjs').Report} report */
export async function soak(browser, report) {
  const vad = SPEED.silero_vad;
  const r = await browser.once(`${FEEDS}
    const js = () => { gc(); return performance.memory.usedJSHeapSize; }, pause = (ms) => new Promise((ok) => setTimeout(ok, ms));
    const m = await load('/' + arg.vad, { worker: false });
    for (let i = 0; i < 200; i++) m.runSync(feeds);
    const heap0 = m.report().heapBytes, js0 = js(); for (let i = 0; i < 10000; i++) m.runSync(feeds);
    const runs = { heap: m.report().heapBytes - heap0, js: js() - js0 }; m.dispose();
    const bytes = new Uint8Array(await (await fetch('/' + arg.blaze)).arrayBuffer());
    const cycle = async () => { const b = await load(bytes, { worker: false }); b.dispose(); };
    for (let i = 0; i < 50; i++) await cycle();
    await pause(300);
    const js1 = js(); for (let i = 0; i < 1000; i++) { await cycle(); if (i % 50 === 0) await pause(20); }
    await pause(300);
    return { runs, cycles: { js: js() - js1 } };`, { vad: vad.file, inputs: vad.inputs, blaze: SPEED.blazeface.file });
  report.table('Long runs: growth in bytes', ['', 'wasm memory', 'JavaScript heap'], [['10,000 runs of silero_vad', r.runs.heap, r.runs.js], ['1,000 cycles of load and dispose, BlazeFace', 'one instance each, dropped', r.cycles.js]]);
  return r;
}
