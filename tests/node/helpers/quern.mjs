// Quern for tests: the built one when it is there, else the sources with the built wasm. QUERN_VARIANT picks simd or relaxed,
// QUERN_DIST another folder than dist.
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const root = new URL('../../../', import.meta.url);
export const dist = process.env.QUERN_DIST ? pathToFileURL(process.env.QUERN_DIST + '/') : new URL('dist/', root);
const variant = process.env.QUERN_VARIANT ?? 'simd';
export const wasm = new URL(`quern-${variant}.wasm`, dist);
if (!existsSync(wasm)) throw new Error(`${wasm.pathname} is missing: run make wasm`);

const entry = (name) => {
  const built = new URL(name, dist);
  return import(existsSync(built) ? built.href : new URL('web/' + name, root).href);
};

export const quern = await entry('index.js');
export const ort = await entry('ort.js');
await quern.init({ wasm });
await ort.init({ wasm });

/** Rejects with a QuernError of this code and a message that matches. */
export const failure = (code, message) => (error) => {
  if (!(error instanceof quern.QuernError)) throw error;
  if (error.code !== code || !message.test(error.message)) throw new Error(`expected ${code} ${message}, got ${error.code}: ${error.message}`, { cause: error });
  return true;
};
