import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { dist } from './helpers/quern.mjs';
import { f32, model } from './onnx-writer.mjs';
import { readNpy, readNpz, writeNpy, writeNpz } from '../../web/cli/npy.js';

const CLI = fileURLToPath(new URL('cli.js', dist));
const folder = mkdtempSync(path.join(os.tmpdir(), 'quern-cli-'));
after(() => rmSync(folder, { recursive: true }));
const file = (name, bytes) => {
  writeFileSync(path.join(folder, name), bytes);
  return path.join(folder, name);
};
/** @returns {{ status: number, out: string, err: string }} */
function quern(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}
const float = (name, dims) => ({ name, dims });
const CHAIN = file('chain.onnx', model({
  nodes: [{ op: 'Add', in: ['x', 'one'], out: ['a'], name: 'adds' }, { op: 'Mul', in: ['a', 'a'], out: ['b'], name: 'squares' }, { op: 'Sqrt', in: ['b'], out: ['y'], name: 'roots' }],
  inputs: [float('x', ['n'])], outputs: [float('y', ['n'])], initializers: { one: f32([1], 1) },
}));
const f2 = (...values) => ({ type: 'float32', dims: [values.length / 2, 2], data: Float32Array.from(values) });
const f = (...values) => ({ type: 'float32', dims: [values.length], data: Float32Array.from(values) });

describe('npy', () => {
  test('reads back what it writes, for every type', () => {
    for (const [type, data] of Object.entries({ float32: Float32Array.of(1.5, -2), float64: Float64Array.of(1e300, 2), float16: Uint16Array.of(1, 2), bfloat16: Uint16Array.of(3, 4),
      int8: Int8Array.of(-1, 1), uint8: Uint8Array.of(1, 255), int16: Int16Array.of(-1, 1), uint16: Uint16Array.of(1, 65535), int32: Int32Array.of(-1, 1), uint32: Uint32Array.of(1, 4e9),
      int64: BigInt64Array.of(-1n, 1n), uint64: BigUint64Array.of(1n, 2n ** 63n), bool: Uint8Array.of(0, 1), string: ['grüße', ''] }))
      assert.deepEqual(readNpy(writeNpy({ type, dims: [2], data }), 'x'), { type, dims: [2], data }, type);
    assert.deepEqual(readNpy(writeNpy({ type: 'float32', dims: [], data: Float32Array.of(7) }), 'x').dims, []);
  });

  test('columns first becomes rows first', () => {
    const bytes = writeNpy({ type: 'int32', dims: [2, 3], data: Int32Array.of(0, 3, 1, 4, 2, 5) });
    const columns = Buffer.from(bytes.toString('latin1').replace("'fortran_order': False", "'fortran_order': True "), 'latin1');
    assert.deepEqual([...readNpy(columns, 'x').data], [0, 1, 2, 3, 4, 5]);
  });

  test('a zip holds several, deflated ones too', () => {
    const tensors = { a: f(1, 2), 'b/c': f(3) };
    assert.deepEqual(readNpz(writeNpz(tensors), 'x'), tensors);
    // the same entry deflated, by hand
    const stored = writeNpz({ a: f(1, 2) }), body = writeNpy(f(1, 2)), packed = deflateRawSync(body), name = 'a.npy'.length;
    const local = Buffer.from(stored.subarray(0, 30 + name)), central = Buffer.from(stored.subarray(30 + name + body.length, 30 + name + body.length + 46 + name)), end = Buffer.from(stored.subarray(-22));
    for (const [head, at] of [[local, 8], [central, 10]]) { head.writeUInt16LE(8, at); head.writeUInt32LE(packed.length, at + 10); }
    end.writeUInt32LE(local.length + packed.length, 16);
    assert.deepEqual(readNpz(Buffer.concat([local, packed, central, end]), 'x'), { a: f(1, 2) });
  });

  test('refuses what it cannot read', () => {
    assert.throws(() => readNpy(Buffer.from('hello, this is text'), 'x.npy'), /x\.npy is no \.npy file/);
    assert.throws(() => readNpy(writeNpy(f(1, 2)).subarray(0, -1), 'x.npy'), /cut off/);
    assert.throws(() => readNpy(Buffer.from(writeNpy(f(1)).toString('latin1').replace('<f4', '>f4'), 'latin1'), 'x.npy'), /'>f4'/);
    assert.throws(() => readNpz(Buffer.alloc(30), 'x.npz'), /no \.npz/);
  });
});

