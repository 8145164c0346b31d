// make warm: page start to the first result of a package that is on the device, in the worker, against an empty page that gets an answer from a
// module worker; and how many files of the model were asked for before it. node tests/bench/warm.mjs [rounds]
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import os, { cpus } from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const { chromium } = createRequire(path.join(ROOT, 'x.js'))('playwright-core');
const ROUNDS = Number(process.argv[2] ?? 15);
const ints = (n, below) => `{ type: 'int64', dims: [1, ${n}], data: BigInt64Array.from({ length: ${n} }, (_, i) => BigInt(1 + i % ${below})) }`;
const MODELS = {
  mobilenet_v2: { feeds: `{ input: { type: 'float32', dims: [1, 3, 224, 224], data: new Float32Array(150528).fill(0.5) } }`, aim: 70 },
  minilm_l6: { feeds: `{ input_ids: ${ints(8, 30000)}, attention_mask: ${ints(8, 1)}, token_type_ids: ${ints(8, 1)} }`, aim: 220 },
};

const files = new Map(), asked = [];
for (const name of Object.keys(MODELS)) {
  const folder = path.join(ROOT, 'build/warm', name), source = path.join(ROOT, `build/bench-models/${name}.onnx`);
  if (!existsSync(source)) throw new Error(`${source} is missing: run make models`);
  if (!existsSync(path.join(folder, 'quern.json'))) execFileSync(process.execPath, [path.join(ROOT, 'dist/cli.js'), 'pack', source, '-o', folder], { stdio: 'inherit' });
  for (const file of readdirSync(folder)) files.set(`/${name}/${file}`, path.join(folder, file));
  MODELS[name].bytes = readdirSync(folder).filter((f) => /^(graph|params)/.test(f)).reduce((n, f) => n + statSync(path.join(folder, f)).size, 0);
}
const MIME = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };
const page = (script) => `<!doctype html><title>warm</title><script type="module">${script}</script>`;
const pages = {
  '/empty.html': page(`const w = new Worker('/answer.js', { type: 'module' }); w.onmessage = () => { window.result = { ms: performance.now() }; };`),
  '/answer.js': 'postMessage(1);',
  ...Object.fromEntries(Object.entries(MODELS).map(([name, { feeds }]) => [`/${name}.html`, page(`
    import { load } from '/dist/index.js';
    const at = { script: performance.now() }, model = await load('/${name}/');
    at.loaded = performance.now();
    window.ask = () => model.run(${feeds});
    await window.ask();
    at.ms = performance.now();
    const { where, delivery } = model.report();
    window.result = { ...at, where, cache: delivery.cache, downloaded: delivery.downloadedBytes };`)])),
};
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  const known = pages[pathname], file = files.get(pathname) ?? (pathname.startsWith('/dist/') ? path.join(ROOT, path.normalize(pathname)) : '');
  if (files.has(pathname)) asked.push(pathname);
  if (known === undefined && !existsSync(file)) return response.writeHead(404).end();
  const body = known ?? readFileSync(file);
  response.writeHead(200, { 'content-type': MIME[path.extname(pathname)] ?? 'application/octet-stream', 'content-length': Buffer.byteLength(body),
    'cache-control': known === undefined ? 'max-age=31536000, immutable' : 'no-cache' }).end(body);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}`;
const profile = mkdtempSync(path.join(os.tmpdir(), 'quern-warm-')); // a private window keeps its files in memory, behind another process
const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });

/** One visit; settle: until everything is written, and with so many answers that the browser has compiled the wasm to the end and kept that. */
async function visit(name, settle = false) {
  const tab = await context.newPage();
  try {
    tab.on('pageerror', (error) => console.error(name, error));
    await tab.goto(`${origin}/${name}.html`);
    await tab.waitForFunction(() => window.result, null, { polling: 20, timeout: 120_000 });
    if (settle) await tab.evaluate(async () => {
      for (let k = 0; k < 150; k++) await window.ask();
      await new Promise((resolve) => setTimeout(resolve, 3000));
    });
    if (settle) await tab.waitForFunction(async (n) => (await (await import('/dist/index.js')).cache.list()).packages.some(({ url }) => url.endsWith(`/${n}/`)), name);
    return await tab.evaluate(() => window.result);
  } finally {
    await tab.close();
  }
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
for (const name of ['empty', ...Object.keys(MODELS)]) for (let k = 0; k < 2; k++) await visit(name, name !== 'empty');
asked.length = 0;
const times = Object.fromEntries(['empty', ...Object.keys(MODELS)].map((name) => [name, []]));
for (let k = 0; k < ROUNDS; k++) for (const name of Object.keys(times)) times[name].push(await visit(name));
const empty = times.empty.map(({ ms }) => ms);
console.log(`${cpus().length} cores of ${cpus()[0].model}, ${ROUNDS} visits each, by turns; an empty page with an answer from a module worker: ${median(empty).toFixed(0)} ms at the median, ${Math.min(...empty).toFixed(0)} at least`);
for (const [name, { aim, bytes }] of Object.entries(MODELS)) {
  const list = times[name], ms = list.map((r) => r.ms), more = list.map((r, k) => r.ms - empty[k]);
  console.log(`${name}, ${(bytes / 1e6).toFixed(1)} MB: ${median(ms).toFixed(0)} ms at the median, ${Math.min(...ms).toFixed(0)} at least; ${median(more).toFixed(0)} ms more than the empty page (${(Math.min(...ms) - Math.min(...empty)).toFixed(0)} of the fastest), aim ${aim}; loaded at ${median(list.map((r) => r.loaded)).toFixed(0)}; ${list[0].where}, ${list[0].cache}, ${Math.max(...list.map((r) => r.downloaded))} bytes downloaded`);
}
console.log(`files of the models asked for: ${asked.length}`);
await context.close();
server.close();
rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
