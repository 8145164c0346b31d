// A list of steps over sources of the page's forms: unpacks them, runs the steps, forms answers.
import { QuernError } from '../core/errors.js';
import { rgbaOf, widen } from '../core/image.js';
import { getModule } from './module.js';

/**
 * @typedef {import('./module.js').NamedTensor} NamedTensor
 * @typedef {import('./module.js').FeatureModule} FeatureModule
 * @typedef {import('./module.js').Facts} Facts
 * @typedef {import('../core/input.js').InputSpec} InputSpec
 * @typedef {import('../core/tensor.js').TensorLike} TensorLike
 * A step of a manifest.
 * @typedef {{ step: string, input?: string | string[], as?: string | string[], [parameter: string]: unknown }} Step
 * Files of the package that steps name.
 * @typedef {ReadonlyMap<string, Uint8Array>} Files
 */

/** What of a pipeline's files its steps name: any parameter may. @param {unknown} steps @param {Iterable<string>} names @returns {string[]} */
export function filesNamed(steps, names) {
  const known = new Set(names), found = new Set();
  for (const step of Array.isArray(steps) ? steps : [])
    for (const value of Object.values(step ?? {})) if (typeof value === 'string' && known.has(value)) found.add(value);
  return [...found];
}

export class Pipeline {
  #module;
  #pipeline;

  /**
   * @param {'features' | 'outputs' | 'steps'} side for messages
   * @param {unknown} steps
   * @param {Files} [files]
   * @param {import('./module.js').ModuleName} [name]
   */
  static async create(side, steps, files = new Map(), name = moduleOf(steps)) {
    return new Pipeline(await getModule(name), side, steps, files);
  }

