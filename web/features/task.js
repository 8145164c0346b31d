// predict() of a package that says by steps what goes in and out: features → model → answers.
import { QuernError } from '../core/errors.js';
import { fileOf } from '../delivery/manifest.js';
import { Pipeline, filesNamed } from './pipeline.js';

/**
 * @typedef {import('../core/package.js').Package} Package
 * @typedef {import('../core/session.js').Session} Session
 * @typedef {import('../core/input.js').InputSpec} InputSpec
 * @typedef {import('./module.js').NamedTensor} NamedTensor
 */

export class StepsTask {
  #session;
  #features;
  #outputs;

  /**
   * Reads and checks the steps, and the files that they name.
   * @param {Package} pack
   * @param {Session | null} session
   */
  static async create(pack, session) {
    const { manifest } = pack;
    if (!session) throw new QuernError('bad-model', `the package ${manifest.name} has steps and several models; steps are for one model`);
    const entries = { ...(manifest.labels === undefined ? {} : { [fileOf(manifest.labels).file]: manifest.labels, labels: manifest.labels }), ...manifest.files };
    const make = async (/** @type {'features' | 'outputs'} */ side) => {
      if (!manifest[side]) return null;
      const files = new Map();
      for (const name of filesNamed(manifest[side], Object.keys(entries))) files.set(name, await pack.bytes(entries[name]));
      return Pipeline.create(side, manifest[side], files);
    };
    const features = await make('features');
    try {
      return new StepsTask(session, features, await make('outputs'));
    } catch (error) {
      features?.dispose();
      throw error;
    }
  }

  /** @param {Session} session @param {Pipeline | null} features @param {Pipeline | null} outputs */
  constructor(session, features, outputs) {
    this.#session = session;
    this.#features = features;
    this.#outputs = outputs;
  }

  /**
   * What the model gets, by the names of its inputs.
   * @param {InputSpec} input used up
   * @returns {Promise<Record<string, any>>}
   */
  async features(input) {
    const { inputs } = this.#session;
    if (!this.#features) {
      // a model that takes the columns of rows as they are
      if (input.kind !== 'rows') throw new QuernError('bad-argument', 'the package has no steps for features: give predict() an object of its inputs');
      return Object.fromEntries(Object.entries(input.rows[0] ?? {}).map(([name]) => {
        const values = input.rows.map((row) => row[name]), port = inputs.find((p) => p.name === name);
        return [name, values.length === 1 && values[0]?.data ? values[0] : { type: port?.type, dims: [values.length, 1], data: values }];
      }));
    }
    const names = inputs.map((p) => p.name), made = await this.#features.extract(input, names);
    const fits = (/** @type {string} */ name) => made.find((t) => t.name === name) ?? (names.length === 1 ? made[made.length - 1] : undefined);
    return Object.fromEntries(inputs.map(({ name, optional }) => {
      const tensor = fits(name);
      if (!tensor && !optional) throw new QuernError('bad-model', `no step makes the model's input '${name}'; they make ${made.map((t) => t.name).join(', ')}`);
      return [name, tensor && { type: tensor.type, dims: tensor.dims, data: tensor.data }];
    }).filter(([, tensor]) => tensor));
  }

  /** @param {InputSpec} input used up @param {AbortSignal} [signal] @returns {Promise<any>} */
  async predict(input, signal) {
    const feeds = await this.features(input), facts = this.#features?.facts;
    const outputs = await this.#session.run(feeds, { signal });
    if (!this.#outputs) return outputs;
    const tensors = Object.entries(outputs).filter(([, t]) => t?.data && t.dims).map(([name, t]) => ({ name, type: t.type, dims: t.dims, data: t.data }));
    return this.#outputs.answers(tensors, facts);
  }

  dispose() {
    this.#features?.dispose();
    this.#outputs?.dispose();
  }
}
