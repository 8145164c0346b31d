// The declarations of quern/ort: the names and shapes of onnxruntime-web 1.30's, so that TypeScript written for it compiles. JSDoc has no
// namespaces, therefore by hand; tests/types checks that ort.js is assignable to them, and that onnxruntime's own are.

/** The type of a global, where the application has declarations for it. */
type Global<Name extends string, Fallback = unknown> = typeof globalThis extends { [k in Name]: { prototype: infer T } } ? T : Fallback;

// ---- Tensor ----

export declare namespace Tensor {
  interface DataTypeMap {
    float32: Float32Array; uint8: Uint8Array; int8: Int8Array; uint16: Uint16Array; int16: Int16Array; int32: Int32Array; int64: BigInt64Array;
    string: string[]; bool: Uint8Array; float16: Uint16Array; float64: Float64Array; uint32: Uint32Array; uint64: BigUint64Array; uint4: Uint8Array; int4: Int8Array;
  }
  interface ElementTypeMap {
    float32: number; uint8: number; int8: number; uint16: number; int16: number; int32: number; int64: bigint;
    string: string; bool: boolean; float16: number; float64: number; uint32: number; uint64: bigint; uint4: number; int4: number;
  }
  type Type = keyof DataTypeMap;
  type DataType = DataTypeMap[Type];
  type ElementType = ElementTypeMap[Type];
  /** Quern's further types: their bits, packed where they are smaller than a byte. */
  type BitsType = 'bfloat16' | 'float8e4m3fn' | 'float8e4m3fnuz' | 'float8e5m2' | 'float8e5m2fnuz' | 'float8e8m0' | 'float4e2m1' | 'int2' | 'uint2' | 'complex64' | 'complex128';
  type CpuPinnedDataTypes = Exclude<Type, 'string'>;
  type TextureType = WebGLTexture;
  type TextureDataTypes = 'float32';
  type GpuBufferTypeFallback = { size: number; mapState: 'unmapped' | 'pending' | 'mapped' };
  type GpuBufferType = Global<'GPUBuffer', GpuBufferTypeFallback>;
  type MLTensorTypeFallback = { destroy(): void };
  type MLTensorType = Global<'MLTensor', MLTensorTypeFallback>;
  type GpuBufferDataTypes = 'float32' | 'float16' | 'int32' | 'int64' | 'uint32' | 'uint8' | 'bool';
  type MLTensorDataTypes = 'float32' | 'float16' | 'int8' | 'uint8' | 'int32' | 'uint32' | 'int64' | 'uint64' | 'bool' | 'uint4' | 'int4';
  type DataLocation = 'none' | 'cpu' | 'cpu-pinned' | 'texture' | 'gpu-buffer' | 'ml-tensor';
}

interface TypedTensorBase<T extends Tensor.Type> {
  readonly dims: readonly number[];
  readonly type: T;
  /** Throws when the tensor was disposed or does not lie on the CPU. */
  readonly data: Tensor.DataTypeMap[T];
  readonly location: Tensor.DataLocation;
  readonly texture: Tensor.TextureType;
  readonly gpuBuffer: Tensor.GpuBufferType;
  readonly mlTensor: Tensor.MLTensorType;
  getData(releaseData?: boolean): Promise<Tensor.DataTypeMap[T]>;
  dispose(): void;
}
export interface ConversionUtils {
  /** A data URL of the picture that the tensor holds; in a page only. */
  toDataURL(options?: TensorToDataUrlOptions): string;
  toImageData(options?: TensorToImageDataOptions): ImageData;
}
export interface TypedShapeUtils<T extends Tensor.Type> {
  /** The same data under other dims. */
  reshape(dims: readonly number[]): TypedTensor<T>;
}
export interface TensorUtils extends ConversionUtils {
  readonly size: number;
}
export interface TypedTensorUtils<T extends Tensor.Type> extends TensorUtils, TypedShapeUtils<T> {}
export interface TypedTensor<T extends Tensor.Type> extends TypedTensorBase<T>, TypedTensorUtils<T> {}
export interface Tensor extends TypedTensorBase<Tensor.Type>, TypedTensorUtils<Tensor.Type> {}

