// Packages: made, signed, verified, compared, converted. What the commands say, and what is in the files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeNpz } from '../../web/cli/npy.js';
import { baselineOf } from '../../web/pack/baseline.js';
import { OnnxFile, elementsOf, readTensor } from '../../web/pack/onnx-file.js';
import { checkRange, compareVersions } from '../../web/pack/pointer.js';
import { toHalf } from '../../web/pack/quantize.js';
import { cutShards, sha256 } from '../../web/pack/shards.js';
import { WireError, bytes, concat, fields, int, many } from '../../web/pack/wire.js';
import { generator } from '../../web/report/random-inputs.js';
import { dist } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

const CLI = fileURLToPath(new URL('cli.js', dist));
const folder = mkdtempSync(path.join(os.tmpdir(), 'quern-pack-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name) => path.join(folder, name);
const file = (name, data) => {
  writeFileSync(at(name), data);
  return at(name);
};
/** @returns {{ status: number, out: string, err: string }} */
function quern(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}
function done(...args) {
  const result = quern(...args);
  assert.equal(result.status, 0, `${args.join(' ')}: ${result.err}${result.out}`);
  return result.out;
}
const json = (name) => JSON.parse(readFileSync(at(name), 'utf8'));
const manifestOf = (name) => json(`${name}/${readdirSync(at(name)).find((f) => f.startsWith('manifest-'))}`);
const random = (seed, n, size = 1) => {
  const next = generator(seed);
  return Float32Array.from({ length: n }, () => size * (2 * next() - 1));
};
const weights = (seed, ...dims) => ({ type: 'float32', dims, data: random(seed, dims.reduce((a, b) => a * b), 0.2) });
/** Two layers; more: what differs from it. */
const twoLayers = ({ first = weights(1, 64, 48), opset = 17 } = {}) => model({
  opset,
  nodes: [{ op: 'MatMul', in: ['x', 'first'], out: ['a'], name: 'one' }, { op: 'Relu', in: ['a'], out: ['b'] }, { op: 'Gemm', in: ['b', 'second', 'bias'], out: ['y'], name: 'two', attrs: { transB: 1n } }],
  inputs: [{ name: 'x', dims: ['N', 64] }], outputs: [{ name: 'y', dims: ['N', 10] }],
  initializers: { first, second: weights(2, 10, 48), bias: weights(3, 10) },
});
const TWO = file('two.onnx', twoLayers());
const GOLDEN = file('golden.npz', writeNpz({ x: { type: 'float32', dims: [4, 64], data: random(9, 256) } }));
const contents = (name) => Object.fromEntries(readdirSync(at(name)).sort().map((f) => [f, sha256(readFileSync(path.join(at(name), f)))]));
const ort = (() => { try { return createRequire(import.meta.url)('onnxruntime-node'); } catch { return null; } })();

describe('wire format', () => {
  test('numbers of all lengths', () => {
    for (const v of [0n, 1n, 127n, 128n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, -1n, -(2n ** 63n)])
      assert.equal(BigInt.asIntN(64, fields(int(5, v))[0].value), v);
    assert.equal(fields(int(536870911, 1))[0].field, 536870911);
  });

  test('what is cut off, or no field, is refused', () => {
    const good = concat([int(1, 300), bytes(2, 'hello')]);
    for (let n = 1; n < good.length; n++) if (n !== 3) assert.throws(() => fields(good.subarray(0, n)), WireError, `${n} bytes`);
    assert.throws(() => fields(Uint8Array.of(0x0b)), /unknown kind 3/);
    assert.throws(() => fields(new Uint8Array(20).fill(0x88)), /more than ten bytes/);
  });

  test('elements in typed fields', () => {
    const proto = (type, field, values, dims = [values.length], packed = true) => concat([many(int, 1, dims), int(2, type), bytes(8, 't'),
      packed ? bytes(field, concat(values.map((v) => int(0, v).slice(1)))) : many(int, field, values)]);
    const read = (data) => elementsOf(readTensor(data, () => assert.fail('no external data')));
    assert.deepEqual(read(proto(7, 7, [1n, -2n])), BigInt64Array.of(1n, -2n));
    assert.deepEqual(read(proto(6, 5, [1, -2], [2], false)), Int32Array.of(1, -2));
    assert.deepEqual(read(proto(3, 5, [-1, 127])), Int8Array.of(-1, 127));
    assert.deepEqual(read(proto(10, 5, [0x3c00, 0xfbff])), Uint16Array.of(0x3c00, 0xfbff));
    assert.deepEqual(read(proto(12, 11, [4294967295])), Uint32Array.of(4294967295));
    assert.deepEqual(read(proto(13, 11, [2n ** 64n - 1n])), BigUint64Array.of(2n ** 64n - 1n));
    assert.deepEqual(read(proto(21, 5, [0x21, 0x03], [3])), Uint8Array.of(0x21, 3));
    const floats = (type, field, data) => concat([int(1, 2), int(2, type), bytes(field, new Uint8Array(data.buffer))]);
    assert.deepEqual(read(floats(1, 4, Float32Array.of(1.5, -2))), Float32Array.of(1.5, -2));
    assert.deepEqual(read(floats(11, 10, Float64Array.of(1.5, -2))), Float64Array.of(1.5, -2));
    assert.throws(() => read(proto(7, 7, [1n], [2])), /takes 16 bytes; it has 8/);
  });
});

describe('shards', () => {
  const KB = 1024, MB = 1024 * KB;
  const set = (sizes, change = {}) => sizes.map((length, i) => ({ name: `w${i}`, type: 'float32', dims: [length / 4], length, read: () => new Uint8Array(length).fill(change[i] ?? i % 251) }));
  function cut(tensors) {
    const shards = [];
    const places = cutShards(tensors, (s) => shards.push(s));
    return { shards, places, hashes: shards.map((s) => sha256(s)) };
  }
  const next = generator(7), sizes = Array.from({ length: 300 }, () => 4 * Math.ceil(next() * 40 * KB));
  sizes[100] = 9 * MB + 4;
  sizes[200] = 3 * MB + 500 * KB;

  test('1 to 4 MB each, one after the other what the places say', () => {
    const tensors = set(sizes), { shards, places } = cut(tensors);
    assert.ok(shards.length > 5);
    for (const s of shards.slice(0, -1)) assert.ok(s.length >= MB && s.length <= 4 * MB, `${s.length}`);
    const all = concat(shards);
    let end = 0;
    for (const t of tensors) {
      const { offset, location } = places.get(t.name);
      assert.equal(location, 'params');
      assert.equal(offset % 16, 0);
      assert.ok(offset >= end && offset < end + 16);
      end = offset + t.length;
      assert.equal(sha256(all.subarray(offset, end)), sha256(t.read()));
    }
  });

  test('a changed tensor changes one shard, or its own pieces', () => {
    const before = cut(set(sizes));
    for (const i of [0, 50, 150, 299]) {
      const now = cut(set(sizes, { [i]: 252 }));
      assert.equal(now.hashes.filter((h) => !before.hashes.includes(h)).length, 1, `tensor ${i}`);
    }
    assert.ok(cut(set(sizes, { 100: 252 })).hashes.filter((h) => !before.hashes.includes(h)).length <= 4);
  });

  test('a tensor that grew or came leaves the shards further on as they were', () => {
    const before = cut(set(sizes)), tensors = set(sizes);
    tensors.splice(40, 0, { ...tensors[40], name: 'new', length: 300 * KB, read: () => new Uint8Array(300 * KB).fill(9) });
    const fresh = cut(tensors).hashes.filter((h) => !before.hashes.includes(h)).length;
    assert.ok(fresh >= 1 && fresh <= 4, `${fresh} of ${before.hashes.length} are new`);
  });

  test('two of one name are refused', () => assert.throws(() => cut([...set([4]), ...set([4])]), /two initializers named 'w0'/));
});

describe('pack', () => {
  test('the same input gives the same bytes', () => {
    const args = ['pack', TWO, '--name', 'two', '--version', '1.2.0', '--license', 'MIT', '--golden', GOLDEN];
    done(...args, '-o', at('same-a'));
    done(...args, '-o', at('same-b'));
    assert.deepEqual(contents('same-a'), contents('same-b'));
    const again = contents('same-a');
    assert.match(done(...args, '-o', at('same-a')), /quern\.json stays as it was/);
    assert.deepEqual(contents('same-a'), again);
  });

  test('what is in the folder', () => {
    const manifest = manifestOf('same-a'), pointer = json('same-a/quern.json'), { model: m } = manifest.models;
    assert.deepEqual([manifest.schema, manifest.name, manifest.version, manifest.license], [2, 'two', '1.2.0', 'MIT']);
    assert.deepEqual([pointer.schema, pointer.sequence, pointer.channels], [1, 1, { stable: { version: '1.2.0' } }]);
    assert.ok(existsSync(at(`same-a/manifest-${pointer.versions['1.2.0'].manifest}.json`)));
    assert.deepEqual(m.inputs, [{ name: 'x', type: 'float32', dims: ['N', 64] }]);
    for (const entry of [m, ...m.params, m.golden]) {
      const data = readFileSync(at(`same-a/${entry.file}`));
      assert.deepEqual([data.length, sha256(data)], [entry.size, entry.sha256]);
      assert.ok(entry.file.includes(entry.sha256.slice(0, 16)));
    }
    assert.equal(m.params.length, 1);
    assert.equal(m.params[0].size, 4 * (64 * 48 + 10 * 48)); // the bias has 40 bytes and stays in the graph
    const { inputs, outputs, cases } = m.baseline;
    assert.deepEqual([cases, inputs.x.count, outputs.y.count], [1, 256, 40]);
    assert.equal(inputs.x.counts.reduce((a, b) => a + b), 256);
  });

  test('graph and parameters are an ordinary ONNX model', { skip: !ort && 'onnxruntime-node is not there' }, async () => {
    const { model: m } = manifestOf('same-a').models;
    cpSync(at(`same-a/${m.file}`), at('plain-graph.onnx'));
    writeFileSync(at('params'), concat(m.params.map((p) => readFileSync(at(`same-a/${p.file}`)))));
    const run = async (name) => (await (await ort.InferenceSession.create(name)).run({ x: new ort.Tensor('float32', random(9, 256), [4, 64]) })).y.data;
    assert.deepEqual(await run(at('plain-graph.onnx')), await run(TWO));
  });

  test('external data of the source, in initializers and in attributes', () => {
    const w = weights(1, 64, 48), more = weights(4, 200);
    writeFileSync(at('beside.bin'), concat([new Uint8Array(8), new Uint8Array(w.data.buffer), new Uint8Array(more.data.buffer)]));
    const external = (offset, t) => ({ type: 'float32', dims: t.dims, external: { location: 'beside.bin', offset, length: t.data.byteLength } });
    file('outside.onnx', twoLayers({ first: external(8, w) }));
    done('pack', at('outside.onnx'), '-o', at('outside'), '--name', 'two');
    assert.equal(manifestOf('outside').models.model.params[0].sha256, manifestOf('same-a').models.model.params[0].sha256);
    file('attribute.onnx', model({ nodes: [{ op: 'Constant', in: [], out: ['c'], attrs: { value: external(8 + w.data.byteLength, more) } }, { op: 'Add', in: ['x', 'c'], out: ['y'] }],
      inputs: [{ name: 'x', dims: [200] }], outputs: [{ name: 'y', dims: [200] }] }));
    done('pack', at('attribute.onnx'), '-o', at('attribute'));
    done('convert', at('attribute'), '-o', at('attribute-back.onnx'));
    const inside = fields(OnnxFile.open(at('attribute-back.onnx')).graph[0].bytes).find((f) => f.field === 5);
    assert.deepEqual(elementsOf(readTensor(fields(inside.bytes).find((f) => f.field === 5).bytes, assert.fail)), more.data);
    const { status, err } = quern('pack', file('up.onnx', twoLayers({ first: { ...external(0, w), external: { location: '../x.bin', offset: 0, length: w.data.byteLength } } })), '-o', at('up'));
    assert.equal(status, 1);
    assert.match(err, /'\.\.\/x\.bin' does not lie beside/);
  });

  test('outputs that another runtime recorded are checked', () => {
    const y = { type: 'float32', dims: [4, 10], data: new Float32Array(40) }, x = { type: 'float32', dims: [4, 64], data: random(9, 256) };
    const { status, err } = quern('pack', TWO, '-o', at('wrong'), '--golden', file('wrong.npz', writeNpz({ x, y })));
    assert.equal(status, 1);
    assert.match(err, /golden case 0 of 'model', output 'y' is not what was recorded: 40 of 40 elements differ/);
    assert.deepEqual(readdirSync(at('wrong')), []); // nothing is left behind
    assert.match(quern('pack', TWO, '-o', at('wrong'), '--golden', file('odd.npz', writeNpz({ x, z: y }))).err, /'z' are neither inputs \(x\) nor outputs \(y\)/);
    assert.match(quern('pack', TWO, '-o', at('wrong'), '--golden', file('none.npz', writeNpz({ y }))).err, /lack 'x'/);
  });

  test('several models, labels, files, features', () => {
    const features = file('features.json', '{"det":[{"step":"resize"}]}');
    done('pack', `det=${TWO}`, `rec=${TWO}`, '-o', at('several'), '--labels', file('labels.txt', 'a\nb\n'), '--file', `vocabulary=${file('v.txt', 'x')}`, '--features', features, '--golden', `rec=${GOLDEN}`);
    const manifest = manifestOf('several');
    assert.deepEqual(Object.keys(manifest.models), ['det', 'rec']);
    assert.match(manifest.models.det.file, /^graph-det-/);
    assert.deepEqual(manifest.features, { det: [{ step: 'resize' }] });
    assert.match(manifest.labels.file, /^labels-[0-9a-f]{16}\.txt$/);
    assert.match(manifest.files.vocabulary.file, /^vocabulary-/);
    assert.ok(manifest.models.rec.baseline && !manifest.models.det.baseline);
    assert.match(done('verify', at('several')), /^good: 1 version \(1\.0\.0\), 8 files/m);
    assert.match(quern('convert', at('several'), '-o', at('x.onnx')).err, /say which model by --role: the package has det, rec/);
    assert.match(quern('pack', TWO, TWO, '-o', at('several')).err, /several models need a role each/);
  });

  test('declarations compile and hold', () => {
    const program = file('use.ts', `import type { Inputs, Outputs, TypedModel } from './same-a/model.d.ts';
export async function use(model: TypedModel) {
  const { y } = await model.run({ x: { dims: [2, 64], data: new Float32Array(128) } });
  const n: number = y.data[0] + y.dims[1], ten: 10 = y.dims[1];
  // @ts-expect-error there is no output z
  await model.run({ x: { data: [1] } }, { outputs: ['z'] });
  // @ts-expect-error x is missing
  await model.run({});
  return { n, ten };
}
`);
    const tsc = fileURLToPath(new URL('../../node_modules/.bin/tsc', import.meta.url));
    const { status, stdout } = spawnSync(tsc, ['--noEmit', '--strict', '--allowImportingTsExtensions', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--types', '', program], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
    const tags = readFileSync(at('same-a/preload.html'), 'utf8'), { model: m } = manifestOf('same-a').models;
    for (const { file: name, sha256: hash } of [m, ...m.params]) assert.ok(tags.includes(`href="/models/two/${name}" integrity="sha256-${Buffer.from(hash, 'hex').toString('base64')}"`), name);
  });

  test('mistakes are sentences', () => {
    for (const [args, message, status] of [
      [[TWO, '-o', at('m'), '--version', '1.2'], /'1\.2' is no version/, 1],
      [[TWO, '-o', at('m'), '--runtime', '^1'], /'\^1' is no range/, 1],
      [[TWO, '-o', at('m'), '--quantize', 'int3'], /--quantize takes fp16, int8, int4, got 'int3'/, 2],
      [[at('absent.onnx'), '-o', at('m')], /absent\.onnx is missing/, 1],
      [[file('text.onnx', 'these are notes')], /needs a model and a folder/, 2],
      [[at('text.onnx'), '-o', at('m')], /is not a well-formed ONNX model/, 1],
      [[TWO, '-o', at('same-a'), '--name', 'other', '--version', '9.0.0'], /holds the package 'two', not 'other'/, 1],
      [[TWO, '-o', at('same-a'), '--name', 'two', '--version', '1.2.0', '--license', 'BSD'], /version 1\.2\.0 is in .* already, with other contents/, 1],
    ]) {
      const result = quern('pack', ...args);
      assert.equal(result.status, status, result.err);
      assert.match(result.err, message);
    }
  });
});

describe('verify', () => {
  const copy = (name) => {
    cpSync(at('same-a'), at(name), { recursive: true });
    return at(name);
  };
  const flip = (name) => {
    const data = readFileSync(name);
    data[data.length >> 1] ^= 1;
    writeFileSync(name, data);
  };

  test('finds each damage', () => {
    for (const [begin, message] of [['params-', /models\.model\.params\[0\]: .*is damaged/], ['graph-', /models\.model: .*is damaged/], ['golden-', /models\.model\.golden: .*is damaged/], ['manifest-', /manifest-.*(is damaged|cannot be read)/]]) {
      const dir = copy(`flip-${begin}`);
      flip(path.join(dir, readdirSync(dir).find((f) => f.startsWith(begin))));
      const { status, out } = quern('verify', dir);
      assert.equal(status, 1);
      assert.match(out, message);
    }
    const dir = copy('gone');
    rmSync(path.join(dir, readdirSync(dir).find((f) => f.startsWith('params-'))));
    assert.match(quern('verify', dir).out, /params-0-.* is missing/);
  });

  test('runs the golden cases', () => {
    const dir = copy('other-answer'), name = readdirSync(dir).find((f) => f.startsWith('golden-')), data = readFileSync(path.join(dir, name)), manifest = manifestOf('other-answer');
    const { golden } = manifest.models.model;
    data.writeFloatLE(99, golden.cases[0].outputs.y.offset);
    golden.sha256 = sha256(data);
    writeFileSync(path.join(dir, name), data);
    const text = JSON.stringify(manifest), plain = path.join(dir, `manifest-${sha256(text)}.json`);
    writeFileSync(plain, text);
    const { status, out } = quern('verify', plain);
    assert.equal(status, 1);
    assert.match(out, /golden case 0, output 'y': 1 of 40 elements differ; most at element 0: .*recorded was 99/);
  });

  test('says what belongs to no version', () => {
    const dir = copy('more');
    writeFileSync(path.join(dir, 'notes.txt'), '');
    assert.match(done('verify', dir), /of no version: notes\.txt/);
  });

  test('packages with a plain manifest too', () => {
    const made = fileURLToPath(new URL('models/vad/', dist));
    assert.match(done('verify', made), /^good: 1 version \(5\.0\.0\), 1 file/m);
    assert.match(done('inspect', made), /Model +model: silero_vad_v5\.onnx/);
  });
});

describe('keys and releases', () => {
  const keys = {};
  test('keygen', () => {
    for (const name of ['old', 'new']) keys[name] = JSON.parse(done('keygen', at(`${name}.key`), '--json')).key;
    assert.equal(Buffer.from(keys.old, 'base64').length, 32);
    assert.equal(statSync(at('old.key')).mode & 0o077, 0);
    assert.match(quern('keygen', at('old.key')).err, /is there already/);
  });

  test('signed by one key, then by two, then by the next', () => {
    const pack = (...sign) => done('pack', TWO, '-o', at('signed'), ...sign.flatMap((k) => ['--sign', at(`${k}.key`)]));
    pack('old');
    assert.match(done('verify', at('signed'), '--key', keys.old), /^good/m);
    assert.match(done('verify', at('signed'), '--key', at('old.key.pub')), /^good/m);
    const other = quern('verify', at('signed'), '--key', keys.new);
    assert.equal(other.status, 1);
    assert.match(other.out, /none of its signatures is by one of the keys/);
    assert.match(quern('release', at('signed'), '--max-age', '60').err, /is signed: give the key by --sign/);
    done('release', at('signed'), '--max-age', '60', '--sign', at('old.key'), '--sign', at('new.key'));
    for (const key of Object.values(keys)) assert.match(done('verify', at('signed'), '--key', key), /^good/m);
    assert.equal(readFileSync(at('signed/quern.json.sig'), 'utf8').trim().split('\n').length, 2);
    writeFileSync(at('signed/quern.json'), readFileSync(at('signed/quern.json'), 'utf8').replace('60', '61'));
    assert.match(quern('verify', at('signed'), '--key', keys.new).out, /none of its signatures/);
    assert.match(quern('verify', at('same-a'), '--key', keys.new).out, /it is not signed/);
    assert.match(quern('verify', at('signed'), '--key', 'abc').out, /is no public key/);
  });

  test('canary, promotion, going back, blocking', () => {
    const at1 = at('released'), pack = (version, seed) => done('pack', file('v.onnx', twoLayers({ first: weights(seed, 64, 48) })), '-o', at1, '--version', version);
    const pointer = () => json('released/quern.json');
    pack('1.0.0', 1);
    assert.match(pack('1.1.0', 5), /no channel gives 1\.1\.0 yet/);
    assert.deepEqual([pointer().sequence, pointer().channels.stable], [2, { version: '1.0.0' }]);
    done('release', at1, '--version', '1.1.0', '--percent', '10');
    assert.deepEqual([pointer().sequence, pointer().channels.stable], [3, { version: '1.0.0', canary: { version: '1.1.0', percent: 10 } }]);
    done('release', at1, '--percent', '12.5', '--from', '2026-01-01', '--until', '2026-02-01T12:00:00Z');
    assert.deepEqual(pointer().channels.stable.canary, { version: '1.1.0', percent: 12.5, from: '2026-01-01T00:00:00Z', until: '2026-02-01T12:00:00Z' });
    done('release', at1, '--percent', '100');
    assert.deepEqual(pointer().channels.stable, { version: '1.1.0' });
    done('release', at1, '--version', '1.0.0');
    done('release', at1, '--version', '1.1.0', '--channel', 'beta', '--expires', '2030-01-01');
    assert.deepEqual([pointer().sequence, pointer().channels, pointer().expires], [7, { stable: { version: '1.0.0' }, beta: { version: '1.1.0' } }, '2030-01-01T00:00:00Z']);
    assert.match(quern('release', at1, '--block', '1.1.0').err, /channel 'beta' gives the version 1\.1\.0, which is blocked/);
    done('release', at1, '--block', '1.1.0', '--channel', 'beta', '--version', '1.0.0');
    assert.deepEqual([pointer().blocked, pointer().sequence], [['1.1.0'], 8]);
    assert.match(done('release', at1, '--block', '1.1.0'), /number 8 as before/);
    assert.match(quern('release', at1, '--version', '2.0.0').err, /there is no version 2\.0\.0; there are 1\.0\.0, 1\.1\.0/);
    assert.match(quern('release', at1, '--minimum', '1.2.0').err, /below the minimum 1\.2\.0/);
    assert.match(quern('release', at1, '--percent', '101', '--version', '1.1.0').err, /takes 0 to 100/);
    assert.match(done('verify', at1), /^good: 2 versions \(1\.0\.0, 1\.1\.0\)/m);
    assert.match(done('inspect', at1, '--version', '1.1.0'), /Pointer +number 8, versions 1\.0\.0, 1\.1\.0; stable 1\.0\.0, beta 1\.0\.0; blocked 1\.1\.0/);
  });

  test('versions in order', () => {
    const sorted = ['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.2.0', '1.10.0', '2.0.0'];
    assert.deepEqual([...sorted].reverse().sort(compareVersions), sorted);
    assert.equal(checkRange('>=0.1.0 <2.0.0'), '>=0.1.0 <2.0.0');
  });
});

test('limits are in the manifest, and checked before', () => {
  done('pack', TWO, '-o', at('limited'), '--limits', file('limits.json', '{"expose":"label","rate":{"queries":30,"seconds":60}}'));
  assert.deepEqual(manifestOf('limited').limits, { expose: 'label', rate: { queries: 30, seconds: 60 } });
  for (const [limits, message] of [['{"exposes":"label"}', /--limits: there is no 'exposes'; they are expose, digits and rate/], ['{"digits":-1}', /--limits: digits is a number of decimal places/]])
    assert.match(quern('pack', TWO, '-o', at('unlimited'), '--limits', file('odd.json', limits)).err, message);
});

describe('differences', () => {
  const moved = (by) => { const w = weights(1, 64, 48); return { ...w, data: w.data.map((v, i) => v + (i % 50 ? 0 : by)) }; };

  test('of int8 shards that changed by little are in the package, are checked, and are what an update downloads', () => {
    done('pack', TWO, '-o', at('deltas'), '--name', 'two', '--quantize', 'int8', '--limit', '1');
    assert.match(done('pack', file('moved.onnx', twoLayers({ first: moved(0.004) })), '-o', at('deltas'), '--name', 'two', '--version', '1.1.0', '--quantize', 'int8', '--limit', '1'), /1 shards differ by little from the version before: who has that one downloads \d+ bytes/);
    const versions = json('deltas/quern.json').versions, { models } = json(`deltas/manifest-${versions['1.1.0'].manifest}.json`), [shard] = models.model.params, [old] = json(`deltas/manifest-${versions['1.0.0'].manifest}.json`).models.model.params;
    assert.deepEqual([shard.delta.from, old.size], [old.sha256, shard.size]);
    assert.ok(shard.delta.size * 2 <= shard.size, `${shard.delta.size} of ${shard.size}`);
    const { download } = JSON.parse(done('diff', at('deltas'), at('deltas'), '--from', '1.0.0', '--to', '1.1.0', '--json'));
    assert.ok(download.bytes < versions['1.1.0'].size + shard.delta.size + 1, `${download.bytes} bytes`);
    done('verify', at('deltas'));
    assert.match(done('inspect', path.join(at('deltas'), `manifest-${versions['1.1.0'].manifest}.json`)), new RegExp(`\\nDifferences  ${shard.delta.size} bytes for 1 shards`));
    const again = contents('deltas');
    done('pack', at('moved.onnx'), '-o', at('deltas'), '--name', 'two', '--version', '1.1.0', '--quantize', 'int8', '--limit', '1');
    assert.deepEqual(contents('deltas'), again, 'the same input gives the same bytes');
    // a shard of its size that it does not make
    writeFileSync(path.join(at('deltas'), old.file), Buffer.alloc(old.size, 1));
    assert.match(quern('verify', at('deltas')).out, new RegExp(`${shard.delta.file} does not make ${shard.file} of ${old.file}`));
  });

  test('of floating point, which would be as large as the shard, are not', () => {
    done('pack', TWO, '-o', at('floats'), '--name', 'two');
    done('pack', file('noise.onnx', twoLayers({ first: weights(7, 64, 48) })), '-o', at('floats'), '--name', 'two', '--version', '1.1.0');
    assert.ok(!readdirSync(at('floats')).some((name) => name.startsWith('delta')));
    done('verify', at('floats'));
  });
});

describe('diff and convert', () => {
  test('a changed tensor: its size and what an update downloads', () => {
    const first = weights(1, 64, 48);
    first.data[5] += 0.5;
    file('changed.onnx', twoLayers({ first }));
    done('pack', at('changed.onnx'), '-o', at('changed'), '--name', 'two', '--version', '1.3.0');
    const out = done('diff', at('same-a'), at('changed')), { roles, download } = JSON.parse(done('diff', at('same-a'), at('changed'), '--json'));
    assert.match(out, /model: the same graph, 2 tensors the same, 1 not/);
    assert.match(out, /first: 1 of 3072 elements, by 0\.500 at most/);
    const manifest = manifestOf('changed'), { size } = manifest.models.model.params[0], text = statSync(at(`changed/manifest-${json('changed/quern.json').versions['1.3.0'].manifest}.json`)).size;
    assert.deepEqual([download.files, download.bytes], [2, size + text]); // the shard and the manifest; the graph is the same file
    assert.equal(roles.model.graph.same, true);
    assert.match(done('diff', TWO, at('changed.onnx')), /first: 1 of 3072/);
    assert.match(done('diff', TWO, at('same-a')), /the same graph, 3 tensors the same, 0 not/);
  });

  test('another graph', () => {
    file('other-graph.onnx', model({ nodes: [{ op: 'MatMul', in: ['x', 'first'], out: ['a'], name: 'one' }, { op: 'Sigmoid', in: ['a'], out: ['y'] }], inputs: [{ name: 'x', dims: ['N', 64] }], outputs: [{ name: 'y', dims: ['N', 48] }],
      initializers: { first: weights(1, 64, 48) } }));
    const out = done('diff', TWO, at('other-graph.onnx'));
    for (const line of [/another graph, 1 tensors the same, 2 not/, /- Relu → b/, /\+ Sigmoid → y/, /second: gone, was float32 \[10, 48\]/]) assert.match(out, line);
  });

  test('package to ONNX and back', () => {
    done('convert', at('same-a'), '-o', at('back.onnx'));
    assert.match(done('diff', TWO, at('back.onnx')), /the same graph, 3 tensors the same, 0 not/);
    done('pack', at('back.onnx'), '-o', at('again'), '--name', 'two', '--version', '1.2.0', '--license', 'MIT', '--golden', GOLDEN);
    assert.deepEqual(contents('again'), contents('same-a'));
  });

  test('safetensors out, changed, and in', () => {
    done('convert', at('same-a'), '-o', at('w.safetensors'));
    const data = readFileSync(at('w.safetensors')), size = Number(data.readBigUInt64LE()), header = JSON.parse(data.subarray(8, 8 + size));
    assert.deepEqual(Object.keys(header), ['bias', 'first', 'second']);
    assert.deepEqual(header.bias, { dtype: 'F32', shape: [10], data_offsets: [0, 40] });
    assert.deepEqual(new Float32Array(data.buffer.slice(data.byteOffset + 8 + size, data.byteOffset + 8 + size + 40)), weights(3, 10).data);
    data.writeFloatLE(3, 8 + size + header.first.data_offsets[0]);
    writeFileSync(at('w2.safetensors'), data);
    done('pack', at('same-a'), '--params', at('w2.safetensors'), '--name', 'two', '--version', '1.4.0', '-o', at('retrained'));
    assert.match(done('diff', at('same-a'), at('retrained')), /the same graph, 2 tensors the same, 1 not\n {2}first: 1 of 3072/);
    assert.equal(manifestOf('retrained').models.model.sha256, manifestOf('same-a').models.model.sha256);
    header.first.shape = [48, 64];
    const text = Buffer.from(JSON.stringify(header)), length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    file('bad.safetensors', Buffer.concat([length, text, data.subarray(8 + size)]));
    assert.match(quern('convert', TWO, '-o', at('x.onnx'), '--params', at('bad.safetensors')).err, /'first' is float32 \[64, 48\] in the model, float32 \[48, 64\]/);
    assert.match(quern('convert', TWO, '-o', at('x.onnx'), '--params', TWO).err, /is no safetensors file/);
    assert.match(quern('convert', TWO, '-o', at('x.bin')).err, /says no format/);
  });
});

describe('quantize', () => {
  test('halves: nearest, ties to even, subnormal, too large', () => {
    for (const [value, bits] of [[0, 0], [-0, 0x8000], [1, 0x3c00], [-2, 0xc000], [65504, 0x7bff], [65519, 0x7bff], [65520, 0x7c00], [2 ** -14, 0x0400], [2 ** -24, 1], [2 ** -25, 0], [2 ** -25 * 1.5, 1],
      [2 ** -14 - 2 ** -24, 0x03ff], [1 + 2 ** -11, 0x3c00], [1 + 3 * 2 ** -11, 0x3c02], [2 ** -26, 0], [Infinity, 0x7c00], [NaN, 0x7e00]]) assert.equal(toHalf(value), bits, `${value}`);
  });

  const run = async (name) => (await (await ort.InferenceSession.create(name)).run({ x: new ort.Tensor('float32', random(9, 256), [4, 64]) })).y.data;
  for (const [storage, opset, limit, ops] of [['fp16', 17, 2e-3, /Cast/], ['int8', 17, 2e-2, /DequantizeLinear/], ['int8', 11, 2e-2, /Mul/], ['int4', 17, 0.2, /MatMulNBits/], ['int4', 11, 0.2, /MatMulNBits/]]) {
    test(`${storage} in opset ${opset}`, async () => {
      const name = `q-${storage}-${opset}`, source = file(`${name}.onnx`, twoLayers({ opset }));
      const out = done('pack', source, '-o', at(name), '--quantize', storage, '--golden', GOLDEN);
      assert.match(out, /model: 2 weights stored as/);
      assert.ok(Number(/changed by ([\d.e-]+) of its size/.exec(out)[1]) < limit, out);
      assert.match(done('verify', at(name)), /^good/m);
      assert.match(done('inspect', at(name)), ops);
      assert.equal(manifestOf(name).models.model.quantized, storage);
      if (!ort) return;
      // another runtime reads the same numbers out of it
      done('convert', at(name), '-o', at(`${name}-q.onnx`));
      const golden = manifestOf(name).models.model.golden, y = golden.cases[0].outputs.y, data = readFileSync(at(`${name}/${golden.file}`));
      const recorded = new Float32Array(data.buffer.slice(data.byteOffset + y.offset, data.byteOffset + y.offset + y.length)), theirs = await run(at(`${name}-q.onnx`));
      for (const [i, v] of recorded.entries()) assert.ok(Math.abs(v - theirs[i]) <= 1e-5 + 1e-4 * Math.abs(theirs[i]), `${i}: ${v}, onnxruntime ${theirs[i]}`);
    });
  }

  test('above the limit it is refused, and nothing is written', () => {
    const { status, err } = quern('pack', TWO, '-o', at('too-far'), '--quantize', 'int4', '--limit', '0.001', '--golden', GOLDEN);
    assert.equal(status, 1);
    assert.match(err, /stored as int4, output 'y' of 'model' changes by 0\.\d+ of its size in case 0, more than the limit of 0\.001/);
    assert.deepEqual(readdirSync(at('too-far')), []);
  });

  test('convolutions, embeddings and recurrent weights by their channels', () => {
    const conv = model({
      nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['c'] }, { op: 'ConvTranspose', in: ['c', 'v'], out: ['y'] }, { op: 'Gather', in: ['table', 'i'], out: ['z'] }],
      inputs: [{ name: 'x', dims: [1, 8, 6, 6] }, { name: 'i', type: 'int64', dims: [3] }], outputs: [{ name: 'y', dims: null }, { name: 'z', dims: null }],
      initializers: { w: weights(1, 16, 8, 3, 3), v: weights(2, 16, 4, 3, 3), table: weights(3, 20, 16) } });
    done('pack', file('conv.onnx', conv), '-o', at('conv'), '--quantize', 'int8');
    const { model: m } = manifestOf('conv').models, onnx = new OnnxFile(readFileSync(at(`conv/${m.file}`)), () => () => concat(m.params.map((p) => readFileSync(at(`conv/${p.file}`)))));
    const dims = Object.fromEntries(onnx.tensors.map((t) => [t.name, t.dims.join()]));
    assert.deepEqual(dims, { 'w:int8': '16,8,3,3', 'w:scale': '16', 'v:int8': '16,4,3,3', 'v:scale': '4', 'table:int8': '20,16', 'table:scale': '20' });
    const [q, s] = ['table:int8', 'table:scale'].map((name) => elementsOf(onnx.tensors.find((t) => t.name === name))), w = weights(3, 20, 16).data;
    for (const [i, v] of w.entries()) assert.ok(Math.abs(q[i] * s[i >> 4] - v) <= s[i >> 4] / 2 + 1e-7, `${i}: ${q[i]} · ${s[i >> 4]}, was ${v}`);
  });

  const MOBILENET = fileURLToPath(new URL('../../build/bench-models/mobilenet_v2.onnx', import.meta.url));
  test('mobilenet_v2 as int8 is 0.28 of its size at most', { skip: !existsSync(MOBILENET) && 'the benchmark models are not there' }, () => {
    const { bytes: size } = JSON.parse(done('pack', MOBILENET, '-o', at('mobilenet'), '--quantize', 'int8', '--json'));
    assert.ok(size <= 0.28 * statSync(MOBILENET).size, `${size} of ${statSync(MOBILENET).size}`);
  });
});

describe('baseline', () => {
  test('moments and quantiles', () => {
    const x = { type: 'float32', dims: [4], data: Float32Array.of(1, 2, 3, NaN) }, y = { type: 'int64', dims: [100], data: BigInt64Array.from({ length: 100 }, (_, i) => BigInt(i)) };
    const { cases, inputs } = baselineOf([{ inputs: { x, y, s: { type: 'string', dims: [1], data: ['a'] } }, outputs: {} }, { inputs: { x }, outputs: {} }]);
    assert.equal(cases, 2);
    assert.deepEqual(Object.keys(inputs), ['x', 'y']);
    assert.deepEqual([inputs.x.count, inputs.x.mean, inputs.x.m2, inputs.x.min, inputs.x.max, inputs.x.nan], [6, 2, 4, 1, 3, 2]);
    assert.deepEqual([inputs.x.edges, inputs.x.counts], [[1, 2, 3], [0, 2, 2, 2]]);
    assert.deepEqual(inputs.y.counts, Array(20).fill(5));
    assert.deepEqual(inputs.y.edges, Array.from({ length: 19 }, (_, i) => 5 * (i + 1)));
  });

  test('constants of types without numbers stay out', () => assert.deepEqual(baselineOf([{ inputs: { x: { type: 'int4', dims: [2], data: Int8Array.of(0x21) } }, outputs: {} }]).inputs, {}));
});
