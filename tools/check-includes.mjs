// Includes follow the arrows: base ← kernel ← feature, base + kernel ← op, base ← model ← graph, all ← quern.h.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

const ALLOWED = {
  base: ['base'], kernel: ['base', 'kernel'], feature: ['base', 'kernel', 'feature'], op: ['base', 'kernel', 'op'],
  model: ['base', 'model'], graph: ['base', 'model', 'op', 'graph'],
};
let bad = 0;
for (const file of readdirSync('src', { recursive: true })) {
  const folder = file.split(path.sep)[0];
  if (!/\.[ch]$/.test(file) || !ALLOWED[folder]) continue;
  const text = readFileSync(path.join('src', file), 'utf8');
  for (const [, target] of text.matchAll(/#include "([^"]+)"/g)) {
    if (!target.includes('/') || ALLOWED[folder].includes(target.split('/')[0])) continue;
    console.log(`src/${file} includes ${target}, against the arrows`);
    bad++;
  }
}
process.exit(bad ? 1 : 0);
