// The pointer's rules, without a network: versions and ranges, shares and places, the choice of a version, signatures.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { chooseVersion, parsePointer, placeOf, refusal, shareOf } from '../../web/delivery/pointer.js';
import { isSignedByAny, parseKeys } from '../../web/delivery/signature.js';
import { compareVersions, inRange, isVersion } from '../../web/delivery/versions.js';
import { random } from './helpers/models.mjs';
import { makeKeys, makePointer, makeVersion } from './helpers/package-maker.mjs';

describe('versions', () => {
  test('are ordered as Semantic Versioning does', () => {
    const order = ['0.0.1', '0.0.2', '0.1.0', '0.10.0', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.0.1', '2.0.0', '10.0.0', '99999999999999999999.0.0'];
    for (const [i, a] of order.entries()) for (const [k, b] of order.entries()) assert.equal(Math.sign(compareVersions(a, b)), Math.sign(i - k), `${a} and ${b}`);
    assert.equal(compareVersions('1.0.0+a', '1.0.0+b'), 0);
    for (const no of ['1', '1.0', '01.0.0', '1.0.0-', 'v1.0.0', '1.0.0-a..b', '', null, 1]) assert.equal(isVersion(no), false, String(no));
  });

  test('are in a range when each comparison holds', () => {
    for (const [version, range, want] of [['0.1.0', undefined, true], ['0.1.0', '', true], ['0.1.0', '>=0.1.0 <2.0.0', true], ['2.0.0', '>=0.1.0 <2.0.0', false], ['2.0.0-rc.1', '<2.0.0', true], ['1.2.3', '=1.2.3', true],
      ['1.2.3', '>1.2.3', false], ['1.2.3', '<=1.2.3', true], ['1.0.0', '^1.0.0', null], ['1.0.0', '>=1', null], ['1.0.0', 7, null]]) assert.equal(inRange(version, range), want, `${version} in ${range}`);
  });
});

const hash = (c) => c.repeat(64);
const pointerOf = (more = {}) => parsePointer(Buffer.from(JSON.stringify({ schema: 1, name: 'digits', sequence: 12,
  versions: { '1.0.0': { manifest: hash('1'), size: 10 }, '1.2.0': { manifest: hash('2'), size: 10, runtime: '<2.0.0' }, '1.3.0': { manifest: hash('3'), size: 10, runtime: '>=0.1.0' }, '2.0.0': { manifest: hash('4'), size: 10, runtime: '>=9.0.0' } },
  channels: { stable: { version: '1.2.0', canary: { version: '1.3.0', percent: 10 } }, beta: { version: '1.3.0' }, next: { version: '2.0.0' } }, ...more })), 'quern.json');
const at = (more = {}) => ({ channel: 'stable', id: 'a'.repeat(32), runtime: '0.1.0', now: Date.parse('2026-06-01T00:00:00Z'), ...more });

describe('a pointer', () => {
  test('is refused when a field is not what it should be', () => {
    const good = JSON.parse(Buffer.from(makePointer([makeVersion()])['quern.json']).toString());
    const parse = (value) => parsePointer(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), 'here');
    parse(good);
    for (const [change, message] of [[{ schema: 2 }, /schema 2/], [{ name: '' }, /name/], [{ sequence: 0 }, /sequence/], [{ sequence: 1.5 }, /sequence/], [{ expires: 'soon' }, /expires/], [{ maxAge: -1 }, /maxAge/], [{ versions: [] }, /versions/],
      [{ versions: { one: {} } }, /'one'/], [{ versions: { '1.0.0': { manifest: 'abc', size: 1 } } }, /SHA-256/], [{ versions: { '1.0.0': { manifest: hash('a'), size: 0 } } }, /size/], [{ versions: { '1.0.0': { manifest: hash('a'), size: 1, runtime: '~1' } } }, /runtime/],
      [{ channels: {} }, /channels/], [{ channels: { stable: {} } }, /stable/], [{ channels: { stable: { version: '1.0.0', canary: { version: '1.0.0', percent: 101 } } } }, /percent/],
      [{ channels: { stable: { version: '1.0.0', canary: { version: '1.0.0', percent: 1, from: '2026-01-01T00:00:00Z' } } } }, /from and until/], [{ minimum: 1 }, /minimum/], [{ blocked: '1.0.0' }, /blocked/]])
      assert.throws(() => parse({ ...good, ...change }), message, JSON.stringify(change));
    assert.throws(() => parse('{'), /is not a pointer/);
    assert.throws(() => parse('[]'), /not an object/);
    // bytes changed: a sentence, or a pointer whose fields are right
    const text = JSON.stringify(good), next = random(8);
    for (let k = 0; k < 2000; k++) {
      const i = Math.floor(next() * text.length);
      try {
        const p = parse(text.slice(0, i) + String.fromCharCode(32 + Math.floor(next() * 95)) + text.slice(i + 1));
        assert.ok(p.sequence > 0 && Object.values(p.channels).every((c) => isVersion(c.version)));
      } catch (error) {
        assert.ok(/here/.test(error.message), error.stack);
      }
    }
  });

  test('gives the version of the channel, of the canary to its share, and never what must not be used', () => {
    const p = pointerOf(), inside = at({ id: 'b'.repeat(32) });
    const place = placeOf(inside.id, 'digits', '1.3.0');
    const withShare = (percent, more) => pointerOf({ channels: { stable: { version: '1.2.0', canary: { version: '1.3.0', percent } } }, ...more });
    assert.equal(chooseVersion(withShare(place - 0.001), inside), '1.2.0');
    assert.equal(chooseVersion(withShare(place + 0.001), inside), '1.3.0');
    assert.equal(chooseVersion(withShare(99.9), at({ id: '' })), '1.2.0', 'who cannot keep an id is in no canary');
    assert.equal(chooseVersion(withShare(100), at({ id: '' })), '1.3.0');
    assert.equal(chooseVersion(withShare(100, { blocked: ['1.3.0'] }), inside), '1.2.0');
    assert.equal(chooseVersion(withShare(100), { ...inside, failed: [hash('3')] }), '1.2.0');
    assert.equal(chooseVersion(withShare(0, { blocked: ['1.2.0'] }), inside), '1.0.0', 'the newest one before');
    assert.equal(chooseVersion(p, at({ channel: 'next' })), '1.3.0', 'not for this runtime: the newest one before');
    assert.throws(() => chooseVersion(withShare(0, { minimum: '1.1.0', blocked: ['1.2.0'] }), inside), /no version for this page: version 1\.2\.0 was blocked/);
    assert.throws(() => chooseVersion(p, at({ channel: 'gold' })), /no channel 'gold'; it has stable, beta, next/);
    assert.throws(() => chooseVersion(p, at({ channel: 'constructor' })), /no channel/);
    assert.match(refusal(pointerOf({ minimum: '1.1.0' }), '1.0.0', at()), /below 1\.1\.0/);
    assert.match(refusal(p, '7.0.0', at()), /not in the pointer/);
    assert.equal(refusal(p, '7.0.0', at(), true), '', 'what is installed may stay');
  });

  test('ramps evenly', () => {
    const canary = { version: '1.3.0', percent: 10, from: '2026-01-01T00:00:00Z', until: '2026-01-11T00:00:00Z' };
    const day = (n) => Date.parse('2026-01-01T00:00:00Z') + n * 864e5;
    for (const [n, share] of [[-1, 10], [0, 10], [5, 55], [10, 100], [11, 100]]) assert.equal(shareOf(canary, day(n)), share);
  });

  test('100,000 installations: shares within 0.3 percentage points, the same ones each time, never fewer while the share grows, versions drawn apart', () => {
    const next = random(42), n = 100_000;
    const ids = Array.from({ length: n }, () => Array.from({ length: 4 }, () => Math.floor(next() * 2 ** 32).toString(16).padStart(8, '0')).join(''));
    const places = ids.map((id) => placeOf(id, 'digits', '1.3.0'));
    for (const percent of [0, 0.5, 1, 5, 10, 25, 50, 75, 99, 100]) {
      const share = (100 * places.filter((p) => p < percent).length) / n;
      assert.ok(Math.abs(share - percent) < 0.3, `${share} instead of ${percent}`);
    }
    const canary = { version: '1.3.0', percent: 5, from: '2026-01-01T00:00:00Z', until: '2026-01-11T00:00:00Z' };
    const p = pointerOf({ channels: { stable: { version: '1.2.0', canary } } });
    let before = new Set();
    for (let day = 0; day <= 10; day++) { // through the whole choice, for a tenth of them
      const now = Date.parse(canary.from) + day * 864e5;
      const inside = new Set(ids.slice(0, n / 10).filter((id) => chooseVersion(p, at({ id, now })) === '1.3.0'));
      assert.ok([...before].every((id) => inside.has(id)), `day ${day}`);
      assert.ok(Math.abs((100 * inside.size) / (n / 10) - shareOf(canary, now)) < 1);
      before = inside;
    }
    const other = ids.map((id) => placeOf(id, 'digits', '1.4.0'));
    const both = places.filter((place, i) => place < 10 && other[i] < 10).length / n;
    assert.ok(Math.abs(both - 0.01) < 0.002, `${both} are in both`);
  });
});

