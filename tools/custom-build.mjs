// A build for some models alone: node tools/custom-build.mjs LIST_OPERATORS MAKE FOLDER MODEL…
// MODEL is an .onnx or a package's manifest.json. Writes the table of the operators that the models need, links FOLDER/quern-*.wasm
// with it, and loads every model with the result: what a pass asks for on its way is added then.
import { execFileSync, execSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { inspect } from '../dist/index.js';

const [program, make, to, ...given] = process.argv.slice(2);
const OUT = 'build/custom', MOST_ROUNDS = 8;
const fail = (/** @type {string} */ why) => {
  console.error(`custom build: ${why}`);
  process.exit(1);
};
if (!given.length) fail('no models were given');

/** Files of models, and what the packages among them are for. */
const models = [], tasks = new Set();
for (const file of given) {
  if (!existsSync(file)) fail(`${file} is not there`);
  if (!file.endsWith('.json')) {
    models.push(file);
    continue;
  }
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  if (manifest.task) tasks.add(manifest.task);
  for (const entry of Object.values(manifest.models ?? {})) models.push(path.join(path.dirname(file), entry.file ?? entry));
}

/** The entries of the table. */
const table = execFileSync(program, { encoding: 'utf8' }).trim().split('\n').map((line) => {
  const [domain, name, since, until, id] = line.split(' ');
  return { domain: domain === '-' ? '' : domain, name, since: Number(since), until: Number(until) || Infinity, id };
});
const wanted = new Set();
/** @param {string} domain @param {string} name @param {number} opset */
function want(domain, name, opset) {
  const entry = table.find((e) => e.domain === domain && e.name === name && opset >= e.since && opset <= e.until);
  if (!entry) fail(`the operator ${domain ? `${domain}.` : ''}${name} (opset ${opset}) is in no table`);
  wanted.add(entry.id);
}

for (const file of models) {
  const found = await inspect(path.resolve(file));
  if (found.problem) fail(`${file}: ${found.problem}`);
  for (const op of found.ops) if (table.some((e) => e.domain === op.domain && e.name === op.name)) want(op.domain, op.name, op.opset); // functions of the model are expanded
  for (const op of found.runs) if (table.some((e) => e.domain === op.domain && e.name === op.name)) want(op.domain, op.name, op.since); // a change of layout is in no table
}

/** Exported functions, without those of tasks that no package here has. */
const exported = execFileSync('tools/exports.sh', ['wasm/exports.c'], { encoding: 'utf8' }).trim().split('\n')
  .filter((name) => !/^_qnw_(ocr|vad)_/.test(name) || tasks.has(/^_qnw_(ocr|vad)_/.exec(name)?.[1]));

/** Loads a model with the custom wasm in a process of its own, since one process has one wasm. @param {string} file */
const problemOf = (file) => execFileSync(process.execPath, ['--input-type=module', '-e', `
  const { inspect, init } = await import(${JSON.stringify(pathToFileURL(path.resolve('dist/index.js')).href)});
  await init({ wasm: ${JSON.stringify(path.resolve(to, 'quern-simd.wasm'))} });
  process.stdout.write((await inspect(${JSON.stringify(path.resolve(file))})).problem);`], { encoding: 'utf8' });

/** @param {string} variant */
function link(variant) {
  mkdirSync(path.join(OUT, variant), { recursive: true });
  const list = [...readFileSync('src/op/op_list.h', 'utf8').matchAll(/^QN_(?:OP|RARE)\((\w+)\)/gm)].map((m) => m[1]).filter((id) => wanted.has(id));
  writeFileSync(path.join(OUT, 'op_list.h'), `${list.map((id) => `QN_OP(${id})`).join('\n')}\n`);
  writeFileSync(path.join(OUT, 'exports.txt'), `${exported.join('\n')}\n`);
  const has = (/** @type {RegExp} */ pattern) => table.some((e) => wanted.has(e.id) && pattern.test(e.name));
  const without = [has(/^(If|Loop|Scan|SequenceMap)$/) ? '' : 'CONTROL', has(/QuantizeLinear$/) ? '' : 'QUANTIZED',
    has(/Attention$/) ? '' : 'ATTENTION', has(/(Layer|RMS|Group|Instance)Normalization$/) ? '' : 'NORM'].filter(Boolean).join(' ');
  execSync(`${make} VARIANT=${variant} CUSTOM=${OUT} TO=${to} WITHOUT="${without}" custom`, { stdio: 'inherit' });
  return list.length;
}

let operators = 0;
for (let round = 1; ; round++) {
  operators = link('simd');
  const lacking = models.map((file) => ({ file, problem: problemOf(file) })).filter(({ problem }) => problem);
  if (!lacking.length) break;
  const [{ file, problem }] = lacking;
  const [, name] = /into: (\S+)$/.exec(problem) ?? [];
  if (!name || round === MOST_ROUNDS) fail(`${file} does not load with it: ${problem}`);
  const dot = name.lastIndexOf('.');
  for (const e of table) if (e.domain === name.slice(0, Math.max(dot, 0)) && e.name === name.slice(dot + 1)) wanted.add(e.id);
}
link('relaxed');
for (const variant of ['simd', 'relaxed']) {
  const bytes = readFileSync(path.join(to, `quern-${variant}.wasm`));
  console.log(`${to}/quern-${variant}.wasm: ${operators} operators, ${bytes.length} bytes, ${brotliCompressSync(bytes).length} by brotli`);
}
