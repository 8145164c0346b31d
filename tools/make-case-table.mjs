// Writes src/kernel/case_table.h from the Unicode data of this Node: node tools/make-case-table.mjs. Run it when Unicode grows.
import { writeFileSync } from 'node:fs';

const lower = new Map([[0x130, 0x69]]); // İ: its simple mapping; JavaScript has the full one
const upper = new Map();
for (let c = 0; c < 0x110000; c++) {
  if (c >= 0xd800 && c < 0xe000) continue;
  const ch = String.fromCodePoint(c);
  const simple = (mapped, map) => { if ([...mapped].length === 1 && mapped !== ch) map.set(c, mapped.codePointAt(0)); };
  simple(ch.toLowerCase(), lower);
  simple(ch.toUpperCase(), upper);
}
const pairs = [...lower].filter(([c, l]) => upper.get(l) === c);
const tables = [pairs, [...lower].filter(([c, l]) => upper.get(l) !== c), [...upper].filter(([c, u]) => lower.get(u) !== c)];

/** Runs of equal distance, one or two apart, as numbers of 7 bits: gap since the last run, length and step, distance. */
function pack(list) {
  const bytes = [];
  const put = (n) => { for (; n > 127; n = Math.floor(n / 128)) bytes.push(128 + n % 128); bytes.push(n); };
  list.sort(([a], [b]) => a - b);
  let end = 0;
  for (let i = 0; i < list.length;) {
    let best = i, step = 1;
    for (const s of [1, 2]) {
      let k = i;
      while (k + 1 < list.length && list[k + 1][0] - list[k][0] === s && list[k + 1][1] - list[k + 1][0] === list[i][1] - list[i][0]) k++;
      if (k > best) [best, step] = [k, s];
    }
    const distance = list[i][1] - list[i][0];
    put(list[i][0] - end);
    put((best - i) * 2 + step - 1);
    put(distance < 0 ? -2 * distance - 1 : 2 * distance);
    end = list[best][0];
    i = best + 1;
  }
  return bytes;
}

const names = ['PAIRS', 'LOWER_ONLY', 'UPPER_ONLY'];
const text = `/* Simple case mappings of Unicode ${process.versions.unicode}, made by tools/make-case-table.mjs: runs of characters of one distance. */\n`
  + tables.map((t, i) => {
    const bytes = pack(t);
    let body = '';
    for (let k = 0; k < bytes.length; k += 36) body += `  ${bytes.slice(k, k + 36).join(', ')},\n`;
    return `static const uint8_t CASE_${names[i]}[${bytes.length}] = {\n${body}};\n`;
  }).join('');
writeFileSync(new URL('../src/kernel/case_table.h', import.meta.url), text);
