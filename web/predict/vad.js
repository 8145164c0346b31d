// Finding speech: the model's recurrent loop over frames of sound; segments from its probabilities by src/feature/post/vad.c.
import { resample } from '../core/audio.js';
import { QuernError } from '../core/errors.js';
import { now, yieldToEvents } from '../core/platform.js';

/**
 * @typedef {import('../core/session.js').Session} Session
 * @typedef {import('../core/audio.js').AudioSpec} AudioSpec
 * start, end: seconds; score: the mean probability of speech between them.
 * @typedef {{ start: number, end: number, score: number }} VadAnswer
 * @typedef {{ step: 'frames', rate: number, length: number, context: number }} Frames length: new samples per frame; context: those before, repeated in front
 * @typedef {{ step: 'segments', positive: number, negative: number, redemption_ms: number, pre_pad_ms: number, min_speech_ms: number }} Segments
 */

export class Vad {
  #heap;
  #session;
  /** @type {Frames} */
  #frames;
  /** @type {Segments} */
  #segments;
  /** Input by output: what a run hands to the next. @type {Record<string, string>} */
  #state;

  /**
   * @param {import('../core/heap.js').Heap} heap
   * @param {import('../core/package.js').Package} pack
   * @param {Session} session
   */
  constructor(heap, { manifest }, session) {
    this.#heap = heap;
    this.#session = session;
    const { features, outputs, state = {} } = /** @type {any} */ (manifest);
    const bad = (/** @type {string} */ why) => new QuernError('bad-model', `the package ${manifest.name} finds speech: ${why}`);
    this.#frames = features?.find?.((/** @type {any} */ f) => f.step === 'frames');
    this.#segments = outputs?.find?.((/** @type {any} */ o) => o.step === 'segments');
    if (!session || !this.#frames || !this.#segments) throw bad('it needs one model, a feature step "frames" and an output step "segments"');
    const { rate, length, context } = this.#frames;
    if (![rate, length].every((n) => Number.isInteger(n) && n > 0) || !(Number.isInteger(context) && context >= 0)) throw bad('"frames" needs rate, length and context as integers');
    for (const name of ['positive', 'negative', 'redemption_ms', 'pre_pad_ms', 'min_speech_ms'])
      if (!(/** @type {any} */ (this.#segments)[name] >= 0)) throw bad(`"segments" needs ${name} as a number from 0 up`);
    for (const [output, input] of Object.entries(state))
      if (!session.outputs.some((p) => p.name === output) || !session.inputs.some((p) => p.name === input)) throw bad(`its state joins '${output}' to '${input}', which the model does not have`);
    this.#state = state;
  }

  /**
   * @param {AudioSpec | import('../core/input.js').InputSpec} sound
   * @param {AbortSignal} [signal]
   * @returns {Promise<VadAnswer[]>}
   */
  async predict(sound, signal) {
    if (sound.kind !== 'audio') throw new QuernError('bad-argument', 'this package takes sound: an AudioBuffer, a Float32Array or { data, rate }');
    const { rate, length, context } = this.#frames;
    const samples = resample(sound.data, sound.rate || rate, rate);
    const inputs = this.#session.inputs;
    /** @type {Record<string, any>} */
    const feeds = {};
    for (const { name, type, dims } of inputs) { // states begin as zeros; what else is no sound is the rate
      const shape = (dims ?? []).map((d) => (typeof d === 'number' ? d : 1));
      if (Object.values(this.#state).includes(name)) feeds[name] = { type, dims: shape, data: new Array(shape.reduce((a, b) => a * b, 1)).fill(0) };
      else if (name !== inputs[0].name) feeds[name] = { type, dims: [], data: [rate] };
    }
    const probabilities = new Float32Array(Math.ceil(samples.length / length));
    const score = this.#session.outputs.find((p) => !(p.name in this.#state))?.name ?? '';
    let since = now();
    for (let i = 0; i < probabilities.length; i++) {
      if (now() - since > 8) { // a run is too short to yield by itself
        await yieldToEvents();
        since = now();
      }
      const frame = new Float32Array(context + length); // silence before the beginning and after the end
      const from = i * length - context;
      frame.set(samples.subarray(Math.max(0, from), from + context + length), Math.max(0, -from));
      feeds[inputs[0].name] = { type: 'float32', dims: [1, frame.length], data: frame };
      const out = await this.#session.run(feeds, { signal });
      probabilities[i] = out[score].data[0];
      for (const [output, input] of Object.entries(this.#state)) feeds[input] = out[output];
    }
    const seconds = length / rate;
    const { positive, negative, redemption_ms: redemption, pre_pad_ms: prePad, min_speech_ms: minSpeech } = this.#segments;
    const frames = (/** @type {number} */ ms) => Math.floor(ms / 1000 / seconds);
    return this.#heap.vadSegments([positive, negative, frames(redemption), frames(prePad), frames(minSpeech)], probabilities).map(([start, end]) => ({
      start: start * seconds, end: Math.min(end * seconds, samples.length / rate), score: probabilities.subarray(start, end).reduce((a, b) => a + b, 0) / (end - start),
    }));
  }
}
