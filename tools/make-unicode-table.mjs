// Writes src/feature/text/unicode_table.h from the Unicode data of this Node: node tools/make-unicode-table.mjs. Run it when Unicode grows.
// JavaScript tells no combining classes and no decompositions of one step; both follow from how it normalizes.
import { writeFileSync } from 'node:fs';

const CATEGORIES = 'Cn Cc Cf Co Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp'.split(' ');
const chars = [];
for (let c = 0; c < 0x110000; c++) if (c < 0xd800 || c > 0xdfff) chars.push(c);
const text = (...list) => String.fromCodePoint(...list);
const points = (string) => [...string].map((ch) => ch.codePointAt(0));
const same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);

/** Numbers of 7 bits, low ones first. */
const varint = (n) => { const out = []; for (; n > 127; n = Math.floor(n / 128)) out.push(128 + n % 128); out.push(n); return out; };
const zigzag = (n) => varint(n < 0 ? -2 * n - 1 : 2 * n);

// Runs of one general category: its number and, in the upper bits, the length, or a varint behind it when that is 8 or more. Surrogates count as unassigned.
const tests = CATEGORIES.map((name) => new RegExp(`\\p{${name}}`, 'u'));
let last = 0;
const categoryOf = (c) => {
  if (c >= 0xd800 && c <= 0xdfff) return 0;
  const ch = text(c);
  if (!tests[last].test(ch)) last = tests.findIndex((t) => t.test(ch));
  return last;
};
const categories = Uint8Array.from({ length: 0x110000 }, (_, c) => categoryOf(c));
const runs = (values, put) => { for (let c = 0; c < values.length;) { let end = c; while (end < values.length && values[end] === values[c]) end++; put(c, end - c, values[c]); c = end; } };
const CATEGORY = [];
runs(categories, (_, n, v) => CATEGORY.push(...(n < 8 ? [v + 32 * n] : [v, ...varint(n)])));

// Canonical combining classes: only their order matters. Two marks change places exactly when the first has the higher class, none being zero.
const swaps = (a, b) => { const d = 'b'.normalize('NFD'); return same(points((d + text(a, b)).normalize('NFD')).slice(1), [b, a]); };
const marks = chars.filter((c) => [9, 10, 11].includes(categories[c]) && same(points(text(c).normalize('NFD')), [c]));
const combining = marks.filter((c) => swaps(c, 0x334) || swaps(0x345, c));
if (!combining.includes(0x334)) combining.push(0x334);
if (!combining.includes(0x345)) combining.push(0x345);
const classes = [];
for (const c of combining.sort((a, b) => a - b)) {
  let low = 0, high = classes.length;
  while (low < high) {
    const mid = (low + high) >> 1, other = classes[mid][0];
    if (swaps(c, other)) low = mid + 1; // c has the higher class
    else if (swaps(other, c)) high = mid;
    else { low = -1 - mid; break; }
  }
  if (low < 0) classes[-1 - low].push(c);
  else classes.splice(low, 0, [c]);
}
const order = new Uint8Array(0x110000);
classes.forEach((members, i) => { for (const c of members) order[c] = i + 1; });
const CLASS = []; // gap since the last run, its length, its class
let end = 0;
runs(order, (c, n, v) => { if (v) { CLASS.push(...varint(c - end), ...varint(n), v); end = c + n; } });

// Decompositions in full: gap since the last character, 2 × length + (1: it is never composed), the distances of its parts from it (the first) or from the one before.
const syllable = (c) => c >= 0xac00 && c < 0xac00 + 11172;
function table(entries) {
  const bytes = [];
  let before = 0;
  for (const [c, parts, flag] of entries) {
    bytes.push(...varint(c - before), ...varint(2 * parts.length + flag));
    parts.forEach((p, i) => bytes.push(...zigzag(p - (i ? parts[i - 1] : c))));
    before = c;
  }
  return bytes;
}
const nfd = new Map(), nfkd = new Map();
for (const c of chars) {
  if (syllable(c)) continue;
  const ch = text(c), d = points(ch.normalize('NFD')), k = points(ch.normalize('NFKD'));
  if (!same(d, [c])) nfd.set(c, d);
  if (!same(k, d)) nfkd.set(c, k);
}
for (const [c, k] of [...nfkd]) if (nfd.has(c) && same(points(text(...nfd.get(c).flatMap((p) => nfkd.get(p) ?? [p])).normalize('NFD')), k)) nfkd.delete(c);
const CANONICAL = table([...nfd].map(([c, d]) => [c, d, Number(text(c).normalize('NFC') !== text(c))]));
const COMPATIBLE = table([...nfkd].map(([c, k]) => [c, k, 0]));

// What a grapheme cluster takes in behind a letter (Extend and SpacingMark), where that is not just the marks; gap and length of each run.
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const clusters = (string) => [...segmenter.segment(string)].length;
const isMark = (c) => [9, 10, 11].includes(categories[c]);
const JOINS = [];
end = 0;
runs(Uint8Array.from({ length: 0x110000 }, (_, c) => Number(!(c >= 0xd800 && c <= 0xdfff) && categories[c] !== 0 && (clusters('a' + text(c)) === 1) !== isMark(c))), (c, n, v) => {
  if (v) { JOINS.push(...varint(c - end), ...varint(n)); end = c + n; }
});
// Characters that join what follows.
const prepends = chars.filter((c) => categories[c] !== 0 && clusters(text(c) + 'a') === 1);
const PREPENDS = [];
end = 0;
for (let i = 0; i < prepends.length;) { let k = i; while (prepends[k + 1] === prepends[k] + 1) k++; PREPENDS.push(...varint(prepends[i] - end), ...varint(k - i + 1)); end = prepends[k] + 1; i = k + 1; }

// What the C code knows by heart.
const symbols = chars.filter((c) => /\p{Alphabetic}/u.test(text(c)) && ![4, 5, 6, 7, 8, 9, 10, 11, 13].includes(categories[c]));
if (symbols.some((c) => !((c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189)))) throw new Error('other alphabetic symbols');
for (const c of chars) if (c !== 0x130 && points(text(c).toLowerCase()).length !== 1) throw new Error(`${c.toString(16)} has a longer lower case`);

const write = (name, bytes) => {
  let body = '';
  for (let k = 0; k < bytes.length; k += 36) body += `  ${bytes.slice(k, k + 36).join(', ')},\n`;
  return `static const uint8_t UNICODE_${name}[${bytes.length}] = {\n${body}};\n`;
};
writeFileSync(new URL('../src/feature/text/unicode_table.h', import.meta.url),
  `/* Categories, combining classes, decompositions and what joins grapheme clusters, of Unicode ${process.versions.unicode}, made by tools/make-unicode-table.mjs. */\n`
  + `#define UNICODE_CANONICAL_COUNT ${nfd.size}\n#define UNICODE_COMPATIBLE_COUNT ${nfkd.size}\n`
  + `#define UNICODE_CANONICAL_PARTS ${[...nfd.values()].flat().length}\n#define UNICODE_COMPATIBLE_PARTS ${[...nfkd.values()].flat().length}\n`
  + write('CATEGORY', CATEGORY) + write('CLASS', CLASS) + write('CANONICAL', CANONICAL) + write('COMPATIBLE', COMPATIBLE) + write('JOINS', JOINS) + write('PREPENDS', PREPENDS));
console.log(`${classes.length} classes, ${nfd.size} canonical and ${nfkd.size} compatible decompositions; bytes`, [CATEGORY, CLASS, CANONICAL, COMPATIBLE, JOINS, PREPENDS].map((t) => t.length).join(' '));
