// What a model does out there: times, errors, drift. Off unless a page asks for it; counts leave the device, inputs never do.
import { Numbers, Times, ks, psi } from './sketch.js';
import { deviceClass } from './device.js';
import { build } from '../core/version.js';
import { request } from './otlp.js';
import { Shelf } from './shelf.js';

export { Numbers, Times, ks, psi, request };

/**
 * @typedef {import('./sketch.js').Moments} Moments
 * @typedef {import('./otlp.js').Attributes} Attributes
 * @typedef {import('./otlp.js').Point} Point
 * @typedef {{ cases?: number, inputs: Record<string, Moments>, outputs: Record<string, Moments> }} Baseline
 * endpoint: where OTLP/HTTP goes, e.g. '/v1/metrics'; onReport: gets the same object instead or as well. interval: seconds between reports.
 * sample: share of the runs whose tensors are looked at (times and errors are counted always). cost: share of the
 * time of the watched calls that looking may take. keep: false: reports that could not be sent do not outlive the page. baseline: of the package, to compare with.
 * attributes: of the resource, e.g. { 'service.name': 'shop' }; nothing about the user belongs there.
 * @typedef {{ endpoint?: string | URL, headers?: Record<string, string>, onReport?: (report: any) => void, interval?: number, sample?: number, cost?: number, keep?: boolean, baseline?: Baseline,
 *   attributes?: Attributes, random?: () => number }} MonitorOptions
 * spent: milliseconds of looking. psi, ks: of the inputs and outputs in `baseline`, since the monitor began, of all versions together and of each.
 * @typedef {{ count: number, p50: number, p90: number, p99: number, mean: number }} Percentiles
 * @typedef {{ count: number, psi: number, ks: number }} Drift
 * @typedef {{ stages: Record<string, Percentiles>, errors: Record<string, number>, drift: Record<string, Drift & { versions: Record<string, Drift> }>, queued: number, dropped: number, spent: number }} Summary
 */

const MOST_BYTES = 64 * 1024; // what a page may send while it closes (fetch with keepalive)
const MOST_QUEUED = 8;
const MOST_ELEMENTS = 8192; // of a tensor that are looked at, evenly spread
const REPORT_AGE = 1000; // ms that a model's version is taken for the same
const SCORES = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

const bytesIn = (/** @type {string} */ text) => new TextEncoder().encode(text).length;
const now = () => performance.now();

/** @param {any} t @returns {{ length: number, at: (i: number) => number } | null} */
function numbersIn(t) {
  const data = t?.data;
  if (!data || typeof data === 'string' || typeof data[0] === 'string' || (t.type === 'float16' && data instanceof Uint16Array) || t.type === 'bfloat16') return null;
  return { length: data.length, at: (i) => Number(data[i]) };
}

export class Monitor {
  #options;
  #began = Date.now();
  /** Since the last report, and before it. @type {[Map<string, any>, Map<string, any>]} */
  #counts = [new Map(), new Map()];
  /** Reports that could not be sent yet, oldest first. @type {import('./shelf.js').Report[]} */
  #queue = [];
  #dropped = 0;
  #sending = false;
  /** @type {Shelf | null} */
  #shelf;
  /** Whether what earlier pages left was looked for. */
  #looked = false;
  #timer;
  #close;
  #ended = false;
  /** Milliseconds of looking, and of the calls that were watched. */
  #spent = 0;
  #lastLook = 0;
  #watched = 0;
  /** No report before that: the collector asked for it. */
  #quietUntil = 0;

