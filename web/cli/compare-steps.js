// Which step of a package, or else which node of its model, is the first whose result is not the recorded one.
import { inputNames } from '../features/task.js';
import { pipelineOf } from '../pack/steps.js';
import { compare, difference } from './compare.js';
import { Usage } from './usage.js';

/**
 * @typedef {import('../core/tensor.js').TensorLike} TensorLike
 * @typedef {import('./compare.js').Tolerance} Tolerance
 * @typedef {{ output: string, op: string, node: string, why: string }} Difference
 */

/** What a file calls the sources of each kind; rows are called by their columns. @type {Record<string, string>} */
const SOURCE = { picture: 'picture', sound: 'sound', text: 'text' };

/** Numbers as reference libraries have them, double or single, are compared in our type. @param {TensorLike} recorded @param {string} type @returns {TensorLike} */
function inType(recorded, type) {
  const Type = /** @type {any} */ ({ float32: Float32Array, float64: Float64Array })[type];
  return Type && /^float(32|64)$/.test(recorded.type) && recorded.type !== type ? /** @type {any} */ ({ ...recorded, type, data: Type.from(recorded.data) }) : recorded;
}

/** A number, from an array of one. @param {TensorLike | undefined} t */
const numberOf = (t) => Number(t?.data[0] ?? 0);

/**
 * @param {import('../core/model.js').LocalModel} model
 * @param {{ folder: string, manifest: import('../pack/package-folder.js').Manifest }} opened
 * @param {Record<string, TensorLike>} given the source, and unless `recorded` has them the recorded values: of nodes by the value's name, of steps by
 *   "features[1]", "outputs[0]", by "features[1].name" where a step has several results, or by the name that "as" gives
 * @param {Record<string, TensorLike> | null} recorded
 * @param {Tolerance} tolerance
 */
export async function compareSteps(model, { folder, manifest }, given, recorded, tolerance) {
  const features = await pipelineOf(folder, manifest, 'features');
  if (!features) throw new Usage('the package has no steps for features: give the inputs of its model');
  const outputNames = model.outputs.map((p) => p.name), shared = inputNames(manifest.outputs).filter((name) => !outputNames.includes(name));
  let steps = manifest.outputs;
  if (shared.length && steps[0]?.input === undefined) steps = [{ ...steps[0], input: outputNames }, ...steps.slice(1)]; // as features/task.js does
  const answers = await pipelineOf(folder, manifest, 'outputs', steps);
  const columns = /** @type {any[]} */ (manifest.features).flatMap((step) => step.columns ?? []);
  const sources = Object.keys(given).filter((name) => (SOURCE[features.source] ? name === SOURCE[features.source] : recorded || columns.includes(name)));
  if (!sources.length) throw new Usage(`there is no source: the steps take ${SOURCE[features.source] ? `'${SOURCE[features.source]}'` : 'columns'}, given are ${Object.keys(given).join(', ')}`);
  const expected = recorded ?? Object.fromEntries(Object.entries(given).filter(([name]) => !sources.includes(name) && name !== 'rate'));
  if (!Object.keys(expected).length) throw new Usage('there is nothing to compare with: no recorded values were given');

  /** @type {Difference | null} */
  let first = null;
  const agreed = new Set(), used = new Set();
  const check = (/** @type {any[]} */ slots, /** @type {string} */ side, /** @type {any[]} */ list) => {
    slots.forEach((slot, i) => {
      if (slot.step < 0) return;
      const place = `${side}[${slot.step}]`, newest = !slots.slice(i + 1).some((s) => s.name === slot.name);
      const keys = [`${place}.${slot.name}`, ...(slots[i - 1]?.step === slot.step ? [] : [place]), ...(newest ? [slot.name] : [])];
      for (const key of keys.filter((k) => k in expected && !used.has(k))) {
        used.add(key);
        const why = difference(slot, inType(expected[key], slot.type), tolerance);
        if (!why) agreed.add(key);
        else first ??= { output: key, op: list[slot.step].step, node: place, why };
      }
    });
  };

  // a column of one row may be written as a single number, sound of one channel as a list of samples
  const dimsOf = (/** @type {readonly number[]} */ dims) => (features.source === 'rows' && !dims.length ? [1] : features.source === 'sound' && dims.length === 1 ? [1, ...dims] : [...dims]);
  const inputs = sources.map((name) => ({ name, ...given[name], dims: dimsOf(given[name].dims) }));
  const facts = features.source === 'sound' ? { rate: numberOf(given.rate) } : {};
  const made = features.run(inputs, facts, [...model.inputs.map((p) => p.name), ...shared]);
  check(features.slots(), 'features', /** @type {any[]} */ (manifest.features));

  /** @type {Record<string, TensorLike>} */
  const feeds = {};
  for (const { name, optional } of model.inputs) {
    const tensor = made.find((t) => t.name === name) ?? (model.inputs.length === 1 ? made[made.length - 1] : undefined);
    if (tensor) feeds[name] = { type: tensor.type, dims: tensor.dims, data: tensor.data };
    else if (!optional) throw new Usage(`no step makes the model's input '${name}'; they make ${made.map((t) => t.name).join(', ')}`);
  }
  const nodes = compare(model, feeds, Object.fromEntries(Object.entries(expected).filter(([name]) => !used.has(name))), tolerance);
  for (const name of nodes.agreed) agreed.add(name);
  if (nodes.first) used.add(nodes.first.output);
  first ??= nodes.first;

  if (answers) {
    const outputs = Object.entries(model.runSync(feeds)).filter(([, t]) => t?.data && t.dims).map(([name, t]) => ({ name, type: t.type, dims: t.dims, data: t.data }));
    answers.run(/** @type {any} */ ([...outputs, ...made.filter((t) => shared.includes(t.name))]), features.facts);
    check(answers.slots(), 'outputs', steps);
    answers.dispose();
  }
  features.dispose();
  return { first: /** @type {Difference | null} */ (first), agreed: [...agreed], total: Object.keys(expected).length, absent: Object.keys(expected).filter((name) => !agreed.has(name) && !used.has(name)) };
}
