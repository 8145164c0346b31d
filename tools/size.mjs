// Bytes on the wire (brotli 11) by part, against the budget of everything that a page loads before its model. Exits 1 above it.
import { readFileSync, existsSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';

const BUDGET = 256 * 1024;
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } }).length;
const row = (name, raw, wire) => console.log(name.padEnd(34), String(raw).padStart(9), String(wire).padStart(9));
const size = (file) => { const bytes = readFileSync(file); return [bytes.length, brotli(bytes)]; };

console.log('file'.padEnd(34), '    bytes', '   brotli');
const sizes = {};
const BUILDS = ['quern-simd.wasm', 'quern-relaxed.wasm', 'quern-simd-threads.wasm', 'quern-relaxed-threads.wasm'];
const RARE = BUILDS.map((name) => name.replace('quern-', 'quern-rare-'));
for (const name of [...BUILDS, ...RARE, 'index.js', 'worker.js', 'ort.js', 'quern.js', 'worker.classic.js', 'delivery.js', 'quern-features.wasm', 'quern-pictures.wasm', 'quern-text.wasm', 'features.js', 'gpu.js', 'quern-worklet.js', 'monitor.js', 'limits.js', 'ed25519.js', 'decrypt.js', 'quern-sw.js']) {
  if (!existsSync(`dist/${name}`)) continue; // ed25519.js needs a network once
  sizes[name] = size(`dist/${name}`);
  row(name, ...sizes[name]);
}

// Where the code of the wasm comes from, by the linker's map: raw bytes of code and data, before Binaryen's optimizer.
for (const variant of ['simd', 'relaxed']) {
  const map = `build/${variant}/quern.map`;
  if (!existsSync(map)) continue;
  const parts = {};
  for (const line of readFileSync(map, 'utf8').split('\n')) {
    const m = /^\s*\S+\s+\S+\s+([0-9a-f]+)\s+(\S+):\((.*)\)$/.exec(line);
    if (!m || m[3].startsWith('.bss')) continue; // zeros are not in the file
    const part = /libdeps\.a\(/.test(m[2]) ? 'cJSON' : /\/lib[^/]*\.a\(/.test(m[2]) ? 'C library'
      : (/\/src\/(\w+)[/.]/.exec(m[2]) ?? [])[1] ?? 'exports';
    parts[part] = (parts[part] ?? 0) + parseInt(m[1], 16);
  }
  console.log(`\n${variant}, linked bytes by part`);
  for (const [part, bytes] of Object.entries(parts).sort((a, b) => b[1] - a[1])) row('  ' + part, bytes, '');
}

/** What only packages with steps load, each with a budget of its own. */
const OWN = { 'quern-features.wasm': 40 * 1024, 'quern-pictures.wasm': 40 * 1024, 'quern-text.wasm': 90 * 1024, 'features.js': 12 * 1024, 'gpu.js': 60 * 1024 };
const over = Object.entries(OWN).filter(([name, most]) => sizes[name]?.[1] > most);
for (const [name, most] of over) console.log(`${name} has ${sizes[name][1]} bytes of ${most}`);

const largest = (/** @type {string[]} */ names) => Math.max(...names.map((name) => sizes[name][1]));
const worst = largest(BUILDS) + sizes['index.js'][1] + sizes['worker.js'][1];
const whole = worst + sizes['delivery.js'][1];
console.log(`\na page with a plain model loads one wasm, index.js and worker.js, ${worst} bytes; with a model of rare operators ${largest(RARE)} more`);
console.log(`a page with a package loads delivery.js too: ${whole} bytes of ${BUDGET}`);
if (whole > BUDGET || over.length) { console.log('over the budget'); process.exit(1); }
