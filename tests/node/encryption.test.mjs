// Encrypted parameters: made by the commands, opened by load() with the right key only.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generator } from '../../web/report/random-inputs.js';
import { sha256 } from '../../web/pack/shards.js';
import { dist, failure, quern } from './helpers/quern.mjs';
import { memoryStore } from './helpers/stores.mjs';
import { model } from './onnx-writer.mjs';

const folder = mkdtempSync(path.join(os.tmpdir(), 'quern-encryption-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name) => path.join(folder, name), cli = fileURLToPath(new URL('cli.js', dist));
const run = (...args) => spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
function done(...args) {
  const { status, stdout, stderr } = run(...args);
  assert.equal(status, 0, `${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}
const random = (seed, n) => {
  const next = generator(seed);
  return Float32Array.from({ length: n }, () => (2 * next() - 1) / 10);
};
/** Two products whose weights are a shard each: 2.7 MB. */
const WIDE = 820, weights = [11, 12].map((seed) => random(seed, WIDE * WIDE));
writeFileSync(at('m.onnx'), model({
  nodes: [{ op: 'MatMul', in: ['x', 'a'], out: ['b'] }, { op: 'MatMul', in: ['b', 'c'], out: ['y'] }], inputs: [{ name: 'x', dims: [1, WIDE] }], outputs: [{ name: 'y', dims: [1, WIDE] }],
  initializers: { a: { type: 'float32', dims: [WIDE, WIDE], data: weights[0] }, c: { type: 'float32', dims: [WIDE, WIDE], data: weights[1] } },
}));
const feeds = { x: { type: 'float32', dims: [1, WIDE], data: random(13, WIDE) } };
const manifestIn = (name) => JSON.parse(readFileSync(at(`${name}/${readdirSync(at(name)).find((f) => f.startsWith('manifest-'))}`), 'utf8'));
const id = JSON.parse(done('keygen', '--secret', at('secret'), '--json')).id;
done('keygen', '--secret', at('other'));
const secret = readFileSync(at('secret'), 'utf8').trim(), other = readFileSync(at('other'), 'utf8').trim();
done('pack', at('m.onnx'), '-o', at('plain'), '--name', 'shop');
done('pack', at('m.onnx'), '-o', at('sealed'), '--name', 'shop', '--encrypt', at('secret'));
const load = (name, decryptionKey, options) => quern.load(`${at(name)}/`, { cache: false, decryptionKey, ...options });

describe('encrypted parameters', () => {
  test('lie in the package without a trace of the weights', () => {
    const { encryption, models: { model: { params } } } = manifestIn('sealed'), plain = manifestIn('plain').models.model.params;
    assert.deepEqual(encryption, { algorithm: 'AES-256-GCM', key: id });
    assert.deepEqual(params.map((p) => p.size - 28), plain.map((p) => p.size));
    assert.ok(params.length >= 2);
    const marks = weights.map((w) => Buffer.from(w.buffer, 400, 16));
    const found = (name) => marks.filter((mark) => readdirSync(at(name)).some((f) => readFileSync(path.join(at(name), f)).includes(mark))).length;
    assert.deepEqual([found('plain'), found('sealed')], [2, 0]);
  });

  test('the same input gives the same files, another name of the package other ones', () => {
    done('pack', at('m.onnx'), '-o', at('again'), '--name', 'shop', '--encrypt', at('secret'));
    done('pack', at('m.onnx'), '-o', at('renamed'), '--name', 'store', '--encrypt', at('secret'));
    assert.deepEqual(readdirSync(at('again')), readdirSync(at('sealed')));
    const params = (name) => readdirSync(at(name)).filter((f) => f.startsWith('params')), first = params('sealed');
    assert.equal(params('renamed').filter((f) => first.includes(f)).length, 0);
    const nonces = [...first.map((f) => at(`sealed/${f}`)), ...params('renamed').map((f) => at(`renamed/${f}`))].map((f) => readFileSync(f).toString('hex', 0, 12));
    assert.equal(new Set(nonces).size, nonces.length);
  });

  test('open with the key in every form, asked for once', async () => {
    const plain = await load('plain'), { y } = await plain.run(feeds);
    plain.dispose();
    const imported = await crypto.subtle.importKey('raw', Buffer.from(secret, 'base64'), 'AES-GCM', false, ['decrypt']);
    for (const key of [secret, Buffer.from(secret, 'base64'), imported]) {
      const asked = [];
      const m = await load('sealed', async (request) => { asked.push(request); return key; });
      assert.deepEqual((await m.run(feeds)).y.data, y.data);
      assert.deepEqual(asked, [{ name: 'shop', version: '1.0.0', key: id }]);
      m.dispose();
    }
  });

  test('no key, a wrong one, one that cannot be had: a sentence each, and the version is not given up', async () => {
    const cache = memoryStore();
    await assert.rejects(load('sealed', undefined, { cache }), failure('bad-argument', new RegExp(`parameters of shop 1.0.0 are encrypted: load\\(url, \\{ decryptionKey.*'${id}'`)));
    await assert.rejects(load('sealed', () => other, { cache }), failure('bad-argument', new RegExp(`the key that was given for shop 1.0.0 does not open params-\\d-\\w+.bin: it has to be the key '${id}'`)));
    await assert.rejects(load('sealed', async () => { throw new Error('not logged in'); }, { cache }), failure('unavailable', new RegExp(`no key '${id}' for shop 1.0.0: not logged in`)));
    await assert.rejects(load('sealed', () => 'c2hvcnQ=', { cache }), failure('unavailable', /no key .* for shop/));
    const m = await load('sealed', () => secret, { cache });
    m.dispose();
  });

  test('a shard in the place of another one, or of another package, does not open, though every hash agrees', async () => {
    const swap = async (name, change) => {
      cpSync(at('sealed'), at(name), { recursive: true });
      const old = readdirSync(at(name)).find((f) => f.startsWith('manifest-')), manifest = JSON.parse(readFileSync(at(`${name}/${old}`), 'utf8'));
      rmSync(at(`${name}/quern.json`));
      change(manifest, manifest.models.model.params);
      writeFileSync(at(`${name}/manifest.json`), JSON.stringify(manifest));
      await assert.rejects(load(name, () => secret), failure('bad-argument', /does not open params-/), name);
    };
    await swap('swapped', (manifest, params) => {
      // named as the first, with the bytes of the second
      writeFileSync(at(`swapped/params-0-${params[1].sha256.slice(0, 16)}.bin`), readFileSync(at(`swapped/${params[1].file}`)));
      params[0] = { ...params[1], file: `params-0-${params[1].sha256.slice(0, 16)}.bin` };
    });
    await swap('of-another', (manifest) => { manifest.name = 'store'; });
    await swap('changed', (manifest, params) => {
      const data = readFileSync(at(`changed/${params[0].file}`));
      data[5000] ^= 1;
      writeFileSync(at(`changed/${params[0].file}`), data);
      params[0].sha256 = sha256(data);
    });
  });

  test('the commands take the key', () => {
    assert.match(done('verify', at('sealed')), /^good: .* 0 golden cases/m); // hashes are of what lies there
    assert.match(done('verify', at('sealed'), '--decrypt', at('secret')), /^good: .* 1 golden case/m);
    assert.match(run('verify', at('sealed'), '--decrypt', at('other')).stdout, /does not open params-0/);
    done('convert', at('sealed'), '-o', at('back.safetensors'), '--decrypt', at('secret'));
    done('convert', at('plain'), '-o', at('plain.safetensors'));
    assert.deepEqual(readFileSync(at('back.safetensors')), readFileSync(at('plain.safetensors')));
    assert.match(run('convert', at('sealed'), '-o', at('no.onnx')).stderr, new RegExp(`parameters of shop 1.0.0 are encrypted: give the key '${id}' by --decrypt`));
    done('pack', at('sealed'), '--decrypt', at('secret'), '--encrypt', at('other'), '-o', at('rekeyed'), '--name', 'shop');
    assert.match(done('verify', at('rekeyed'), '--decrypt', at('other')), /^good: .* 1 golden case/m);
    assert.match(run('pack', at('sealed'), '-o', at('x'), '--name', 'shop').stderr, /are encrypted: give the key/);
    assert.match(done('inspect', at('sealed'), '--decrypt', at('secret')), /MatMul/);
    assert.match(run('inspect', at('sealed')).stderr, /are encrypted: give the key/);
    done('diff', at('sealed'), at('again'), '--decrypt', at('secret'));
    assert.match(run('keygen', '--secret', at('secret')).stderr, /is there already/);
    assert.match(run('bundle', at('sealed'), '-o', at('b.js')).stderr, /encrypted: a bundle/);
    writeFileSync(at('bad'), 'hello\n');
    assert.match(run('pack', at('m.onnx'), '-o', at('x'), '--encrypt', at('bad')).stderr, /base64 of 32 bytes/);
  });

  test('another algorithm is of a later release', async () => {
    cpSync(at('sealed'), at('later'), { recursive: true });
    rmSync(at('later/quern.json'));
    writeFileSync(at('later/manifest.json'), JSON.stringify({ ...manifestIn('sealed'), encryption: { algorithm: 'ROT13', key: id } }));
    await assert.rejects(load('later', () => secret), failure('unsupported', /encrypted by "ROT13"; this release knows AES-256-GCM/));
  });
});
