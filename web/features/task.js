// predict() of a package that says by steps what goes in and out: features → model → answers.
import { QuernError } from '../core/errors.js';
import { fileOf } from '../delivery/manifest.js';
import { joinFeeds, partOf } from './batch.js';
import { getModule } from './module.js';
import { Pipeline, filesNamed, moduleOf } from './pipeline.js';
import { runnerOf } from './recurrent.js';

/**
 * @typedef {import('../core/package.js').Package} Package
 * @typedef {import('../core/session.js').Session} Session
 * @typedef {import('../core/input.js').InputSpec} InputSpec
 * @typedef {import('./module.js').NamedTensor} NamedTensor
 */

/** Every name that steps take by "input". @param {any} steps @returns {string[]} */
export const inputNames = (steps) => (Array.isArray(steps) ? steps.flatMap((step) => step?.input ?? []) : []).filter((name) => typeof name === 'string');

/** The module of the features, where it has the steps of the answers too: then the page fetches one. @param {unknown} features @param {any} outputs */
async function sameModule(features, outputs) {
  const name = moduleOf(features);
  if (name !== 'pictures' || !Array.isArray(outputs)) return moduleOf(outputs);
  const known = new Set((await getModule(name)).describe().map((step) => step.name));
  return outputs.every((step) => known.has(step?.step)) ? name : moduleOf(outputs);
}

export class StepsTask {
  #session;
  #features;
  #outputs;
  /** Names that steps for answers take and that are no outputs of the model: of a tensor of the features, or of a step before. @type {string[]} */
  #shared;

  /**
   * Reads and checks the steps, and the files that they name.
   * @param {Package} pack
   * @param {Session | null} session
   */
  static async create(pack, session) {
    const { manifest } = pack;
    if (!session) throw new QuernError('bad-model', `the package ${manifest.name} has steps and several models; steps are for one model`);
    const entries = { ...(manifest.labels === undefined ? {} : { [fileOf(manifest.labels).file]: manifest.labels, labels: manifest.labels }), ...manifest.files };
    const runner = runnerOf(session, manifest), outputNames = runner.outputs.map((p) => p.name);
    const shared = inputNames(manifest.outputs).filter((name) => !outputNames.includes(name));
    const make = async (/** @type {'features' | 'outputs'} */ side) => {
      let steps = /** @type {any} */ (manifest[side]);
      if (!steps) return null;
      const files = new Map();
      for (const name of filesNamed(steps, Object.keys(entries))) files.set(name, await pack.bytes(entries[name]));
      // the first step takes the model's outputs, not also what later steps take of the features
      if (side === 'outputs' && shared.length && steps[0]?.input === undefined) steps = [{ ...steps[0], input: outputNames }, ...steps.slice(1)];
      return side === 'features' ? Pipeline.create(side, steps, files) : Pipeline.create(side, steps, files, await sameModule(manifest.features, steps));
    };
    const features = await make('features');
    try {
      return new StepsTask(runner, features, await make('outputs'), shared);
    } catch (error) {
      features?.dispose();
      throw error;
    }
  }

  /** @param {import('./recurrent.js').Runner} session @param {Pipeline | null} features @param {Pipeline | null} outputs @param {string[]} [shared] */
  constructor(session, features, outputs, shared = []) {
    this.#session = session;
    this.#features = features;
    this.#outputs = outputs;
    this.#shared = shared;
  }

  /**
   * What the model gets, by the names of its inputs.
   * @param {InputSpec} input used up
   * @returns {Promise<Record<string, any>>}
   */
  async features(input) {
    return (await this.#extract(input)).feeds;
  }

  /**
   * @param {InputSpec} input used up
   * @returns {Promise<{ feeds: Record<string, any>, made: NamedTensor[], each?: { made: NamedTensor[], facts: Uint8Array }[] }>} made: what the steps made, as far
   *   as anybody asks for it; each: of several pictures
   */
  async #extract(input) {
    const { inputs } = this.#session;
    if (!this.#features) {
      // a model that takes the columns of rows as they are
      if (input.kind !== 'rows') throw new QuernError('bad-argument', 'the package has no steps for features: give predict() an object of its inputs');
      const feeds = Object.fromEntries(Object.entries(input.rows[0] ?? {}).map(([name]) => {
        const values = input.rows.map((row) => row[name]), port = inputs.find((p) => p.name === name);
        return [name, values.length === 1 && values[0]?.data ? values[0] : { type: port?.type, dims: [values.length, 1], data: values }];
      }));
      return { feeds, made: Object.entries(feeds).filter(([, t]) => ArrayBuffer.isView(t.data)).map(([name, t]) => ({ name, ...t })) };
    }
    if (input.kind === 'pictures') {
      const all = [];
      for (const picture of input.pictures) all.push({ ...await this.#extract(picture), facts: this.#features.facts });
      return { feeds: joinFeeds(all.map(({ feeds }) => feeds)), made: [], each: all };
    }
    const names = inputs.map((p) => p.name), made = await this.#features.extract(input, [...names, ...this.#shared]);
    const fits = (/** @type {string} */ name) => made.find((t) => t.name === name) ?? (names.length === 1 ? made[made.length - 1] : undefined);
    const feeds = Object.fromEntries(inputs.map(({ name, optional }) => {
      const tensor = fits(name);
      if (!tensor && !optional) throw new QuernError('bad-model', `no step makes the model's input '${name}'; they make ${made.map((t) => t.name).join(', ')}`);
      return [name, tensor && { type: tensor.type, dims: tensor.dims, data: tensor.data }];
    }).filter(([, tensor]) => tensor));
    return { feeds, made };
  }

  /** @param {InputSpec} input used up @param {AbortSignal} [signal] @returns {Promise<any>} */
  async predict(input, signal) {
    const { feeds, made, each } = await this.#extract(input), facts = this.#features?.facts;
    const outputs = await this.#session.run(feeds, { signal }), steps = this.#outputs;
    if (!steps) return outputs;
    const shared = (/** @type {NamedTensor[]} */ list) => list.filter(({ name }) => this.#shared.includes(name));
    const tensors = Object.entries(outputs).filter(([, t]) => t?.data && t.dims).map(([name, t]) => ({ name, type: t.type, dims: t.dims, data: t.data }));
    return each ? each.map((one, i) => steps.answers([...partOf(tensors, i, each.length), ...shared(one.made)], one.facts)) : steps.answers([...tensors, ...shared(made)], facts);
  }

  dispose() {
    this.#features?.dispose();
    this.#outputs?.dispose();
  }
}