  /** Another one in the same module. @param {Pipeline} other @param {unknown} steps @param {Files} files */
  static of(other, steps, files) {
    return new Pipeline(other.#module, 'steps', steps, files);
  }

  /** @param {FeatureModule} module @param {'features' | 'outputs' | 'steps'} side @param {unknown} steps @param {Files} files */
  constructor(module, side, steps, files) {
    this.#module = module;
    this.#pipeline = module.create();
    try {
      for (const name of filesNamed(steps, files.keys())) module.addFile(this.#pipeline, name, /** @type {Uint8Array} */ (files.get(name)));
      module.read(this.#pipeline, side, steps);
    } catch (error) {
      this.dispose();
      throw error;
    }
    this.source = module.sourceOf(this.#pipeline);
    this.answer = module.answerOf(this.#pipeline);
  }

  /** As of the last run. @returns {Facts} */
  get facts() {
    return this.#module.facts(this.#pipeline);
  }

  /**
   * @param {readonly NamedTensor[]} inputs
   * @param {Facts | { rate?: number }} [facts]
   * @param {readonly string[]} [names] also of these names, where a step before the last made them
   * @returns {NamedTensor[]}
   */
  run(inputs, facts = {}, names = []) {
    this.#module.giveFacts(this.#pipeline, facts);
    this.#module.input(this.#pipeline, inputs);
    this.#module.run(this.#pipeline);
    return this.#module.results(this.#pipeline, names);
  }

  /**
   * @param {InputSpec} spec used up
   * @param {readonly string[]} [names]
   * @param {Record<string, TensorLike>} [tensors] beside the source
   */
  async extract(spec, names, tensors = {}) {
    if (spec.kind === 'pictures') throw new QuernError('bad-argument', 'steps take one picture at a time');
    const { inputs, facts } = spec.kind === 'bitmap' || spec.kind === 'blob' ? await decoded(spec, this.source) : unpack(spec, this.source);
    return this.run([...inputs, ...Object.entries(tensors).map(([name, tensor]) => ({ name, ...tensor }))], facts, names);
  }

  /** @param {readonly NamedTensor[]} inputs @param {Facts} [facts] of the features */
  answers(inputs, facts) {
    return formAnswers(this.run(inputs, facts), this.answer);
  }

  /** All tensors of the last run. */
  slots() {
    return this.#module.slots(this.#pipeline);
  }

  /** Runs over pieces of a sound of at most `longest` samples. @param {number} rate @param {number} longest @param {number} [channels] */
  openStream(rate, longest, channels = 1) {
    this.#module.giveFacts(this.#pipeline, { rate });
    this.#module.input(this.#pipeline, [{ name: 'sound', type: 'float32', dims: [channels, longest], data: new Float32Array(0) }], true);
    let first = true;
    return (/** @type {Float32Array} */ samples, /** @type {boolean} */ last) => {
      this.#module.piece(this.#pipeline, samples);
      this.#module.run(this.#pipeline, first, last);
      first = last;
      return this.#module.results(this.#pipeline);
    };
  }

  dispose() {
    this.#module.free(this.#pipeline);
    this.#pipeline = 0;
  }
}

/** Steps for text and for pictures are in modules of their own. @param {unknown} steps @returns {import('./module.js').ModuleName} */
export function moduleOf(steps) {
  const list = Array.isArray(steps) ? steps : [];
  return TEXT_STEPS.has(list[0]?.step) ? 'text' : list.some((step) => PICTURE_STEPS.has(step?.step)) ? 'pictures' : 'features';
}
/** @type {Set<string>} */
const TEXT_STEPS = new Set(['tokenize', 'detokenize', 'normalize_text', 'vectorize']);
/** @type {Set<string>} */
const PICTURE_STEPS = new Set(['color', 'resize', 'crop', 'pad', 'letterbox', 'flip', 'turn', 'warp', 'draw', 'normalize', 'layout',
  'anchors', 'yolo', 'heat_points', 'class_mask', 'lines', 'nms', 'to_source', 'label']);

/**
 * Of a picture that has to be drawn first.
 * @param {Extract<InputSpec, { kind: 'bitmap' | 'blob' }>} spec
 * @param {string} source
 */
async function decoded(spec, source) {
  if (source !== 'picture') wrongSource('picture', source);
  return unpack({ kind: 'pixels', ...await rgbaOf(spec) }, source);
}

/** @param {string} is @param {string} source @returns {never} */
function wrongSource(is, source) {
  throw new QuernError('bad-argument', `these features are of ${NAMES[source] ?? source}, not of ${NAMES[is]}`);
}

/**
 * The numbers of a source and what else is known of it.
 * @param {Exclude<InputSpec, { kind: 'bitmap' | 'blob' | 'pictures' }>} spec
 * @param {string} source what the pipeline takes
 * @returns {{ inputs: NamedTensor[], facts: { rate?: number } }}
 */
function unpack(spec, source) {
  const { kind } = spec;
  const is = kind === 'audio' ? 'sound' : kind === 'text' || kind === 'rows' || kind === 'strokes' ? kind : 'picture';
  if (is !== source) wrongSource(is, source);
  if (kind === 'audio') return { inputs: [{ name: 'sound', type: 'float32', dims: [1, spec.data.length], data: spec.data }], facts: { rate: spec.rate } };
  if (kind === 'text') {
    const pairs = Array.isArray(spec.texts[0]), texts = /** @type {any[]} */ (spec.texts).flat();
    return { inputs: [{ name: 'text', type: 'string', dims: pairs ? [spec.texts.length, 2] : [spec.texts.length], data: texts }], facts: {} };
  }
  if (kind === 'rows') return { inputs: columnsOf(spec.rows), facts: {} };
  if (kind === 'strokes') {
    let end = 0;
    const points = Float32Array.from(spec.strokes.flat(2)), ends = Int32Array.from(spec.strokes, (stroke) => (end += stroke.length));
    return { inputs: [{ name: 'points', type: 'float32', dims: [points.length / 2, 2], data: points }, { name: 'ends', type: 'int32', dims: [ends.length], data: ends }], facts: {} };
  }
  if (spec.planes) return { inputs: [{ name: 'picture', type: 'uint8', dims: [spec.height, spec.width, 4], data: /** @type {Uint8Array} */ (spec.data), planes: spec.planes }], facts: {} };
  const { data, width, height } = widen(spec);
  return { inputs: [{ name: 'picture', type: 'uint8', dims: [height, width, 4], data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }], facts: {} };
}
/** @type {Record<string, string>} */
const NAMES = { picture: 'pictures', sound: 'sound', text: 'text', rows: 'rows', strokes: 'strokes', any: 'tensors' };

/** @param {any} v */
const isList = (v) => Array.isArray(v) || (ArrayBuffer.isView(v) && !(v instanceof DataView));

/**
 * One tensor for each member: texts where a row has a text, else numbers; what is missing is NaN or "". One object of lists is columns.
 * @param {Record<string, any>[]} rows
 * @returns {NamedTensor[]}
 */
function columnsOf(rows) {
  const members = rows.length === 1 ? Object.entries(rows[0]) : [];
  const lists = members.some(([, v]) => isList(v)) ? members.map(([name, v]) => /** @type {[string, any[]]} */ ([name, Array.from(isList(v) ? v : [v])])) : null;
  const columns = lists ?? [...new Set(rows.flatMap((row) => Object.keys(row)))].map((name) => /** @type {[string, any[]]} */ ([name, rows.map((row) => row[name])]));
  return columns.map(([name, values]) => {
    if (values.length !== columns[0][1].length)
      throw new QuernError('bad-argument', `column '${name}' has ${values.length} rows, column '${columns[0][0]}' has ${columns[0][1].length}`);
    const wrong = values.findIndex((v) => !['string', 'number', 'boolean', 'bigint', 'undefined'].includes(typeof v) && v !== null);
    if (wrong >= 0) throw new QuernError('bad-argument', `column '${name}', row ${wrong}: the value is ${isList(values[wrong]) ? 'a list' : `of type ${typeof values[wrong]}`}, not a number or a text`);
    if (values.some((v) => typeof v === 'string')) return { name, type: 'string', dims: [values.length], data: values.map((v) => String(v ?? '')) };
    return { name, type: 'float64', dims: [values.length], data: Float64Array.from(values, (v) => Number(v ?? NaN)) };
  });
}

/** @param {NamedTensor[]} results @param {string} form */
export function formAnswers(results, form) {
  if (form === 'tensors') return Object.fromEntries(results.map(({ name, ...tensor }) => [name, tensor]));
  if (form === 'one') return Object.fromEntries(results.map((t) => [t.name, t.data.length === 1 && !t.dims.length ? valueOf(t.data[0]) : nested(t, 0, t.data.length, 0)]));
  return Array.from({ length: results[0]?.dims[0] ?? 0 }, (_, i) => Object.fromEntries(results.map((t) => {
    const size = t.data.length / t.dims[0];
    return [t.name, t.dims.length === 1 ? valueOf(t.data[i]) : nested(t, i * size, (i + 1) * size, 1)];
  })));
}

/** @param {any} v */
const valueOf = (v) => (typeof v === 'bigint' ? Number(v) : v);

/** @param {NamedTensor} tensor @param {number} from @param {number} to @param {number} axis @returns {any[]} */
function nested({ data, dims, ...rest }, from, to, axis) {
  if (axis >= dims.length - 1) return Array.from(/** @type {ArrayLike<any>} */ (data.slice(from, to)), valueOf);
  const size = (to - from) / dims[axis];
  return Array.from({ length: dims[axis] }, (_, i) => nested({ data, dims, ...rest }, from + i * size, from + (i + 1) * size, axis + 1));
}
