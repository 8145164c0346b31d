// A package over time: newer versions in the background, refused pointers, blocked versions, going back, kills at any moment.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { after, describe, test } from 'node:test';
import { hostileServer } from './helpers/hostile-server.mjs';
import { makeKeys, makePointer, makeVersion, sha256 } from './helpers/package-maker.mjs';
import { failure, quern } from './helpers/quern.mjs';
import { memoryStore } from './helpers/stores.mjs';

const servers = [];
after(() => servers.forEach((s) => s.close()));
const key = makeKeys(), keys = [key.public];
const V1 = makeVersion({ version: '1.0.0', seeds: [1, 2, 3] }), V2 = makeVersion({ version: '1.1.0', seeds: [1, 2, 4] });

/** A host with these versions; publish() replaces the pointer. */
async function host(versions, options = {}) {
  const server = await hostileServer(Object.assign({}, ...versions.map((v) => v.files)));
  servers.push(server);
  const publish = (more) => Object.assign(server.files, makePointer(versions, { keys: [key], maxAge: 0, ...more }));
  publish({ ...options });
  return Object.assign(server, { publish });
}

/** A model with what happened to it, by type and sentence. */
async function open(server, options = {}) {
  const events = [];
  const cache = options.cache ?? memoryStore();
  const m = await quern.load(server.url, { keys, cache, onEvent: (e) => events.push(e), ...options });
  return Object.assign(m, { events, cache, types: () => events.map((e) => e.type).join(' '), said: () => events.map((e) => e.message).join('\n') });
}

async function answers(m, version) {
  const { outputs, version: said } = await m.run(version.feeds, { meta: true });
  assert.equal(said, version.version);
  assert.ok(Math.abs(outputs.y.data[0] - version.answer) < 1e-3, `${outputs.y.data[0]} instead of ${version.answer}`);
}

