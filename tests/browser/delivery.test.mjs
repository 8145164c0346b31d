// Packages in a real browser: where they are kept, tabs that load the same one, no network, and the browser killed at any moment.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { launch, launchKillable, serve, skipReason } from './helpers/browser.mjs';
import { model } from '../node/onnx-writer.mjs';
import { makeKeys, makePointer, makeVersion, sha256 } from '../node/helpers/package-maker.mjs';
import { random } from '../node/helpers/models.mjs';

const skip = skipReason(['index.js', 'worker.js', 'delivery.js', 'quern-sw.js', 'quern-simd.wasm', 'quern-relaxed.wasm', 'features.js', 'quern-features.wasm', 'quern-pictures.wasm']);
const key = makeKeys(), KILLS = Number(process.env.QUERN_BROWSER_KILLS ?? 3);
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A host of packages: what was asked for, what was sent to its end; pace: bytes in each piece of a shard, a piece every `pause` ms. */
async function host({ pages = {}, ...options } = {}) {
  const state = { asked: [], sent: [], pace: Infinity, pause: 2, dead: false };
  const served = { '/': '<!doctype html><title>t</title>', ...pages };
  const server = await serve({ pages: served, ...options });
  const give = (files) => {
    for (const [name, bytes] of Object.entries(files))
      served[`/m/${name}`] = async (response) => {
        if (state.dead) return response.destroy();
        state.asked.push(name);
        response.writeHead(200, { 'content-length': bytes.length, 'cache-control': 'no-store' });
        const piece = name.startsWith('params') ? state.pace : Infinity;
        for (let at = 0; at < bytes.length && !response.destroyed; at += piece) {
          if (at) await sleep(state.pause);
          response.write(bytes.subarray(at, at + piece));
        }
        response.end(() => { if (!response.destroyed) state.sent.push(name); });
      };
    return served;
  };
  return Object.assign(state, { origin: server.origin, close: server.close, give, served });
}

/** In a page: loads the package, asks once, tells what came. */
const ask = async ({ floats, options = {} }) => {
  const { load } = await import('/dist/index.js'), m = window.model = await load('/m/', { update: false, ...options });
  const { outputs, version } = await m.run({ x: { type: 'float32', dims: [1, floats], data: new Float32Array(floats) } }, { meta: true });
  const { where, delivery: { cache, downloadedBytes, cachedBytes } } = m.report();
  return { y: outputs.y.data[0], version, where, cache, downloadedBytes, cachedBytes };
};
const close = (got, want) => assert.ok(Math.abs(got - want) < 1e-3, `${got} instead of ${want}`);
const shardsIn = (list) => list.filter((name) => name.startsWith('params')).sort();
const siteOf = (versions, more) => Object.assign({}, ...versions.map((v) => v.files), makePointer(versions, { keys: [key], ...more }));

