// quern/features: the steps of manifests without a model. The same file is fetched for packages that have steps.
import { QuernError } from '../core/errors.js';
import { pixelsIn, pixelsShown } from '../core/image.js';
import { snapshotInput } from '../core/input.js';
import { compiledModule, getModule, setModules } from './module.js';
import { Pipeline } from './pipeline.js';
import { StepsTask } from './task.js';

export { QuernError, StepsTask };

/**
 * @typedef {import('./pipeline.js').Step} Step
 * @typedef {import('./module.js').NamedTensor} NamedTensor
 * @typedef {import('../core/tensor.js').TensorLike} TensorLike
 * @typedef {import('../core/image.js').ImageInput} ImageInput
 * @typedef {import('../core/audio.js').AudioInput} AudioInput
 * @typedef {import('../core/input.js').TextInput} TextInput
 * @typedef {import('../core/input.js').RowInput} RowInput
 * @typedef {import('../core/input.js').StrokesInput} StrokesInput
 * files: what steps name, as bytes or as text. facts of a call: what the features were made of, for answers that lead back to the source.
 * @typedef {{ files?: Record<string, Uint8Array | string> }} FeatureOptions
 */
/**
 * A pipeline as a function: the result of its last step, or an object of them where there are several. all: of every step, in order.
 * tensors: what steps name by "input" beside the source, such as the points of `warp`.
 * @template Input
 * @typedef {{ (input: Input, tensors?: Record<string, TensorLike>): Promise<any>, facts: () => Uint8Array, all: () => NamedTensor[], dispose: () => void }} Extractor
 */
/**
 * @typedef {{ push: (samples: Float32Array) => any, flush: () => any, dispose: () => void }} Stream
 */

/**
 * A node that takes sound and gives frames, as tensors: onframes(result of the last step, or an object of them). flush: what the end of the
 * sound completes; the next sample begins a new sound. onerror: what went wrong later; the node has stopped then.
 * @typedef {AudioWorkletNode & { onframes: ((frames: any) => void) | null, onerror: ((error: QuernError) => void) | null, flush: () => Promise<void>, stop: () => void }} FeatureNode
 */

/** @param {FeatureOptions} options */
const filesOf = ({ files = {} }) => new Map(Object.entries(files).map(([name, file]) => [name, typeof file === 'string' ? new TextEncoder().encode(file) : file]));

/** @param {NamedTensor[]} results @returns {any} */
function plain(results) {
  const tensors = results.map(({ name, ...tensor }) => /** @type {const} */ ([name, tensor]));
  return tensors.length === 1 ? tensors[0][1] : Object.fromEntries(tensors);
}

/** @param {string} source @param {import('./module.js').ModuleName} [module] */
const maker = (source, module) => async (/** @type {readonly Step[]} */ steps, /** @type {FeatureOptions} */ options = {}) => {
  const pipeline = await Pipeline.create('steps', steps, filesOf(options), module);
  if (pipeline.source !== source) {
    pipeline.dispose();
    throw new QuernError('bad-argument', `'${steps[0]?.step}' cannot begin a list of steps for ${source}`);
  }
  const extract = async (/** @type {any} */ input, /** @type {Record<string, TensorLike>} */ tensors = {}) => {
    const pixels = source === 'picture' ? pixelsShown(input) ?? pixelsIn(input) : null; // in the module before this function first waits
    return plain(await pipeline.extract(pixels ?? await snapshotInput(input), [], tensors));
  };
  return Object.assign(extract, { facts: () => pipeline.facts, all: () => pipeline.slots(), dispose: () => pipeline.dispose() });
};

/** Pictures to tensors. @type {(steps: readonly Step[], options?: FeatureOptions) => Promise<Extractor<ImageInput>>} */
export const image = maker('picture', 'pictures');
/** Texts to tensors. @type {(steps: readonly Step[], options?: FeatureOptions) => Promise<Extractor<TextInput>>} */
export const text = maker('text', 'text');
/** What a pen drew to tensors. @type {(steps: readonly Step[], options?: FeatureOptions) => Promise<Extractor<StrokesInput>>} */
export const strokes = maker('strokes', 'pictures');
/** Rows of named values to tensors. @type {(steps: readonly Step[], options?: FeatureOptions) => Promise<Extractor<RowInput>>} */
export const tabular = maker('rows');

/** @param {AudioWorkletNode} bare @returns {Promise<FeatureNode>} */
const nodeOf = (bare) => new Promise((resolve, reject) => {
  /** @type {{ resolve: () => void, reject: (error: QuernError) => void }[]} */
  let waiting = [];
  const node = /** @type {FeatureNode} */ (Object.assign(bare, {
    onframes: null, onerror: null,
    flush: () => new Promise((/** @type {(v: void) => void} */ done, fail) => {
      waiting.push({ resolve: done, reject: fail });
      bare.port.postMessage('flush');
    }),
    stop: () => bare.port.postMessage('stop'),
  }));
  bare.port.onmessage = (/** @type {MessageEvent<import('./worklet.js').FromWorklet>} */ { data }) => {
    if (data.type === 'frames') return node.onframes?.(plain(data.results));
    if (data.type === 'ready') return resolve(node);
    if (data.type === 'flushed') return waiting.shift()?.resolve();
    const error = new QuernError(/** @type {any} */ (data.code), data.message);
    reject(error);
    for (const one of waiting) one.reject(error);
    waiting = [];
    return node.onerror?.(error);
  };
});

