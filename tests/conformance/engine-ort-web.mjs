// onnxruntime-web as an engine of the conformance runner, to time it beside Quern. Option: dir, a node_modules that has it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { model } from '../node/onnx-writer.mjs';
import { ALL_TYPES } from './runner/run-case.mjs';

export default async function ({ dir }) {
  const root = path.resolve(dir, 'onnxruntime-web');
  const ort = await import(pathToFileURL(path.join(root, 'dist/ort.node.min.mjs')).href);
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'fatal';
  // its wasm is compiled at the first session; that is no case's time, as little as the compiling of Quern's
  const port = { dims: [1] };
  await (await ort.InferenceSession.create(model({ nodes: [{ op: 'Identity', in: ['x'], out: ['y'] }], inputs: [{ name: 'x', ...port }], outputs: [{ name: 'y', ...port }] }))).release();
  return {
    name: 'onnxruntime-web', version: JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version, Tensor: ort.Tensor, types: new Set(ALL_TYPES),
    sequences: false, optionals: 'present',
    create: (bytes) => ort.InferenceSession.create(new Uint8Array(bytes), { executionProviders: ['wasm'], logSeverityLevel: 4 }),
    // after these its module is not usable any more
    classify: (error) => (error instanceof WebAssembly.RuntimeError || /out of memory|bad_alloc|out of bounds|Aborted|unreachable|table index/i.test(String(error?.message ?? error))
      ? { cause: 'wasm-abort', fatal: true } : { cause: 'exception' }),
  };
}
