// What planning costs, in Chromium, on the calling thread: the first plan of a page, and the plan when one dimension of a model's inputs is
// another. Its table's last columns are what the project aims at.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { f32, model as onnx } from '../node/onnx-writer.mjs';
import { ROOT, SPEED } from './models.mjs';
import { fixed, median } from './numbers.mjs';

/** Blocks of five nodes, convolution, activation, gate, pool and sum, of any height. */
export function blocks(count = 100) {
  const nodes = [], /** @type {Record<string, any>} */ initializers = {};
  let x = 'x';
  for (let i = 0; i < count; i++) {
    const [w, c, t, m, p, y] = ['w', 'c', 't', 'm', 'p', 'y'].map((n) => n + i);
    initializers[w] = f32([4, 4, 3, 3], ...Array.from({ length: 144 }, (_, k) => (((k * 37 + i) % 19) - 9) / 90));
    nodes.push({ op: 'Conv', in: [x, w], out: [c], attrs: { pads: [1n, 1n, 1n, 1n] } }, { op: 'Tanh', in: [c], out: [t] }, { op: 'Mul', in: [t, x], out: [m] },
      { op: 'MaxPool', in: [m], out: [p], attrs: { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n] } }, { op: 'Add', in: [p, x], out: [y] });
    x = y;
  }
  return onnx({ nodes, inputs: [{ name: 'x', dims: [1, 4, 'h', 8] }], outputs: [{ name: x, dims: [1, 4, 'h', 8] }], initializers });
}

const float = (/** @type {number[]} */ dims) => ({ type: 'float32', dims, low: -1, high: 1 });
const resized = (/** @type {Record<string, import('./models.mjs').Spec>} */ inputs, /** @type {(name: string) => number[] | null} */ dims) => Object.fromEntries(Object.entries(inputs).map(([k, t]) => [k, { ...t, dims: dims(k) ?? t.dims }]));
const BLOCKS = 'build/bench-models/blocks_500.onnx';
/** What changes, and the inputs for its size n. @type {[string, string, (n: number) => Record<string, import('./models.mjs').Spec>][]} */
const CASES = [
  ['blocks_500, height', BLOCKS, (n) => ({ x: float([1, 4, 4 + n, 8]) })],
  ['minilm_l6, tokens', SPEED.minilm_l6.file, (n) => resized(SPEED.minilm_l6.inputs, () => [1, 4 + n])],
  ['gpt_block, rows of the cache', SPEED.gpt_block.file, (n) => resized(SPEED.gpt_block.inputs, (name) => (name.startsWith('past') ? [1, 8, 8 + n, 64] : null))],
  ['ocr_rec, width', SPEED.ocr_rec.file, (n) => ({ x: float([1, 3, 48, 8 * (8 + n)]) })],
];
/** So many sizes go round, more than the plans that are kept, so that each is planned anew; engines compile in the first rounds. */
const SIZES = 60, ROUNDS = 5;

/** Each size runs twice: planned, then with the plan that is there; the difference is the planning. */
const MEASURE = `
  const { load } = await import('/dist/index.js'), { feedsOf } = await import('/tests/bench/engines.js');
  const sizes = arg.inputs.map((inputs) => Object.fromEntries(feedsOf(inputs, false).map((f) => [f.name, { type: f.type, dims: f.dims, data: f.data }])));
  const m = await load('/' + arg.file, { worker: false, threads: 1 });
  const planned = () => m.report({ profile: true }).profile.model.planMs;
  const run = (f) => { const before = planned(); m.runSync(f); return planned() - before; };
  planned();
  const first = run(sizes[0]), rounds = [];
  for (let k = 0; k < arg.rounds; k++) rounds.push(sizes.map((f) => [run(f), run(f)]));
  const { plan } = m.report();
  return { first, rounds, nodes: plan.nodes, nodesInFile: plan.nodesInFile };`;

/** @param {Awaited<ReturnType<import('./pages.mjs').launch>>} browser @param {import('./report.mjs').Report} report */
export async function overhead(browser, report) {
  mkdirSync(path.dirname(path.join(ROOT, BLOCKS)), { recursive: true });
  writeFileSync(path.join(ROOT, BLOCKS), blocks());
  const rows = [], /** @type {Record<string, { nodes: number, nodesInFile: number, firstMs: number, newUs: number, least: number }>} */ results = {};
  for (const [name, file, inputs] of CASES) {
    if (!existsSync(path.join(ROOT, file))) continue;
    const r = await browser.once(MEASURE, { file, inputs: Array.from({ length: SIZES }, (_, i) => inputs(i)), rounds: ROUNDS });
    const per = r.rounds.map((/** @type {number[][]} */ round) => (1e5 * (median(round.map((x) => x[0])) - median(round.map((x) => x[1])))) / r.nodes);
    results[name] = { nodes: r.nodes, nodesInFile: r.nodesInFile, firstMs: r.first, newUs: median(per.slice(1)), least: Math.min(...per) };
    rows.push([name, `${r.nodes} (${r.nodesInFile})`, fixed(r.first), file === BLOCKS ? '≤ 5' : '', fixed(results[name].newUs, 0), fixed(results[name].least, 0), '≤ 20']);
  }
  report.table('Planning', ['what changes', 'nodes (in the file)', 'first plan, ms', 'aim', 'a new size, µs for 100 nodes', 'at best', 'aim'], rows,
    `The first plan of a page, everything cold, weights packed in it; then sizes of one dimension that are in no plan that is kept: medians of ${SIZES} in each of ${ROUNDS} rounds, less what a run takes to find a plan that is there.`);
  return results;
}
