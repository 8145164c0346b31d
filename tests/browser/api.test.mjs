// load() in a browser: worker, blob worker, page; pictures; errors and aborts across the worker.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DIST, ROOT, launch, serve, skipReason } from './helpers/browser.mjs';
import { f32, model } from '../node/onnx-writer.mjs';

const skip = skipReason(['index.js', 'worker.js', 'worker.classic.js', 'quern.js', 'quern-simd.wasm', 'quern-relaxed.wasm']);
const ADD = model({
  nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'], name: 'sum' }], inputs: [{ name: 'x', dims: ['n', 3] }], outputs: [{ name: 'y', dims: ['n', 3] }],
  initializers: { w: f32([3], 10, 20, 30) },
});
const EXTERNAL = model({
  nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }], inputs: [{ name: 'x', dims: ['n', 3] }], outputs: [{ name: 'y', dims: ['n', 3] }],
  initializers: { w: { type: 'float32', dims: [3], external: { location: 'w.bin', offset: 4 } } },
});
const LONG = model({
  nodes: Array.from({ length: 400 }, (_, i) => ({ op: 'Tanh', in: [i ? `t${i - 1}` : 'x'], out: [i === 399 ? 'y' : `t${i}`] })),
  inputs: [{ name: 'x', dims: ['n'] }], outputs: [{ name: 'y', dims: ['n'] }],
});
const JOIN = model({ nodes: [{ op: 'StringConcat', in: ['a', 'b'], out: ['y'] }], inputs: [{ name: 'a', type: 'string', dims: [1] }, { name: 'b', type: 'string', dims: [1] }], outputs: [{ name: 'y', type: 'string', dims: [1] }], opset: 20 });
/** A package whose parameters are encrypted: y = x + [0, 1, 2, …]. */
function makeSealed() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'quern-sealed-')), quern = (...args) => execFileSync(process.execPath, [path.join(DIST, 'cli.js'), ...args], { cwd: folder, encoding: 'utf8' });
  try {
    writeFileSync(path.join(folder, 'm.onnx'), model({ nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }], inputs: [{ name: 'x', dims: ['n', 256] }], outputs: [{ name: 'y', dims: ['n', 256] }],
      initializers: { w: f32([256], ...Array.from({ length: 256 }, (_, i) => i)) } }));
    const { id } = JSON.parse(quern('keygen', '--secret', 'secret', '--json'));
    quern('pack', 'm.onnx', '-o', 'sealed', '--encrypt', 'secret');
    const read = (name) => readFileSync(path.join(folder, name));
    return { id, secret: read('secret').toString().trim(), pages: Object.fromEntries(readdirSync(path.join(folder, 'sealed')).map((name) => [`/sealed/${name}`, read(`sealed/${name}`)])) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const sealed = skip ? { pages: {} } : makeSealed();
const page404 = '<!doctype html><title>x</title>';
const CSP = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

describe('in a browser', { skip }, () => {
  let browser, site, strict, foreign, closed;
  before(async () => {
    const pages = {
      '/': '<!doctype html><title>t</title>', '/script.html': '<!doctype html><script src="/dist/quern.js"></script>',
      '/m/add.onnx': ADD, '/m/external.onnx': EXTERNAL, '/m/w.bin': new Uint8Array(Float32Array.of(0, 10, 20, 30).buffer), '/m/long.onnx': LONG, '/m/join.onnx': JOIN, '/page.onnx': page404,
      '/chunked.onnx': (response) => { response.write(ADD.subarray(0, 10)); setTimeout(() => response.end(ADD.subarray(10)), 20); },
      '/slow': (response) => response.write(ADD.subarray(0, 10)),
    };
    Object.assign(pages, sealed.pages);
    const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
    site = await serve({ pages, headers: isolated });
    strict = await serve({ pages, headers: { ...isolated, 'content-security-policy': CSP } });
    foreign = await serve({ headers: { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' } });
    closed = await serve({ pages: { '/no-cors.png': Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64') } });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    for (const server of [site, strict, foreign, closed]) server?.close();
  });

  /** Runs `work` in a page; fails on what the page complains about. */
  async function inPage(origin, work, argument, complaintsAllowed = false) {
    const page = await browser.newPage();
    const complaints = [];
    page.on('pageerror', (e) => complaints.push(e.stack));
    page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
    try {
      await page.goto(origin);
      const result = await page.evaluate(work, argument);
      if (!complaintsAllowed) assert.deepEqual(complaints, []);
      return result;
    } finally {
      await page.close();
    }
  }

  /** Loads add.onnx with the script of `from` and tells where it ran. */
  const loadAndRun = async ({ from, options = {}, init = null }) => {
    const quern = await import(from + '/dist/index.js');
    if (init) await quern.init(init);
    const m = await quern.load('m/add.onnx', options);
    const x = new Float32Array([1, 2, 3]);
    const { y } = await m.run({ x: { type: 'float32', dims: [1, 3], data: x } });
    const { where, whereReason, variant, runs } = m.report();
    m.dispose();
    return { y: [...y.data], dims: y.dims, kept: x.length, where, whereReason, variant, runs };
  };

  const answer = { y: [11, 22, 33], dims: [1, 3], kept: 3, runs: 1, variant: 'relaxed' };

  test('an encrypted package, whose key the page gives to the worker', async () => {
    const page = await browser.newPage(), asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    try {
      await page.goto(site.origin);
      const got = await page.evaluate(async (secret) => {
        const quern = await import('/dist/index.js'), requests = [];
        const load = (decryptionKey) => quern.load('/sealed/', { cache: false, decryptionKey });
        const sentence = (error) => `${error.code}: ${error.message}`;
        const none = await load().catch(sentence), refused = await load(async () => { throw new Error('not logged in'); }).catch(sentence);
        const key = await crypto.subtle.importKey('raw', Uint8Array.from(atob(secret), (c) => c.charCodeAt(0)), 'AES-GCM', false, ['decrypt']);
        const m = await load(async (request) => { requests.push(request); return key; });
        const { y } = await m.run({ x: { type: 'float32', dims: [1, 256], data: new Float32Array(256).fill(1) } }), { where } = m.report();
        m.dispose();
        return { none, refused, requests, where, y: [...y.data.subarray(0, 3)] };
      }, sealed.secret);
      assert.match(got.none, /^bad-argument: the parameters of sealed 1.0.0 are encrypted/);
      assert.match(got.refused, /^unavailable: there is no key '\w+' for sealed 1.0.0: not logged in$/);
      assert.deepEqual([got.requests, got.where, got.y], [[{ name: 'sealed', version: '1.0.0', key: sealed.id }], 'worker', [1, 2, 3]]);
      assert.equal(asked.filter((name) => name === '/dist/decrypt.js').length, 3, 'once in each worker');
    } finally {
      await page.close();
    }
  });

  test('by default in a worker', async () => {
    assert.deepEqual(await inPage(site.origin, loadAndRun, { from: site.origin }), { ...answer, where: 'worker', whereReason: '' });
  });

  test('the second wasm file is fetched by a model that needs it, and by no other', async () => {
    const page = await browser.newPage(), asked = [];
    page.on('request', (r) => asked.push(new URL(r.url()).pathname));
    await page.goto(site.origin);
    const run = (worker) => page.evaluate(async (worker) => {
      const { load } = await import('/dist/index.js');
      const loaded = async (file) => { const m = await load(file, worker === false ? { worker } : {}); const { where, rare, variant } = m.report(); m.dispose(); return [where, rare, variant]; };
      return [await loaded('m/add.onnx'), await loaded('m/join.onnx')];
    }, worker);
    assert.deepEqual(await run(), [['worker', false, 'relaxed'], ['worker', true, 'relaxed']]);
    assert.deepEqual(asked.filter((name) => /rare/.test(name)), ['/dist/quern-rare-relaxed-threads.wasm']);
    assert.deepEqual(await run(false), [['page', false, 'relaxed'], ['page', true, 'relaxed']]);
    await page.close();
  });

  test('under a strict policy', async () => {
    assert.deepEqual(await inPage(strict.origin, loadAndRun, { from: strict.origin }), { ...answer, where: 'worker', whereReason: '' });
  });

  test('the simd build when asked', async () => {
    assert.equal((await inPage(site.origin, loadAndRun, { from: site.origin, options: { deterministic: true } })).variant, 'simd');
  });

  test('in the page when asked', async () => {
    assert.deepEqual(await inPage(site.origin, loadAndRun, { from: site.origin, options: { worker: false } }), { ...answer, where: 'page', whereReason: 'worker: false' });
  });

  test('from another origin by a blob', async () => {
    assert.deepEqual(await inPage(site.origin, loadAndRun, { from: foreign.origin }), { ...answer, where: 'worker', whereReason: '' });
  });

  test('in the page, with the reason, when no worker can be', async () => {
    const { where, whereReason, y } = await inPage(site.origin, loadAndRun, { from: site.origin, init: { worker: '/none/worker.js' } }, true);
    assert.deepEqual({ where, y }, { where: 'page', y: answer.y });
    assert.match(whereReason, /no worker could be started .*404/);
  });

  test('by a script tag', async () => {
    const result = await inPage(site.origin + '/script.html', async () => {
      const m = await globalThis.quern.load('/m/add.onnx');
      const { y } = await m.run({ x: { dims: [1, 3], data: [0, 0, 0] } });
      const { where } = m.report();
      m.dispose();
      return { y: [...y.data], where, version: globalThis.quern.version };
    });
    assert.deepEqual(result, { y: [10, 20, 30], where: 'worker', version: result.version });
  });

  test('every source, through the worker', async () => {
    const results = await inPage(site.origin, async (origin) => {
      const { load } = await import(origin + '/dist/index.js');
      const bytes = new Uint8Array(await (await fetch('/m/add.onnx')).arrayBuffer());
      const sources = { url: new URL('/m/add.onnx', origin), bytes, buffer: bytes.slice().buffer, blob: new Blob([bytes]), response: await fetch('/m/add.onnx'), stream: new Blob([bytes]).stream(), external: '/m/external.onnx', chunked: '/chunked.onnx' };
      const out = {};
      for (const [name, source] of Object.entries(sources)) {
        const m = await load(source);
        out[name] = [...(await m.run({ x: { dims: [1, 3], data: [1, 2, 3] } })).y.data].join();
        m.dispose();
      }
      return { out, kept: bytes.length };
    }, site.origin);
    for (const [name, y] of Object.entries(results.out)) assert.equal(y, '11,22,33', name);
    assert.equal(results.kept, ADD.length, 'the caller keeps its bytes');
  });

  test('where streams cannot be transferred, as in Safari', async () => {
    const results = await inPage(site.origin, async (origin) => {
      globalThis.structuredClone = () => { throw new DOMException('no', 'DataCloneError'); };
      const { load } = await import(origin + '/dist/index.js');
      const out = [];
      for (const source of ['/m/add.onnx', '/m/external.onnx', '/chunked.onnx', (await fetch('/m/add.onnx')).body, await fetch('/chunked.onnx')]) {
        const m = await load(source);
        out.push([...(await m.run({ x: { dims: [1, 3], data: [1, 2, 3] } })).y.data].join() + m.report().where);
        m.dispose();
      }
      return out;
    }, site.origin);
    assert.deepEqual(results, new Array(5).fill('11,22,33worker'));
  });

  test('errors keep code, node and operator', async () => {
    const errors = await inPage(site.origin, async (origin) => {
      const { load, QuernError } = await import(origin + '/dist/index.js');
      const told = async (promise) => promise.then(() => 'no error', (e) => ({ own: e instanceof QuernError, code: e.code, node: e.node, op: e.op, message: e.message, name: e.name }));
      const m = await load('/m/add.onnx');
      const out = {
        shape: await told(m.run({ x: { dims: [1, 4], data: [1, 2, 3, 4] } })), unknown: await told(m.run({ z: { data: [1] } })),
        sync: await told((async () => m.runSync({}))()), predict: await told(m.predict({ data: new Uint8Array(4), width: 1, height: 1 })),
        missing: await told(load('/m/none.onnx')), html: await told(load('/page.onnx')),
        aborted: await told(load('/slow', { signal: AbortSignal.timeout(100) })), function: await told(m.run({ x: { dims: [1, 3], data: () => 1 } })),
      };
      m.dispose();
      m.dispose();
      out.disposed = await told(m.run({}));
      return out;
    }, site.origin, true);
    for (const [name, code, message] of [
      ['shape', 'bad-shape', /\[1, 4\]/], ['unknown', 'bad-argument', /no input 'z'/], ['sync', 'bad-state', /worker: false/], ['predict', 'bad-argument', /run\(\)/],
      ['missing', 'network', /404/], ['html', 'network', /HTML/], ['aborted', 'aborted', /aborted/], ['function', 'bad-argument', /cannot be sent/], ['disposed', 'bad-state', /disposed/]]) {
      assert.equal(errors[name].own, true, name);
      assert.equal(errors[name].code, code, name);
      assert.match(errors[name].message, message);
    }
    assert.equal(errors.aborted.name, 'AbortError');
  });

  test('progress, an abort of a run, and the next run', async () => {
    const result = await inPage(site.origin, async (origin) => {
      const { load } = await import(origin + '/dist/index.js');
      const stages = [];
      const m = await load('/m/long.onnx', { onProgress: (p) => stages.push(p.stage) });
      const feeds = (n) => ({ x: { dims: [n], data: new Float32Array(n) } });
      const controller = new AbortController();
      const run = m.run(feeds(2000000), { signal: controller.signal });
      const next = m.run(feeds(2));
      setTimeout(() => controller.abort(), 20);
      const code = await run.then(() => 'done', (e) => e.code);
      const { length } = (await next).y.data;
      m.dispose();
      return { stages: [...new Set(stages)], code, length };
    }, site.origin);
    assert.deepEqual(result, { stages: ['download', 'prepare'], code: 'aborted', length: 2 });
  });

  test('the page lives on during a run in it', async () => {
    const frames = await inPage(site.origin, async (origin) => {
      const { load } = await import(origin + '/dist/index.js');
      const m = await load('/m/long.onnx', { worker: false });
      let turns = 0;
      const timer = setInterval(() => turns++, 1);
      await m.run({ x: { dims: [500000], data: new Float32Array(500000) } });
      clearInterval(timer);
      m.dispose();
      return turns;
    }, site.origin);
    assert.ok(frames > 5, `${frames} turns`);
  });

  test('disposing a model ends its runs', async () => {
    const codes = await inPage(site.origin, async (origin) => {
      const { load } = await import(origin + '/dist/index.js');
      const m = await load('/m/long.onnx');
      const run = m.run({ x: { dims: [2000000], data: new Float32Array(2000000) } });
      m.dispose();
      return run.then(() => 'done', (e) => e.code);
    }, site.origin);
    assert.equal(codes, 'bad-state');
  });

  test('sound, through the worker', { skip: existsSync(path.join(DIST, 'models/vad/manifest.json')) ? false : 'SKIP: models/vad is not built' }, async () => {
    const wav = await readFile(path.join(ROOT, 'web/demo/samples/speech.wav'));
    const result = await inPage(site.origin, async ({ origin, wav }) => {
      const { load } = await import(origin + '/dist/index.js');
      const sound = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(Uint8Array.from(wav).buffer);
      const out = [];
      for (const worker of [true, false]) {
        const m = await load('/dist/models/vad/manifest.json', { worker });
        const told = await m.predict({ data: new Uint8Array(4), width: 1, height: 1 }).then(() => 'no error', (e) => e.message);
        const samples = sound.getChannelData(0);
        out.push({ buffer: await m.predict(sound), array: await m.predict(samples), kept: samples.length > 0, told });
        m.dispose();
      }
      return out;
    }, { origin: site.origin, wav: [...wav] });
    for (const { buffer, array, kept, told } of result) {
      assert.ok(buffer.length > 0 && kept);
      assert.deepEqual(array, buffer);
      assert.match(told, /takes sound/);
    }
    assert.deepEqual(result[0], result[1]);
  });

  const ocr = existsSync(path.join(DIST, 'models/ocr/manifest.json'));
  test('pictures of every kind', { skip: ocr ? false : 'SKIP: models/ocr is not built' }, async () => {
    const results = await inPage(site.origin, async ({ origin, closed }) => {
      const { load } = await import(origin + '/dist/index.js');
      const out = {};
      for (const worker of [true, false]) {
        const m = await load('/dist/models/ocr/', { worker });
        const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 80 });
        const context = canvas.getContext('2d');
        context.fillStyle = '#fff';
        context.fillRect(0, 0, 320, 80);
        context.fillStyle = '#000';
        context.font = '40px sans-serif';
        context.fillText('Quern 1234', 20, 55);
        const blob = await new Promise((resolve) => canvas.toBlob(resolve));
        const img = new Image();
        img.src = URL.createObjectURL(blob);
        const bitmap = await createImageBitmap(canvas);
        const offscreen = new OffscreenCanvas(320, 80);
        offscreen.getContext('2d').drawImage(canvas, 0, 0);
        const pixels = context.getImageData(0, 0, 320, 80);
        const kinds = { canvas, blob, img, bitmap, offscreen, pixels, object: { data: new Uint8Array(pixels.data), width: 320, height: 80 }, frame: new VideoFrame(canvas, { timestamp: 0 }) };
        for (const [kind, picture] of Object.entries(kinds)) out[`${kind} ${worker}`] = (await m.predict(picture)).map((a) => a.text).join('|');
        kinds.frame.close();
        out[`still usable ${worker}`] = String(bitmap.width === 320 && pixels.data.length > 0 && kinds.object.data.length > 0);
        out[`meta ${worker}`] = Object.keys(await m.predict(canvas, { meta: true })).join();
        const told = (promise) => promise.then(() => 'no error', (e) => `${e.code}: ${e.message}`);
        out[`nothing ${worker}`] = await told(m.predict(null));
        out[`no picture ${worker}`] = await told(m.predict(new Image()));
        out[`bad blob ${worker}`] = await told(m.predict(new Blob(['x'])));
        const [answer] = await m.predict(canvas);
        out[`box ${worker}`] = JSON.stringify([answer.box.length, answer.box[0].length, answer.score > 0.5]);
        m.dispose();
      }
      return out;
    }, { origin: site.origin, closed: closed.origin }, true);
    for (const where of ['true', 'false']) {
      for (const kind of ['canvas', 'blob', 'img', 'bitmap', 'offscreen', 'pixels', 'object', 'frame']) assert.equal(results[`${kind} ${where}`].replace(/ /g, ''), 'Quern1234', `${kind} ${where}`);
      assert.equal(results[`still usable ${where}`], 'true');
      assert.equal(results[`meta ${where}`], 'answers,version,ms');
      assert.match(results[`nothing ${where}`], /bad-argument: a picture is .* got null/);
      assert.match(results[`no picture ${where}`], /bad-argument: the image element has no picture/);
      assert.match(results[`bad blob ${where}`], /bad-argument: the picture could not be read/);
      assert.equal(results[`box ${where}`], '[4,2,true]');
    }
  });

  test('a tainted picture', { skip: ocr ? false : 'SKIP: models/ocr is not built' }, async () => {
    // a page without COEP, which would not show the picture at all
    const open = await serve({ pages: { '/': '<!doctype html>' } });
    try {
      const told = await inPage(open.origin, async ({ closed }) => {
        const { load } = await import('/dist/index.js');
        const out = [];
        for (const worker of [true, false]) {
          const m = await load('/dist/models/ocr/manifest.json', { worker });
          const img = new Image();
          img.src = closed + '/no-cors.png';
          await img.decode();
          out.push(await m.predict(img).then(() => 'no error', (e) => `${e.code}: ${e.message}`));
          m.dispose();
        }
        return out;
      }, { closed: closed.origin });
      for (const message of told) assert.match(message, /bad-argument: .*another origin.*crossorigin/);
    } finally {
      open.close();
    }
  });
});
