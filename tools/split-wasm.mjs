// Splits the wasm in two: node tools/split-wasm.mjs FOLDER BINARYEN VARIANT OPTIONS
// FOLDER/quern.wasm has all operators, FOLDER/common/quern.wasm the common ones alone; the linker's maps beside them say which functions
// each has. Writes FOLDER/split/common.wasm with the functions of the second, and rare.wasm with those that only the first has: it is
// instantiated with the exports of common.wasm, calls into it and puts its functions into a table of it (Binaryen's wasm-split).
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { customSection, functionNames, imports, withFunctionNames } from './wasm-file.mjs';

const [folder, binaryen, variant, options] = process.argv.slice(2);
const out = `${folder}/split`, flags = options.split(' ').filter(Boolean), features = flags.filter((f) => f === '--mvp-features' || f.startsWith('--enable'));
mkdirSync(out, { recursive: true });
const fail = (/** @type {string} */ why) => {
  console.error(`split-wasm: ${why}`);
  process.exit(1);
};

/** Functions as "object:(name)", in the order of the code. @param {string} map @returns {{ key: string, name: string }[]} */
function functionsOf(map) {
  const lines = readFileSync(map, 'utf8').split('\n'), list = [];
  const from = lines.findIndex((line) => / CODE$/.test(line));
  for (const line of lines.slice(from + 1)) {
    const m = /^\s*-\s+[0-9a-f]+\s+[0-9a-f]+ {9}(\S+:\((.*)\))$/.exec(line);
    if (m) list.push({ key: m[1].replace(/^.*(op_table\.o)/, '$1'), name: m[2] }); // of which each has its own
    else if (/^\s*[0-9a-f-]+\s+[0-9a-f]+\s+[0-9a-f]+ [A-Z]+/.test(line)) break; // the next section
  }
  return list;
}

const whole = readFileSync(`${folder}/quern.wasm`), names = functionNames(whole);
const imported = imports(whole).filter(({ kind }) => kind === 'function').length;
const all = functionsOf(`${folder}/quern.map`), common = new Set(functionsOf(`${folder}/common/quern.map`).map(({ key }) => key));
if (!common.size || names.length !== imported + all.length) fail(`the map has ${all.length} functions, the file ${names.length - imported}`);
all.forEach(({ name }, i) => {
  if (!names[imported + i].startsWith(name)) fail(`function ${i} is ${name} by the map and ${names[imported + i]} in the file`);
});

// Short names, since the two halves know each other by them.
const short = names.map((_, i) => `f${i.toString(36)}`);
const rare = all.flatMap(({ key }, i) => (common.has(key) ? [] : [short[imported + i]]));
if (!rare.length) fail('no function is rare');
writeFileSync(`${out}/named.wasm`, withFunctionNames(whole, short));
writeFileSync(`${out}/rare.txt`, rare.join('\n'));
const run = (/** @type {string} */ tool, /** @type {string[]} */ args) => execFileSync(`${binaryen}/${tool}`, args, { stdio: ['ignore', 'ignore', 'inherit'] });
run('wasm-split', [...features, `--split-funcs=@${out}/rare.txt`, '--no-placeholders', '--export-prefix=%', `${out}/named.wasm`, '-o1', `${out}/common-0.wasm`, '-o2', `${out}/rare-0.wasm`]);
for (const half of ['common', 'rare']) run('wasm-opt', [...flags, '--strip-debug', `${out}/${half}-0.wasm`, '-o', `${out}/${half}.wasm`]);
// Which build it is of: a half of another one would find other numbers under the same names.
const build = /"(.*)"/.exec(readFileSync('build/build_id.h', 'utf8'))?.[1] ?? 'dev';
appendFileSync(`${out}/rare.wasm`, customSection('quern', Buffer.from(`${build} ${variant}`)));
