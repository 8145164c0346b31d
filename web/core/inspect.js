// What is in a model and what it would take to run it, also where it cannot be loaded.
import { messageOf } from './errors.js';
import { Heap } from './heap.js';
import { getModule } from './runtime.js';
import { Session } from './session.js';
import { ARRAYS, PER_ELEMENT, countOf } from './tensor.js';

/**
 * @typedef {import('./source.js').SourceSpec} SourceSpec
 * @typedef {import('./profile.js').StepFacts} StepFacts
 * supported: this build has it for the opset that the model imports. count: nodes, those in bodies of control flow included.
 * @typedef {{ domain: string, name: string, opset: number, count: number, supported: boolean }} OpUse
 * @typedef {{ type: string, count: number, elements: number, bytes: number }} TensorUse
 * whole: false when shapes depend on data, so that the plan and its memory are those up to there. peakBytes: weights, inputs and
 * activations of these shapes together; wasmBytes: what the instance holds for them. problem: why there is no plan.
 * @typedef {{ problem: string, whole: boolean, steps: Omit<StepFacts, 'flops'>[], peakBytes: number, activationBytes: number, wasmBytes: number }} PlanFacts
 * problem: why the model cannot be loaded, '' when it can. rare: it needs the second wasm file. runs: entries of the operator table in use after the passes. plan: null unless
 * all shapes are known or given.
 * @typedef {{ problem: string, rare: boolean, ir: number, opsets: Record<string, number>, ops: OpUse[], missing: OpUse[],
 *   runs: { domain: string, name: string, since: number }[], tensors: TensorUse[],
 *   inputs: import('./heap.js').Port[], outputs: import('./heap.js').Port[], stats: Record<string, number>, plan: PlanFacts | null }} Inspection
 * shapes: of inputs by name; those that the model declares in full need none.
 * @typedef {{ shapes?: Record<string, readonly number[]>, signal?: AbortSignal, onProgress?: (progress: import('./session.js').Progress) => void,
 *   externalData?: Map<string, SourceSpec>, module?: WebAssembly.Module, rare?: import('./runtime.js').RareSource, deterministic?: boolean }} InspectOptions
 */

/**
 * @param {SourceSpec} source
 * @param {InspectOptions} [options]
 * @returns {Promise<Inspection>}
 */
export async function inspectLocal(source, options = {}) {
  const heap = await Heap.create(options.module ?? await getModule(options.deterministic), undefined, options.rare);
  const session = new Session(heap);
  try {
    let problem = '';
    await session.read(source, options).catch((error) => {
      if (options.signal?.aborted || error.code === 'network' || error.code === 'aborted') throw error;
      problem = messageOf(error);
    });
    const file = parse(session.use((model) => heap.describe(model)));
    return { problem, rare: heap.isRare, ...file, inputs: session.inputs, outputs: session.outputs, stats: session.stats(), plan: problem ? null : plan(session, heap, options.shapes ?? {}) };
  } finally {
    session.dispose();
    heap.drop();
  }
}

/** The lines of src/graph/describe.h. @param {string} text */
function parse(text) {
  let ir = 0;
  /** @type {Record<string, number>} */
  const opsets = {};
  /** @type {OpUse[]} */
  const ops = [];
  /** @type {Inspection['runs']} */
  const runs = [];
  /** @type {TensorUse[]} */
  const tensors = [];
  for (const line of text.split('\n')) {
    const [what, a, b, c, d] = line.split('\t');
    if (what === 'ir') ir = Number(a);
    else if (what === 'opset') opsets[a] = Number(b);
    else if (what === 'op') ops.push({ domain: a, name: b, opset: opsets[a] ?? 0, count: Number(c), supported: d === '1' });
    else if (what === 'runs') runs.push({ domain: a, name: b, since: Number(c) });
    else if (what === 'tensor') tensors.push({ type: a, count: Number(b), elements: Number(c), bytes: Number(d) });
  }
  return { ir, opsets, ops, missing: ops.filter((op) => !op.supported), runs, tensors };
}

/**
 * @param {Session} session
 * @param {Heap} heap
 * @param {Record<string, readonly number[]>} shapes
 * @returns {PlanFacts | null}
 */
function plan(session, heap, shapes) {
  const known = session.inputs.filter((p) => p.kind === 'tensor' && (shapes[p.name] || (p.dims && p.dims.every((d) => typeof d === 'number' && d > 0))));
  if (session.inputs.some((p) => !known.includes(p) && !p.optional && p.kind !== 'optional')) return null;
  try {
    /** @type {Record<string, any>} */
    const feeds = {};
    for (const { name, type, dims } of known) {
      const shape = shapes[name] ?? /** @type {number[]} */ (dims), count = Math.ceil(countOf(shape) * (PER_ELEMENT[type] ?? 1));
      feeds[name] = { type, dims: shape, data: type === 'string' ? Array(count).fill('') : new ARRAYS[type](count) };
    }
    const { steps, whole } = session.plan(feeds);
    const { heapBytes, arenaBytes } = session.stats();
    return { problem: '', whole, steps, peakBytes: heapBytes, activationBytes: arenaBytes, wasmBytes: heap.bytes };
  } catch (error) {
    return { problem: messageOf(error), whole: false, steps: [], peakBytes: 0, activationBytes: 0, wasmBytes: heap.bytes };
  }
}