describe('signatures', () => {
  test('of any of the keys, over exactly these bytes', async () => {
    const [a, b, c] = [makeKeys(), makeKeys(), makeKeys()], files = makePointer([makeVersion()], { keys: [a, b] });
    const bytes = files['quern.json'], text = files['quern.json.sig'].toString();
    const by = (...keys) => parseKeys(keys.map((k) => k.public));
    assert.equal(await isSignedByAny(bytes, text, by(a)), true);
    assert.equal(await isSignedByAny(bytes, text, by(c, b)), true);
    assert.equal(await isSignedByAny(bytes, text, by(c)), false);
    assert.equal(await isSignedByAny(bytes, '', by(a)), false);
    assert.equal(await isSignedByAny(bytes, 'not base64!\n' + text, by(a)), true);
    assert.equal(await isSignedByAny(bytes, 'A'.repeat(88), by(a)), false);
    for (let k = 0; k < 50; k++) {
      const damaged = Buffer.from(bytes);
      damaged[Math.floor((k / 50) * bytes.length)] ^= 1 << (k % 8);
      assert.equal(await isSignedByAny(damaged, text, by(a, b)), false);
    }
    assert.throws(() => parseKeys(['AAAA']), /32 bytes/);
    assert.throws(() => parseKeys(['%%%']), /32 bytes/);
  });

  test('by the library that stands in for WebCrypto, as by WebCrypto', async (t) => {
    const library = await import('../../dist/ed25519.js').catch(() => null);
    if (!library) return t.skip('SKIP: ed25519.js is not built');
    const verify = async (signature, message, key) => library.verify(signature, message, key, { zip215: false });
    const key = makeKeys(), keys = parseKeys([key.public]), next = random(2);
    const { sign } = await import('node:crypto');
    for (let k = 0; k < 100; k++) {
      const message = randomBytes(Math.floor(next() * 300)), signature = sign(null, message, key.privateKey);
      const damaged = Buffer.from(signature);
      if (k % 2) damaged[Math.floor(next() * 64)] ^= 1 << Math.floor(next() * 8);
      for (const given of [signature, damaged]) {
        const text = given.toString('base64');
        assert.equal(await isSignedByAny(message, text, keys, verify), await isSignedByAny(message, text, keys));
      }
    }
  });
});