/**
 * A tokenizer.json at work: texts to ids and back. A result of encode has input_ids, attention_mask, token_type_ids and, when asked for, offsets in
 * UTF-16 units, each [texts, length].
 * @typedef {{ encode: (input: TextInput) => Promise<Record<string, TensorLike>>, decode: (ids: TensorLike | BigInt64Array | readonly (number | bigint)[]) => string[],
 *   dispose: () => void }} Tokenizer
 * @param {Uint8Array | string} file its bytes or its text
 * @param {{ maxLength?: number, padding?: 'file' | 'longest' | 'max_length' | 'none', specialTokens?: boolean, offsets?: boolean, skipSpecialTokens?: boolean }} [options]
 * @returns {Promise<Tokenizer>}
 */
export async function tokenizer(file, { maxLength = 0, padding = 'file', specialTokens = true, offsets = false, skipSpecialTokens = true } = {}) {
  const files = filesOf({ files: { tokenizer: file } });
  const encoder = await Pipeline.create('steps', [{ step: 'tokenize', tokenizer: 'tokenizer', max_length: maxLength, padding, special_tokens: specialTokens, offsets }], files);
  /** @type {Pipeline | undefined} */
  let decoder; // a second reading of the file, for those who decode
  return {
    encode: async (input) => Object.fromEntries((await encoder.extract(await snapshotInput(input))).map(({ name, ...tensor }) => [name, tensor])),
    decode(ids) {
      decoder ??= Pipeline.of(encoder, [{ step: 'detokenize', tokenizer: 'tokenizer', skip_special_tokens: skipSpecialTokens }], files);
      const { dims, data } = /** @type {any} */ ('data' in ids ? ids : { dims: [ids.length], data: BigInt64Array.from(/** @type {any} */ (ids), BigInt) });
      return /** @type {string[]} */ (decoder.run([{ name: 'ids', type: 'int64', dims, data }])[0].data);
    },
    dispose() {
      encoder.dispose();
      decoder?.dispose();
    },
  };
}

/**
 * Sound to tensors. stream: piece by piece, with the same frames as the whole sound gives. worklet: the same on
 * the thread of the sound, by dist/quern-worklet.js (`url` says where it lies, when not beside this script), in blocks of `block` samples.
 * @type {((steps: readonly Step[], options?: FeatureOptions) => Promise<Extractor<AudioInput>>)
 *   & { stream: (steps: readonly Step[], options: FeatureOptions & { rate: number, longest?: number }) => Promise<Stream>,
 *     worklet: (context: BaseAudioContext, steps: readonly Step[], options?: FeatureOptions & { block?: number, url?: string | URL }) => Promise<FeatureNode> }}
 */
export const audio = Object.assign(maker('sound'), {
  async stream(/** @type {readonly Step[]} */ steps, /** @type {FeatureOptions & { rate: number, longest?: number }} */ { rate, longest = 16384, ...options }) {
    const pipeline = await Pipeline.create('steps', steps, filesOf(options));
    try {
      const put = pipeline.openStream(rate, longest);
      return {
        push: (/** @type {Float32Array} */ samples) => plain(put(samples, false)),
        flush: () => plain(put(new Float32Array(0), true)),
        dispose: () => pipeline.dispose(),
      };
    } catch (error) {
      pipeline.dispose();
      throw error;
    }
  },
  async worklet(/** @type {BaseAudioContext} */ context, /** @type {readonly Step[]} */ steps, /** @type {FeatureOptions & { block?: number, url?: string | URL }} */ { block, url, ...options } = {}) {
    const module = await compiledModule('features');
    await context.audioWorklet.addModule(url ?? new URL('./quern-worklet.js', import.meta.url));
    return nodeOf(new AudioWorkletNode(context, 'quern-features', { numberOfOutputs: 0, processorOptions: { module, steps, files: filesOf(options), block } }));
  },
});

/**
 * The outputs of a model to answers.
 * @param {readonly Step[]} steps
 * @param {FeatureOptions} [options]
 * @returns {Promise<{ (outputs: Record<string, TensorLike>, facts?: Uint8Array): any, dispose: () => void }>}
 */
export async function answers(steps, options = {}) {
  const pipeline = await Pipeline.create('steps', steps, filesOf(options));
  const form = (/** @type {Record<string, TensorLike>} */ outputs, /** @type {Uint8Array | undefined} */ facts) =>
    pipeline.answers(Object.entries(outputs).map(([name, tensor]) => ({ name, ...tensor })), facts);
  return Object.assign(form, { dispose: () => pipeline.dispose() });
}

/** The steps that there are, with their parameters, ranges and choices: those for pictures, those for text, and the others. */
export const describe = async (/** @type {import('./module.js').ModuleName} */ module = 'features') => (await getModule(module)).describe();

/** Where the wasm files lie, when not beside this script: { features, pictures, text }, each a URL, bytes or a module. */
export const init = setModules;
