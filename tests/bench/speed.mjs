// Run time: each engine in a fresh page of its own, warmed up, then all in turns of a fifth of a second, the order changing from turn to turn.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { ROOT, SPEED, enginesOf } from './models.mjs';
import { fixed, geometricMean, median, spread } from './numbers.mjs';

const TURNS = 8, TURN = 200, WARM = 700;
export const NAMES = { quern: 'Quern', ort: 'onnxruntime-web', litert: 'LiteRT', tfjs: 'TensorFlow.js' };
const START = `const { open, times, signature } = await import('/tests/bench/engines.js'); window.run = await open(arg.given); window.times = times;
  const s = signature(await run()); await times(run, arg.warm, 3); return s;`;

/** Answers are the same when no value differs by more than a hundredth of the largest: .tflite files may keep weights in 16 bits. @param {number[]} a @param {number[]} b */
function agree(a, b) {
  const scale = Math.max(...b.map(Math.abs));
  return a.length === b.length && a.every((x, i) => Math.abs(x - b[i]) <= 0.01 * scale);
}

/** @typedef {{ median: number, min: number, spread: number, samples: number, note?: string }} Timing */
/** @param {Awaited<ReturnType<import('./pages.mjs').launch>>} browser @param {import('./models.mjs').Model} model @param {number} threads @returns {Promise<Record<string, Timing>>} */
async function oneModel(browser, model, threads) {
  /** @type {{ engine: string, page: any, list: number[] }[]} */
  const pages = [];
  /** @type {Record<string, number[]>} */
  const signatures = {};
  try {
    for (const given of enginesOf(model)) {
      const page = await browser.page();
      pages.push({ engine: given.engine, page, list: [] });
      await page.goto();
      try {
        signatures[given.engine] = await page.evaluate(START, { given: { ...given, inputs: model.inputs, threads }, warm: WARM });
      } catch (error) {
        console.log(`  ${NAMES[/** @type {keyof typeof NAMES} */ (given.engine)]}: ${/** @type {Error} */ (error).message.split('\n')[0].slice(0, 200)}`);
        await pages.pop()?.page.close();
      }
    }
    for (let turn = 0; turn < TURNS; turn++)
      for (let k = 0; k < pages.length; k++) {
        const { page, list } = pages[(turn + k) % pages.length];
        list.push(...(await page.evaluate('return times(run, arg, 1)', TURN)));
      }
    return Object.fromEntries(pages.map(({ engine, list }) => [engine, {
      median: median(list), min: Math.min(...list), spread: spread(list), samples: list.length,
      ...(signatures.quern && !agree(signatures[engine], signatures.quern) ? { note: 'other answers than Quern' } : {}),
    }]));
  } finally {
    for (const { page } of pages) await page.close();
  }
}

/** All models on so many threads each. @param {Awaited<ReturnType<import('./pages.mjs').launch>>} browser @param {number} threads */
export async function speed(browser, threads) {
  /** @type {Record<string, Record<string, Timing>>} */
  const results = {};
  for (const [name, model] of Object.entries(SPEED)) {
    if (process.env.MODELS && !process.env.MODELS.split(',').includes(name)) continue;
    if (!existsSync(path.join(ROOT, model.file))) {
      console.log(`SKIP ${name}: ${model.file} is missing`);
      continue;
    }
    results[name] = await oneModel(browser, model, threads);
    console.log(`${name} (${threads}): ${Object.entries(results[name]).map(([e, t]) => `${e} ${fixed(t.median)} ms ±${fixed(50 * t.spread, 0)} %${t.note ? ` (${t.note})` : ''}`).join(', ')}`);
  }
  return results;
}

/** @param {Awaited<ReturnType<typeof speed>>} results @param {number} threads @param {import('./report.mjs').Report} report */
export function speedTables(results, threads, report) {
  const to = (/** @type {Record<string, Timing>} */ r, /** @type {string} */ e) => (r.quern && r[e] && !r[e].note ? r.quern.median / r[e].median : NaN);
  const shown = (/** @type {number} */ x) => (Number.isNaN(x) ? '' : fixed(x));
  const rows = Object.entries(results).map(([name, r]) => [name, r.quern ? fixed(r.quern.median) : 'failed', shown(to(r, 'ort')), threads === 1 ? `≤ ${SPEED[name].aim}` : '', shown(to(r, 'litert')), shown(to(r, 'tfjs'))]);
  const ratios = (/** @type {string} */ e) => Object.values(results).map((r) => to(r, e)).filter((x) => !Number.isNaN(x));
  const sum = (/** @type {(list: number[]) => number} */ f, /** @type {string} */ e) => (ratios(e).length ? fixed(f(ratios(e))) : '');
  const most = (/** @type {number[]} */ l) => Math.max(...l);
  rows.push(['geometric mean', '', sum(geometricMean, 'ort'), threads > 1 ? '≤ 0.48' : '≤ 0.45', sum(geometricMean, 'litert'), sum(geometricMean, 'tfjs')],
    ['largest', '', sum(most, 'ort'), threads > 1 ? '' : '≤ 0.9', sum(most, 'litert'), sum(most, 'tfjs')]);
  report.table(`Run time on ${threads === 1 ? 'one thread' : `${threads} threads each`}: Quern's as a share of the others'`, ['model', 'Quern, ms', '÷ onnxruntime-web', 'aim', '÷ LiteRT', '÷ TensorFlow.js'], rows,
    'Medians. Every engine has a fresh page, is warmed up, and they take turns. On the calling thread; inputs are copied in and outputs out. Below 1 Quern is faster.' + (threads > 1 ? ' As many cores must be free, or this measures the machine.' : ''));
  report.table(`The same in milliseconds, ${threads === 1 ? 'one thread' : `${threads} threads`}`, ['model', 'engine', 'median', 'minimum', 'spread', 'samples', ''],
    Object.entries(results).flatMap(([name, r]) => Object.entries(r).map(([e, t]) => [name, NAMES[/** @type {keyof typeof NAMES} */ (e)], fixed(t.median), fixed(t.min), `${fixed(100 * t.spread, 0)} %`, String(t.samples), t.note ?? ''])),
    'Spread: the width of the middle half as a share of the median.');
}
