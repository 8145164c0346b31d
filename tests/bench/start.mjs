// Start to first result: from the navigation of a cold page to BlazeFace's first answer, from localhost and over a line of 9 Mbit/s with
// 60 ms. The server is the line (server.mjs): the browser's own emulation does not reach what workers fetch.
import { SPEED, enginesOf } from './models.mjs';
import { fixed, median, spread } from './numbers.mjs';
import { NAMES } from './speed.mjs';

const IN_PAGE = `const { open } = await import('/tests/bench/engines.js'); const run = await open(arg); await run(); return performance.now();`;
const IN_WORKER = `const { feedsOf } = await import('/tests/bench/engines.js'); const { load } = await import('/dist/index.js'); const m = await load('/' + arg.file);
  await m.run(Object.fromEntries(feedsOf(arg.inputs, false).map((f) => [f.name, { type: f.type, dims: f.dims, data: f.data }]))); return performance.now();`;
const EMPTY = `const w = new Worker(URL.createObjectURL(new Blob(['postMessage(1)'], { type: 'text/javascript' })), { type: 'module' }); await new Promise((r) => { w.onmessage = r; }); return performance.now();`;
const LINES = { localhost: null, '9 Mbit/s, 60 ms': { bits: 9e6, latency: 60 } };

/** @param {Awaited<ReturnType<import('./pages.mjs').launch>>} browser @param {Awaited<ReturnType<import('./server.mjs').serve>>} server @param {import('./report.mjs').Report} report */
export async function start(browser, server, report, rounds = 9) {
  const { inputs, file } = SPEED.blazeface;
  /** @type {Record<string, { name: string, code: string, arg: any }>} */
  const ways = Object.fromEntries(enginesOf(SPEED.blazeface).map((e) => [e.engine, { name: `${NAMES[/** @type {keyof typeof NAMES} */ (e.engine)]}${e.engine === 'quern' ? ' (quern/ort)' : ''}, in the page`, code: IN_PAGE, arg: { ...e, inputs, threads: 1 } }]));
  Object.assign(ways, { worker: { name: 'Quern, load() in its worker', code: IN_WORKER, arg: { file, inputs } }, empty: { name: 'an empty page with a module worker', code: EMPTY, arg: null } });
  /** @type {Record<string, Record<string, { median: number, min: number, spread: number, bytes: number, requests: number }>>} */
  const results = {};
  for (const [line, link] of Object.entries(LINES)) {
    const times = Object.fromEntries(Object.keys(ways).map((w) => [w, /** @type {number[]} */ ([])])), sent = /** @type {Record<string, { bytes: number, requests: number }>} */ ({});
    const keys = Object.keys(ways), few = link ? Math.ceil(rounds / 3) : rounds;
    server.throttle(link);
    for (let i = 0; i < few; i++)
      for (let k = 0; k < keys.length; k++) {
        const way = keys[(i + k) % keys.length];
        server.taken();
        times[way].push(await browser.asScript(ways[way].code, ways[way].arg));
        sent[way] = server.taken();
      }
    server.throttle(null);
    results[line] = Object.fromEntries(keys.map((w) => [w, { median: median(times[w]), min: Math.min(...times[w]), spread: spread(times[w]), ...sent[w] }]));
    const r = results[line], aim = link ? '≤ 0.25' : '≤ 0.18';
    report.table(`Cold start to the first result, BlazeFace, ${line}`, ['way', 'median, ms', 'minimum', 'spread', 'sent, KB', 'compared', 'aim'],
      keys.map((w) => [ways[w].name, fixed(r[w].median, 0), fixed(r[w].min, 0), `${fixed(100 * r[w].spread, 0)} %`, fixed(r[w].bytes / 1024, 0),
        w === 'worker' ? `${fixed(r.worker.median - r.empty.median, 0)} ms more than the empty page` : w === 'quern' && r.ort ? `${fixed(r.quern.median / r.ort.median)} of onnxruntime-web` : '', w === 'quern' ? aim : w === 'worker' && !link ? '≤ 60 ms more' : '']),
      link ? `Median of ${few}. Sent: what left the server for the page, model included; code goes out compressed by brotli, as hosts do.` : `Median of ${few}. Nothing is compressed on the way.`);
  }
  return results;
}