type Numeric = Exclude<Tensor.Type, 'string' | 'bool' | 'uint64' | 'int64'>;
type Dims = readonly number[];
type Pinned<T extends Tensor.CpuPinnedDataTypes> = CpuPinnedConstructorParameters<T>;

export interface TensorConstructor extends TensorFactory {
  new (type: 'string', data: readonly string[], dims?: Dims): TypedTensor<'string'>;
  new (type: 'bool', data: Uint8Array | readonly boolean[], dims?: Dims): TypedTensor<'bool'>;
  new (type: 'uint8', data: Uint8ClampedArray, dims?: Dims): TypedTensor<'uint8'>;
  new <T extends 'uint64' | 'int64'>(type: T, data: Tensor.DataTypeMap[T] | readonly bigint[] | readonly number[], dims?: Dims): TypedTensor<T>;
  new <T extends Numeric>(type: T, data: Tensor.DataTypeMap[T] | readonly number[], dims?: Dims): TypedTensor<T>;
  new (data: Float32Array, dims?: Dims): TypedTensor<'float32'>;
  new (data: Int8Array, dims?: Dims): TypedTensor<'int8'>;
  new (data: Uint8Array, dims?: Dims): TypedTensor<'uint8'>;
  new (data: Uint8ClampedArray, dims?: Dims): TypedTensor<'uint8'>;
  new (data: Uint16Array, dims?: Dims): TypedTensor<'uint16'>;
  new (data: Int16Array, dims?: Dims): TypedTensor<'int16'>;
  new (data: Int32Array, dims?: Dims): TypedTensor<'int32'>;
  new (data: BigInt64Array, dims?: Dims): TypedTensor<'int64'>;
  new (data: readonly string[], dims?: Dims): TypedTensor<'string'>;
  new (data: readonly boolean[], dims?: Dims): TypedTensor<'bool'>;
  new (data: Float64Array, dims?: Dims): TypedTensor<'float64'>;
  new (data: Uint32Array, dims?: Dims): TypedTensor<'uint32'>;
  new (data: BigUint64Array, dims?: Dims): TypedTensor<'uint64'>;
  new <T extends Tensor.CpuPinnedDataTypes>(parameters: Pinned<T>): TypedTensor<T>;
  new (parameters: TextureConstructorParameters | GpuBufferConstructorParameters | MLTensorConstructorParameters): Tensor;
  new (type: Tensor.Type, data: Tensor.DataType | readonly number[] | readonly string[] | readonly bigint[] | readonly boolean[], dims?: Dims): Tensor;
  new (type: Tensor.BitsType, data: Uint16Array | Uint8Array | Int8Array | Float32Array | Float64Array, dims?: Dims): Tensor;
  new (data: Tensor.DataType, dims?: Dims): Tensor;
}
export declare const Tensor: TensorConstructor;

// ---- tensors from pictures and resources ----

export type ImageFormat = 'RGB' | 'RGBA' | 'BGR' | 'RBG';
export type ImageTensorLayout = 'NHWC' | 'NCHW';
type PerChannel = number | [number, number, number] | [number, number, number, number];

export interface OptionsFormat { format?: ImageFormat }
export interface OptionsTensorFormat { tensorFormat?: ImageFormat }
export interface OptionsTensorDataType { dataType?: 'float32' | 'uint8' }
export interface OptionsTensorLayout { tensorLayout?: ImageTensorLayout }
export interface OptionsDimensions { height?: number; width?: number }
export interface OptionResizedDimensions { resizedHeight?: number; resizedWidth?: number }
/** value = (pixel + bias) / mean; 255 and 0 when left out. */
export interface OptionsNormalizationParameters { norm?: { bias?: PerChannel; mean?: PerChannel } }
interface FromImage extends OptionResizedDimensions, OptionsTensorFormat, OptionsTensorLayout, OptionsTensorDataType, OptionsNormalizationParameters {}
export interface TensorFromImageDataOptions extends FromImage {}
export interface TensorFromImageElementOptions extends FromImage {}
export interface TensorFromImageBitmapOptions extends FromImage {}
export interface TensorFromUrlOptions extends OptionsDimensions, FromImage {}
export interface TensorToDataUrlOptions extends OptionsTensorLayout, OptionsFormat, OptionsNormalizationParameters {}
export interface TensorToImageDataOptions extends OptionsTensorLayout, OptionsFormat, OptionsNormalizationParameters {}

