// Bundles a page's script with esbuild: over onnxruntime-web as it is, or with its names aliased to quern/ort, as an application would do it.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { DIST, ROOT } from './browser.mjs';

export const ENGINES = ['onnxruntime-web', 'quern'];
const ort = path.join(DIST, 'ort.js');
const NAMES = ['onnxruntime-web', 'onnxruntime-web/wasm', 'onnxruntime-web/webgpu', 'onnxruntime-web/all', 'onnxruntime-common'];

/**
 * @param {string} contents the script
 * @param {string} engine one of ENGINES
 * @param {string} [from] the folder whose node_modules has its packages
 * @returns {Promise<string>}
 */
export async function bundle(contents, engine, from = ROOT) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: from }, bundle: true, write: false, format: 'esm', target: 'es2022', logLevel: 'error',
    external: ['node:*', 'fs', 'path', 'crypto'], alias: engine === 'quern' ? Object.fromEntries(NAMES.map((name) => [name, ort])) : {},
  });
  return outputFiles[0].text;
}

/** onnxruntime-web's own files for serve(), read when they are asked for, under /ort/. @param {string} modules a node_modules folder */
export function ortFiles(modules) {
  const folder = path.join(modules, 'onnxruntime-web/dist');
  const types = { '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
  return Object.fromEntries(readdirSync(folder).filter((name) => types[path.extname(name)]).map((name) =>
    [`/ort/${name}`, (response) => response.writeHead(200, { 'content-type': types[path.extname(name)] }).end(readFileSync(path.join(folder, name)))]));
}
