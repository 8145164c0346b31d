// The core's plan as the GPU executor reads it: steps with attributes, and where their tensors lie in the heap. With web/core/heap.js the
// only file that touches the memory of models.
import { ARRAYS } from '../core/tensor.js';

/**
 * A tensor of a step. lastUse: the node after which its memory is used again. place: 'run' is computed in this run or an input of it, 'constant' the model's, 'plan' known with the plan.
 * @typedef {{ type: string, dims: number[], count: number, at: number, bytes: number, place: 'run' | 'constant' | 'plan', tensor: boolean, lastUse: number }} Port
 */

const decoder = new TextDecoder();
const PLACES = /** @type {const} */ (['run', 'constant', 'plan']);
const PORT = 18, HEAD = 8, KEPT = 0x7fffffff;

export class Plan {
  #inside;
  #model;
  /** Where facts come out. */
  #room = 0;
  #words = 0;

  /** @param {import('../core/heap.js').Heap} heap @param {number} model */
  constructor(heap, model) {
    this.#inside = heap.inside();
    this.#model = model;
  }

  /** @param {number} words @returns {number} its place */
  #space(words) {
    if (words > this.#words) {
      this.#inside.call('release', this.#room);
      this.#room = this.#inside.call('alloc', 4 * words) >>> 0;
      this.#words = words;
    }
    return this.#room;
  }

  /** @param {number} at @param {number} words */
  #read(at, words) {
    return new Uint32Array(this.#inside.bytes().slice(at, at + 4 * words).buffer);
  }

  get serial() {
    return this.#inside.call('plan_serial', this.#model);
  }

  /** Where the activations lie now. */
  arena() {
    const room = this.#space(24), at = this.#inside.call('plan_arena', this.#model, room) >>> 0;
    return { at, end: at + this.#read(room, 1)[0] };
  }

  /** The step that comes next, planned if need be. @returns {Step | null} */
  next() {
    this.#inside.check(this.#model, this.#inside.call('run_next', this.#model));
    const step = this.#inside.call('next_step', this.#model);
    return step ? this.step(step) : null;
  }

  /** Of the segment that is planned. @param {number} [most] @returns {Step[]} */
  steps(most = Infinity) {
    const steps = [];
    for (let i = 0, step; i < most && (step = this.#inside.call('plan_step', this.#model, i)); i++) steps.push(this.step(step));
    return steps;
  }

  get isWhole() {
    return Boolean(this.#inside.call('plan_is_whole', this.#model));
  }

  /** @param {number} step */
  step(step) {
    const ports = this.#inside.call('step_ports', step), words = HEAD + PORT * ports, room = this.#space(words);
    this.#inside.call('step_facts', step, room);
    return new Step(this, step, this.#read(room, words));
  }

  get outputs() {
    return this.#inside.call('output_count', this.#model);
  }

  /** Where inputs lie. @param {readonly number[]} bound @returns {number[]} by input */
  inputs(bound) {
    /** @type {number[]} */
    const places = [];
    for (const i of bound) places[i] = this.valueAt(this.#inside.call('input_value', this.#model, i));
    return places;
  }

  /** What must be in the heap before the plan goes on. @returns {number[]} addresses */
  needs() {
    const found = [];
    for (let i = 0, value; (value = this.#inside.call('plan_need', this.#model, i)); i++) found.push(this.valueAt(value));
    return found;
  }

  /** @param {number} value @returns {number} where its data lies */
  valueAt(value) {
    const room = this.#space(24);
    this.#inside.call('value_facts', value, room);
    return this.#read(room, 6)[3];
  }

  /** An output of the finished run. @param {number} i @returns {Port} */
  output(i) {
    const value = this.#inside.call('output_value', this.#model, i), room = this.#space(24);
    this.#inside.call('value_facts', value, room);
    const facts = this.#read(room, 22), dims = Array.from({ length: facts[2] }, (_, d) => facts[6 + 2 * d]);
    return { type: this.#inside.types[facts[1]], dims, count: dims.reduce((a, b) => a * b, 1), at: facts[3], bytes: facts[4], place: 'run', tensor: facts[0] === 0, lastUse: KEPT };
  }

  skip() {
    this.#inside.check(this.#model, this.#inside.call('run_skip', this.#model));
  }

  runWhole() {
    this.#inside.check(this.#model, this.#inside.call('run_whole', this.#model));
  }

  /** The elements as they lie in the heap, until the memory grows. @param {Port} port @returns {any} */
  view({ type, at, bytes }) {
    const heap = this.#inside.bytes(), Type = ARRAYS[type];
    return new Type(heap.buffer, at, bytes / Type.BYTES_PER_ELEMENT);
  }

  /** @param {number} step @param {string} name */
  attr(step, name) {
    const room = this.#space(64), bytes = this.#inside.bytes();
    for (let i = 0; i < name.length; i++) bytes[room + 32 + i] = name.charCodeAt(i);
    bytes[room + 32 + name.length] = 0;
    this.#inside.call('step_attr', step, room + 32, room);
    const facts = this.#read(room, 8), view = new DataView(facts.buffer);
    if (!facts[0]) return null;
    const memory = this.#inside.bytes(), list = facts[7];
    return {
      int: Number(view.getBigInt64(4, true)), float: view.getFloat32(12, true),
      text: decoder.decode(memory.slice(facts[4], facts[4] + facts[5])),
      ints: facts[0] === 7 ? Array.from(new BigInt64Array(memory.slice(list, list + 8 * facts[6]).buffer), Number) : [],
      floats: facts[0] === 6 ? Array.from(new Float32Array(memory.slice(list, list + 4 * facts[6]).buffer)) : [],
    };
  }

  /** @param {number} step @param {number} which 0 domain, 1 operator, 2 name */
  text(step, which) {
    return this.#inside.text(this.#inside.call('step_text', step, which));
  }

  /** @param {number} word */
  typeOf(word) {
    return this.#inside.types[word];
  }
}

/** One step: a node, or a fused form of several. */
export class Step {
  #plan;
  #step;
  /** @type {Map<string, ReturnType<Plan['attr']>>} */
  #attrs = new Map();

  /** @param {Plan} plan @param {number} step @param {Uint32Array} facts of qnw_step_facts */
  constructor(plan, step, facts) {
    this.#plan = plan;
    this.#step = step;
    const floats = new Float32Array(facts.buffer);
    const [inputs, outputs, opset, flags] = facts;
    this.op = plan.text(step, 1);
    this.domain = plan.text(step, 0);
    this.opset = opset;
    this.control = Boolean(flags & 1);
    this.dynamic = Boolean(flags & 2);
    this.node = facts[6] | 0;
    this.low = floats[4];
    this.high = floats[5];
    const port = (/** @type {number} */ i) => {
      const at = HEAD + PORT * i;
      if (!facts[at]) return null;
      return { tensor: facts[at + 1] === 0, type: plan.typeOf(facts[at + 2]), dims: Array.from(facts.subarray(at + 8, at + 8 + facts[at + 3])), at: facts[at + 4],
        bytes: facts[at + 5], place: PLACES[facts[at + 6]], count: facts[at + 7], lastUse: facts[at + 16] };
    };
    /** @type {(Port | null)[]} */
    this.in = Array.from({ length: inputs }, (_, i) => port(i));
    /** @type {(Port | null)[]} */
    this.out = Array.from({ length: outputs }, (_, i) => port(inputs + i));
  }

  get name() {
    return this.#plan.text(this.#step, 2);
  }

  /** @param {string} name */
  attr(name) {
    if (!this.#attrs.has(name)) this.#attrs.set(name, this.#plan.attr(this.#step, name));
    return this.#attrs.get(name) ?? null;
  }

  /** @param {string} name @param {number} otherwise */
  int(name, otherwise) {
    return this.attr(name)?.int ?? otherwise;
  }

  /** @param {string} name @param {number} otherwise */
  float(name, otherwise) {
    return this.attr(name)?.float ?? otherwise;
  }

  /** @param {string} name @param {string} otherwise */
  text(name, otherwise) {
    return this.attr(name)?.text ?? otherwise;
  }

  /** @param {string} name @param {number[]} otherwise */
  ints(name, otherwise) {
    return this.attr(name)?.ints ?? otherwise;
  }

  /** The elements of an input that is known with the plan, or null. @param {number} i @returns {number[] | null} */
  known(i) {
    const port = this.in[i];
    if (!port || port.place === 'run' || !port.tensor || port.type === 'string') return null;
    return Array.from(this.#plan.view(port), Number);
  }
}