describe('packages in a browser', { skip, timeout: 300_000 }, () => {
  let browser;
  before(async () => { browser = await launch(); });
  after(() => browser?.close());

  /** A browser of a visitor who was never here, and a host for him. */
  async function visit(files, work, options) {
    const server = await host(options), context = await browser.newContext();
    server.give(files);
    const open = async () => {
      const page = await context.newPage();
      await page.goto(server.origin);
      return page;
    };
    try {
      await work({ server, context, open });
    } finally {
      await context.close();
      server.close();
    }
  }

  test('are kept in the origin private file system, by content, and started from there without a request', async () => {
    const v = makeVersion({ shards: 6 });
    await visit(siteOf([v]), async ({ server, open }) => {
      const page = await open(), first = await page.evaluate(ask, { floats: v.floats });
      close(first.y, v.answer);
      assert.deepEqual([first.where, first.cache, first.version], ['worker', 'files', '1.0.0']);
      await page.waitForFunction(async () => (await (await import('/dist/index.js')).cache.list()).packages.length === 1);
      const kept = await page.evaluate(async () => {
        const names = [];
        for await (const name of (await (await navigator.storage.getDirectory()).getDirectoryHandle('quern')).keys()) names.push(name);
        return { names, caches: await caches.keys() };
      });
      for (const [name, bytes] of Object.entries(v.files)) if (!name.startsWith('golden')) assert.ok(kept.names.includes(sha256(bytes)), `${name} is not in it`);
      assert.deepEqual(kept.caches, []);
      server.asked = [];
      const second = await (await open()).evaluate(ask, { floats: v.floats });
      close(second.y, v.answer);
      assert.deepEqual([second.downloadedBytes, server.asked], [0, []]);
      assert.ok(second.cachedBytes > 6 * 4 * v.floats);
    });
  });

  test('a file that another tab reads is written when that tab has done', async () => {
    const v = makeVersion();
    await visit(siteOf([v]), async ({ server, open }) => {
      const hash = sha256(Object.entries(v.files).find(([name]) => name.startsWith('params-1'))[1]), page = await open();
      const kept = await page.evaluate(async ({ hash, floats }) => {
        // a reader in a worker of its own, with an empty file of this name
        const reader = new Worker(URL.createObjectURL(new Blob([`onmessage = async ({ data }) => {
          const file = await (await (await navigator.storage.getDirectory()).getDirectoryHandle('quern', { create: true })).getFileHandle(data, { create: true });
          const handle = await file.createSyncAccessHandle({ mode: 'read-only' });
          postMessage('open');
          onmessage = () => handle.close();
        };`])));
        await new Promise((resolve) => { reader.onmessage = resolve; reader.postMessage(hash); });
        const { load, cache } = await import('/dist/index.js'), events = [];
        const loading = load('/m/', { update: false, onEvent: (e) => events.push(e.message) });
        setTimeout(() => reader.postMessage('close'), 300); // in the middle of it
        const m = await loading;
        await m.run({ x: { type: 'float32', dims: [1, floats], data: new Float32Array(floats) } });
        m.dispose();
        return { events, size: (await cache.list()).files.find((f) => f.sha256 === hash)?.size };
      }, { hash, floats: v.floats });
      assert.deepEqual(kept, { events: [], size: 4 * v.floats });
      server.asked = [];
      close((await (await open()).evaluate(ask, { floats: v.floats })).y, v.answer);
      assert.deepEqual(server.asked, []);
    });
  });

  test('are kept in the Cache API where there is no such file system', async () => {
    const v = makeVersion();
    await visit(siteOf([v]), async ({ server, context, open }) => {
      await context.addInitScript(() => { delete StorageManager.prototype.getDirectory; }); // of pages; it does not reach workers
      const of = { floats: v.floats, options: { worker: false } };
      const first = await (await open()).evaluate(ask, of);
      close(first.y, v.answer);
      assert.deepEqual([first.where, first.cache], ['page', 'responses']);
      server.asked = [];
      const page = await open(), second = await page.evaluate(ask, of);
      close(second.y, v.answer);
      assert.deepEqual([second.downloadedBytes, server.asked], [0, []]);
      assert.deepEqual(await page.evaluate(() => caches.keys()), ['quern']);
    });
  });

  test('two tabs that load the same one at once fetch each shard once', async () => {
    const v = makeVersion({ shards: 10, floats: 16384 });
    await visit(siteOf([v]), async ({ server, open }) => {
      server.pace = 8192;
      const tabs = [await open(), await open()];
      for (const { y } of await Promise.all(tabs.map((page) => page.evaluate(ask, { floats: v.floats })))) close(y, v.answer);
      assert.deepEqual(shardsIn(server.asked), shardsIn(Object.keys(v.files)));
    });
  });

  test('a tab does not wait behind one that is closed in the middle', async () => {
    const v = makeVersion({ shards: 4, floats: 16384 });
    await visit(siteOf([v]), async ({ server, open }) => {
      server.pace = 1024;
      server.pause = 50;
      const first = await open(), second = await open();
      void first.evaluate(ask, { floats: v.floats }).catch(() => {});
      while (shardsIn(server.asked).length < 2) await sleep(5);
      const loading = second.evaluate(ask, { floats: v.floats });
      await first.close();
      server.pause = 1;
      close((await loading).y, v.answer);
    });
  });

  test('a tab does not wait for ever behind one whose download stands still', async () => {
    const v = makeVersion({ shards: 4 }), shard = Object.keys(v.files).find((name) => name.startsWith('params-2'));
    await visit(siteOf([v]), async ({ server, open }) => {
      const give = server.served[`/m/${shard}`];
      let count = 0;
      server.served[`/m/${shard}`] = (response) => (count++ ? give(response) : response.writeHead(200, { 'content-length': 4 * v.floats }).write('x')); // the first one gets no further
      const first = await open(), second = await open();
      let done = false;
      const stuck = first.evaluate(ask, { floats: v.floats }).then(({ y }) => { done = true; return y; });
      while (!count) await sleep(5);
      close((await second.evaluate(ask, { floats: v.floats })).y, v.answer);
      assert.deepEqual([done, count], [false, 2], 'the second tab fetched it itself');
      close(await stuck, v.answer); // which gives up and asks again, or finds what the other one kept
    });
  });

  test('are checked over plain http too, where the browser gives a page neither WebCrypto nor a place to keep files', async () => {
    const v = makeVersion(), plain = await launch(['--host-resolver-rules=MAP quern.test 127.0.0.1']), server = await host();
    server.give(siteOf([v]));
    try {
      const page = await plain.newPage();
      await page.goto(server.origin.replace('127.0.0.1', 'quern.test'));
      assert.equal(await page.evaluate(() => Boolean(globalThis.isSecureContext || crypto.subtle || globalThis.caches)), false);
      const { y, where, cache } = await page.evaluate(ask, { floats: v.floats, options: { keys: [key.public] } });
      close(y, v.answer);
      assert.deepEqual([where, cache], ['worker', 'none']);
      await assert.rejects(page.evaluate(ask, { floats: v.floats, options: { keys: [makeKeys().public] } }), /is not signed by any of the 1 keys/);
      server.served[Object.keys(server.served).find((n) => n.startsWith('/m/params-1'))] = Buffer.alloc(4 * v.floats);
      await assert.rejects(page.evaluate(ask, { floats: v.floats, options: { keys: [key.public] } }), /its SHA-256 is not the one in the manifest/);
    } finally {
      await plain.close();
      server.close();
    }
  });

  test('page, runtime, model and prediction are there without a network after one visit', async () => {
    const identity = model({ nodes: [{ op: 'ReduceMean', in: ['x'], out: ['y'], attrs: { axes: [2n, 3n], keepdims: 0n } }], inputs: [{ name: 'x', dims: ['n', 3, 'h', 'w'] }], outputs: [{ name: 'y', dims: ['n', 3] }] });
    const labels = Buffer.from('red\ngreen\nblue\n'), entry = (file, bytes) => ({ file, size: bytes.length, sha256: sha256(bytes) });
    const manifest = Buffer.from(JSON.stringify({ schema: 2, name: 'colours', version: '1.0.0', models: { model: entry('model.onnx', identity) }, labels: entry('labels.txt', labels),
      features: [{ step: 'color' }, { step: 'resize', width: 4, height: 4 }, { step: 'normalize', scale: 1 / 255 }, { step: 'layout' }], outputs: [{ step: 'softmax', temperature: 0.1 }, { step: 'top_k', k: 1, labels: 'labels' }] }));
    const files = { 'model.onnx': Buffer.from(identity), 'labels.txt': labels, [`manifest-${sha256(manifest)}.json`]: manifest, ...makePointer([{ version: '1.0.0', manifest: sha256(manifest), size: manifest.length }], { name: 'colours' }) };
    const pages = {
      '/': '<!doctype html><title>colours</title><script type="module" src="/app.js"></script>',
      '/sw.js': (response) => response.writeHead(200, { 'content-type': 'text/javascript' }).end("importScripts('/dist/quern-sw.js'); quern.serviceWorker({ runtime: '/dist/', precache: ['/', '/app.js'] });"),
      '/app.js': `import { load } from '/dist/index.js';
        await navigator.serviceWorker.register('/sw.js');
        await navigator.serviceWorker.ready;
        const model = await load('/m/'), green = { data: Uint8ClampedArray.from({ length: 64 }, (_, i) => [0, 200, 0, 255][i % 4]), width: 4, height: 4 };
        window.answer = (await model.predict(green))[0].label;`,
    };
    await visit(files, async ({ server, context, open }) => {
      const first = await open();
      await first.waitForFunction(() => window.answer);
      assert.equal(await first.evaluate(() => window.answer), 'green');
      await first.waitForFunction(async () => (await (await import('/dist/index.js')).cache.list()).packages.length === 1);
      await first.close();
      server.asked = [];
      await context.setOffline(true);
      for (const name of Object.keys(server.served)) if (typeof server.served[name] !== 'function') server.served[name] = () => assert.fail(`${name} was asked for`);
      server.close(); // nobody is there
      const page = await open();
      await page.waitForFunction(() => window.answer);
      assert.deepEqual([await page.evaluate(() => window.answer), await page.title(), server.asked], ['green', 'colours', []]);
    }, { pages });
  });
});

