// make wasm FOR=…: a build with the operators of some models alone.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { dist } from './helpers/quern.mjs';
import { f32, model } from './onnx-writer.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), 'quern-custom-'));
const ports = (dims) => ({ inputs: [{ name: 'x', dims }], outputs: [{ name: 'y', dims: null }] });
const write = (name, bytes) => (writeFileSync(path.join(folder, name), bytes), path.join(folder, name));
const CONV = write('conv.onnx', model({ ...ports([1, 3, 'h', 'w']), initializers: { w: f32([8, 3, 3, 3], ...Array.from({ length: 216 }, (_, i) => Math.sin(i))) },
  nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['c'] }, { op: 'Relu', in: ['c'], out: ['y'] }] }));
const SOFTMAX = write('softmax.onnx', model({ ...ports(['n']), nodes: [{ op: 'Softmax', in: ['x'], out: ['y'] }] }));
const PACKAGE = write('manifest.json', JSON.stringify({ models: { first: { file: 'softmax.onnx' } } }));
const OTHER = write('other.onnx', model({ ...ports(['n']), nodes: [{ op: 'Relu', in: ['x'], out: ['r'] }, { op: 'TopK', in: ['r', 'k'], out: ['y', 'i'] }], initializers: { k: { type: 'int64', dims: [1], data: BigInt64Array.of(1n) } } }));
// the variant that this process does not test is left to the other run: one build costs a minute
const skip = process.env.QUERN_DIST ? 'QUERN_DIST is set' : process.env.QUERN_VARIANT === 'relaxed' && 'the simd run builds both';

before(() => {
  if (skip) return;
  const { status, stdout, stderr } = spawnSync('make', ['-s', 'wasm', `FOR=${CONV} ${PACKAGE}`, `TO=${path.join(folder, 'out')}`], { cwd: ROOT, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /quern-simd\.wasm: \d operators, \d+ bytes, \d+ by brotli/);
});
after(() => rmSync(folder, { recursive: true }));

/** In a process of its own, with the custom wasm or the full one. @param {string} file @param {number[]} dims @param {boolean} custom */
const run = (file, dims, custom = true) => execFileSync(process.execPath, ['--input-type=module', '-e', `
  const { init, load } = await import(${JSON.stringify(new URL('index.js', dist).href)});
  await init({ wasm: ${JSON.stringify(custom ? path.join(folder, 'out/quern-simd.wasm') : fileURLToPath(new URL('quern-simd.wasm', dist)))} });
  try {
    const m = await load(${JSON.stringify(file)}), dims = ${JSON.stringify(dims)};
    const { y } = await m.run({ x: { type: 'float32', dims, data: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.cos(i)) } });
    console.log([...y.data].join());
  } catch (error) { console.log(error.code, error.message); }`], { encoding: 'utf8' });

describe('a custom build', () => {
  test('gives the answers of the full one, at a fraction of the size', { skip }, () => {
    assert.equal(run(CONV, [1, 3, 9, 9]), run(CONV, [1, 3, 9, 9], false));
    assert.equal(run(SOFTMAX, [5]), run(SOFTMAX, [5], false));
    for (const variant of ['simd', 'relaxed']) {
      assert.ok(existsSync(path.join(folder, `out/quern-${variant}.wasm`)));
      const bytes = readFileSync(path.join(folder, `out/quern-${variant}.wasm`));
      assert.ok(bytes.length < statSync(new URL(`quern-${variant}.wasm`, dist)).size / 2);
      assert.ok(brotliCompressSync(bytes).length < 90 * 1024);
    }
  });

  test('says of another model that it is a custom build, and what it lacks', { skip }, () => {
    assert.match(run(OTHER, [3]), /^unsupported the model uses 1 operator that this custom build of Quern, made for other models, lacks: TopK \(opset 17\)/);
  });

  test('leaves the list of the full build alone', { skip }, () => {
    assert.match(run(OTHER, [3], false), /^[\d.]+\n$/);
  });

  test('a model that is not there is said so', { skip }, () => {
    const { status, stderr } = spawnSync('make', ['-s', 'wasm', 'FOR=/nowhere/model.onnx'], { cwd: ROOT, encoding: 'utf8' });
    assert.notEqual(status, 0);
    assert.match(stderr, /custom build: \/nowhere\/model\.onnx is not there/);
  });
});
