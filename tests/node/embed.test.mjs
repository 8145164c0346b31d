// make embed: a shared library with the model inside, linked by a C program, gives the answers of the package.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeNpz } from '../../web/cli/npy.js';
import { dist } from './helpers/quern.mjs';
import { f32, model } from './onnx-writer.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url)), CLI = fileURLToPath(new URL('cli.js', dist));
const compiler = (process.env.CC ?? 'cc').split(' ').at(-1), has = (program) => spawnSync(program, ['--version']).status === 0;
const skip = process.platform !== 'linux' ? 'SKIP: shared libraries are made on Linux' : !has(compiler) || !has('make') ? 'SKIP: no C compiler' : false;
if (skip && process.env.CI) throw new Error(skip);
const folder = mkdtempSync(path.join(os.tmpdir(), 'quern-embed-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name) => path.join(folder, name);

describe('make embed', { skip }, () => {
  const run = (program, args, options = {}) => spawnSync(program, args, { encoding: 'utf8', ...options });
  const x = { type: 'float32', dims: [2, 3], data: Float32Array.of(0.5, -1, 2, 3, 0.25, -4) };

  test('the same answers, from the library alone', () => {
    writeFileSync(at('m.onnx'), model({
      nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['a'] }, { op: 'Tanh', in: ['a'], out: ['y'] }, { op: 'ArgMax', in: ['y'], out: ['best'], attrs: { axis: 1n, keepdims: 0n } }],
      inputs: [{ name: 'x', dims: ['n', 3] }], outputs: [{ name: 'y', dims: ['n', 16] }, { name: 'best', type: 'int64', dims: ['n'] }],
      initializers: { w: f32([3, 16], ...Array.from({ length: 48 }, (_, i) => Math.sin(i))) } }));
    writeFileSync(at('case.npz'), writeNpz({ x }));
    writeFileSync(at('x.bin'), Buffer.from(x.data.buffer));
    const packed = run(process.execPath, [CLI, 'pack', at('m.onnx'), '-o', at('p'), '--name', 'in-c', '--version', '2.1.0', '--golden', at('case.npz')]);
    assert.equal(packed.status, 0, packed.stderr);
    const made = run('make', ['-s', 'embed', `MODEL=${at('p')}`, `TO=${at('out')}`], { cwd: ROOT, env: { ...process.env, MAKEFLAGS: '' } });
    assert.equal(made.status, 0, made.stderr);
    assert.match(made.stdout, /libin_c\.so: \d+ bytes with in-c 2\.1\.0/);
    for (const name of ['m.onnx', 'p']) rmSync(at(name), { recursive: true, force: name === 'm.onnx' }); // nothing but the library is needed
    assert.match(run(at('out/example'), []).stdout, /^in-c 2\.1\.0\ninput x: float32 \[n, 3\]\noutput y: float32 \[n, 16\]\noutput best: int64 \[n\]$/m);
    const { status, stdout, stderr } = run(at('out/example'), [`x=2,3:${at('x.bin')}`]);
    assert.equal(status, 0, stderr);
    const [y, best] = stdout.trim().split('\n').map((line) => line.split('] ')[1].split(' ').map(Number));
    const want = Array.from({ length: 32 }, (_, i) => Math.tanh([0, 1, 2].reduce((sum, k) => sum + x.data[3 * Math.floor(i / 16) + k] * Math.fround(Math.sin(16 * k + (i % 16))), 0)));
    for (const [i, v] of want.entries()) assert.ok(Math.abs(y[i] - v) < 1e-5, `${i}: ${y[i]}, want ${v}`);
    assert.deepEqual(best, [0, 16].map((row) => y.slice(row, row + 16).indexOf(Math.max(...y.slice(row, row + 16)))));
    for (const [argument, message] of [['x=2,3', /expected NAME=DIMS:FILE/], [`z=1:${at('x.bin')}`, /there is no input of this name/], [`x=2,4:${at('x.bin')}`, /'x'/], [`x=1,3:${at('x.bin')}`, /has more than the 12 bytes/]]) {
      const wrong = run(at('out/example'), [argument]);
      assert.equal(wrong.status, 1, argument);
      assert.match(wrong.stderr, message);
    }
  });

  test('only what is declared can be seen from outside', { skip: !has('nm') && 'no nm' }, () => {
    const names = run('nm', ['-D', '--defined-only', at('out/libin_c.so')]).stdout.trim().split('\n').map((line) => line.split(' ').at(-1));
    assert.ok(names.includes('qn_embedded_load') && names.includes('qn_run_step'));
    assert.deepEqual(names.filter((n) => /^(cJSON|qn_(kernel|gemm|alloc|onnx|now))/.test(n)), []);
    assert.ok(existsSync(at('out/include/quern.h')) && readdirSync(at('out/include')).includes('base') && readFileSync(at('out/include/embed.h'), 'utf8').includes('qn_embedded_load'));
  });

  test('a model that is not there is said', () => {
    const { status, stderr } = run('make', ['-s', 'embed', 'MODEL=/nowhere', `TO=${at('none')}`], { cwd: ROOT, env: { ...process.env, MAKEFLAGS: '' } });
    assert.notEqual(status, 0);
    assert.match(stderr, /nowhere/);
  });
});
