// Fuzzes the readers of manifests and pointers by their structure: node tests/fuzz/fuzz_manifest.mjs SECONDS [SEED].
// Values are swapped, dropped, doubled, nested and replaced by others of every type, then the text is damaged in places. What is refused
// has to be refused by a sentence of ours that names the file; what is accepted has to hold what the code behind relies on.
import assert from 'node:assert/strict';
import { QuernError } from '../../web/core/errors.js';
import { fileOf, filesOf, goldenFilesOf, parseManifest } from '../../web/delivery/manifest.js';
import { chooseVersion, parsePointer, refusal, shareOf } from '../../web/delivery/pointer.js';
import { isVersion } from '../../web/delivery/versions.js';
import { generator } from '../../web/report/random-inputs.js';

const hash = (/** @type {string} */ c) => c.repeat(64);
const file = (/** @type {string} */ c) => ({ file: `params-${c}.bin`, size: 100, sha256: hash(c) });
const MANIFEST = { schema: 2, name: 'digits', version: '1.2.3', licence: 'MIT', runtime: '>=0.1.0 <2.0.0', task: 'classify',
  models: { model: { ...file('a'), params: [file('b'), { ...file('c'), delta: { ...file('9'), size: 40, from: hash('8') } }], golden: { ...file('d'), rtol: 1e-3, atol: 1e-5, cases: [{ inputs: { x: { type: 'float32', dims: [1, 2], offset: 0, length: 8 } }, outputs: { y: { type: 'float32', dims: [2], offset: 8, length: 8 } } }] } } },
  labels: file('e'), files: { vocabulary: file('f') }, options: { threshold: 0.5 }, features: [{ step: 'resize', width: 224 }], outputs: [{ step: 'top_k', k: 5 }], state: {}, limits: { digits: 2, rate: { queries: 3, seconds: 60 } } };
const POINTER = { schema: 1, name: 'digits', sequence: 12, expires: '2027-01-01T00:00:00Z', maxAge: 3600, minimum: '1.0.0', blocked: ['1.1.0'],
  versions: { '1.0.0': { manifest: hash('1'), size: 10 }, '1.2.0': { manifest: hash('2'), size: 10, runtime: '<2.0.0' }, '1.3.0-rc.1': { manifest: hash('3'), size: 10, runtime: '>=0.1.0' } },
  channels: { stable: { version: '1.2.0', canary: { version: '1.3.0-rc.1', percent: 10, from: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00Z' } }, beta: { version: '1.3.0-rc.1' } } };

const ODD = [null, true, false, 0, -0, -1, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 53, 1e21, '', '0', '50', ' ', '1.0.0', '../x', '/x', 'https://example.org/x', 'data:,x', '\u0000', '\ud800', '__proto__', 'constructor', 'x'.repeat(300),
  hash('0'), '2026-01-01T00:00:00Z', '2026-99-99T99:99:99Z', '>=0.1.0', '>='.repeat(50), [], {}, [[]], [0], ['1.0.0'], { length: 3 }, { file: 7 }, { toString: 1 }, { valueOf: 1 }];
const KEYS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'file', 'size', 'sha256', 'params', 'golden', 'version', 'canary', 'percent', '', 'x'];

/** One value changed somewhere. @param {any} root @param {() => number} next @param {string[]} dictionary */
function mutate(root, next, dictionary) {
  const pick = (/** @type {any[]} */ list) => list[Math.floor(next() * list.length)];
  /** @type {any} */
  const box = { root };
  let holder = box, key = 'root';
  while (typeof holder[key] === 'object' && holder[key] && Object.keys(holder[key]).length && next() < 0.8) [holder, key] = [holder[key], pick(Object.keys(holder[key]))];
  const put = (/** @type {any} */ target, /** @type {string} */ name, /** @type {any} */ value) => Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
  switch (Math.floor(next() * 7)) {
    case 0: delete holder[key]; break;
    case 1: if (typeof holder[key] === 'object' && holder[key]) put(holder[key], pick(next() < 0.5 ? KEYS : dictionary), structuredClone(pick(ODD))); break;
    case 2: if (typeof holder[key] === 'object' && holder[key]) put(holder[key], pick(dictionary), structuredClone(pick([MANIFEST, POINTER, holder[key]]))); break;
    case 3: if (typeof holder[key] === 'number') holder[key] = pick([holder[key] + 1, -holder[key], holder[key] / 3, String(holder[key]), [holder[key]]]); break;
    case 4: if (typeof holder[key] === 'string') holder[key] = pick([holder[key].toUpperCase(), holder[key] + pick(dictionary), holder[key].slice(1), [holder[key]]]); break;
    default: holder[key] = structuredClone(pick(ODD));
  }
  return box.root ?? null;
}

/** Bytes of the text changed: cut, repeated, replaced. @param {Buffer} bytes @param {() => number} next */
function damage(bytes, next) {
  const at = Math.floor(next() * bytes.length), length = Math.floor(next() ** 4 * bytes.length);
  switch (Math.floor(next() * 4)) {
    case 0: return bytes.subarray(0, at);
    case 1: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - length))]);
    case 2: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    default: bytes[at] = Math.floor(next() * 256); return bytes;
  }
}

