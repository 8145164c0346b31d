// Where the time of a model's runs goes: runs it node by node and looks at the clock between them.
import { now } from './platform.js';

/**
 * @typedef {import('./heap.js').Heap} Heap
 * A step of the plan: a node of the file, a fused form of several, or a change of layout. flops: floating-point operations of one
 * execution, multiplications and additions counted as two; 0 where they are not counted.
 * @typedef {{ op: string, name: string, output: string, type: string, shape: number[], flops: number }} StepFacts
 * count: executions; flops, bytes and ms: of all of them. bytes: of inputs and outputs, each counted once.
 * @typedef {StepFacts & { count: number, ms: number, bytes: number }} ProfiledStep
 * What one thread can do here at most, measured in the build in use: GFLOP/s of multiply-adds on registers, and GB/s of reading the memory in
 * which the model lies (64 MiB of it at most: a small model's is a cache). threads: how many the model works on.
 * @typedef {{ gflops: number, gbps: number, threads: number }} Peak
 * planMs: binding inputs and planning new shapes. ms: all.
 * @typedef {{ runs: number, ms: number, planMs: number, steps: ProfiledStep[], peak?: Peak }} ProfileTable
 */

/** Takes about 30 ms. @param {Heap} heap @returns {Peak} */
export function measurePeak(heap) {
  // Engines compile what runs often anew, and clocks of pages are coarse: the best of windows of 2 ms, until five in a row were no better.
  const best = (/** @type {() => number} */ work) => {
    let most = 0;
    for (let windows = 0, stale = 0; windows < 50 && stale < 5; windows++) {
      const start = now();
      let amount = 0;
      do amount += work();
      while (now() - start < 2);
      const rate = amount / (now() - start) / 1e6;
      stale = rate > 1.01 * most ? 0 : stale + 1;
      most = Math.max(most, rate);
    }
    return most;
  };
  return { gflops: best(() => heap.burn(1e6)), gbps: best(() => heap.sweep(2 ** 26)), threads: heap.threads };
}

export class Profile {
  /** By the address of the step, which is the step's as long as its plan lives. @type {Map<number, ProfiledStep>} */
  #steps = new Map();
  #runs = 0;
  #planMs = 0;
  #peak;

  /** @param {Peak} [peak] */
  constructor(peak) {
    this.#peak = peak;
  }

  /** Times what comes before the first node. @param {() => void} start */
  begin(start) {
    const t = now();
    start();
    this.#planMs += now() - t;
    this.#runs++;
  }

  /**
   * Runs for about `budget` milliseconds (0: to the end).
   * @param {Heap} heap
   * @param {number} model
   * @param {number} budget
   * @returns {boolean} whether there is more to do
   */
  advance(heap, model, budget) {
    const end = budget ? now() + budget : Infinity;
    let before = now();
    while (before < end) {
      const step = heap.next(model);
      const begun = now();
      this.#planMs += begun - before;
      if (!step) return heap.step(model, 0);
      const row = this.#row(heap, model, step);
      const start = now();
      heap.stepOne(model);
      before = now();
      row.ms += before - start;
      if (row.count++) continue;
      [row.flops, row.bytes] = workOf(heap, step, row);
      before = now(); // looking is nobody's time
    }
    return true;
  }

  /** @param {Heap} heap @param {number} model @param {number} step */
  #row(heap, model, step) {
    const known = this.#steps.get(step);
    const op = heap.stepOp(step);
    if (known?.op === op) return known;
    const row = { op, name: heap.stepName(step), output: heap.stepOutputName(model, step, 0), type: '', shape: [], flops: 0, bytes: 0, count: 0, ms: 0 };
    this.#steps.set(step, row);
    return row;
  }

  /** @returns {ProfileTable} */
  table() {
    const steps = [...this.#steps.values()].map((s) => ({ ...s, flops: s.flops * s.count, bytes: s.bytes * s.count }));
    return { runs: this.#runs, ms: this.#planMs + steps.reduce((n, s) => n + s.ms, 0), planMs: this.#planMs, steps, ...(this.#peak && { peak: this.#peak }) };
  }
}

const size = (/** @type {number[]} */ dims) => dims.reduce((a, b) => a * b, 1);

/**
 * Floating-point operations, counted where nearly all of the work of models is (convolutions, products, recurrent layers), and bytes. Also
 * notes type and shape of the result.
 * @param {Heap} heap
 * @param {number} step
 * @param {ProfiledStep} row
 * @returns {[number, number]}
 */
function workOf(heap, step, row) {
  const out = heap.stepShape(step, 'output', 0);
  if (!out) return [0, 0];
  row.type = out.type;
  row.shape = out.dims;
  const all = (/** @type {'input' | 'output'} */ side) => Array.from({ length: 16 }, (_, i) => heap.stepShape(step, side, i));
  const inputs = all('input'), outputs = all('output');
  const sum = (/** @type {typeof inputs} */ list) => list.reduce((n, t) => n + (t?.bytes ?? 0), 0);
  return [flopsOf(row, inputs.map((t) => t?.dims ?? [])), /^Gather/.test(row.op) ? 2 * sum(outputs) : sum(inputs) + sum(outputs)]; // a table is not read whole
}

/** @param {ProfiledStep} row @param {number[][]} inputs */
function flopsOf({ op, shape }, inputs) {
  const results = size(shape), [first, second] = inputs;
  if (op === 'ConvTranspose') return 2 * size(first) * size(second) / (second[0] || 1);
  if (/Conv/.test(op)) {
    const weights = inputs[op === 'QLinearConv' ? 3 : 1]; // [M, C / group, kernel…]
    return 2 * results * size(weights) / (weights[0] || 1);
  }
  if (/MatMul/.test(op)) return 2 * results * (first.at(-1) ?? 0);
  if (op === 'Gemm') return 2 * results * size(first) / (shape[0] || 1);
  if (/^(LSTM|GRU|RNN)$/.test(op)) return 2 * first[0] * first[1] * (size(second) + size(inputs[2]));
  return 0;
}