interface GpuResource<T extends Tensor.Type> {
  download?(): Promise<Tensor.DataTypeMap[T]>;
  dispose?(): void;
}
interface Located<L extends Tensor.DataLocation, T> { readonly location: L; readonly type: T; readonly dims: Dims }
export interface CpuPinnedConstructorParameters<T extends Tensor.CpuPinnedDataTypes = Tensor.CpuPinnedDataTypes> extends Located<'cpu-pinned', T> {
  readonly data: Tensor.DataTypeMap[T];
}
export interface TextureConstructorParameters<T extends Tensor.TextureDataTypes = Tensor.TextureDataTypes> extends Located<'texture', T>, GpuResource<T> {
  readonly texture: Tensor.TextureType;
}
export interface GpuBufferConstructorParameters<T extends Tensor.GpuBufferDataTypes = Tensor.GpuBufferDataTypes> extends Located<'gpu-buffer', T>, GpuResource<T> {
  readonly gpuBuffer: Tensor.GpuBufferType;
}
export interface MLTensorConstructorParameters<T extends Tensor.MLTensorDataTypes = Tensor.MLTensorDataTypes> extends Located<'ml-tensor', T>, GpuResource<T> {
  readonly mlTensor: Tensor.MLTensorType;
}
export interface TensorFromTextureOptions<T extends Tensor.TextureDataTypes> extends Required<OptionsDimensions>, OptionsFormat, GpuResource<T> {}
export interface TensorFromGpuBufferOptions<T extends Tensor.GpuBufferDataTypes> extends GpuResource<T> { readonly dims: Dims; dataType?: T }
export interface TensorFromMLTensorOptions<T extends Tensor.MLTensorDataTypes> extends GpuResource<T> { readonly dims: Dims; dataType?: T }

type ImageTensor = Promise<TypedTensor<'float32'> | TypedTensor<'uint8'>>;
export interface TensorFactory {
  fromImage(imageData: ImageData, options?: TensorFromImageDataOptions): ImageTensor;
  fromImage(imageElement: HTMLImageElement, options?: TensorFromImageElementOptions): ImageTensor;
  fromImage(urlSource: string, options?: TensorFromUrlOptions): ImageTensor;
  fromImage(bitmap: ImageBitmap, options?: TensorFromImageBitmapOptions): ImageTensor;
  fromTexture<T extends Tensor.TextureDataTypes = 'float32'>(texture: Tensor.TextureType, options: TensorFromTextureOptions<T>): TypedTensor<'float32'>;
  fromGpuBuffer<T extends Tensor.GpuBufferDataTypes>(buffer: Tensor.GpuBufferType, options: TensorFromGpuBufferOptions<T>): TypedTensor<T>;
  fromMLTensor<T extends Tensor.MLTensorDataTypes>(tensor: Tensor.MLTensorType, options: TensorFromMLTensorOptions<T>): TypedTensor<T>;
  fromPinnedBuffer<T extends Exclude<Tensor.Type, 'string'>>(type: T, buffer: Tensor.DataTypeMap[T], dims?: Dims): TypedTensor<T>;
}

// ---- values and files ----

export type NonTensorType = never;
export type OnnxValue = Tensor | NonTensorType;
export type OnnxValueDataLocation = Tensor.DataLocation;
export type FileUrlOrPath = string;
export type FileBlob = Blob;
export type FileData = Uint8Array | ArrayBufferLike;
export type FileType = FileUrlOrPath | FileBlob | FileData;
export interface ExternalDataFileDescription { data: FileType; path: string }
export type ExternalDataFileType = ExternalDataFileDescription | FileUrlOrPath;
export interface OnnxModelOptions { externalData?: readonly ExternalDataFileType[] }

