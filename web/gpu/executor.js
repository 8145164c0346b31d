// Runs a model's plan on the graphics card: walks the core's steps, encodes those that have a kernel here, and lets the core run the others
// (CPU islands). What a run did is kept by plan, so that the next run of the same shapes only sends it again.
import { QuernError } from '../core/errors.js';
import { ARRAYS } from '../core/tensor.js';
import { materialize } from './chain.js';
import { KERNELS, startsChain } from './kernels.js';
import { Plan } from './plan.js';
import { SIZES, WORDS, fromWords, toWords } from './words.js';

/**
 * @typedef {import('./plan.js').Step} Step
 * @typedef {import('./plan.js').Port} Port
 * @typedef {import('./pool.js').Block} Block
 * @typedef {import('./shader.js').ShaderSource} ShaderSource
 * at: elements before the first. word: what they are in a shader.
 * @typedef {{ block: Block, at: number, word: 'f32' | 'i32' | 'u32', dims: number[], count: number }} Operand
 * A tensor's place in the heap, and where its contents are. inHeap: they are there.
 * @typedef {{ at: number, end: number, type: string, block: Block | null, first: number, chain: import('./chain.js').Chain | null, inHeap: boolean }} Entry
 * What was done, to be done again. 'feed': input `input` goes up; 'state': it is what the last run kept for it. 'skip': steps that the core passes over; 'whole': one that it runs.
 * @typedef {{ do: 'run', pipeline: GPUComputePipeline, group: GPUBindGroup, x: number, y: number, z: number }
 *   | { do: 'copy', from: GPUBuffer, fromAt: number, to: GPUBuffer, toAt: number, bytes: number }
 *   | { do: 'feed', input: number, type: string, bytes: number, block: Block } | { do: 'state', input: number, bytes: number, block: Block } | { do: 'up', port: Port, block: Block }
 *   | { do: 'down', entries: { at: number, type: string, bytes: number, block: Block, first: number }[] } | { do: 'skip', count: number } | { do: 'whole' }} Deed
 * first: where its first result lay, when it has addresses that move with that; else 0.
 * @typedef {{ deeds: Deed[], outputs: Map<number, { block: Block, first: number, port: Port } | null>, own: Block[], chunks: GPUBuffer[], first: number, islands: string[] }} Program
 */

const CHUNK = 1 << 16, MOST_PROGRAMS = 12;

/** A step that has to run on the CPU, and why. */
export class Unsupported extends Error {}

export class Executor {
  #context;
  #plan;
  #heap;
  #model;
  /** @type {Map<number, Program>} */
  #programs = new Map();
  /** Uploaded constants by address and form. @type {Map<string, Operand>} */
  #constants = new Map();
  /** @type {Entry[]} */
  #entries = [];
  /** @type {GPUCommandEncoder | null} */
  #encoder = null;
  /** @type {GPUComputePassEncoder | null} */
  #pass = null;
  /** Of the program that is being made. @type {Deed[]} */
  #deeds = [];
  /** @type {Block[]} */
  #own = [];
  /** @type {GPUBuffer[]} */
  #chunks = [];
  /** Numbers of shaders that go up before the next submission. */
  #numbers = new Uint32Array(CHUNK / 4);
  #filled = 0;
  #sent = 0;
  /** @type {GPUBuffer[]} chunks of programs that are gone */
  #spare = [];
  /** Buffers that results are read through, by size. @type {Map<number, GPUBuffer>} */
  #staging = new Map();
  /** @type {Step[]} */
  #steps = [];
  #index = 0;
  /** Steps that an earlier one has computed, by index: where the result of the last of them is. @type {Map<number, { port: Port, block: Block } | null>} */
  #absorbed = new Map();
  /** Operands that the current step let live. @type {Block[]} */
  #held = [];
  /** @type {string[]} */
  #islands = [];
  /** Where the inputs lie in this run. @type {number[]} */
  #inputs = [];
  /** What runs kept for inputs of later ones. @type {Map<number, { block: Block, room: number, count: number, type: string, dims: number[] }>} */
  #states = new Map();
  /** Where shaders say what is wrong with their data. @type {Block | null} */
  #flag = null;
  /** @type {{ node: string, op: string, sentence: string }[]} */
  #complaints = [];
  /** What the last run did. */
  facts = { dispatches: 0, uploaded: 0, downloaded: 0, islands: /** @type {string[]} */ ([]), replayed: false, submissions: 0 };