const isText = (/** @type {unknown} */ v) => typeof v === 'string' && v.length > 0;
const isSize = (/** @type {unknown} */ n) => Number.isSafeInteger(n) && Number(n) >= 0;

/** @param {any} m */
function manifestHolds(m) {
  assert.ok(typeof m.name === 'string' && typeof m.version === 'string');
  for (const entry of [...filesOf(m), ...goldenFilesOf(m).map(fileOf)]) {
    assert.ok(isText(entry.file), 'a file without a name');
    assert.ok(entry.size === undefined || isSize(entry.size), 'a size that is none');
    assert.ok(entry.sha256 === undefined || (typeof entry.sha256 === 'string' && /^[0-9a-f]{64}$/.test(entry.sha256)), 'a hash that is none');
  }
  for (const { size, delta } of Object.values(m.models).flatMap((entry) => entry.params ?? []))
    if (delta !== undefined) assert.ok(isText(delta.file) && delta.size > 0 && delta.size < size && [delta.sha256, delta.from].every((h) => typeof h === 'string' && /^[0-9a-f]{64}$/.test(h)), 'a difference that is none');
  assert.ok(m.limits === undefined || (typeof m.limits === 'object' && m.limits && !Array.isArray(m.limits)), 'limits');
  for (const golden of goldenFilesOf(m)) {
    assert.ok(typeof golden.rtol === 'number' && typeof golden.atol === 'number');
    for (const { inputs, outputs } of golden.cases) for (const t of [...Object.values(inputs), ...Object.values(outputs)]) assert.ok(typeof t.type === 'string' && t.dims.every(isSize) && t.offset + t.length <= golden.size);
  }
  for (const value of Object.values(m.options ?? {})) assert.equal(typeof value, 'number');
}

/** @param {any} p */
function pointerHolds(p) {
  assert.ok(typeof p.name === 'string' && Number.isSafeInteger(p.sequence) && p.sequence > 0);
  assert.ok(p.maxAge === undefined || (typeof p.maxAge === 'number' && p.maxAge >= 0), 'maxAge');
  for (const [name, channel] of Object.entries(p.channels)) {
    for (const now of [0, Date.parse('2026-01-15T00:00:00Z'), 1e15]) {
      if (channel.canary) { const share = shareOf(channel.canary, now); assert.ok(typeof share === 'number' && share >= 0 && share <= 100, `a share of ${share}`); }
      try {
        const version = chooseVersion(p, { channel: name, id: 'a'.repeat(32), runtime: '0.1.0', now });
        assert.ok(isVersion(version) && refusal(p, version, { runtime: '0.1.0' }) === '');
      } catch (error) {
        if (!(error instanceof QuernError)) throw error;
      }
    }
  }
}

/** Runs for some seconds or rounds; throws on a finding, with the text. @param {{ seconds?: number, rounds?: number, seed?: number }} options */
export function fuzzManifests({ seconds = Infinity, rounds = Infinity, seed = 1 }) {
  const next = generator(seed), end = Date.now() + seconds * 1000, counts = { refused: 0, accepted: 0 };
  for (let k = 0; k < rounds && (k % 256 || Date.now() < end); k++) {
    const [good, parse, holds, where] = k % 2 ? [MANIFEST, parseManifest, manifestHolds, 'here/manifest.json'] : [POINTER, parsePointer, pointerHolds, 'here/quern.json'];
    const dictionary = Object.keys(good);
    let value = structuredClone(good);
    for (let n = Math.floor(next() * 4); n >= 0; n--) value = mutate(value, next, dictionary);
    let bytes = Buffer.from(JSON.stringify(value));
    while (bytes.length && next() < 0.2) bytes = damage(bytes, next);
    try {
      let parsed;
      try {
        parsed = parse(bytes, where);
      } catch (error) {
        if (!(error instanceof QuernError && error.message.includes(where) && error.message.length > where.length + 10)) throw error;
        counts.refused++;
        continue;
      }
      holds(parsed);
      counts.accepted++;
    } catch (error) {
      throw new Error(`seed ${seed}, round ${k}: ${bytes}`, { cause: error });
    }
  }
  return counts;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const seconds = Number(process.argv[2] ?? 600), seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
  const { refused, accepted } = fuzzManifests({ seconds, seed });
  console.log(`${refused + accepted} manifests and pointers in ${seconds} s (seed ${seed}): ${refused} refused by a sentence, ${accepted} accepted`);
}