// ---- InferenceSession ----

export declare namespace InferenceSession {
  type OnnxValueMapType = { readonly [name: string]: OnnxValue };
  type NullableOnnxValueMapType = { readonly [name: string]: OnnxValue | null };
  type FeedsType = OnnxValueMapType;
  type FetchesType = readonly string[] | NullableOnnxValueMapType;
  type ReturnType = OnnxValueMapType;

  interface SessionOptions extends OnnxModelOptions {
    /** Taken as wishes: every one that onnxruntime knows is answered by the CPU. */
    executionProviders?: readonly ExecutionProviderConfig[];
    /** Sizes for symbolic dimensions; a feed of another size is refused. */
    freeDimensionOverrides?: { readonly [dimensionName: string]: number };
    // what follows is accepted without effect
    intraOpNumThreads?: number;
    interOpNumThreads?: number;
    graphOptimizationLevel?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all';
    enableCpuMemArena?: boolean;
    enableMemPattern?: boolean;
    executionMode?: 'sequential' | 'parallel';
    optimizedModelFilePath?: string;
    enableProfiling?: boolean;
    profileFilePrefix?: string;
    logId?: string;
    logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
    logVerbosityLevel?: number;
    preferredOutputLocation?: OnnxValueDataLocation | { readonly [outputName: string]: OnnxValueDataLocation };
    enableGraphCapture?: boolean;
    extra?: Record<string, unknown>;
  }

  interface ExecutionProviderOption { readonly name: string }
  interface CpuExecutionProviderOption extends ExecutionProviderOption { readonly name: 'cpu'; useArena?: boolean }
  interface CudaExecutionProviderOption extends ExecutionProviderOption { readonly name: 'cuda'; deviceId?: number }
  interface DmlExecutionProviderOption extends ExecutionProviderOption { readonly name: 'dml'; deviceId?: number }
  interface TensorRtExecutionProviderOption extends ExecutionProviderOption { readonly name: 'tensorrt'; deviceId?: number }
  interface WebAssemblyExecutionProviderOption extends ExecutionProviderOption { readonly name: 'wasm' }
  interface WebGLExecutionProviderOption extends ExecutionProviderOption { readonly name: 'webgl' }
  interface XnnpackExecutionProviderOption extends ExecutionProviderOption { readonly name: 'xnnpack' }
  type BufferCacheMode = 'disabled' | 'lazyRelease' | 'simple' | 'bucket';
  interface WebGpuExecutionProviderOption extends ExecutionProviderOption {
    readonly name: 'webgpu';
    preferredLayout?: 'NCHW' | 'NHWC';
    forceCpuNodeNames?: readonly string[];
    validationMode?: 'disabled' | 'wgpuOnly' | 'basic' | 'full';
    enableRobustness?: boolean;
    storageBufferCacheMode?: BufferCacheMode;
    uniformBufferCacheMode?: BufferCacheMode;
    queryResolveBufferCacheMode?: BufferCacheMode;
    defaultBufferCacheMode?: BufferCacheMode;
    device?: Global<'GPUDevice'>;
  }
  interface WebNNExecutionProviderName extends ExecutionProviderOption { readonly name: 'webnn' }
  interface WebNNContextOptions { deviceType?: 'cpu' | 'gpu' | 'npu'; numThreads?: number; powerPreference?: 'default' | 'low-power' | 'high-performance' }
  interface WebNNOptionsWithoutMLContext extends WebNNExecutionProviderName, WebNNContextOptions { context?: never }
  interface WebNNOptionsWithMLContext extends WebNNExecutionProviderName, Omit<WebNNContextOptions, 'deviceType'>, Required<Pick<WebNNContextOptions, 'deviceType'>> {
    context: Global<'MLContext'>;
  }
  interface WebNNOptionsWebGpu extends WebNNExecutionProviderName { context: Global<'MLContext'>; gpuDevice: Global<'GPUDevice'> }
  type WebNNExecutionProviderOption = WebNNOptionsWithoutMLContext | WebNNOptionsWithMLContext | WebNNOptionsWebGpu;
  interface QnnExecutionProviderOption extends ExecutionProviderOption { readonly name: 'qnn'; backendType?: string; backendPath?: string; enableFp16Precision?: boolean }
  interface CoreMLExecutionProviderOption extends ExecutionProviderOption {
    readonly name: 'coreml'; coreMlFlags?: number; useCPUOnly?: boolean; useCPUAndGPU?: boolean; enableOnSubgraph?: boolean; onlyEnableDeviceWithANE?: boolean;
  }
  interface NnapiExecutionProviderOption extends ExecutionProviderOption { readonly name: 'nnapi'; useFP16?: boolean; useNCHW?: boolean; cpuDisabled?: boolean; cpuOnly?: boolean }
  interface ExecutionProviderOptionMap {
    coreml: CoreMLExecutionProviderOption; cpu: CpuExecutionProviderOption; cuda: CudaExecutionProviderOption; dml: DmlExecutionProviderOption;
    nnapi: NnapiExecutionProviderOption; tensorrt: TensorRtExecutionProviderOption; wasm: WebAssemblyExecutionProviderOption; webgl: WebGLExecutionProviderOption;
    webgpu: WebGpuExecutionProviderOption; webnn: WebNNExecutionProviderOption; qnn: QnnExecutionProviderOption; xnnpack: XnnpackExecutionProviderOption;
  }
  type ExecutionProviderName = keyof ExecutionProviderOptionMap;
  type ExecutionProviderConfig = ExecutionProviderOptionMap[ExecutionProviderName] | ExecutionProviderOption | ExecutionProviderName | string;

