// Preloaded (node --require): whoever asks for onnxruntime gets quern/ort, by require() and by import.
const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const target = path.resolve(__dirname, '../../dist/ort.cjs');
const isOrt = /^onnxruntime-(web|node|common)(\/(all|wasm|webgpu))?$/;
const resolve = Module._resolveFilename;
Module._resolveFilename = function (name, ...rest) {
  return isOrt.test(name) ? target : resolve.call(this, name, ...rest);
};
Module.register('data:text/javascript,' + encodeURIComponent(`
  export const resolve = (name, context, next) => (${isOrt}.test(name) ? { url: '${pathToFileURL(target)}', shortCircuit: true } : next(name, context));`), pathToFileURL(__filename));
