// Fails when a wasm imports what its list or lists do not name: node tools/wasm-imports.mjs FILE LIST…
import { readFileSync } from 'node:fs';

const [file, ...lists] = process.argv.slice(2);
const allowed = new Set(lists.flatMap((list) => readFileSync(list, 'utf8').split('\n')).filter((l) => l && !l.startsWith('#')).map((l) => l.split(/\s/)[0]));

/** Reads the import section itself, so that any Node can check a relaxed-SIMD file. */
function imports(bytes) {
  const names = [];
  let at = 8;
  const u32 = () => {
    let v = 0;
    for (let shift = 0; ; shift += 7) {
      const b = bytes[at++];
      v |= (b & 127) << shift;
      if (b < 128) return v >>> 0;
    }
  };
  const text = () => {
    const n = u32();
    at += n;
    return bytes.toString('utf8', at - n, at);
  };
  const limits = () => {
    const flags = u32();
    u32();
    if (flags & 1) u32();
  };
  while (at < bytes.length) {
    const id = bytes[at++];
    const size = u32();
    const end = at + size;
    if (id === 2) {
      for (let n = u32(); n > 0; n--) {
        names.push(`${text()}.${text()}`);
        const kind = bytes[at++];
        if (kind === 0) u32();
        else if (kind === 1) at++, limits();
        else if (kind === 2) limits();
        else if (kind === 3) at += 2;
        else at++, u32();
      }
    }
    at = end;
  }
  return names;
}

const extra = imports(readFileSync(file)).filter((name) => !allowed.has(name));
if (extra.length) {
  console.error(`${file} imports ${extra.join(', ')}, which ${lists.join(' and ')} does not allow.\n` +
    'A name of our own: a function without a body. A name of wasi or libc: something printed, opened a file or exited.');
  process.exit(1);
}