  interface RunOptions {
    logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
    logVerbosityLevel?: number;
    /** A run that is to end at once is refused. */
    terminate?: boolean;
    tag?: string;
    extra?: Record<string, unknown>;
  }

  interface ValueMetadataBase { readonly name: string }
  interface NonTensorValueMetadata extends ValueMetadataBase { readonly isTensor: false }
  interface TensorValueMetadata extends ValueMetadataBase { readonly isTensor: true; readonly type: Tensor.Type; readonly shape: ReadonlyArray<number | string> }
  type ValueMetadata = NonTensorValueMetadata | TensorValueMetadata;
}

export interface InferenceSession {
  run(feeds: InferenceSession.FeedsType, options?: InferenceSession.RunOptions): Promise<InferenceSession.ReturnType>;
  /** fetches: names of outputs, or an object that has a tensor to write into, or null, for each output that is wanted. */
  run(feeds: InferenceSession.FeedsType, fetches: InferenceSession.FetchesType, options?: InferenceSession.RunOptions): Promise<InferenceSession.ReturnType>;
  release(): Promise<void>;
  startProfiling(): void;
  endProfiling(): void;
  /** Quern's own: outputs that stay in the heap as inputs of the next run, { output: input }; sessions of registered backends have none. */
  bind?(pairs: Readonly<Record<string, string>>, options?: { initial?: Record<string, readonly number[] | Tensor> }): void;
  /** The next run begins with the initial state. */
  reset?(): void;
  /** Copies of the bound inputs. */
  state?(): Record<string, Tensor>;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly InferenceSession.ValueMetadata[];
  readonly outputMetadata: readonly InferenceSession.ValueMetadata[];
}
export interface InferenceSessionFactory {
  create(uri: string, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  create(buffer: ArrayBufferLike, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  create(buffer: ArrayBufferLike, byteOffset: number, byteLength?: number, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  create(buffer: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
}
export declare const InferenceSession: InferenceSessionFactory;

// ---- env and backends ----

export declare namespace Env {
  type WasmPathPrefix = string;
  interface WasmFilePaths { wasm?: URL | string; mjs?: URL | string }
  type WasmPrefixOrFilePaths = WasmPathPrefix | WasmFilePaths;
  interface WebAssemblyFlags {
    numThreads?: number; simd?: boolean | 'fixed' | 'relaxed'; trace?: boolean; initTimeout?: number;
    wasmPaths?: WasmPrefixOrFilePaths; wasmBinary?: ArrayBufferLike | Uint8Array; proxy?: boolean;
  }
  interface WebGLFlags {
    contextId?: 'webgl' | 'webgl2'; readonly context: WebGLRenderingContext; matmulMaxBatchSize?: number; textureCacheMode?: 'initializerOnly' | 'full';
    pack?: boolean; async?: boolean;
  }
  interface WebGpuProfilingDataV1TensorMetadata { dims: readonly number[]; dataType: string }
  interface WebGpuProfilingDataV1 {
    version: 1; inputsMetadata: readonly WebGpuProfilingDataV1TensorMetadata[]; outputsMetadata: readonly WebGpuProfilingDataV1TensorMetadata[];
    kernelId: number; kernelType: string; kernelName: string; programName: string; startTime: number; endTime: number;
  }
  type WebGpuProfilingData = WebGpuProfilingDataV1;
  interface WebGpuFlags {
    profilingMode?: 'off' | 'default';
    profiling: { mode?: 'off' | 'default'; ondata?: (data: WebGpuProfilingData) => void };
    powerPreference?: 'low-power' | 'high-performance';
    forceFallbackAdapter?: boolean;
    adapter: Global<'GPUAdapter'>;
    get device(): Promise<Global<'GPUDevice'>>;
    set device(value: Global<'GPUDevice'>);
    validateInputContent?: boolean;
  }
}
/** Settings of onnxruntime: kept, and without effect but for logLevel and trace. */
export interface Env {
  logLevel?: 'verbose' | 'info' | 'warning' | 'error' | 'fatal';
  debug?: boolean;
  trace?: boolean;
  readonly versions: { readonly common: string; readonly web?: string; readonly node?: string; readonly 'react-native'?: string };
  readonly wasm: Env.WebAssemblyFlags;
  readonly webgl: Env.WebGLFlags;
  readonly webgpu: Env.WebGpuFlags;
  [name: string]: unknown;
}
export declare const env: Env;

export declare namespace SessionHandler {
  type FeedsType = { [name: string]: OnnxValue };
  type FetchesType = { [name: string]: OnnxValue | null };
  type ReturnType = { [name: string]: OnnxValue };
}
interface SessionHandler {
  dispose(): Promise<void>;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly InferenceSession.ValueMetadata[];
  readonly outputMetadata: readonly InferenceSession.ValueMetadata[];
}
export interface InferenceSessionHandler extends SessionHandler {
  startProfiling(): void;
  endProfiling(): void;
  run(feeds: SessionHandler.FeedsType, fetches: SessionHandler.FetchesType, options: InferenceSession.RunOptions): Promise<SessionHandler.ReturnType>;
}
export interface Backend {
  init(backendName: string): Promise<void>;
  createInferenceSessionHandler(uriOrBuffer: string | Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSessionHandler>;
}
export declare const registerBackend: (name: string, backend: Backend, priority: number) => void;

export declare const TRACE: (deviceType: string, label: string) => void;
export declare const TRACE_FUNC_BEGIN: (extraMsg?: string) => void;
export declare const TRACE_FUNC_END: (extraMsg?: string) => void;
export declare const TRACE_EVENT_BEGIN: (extraMsg?: string) => void;
export declare const TRACE_EVENT_END: (extraMsg?: string) => void;

// ---- Quern's own ----

export { QuernError } from '../core/errors.js';
export { init } from '../core/runtime.js';

declare const ort: {
  InferenceSession: InferenceSessionFactory; Tensor: TensorConstructor; env: Env; registerBackend: typeof registerBackend; TRACE: typeof TRACE;
  TRACE_FUNC_BEGIN: typeof TRACE_FUNC_BEGIN; TRACE_FUNC_END: typeof TRACE_FUNC_END; TRACE_EVENT_BEGIN: typeof TRACE_EVENT_BEGIN; TRACE_EVENT_END: typeof TRACE_EVENT_END;
};
export default ort;
