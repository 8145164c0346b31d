// make bench: Quern beside onnxruntime-web, LiteRT and TensorFlow.js in one Chromium: bytes, run time, start-up, planning, memory, long runs.
// Prints tables, writes build/bench-results.json, and when everything ran RESULTS.md, results.json and the chart results.svg.
// node run.mjs [size] [speed] [threads] [start] [overhead] [heap] [soak] picks parts, MODELS=resnet50,ocr_det models.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import path from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { chart, shares } from './chart.mjs';
import { heap, soak } from './memory.mjs';
import { ROOT } from './models.mjs';
import { fixed } from './numbers.mjs';
import { overhead } from './overhead.mjs';
import { launch } from './pages.mjs';
import { Report } from './report.mjs';
import { serve } from './server.mjs';
import { NAMES, speed, speedTables } from './speed.mjs';
import { start } from './start.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url)), LIBS = 'tests/bench/node_modules/';
const all = ['size', 'speed', 'threads', 'start', 'overhead', 'heap', 'soak'], parts = process.argv.length > 2 ? process.argv.slice(2) : all;
const wrong = parts.find((p) => !all.includes(p));
if (wrong) throw new Error(`no part ${wrong}; there are ${all.join(', ')}`);
execFileSync(path.join(ROOT, 'tools/make-bench-models.sh'), { stdio: 'inherit' });

const report = new Report(), server = await serve(), browser = await launch(server);
const versions = JSON.parse(readFileSync(path.join(HERE, 'package.json'), 'utf8')).dependencies;
/** @type {Record<string, any>} */
const results = { machine: `${cpus()[0].model}, ${cpus().length} cores`, browser: browser.version, versions, load: [loadavg()[0]] };

/** What others did meanwhile: the bench itself keeps less than three threads busy. @param {Record<string, any>} r */
const quiet = ({ load: [before, after] }) => (Math.max(before, after) < cpus().length + 2
  ? `Nothing else of weight ran meanwhile (load average ${fixed(before, 1)} before, ${fixed(after, 1)} after).`
  : `**The machine was busy with other work meanwhile** (load average ${fixed(before, 1)} before, ${fixed(after, 1)} after, on ${cpus().length} cores): ratios on one thread and bytes hold, times are longer than they need be, and what several threads gain cannot be told.`);

/** What a page loads of each engine before its model. */
function sizes() {
  const wire = (/** @type {string[]} */ ...files) => files.reduce((n, f) => n + brotliCompressSync(readFileSync(path.join(ROOT, f)), { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } }).length, 0);
  const tf = `${LIBS}@tensorflow/tfjs-`, lite = `${LIBS}@litertjs/`;
  const r = {
    quern: wire('dist/quern-relaxed.wasm', 'dist/index.js', 'dist/worker.js'),
    ort: wire(`${LIBS}onnxruntime-web/dist/ort-wasm-simd-threaded.wasm`, `${LIBS}onnxruntime-web/dist/ort.wasm.min.mjs`, `${LIBS}onnxruntime-web/dist/ort-wasm-simd-threaded.mjs`),
    litert: wire(`${lite}core/wasm/litert_wasm_internal.wasm`, `${lite}core/wasm/litert_wasm_internal.js`, `${lite}core/dist/index.js`, `${lite}wasm-utils/dist/index.js`),
    tfjs: wire(`${tf}backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm`, ...['core', 'converter', 'backend-cpu', 'backend-wasm'].map((p) => `${tf}${p}/dist/tf-${p}.min.js`)),
  };
  report.table('Bytes that a page loads before the model (brotli 11)', ['engine', 'wasm and JavaScript', 'Quern as a share', 'aim'],
    Object.entries(r).map(([e, n]) => [NAMES[/** @type {keyof typeof NAMES} */ (e)], `${fixed(n / 1024, 1)} KB`, e === 'quern' ? '' : fixed(r.quern / n, 3), e === 'quern' ? '≤ 256 KB' : '']));
  return r;
}

try {
  if (parts.includes('size')) results.size = sizes();
  if (parts.includes('speed')) speedTables((results.speed = await speed(browser, 1)), 1, report);
  if (parts.includes('threads')) speedTables((results.threads = await speed(browser, 2)), 2, report);
  if (parts.includes('start')) results.start = await start(browser, server, report);
  if (parts.includes('overhead')) results.overhead = await overhead(browser, report);
  if (parts.includes('heap')) results.heap = await heap(browser, report);
  if (parts.includes('soak')) results.soak = await soak(browser, report);
} finally {
  await browser.close();
  server.close();
}
results.load.push(loadavg()[0]);
const json = JSON.stringify(results, null, 1);
writeFileSync(path.join(ROOT, 'build/bench-results.json'), json);
if (process.argv.length === 2 && !process.env.MODELS) {
  const panels = [{ title: 'One thread', models: shares(results.speed) }, { title: 'Two threads', models: shares(results.threads) }];
  writeFileSync(path.join(HERE, 'results.json'), `${json}\n`);
  writeFileSync(path.join(HERE, 'results.svg'), chart(panels));
  writeFileSync(path.join(HERE, 'RESULTS.md'), `# Benchmark results

Written by \`make bench\` (\`node tests/bench/run.mjs\`): onnxruntime-web ${versions['onnxruntime-web']}, LiteRT ${versions['@litertjs/core']} and TensorFlow.js ${versions['@tensorflow/tfjs-core']} (wasm) beside Quern in one Chromium ${results.browser} on ${results.machine}. Machines are noisy: read ratios, not milliseconds. ${quiet(results)} The figures as data: [results.json](results.json).

![Run time of each model on Quern, LiteRT and TensorFlow.js as a share of onnxruntime-web's, on one thread and on two](results.svg)
${report.lines.join('\n')}
`);
}