  /** @param {MonitorOptions} [options] */
  constructor(options = {}) {
    const { interval = 60, sample = 1, cost = 0.005 } = options;
    if (!(interval >= 1)) throw new RangeError(`interval is a number of seconds from 1 up, got ${interval}`);
    if (!(cost >= 0)) throw new RangeError(`cost is a share of the time of the calls, 0.005 when left out, got ${cost}`);
    if (!(sample >= 0 && sample <= 1)) throw new RangeError(`sample is a share from 0 to 1, got ${sample}`);
    this.#options = { random: Math.random, ...options, sample, cost };
    this.#shelf = options.endpoint && options.keep !== false ? new Shelf(String(options.endpoint)) : null;
    this.#timer = setInterval(() => void this.flush(), interval * 1000);
    /** @type {any} */ (this.#timer).unref?.(); // Node may end
    this.#close = () => { if (document.visibilityState === 'hidden') void this.flush(true); };
    if (typeof document === 'object') document.addEventListener('visibilitychange', this.#close);
  }

  /** @param {string} key @param {() => Point} begin @param {(point: any) => void} add */
  #add(key, begin, add) {
    const [counts] = this.#counts;
    let point = counts.get(key);
    if (!point) counts.set(key, point = begin());
    add(point);
  }

  /** @param {string} stage 'load', 'run', 'predict' or the page's own @param {number} ms @param {string} [version] of the model @param {string} [backend] */
  time(stage, ms, version = '', backend = '') {
    this.#add(`t/${stage}/${version}/${backend}`, () => ({ name: 'quern.duration', unit: 'ms', attributes: { stage, version, ...(backend && { backend }) }, times: new Times() }), (p) => p.times.add(ms));
  }

  /** @param {unknown} error @param {string} [stage] @param {string} [version] @param {string} [backend] */
  error(error, stage = 'run', version = '', backend = '') {
    const code = String(/** @type {any} */ (error)?.code ?? 'unknown');
    this.#add(`e/${stage}/${code}/${version}/${backend}`, () => ({ name: 'quern.errors', unit: '1', attributes: { stage, code, version, ...(backend && { backend }) }, sum: 0 }), (p) => p.sum++);
  }

  /** Tensors of a run, against the baseline's. @param {'inputs' | 'outputs'} side @param {Record<string, any>} tensors @param {string} [version] */
  look(side, tensors, version = '') {
    for (const [name, moments] of Object.entries(this.#options.baseline?.[side] ?? {})) {
      const numbers = numbersIn(tensors[name]);
      if (!numbers) continue;
      const step = Math.max(1, numbers.length / MOST_ELEMENTS);
      this.#add(`n/${side}/${name}/${version}`, () => ({ name: `quern.${side}`, unit: '1', attributes: { tensor: name, version }, numbers: new Numbers(moments.edges) }), (p) => {
        for (let i = 0; i < numbers.length; i += step) p.numbers.add(numbers.at(Math.floor(i)));
      });
    }
  }

  /** Scores of predict()'s answers, which have no baseline. @param {any} answers @param {string} [version] */
  scores(answers, version = '') {
    const scores = (Array.isArray(answers) ? answers : [answers]).map((a) => a?.score).filter((s) => typeof s === 'number');
    if (scores.length) this.#add(`s/${version}`, () => ({ name: 'quern.score', unit: '1', attributes: { version }, numbers: new Numbers(SCORES) }), (p) => scores.forEach((s) => p.numbers.add(s)));
  }

