// Where the time of a model's runs goes: runs it node by node and looks at the clock between them.
import { now } from './platform.js';

/**
 * @typedef {import('./heap.js').Heap} Heap
 * A step of the plan: a node of the file, a fused form of several, or a change of layout. flops: floating-point operations of one
 * execution, multiplications and additions counted as two; 0 where they are not counted.
 * @typedef {{ op: string, name: string, output: string, type: string, shape: number[], flops: number }} StepFacts
 * count: executions; flops and ms: of all of them.
 * @typedef {StepFacts & { count: number, ms: number }} ProfiledStep
 * planMs: binding inputs and planning new shapes. ms: all.
 * @typedef {{ runs: number, ms: number, planMs: number, steps: ProfiledStep[] }} ProfileTable
 */

export class Profile {
  /** By the address of the step, which is the step's as long as its plan lives. @type {Map<number, ProfiledStep>} */
  #steps = new Map();
  #runs = 0;
  #planMs = 0;

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
      if (!row.count++) row.flops = flopsOf(heap, step, row);
    }
    return true;
  }

  /** @param {Heap} heap @param {number} model @param {number} step */
  #row(heap, model, step) {
    const known = this.#steps.get(step);
    const op = heap.stepOp(step);
    if (known?.op === op) return known;
    const row = { op, name: heap.stepName(step), output: heap.stepOutputName(model, step, 0), type: '', shape: [], flops: 0, count: 0, ms: 0 };
    this.#steps.set(step, row);
    return row;
  }

  /** @returns {ProfileTable} */
  table() {
    const steps = [...this.#steps.values()].map((s) => ({ ...s, flops: s.flops * s.count }));
    return { runs: this.#runs, ms: this.#planMs + steps.reduce((n, s) => n + s.ms, 0), planMs: this.#planMs, steps };
  }
}

const size = (/** @type {number[]} */ dims) => dims.reduce((a, b) => a * b, 1);

/**
 * Of the operators where nearly all of the work of models is: convolutions and products. Also notes type and shape of the result.
 * @param {Heap} heap
 * @param {number} step
 * @param {ProfiledStep} row
 */
function flopsOf(heap, step, row) {
  const out = heap.stepShape(step, 'output', 0);
  if (!out) return 0;
  row.type = out.type;
  row.shape = out.dims;
  const shape = (/** @type {number} */ i) => heap.stepShape(step, 'input', i)?.dims ?? [];
  const results = size(out.dims);
  if (row.op === 'ConvTranspose') return 2 * size(shape(0)) * size(shape(1)) / (shape(1)[0] || 1);
  if (/Conv/.test(row.op)) {
    const weights = shape(row.op === 'QLinearConv' ? 3 : 1); // [M, C / group, kernel…]
    return 2 * results * size(weights) / (weights[0] || 1);
  }
  if (/MatMul/.test(row.op)) return 2 * results * (shape(0).at(-1) ?? 0);
  if (row.op === 'Gemm') return 2 * results * size(shape(0)) / (out.dims[0] || 1);
  return 0;
}
