// Less of a model in its answers, and not as many as somebody asks for: what a page does who wants copying by asking to cost more.
// The model is on the visitor's machine, so this binds the page and not a debugger: docs/THREAT-MODEL.md.
import { QuernError } from '../core/errors.js';

/**
 * expose: 'label' leaves scores out of the answers of predict(), and all but the best of a list of labels; run() is closed then. digits: scores and
 * outputs are rounded to so many decimal places. rate: at most so many queries in any so many seconds; store: where the times of queries outlive the
 * page (localStorage), under the name `key`.
 * @typedef {{ queries: number, seconds: number, store?: Pick<Storage, 'getItem' | 'setItem'>, key?: string }} Rate
 * @typedef {{ expose?: 'label', digits?: number, rate?: Rate }} Limits
 */

const SCORES = /^(scores?|\w+Scores?|confidence|probability|probabilities|logits)$/;

/** @param {unknown} value @returns {value is Record<string, any>} */
const isPlain = (value) => typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);

/** @param {any} value an answer @returns {any} */
function labelsOf(value) {
  if (Array.isArray(value)) {
    const ranked = value.length > 1 && value.every((item) => isPlain(item) && 'label' in item && 'score' in item && !('box' in item));
    return (ranked ? [value.reduce((best, item) => (item.score > best.score ? item : best))] : value).map(labelsOf);
  }
  return isPlain(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => !SCORES.test(key)).map(([key, v]) => [key, labelsOf(v)])) : value;
}

/** @param {any} value @param {number} digits @param {boolean} [all] every number, not only scores @returns {any} */
function rounded(value, digits, all = false) {
  if (typeof value === 'number') return all && Number.isFinite(value) ? Number(value.toFixed(digits)) : value;
  if (value instanceof Float32Array || value instanceof Float64Array) return all ? value.map((v) => (Number.isFinite(v) ? Number(v.toFixed(digits)) : v)) : value;
  if (Array.isArray(value)) return value.map((v) => rounded(v, digits, all));
  return isPlain(value) ? Object.fromEntries(Object.entries(value).map(([key, v]) => [key, rounded(v, digits, all || SCORES.test(key))])) : value;
}

/** The tensors of run(): their numbers, not their shapes. @param {Record<string, any>} outputs @param {number} digits */
const roundedOutputs = (outputs, digits) => Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, t?.data ? { ...t, type: t.type, dims: t.dims, data: rounded(t.data, digits, true) } : t]));

/** @param {Rate} rate @returns {() => void} */
function gate({ queries, seconds, store, key = 'quern-queries' }) {
  if (!(Number.isInteger(queries) && queries > 0 && typeof seconds === 'number' && seconds > 0)) throw new QuernError('bad-argument', `rate takes a number of queries and of seconds, got ${queries} in ${seconds}`);
  /** @type {number[]} */
  let times = [];
  const kept = () => {
    try {
      const list = JSON.parse(store?.getItem(key) ?? '[]');
      return Array.isArray(list) ? list.filter((t) => typeof t === 'number') : [];
    } catch {
      return times; // another script's, or storage that is switched off: counted in this page, then
    }
  };
  return () => {
    const now = Date.now();
    times = (store ? kept() : times).filter((t) => t > now - 1000 * seconds && t <= now);
    if (times.length >= queries) {
      const wait = Math.ceil((times[times.length - queries] + 1000 * seconds - now) / 1000);
      throw Object.assign(new QuernError('unavailable', `at most ${queries} queries in ${seconds} s are answered here: ask again in ${wait} s`), { retryAfter: wait });
    }
    times.push(now);
    try {
      store?.setItem(key, JSON.stringify(times));
    } catch {
      // as above
    }
  };
}

/** What gives numbers of the model, or lets them be made. */
const NUMBERS = ['run', 'runSync', 'runWatched', 'bind', 'state'];

/**
 * enter: throws when the method is closed, or it is a query too many. outputs, answers: what run() and predict() give, with less in it.
 * @typedef {{ enter: (method: string) => void, outputs: (found: any) => any, answers: (found: any) => any }} Limiter
 * @param {Limits} limits
 * @param {string} who limits
 * @returns {Limiter}
 */
export function limiter({ expose, digits, rate }, who = 'this page') {
  if (expose !== undefined && expose !== 'label') throw new QuernError('bad-argument', `expose takes 'label', got '${expose}'`);
  if (digits !== undefined && !(Number.isInteger(digits) && digits >= 0 && digits <= 15)) throw new QuernError('bad-argument', `digits is a number of decimal places from 0 to 15, got ${digits}`);
  const admit = rate ? gate(rate) : () => {};
  return {
    enter(method) {
      if (expose && NUMBERS.includes(method)) throw new QuernError('unavailable', `${method}() gives numbers of the model, and ${who} exposes labels only: use predict()`);
      if (/^(run|predict)/.test(method)) admit();
    },
    outputs: (found) => (digits === undefined ? found : found?.outputs && found.version !== undefined ? { ...found, outputs: roundedOutputs(found.outputs, digits) } : roundedOutputs(found, digits)),
    answers(found) {
      const labels = expose ? labelsOf(found) : found;
      return digits === undefined ? labels : rounded(labels, digits);
    },
  };
}

/**
 * The model with less to give away.
 * @template {{ run: any, predict?: any }} M
 * @param {M} model
 * @param {Limits} limits
 * @returns {M}
 */
export function limit(model, limits) {
  const { enter, outputs, answers } = limiter(limits);
  return new Proxy(model, {
    get: (target, name) => {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const call = (/** @type {any[]} */ args) => { enter(String(name)); return value.apply(target, args); };
      if (name === 'runSync') return (/** @type {any[]} */ ...args) => outputs(call(args));
      if (name === 'run') return async (/** @type {any[]} */ ...args) => outputs(await call(args));
      if (name === 'predict') return async (/** @type {any[]} */ ...args) => answers(await call(args));
      if (name === 'state') return async (/** @type {any[]} */ ...args) => call(args);
      return name === 'bind' || name === 'runWatched' ? (/** @type {any[]} */ ...args) => call(args) : value.bind(target);
    },
  });
}
