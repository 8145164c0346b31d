// Fails when a wasm imports what its list or lists do not name: node tools/wasm-imports.mjs FILE LIST…
import { readFileSync } from 'node:fs';
import { imports } from './wasm-file.mjs';

const [file, ...lists] = process.argv.slice(2);
const allowed = new Set(lists.flatMap((list) => readFileSync(list, 'utf8').split('\n')).filter((l) => l && !l.startsWith('#')).map((l) => l.split(/\s/)[0]));
const extra = imports(readFileSync(file)).map(({ name }) => name).filter((name) => !allowed.has(name));
if (extra.length) {
  console.error(`${file} imports ${extra.join(', ')}, which ${lists.join(' and ')} does not allow.\n` +
    'A name of our own: a function without a body. A name of wasi or libc: something printed, opened a file or exited.');
  process.exit(1);
}