  /**
   * @param {import('./device.js').Context} context
   * @param {import('../core/heap.js').Heap} heap
   * @param {number} model
   */
  constructor(context, heap, model) {
    this.#context = context;
    this.#heap = heap;
    this.#model = model;
    this.#plan = new Plan(heap, model);
  }

  /** Why the device can no longer be used, or ''. */
  get lost() {
    return this.#context.lost;
  }

  get shaders() {
    return this.#context.shaders;
  }

  get device() {
    return this.#context.device;
  }

  /**
   * @param {() => readonly number[]} start binds inputs, which it names, and plans the run
   * @param {readonly number[]} wanted outputs
   * @param {() => void} check fails when the run has to end
   * @param {ReadonlyMap<number, { output: number }>} [keep] by input: the output that stays here for the next run
   * @returns {Promise<any[]>} the wanted outputs
   */
  async run(start, wanted, check, keep = new Map()) {
    if (this.#context.lost) throw new QuernError('unavailable', this.#context.lost);
    const bound = start();
    this.#context.failure(); // of another model
    this.facts = { dispatches: 0, uploaded: 0, downloaded: 0, islands: [], replayed: false, submissions: 0 };
    this.#inputs = this.#plan.inputs(bound);
    let replays = null;
    try {
      const known = this.#programs.get(this.#plan.serial);
      if (known && (!known.first || known.first === this.#firstAddress())) {
        this.#programs.delete(this.#plan.serial); // the newest last
        this.#programs.set(this.#plan.serial, known);
        if (this.#fitsStates(known)) await this.#replay(replays = known, check);
        else await this.#record(check);
      } else {
        await this.#record(check);
      }
      if (this.#heap.step(this.#model, 0)) throw new QuernError('internal', 'the plan goes on after its end. This is a bug in Quern.');
      return await this.#collect(wanted, replays, keep);
    } catch (error) {
      this.#heap.cancel(this.#model);
      this.#pass?.end();
      this.#pass = this.#encoder = null;
      throw error;
    } finally {
      this.#forget();
    }
  }

  /** Whether what was fed then is fed now, and what was kept is kept. @param {Program} program */
  #fitsStates({ deeds }) {
    return deeds.every((d) => (d.do === 'feed' ? !this.#states.has(d.input) : d.do === 'state' ? this.#states.has(d.input) : true));
  }

  #firstAddress() {
    const [step] = this.#plan.steps(1);
    return step?.out[0]?.at ?? 0;
  }

  // ---- recording ----

  /** @param {() => void} check */
  async #record(check) {
    const serial = this.#plan.serial, first = this.#firstAddress();
    this.#deeds = [];
    this.#own = [];
    this.#chunks = [];
    this.#islands = [];
    let keeps = this.#plan.isWhole, plan = -1, arena = this.#plan.arena();
    for (;;) {
      if (plan !== this.#plan.serial) {
        plan = this.#plan.serial;
        this.#steps = this.#plan.steps();
        this.#index = 0;
      }
      if (this.#index >= this.#steps.length && !this.#plan.isWhole) {
        const needs = this.#plan.needs();
        await this.#toHeap(this.#entries.filter((e) => needs.some((at) => at >= e.at && at < e.end)));
      }
      const step = this.#plan.next();
      if (!step) break;
      if (plan !== this.#plan.serial) { // the next segment
        keeps = false;
        arena = this.#follow(arena);
        plan = this.#plan.serial;
        this.#steps = this.#plan.steps();
        this.#index = 0;
      }
      keeps &&= !step.control && !step.dynamic;
      if (step.domain === 'quern' && step.op === 'View') this.#whole();
      else if (!this.#onGpu(step)) {
        await this.#island(step);
        check();
      }
      this.#index++;
    }
    for (const e of this.#entries) if (e.chain) this.#compute(e);
    this.#submit();
    if (!keeps) return;
    const before = this.#programs.get(serial);
    if (before) this.#release(before);
    this.#programs.set(serial, { deeds: this.#deeds, outputs: new Map(), own: this.#own, chunks: this.#chunks, first: this.#deeds.some((d) => d.do === 'up' || d.do === 'down') ? first : 0, islands: this.#islands });
    this.#own = [];
    this.#chunks = [];
    if (this.#programs.size <= MOST_PROGRAMS) return;
    const [oldest] = this.#programs;
    this.#programs.delete(oldest[0]);
    this.#release(oldest[1]);
  }

  /** @param {{ own: Block[], chunks: GPUBuffer[] }} program */
  #release({ own, chunks }) {
    for (const block of own) this.#context.pool.destroy(block);
    this.#spare.push(...chunks);
  }

  #skip() {
    this.#plan.skip();
    const last = this.#deeds.at(-1);
    if (last?.do === 'skip') last.count++;
    else this.#deeds.push({ do: 'skip', count: 1 });
  }

  #whole() {
    this.#plan.runWhole();
    this.#deeds.push({ do: 'whole' });
  }

  /** @param {Step} step @returns {boolean} */
  #onGpu(step) {
    const done = this.#absorbed.get(this.#index);
    if (done !== undefined) {
      this.#absorbed.delete(this.#index);
      if (done) this.#put(done.port, done.block, 0, null);
      this.#skip();
      return true;
    }
    const reason = this.#tryGpu(step);
    if (reason === null) this.#skip();
    else if (this.#islands.length < 64) this.#islands.push(`${step.op}${step.name ? ` '${step.name}'` : ''}: ${reason}`);
    for (const block of this.#held.splice(0)) this.#context.pool.drop(block);
    return reason === null;
  }

  /** @param {Step} step @returns {string | null} why not */
  #tryGpu(step) {
    const kernel = KERNELS.get(step.domain && step.domain !== 'quern' ? `${step.domain}.${step.op}` : step.op);
    if (step.control) return 'it runs other graphs';
    if (step.dynamic) return 'the shapes of its results depend on data';
    if (!kernel) return 'there is no kernel for it';
    for (const port of [...step.in, ...step.out]) {
      if (!port) continue;
      if (!port.tensor || !WORDS[port.type]) return `there is no ${port.tensor ? port.type : 'sequence'} on the graphics card`;
      if (port.count * 4 > this.#context.largest) return `a tensor of ${port.count} elements is more than this device binds`;
    }
    if (this.#isSmall(step)) return 'it is quicker where its few integers are';
    if (step.out.every((port) => !port?.count)) return null;
    try {
      kernel(this, step);
      return null;
    } catch (error) {
      if (error instanceof Unsupported || (error instanceof QuernError && error.code === 'unsupported')) return error.message;
      throw error;
    }
  }

  /** Integers of shapes and positions that the core has anyway. @param {Step} step */
  #isSmall(step) {
    return !this.#context.forbidIslands && step.out.every((port) => !port || (port.count <= 1024 && WORDS[port.type] !== 'f32')) &&
      step.in.every((port) => !port || port.place !== 'run' || (port.count <= 1024 && (this.#find(port)?.inHeap ?? true)));
  }

  /** @param {Step} step */
  async #island(step) {
    if (this.#context.forbidIslands) throw new QuernError('unsupported', `on the graphics card: ${this.#islands.at(-1)}`);
    this.facts.islands = this.#islands;
    const entries = step.in.flatMap((port) => (port?.tensor ? this.#find(port) ?? [] : []));
    await this.#toHeap(entries);
    this.#whole();
    for (const port of step.out) if (port?.tensor && port.bytes) this.#overwrite(port.at, port.at + port.bytes);
  }

  // ---- where tensors are ----

  /** @param {{ at: number, bytes: number }} port @returns {Entry | undefined} */
  #find({ at, bytes }) {
    return this.#entries.find((e) => at >= e.at && at + bytes <= e.end && bytes > 0);
  }

  /** What lay here is no more. @param {number} at @param {number} end */
  #overwrite(at, end) {
    this.#entries = this.#entries.filter((e) => {
      if (e.end <= at || e.at >= end) return true;
      this.#dropEntry(e);
      return false;
    });
  }

  /** The activations moved, where the next segment needs more room. @param {{ at: number, end: number }} was */
  #follow(was) {
    const is = this.#plan.arena();
    for (const e of this.#entries) {
      if (is.at === was.at || e.at < was.at || e.end > was.end) continue;
      e.at += is.at - was.at;
      e.end += is.at - was.at;
    }
    return is;
  }

  /** @param {Entry} e */
  #dropEntry(e) {
    if (e.block) this.#context.pool.drop(e.block);
    for (const leaf of e.chain?.leaves ?? []) this.#context.pool.drop(leaf.block);
    e.block = e.chain = null;
  }

  #forget() {
    for (const done of this.#absorbed.values()) if (done) this.#context.pool.drop(done.block);
    this.#absorbed.clear();
    for (const e of this.#entries) this.#dropEntry(e);
    this.#entries = [];
    if (this.#own.length || this.#chunks.length) this.#release({ own: this.#own, chunks: this.#chunks });
    this.#own = [];
    this.#chunks = [];
    this.#filled = this.#sent = 0;
  }

  /**
   * An input's elements, uploaded or computed if need be.
   * @param {Port | null | undefined} port
   * @returns {Operand}
   */
  in(port) {
    if (!port) throw new Unsupported('an input is missing');
    if (port.place === 'constant') return this.constant(port, '', (data) => toWords(port.type, data));
    let entry = this.#find(port);
    if (!entry) this.#entries.push(entry = this.#fromHeap(port));
    if (entry.type !== port.type) throw new Unsupported(`its ${port.type} are the bits of ${entry.type}`);
    if (entry.chain) this.#compute(entry);
    if (!entry.block) this.#upload(entry, port);
    return { block: /** @type {Block} */ (entry.block), at: entry.first + (port.at - entry.at) / SIZES[port.type], word: WORDS[port.type], dims: port.dims, count: port.count };
  }

  /** The only element of what is known with the plan. @param {Port} port @returns {number} */
  valueOf(port) {
    return toWords(port.type, this.#plan.view(port))[0];
  }

  /** The elements of what is known with the plan. @param {Port} port @returns {number[]} */
  floatsOf(port) {
    if (port.place === 'run') throw new Unsupported('an input is not known with the plan');
    return Array.from(toWords(port.type, this.#plan.view(port)));
  }

  /** Numbers that a kernel made for this plan. @param {Float32Array | Uint32Array} words @returns {Operand} */
  table(words) {
    const block = this.#context.pool.own(words.byteLength);
    this.#own.push(block);
    this.device.queue.writeBuffer(block.gpu, 0, words.buffer, words.byteOffset, words.byteLength);
    return { block, at: 0, word: words instanceof Float32Array ? 'f32' : 'u32', dims: [words.length], count: words.length };
  }

  /** The chain of which an input is the result, with as many users more, or null. @param {Port} port */
  chainOf(port) {
    const entry = port.place === 'constant' ? undefined : this.#find(port);
    return entry?.chain && entry.at === port.at && entry.type === port.type ? entry.chain : null;
  }

  /** @param {Port} port @returns {Entry} */
  #fromHeap(port) {
    const input = this.#inputs.indexOf(port.at);
    return { at: port.at, end: port.at + port.bytes, type: port.type, block: null, first: 0, chain: null, inHeap: true, ...(input >= 0 && { input }) };
  }

  /** @param {Entry & { input?: number }} entry @param {Port} port */
  #upload(entry, port) {
    const bytes = ((entry.end - entry.at) / SIZES[entry.type]) * 4, whole = { ...port, at: entry.at, bytes: entry.end - entry.at };
    if (bytes > this.#context.largest) throw new Unsupported(`a tensor of ${bytes} bytes is more than this device binds`);
    const block = this.#context.pool.own(bytes);
    this.#own.push(block);
    block.users = 2; // the program's, and the entry's
    entry.block = block;
    if (entry.input !== undefined && this.#states.has(entry.input)) {
      this.#encodeState({ do: 'state', input: entry.input, bytes, block });
      return;
    }
    if (entry.input !== undefined) this.#deeds.push({ do: 'feed', input: entry.input, type: entry.type, bytes: whole.bytes, block });
    else if (port.place === 'run') this.#deeds.push({ do: 'up', port: whole, block });
    this.#up(whole, block); // nothing that was encoded before sees it: the block is new
  }

  /** @param {Extract<Deed, { do: 'state' }>} deed */
  #encodeState(deed) {
    this.#deeds.push(deed);
    this.#fromState(deed);
  }

  /** @param {Extract<Deed, { do: 'state' }>} deed */
  #fromState({ input, bytes, block }) {
    const { block: kept } = /** @type {any} */ (this.#states.get(input));
    if (bytes) this.#copyAgain({ do: 'copy', from: kept.gpu, fromAt: 0, to: block.gpu, toAt: 0, bytes });
  }

  /** The shape of what is kept for an input, or null. @param {number} input */
  stateOf(input) {
    const state = this.#states.get(input);
    return state ? { type: state.type, dims: state.dims } : null;
  }

  /** Forgets what is kept for an input, which is then given. @param {number} input */
  forgetState(input) {
    const state = this.#states.get(input);
    if (!state) return;
    this.#context.pool.destroy(state.block);
    this.#states.delete(input);
  }

  /** @param {number} input @returns {Promise<{ type: string, dims: number[], data: any }>} a copy */
  async readState(input) {
    const { block, count, type, dims } = /** @type {any} */ (this.#states.get(input)), [data] = await this.#read([{ type, count, block, first: 0 }]);
    return { type, dims, data };
  }

  /** @param {number} input @param {{ block: Block, first: number, port: Port }} place */
  #keepState(input, { block, first, port }) {
    let state = this.#states.get(input);
    const bytes = 4 * port.count;
    if (!state || state.room < bytes) {
      if (state) this.#context.pool.destroy(state.block); // after what was submitted: WebGPU keeps it as long as it is used
      const room = Math.max(256, Math.ceil(bytes * 1.5 / 256) * 256);
      this.#states.set(input, state = { block: this.#context.pool.own(room), room, count: 0, type: '', dims: [] });
    }
    Object.assign(state, { count: port.count, type: port.type, dims: port.dims });
    if (bytes) this.#copyAgain({ do: 'copy', from: block.gpu, fromAt: 4 * first, to: state.block.gpu, toAt: 0, bytes });
  }

  /** @param {Port} port @param {Block} block */
  #up(port, block) {
    const words = toWords(port.type, this.#plan.view(port));
    this.device.queue.writeBuffer(block.gpu, 0, words.buffer, words.byteOffset, words.byteLength);
    this.facts.uploaded += words.byteLength;
  }

  /**
   * A constant in a form of its own, which stays on the card.
   * @param {Port} port
   * @param {string} form
   * @param {(data: any) => Float32Array | Int32Array | Uint32Array} pack
   * @returns {Operand}
   */
  constant(port, form, pack) {
    const key = `${port.at} ${port.bytes} ${port.type} ${form}`;
    let found = this.#constants.get(key);
    if (!found) {
      const words = pack(this.#plan.view(port));
      if (words.byteLength > this.#context.largest) throw new Unsupported(`a tensor of ${words.byteLength} bytes is more than this device binds`);
      const block = this.#context.pool.own(words.byteLength);
      this.device.queue.writeBuffer(block.gpu, 0, words.buffer, words.byteOffset, words.byteLength);
      this.facts.uploaded += words.byteLength;
      this.#constants.set(key, found = { block, at: 0, word: WORDS[port.type], dims: port.dims, count: words.length });
    }
    return { ...found, dims: port.dims };
  }

  /** @param {Port | null | undefined} port @returns {Operand} a place for an output */
  out(port) {
    if (!port) throw new Unsupported('an output is missing');
    const block = this.#context.pool.take(Math.max(4, port.count * 4));
    this.#held.push(block);
    block.users++; // until the step is over, and as long as it is not overwritten
    this.#put(port, block, 0, null);
    return { block, at: 0, word: WORDS[port.type], dims: port.dims, count: port.count };
  }

  /** @param {Port} port @param {Block | null} block @param {number} first @param {import('./chain.js').Chain | null} chain */
  #put(port, block, first, chain) {
    this.#overwrite(port.at, port.at + port.bytes);
    this.#entries.push({ at: port.at, end: port.at + port.bytes, type: port.type, block, first, chain, inHeap: false });
  }

  /** An output that has an input's elements, without a copy. @param {Port | null | undefined} port @param {Operand} of */
  alias(port, of) {
    if (!port) return;
    of.block.users++;
    this.#put(port, of.block, of.at, null);
  }

  /**
   * Where a shader says that a step's data is wrong: it stores `code`.
   * @param {Step} step @param {string} sentence @returns {{ operand: Operand, code: number }}
   */
  flag(step, sentence) {
    this.#complaints.push({ node: step.name, op: step.op, sentence });
    this.#flag ??= this.#context.pool.own(16);
    return { operand: { block: this.#flag, at: 0, word: 'u32', dims: [1], count: 1 }, code: this.#complaints.length };
  }

  /** Room for a step's own use. @param {number} count @returns {Operand} */
  temp(count) {
    const block = this.#context.pool.take(count * 4);
    this.#held.push(block);
    return { block, at: 0, word: 'f32', dims: [count], count };
  }

  /** A result that is computed with what reads it. The chain's leaves have a user each for it. @param {Port} port @param {import('./chain.js').Chain} chain */
  defer(port, chain) {
    this.#put(port, null, 0, chain);
  }

  /**
   * The later steps of this segment that read a result, or null where it is not known who else does.
   * @param {number} index of the step that computes it @param {Port} port
   * @returns {{ index: number, step: Step }[] | null}
   */
  readers(index, port) {
    const found = [];
    const meets = (/** @type {Port | null} */ p) => p && p.at < port.at + port.bytes && port.at < p.at + p.bytes;
    for (let k = index + 1; k < this.#steps.length; k++) {
      const step = this.#steps[k];
      if (step.in.some(meets)) {
        if (!step.in.filter(meets).every((p) => p && p.at === port.at && p.bytes === port.bytes && p.type === port.type)) return null;
        found.push({ index: k, step });
      }
      if (step.out.some(meets)) return found;
    }
    return found.length && port.lastUse <= found[found.length - 1].step.node ? found : null;
  }

  /** Whether an input of step `index` is there already, and stays as it is until then. @param {number} index @param {Port} port */
  isReady(index, port) {
    if (port.place !== 'run') return true;
    if (!this.#find(port)) return false;
    for (let k = this.#index; k < index; k++) if (this.#steps[k].out.some((p) => p && p.at < port.at + port.bytes && port.at < p.at + p.bytes)) return false;
    return true;
  }

  get index() {
    return this.#index;
  }

  /** A place for the result of the last of the steps that the current one computes with its own. @param {number[]} indices in order @param {Port} port @returns {Operand} */
  absorb(indices, port) {
    const block = this.#context.pool.take(Math.max(4, port.count * 4));
    for (const index of indices) this.#absorbed.set(index, null);
    this.#absorbed.set(indices[indices.length - 1], { port, block });
    return { block, at: 0, word: WORDS[port.type], dims: port.dims, count: port.count };
  }

  /** Whether only one later step reads an output, which can take it as a part of a chain of this shape. @param {Step} step @param {Port} port */
  isLink(step, port) {
    let readers = 0, last = step.node;
    for (let k = this.#index + 1; k < this.#steps.length; k++) {
      const s = this.#steps[k];
      if (s.in.some((p) => p && p.at < port.at + port.bytes && port.at < p.at + p.bytes)) {
        const same = s.in.filter((p) => p && p.at < port.at + port.bytes && port.at < p.at + p.bytes).every((p) => p && p.at === port.at && p.bytes === port.bytes && p.type === port.type);
        if (++readers > 1 || !same || !startsChain(s) || s.out[0]?.count !== port.count) return false;
        last = s.node;
      }
      if (s.out.some((p) => p && p.at < port.at + port.bytes && port.at < p.at + p.bytes)) return readers === 1;
    }
    return readers === 1 && port.lastUse <= last;
  }

  /** @param {Entry} entry */
  #compute(entry) {
    const chain = /** @type {import('./chain.js').Chain} */ (entry.chain), block = this.#context.pool.take(chain.count * 4);
    materialize(this, chain, { block, at: 0, word: chain.word, dims: chain.dims, count: chain.count });
    for (const leaf of chain.leaves) this.#context.pool.drop(leaf.block);
    entry.chain = null;
    entry.block = block;
  }

  // ---- encoding ----

  #compute_pass() {
    this.#encoder ??= this.device.createCommandEncoder();
    return this.#pass ??= this.#encoder.beginComputePass();
  }

  /**
   * Encodes a shader.
   * @param {ShaderSource['key']} key
   * @param {() => Omit<ShaderSource, 'key'>} source
   * @param {Operand[]} operands in the order of its buffers
   * @param {number[]} numbers in the order of its numbers, those of `linear` included
   * @param {number | [number, number?, number?]} groups a number: threads of a linear shader
   */
  dispatch(key, source, operands, numbers, groups) {
    const shader = this.shaders.get(key, source);
    const [x, y = 1, z = 1] = typeof groups === 'number' ? spread(Math.ceil(groups / shader.size[0])) : groups;
    if (x > 65535 || y > 65535 || z > 65535) throw new Unsupported('it needs more groups of threads than a device has');
    if (operands.length > 8) throw new Unsupported('it has more tensors than a shader binds');
    const bytes = Math.ceil(shader.numbers.length / 4) * 16;
    if (!this.#chunks.length || this.#filled + bytes > CHUNK) this.#newChunk();
    const words = this.#numbers.subarray(this.#filled / 4), floats = new Float32Array(this.#numbers.buffer, this.#filled);
    [...numbers, ...operands.map((o) => o.at)].forEach((value, i) => {
      if (shader.numbers[i].float) floats[i] = value;
      else words[i] = value;
    });
    const chunk = /** @type {GPUBuffer} */ (this.#chunks.at(-1));
    const group = this.device.createBindGroup({ layout: shader.layout, entries: [
      { binding: 0, resource: { buffer: chunk, offset: this.#filled, size: bytes } },
      ...operands.map(({ block }, i) => ({ binding: i + 1, resource: { buffer: block.gpu } })),
    ] });
    this.#filled += Math.ceil(bytes / 256) * 256;
    this.#encode({ do: 'run', pipeline: shader.pipeline, group, x, y, z });
  }

  #newChunk() {
    this.#sendNumbers();
    this.#chunks.push(this.#spare.pop() ?? this.device.createBuffer({ size: CHUNK, usage: 0x40 | 0x8 })); // UNIFORM | COPY_DST
    this.#filled = this.#sent = 0;
  }

  #sendNumbers() {
    const chunk = this.#chunks.at(-1);
    if (chunk && this.#filled > this.#sent) this.device.queue.writeBuffer(chunk, this.#sent, this.#numbers.buffer, this.#sent, this.#filled - this.#sent);
    this.#sent = this.#filled;
  }

  /** @param {Extract<Deed, { do: 'run' | 'copy' }>} deed */
  #encode(deed) {
    this.#deeds.push(deed);
    this.#again(deed);
  }

  /** @param {Extract<Deed, { do: 'run' | 'copy' }>} deed */
  #again(deed) {
    this.facts.dispatches++;
    if (deed.do === 'run') {
      const pass = this.#compute_pass();
      pass.setPipeline(deed.pipeline);
      pass.setBindGroup(0, deed.group);
      pass.dispatchWorkgroups(deed.x, deed.y, deed.z);
      return;
    }
    this.#copyAgain(deed);
  }

  /** @param {Extract<Deed, { do: 'copy' }>} deed */
  #copyAgain(deed) {
    this.#pass?.end();
    this.#pass = null;
    this.#encoder ??= this.device.createCommandEncoder();
    this.#encoder.copyBufferToBuffer(deed.from, deed.fromAt, deed.to, deed.toAt, deed.bytes);
  }

  /** Elements from one place to another. @param {Operand} from @param {Operand} to @param {number} [count] */
  copy(from, to, count = from.count) {
    this.#encode({ do: 'copy', from: from.block.gpu, fromAt: 4 * from.at, to: to.block.gpu, toAt: 4 * to.at, bytes: 4 * count });
  }

  #submit() {
    this.#sendNumbers();
    this.#pass?.end();
    this.#pass = null;
    if (!this.#encoder) return;
    this.device.queue.submit([this.#encoder.finish()]);
    this.#encoder = null;
    this.facts.submissions++;
  }

  // ---- reading back ----

  /** Their contents into the heap. @param {Entry[]} entries */
  async #toHeap(entries) {
    const list = [...new Set(entries)].filter((e) => !e.inHeap);
    if (!list.length) return;
    for (const e of list) if (e.chain) this.#compute(e);
    const down = /** @type {Extract<Deed, { do: 'down' }>} */ ({ do: 'down',
      entries: list.map((e) => ({ at: e.at, type: e.type, bytes: e.end - e.at, block: /** @type {Block} */ (e.block), first: e.first })) });
    this.#deeds.push(down);
    await this.#down(down);
    for (const e of list) e.inHeap = true;
  }

  /** @param {Extract<Deed, { do: 'down' }>} deed */
  async #down({ entries }) {
    const arrays = await this.#read(entries.map((e) => ({ ...e, count: e.bytes / SIZES[e.type] })));
    entries.forEach((e, i) => this.#plan.view({ ...e, dims: [], count: 0, place: 'run', tensor: true, lastUse: 0 }).set(arrays[i]));
  }

  /**
   * @param {{ type: string, count: number, block: Block, first: number }[]} parts
   * @returns {Promise<any[]>} typed arrays
   */
  async #read(parts) {
    const total = parts.reduce((sum, { count }) => sum + 4 * count, 0);
    if (!total) return parts.map(({ type }) => new ARRAYS[type](0));
    const size = 2 ** Math.ceil(Math.log2(Math.max(256, total)));
    let staging = this.#staging.get(size);
    if (!staging) this.#staging.set(size, staging = this.device.createBuffer({ size, usage: 0x1 | 0x8 })); // MAP_READ | COPY_DST
    this.#pass?.end();
    this.#pass = null;
    this.#encoder ??= this.device.createCommandEncoder();
    let at = 0;
    for (const { block, first, count } of parts) {
      if (count) this.#encoder.copyBufferToBuffer(block.gpu, 4 * first, staging, at, 4 * count);
      at += 4 * count;
    }
    this.#submit();
    try {
      await staging.mapAsync(1, 0, total);
    } catch (cause) {
      this.#staging.delete(size);
      await this.#context.isLost();
      throw this.#context.failure() ?? new QuernError('internal', `the graphics card's results could not be read: ${String(cause)}`, { cause });
    }
    const failure = this.#context.failure();
    if (failure) throw failure;
    const bytes = staging.getMappedRange(0, total).slice(0);
    staging.unmap();
    this.facts.downloaded += total;
    at = 0;
    return parts.map(({ type, count }) => {
      const words = bytes.slice(at, at += 4 * count);
      return fromWords(type, words, ARRAYS[type]);
    });
  }

  // ---- results ----

  /** Where an output is; null: in the heap. @param {number} i @returns {{ block: Block, first: number, port: Port } | null} */
  #place(i) {
    const port = this.#plan.output(i), entry = port.tensor && WORDS[port.type] ? this.#find(port) : undefined;
    return entry?.block && !entry.inHeap ? { block: entry.block, first: entry.first + (port.at - entry.at) / SIZES[port.type], port } : null;
  }

  /** What the core computed, on the card. @param {Port} port */
  #lift(port) {
    if (!port.tensor || !WORDS[port.type]) throw new QuernError('unsupported', `a state of ${port.tensor ? port.type : 'no tensor'} cannot be kept on the graphics card; use the backend 'cpu'`);
    const block = this.#context.pool.own(4 * port.count);
    this.#own.push(block);
    if (port.count) this.#up(port, block);
    return { block, first: 0, port };
  }

  /** @param {readonly number[]} wanted @param {Program | null} program that was run again @param {ReadonlyMap<number, { output: number }>} keep */
  async #collect(wanted, program, keep) {
    const made = program ?? this.#programs.get(this.#plan.serial);
    if (made && !program) for (let i = 0; i < this.#plan.outputs; i++) made.outputs.set(i, this.#place(i));
    const placeOf = (/** @type {number} */ i) => (made ? made.outputs.get(i) ?? null : this.#place(i)), places = wanted.map(placeOf);
    for (const [input, { output }] of keep) {
      this.#keepState(input, placeOf(output) ?? this.#lift(this.#plan.output(output)));
    }
    const parts = places.flatMap((place) => (place ? { type: place.port.type, count: place.port.count, block: place.block, first: place.first } : []));
    if (this.#flag) parts.push({ type: 'uint32', count: 1, block: this.#flag, first: 0 });
    const arrays = await this.#read(parts);
    this.#submit();
    if (this.#flag && arrays.at(-1)[0]) {
      this.device.queue.writeBuffer(this.#flag.gpu, 0, new Uint32Array(1));
      const { node, op, sentence } = this.#complaints[arrays.at(-1)[0] - 1];
      throw new QuernError('bad-argument', `${op}${node ? ` '${node}'` : ''}: ${sentence}`, { node, op });
    }
    let next = 0;
    return wanted.map((i, k) => {
      const place = places[k];
      return place ? { type: place.port.type, dims: place.port.dims, data: arrays[next++] } : this.#heap.output(this.#model, i);
    });
  }

  // ---- again ----

  /** @param {Program} program @param {() => void} check */
  async #replay({ deeds, islands }, check) {
    this.facts.replayed = true;
    this.facts.islands = islands;
    for (const deed of deeds) {
      if (deed.do === 'run' || deed.do === 'copy') this.#again(deed);
      else if (deed.do === 'skip') for (let i = 0; i < deed.count; i++) this.#plan.skip();
      else if (deed.do === 'whole') this.#plan.runWhole();
      else if (deed.do === 'feed') this.#up({ type: deed.type, at: this.#inputs[deed.input], bytes: deed.bytes, dims: [], count: 0, place: 'run', tensor: true, lastUse: 0 }, deed.block);
      else if (deed.do === 'state') this.#fromState(deed);
      else if (deed.do === 'up') this.#up(deed.port, deed.block);
      else {
        await this.#down(deed);
        check();
      }
    }
    this.#submit();
  }

  dispose() {
    for (const program of this.#programs.values()) this.#release(program);
    for (const { block } of this.#constants.values()) this.#context.pool.destroy(block);
    for (const { block } of this.#states.values()) this.#context.pool.destroy(block);
    this.#states.clear();
    for (const buffer of [...this.#staging.values(), ...this.#spare]) buffer.destroy();
    this.#programs.clear();
    this.#constants.clear();
    if (this.#flag) this.#context.pool.destroy(this.#flag);
    this.#staging.clear();
  }
}

/** @param {number} groups @returns {[number, number]} in two dimensions, each within the limit */
function spread(groups) {
  if (groups <= 65535) return [Math.max(1, groups), 1];
  const y = Math.ceil(groups / 65535);
  return [Math.ceil(groups / y), y];
}