  /**
   * A model whose calls are watched. Its answers and errors are those of the model.
   * @template {{ run: any, predict?: any, runSync?: any, report: () => any }} M
   * @param {M} model
   * @returns {M}
   */
  watch(model) {
    /** @type {{ modelVersion?: string, backend?: string }} */
    let known = {};
    let asked = -Infinity;
    const about = (fresh = false) => { // a report takes longer than everything else here
      if (fresh || now() - asked >= REPORT_AGE) {
        known = model.report();
        asked = now();
      }
      return known;
    };
    /** @param {string} stage @param {any} args @param {any} value @param {string} version */
    const seen = (stage, args, value, version) => {
      if (this.#ended || (this.#spent && this.#spent + this.#lastLook > this.#options.cost * this.#watched) || this.#options.random() >= this.#options.sample) return;
      const begin = now();
      if (stage === 'predict') this.scores(value?.answers ?? value, version);
      else {
        this.look('inputs', args[0] ?? {}, version);
        this.look('outputs', value ?? {}, version);
      }
      this.#lastLook = now() - begin;
      this.#spent += this.#lastLook;
    };
    /** @param {string} stage @param {number} begin @param {any} args @param {any} value */
    const good = (stage, begin, args, value) => {
      try {
        const ms = now() - begin, { modelVersion = '', backend } = about();
        this.#watched += ms;
        this.time(stage, ms, modelVersion, backend);
        seen(stage, args, value, modelVersion);
      } catch (error) {
        console.warn('quern monitor:', error); // what it measures must not suffer from it
      }
      return value;
    };
    /** @param {string} stage @param {unknown} error @returns {never} */
    const bad = (stage, error) => {
      if (/** @type {any} */ (error)?.code !== 'aborted') {
        const { modelVersion, backend } = about(true);
        this.error(error, stage, modelVersion, backend);
      }
      throw error;
    };
    return new Proxy(model, {
      get: (target, name) => {
        const value = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        if (name === 'runSync') return (/** @type {any[]} */ ...args) => {
          const begin = now();
          let out;
          try {
            out = value.apply(target, args);
          } catch (error) {
            return bad('run', error);
          }
          return good('run', begin, args, out);
        };
        if (name !== 'run' && name !== 'predict') return value.bind(target);
        return async (/** @type {any[]} */ ...args) => {
          const begin = now();
          let out;
          try {
            out = await value.apply(target, args);
          } catch (error) {
            return bad(name, error);
          }
          return good(name, begin, args, out);
        };
      },
    });
  }

  /** A load() that is timed and counted. @template M @param {Promise<M>} loading @returns {Promise<M>} */
  async load(loading) {
    const begin = now();
    try {
      const model = /** @type {any} */ (await loading);
      this.time('load', now() - begin, model.report?.().modelVersion, model.report?.().backend);
      return this.watch(model);
    } catch (error) {
      this.error(error, 'load');
      throw error;
    }
  }

  /** Differences from the baseline, by side, tensor and, when `apart`, version. @param {any[]} points @param {boolean} apart */
  #drift(points, apart) {
    /** @type {Map<string, { side: 'inputs' | 'outputs', tensor: string, version: string, numbers: Numbers }>} */
    const merged = new Map();
    for (const { name, attributes, numbers } of points) {
      const side = name.slice(6), { tensor, version } = attributes, moments = side in (this.#options.baseline ?? {}) && numbers && /** @type {any} */ (this.#options.baseline)[side][tensor];
      if (!moments) continue;
      const key = `${side}/${tensor}${apart ? `/${version}` : ''}`, entry = merged.get(key) ?? { side, tensor, version, numbers: new Numbers(moments.edges) };
      entry.numbers.merge(numbers);
      merged.set(key, entry);
    }
    return [...merged.values()].map(({ side, tensor, version, numbers }) => {
      const expected = /** @type {Baseline} */ (this.#options.baseline)[side][tensor].counts;
      return { side, tensor, version, drift: { count: numbers.count, psi: psi(expected, numbers.counts), ks: ks(expected, numbers.counts) } };
    });
  }

  /** What was seen since the beginning, for the page itself. @returns {Summary} */
  summary() {
    const all = this.#counts.flatMap((counts) => [...counts.values()]);
    /** @type {Record<string, Times>} */
    const times = {};
    /** @type {Record<string, number>} */
    const errors = {};
    for (const p of all) {
      if (p.times) (times[p.attributes.stage] ??= new Times()).merge(p.times);
      if (p.sum) errors[p.attributes.code] = (errors[p.attributes.code] ?? 0) + p.sum;
    }
    const versions = this.#drift(all, true);
    const drift = Object.fromEntries(this.#drift(all, false).map(({ side, tensor, drift: whole }) => [`${side}/${tensor}`, { ...whole,
      versions: Object.fromEntries(versions.filter((v) => v.side === side && v.tensor === tensor).map((v) => [v.version, v.drift])) }]));
    return {
      stages: Object.fromEntries(Object.entries(times).map(([stage, t]) => [stage, { count: t.count, p50: t.quantile(0.5), p90: t.quantile(0.9), p99: t.quantile(0.99), mean: t.sum / t.count }])),
      errors, drift, queued: this.#queue.length, dropped: this.#dropped, spent: this.#spent,
    };
  }

  /** The report of what came since the last one, or null when nothing did; takes it. @returns {{ text: string, report: any } | null} */
  #take() {
    const [counts, before] = this.#counts, to = Date.now();
    if (!counts.size) return null;
    /** @type {Point[]} */
    const points = [...counts.values()];
    for (const { side, tensor, version, drift } of this.#drift(points, true)) {
      const attributes = { side, tensor, version };
      points.push({ name: 'quern.drift.psi', unit: '1', attributes, value: drift.psi }, { name: 'quern.drift.ks', unit: '1', attributes, value: drift.ks });
    }
    const about = { resource: { 'quern.device.class': deviceClass(), ...this.#options.attributes }, version: build, from: this.#began, to };
    this.#began = to;
    for (const [key, point] of counts) before.set(key, before.has(key) ? together(before.get(key), point) : point);
    this.#counts[0] = new Map();
    let report = request(points, about), text = JSON.stringify(report);
    if (bytesIn(text) > MOST_BYTES) { // distributions of tensors go first, the largest before the smaller ones, then what was made of them
      const rank = (/** @type {Point} */ p) => ('numbers' in p ? 2 : 'value' in p ? 1 : 0) * MOST_BYTES + JSON.stringify(request([p], about)).length;
      const order = points.map((point) => ({ point, rank: rank(point) })).sort((p, q) => p.rank - q.rank).map(({ point }) => point);
      while (bytesIn(text) > MOST_BYTES && order.length > 1) {
        const most = Math.max(1, Math.min(order.length - 1, Math.floor((order.length * MOST_BYTES) / bytesIn(text))));
        this.#dropped += order.splice(most).length;
        report = request(order, about);
        text = JSON.stringify(report);
      }
    }
    return { text, report };
  }

  /** Reports what came since the last time. @param {boolean} [closing] the page goes away */
  async flush(closing = false) {
    const taken = this.#take(), { endpoint, headers, onReport } = this.#options;
    if (taken) {
      try {
        onReport?.(taken.report);
      } catch (error) {
        console.error(error); // the page's own
      }
      if (endpoint) this.#enqueue([{ text: taken.text }]);
    }
    if (!endpoint) return;
    if (closing && globalThis.navigator?.onLine === false) return this.#putAside(); // before the page is gone
    if (!closing && (this.#sending || Date.now() < this.#quietUntil)) return this.#putAside();
    this.#sending = true;
    try {
      if (this.#shelf && !this.#looked && !closing) {
        this.#looked = true;
        const { reports, dropped } = await this.#shelf.rest(MOST_QUEUED);
        this.#dropped += dropped;
        this.#enqueue(reports, true);
      }
      for (let next; (next = this.#queue.shift());) { // taken out first, so that a page that closes does not send it twice
        if (next.kept && !(await this.#shelf?.take(next))) continue;
        let response;
        try {
          response = await fetch(endpoint, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: next.text, keepalive: closing, credentials: 'omit' });
        } catch {
          response = null; // offline
        }
        if (!response || response.status === 429 || response.status >= 500) {
          this.#enqueue([next], true); // the next report tries again
          this.#quietUntil = Date.now() + 1000 * Math.min(3600, Number(response?.headers.get('retry-after')) || 0);
          return this.#putAside();
        }
        if (!response.ok) this.#dropped++; // it will not be taken the next time either
      }
    } finally {
      this.#sending = false;
    }
  }

  /** @param {import('./shelf.js').Report[]} reports @param {boolean} [before] the others, being older */
  #enqueue(reports, before = false) {
    if (before) this.#queue.unshift(...reports);
    else this.#queue.push(...reports);
    const most = this.#queue.splice(0, Math.max(0, this.#queue.length - MOST_QUEUED));
    this.#dropped += most.length;
    for (const report of most) void this.#shelf?.take(report);
  }

  /** What waits is kept for the next page too. */
  async #putAside() {
    for (const report of [...this.#queue]) await this.#shelf?.put(report);
  }

  /** Sends what is left and stops. Watched models go on working. */
  async end() {
    clearInterval(this.#timer);
    if (typeof document === 'object') document.removeEventListener('visibilitychange', this.#close);
    await this.flush(true);
    this.#ended = true;
  }
}

/** The sum of two points of one kind, neither of which is changed: a report may still hold them. @param {any} a @param {any} b */
function together(a, b) {
  const sum = { ...a };
  if (a.times) sum.times = merged(new Times(), a.times, b.times);
  else if (a.numbers) sum.numbers = merged(new Numbers(a.numbers.edges), a.numbers, b.numbers);
  else sum.sum = a.sum + b.sum;
  return sum;
}

/** @param {any} into @param {any[]} parts */
function merged(into, ...parts) {
  for (const part of parts) into.merge(part);
  return into;
}
