// A model that takes frames one after the other and hands its state on: run over all frames of a feature, as if it were a model of the whole.
import { QuernError } from '../core/errors.js';
import { now, yieldToEvents } from '../core/platform.js';

/**
 * @typedef {import('../core/session.js').Session} Session
 * What a task needs of a session.
 * @typedef {{ inputs: Session['inputs'], outputs: Session['outputs'], run: (feeds: Record<string, any>, options?: { signal?: AbortSignal }) => Promise<Record<string, any>> }} Runner
 */

/** How long it computes before the events of the page have their turn, in milliseconds. */
const TURN = 8;

/**
 * `manifest.state` joins outputs to the inputs that they are in the next run, which begin as zeros; of `options`, those with an input's name are its value.
 * @param {Session} session
 * @param {{ name: string, state?: Record<string, string>, options?: Record<string, number> }} manifest
 * @returns {Runner} the session itself where there is neither
 */
export function runnerOf(session, { name, state = {}, options = {} }) {
  const port = (/** @type {string} */ input) => session.inputs.find((p) => p.name === input);
  const fixed = Object.fromEntries(Object.entries(options).filter(([input]) => port(input))), states = Object.values(state);
  if (!states.length && !Object.keys(fixed).length) return session;
  for (const [output, input] of Object.entries(state))
    if (!session.outputs.some((p) => p.name === output) || !port(input)) throw new QuernError('bad-model', `the state of the package ${name} joins '${output}' to '${input}', which the model does not have`);
  /** @param {string} input @param {number} value */
  const filled = (input, value) => {
    const dims = (port(input)?.dims ?? []).map((d) => (typeof d === 'number' ? d : 1));
    return { type: port(input)?.type, dims, data: new Array(dims.reduce((a, b) => a * b, 1)).fill(value) };
  };
  const constants = Object.fromEntries(Object.entries(fixed).map(([input, value]) => [input, filled(input, value)]));
  const inputs = session.inputs.filter((p) => !(p.name in fixed) && !states.includes(p.name)), outputs = session.outputs.filter((p) => !(p.name in state));
  if (!states.length) return { inputs, outputs, run: (feeds, o) => session.run({ ...feeds, ...constants }, o) };
  return {
    inputs, outputs,
    async run(feeds, { signal } = {}) {
      const count = Math.min(...Object.values(feeds).map((t) => t.dims[0]));
      /** @type {Record<string, any[]>} */
      const made = Object.fromEntries(outputs.map((p) => [p.name, []]));
      const kept = Object.fromEntries(states.map((input) => [input, filled(input, 0)]));
      let since = now();
      for (let i = 0; i < count; i++) {
        if (now() - since > TURN) {
          await yieldToEvents();
          since = now();
        }
        const frame = Object.fromEntries(Object.entries(feeds).map(([input, { type, dims: [rows, ...rest], data }]) => {
          const size = data.length / rows;
          return [input, { type, dims: [1, ...rest], data: data.subarray(i * size, (i + 1) * size) }];
        }));
        const out = await session.run({ ...frame, ...kept, ...constants }, { signal });
        for (const p of outputs) made[p.name].push(out[p.name]);
        for (const [output, input] of Object.entries(state)) kept[input] = out[output];
      }
      return Object.fromEntries(Object.entries(made).map(([output, list]) => [output, stacked(list)]));
    },
  };
}

/** The results of all frames, one a row; single numbers as a list. @param {any[]} list */
function stacked(list) {
  if (!list.length) return { type: 'float32', dims: [0], data: new Float32Array(0) };
  const size = list[0].data.length, data = new list[0].data.constructor(size * list.length);
  list.forEach((t, i) => data.set(t.data.length === size ? t.data : t.data.subarray(0, size), i * size));
  return { type: list[0].type, dims: size === 1 ? [list.length] : [list.length, size], data };
}