async function until(what, ms = 20_000) {
  for (const end = Date.now() + ms; !what();) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const stable = (v, more) => ({ channels: { stable: { version: v.version, ...more } } });

describe('an update', () => {
  test('comes in the background after the first answer, with nothing but what is new, and is there at the next start', async () => {
    const server = await host([V1, V2], stable(V1)), m = await open(server);
    server.publish({ sequence: 2, ...stable(V2) });
    server.take();
    await answers(m, V1);
    await until(() => /updated/.test(m.types()));
    const asked = server.take();
    const fresh = Object.entries(V2.files).filter(([n, b]) => !Object.values(V1.files).some((a) => sha256(a) === sha256(b))).map(([n]) => n);
    assert.deepEqual(asked.sort(), ['quern.json', 'quern.json.sig', ...fresh].sort());
    for (let k = 0; k < 5; k++) await answers(m, V2);
    m.dispose();
    server.misdeed = () => 'reset'; // no network any more
    const again = await open(server, { cache: m.cache });
    await answers(again, V2);
    again.dispose();
  });

  test('waits for the caller when it is not to come by itself', async () => {
    const server = await host([V1, V2], stable(V1)), m = await open(server, { update: false });
    server.publish({ sequence: 2, ...stable(V2) });
    server.take();
    for (let k = 0; k < 3; k++) await answers(m, V1);
    assert.deepEqual(server.take(), []);
    assert.equal(await m.update(), true);
    await answers(m, V2);
    assert.equal(await m.update(), false);
    m.dispose();
  });

  test('never stops a query: those under way end with the version they began with', async () => {
    const server = await host([V1, V2], stable(V1)), m = await open(server, { update: false });
    server.publish({ sequence: 2, ...stable(V2) });
    const seen = new Set();
    let stop = false;
    const asking = (async () => {
      while (!stop) {
        const { outputs, version } = await m.run(V1.feeds, { meta: true });
        const v = version === '1.0.0' ? V1 : V2;
        assert.ok(Math.abs(outputs.y.data[0] - v.answer) < 1e-3, `${version} gave ${outputs.y.data[0]}`);
        seen.add(version);
        await new Promise(setImmediate);
      }
    })();
    await m.update();
    await until(() => seen.size === 2);
    stop = true;
    await asking;
    m.dispose();
  });

  test('leaves a bound state to the version that it came from', async () => {
    const server = await host([V1, V2], stable(V1)), m = await open(server, { update: false, worker: false });
    m.bind({ y: 'x' }, { initial: { x: [1, V1.floats] } });
    const near = (got, want) => assert.ok(Math.abs(got - want) < 1e-3, `${got} instead of ${want}`);
    await m.run({});
    server.publish({ sequence: 2, ...stable(V2) });
    assert.equal(await m.update(), true);
    for (let k = 0; k < 5; k++) await m.run({});
    near(m.state().x.data[0], 6 * V1.answer);
    assert.equal(m.report().modelVersion, '1.0.0');
    m.bind({});
    for (let k = 0; k < 5; k++) await answers(m, V2);
    assert.equal(m.report().modelVersion, '1.1.0');
    m.dispose();
  });

  test('with answers that are not the recorded ones is not used, and not tried again', async () => {
    const bad = makeVersion({ version: '1.1.0', seeds: [1, 2, 4], golden: 'wrong' });
    const server = await host([V1, bad], stable(V1)), m = await open(server, { update: false });
    await answers(m, V1);
    server.publish({ sequence: 2, ...stable(bad) });
    await assert.rejects(m.update(), failure('bad-model', /does not give what was recorded: output 'y' of recorded case 0 is/));
    assert.match(m.said(), /version 1\.1\.0 does not work here/);
    server.take();
    assert.equal(await m.update(), false, 'it stays with the newest one that works');
    assert.deepEqual(server.take(), ['quern.json', 'quern.json.sig']);
    await answers(m, V1);
    m.dispose();
  });

  test('that cannot be read, or needs what is missing, is not used', async () => {
    const odd = makeVersion({ version: '1.1.0', op: 'Nonsense' }), other = makeVersion({ version: '1.2.0', name: 'others' });
    const server = await host([V1, odd, other], stable(V1)), m = await open(server, { update: false });
    server.publish({ sequence: 2, ...stable(odd) });
    await assert.rejects(m.update(), failure('unsupported', /Nonsense/));
    server.publish({ sequence: 3, ...stable(other) });
    await assert.rejects(m.update(), failure('bad-model', /is of others 1\.2\.0, and the pointer says sums 1\.2\.0/));
    await answers(m, V1);
    m.dispose();
  });

  test('whose first runs fail is taken back, and the query answered by the version before', async () => {
    // its recorded case passes, and other shapes fail: a Reshape to one row
    const frail = makeVersion({ version: '1.1.0', seeds: [1, 2, 4], frail: true });
    const server = await host([V1, frail], stable(V1)), m = await open(server, { update: false });
    await answers(m, V1);
    server.publish({ sequence: 2, ...stable(frail) });
    assert.equal(await m.update(), true);
    const two = { x: { type: 'float32', dims: [2, V1.floats], data: new Float32Array(2 * V1.floats) } };
    const { version, outputs } = await m.run(two, { meta: true });
    assert.deepEqual([version, outputs.y.dims], ['1.0.0', [2, V1.floats]]);
    assert.match(m.types(), /updated.*failed.*restored/);
    await answers(m, V1);
    await assert.rejects(m.run({ z: two.x }), failure('bad-argument', /no input 'z'/)); // the caller's own mistakes stay his
    m.dispose();
    const again = await open(server, { cache: m.cache });
    await answers(again, V1);
    again.dispose();
  });

  test("a caller's mistake does not take a version back", async () => {
    const server = await host([V1, V2], stable(V1)), m = await open(server, { update: false });
    server.publish({ sequence: 2, ...stable(V2) });
    await m.update();
    await assert.rejects(m.run({ z: V1.feeds.x }), failure('bad-argument', /no input 'z'/));
    await answers(m, V2);
    m.dispose();
  });

  test('that ends its page before it answers is given up at the third start', async () => {
    const server = await host([V1, V2], stable(V1)), first = await open(server, { update: false });
    await answers(first, V1);
    server.publish({ sequence: 2, ...stable(V2) });
    await first.update();
    first.dispose();
    for (let k = 0; k < 2; k++) (await open(server, { cache: first.cache, update: false })).dispose(); // as if the tab had died
    const third = await open(server, { cache: first.cache, update: false });
    await answers(third, V1);
    assert.match(third.said(), /version 1\.1\.0 does not work here: it was started 2 times and gave no answer/);
    third.dispose();
  });
});

describe('a pointer', () => {
  for (const [what, change, message] of [
    ['signed by somebody else', (server) => server.publish({ sequence: 2, ...stable(V2), keys: [makeKeys()] }), /not signed by any of the 1 keys/],
    ['without its signature', (server) => { server.publish({ sequence: 2, ...stable(V2) }); delete server.files['quern.json.sig']; }, /quern\.json\.sig gave 404/],
    ['changed after it was signed', (server) => { server.publish({ sequence: 2, ...stable(V2) }); server.files['quern.json'] = Buffer.from(server.files['quern.json'].toString().replace('"sequence": 2', '"sequence": 3')); }, /not signed/],
    ['of an older sequence', (server) => server.publish({ sequence: 4, ...stable(V2) }), /has the sequence 4, and 5 was seen here before/],
    ['that has expired', (server) => server.publish({ sequence: 6, ...stable(V2), expires: '2020-01-01T00:00:00Z' }), /expired at 2020-01-01/],
    ['that is an HTML page', (server) => { server.files['quern.json'] = Buffer.from('<!doctype html>'); }, /not signed/],
    ['that is gone', (server) => { delete server.files['quern.json']; }, /quern\.json gave 404/],
    ['for other runtimes', (server) => { const far = makeVersion({ version: '3.0.0', runtime: '>=9.0.0' }); Object.assign(server.files, far.files, makePointer([far], { keys: [key], sequence: 6, maxAge: 0 })); }, /no version for this page: version 3\.0\.0 is for runtimes >=9\.0\.0/],
  ]) test(`${what} is refused with a sentence, and the version before goes on`, async () => {
    const server = await host([V1, V2], { sequence: 5, ...stable(V1) }), m = await open(server);
    change(server);
    await answers(m, V1);
    await until(() => /refused/.test(m.types()));
    assert.match(m.said(), message);
    await answers(m, V1);
    m.dispose();
    const again = await open(server, { cache: m.cache, update: false });
    await answers(again, V1);
    again.dispose();
  });

  test('that is refused at the first visit is an error', async () => {
    const server = await host([V1], { keys: [makeKeys()] });
    await assert.rejects(open(server), failure('bad-model', /not signed by any/));
    delete server.files['quern.json'];
    await assert.rejects(open(server), failure('network', /asks for a package that is signed/));
  });

  test('signed by the next key is taken with both keys', async () => {
    const next = makeKeys(), server = await host([V1], { keys: [next] });
    const m = await open(server, { keys: [key.public, next.public] });
    await answers(m, V1);
    m.dispose();
  });

  test('and its signature, found apart for a moment, are asked for once more', async () => {
    const server = await host([V1]), old = server.files['quern.json.sig'];
    server.publish({ sequence: 2 });
    const fresh = server.files['quern.json.sig'];
    server.files['quern.json.sig'] = old;
    server.misdeed = (name, count) => { if (name === 'quern.json' && count === 2) server.files['quern.json.sig'] = fresh; };
    const m = await open(server);
    await answers(m, V1);
    m.dispose();
  });

  test('is not asked for again within its maxAge', async () => {
    const server = await host([V1], { maxAge: 1000 }), m = await open(server);
    server.take();
    for (let k = 0; k < 3; k++) await answers(m, V1);
    m.dispose();
    const again = await open(server, { cache: m.cache });
    await answers(again, V1);
    assert.deepEqual(server.take(), []);
    again.dispose();
  });
});

describe('without maxAge', () => {
  test('a pointer is read again after a day, and a block takes effect then', async (t) => {
    const server = await host([V1, V2], { maxAge: undefined, ...stable(V2) }), m = await open(server), began = Date.now();
    server.publish({ sequence: 2, maxAge: undefined, ...stable(V1), blocked: ['1.1.0'] });
    server.take();
    t.mock.method(Date, 'now', () => began + 86_390_000);
    for (let k = 0; k < 3; k++) await answers(m, V2);
    assert.deepEqual(server.take(), []);
    t.mock.method(Date, 'now', () => began + 86_410_000);
    await answers(m, V2);
    await until(() => /updated/.test(m.types()));
    assert.match(m.types(), /^blocked/);
    await answers(m, V1);
    m.dispose();
  });
});

describe('where data are saved', () => {
  const saving = (t, yes) => {
    Object.defineProperty(globalThis, 'navigator', { value: { connection: { saveData: yes } }, configurable: true });
    t.after(() => { delete globalThis.navigator; });
  };

  test('a newer version is told and waits, until data are saved no more', async (t) => {
    saving(t, true);
    const server = await host([V1, V2], { maxAge: undefined, ...stable(V1) }), m = await open(server), began = Date.now();
    server.publish({ sequence: 2, maxAge: undefined, ...stable(V2) });
    server.take();
    let later = 86_410_000;
    t.mock.method(Date, 'now', () => began + later);
    await answers(m, V1);
    await until(() => /waiting/.test(m.types()));
    assert.match(m.said(), /version 1\.1\.0 is there, and is fetched when/);
    later += 61_000;
    await answers(m, V1);
    assert.deepEqual(server.take(), ['quern.json', 'quern.json.sig'], 'the pointer alone');
    saving(t, false);
    await answers(m, V1);
    await until(() => /updated/.test(m.types()));
    await answers(m, V2);
    m.dispose();
  });

  test('the page may ask for it, and what is blocked is replaced', async (t) => {
    saving(t, true);
    const server = await host([V1, V2], stable(V1)), m = await open(server, { update: false });
    server.publish({ sequence: 2, ...stable(V2) });
    assert.equal(await m.update(), true);
    await answers(m, V2);
    m.dispose();
    const other = await open(server);
    server.publish({ sequence: 3, ...stable(V1), blocked: ['1.1.0'] });
    await other.run(V1.feeds);
    await until(() => /updated/.test(other.types()));
    await answers(other, V1);
    other.dispose();
  });
});

describe('an update by differences', () => {
  const V3 = makeVersion({ version: '1.2.0', seeds: [1, [2, 64], 3], before: V1 });
  const shard = Object.keys(V3.files).find((n) => n.startsWith('params-1')), delta = Object.keys(V3.files).find((n) => n.startsWith('delta-1'));

  test('downloads these instead of the shard, and keeps the shard', async () => {
    const server = await host([V1, V3], stable(V1)), m = await open(server, { update: false });
    await answers(m, V1);
    server.publish({ sequence: 2, ...stable(V3) });
    server.take();
    const before = m.report().delivery.downloadedBytes;
    assert.equal(await m.update(), true);
    await answers(m, V3);
    const asked = server.take();
    assert.ok(asked.includes(delta) && !asked.some((n) => n.startsWith('params')), asked.join(' '));
    assert.equal(m.report().delivery.downloadedBytes - before, asked.filter((n) => n !== 'quern.json' && n !== 'quern.json.sig').reduce((n, name) => n + V3.files[name].length, 0));
    m.dispose();
    server.misdeed = () => 'reset';
    const again = await open(server, { cache: m.cache });
    await answers(again, V3);
    again.dispose();
  });

  test('a first visit takes the shard', async () => {
    const server = await host([V3]), m = await open(server);
    await answers(m, V3);
    assert.ok(server.requests.includes(shard) && !server.requests.includes(delta));
    m.dispose();
  });

  for (const [what, spoil] of [
    ['is missing', (server) => { delete server.files[delta]; }],
    ['is damaged', (server) => { server.misdeed = (name) => (name === delta ? 'flip' : undefined); }],
    ['is of another shard', null],
    ['inflates to more than the shard', null],
  ]) test(`one that ${what} gives way to the shard`, async () => {
    const odd = spoil ? V3 : makeVersion({ version: '1.2.0', seeds: [1, [2, 64], 3], before: V1, spoil: (d) => deflateRawSync(what === 'is of another shard' ? new Uint8Array(4 * V1.floats).fill(1) : new Uint8Array(1 << 20)) });
    const server = await host([V1, odd], stable(V1)), m = await open(server, { update: false });
    await answers(m, V1);
    server.publish({ sequence: 2, ...stable(odd) });
    spoil?.(server);
    assert.equal(await m.update(), true);
    await answers(m, V3);
    assert.ok(server.requests.some((n) => n.startsWith('delta-1')) && server.requests.filter((n) => n === shard).length === 1);
    m.dispose();
  });

  test('wrong members of a manifest are refused', async () => {
    for (const [change, message] of [[{ from: 'abc' }, /params\[1\]\.delta needs the SHA-256 of the shard before/], [{ size: 1 << 20 }, /is smaller than the shard/], [{ sha256: '' }, /params\[1\]\.delta\.sha256 is not/]]) {
      const odd = makeVersion({ version: '1.2.0', seeds: [1, [2, 64], 3], before: V1, change });
      const server = await host([odd]);
      const events = [];
      await assert.rejects(open(server, { onEvent: (e) => events.push(e) }), failure('unavailable', /no version for this page/));
      assert.match(events[0].message, message);
    }
  });
});

describe('an update that was cut', () => {
  test('goes on at the next start, also within maxAge', async (t) => {
    const server = await host([V1, V2], { maxAge: undefined, ...stable(V1) }), m = await open(server, { update: false });
    await answers(m, V1);
    server.publish({ sequence: 2, maxAge: undefined, ...stable(V2) });
    const shard = Object.keys(V2.files).find((n) => n.startsWith('params-2'));
    server.misdeed = (name) => (name === shard ? 'hang' : undefined);
    const updating = assert.rejects(m.update(), failure('aborted', /aborted/));
    await until(() => server.counts[shard]);
    m.dispose();
    await updating;
    server.misdeed = () => undefined;
    const again = await open(server, { cache: m.cache }), began = Date.now();
    t.mock.method(Date, 'now', () => began + 61_000);
    await answers(again, V1);
    await until(() => /updated/.test(again.types()));
    await answers(again, V2);
    again.dispose();
  });
});

describe('a blocked version', () => {
  test('is replaced, and until then no query is answered by it', async () => {
    const server = await host([V1, V2], stable(V2)), m = await open(server, { update: false });
    await answers(m, V2);
    server.publish({ sequence: 2, ...stable(V2), blocked: ['1.1.0'] });
    const updating = m.update();
    await until(() => /blocked/.test(m.types()));
    await answers(m, V1); // it waits for the replacement
    assert.equal(await updating, true);
    assert.match(m.said(), /version 1\.1\.0 was blocked by its publisher/);
    m.dispose();
    const again = await open(server, { cache: m.cache, update: false });
    await answers(again, V1);
    again.dispose();
  });

  test('without another one is refused, at the next start too', async () => {
    const server = await host([V1], stable(V1)), m = await open(server, { update: false });
    server.publish({ sequence: 2, minimum: '1.0.1' });
    await assert.rejects(m.update(), failure('unavailable', /no version for this page: version 1\.0\.0 is below 1\.0\.1/));
    await assert.rejects(m.run(V1.feeds), failure('unavailable', /below 1\.0\.1/));
    m.dispose();
    await assert.rejects(open(server, { cache: m.cache }), failure('unavailable', /below 1\.0\.1/));
    server.misdeed = () => 'reset';
    await assert.rejects(open(server, { cache: m.cache }), failure('unavailable', /below 1\.0\.1/));
  });

  test('going back is a pointer to the older one', async () => {
    const server = await host([V1, V2], stable(V2)), m = await open(server, { update: false });
    await answers(m, V2);
    server.publish({ sequence: 2, ...stable(V1) });
    assert.equal(await m.update(), true);
    await answers(m, V1);
    m.dispose();
  });
});

describe('channels and canaries', () => {
  test('a channel of its own; a canary for all; none without a place for the id', async () => {
    const channels = (percent) => ({ channels: { stable: { version: '1.0.0', canary: { version: '1.1.0', percent } }, beta: { version: '1.1.0' } } });
    const server = await host([V1, V2], channels(100));
    for (const [options, version] of [[{}, V2], [{ channel: 'beta' }, V2]]) {
      const m = await open(server, options);
      await answers(m, version);
      m.dispose();
    }
    server.publish({ sequence: 2, ...channels(99.999) });
    const m = await open(server, { cache: false });
    await answers(m, V1);
    m.dispose();
  });

  test('the id is random, kept, and in no request', async () => {
    const server = await host([V1]), m = await open(server);
    const ledgers = [...m.cache.files].filter(([n]) => n.startsWith('ledger')).map(([, b]) => JSON.parse(Buffer.from(b).subarray(64).toString()));
    const ids = new Set(ledgers.map((l) => l.id).filter(Boolean));
    assert.equal(ids.size, 1);
    assert.match([...ids][0], /^[0-9a-f]{32}$/);
    assert.ok(!server.requests.some((r) => r.includes([...ids][0])));
    m.dispose();
  });
});

describe('kills', () => {
  test('at any moment of an update leave the whole old or the whole new version', { timeout: 300_000 }, async () => {
    const count = Number(process.env.QUERN_KILLS ?? 6);
    const server = await host([V1, V2], stable(V1)), seen = { '1.0.0': 0, '1.1.0': 0, cut: 0 };
    for (let k = 0; k < count; k++) {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'quern-kill-'));
      const child = (url) => fork(new URL('./helpers/update-child.mjs', import.meta.url), [url, folder, key.public], { silent: true, execArgv: process.execArgv.filter((a) => a.startsWith('--experimental')) });
      const told = (process_, word) => new Promise((resolve, reject) => {
        process_.on('message', (m) => { if (m.word === word) resolve(m); });
        process_.on('exit', () => reject(new Error('it ended')));
      });
      try {
        server.publish({ sequence: 1, ...stable(V1) });
        const first = child(server.url);
        await told(first, 'loaded');
        server.publish({ sequence: 2, ...stable(V2) });
        const updated = told(first, 'updated').then(() => true, () => false);
        first.send('update');
        await new Promise((resolve) => setTimeout(resolve, (k / count) * 60));
        first.kill('SIGKILL');
        if (!(await updated)) seen.cut++;
        server.publish({ sequence: 2, ...stable(V2) });
        server.misdeed = () => 'reset'; // what is there has to do
        const second = child(server.url);
        const { version, value } = await told(second, 'loaded');
        second.kill();
        const v = version === '1.0.0' ? V1 : V2;
        assert.equal(version, v.version);
        assert.ok(Math.abs(value - v.answer) < 1e-3, `${version} gave ${value}`);
        seen[version]++;
      } finally {
        server.misdeed = () => undefined;
        rmSync(folder, { recursive: true, force: true });
      }
    }
    if (count >= 50) console.log(`# ${count} kills: ${JSON.stringify(seen)}`);
  });
});
