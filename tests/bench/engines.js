// Runs in the page: each engine behind one function that takes a model and gives a function that runs it once and returns the outputs as
// typed arrays. Every engine gets its input from the same JavaScript array in each run and hands back all outputs, so that the copies of
// both directions are in everybody's time.
const LIBS = '/tests/bench/node_modules';
let seed = 7;
const next = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return (seed >>> 8) / 16777216;
};
const make = (t) => {
  const n = t.dims.reduce((a, b) => a * b, 1);
  return t.type === 'int64' ? BigInt64Array.from({ length: n }, () => BigInt(t.low ?? Math.floor(next() * t.below))) : Float32Array.from({ length: n }, () => t.low + next() * (t.high - t.low));
};
/** [n, c, h, w] to [n, h, w, c]: the same picture for engines that keep channels last. */
const channelsLast = ({ data, dims: [n, c, h, w] }) => {
  const out = new Float32Array(data.length);
  for (let i = 0, at = 0; i < n; i++) for (let p = 0; p < h * w; p++) for (let k = 0; k < c; k++) out[at++] = data[(i * c + k) * h * w + p];
  return { data: out, dims: [n, h, w, c] };
};
/** The same numbers for every engine: from one seed, in the order of the ONNX model's inputs. */
export const feedsOf = (inputs, nhwc) => {
  seed = 7;
  return Object.entries(inputs).map(([name, t]) => ({ name, type: t.type, ...(nhwc && t.dims.length === 4 ? channelsLast({ data: make(t), dims: t.dims }) : { data: make(t), dims: t.dims }) }));
};

async function onnx(library, { file, feeds, threads }) {
  const lib = await import(library);
  lib.env.wasm.numThreads = threads;
  lib.env.logLevel = 'error';
  if (library.startsWith(LIBS)) lib.env.wasm.wasmPaths = `${LIBS}/onnxruntime-web/dist/`;
  const session = await lib.InferenceSession.create(file);
  const tensors = Object.fromEntries(feeds.map((f) => [f.name, new lib.Tensor(f.type, f.data, f.dims)]));
  return async () => Object.values(await session.run(tensors)).map((t) => t.data);
}

async function litert({ file, feeds, threads }) {
  const map = document.createElement('script');
  map.type = 'importmap';
  map.textContent = JSON.stringify({ imports: { '@litertjs/wasm-utils': `${LIBS}/@litertjs/wasm-utils/dist/index.js` } });
  document.head.append(map);
  const { loadLiteRt, loadAndCompile, Tensor } = await import(`${LIBS}/@litertjs/core/dist/index.js`);
  await loadLiteRt(`${LIBS}/@litertjs/core/wasm/`, { threads: threads > 1 });
  const model = await loadAndCompile(file, { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
  return async () => {
    const tensors = feeds.map((f) => new Tensor(f.data, f.dims)), results = await model.run(tensors);
    const out = await Promise.all(results.map((r) => r.data()));
    for (const t of [...tensors, ...results]) t.delete();
    return out;
  };
}

const script = (src) => new Promise((resolve, reject) => document.head.append(Object.assign(document.createElement('script'), { src, onload: resolve, onerror: () => reject(new Error(`no script at ${src}`)) })));

async function tfjs({ file, feeds, threads }) {
  for (const part of ['core', 'converter', 'backend-cpu', 'backend-wasm']) await script(`${LIBS}/@tensorflow/tfjs-${part}/dist/tf-${part}.min.js`);
  const { tf } = window;
  tf.wasm.setWasmPaths(`${LIBS}/@tensorflow/tfjs-backend-wasm/wasm-out/`);
  if (threads > 1) tf.wasm.setThreadsCount(threads);
  else tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  await tf.setBackend('wasm');
  const model = await tf.loadGraphModel(file);
  return async () => tf.tidy(() => {
    const tensors = feeds.map((f) => tf.tensor(f.data, f.dims, 'float32'));
    return [model.execute(tensors)].flat().map((t) => t.dataSync());
  });
}

/** @param {{ engine: string, file: string, inputs: object, nhwc: boolean, threads: number }} given */
export function open({ engine, file, inputs, nhwc, threads }) {
  const given = { file: `/${file}`, feeds: feedsOf(inputs, nhwc), threads };
  switch (engine) {
    case 'quern': return onnx('/dist/ort.js', given);
    case 'ort': return onnx(`${LIBS}/onnxruntime-web/dist/ort.wasm.min.mjs`, given);
    case 'litert': return litert(given);
    case 'tfjs': return tfjs(given);
    default: throw new Error(`no engine ${engine}`);
  }
}

/** Runs for so long, at least so often; the times of one run in ms, where very short ones are means over 4 ms, below which clocks are coarse. */
export async function times(run, ms, least) {
  const list = [], until = performance.now() + ms;
  while (list.length < least || performance.now() < until) {
    const begin = performance.now();
    let n = 0;
    do {
      await run();
      n++;
    } while (performance.now() - begin < 4);
    list.push((performance.now() - begin) / n);
  }
  return list;
}

/** What engines' outputs have in common whatever their layouts and however many parts they come in: all values, sorted, 256 of them. @param {ArrayLike<number | bigint>[]} outputs */
export function signature(outputs) {
  const all = Float64Array.from(outputs.flatMap((o) => Array.from(o, Number))).sort();
  return Array.from({ length: 256 }, (_, i) => all[Math.floor((i * (all.length - 1)) / 255)]);
}