// The whole process group is killed, as when the machine stops: nothing is closed, nothing written to its end.
describe('the browser killed', { skip, timeout: 600_000 }, () => {
  /** Starts the browser on a profile and a page in it; ends it, whatever happens. */
  async function during(profile, origin, work) {
    const browser = await launchKillable(profile);
    try {
      const page = await browser.page();
      await page.goto(origin);
      return await work(page);
    } finally {
      await browser.kill();
    }
  }

  async function withProfile(work) {
    const profile = mkdtempSync(path.join(os.tmpdir(), 'quern-profile-')), server = await host();
    try {
      await work(profile, server);
    } finally {
      server.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  test('in the middle of a download: the next start finishes it, and fetches again what was on its way at most', async () => {
    const next = random(21);
    let most = 0;
    for (let k = 0; k < KILLS; k++)
      await withProfile(async (profile, server) => {
        const v = makeVersion({ shards: 16, floats: 16384, seeds: Array.from({ length: 16 }, (_, i) => 100 * k + i) });
        server.give(siteOf([v]));
        server.pace = 16384;
        const enough = 1 + Math.floor(next() * 14);
        await during(profile, server.origin, async (page) => {
          void page.evaluate(ask, { floats: v.floats }).catch(() => {});
          while (shardsIn(server.sent).length < enough) await sleep(1);
          await sleep(next() * 10);
        });
        const whole = shardsIn(server.sent);
        server.asked = [];
        server.pace = Infinity;
        const { y, version } = await during(profile, server.origin, (page) => page.evaluate(ask, { floats: v.floats }));
        close(y, v.answer);
        assert.equal(version, '1.0.0');
        const again = shardsIn(server.asked).filter((name) => whole.includes(name)).length;
        most = Math.max(most, again);
        assert.ok(again <= 4, `${again} of ${whole.length} shards that had come whole were fetched again`);
      });
    if (KILLS >= 10) console.log(`# ${KILLS} kills during downloads: all finished, ${most} whole shards at most fetched again`);
  });

  test('in the middle of an update: the whole old or the whole new version answers without a network', async () => {
    const next = random(22), seen = { '1.0.0': 0, '1.1.0': 0 };
    const old = makeVersion({ shards: 8, floats: 16384, seeds: [1, 2, 3, 4, 5, 6, 7, 8] }), young = makeVersion({ version: '1.1.0', shards: 8, floats: 16384, seeds: [1, 2, 3, 4, 15, 16, 17, 18] });
    const ofKey = { floats: old.floats, options: { keys: [key.public] } };
    for (let k = 0; k < KILLS; k++)
      await withProfile(async (profile, server) => {
        server.give(siteOf([old]));
        await during(profile, server.origin, async (page) => {
          assert.equal((await page.evaluate(ask, ofKey)).version, '1.0.0');
          await page.waitForFunction(async () => (await (await import('/dist/index.js')).cache.list()).packages.length === 1);
          server.give(siteOf([old, young], { sequence: 2, channels: { stable: { version: '1.1.0' } } }));
          server.pace = 16384;
          server.sent = [];
          void page.evaluate(() => window.model.update()).catch(() => {});
          const enough = Math.min(4, Math.floor(next() * 7));
          while (shardsIn(server.sent).length < enough) await sleep(1);
          await sleep(next() * (enough === 4 ? 500 : 30));
        });
        server.dead = true;
        const { y, version } = await during(profile, server.origin, (page) => page.evaluate(ask, ofKey));
        close(y, (version === '1.0.0' ? old : young).answer);
        seen[version]++;
      });
    assert.equal(seen['1.0.0'] + seen['1.1.0'], KILLS);
    if (KILLS >= 10) console.log(`# ${KILLS} kills during updates: ${JSON.stringify(seen)}`);
  });
});
