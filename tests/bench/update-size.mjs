// What an update downloads: of a model of which one of eight shards changed, and of one that was trained further, stored as int8, where shards that
// differ by little come as differences. node tests/bench/update-size.mjs [model.onnx]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generator } from '../../web/report/random-inputs.js';
import { model as onnx } from '../node/onnx-writer.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url)), model = process.argv[2] ?? path.join(root, 'build/bench-models/mobilenet_v2.onnx');
const folder = mkdtempSync(path.join(os.tmpdir(), 'quern-update-')), at = (name) => path.join(folder, name);
const quern = (...args) => execFileSync(process.execPath, [path.join(root, 'dist/cli.js'), ...args], { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'ignore'] });

/** The model's parameters, changed: another safetensors file. @param {(values: Float32Array) => void} change of a tensor */
function changed(name, change) {
  const file = new Uint8Array(readFileSync(at('values.safetensors'))), length = Number(new DataView(file.buffer).getBigUint64(0, true));
  for (const { dtype, data_offsets: [from, to] = [] } of Object.values(JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))))) {
    if (dtype !== 'F32') continue;
    const values = new Float32Array(file.slice(8 + length + from, 8 + length + to).buffer);
    change(values);
    file.set(new Uint8Array(values.buffer), 8 + length + from);
  }
  writeFileSync(at(name), file);
  return at(name);
}

/** Eight layers of 2.56 MB, a shard each; the seed of the last one. */
function eight(seed) {
  const names = Array.from({ length: 8 }, (_, i) => i), SIZE = 800;
  const weights = (s) => { const next = generator(s); return { type: 'float32', dims: [SIZE, SIZE], data: Float32Array.from({ length: SIZE * SIZE }, () => 0.1 * next() - 0.05) }; };
  writeFileSync(at(`eight-${seed}.onnx`), onnx({ nodes: names.map((i) => ({ op: 'MatMul', in: [i ? `t${i - 1}` : 'x', `w${i}`], out: [i < 7 ? `t${i}` : 'y'] })),
    inputs: [{ name: 'x', dims: ['n', SIZE] }], outputs: [{ name: 'y', dims: ['n', SIZE] }], initializers: Object.fromEntries(names.map((i) => [`w${i}`, weights(i < 7 ? i + 1 : seed)])) }));
  return at(`eight-${seed}.onnx`);
}

/** Two versions in one folder, and what the second costs who has the first. @param {string} name @param {string[]} first what is packed @param {string[]} second @param {string[]} more */
function update(name, first, second, ...more) {
  quern('pack', ...first, '-o', at(name), '--name', 'm', '--version', '1.0.0', '--limit', '10', ...more);
  quern('pack', ...second, '-o', at(name), '--name', 'm', '--version', '1.1.0', '--limit', '10', ...more);
  const { download } = JSON.parse(quern('diff', at(name), at(name), '--from', '1.0.0', '--to', '1.1.0', '--json'));
  return `${download.bytes} of ${download.of} bytes, ${(download.bytes / download.of).toFixed(3)}, in ${download.files} of ${download.ofFiles} files`;
}

try {
  console.log(`one of eight shards changed: ${update('eight', [eight(8)], [eight(9)])}`);
  quern('convert', model, '-o', at('values.safetensors'));
  const next = generator(1), gauss = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  for (const share of [0.001, 0.003, 0.01, 0.03]) {
    const trained = changed('trained.safetensors', (values) => {
      const size = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
      values.forEach((v, i) => { values[i] = v + share * size * gauss(); });
    });
    rmSync(at('int8'), { recursive: true, force: true });
    console.log(`${path.basename(model)} as int8, all weights moved by ${share} of their size: ${update('int8', [model], [model, '--params', trained], '--quantize', 'int8')}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
