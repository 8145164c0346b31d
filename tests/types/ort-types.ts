// Compiled by `make check`, never run: TypeScript as it is written for onnxruntime-web, against quern/ort's declarations, and both ways of
// agreement: ort.js with the declarations, the declarations with onnxruntime-web's.
import type * as reference from 'onnxruntime-common';
import ort, * as all from '../../web/ort/ort-types.js';
import { Env, InferenceSession, Tensor, TypedTensor, env, registerBackend } from '../../web/ort/ort-types.js';
import * as implementation from '../../web/ort.js';

// ---- agreement ----

export const madeOf: Omit<typeof all, 'QuernError' | 'init' | 'default'> = implementation;
export const defaultOf: typeof ort = implementation.default;
declare const ours: typeof all;
declare const theirs: typeof reference;
/** Code that names onnxruntime's types takes Quern's values … */
export const session: reference.InferenceSessionFactory = ours.InferenceSession;
export const tensor: reference.TensorConstructor = ours.Tensor;
export const settings: reference.Env = ours.env;
export const register: typeof reference.registerBackend = ours.registerBackend;
export const options: reference.InferenceSession.SessionOptions = {} as InferenceSession.SessionOptions;
/** … and the other way round. */
export const theirSession: InferenceSession = {} as reference.InferenceSession;
export const theirTensor: Tensor = {} as reference.Tensor;
export const theirOptions: InferenceSession.SessionOptions = {} as reference.InferenceSession.SessionOptions;
export const theirEnv: Env = theirs.env;
/** Every type and value that onnxruntime exports is there. */
export const everyName: Record<Exclude<keyof typeof reference, 'default'>, unknown> = ours;
export type EveryType = [Tensor.Type, Tensor.DataTypeMap, Tensor.DataType, Tensor.ElementType, Tensor.DataLocation, Tensor.GpuBufferType, Tensor.MLTensorDataTypes,
  InferenceSession.FeedsType, InferenceSession.FetchesType, InferenceSession.ReturnType, InferenceSession.OnnxValueMapType, InferenceSession.RunOptions,
  InferenceSession.ExecutionProviderConfig, InferenceSession.ExecutionProviderName, InferenceSession.WebGpuExecutionProviderOption, InferenceSession.ValueMetadata,
  Env.WasmPrefixOrFilePaths, Env.WebGpuFlags, all.OnnxValue, all.Backend, all.InferenceSessionHandler, all.SessionHandler.ReturnType, all.ImageFormat, all.TensorFactory,
  all.TensorFromImageDataOptions, all.TensorFromUrlOptions, all.TensorToDataUrlOptions, all.ConversionUtils, all.ExternalDataFileType, all.FileType];

// ---- as applications write it ----

export async function classify(modelUrl: string, pixels: Float32Array): Promise<number> {
  env.wasm.numThreads = 1;
  env.wasm.wasmPaths = { wasm: new URL('https://example.org/ort.wasm'), mjs: '/ort.mjs' };
  env.logLevel = 'warning';
  const choices: InferenceSession.SessionOptions = {
    executionProviders: ['webgpu', 'wasm', { name: 'webnn', deviceType: 'cpu' }], graphOptimizationLevel: 'all', freeDimensionOverrides: { batch: 1 },
    externalData: ['weights.bin', { path: 'more.bin', data: new Uint8Array(4) }], extra: { session: { set_denormal_as_zero: '1' } }, logSeverityLevel: 3,
  };
  const model: InferenceSession = await InferenceSession.create(modelUrl, choices);
  const input: TypedTensor<'float32'> = new Tensor('float32', pixels, [1, 3, 224, 224]);
  const feeds: Record<string, Tensor> = { [model.inputNames[0]!]: input };
  const results: InferenceSession.OnnxValueMapType = await model.run(feeds, ['logits'], { tag: 'one' });
  const logits = results['logits']!.data as Float32Array;
  const ids: BigInt64Array = new Tensor('int64', [1, 2], [2]).data;
  const words: string[] = new Tensor(['a', 'b']).data;
  const flags: Uint8Array = new Tensor('bool', [true]).reshape([1, 1]).data;
  for (const meta of model.inputMetadata) if (meta.isTensor) console.log(meta.name, meta.type, meta.shape.map((d) => (typeof d === 'string' ? d.toUpperCase() : d)));
  const picture = await Tensor.fromImage(new ImageData(4, 4), { tensorFormat: 'BGR', tensorLayout: 'NHWC', norm: { mean: [255, 255, 255], bias: 0 }, resizedWidth: 2 });
  const dims: readonly number[] = picture.dims;
  model.startProfiling();
  await model.release();
  return logits.length + ids.length + words.length + flags.length + dims.length + (await picture.getData()).length;
}

/** Preallocated outputs, and parts of buffers. */
export async function into(buffer: ArrayBuffer, fetches: { [name: string]: Tensor | null }): Promise<void> {
  const model = await InferenceSession.create(buffer, 8, buffer.byteLength - 8, { executionProviders: ['cpu'] });
  await model.run({ x: new Tensor('bfloat16', new Uint16Array(2), [2]) }, fetches);
  registerBackend('none', { init: async () => {}, createInferenceSessionHandler: async () => { throw new Error('none'); } }, -1);
}

// @ts-expect-error: a type that is none
new Tensor('float', [1]);
// @ts-expect-error: an option of the wrong type
void InferenceSession.create('x', { graphOptimizationLevel: 'most' });
