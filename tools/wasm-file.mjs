// Reads and writes the sections of a wasm file, so far as the build needs it; any Node can, whatever instructions are inside.

/** @param {Buffer} bytes @param {number} at */
export function cursor(bytes, at = 0) {
  const self = {
    at,
    u32() {
      let v = 0;
      for (let shift = 0; ; shift += 7) {
        const b = bytes[self.at++];
        v += (b & 127) * 2 ** shift;
        if (b < 128) return v;
      }
    },
    text() {
      const n = self.u32();
      self.at += n;
      return bytes.toString('utf8', self.at - n, self.at);
    },
    byte: () => bytes[self.at++],
  };
  return self;
}

/** @param {Buffer} bytes @returns {{ id: number, begin: number, from: number, end: number, name: string }[]} begin: of the header; name: of a custom section */
export function sections(bytes) {
  const list = [], c = cursor(bytes, 8);
  while (c.at < bytes.length) {
    const begin = c.at, id = c.byte(), size = c.u32(), end = c.at + size;
    const name = id === 0 ? c.text() : '';
    list.push({ id, begin, from: c.at, end, name });
    c.at = end;
  }
  return list;
}

/** @param {Buffer} bytes @returns {{ name: string, kind: 'function' | 'table' | 'memory' | 'global' | 'tag' }[]} as module.name */
export function imports(bytes) {
  const section = sections(bytes).find(({ id }) => id === 2), names = [];
  if (!section) return [];
  const c = cursor(bytes, section.from);
  const limits = () => {
    const flags = c.u32();
    c.u32();
    if (flags & 1) c.u32();
  };
  for (let n = c.u32(); n > 0; n--) {
    const name = `${c.text()}.${c.text()}`, kind = c.byte();
    if (kind === 0) c.u32();
    else if (kind === 1) c.byte(), limits();
    else if (kind === 2) limits();
    else if (kind === 3) c.at += 2;
    else c.byte(), c.u32();
    names.push({ name, kind: /** @type {any} */ (['function', 'table', 'memory', 'global', 'tag'][kind]) });
  }
  return names;
}

/** Names of functions by index, from the name section. @param {Buffer} bytes @returns {string[]} */
export function functionNames(bytes) {
  const section = sections(bytes).find(({ name }) => name === 'name'), names = [];
  if (!section) return [];
  const c = cursor(bytes, section.from);
  while (c.at < section.end) {
    const id = c.byte(), end = c.u32() + c.at;
    if (id === 1) for (let n = c.u32(); n > 0; n--) names[c.u32()] = c.text();
    c.at = end;
  }
  return names;
}

/** @param {number} value @returns {number[]} */
const leb = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...leb(Math.floor(value / 128))]);
/** @param {string} text */
const string = (text) => Buffer.concat([Buffer.from(leb(Buffer.byteLength(text))), Buffer.from(text)]);

/** @param {string} name @param {Buffer} contents */
export function customSection(name, contents) {
  const body = Buffer.concat([string(name), contents]);
  return Buffer.concat([Buffer.from([0, ...leb(body.length)]), body]);
}

/** The file with other names for its functions, by index. @param {Buffer} bytes @param {string[]} names */
export function withFunctionNames(bytes, names) {
  const old = sections(bytes).find(({ name }) => name === 'name');
  const kept = old ? Buffer.concat([bytes.subarray(0, old.begin), bytes.subarray(old.end)]) : bytes;
  const map = Buffer.concat([Buffer.from(leb(names.length)), ...names.map((name, i) => Buffer.concat([Buffer.from(leb(i)), string(name)]))]);
  return Buffer.concat([kept, customSection('name', Buffer.concat([Buffer.from([1, ...leb(map.length)]), map]))]);
}