describe('quern', () => {
  test('inspect', () => {
    const { status, out } = quern('inspect', CHAIN, '--shape', 'x=5');
    assert.equal(status, 0);
    for (const line of [/Will it run\? {2}Yes\./, /Input {9}x: float32 \[n\]/, /Parameters {4}1 in 1 tensors, 4 B/, /Plan {10}3 steps/, /Memory/, /Add +1\n/]) assert.match(out, line);
    assert.match(quern('inspect', CHAIN).out, /give --shape x=1/);
    assert.equal(JSON.parse(quern('inspect', CHAIN, '--json').out).ops.length, 3);
  });

  test('inspect of what is no model', () => {
    const { status, out } = quern('inspect', file('notes.onnx', 'these are notes'));
    assert.equal(status, 1);
    assert.match(out, /Will it run\? {2}No: this is not a well-formed ONNX model/);
  });

  test('inspect says what is missing, and ends with 1', () => {
    const odd = file('odd.onnx', model({ nodes: [{ op: 'Nonsense', in: ['x'], out: ['y'] }], inputs: [float('x', [1])], outputs: [float('y', [1])] }));
    const { status, out } = quern('inspect', odd);
    assert.equal(status, 1);
    assert.match(out, /No: the model uses 1 operator/);
    assert.match(out, /Nonsense +1 +MISSING \(opset 17\)/);
  });

  test('run reads .npy and .npz and writes .npz', () => {
    const out = path.join(folder, 'out.npz');
    assert.match(quern('run', CHAIN, '--input', `x=${file('x.npy', writeNpy(f(1, -3)))}`, '--output', out).out, /y: float32 \[2\] {2}2 2/);
    assert.deepEqual(readNpz(readFileSync(out), out), { y: f(2, 2) });
    assert.match(quern('run', CHAIN, '--input', file('x.npz', writeNpz({ x: f(4) }))).out, /y: float32 \[1\] {2}5/);
    assert.match(quern('run', CHAIN).err, /random numbers for x float32 \[1\]/);
  });

  test('compare names the first node that differs', () => {
    const good = file('good.npz', writeNpz({ x: f(1, 2), a: f(2, 3), b: f(4, 9), y: f(2, 3) }));
    const fine = quern('compare', CHAIN, good);
    assert.deepEqual([fine.status, fine.out.trim()], [0, '3 of 3 recorded values agree']);
    const bad = quern('compare', CHAIN, file('in.npz', writeNpz({ x: f(1, 2) })), '--expected', file('bad.npz', writeNpz({ a: f(2, 3), b: f(4, 9.5), y: f(2, 4) })));
    assert.equal(bad.status, 1);
    assert.match(bad.out, /1 of 3 recorded values agree\nthe first that differs is 'b', computed by Mul 'squares': 1 of 2 elements differ; most at element 1: 9, recorded was 9\.5/);
    assert.match(quern('compare', CHAIN, good, '--rtol', '1').out, /3 of 3/);
    assert.match(quern('compare', CHAIN, file('odd.npz', writeNpz({ x: f(1), y: { type: 'float64', dims: [1], data: Float64Array.of(2) } }))).out, /it is float32, recorded was float64/);
  });

  test('compare sees channels-last storage in the order of the file', () => {
    const conv = file('conv.onnx', model({
      nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['c'], name: 'conv' }, { op: 'MaxPool', in: ['c'], out: ['p'], name: 'pool', attrs: { kernel_shape: [2n, 1n] } }, { op: 'Softmax', in: ['p'], out: ['y'] }],
      inputs: [float('x', [1, 1, 2, 2])], outputs: [float('y', [1, 2, 1, 2])], initializers: { w: f32([2, 1, 1, 1], 1, 10) },
    }));
    const t = (dims, ...values) => ({ type: 'float32', dims, data: Float32Array.from(values) });
    const good = { x: t([1, 1, 2, 2], 1, 2, 3, 4), c: t([1, 2, 2, 2], 1, 2, 3, 4, 10, 20, 30, 40), p: t([1, 2, 1, 2], 3, 4, 30, 40) };
    assert.match(quern('compare', conv, file('conv.npz', writeNpz(good))).out, /2 of 2 recorded values agree/);
    assert.match(quern('compare', conv, file('conv2.npz', writeNpz({ ...good, p: t([1, 2, 1, 2], 3, 4, 30, 41) }))).out, /'p', computed by MaxPool 'pool'/);
  });

  test('compare names the first step of a package that differs', () => {
    // (x − 1) / 2 by steps, squares by the model, their best by a step
    const at = path.join(folder, 'steps');
    mkdirSync(at);
    writeFileSync(path.join(at, 'model.onnx'), model({ nodes: [{ op: 'Mul', in: ['v', 'v'], out: ['y'], name: 'squares' }], inputs: [float('v', ['n', 2])], outputs: [float('y', ['n', 2])] }));
    const steps = [{ step: 'select', columns: ['a', 'b'] }, { step: 'scale', center: 1, scale: 2, as: 'scaled' }, { step: 'concat' }];
    const manifest = { name: 'steps', version: '1.0.0', models: { model: 'model.onnx' }, features: steps, outputs: [{ step: 'argmax', labels: ['a', 'b'] }] };
    const write = (changes = {}) => writeFileSync(path.join(at, 'manifest.json'), JSON.stringify({ ...manifest, ...changes }));
    write();
    const d = (dims, ...values) => ({ type: 'float64', dims, data: Float64Array.from(values) });
    const source = { a: d([2], 3, 5), b: d([2], 7, 1) };
    const good = { ...source, 'features[0]': d([2, 2], 3, 7, 5, 1), scaled: d([2, 2], 1, 3, 2, 0), 'features[2]': f2(1, 3, 2, 0), y: f2(1, 9, 4, 0), 'outputs[0].score': f(9, 4), label: { type: 'string', dims: [2], data: ['b', 'a'] } };
    assert.equal(quern('compare', at, file('s.npz', writeNpz(good))).out.trim(), '6 of 6 recorded values agree');
    const differs = (changes) => quern('compare', at, file('s2.npz', writeNpz({ ...good, ...changes })));
    const bad = differs({ scaled: d([2, 2], 1, 3, 2, 1), y: f2(1, 9, 4, 1) });
    assert.equal(bad.status, 1);
    assert.match(bad.out, /4 of 6 recorded values agree\nthe first that differs is 'scaled', computed by scale 'features\[1\]': 1 of 4 elements differ; most at element 3: 0, recorded was 1/);
    assert.match(differs({ y: f2(1, 9, 4, 1) }).out, /'y', computed by Mul 'squares'/);
    assert.match(differs({ label: { type: 'string', dims: [2], data: ['b', 'b'] } }).out, /'label', computed by argmax 'outputs\[0\]': element 1 is "a", recorded was "b"/);
    assert.match(quern('compare', at, file('s3.npz', writeNpz(source)), '--expected', file('s4.npz', writeNpz({ scaled: f2(1, 3, 2, 0.5) }))).out, /'scaled', computed by scale/);
    assert.match(quern('compare', at, file('s5.npz', writeNpz({ c: f(1) }))).err, /there is no source: the steps take columns, given are c/);

    const seen = quern('inspect', at);
    assert.match(seen.out, /Features +0 {2}select {2}columns \["a","b"\]\n +1 {2}scale {2}center 1 {2}scale 2 {2}as "scaled"\n/);
    assert.equal(seen.status, 0);
    write({ features: [steps[0], { step: 'scale', centre: 1 }] });
    for (const command of ['inspect', 'verify']) {
      const wrong = quern(command, at);
      assert.equal(wrong.status, 1, command);
      assert.match(wrong.out + wrong.err, /features\[1\] 'scale': there is no parameter 'centre'; it takes center, scale, offset, least, most/);
    }
    const packed = quern('pack', path.join(at, 'model.onnx'), '-o', path.join(folder, 'packed'), '--outputs', file('o.json', '[{"step":"argmx"}]'));
    assert.equal(packed.status, 1);
    assert.match(packed.err, /outputs\[0\]: there is no step 'argmx'; there are/);
  });

  test('profile', () => {
    const { status, out } = quern('profile', CHAIN, '--shape', 'x=1000', '--runs', '3');
    assert.equal(status, 0);
    assert.match(out, /ms per run over 3 runs/);
    assert.match(out, /\nThe peak here: [\d.]+ GFLOP\/s of multiply-adds on one thread, [\d.]+ GB\/s read/);
    assert.match(out, /\nOperator +nodes +ms +share +GFLOP\/s +of peak +GB\/s +of peak\n/);
    assert.match(out, /\nSqrt +1 +[\d.]+ +[\d.]+ % +– +– +[\d.]+ +\d+ %/);
    assert.equal(JSON.parse(quern('profile', CHAIN, '--json', '--runs', '2').out).runs, 2);
  });

  test('wrong use is explained', () => {
    for (const [args, text, status] of [[['inspect'], /needs a model/, 2], [['dance', 'x'], /no command 'dance'/, 2], [['inspect', CHAIN, '--shape', 'x=a'], /not a list of integers/, 2],
      [['run', CHAIN, '--input', 'x'], /NAME=/, 2], [['run', path.join(folder, 'none.onnx')], /none\.onnx/, 1], [['run', CHAIN, '--input', file('z.npz', writeNpz({ z: f(1) }))], /no input 'z'/, 2],
      [['inspect', CHAIN, '--colour'], /colour/, 1]]) {
      const result = quern(...args);
      assert.match(result.err, text);
      assert.equal(result.status, status, args.join(' '));
    }
    assert.match(quern('--help').out, /quern inspect MODEL/);
  });
});
