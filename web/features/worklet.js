// dist/quern-worklet.js: steps of sound in an AudioWorklet, on the thread that has the samples. What goes out are frames; the model that takes
// them runs elsewhere. audio.worklet() of quern/features makes the node.
import './utf8-fallback.js';
import { QuernError } from '../core/errors.js';
import { setModules } from './module.js';
import { Pipeline } from './pipeline.js';

/**
 * @typedef {import('./pipeline.js').Step} Step
 * module: quern-features.wasm, compiled or its bytes; block: samples that are gathered before the steps run
 * @typedef {{ module: WebAssembly.Module | ArrayBuffer, steps: readonly Step[], files?: ReadonlyMap<string, Uint8Array>, block?: number }} WorkletOptions
 * What the node posts, and what it takes.
 * @typedef {{ type: 'ready' } | { type: 'frames', results: import('./module.js').NamedTensor[] } | { type: 'flushed' } | { type: 'error', code: string, message: string }} FromWorklet
 * @typedef {'flush' | 'stop'} ToWorklet
 */

const { AudioWorkletProcessor, registerProcessor, sampleRate } = /** @type {any} */ (globalThis);
/** Seconds of sound that are kept while the steps are made. */
const PATIENCE = 10;

class QuernFeatures extends AudioWorkletProcessor {
  /** @type {Pipeline | null} */
  #pipeline = null;
  /** @type {((samples: Float32Array, last: boolean) => import('./module.js').NamedTensor[]) | null} */
  #put = null;
  #block;
  /** Samples not put yet. */
  #waiting = new Float32Array(0);
  #count = 0;
  #flush = false;
  #done = false;

  /** @param {{ processorOptions: WorkletOptions }} options */
  constructor({ processorOptions }) {
    super();
    this.#block = Math.max(1, Math.min(Number(processorOptions.block ?? 1024), 16384));
    this.port.onmessage = (/** @type {MessageEvent<ToWorklet>} */ { data }) => {
      if (data === 'flush') this.#flush = true;
      else this.#end();
      this.#work();
    };
    this.#open(processorOptions).catch((error) => this.#fail(error));
  }

  /** @param {WorkletOptions} options */
  async #open({ module, steps, files = new Map() }) {
    setModules({ features: module });
    const pipeline = await Pipeline.create('steps', steps, files, 'features');
    if (this.#done) return pipeline.dispose();
    this.#pipeline = pipeline;
    if (pipeline.source !== 'sound') throw new QuernError('bad-argument', `'${steps[0]?.step}' cannot begin a list of steps for sound`);
    this.#put = pipeline.openStream(sampleRate, this.#block);
    this.#post({ type: 'ready' });
    this.#work();
  }

  /** @param {FromWorklet} message @param {Transferable[]} [transfer] */
  #post(message, transfer = []) {
    this.port.postMessage(message, transfer);
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#post({ type: 'error', code: error instanceof QuernError ? error.code : 'internal', message: error instanceof Error ? error.message : String(error) });
    this.#end();
  }

  #end() {
    this.#done = true;
    this.#pipeline?.dispose();
    this.#pipeline = this.#put = null;
  }

  /** Whole blocks through the steps, and at a flush the rest. */
  #work() {
    const put = this.#put;
    if (!put || this.#done) return;
    try {
      let at = 0;
      for (; this.#count - at >= this.#block; at += this.#block) this.#send(put(this.#waiting.subarray(at, at + this.#block), false));
      if (this.#flush) {
        this.#send(put(this.#waiting.subarray(at, this.#count), true));
        at = this.#count;
        this.#flush = false;
        this.#post({ type: 'flushed' });
      }
      this.#waiting.copyWithin(0, at, this.#count);
      this.#count -= at;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {import('./module.js').NamedTensor[]} results */
  #send(results) {
    if (results.some((t) => t.data.length)) this.#post({ type: 'frames', results }, /** @type {any} */ ([...new Set(results.map((t) => /** @type {any} */ (t.data).buffer).filter(Boolean))]));
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    if (this.#done) return false;
    const length = channels[0]?.length ?? 0;
    if (!length) return true;
    if (this.#count > PATIENCE * sampleRate) {
      this.#fail(new QuernError('bad-state', `the steps were not ready within ${PATIENCE} seconds of sound`));
      return false;
    }
    if (this.#count + length > this.#waiting.length) {
      const longer = new Float32Array(2 * (this.#count + length + this.#block));
      longer.set(this.#waiting.subarray(0, this.#count));
      this.#waiting = longer;
    }
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.#waiting[this.#count++] = sum / channels.length;
    }
    this.#work();
    return !this.#done;
  }
}

registerProcessor('quern-features', QuernFeatures);
