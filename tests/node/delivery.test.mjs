// Packages from a static host that misbehaves: files whole or a sentence, what is kept, updates, going back.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { MISDEEDS, hostileServer } from './helpers/hostile-server.mjs';
import { random } from './helpers/models.mjs';
import { makeKeys, makePointer, makeVersion } from './helpers/package-maker.mjs';
import { failure, quern } from './helpers/quern.mjs';
import { memoryStore } from './helpers/stores.mjs';
import { f32, model } from './onnx-writer.mjs';

const servers = [];
const serve = async (...args) => {
  const server = await hostileServer(...args);
  servers.push(server);
  return server;
};
after(() => servers.forEach((s) => s.close()));

const siteOf = (versions, options) => Object.assign({}, ...versions.map((v) => v.files), makePointer(versions, options));
const answerOf = async (m, version) => (await m.run(version.feeds)).y.data[0];
/** Waits for something that happens in the background. */
async function until(what, ms = 20_000) {
  for (const end = Date.now() + ms; !what();) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
const rank = (/** @type {string} */ name) => Number(/^params-(\d+)/.exec(name)?.[1] ?? -1);
const close = (a, b) => assert.ok(Math.abs(a - b) < 1e-3, `${a} instead of ${b}`);

describe('a package', () => {
  test('gives answers, tells one progress, and is not fetched again', async () => {
    const one = makeVersion({ shards: 6 }), server = await serve(siteOf([one])), cache = memoryStore(), seen = [];
    const first = await quern.load(server.url, { cache, onProgress: (p) => seen.push(p) });
    close(await answerOf(first, one), one.answer);
    const downloads = seen.filter((p) => p.stage === 'download'), total = Object.entries(one.files).filter(([n]) => /^(graph|params)/.test(n)).reduce((n, [, b]) => n + b.length, 0);
    assert.deepEqual([downloads[0].loaded, downloads.at(-1).loaded], [0, total]);
    assert.ok(downloads.every((p, i) => p.total === total && (!i || p.loaded >= downloads[i - 1].loaded)));
    assert.equal(seen.at(-1).stage, 'prepare');
    first.dispose();
    server.take();
    const second = await quern.load(server.url, { cache });
    assert.deepEqual(server.take(), [], 'nothing before the first answer');
    close(await answerOf(second, one), one.answer);
    assert.deepEqual(await second.run(one.feeds, { meta: true }).then(({ version, outputs }) => [version, outputs.y.data.length]), ['1.0.0', one.floats]);
    const { delivery } = second.report();
    assert.equal(delivery.cachedBytes > 0 && delivery.downloadedBytes, 0);
    assert.equal(delivery.sequence, 1);
    second.dispose();
    assert.deepEqual(server.take(), [], 'and nothing after it, as long as the pointer may be used');
  });

  test('by its manifest, named or beside no pointer; without a network what was kept', async () => {
    const one = makeVersion(), cache = memoryStore();
    const plain = { ...one.files, 'manifest.json': one.files[`manifest-${one.manifest}.json`] };
    const server = await serve(plain);
    for (const name of ['', 'manifest.json', `manifest-${one.manifest}.json`]) {
      const m = await quern.load(server.url + name, { cache });
      close(await answerOf(m, one), one.answer);
      m.dispose();
    }
    server.misdeed = () => 'reset';
    for (const name of ['', 'manifest.json', `manifest-${one.manifest}.json`]) {
      const m = await quern.load(server.url + name, { cache });
      close(await answerOf(m, one), one.answer);
      m.dispose();
    }
    await assert.rejects(quern.load(server.url, { cache: false, signal: AbortSignal.timeout(100) }), failure('aborted', /aborted/));
  });

  test('whatever happens to a file once, it is fetched again and right', async () => {
    const kinds = Object.keys(MISDEEDS).filter((kind) => kind !== 'hang' && kind !== 'missing');
    await Promise.all(kinds.map(async (kind) => {
      const one = makeVersion({ shards: 2 });
      const server = await serve(siteOf([one]), { misdeed: (name, count) => (count === 1 && /^(params|graph|manifest)/.test(name) ? kind : undefined) });
      const m = await quern.load(server.url, { cache: memoryStore() });
      close(await answerOf(m, one), one.answer);
      m.dispose();
    }));
  });

  test('what goes on happening is a sentence', async () => {
    const sentences = { cut: /broke off|could not be fetched/, shorten: /has \d+ bytes; the manifest says \d+/, lengthen: /has more than the \d+ bytes/, flip: /SHA-256 is not the one/, zeros: /SHA-256 is not the one/,
      reorder: /SHA-256 is not the one/, empty: /is empty/, html: /is an HTML page/, missing: /gave 404/, error: /gave 500/, busy: /gave 429/, gzip: /is compressed \(gzip\)/, lie: /could not be fetched or broke off/, reset: /could not be fetched/ };
    await Promise.all(Object.entries(sentences).map(async ([kind, sentence]) => {
      const one = makeVersion({ shards: 2, floats: 64 * 1024 }), server = await serve(siteOf([one]), { misdeed: (name) => (/^params-1/.test(name) ? kind : undefined) });
      await assert.rejects(quern.load(server.url, { cache: memoryStore() }), failure('network', sentence), kind);
    }));
  });

  test('mirrors stand in, and none is trusted', async () => {
    const one = makeVersion(), bad = await serve(siteOf([one]), { misdeed: (name) => (/^params/.test(name) ? 'missing' : undefined) });
    const worse = await serve(siteOf([one]), { misdeed: () => 'flip' }), good = await serve(siteOf([one]));
    const m = await quern.load(bad.url, { mirrors: [worse.url, good.url], cache: memoryStore() });
    close(await answerOf(m, one), one.answer);
    m.dispose();
  });

  test('four files at once, no more', async () => {
    const one = makeVersion({ shards: 12 });
    let flying = 0, most = 0;
    const server = await serve(siteOf([one]), { misdeed: (name, _count, request) => {
      if (!/^(params|graph)/.test(name)) return;
      most = Math.max(most, ++flying);
      request.on('close', () => flying--);
      return ['late', 0.5];
    } });
    (await quern.load(server.url, { cache: memoryStore() })).dispose();
    assert.ok(most > 1 && most <= 4, `${most} at once`);
  });

  test('what is damaged in the cache is found, fetched again and told', async () => {
    const one = makeVersion(), server = await serve(siteOf([one])), cache = memoryStore(), events = [];
    const first = await quern.load(server.url, { cache });
    await answerOf(first, one);
    first.dispose();
    const hash = createHash('sha256').update(Object.entries(one.files).find(([n]) => n.startsWith('params-1'))[1]).digest('hex');
    cache.files.get(hash)[5] ^= 1;
    server.take();
    const second = await quern.load(server.url, { cache, onEvent: (e) => events.push(e) });
    close(await answerOf(second, one), one.answer);
    second.dispose();
    assert.equal(server.take().length, 1);
    assert.deepEqual(events.map((e) => e.type), ['healed']);
    assert.match(events[0].message, /params-1-.* was damaged/);
  });

  test('a full disk is told, and the model runs', async () => {
    const one = makeVersion(), server = await serve(siteOf([one])), events = [];
    const cache = { ...memoryStore(), write: async () => { throw new DOMException('full', 'QuotaExceededError'); } };
    const m = await quern.load(server.url, { cache, onEvent: (e) => events.push(e) });
    close(await answerOf(m, one), one.answer);
    m.dispose();
    assert.deepEqual(events.map((e) => e.type), ['uncached']);
  });

  test('without room for it, it says how much there is, and how much it needs; what is kept is not asked for', async (t) => {
    const one = makeVersion({ shards: 4, floats: 1 << 18 }), server = await serve(siteOf([one])), events = [], cache = memoryStore();
    let quota = 5e6;
    Object.defineProperty(globalThis, 'navigator', { value: { storage: { estimate: async () => ({ quota, usage: 3e6 }) } }, configurable: true });
    t.after(() => { delete globalThis.navigator; });
    const m = await quern.load(server.url, { cache, cacheBudget: 1e9, onEvent: (e) => events.push(e) });
    close(await answerOf(m, one), one.answer);
    m.dispose();
    assert.deepEqual(events.map((e) => e.type), ['uncached']);
    assert.match(events[0].message, /did not keep a file \(it needs 4\.2 MB, and the browser has 2\.0 MB left for this site\)/);
    quota = 3e6;
    const again = await quern.load(server.url, { cache, cacheBudget: 1e9, onEvent: (e) => events.push(e) });
    close(await answerOf(again, one), one.answer);
    again.dispose();
    assert.equal(events.length, 1, 'all of it was here');
    assert.equal(server.requests.filter((n) => /^params/.test(n)).length, 4);
  });

  test('its shards are asked for in the order of need', async () => {
    const one = makeVersion({ shards: 12 }), server = await serve(siteOf([one]));
    (await quern.load(server.url, { cache: memoryStore() })).dispose();
    const order = server.take().filter((n) => /^(graph|params)/.test(n)), wanted = [...order].sort((a, b) => rank(a) - rank(b));
    order.forEach((name, i) => assert.ok(Math.abs(i - wanted.indexOf(name)) < 4, `${name} was asked for as number ${i}`));
    assert.equal(order.length, 13);
  });

  test('the least recently used goes when the budget is spent, and never what another release keeps', async () => {
    const cache = memoryStore(), versions = [1, 2, 3].map((k) => makeVersion({ version: `${k}.0.0`, seeds: [10 * k, 10 * k + 1, 10 * k + 2], floats: 4096, golden: 'none' }));
    const size = Object.values(versions[0].files).reduce((n, b) => n + b.length, 0), foreign = 'f'.repeat(64);
    cache.files.set(foreign, new Uint8Array(1000));
    cache.files.set('ledger-2a', new Uint8Array(10));
    const used = [];
    for (const v of versions) {
      const server = await serve(siteOf([v]));
      const m = await quern.load(server.url, { cache, cacheBudget: 2.2 * size });
      await answerOf(m, v);
      await until(() => m.report().delivery.previous === '' && cache.files.size > used.length); // touched
      await new Promise((resolve) => setTimeout(resolve, 30));
      used.push(cache.files.size);
      m.dispose();
    }
    const has = (v) => Object.values(v.files).filter((b) => b.length > 4000).filter((b) => cache.files.has(createHash('sha256').update(b).digest('hex'))).length;
    assert.ok(has(versions[0]) < 3 && has(versions[2]) >= 3, `${versions.map(has)} of each are kept`);
    assert.ok(cache.files.has(foreign) && cache.files.has('ledger-2a'));
  });

  test('its options mean something', async () => {
    const one = makeVersion({ runtime: '>=9.0.0' }), two = makeVersion(), server = await serve(siteOf([two]));
    await assert.rejects(quern.load(server.url, { keys: ['abc'] }), failure('bad-argument', /keys are the base64/));
    await assert.rejects(quern.load(server.url, { channel: 'gold', cache: false }), failure('bad-argument', /no channel 'gold'; it has stable/));
    const far = await serve(siteOf([one]));
    await assert.rejects(quern.load(far.url, { cache: false }), failure('unavailable', /no version for this page: version 1\.0\.0 is for runtimes >=9\.0\.0/));
    const later = await serve({ ...siteOf([two]), 'quern.json': Buffer.from('{"schema":7}') });
    await assert.rejects(quern.load(later.url, { cache: false }), failure('unsupported', /schema 7/));
  });
});

// Small counts here; `make delivery-proof` sets large ones.
const CUTS = Number(process.env.QUERN_CUTS ?? 12), CORRUPTIONS = Number(process.env.QUERN_CORRUPTIONS ?? 24);

describe('a bad line', () => {
  test('that dies after any number of bytes: the next start finishes, and fetches again what was on its way at most', { timeout: 600_000 }, async () => {
    const next = random(11);
    let most = 0;
    for (let k = 0; k < CUTS; k++) {
      const one = makeVersion({ shards: 10, floats: 8192, seeds: Array.from({ length: 10 }, (_, i) => 100 * k + i) }), site = siteOf([one]), cache = memoryStore();
      const server = await hostileServer(site), leave = new AbortController();
      try {
        server.onDead = () => leave.abort();
        server.budget = Math.floor(next() * Object.entries(site).filter(([n]) => !/^golden/.test(n)).reduce((n, [, b]) => n + b.length, 0));
        await assert.rejects(quern.load(server.url, { cache, signal: leave.signal }), failure('aborted', /aborted/));
        server.misdeed = () => undefined;
        server.budget = Infinity;
        const before = server.served.filter((n) => /^(params|graph)/.test(n));
        server.served = [];
        const m = await quern.load(server.url, { cache });
        close(await answerOf(m, one), one.answer);
        m.dispose();
        const again = server.served.filter((n) => before.includes(n)).length;
        most = Math.max(most, again);
        assert.ok(again <= 4, `${again} files were fetched twice`);
      } finally {
        server.close();
      }
    }
    if (CUTS >= 100) console.log(`# ${CUTS} cuts: all finished, ${most} files at most fetched twice`);
  });

  test('that corrupts what it carries, once or for good: the right answer or a sentence', { timeout: 600_000 }, async () => {
    const next = random(12), kinds = Object.keys(MISDEEDS).filter((kind) => !['hang', 'late'].includes(kind));
    const counts = { right: 0, refused: 0 };
    const one = async (k) => {
      const v = makeVersion({ shards: 3, floats: 2048, seeds: [3 * k, 3 * k + 1, 3 * k + 2] }), site = siteOf([v]);
      const names = Object.keys(site).filter((n) => !/^golden/.test(n) && n !== 'quern.json'), name = names[Math.floor(next() * names.length)];
      const kind = kinds[Math.floor(next() * kinds.length)], share = next(), times = next() < 0.8 ? 1 + Math.floor(next() * 2) : Infinity;
      const server = await hostileServer(site, { misdeed: (n, count) => (n === name && count <= times ? [kind, share] : undefined) });
      try {
        const m = await quern.load(server.url, { cache: memoryStore() });
        close(await answerOf(m, v), v.answer);
        m.dispose();
        counts.right++;
        assert.ok(times < Infinity, `${kind} of ${name} went unnoticed`);
      } catch (error) {
        failure('network', /./)(error);
        assert.ok(times === Infinity || kind === 'missing', `${kind} of ${name} once: ${error.message}`);
        counts.refused++;
      } finally {
        server.close();
      }
    };
    for (let k = 0; k < CORRUPTIONS; k += 50) await Promise.all(Array.from({ length: Math.min(50, CORRUPTIONS - k) }, (_, i) => one(k + i)));
    assert.ok(counts.right > 0 && counts.right + counts.refused === CORRUPTIONS);
    if (CORRUPTIONS >= 100) console.log(`# ${CORRUPTIONS} corruptions: ${counts.right} right answers, ${counts.refused} sentences, nothing else`);
  });
});

describe('a cache', () => {
  test('damaged in any way between two starts: the right answer, and what was damaged is told and fetched again', { timeout: 600_000 }, async () => {
    const next = random(13), v = makeVersion({ shards: 3, floats: 2048 }), server = await serve(siteOf([v])), cache = memoryStore();
    const first = await quern.load(server.url, { cache });
    await answerOf(first, v);
    first.dispose();
    const wanted = Object.entries(v.files).filter(([n]) => !n.startsWith('golden')).map(([n, bytes]) => [n, createHash('sha256').update(bytes).digest('hex')]);
    const ways = { flip: (b) => { b[Math.floor(next() * b.length)] ^= 1 << Math.floor(next() * 8); return b; }, cut: (b) => b.slice(0, Math.floor(next() * b.length)), grow: (b) => Uint8Array.of(...b, 1), zero: (b) => b.fill(0), none: () => null };
    for (let k = 0; k < CORRUPTIONS; k++) {
      const [name, hash] = wanted[Math.floor(next() * wanted.length)], way = Object.keys(ways)[Math.floor(next() * 5)], spoiled = ways[way](cache.files.get(hash).slice()), events = [];
      if (spoiled) cache.files.set(hash, spoiled);
      else cache.files.delete(hash);
      server.take();
      const m = await quern.load(server.url, { cache, onEvent: (e) => events.push(e) });
      close(await answerOf(m, v), v.answer);
      m.dispose();
      assert.deepEqual([server.take(), events.map((e) => e.type)], [[name], ['cut', 'none'].includes(way) ? [] : ['healed']], `${way} of ${name}`);
      assert.equal(createHash('sha256').update(cache.files.get(hash)).digest('hex'), hash, 'it is right again');
    }
    if (CORRUPTIONS >= 100) console.log(`# ${CORRUPTIONS} times something kept was damaged: all right answers, each fetched again`);
  });
});

describe('a plain file', () => {
  const BIG = model({ nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }], inputs: [{ name: 'x', dims: [1] }], outputs: [{ name: 'y', dims: [300000] }], initializers: { w: { type: 'float32', dims: [300000], data: Float32Array.from({ length: 300000 }, (_, i) => i) } } });
  const right = async (m) => {
    const { y } = await m.run({ x: { dims: [1], data: [2] } });
    assert.equal(y.data[299999], 300001);
    m.dispose();
  };

  test('goes on where it broke off', async () => {
    const next = random(3);
    const server = await serve({ 'big.onnx': BIG }, { misdeed: (_name, count) => (count === 1 ? ['cut', next()] : undefined) });
    for (let k = 0; k < 10; k++) {
      server.counts = {};
      await right(await quern.load(`${server.url}big.onnx`));
      assert.equal(server.counts['big.onnx'], 2);
    }
  });

  test('also when the host knows no ranges, and not when the file is another one or has no strong tag', async () => {
    const server = await serve({ 'big.onnx': BIG }, { ranges: false, misdeed: (_name, count) => (count === 1 ? 'cut' : undefined) });
    await right(await quern.load(`${server.url}big.onnx`));
    let n = 0;
    const changing = await serve({ 'big.onnx': BIG }, { etag: () => `"${n++}"`, misdeed: (_name, count) => (count === 1 ? 'cut' : undefined) });
    await assert.rejects(quern.load(`${changing.url}big.onnx`), failure('network', /broke off after \d+ of \d+ bytes and is not the same any more/));
    const weak = await serve({ 'big.onnx': BIG }, { etag: () => 'W/"1"', misdeed: (_name, count) => (count === 1 ? 'cut' : undefined) });
    await assert.rejects(quern.load(`${weak.url}big.onnx`), failure('network', /broke off/));
  });

  test('is what integrity says, or is not used', async () => {
    const digest = createHash('sha256').update(BIG).digest(), cache = memoryStore();
    const server = await serve({ 'big.onnx': BIG }, { misdeed: (_name, count) => (count === 1 ? 'flip' : undefined) });
    await right(await quern.load(`${server.url}big.onnx`, { integrity: `sha256-${digest.toString('base64')}`, cache }));
    server.take();
    await right(await quern.load(`${server.url}big.onnx`, { integrity: digest.toString('hex'), cache }));
    assert.deepEqual(server.take(), []);
    await right(await quern.load(BIG, { integrity: digest.toString('hex') }));
    await assert.rejects(quern.load(BIG.slice(1), { integrity: digest.toString('hex') }), failure('network', /not the file that integrity names/));
    await assert.rejects(quern.load(BIG, { integrity: 'md5-abc' }), failure('bad-argument', /sha256-/));
  });
});
