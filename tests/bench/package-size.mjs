// What storing weights in fewer bits leaves of a model: the bytes that a page downloads of a package (manifest, graph, shards) against the ONNX file's.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url)), models = process.argv.slice(2);
if (!models.length) models.push(path.join(root, 'build/bench-models/mobilenet_v2.onnx'));
for (const model of models) {
  const before = statSync(model).size;
  for (const storage of ['fp16', 'int8', 'int4']) {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'quern-size-'));
    try {
      const { manifest, bytes, said } = JSON.parse(execFileSync(process.execPath, [path.join(root, 'dist/cli.js'), 'pack', model, '-o', folder, '--name', 'm', '--quantize', storage, '--limit', '10', '--json'], { encoding: 'utf8' }));
      const whole = bytes + statSync(path.join(folder, manifest)).size;
      console.log(`${path.basename(model)} as ${storage}: ${whole} of ${before} bytes, ${(whole / before).toFixed(3)}; ${said.filter((line) => /changed by/.test(line)).map((line) => line.replace(/^.*?: /, '')).join('; ')}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}
