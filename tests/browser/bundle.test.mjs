// quern bundle: one file, opened from a disk, asking nobody.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { DIST, launch, skipReason } from './helpers/browser.mjs';
import { f32, model } from '../node/onnx-writer.mjs';

const skip = skipReason(['cli.js', 'quern.js', 'worker.classic.js', 'quern-simd.wasm', 'quern-relaxed.wasm']);
const PAGE = `<!doctype html><html><head><title>t</title><link rel="stylesheet" href="look.css"></head><body><p id="p">…</p>
<script src="../dist/quern.js"></script><script src="own.js"></script></body></html>`;
/** Sums rows of three with weights that lie in the parameters. */
const SUMS = model({
  nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'] }], inputs: [{ name: 'x', dims: ['n', 3] }], outputs: [{ name: 'y', dims: ['n', 16] }],
  initializers: { w: f32([3, 16], ...Array.from({ length: 48 }, (_, i) => i)) },
});
const SUM = Array.from({ length: 16 }, (_, i) => i + (16 + i) + (32 + i)); // of the rows 1 1 1

describe('bundle', { skip }, () => {
  let folder, browser;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'quern-bundle-'));
    browser = await launch();
    writeFileSync(path.join(folder, 'look.css'), 'p { color: rgb(1, 2, 3) }');
    writeFileSync(path.join(folder, 'page.html'), PAGE);
    mkdirSync(path.join(folder, 'sums'));
    writeFileSync(path.join(folder, 'sums/manifest.json'), JSON.stringify({ schema: 1, name: 'sums', version: '1.2.0', models: { model: 'sums.onnx' } }));
    writeFileSync(path.join(folder, 'sums/sums.onnx'), SUMS);
  });
  after(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true });
  });
  function quern(...args) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(DIST, 'cli.js'), ...args], { encoding: 'utf8', cwd: folder });
    assert.equal(status, 0, stderr);
    return stdout;
  }

  /** Opens a file of the folder; work runs in it. Requests that leave the file and complaints fail the test. */
  async function opened(name, work, argument) {
    const context = await browser.newContext({ offline: true }), page = await context.newPage(), complaints = [], requests = [];
    page.on('pageerror', (e) => complaints.push(e.stack));
    page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
    page.on('request', (r) => requests.push(r.url()));
    try {
      const url = pathToFileURL(path.join(folder, name)).href;
      await page.goto(url);
      const result = await page.evaluate(work, argument);
      assert.deepEqual(complaints, []);
      assert.deepEqual(requests.filter((r) => r !== url && !r.startsWith('blob:')), []);
      return result;
    } finally {
      await context.close();
    }
  }
  const run = async (from) => {
    const m = await (from ? quern.load(from) : quernBundle.load()), { y } = await m.run({ x: { dims: [1, 3], data: [1, 1, 1] } }), { where, whereReason, name, modelVersion, variant } = m.report();
    m.dispose();
    return { y: [...y.data], where, whereReason, name, modelVersion, variant };
  };

  test('in a page of its own, which is as it was but for the scripts', async () => {
    writeFileSync(path.join(folder, 'own.js'), 'document.getElementById("p").textContent = "</script".length + typeof quern.load + quernBundle.version;');
    assert.match(quern('bundle', 'sums', '--html', 'page.html', '-o', 'one.html'), /it asks nobody for anything/);
    const found = await opened('one.html', run);
    assert.deepEqual([found.y, found.name, found.modelVersion], [SUM, 'sums', '1.2.0'], JSON.stringify(found));
    assert.equal(found.where, 'worker', found.whereReason);
    assert.deepEqual(await opened('one.html', () => [document.getElementById('p').textContent, getComputedStyle(document.getElementById('p')).color]), ['8function1.2.0', 'rgb(1, 2, 3)']);
  });

  test('the page loads it by the address that it has on the server', async () => {
    quern('bundle', 'sums', '--html', 'page.html', '-o', 'at.html', '--at', '../models/sums/', '--variant', 'simd');
    const found = await opened('at.html', run, '../models/sums');
    assert.deepEqual([found.y, found.variant], [SUM, 'simd']);
  });

  test('as a script', async () => {
    quern('bundle', 'sums', '-o', 'bundle.js');
    writeFileSync(path.join(folder, 'with-script.html'), '<!doctype html><title>t</title>');
    const found = await (async () => {
      const context = await browser.newContext({ offline: true }), page = await context.newPage();
      await page.goto(pathToFileURL(path.join(folder, 'with-script.html')).href);
      await page.addScriptTag({ path: path.join(folder, 'bundle.js') });
      const result = await page.evaluate(run);
      await context.close();
      return result;
    })();
    assert.deepEqual(found.y, SUM);
  });

  test('a package with a plain manifest, without a worker', { skip: !existsSync(path.join(DIST, 'models/vad/manifest.json')) && 'SKIP: the demo models are not built' }, async () => {
    quern('bundle', path.join(DIST, 'models/vad'), '--html', 'page.html', '-o', 'vad.html');
    const answers = await opened('vad.html', async () => {
      const m = await quernBundle.load({ worker: false }), answers = await m.predict(new Float32Array(16000));
      m.dispose();
      return answers;
    });
    assert.deepEqual(answers, []); // a second of silence
  });

  test('what cannot be bundled is said', () => {
    const fail = (...args) => spawnSync(process.execPath, [path.join(DIST, 'cli.js'), 'bundle', ...args], { encoding: 'utf8', cwd: folder });
    writeFileSync(path.join(folder, 'module.html'), '<script type="module" src="own.js"></script>');
    assert.match(fail('sums', '--html', 'module.html', '-o', 'x.html').stderr, /own\.js as a module, which browsers do not load from a disk/);
    assert.match(fail('sums', '-o', 'x.html').stderr, /say by --html which one/);
    assert.match(fail('sums', '-o', 'x.js', '--at', 'models/sums').stderr, /ends with '\/'/);
    assert.match(fail(folder, '-o', 'x.js').stderr, /is no package/);
  });
});
