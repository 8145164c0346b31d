// docs/OPERATORS.md from the operator table of a build and the last run of `make conformance`:
//   node tools/operators.mjs LIST_OPERATORS [--check]
// LIST_OPERATORS is the program that prints the table. What a run says of an operator stays in the file until the next run. --check writes
// nothing and fails when the table in the file is not the build's.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const FILE = 'docs/OPERATORS.md', RUN = 'build/conformance.json';
const [program, check] = process.argv.slice(2);

/** @typedef {{ domain: string, name: string, since: number, until: number }} Entry */
/** @type {Entry[]} */
const entries = execFileSync(program, { encoding: 'utf8' }).trim().split('\n').map((line) => {
  const [domain, name, since, until] = line.split(' ');
  return { domain: domain === '-' ? '' : domain, name, since: Number(since), until: Number(until) };
}).filter((e) => e.domain !== 'quern'); // those are made by passes, no file has them
// Operators that are others put together have a template instead of an entry.
for (const [, name] of readFileSync('src/graph/expand_contrib.c', 'utf8').matchAll(/^ {4}\{"(\w+)", "/gm)) entries.push({ domain: 'com.microsoft', name, since: 1, until: 0 });

/** The opsets that an operator's entries serve together, e.g. "1–6, 9+". @param {Entry[]} list */
function opsets(list) {
  const ranges = [];
  for (const { since, until } of list.map((e) => ({ since: e.since, until: e.until || Infinity })).sort((a, b) => a.since - b.since)) {
    const last = ranges.at(-1);
    if (last && since <= last.until + 1) last.until = Math.max(last.until, until);
    else ranges.push({ since, until });
  }
  return ranges.map((r) => (r.until === Infinity ? `${r.since}+` : r.since === r.until ? `${r.since}` : `${r.since}–${r.until}`)).join(', ');
}

const full = (/** @type {string} */ domain, /** @type {string} */ name) => (domain ? `${domain}.${name}` : name);
/** @type {Map<string, Entry[]>} */
const table = new Map();
for (const e of entries) table.set(full(e.domain, e.name), [...(table.get(full(e.domain, e.name)) ?? []), e]);

const old = existsSync(FILE) ? readFileSync(FILE, 'utf8') : '';
const run = existsSync(RUN) ? JSON.parse(readFileSync(RUN, 'utf8')) : null;
/** Rows of the file as it is. @type {Map<string, string[]>} */
const rows = new Map([...old.matchAll(/^\| `([^`]+)` \| (.*) \|$/gm)].map((m) => [m[1], m[2].split(' | ')]));

if (check) {
  const now = new Map([...table].map(([op, list]) => [op, opsets(list)]));
  const stale = [...[...now].filter(([op, o]) => rows.get(op)?.[0] !== o).map(([op]) => op), ...[...rows.keys()].filter((op) => !now.has(op))];
  if (stale.length) console.log(`${FILE} does not have the operator table of this build (${stale.join(', ')}): run make operators`);
  process.exit(stale.length ? 1 : 0);
}

/** @param {string} op */
function row(op) {
  const seen = run?.ops[op];
  const [, types = '', , cases = ''] = rows.get(op) ?? [];
  return `| \`${op}\` | ${[opsets(/** @type {Entry[]} */ (table.get(op))), seen ? seen.types.join(' ') : run ? '' : types, 'CPU',
    seen ? `${seen.passed} of ${seen.cases}` : run ? '' : cases].join(' | ')} |`;
}

const domains = [...new Set([...table.keys()].map((op) => (op.includes('.') ? op.slice(0, op.lastIndexOf('.')) : '')))].sort();
let text = `# Operators

Written by \`make operators\` from the operator table and the last run of \`make conformance\`. *Opsets*: versions of the operator's domain that
are served. *Types*: those of inputs and outputs in single-operator cases that pass; others may work. *Cases*: of ONNX's and onnxruntime-web's
own tests of the operator, how many pass (${run ? run.suites : /own tests of the operator, how many pass \(([^)]*)\)/.exec(old)?.[1] ?? 'none run yet'}).
A model with an operator that is missing is refused at loading, with all missing ones named at once.
`;
for (const domain of domains) {
  const ops = [...table.keys()].filter((op) => (op.includes('.') ? op.slice(0, op.lastIndexOf('.')) : '') === domain).sort();
  text += `\n## ${domain || 'ai.onnx'}\n\n${ops.length} operators.\n\n| operator | opsets | types | runs on | cases |\n| --- | --- | --- | --- | --- |\n${ops.map(row).join('\n')}\n`;
}

const OPEN = '\n## Cases that do not pass\n';
if (!run) {
  text += old.includes(OPEN) ? old.slice(old.indexOf(OPEN)) : '';
} else {
  text += `${OPEN}\nBy the operator that a case is about, with the reason.\n\n`;
  const list = Object.entries(run.open).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [op, reasons] of list) {
    text += `**${op}**\n`;
    /** @type {Record<string, string[]>} */
    const merged = {};
    for (const [reason, ids] of Object.entries(reasons)) (merged[reason.replace(/ \(opset \d+\)/g, '')] ??= []).push(...ids);
    for (const [reason, ids] of Object.entries(merged)) text += `- ${reason.replace(/[<|*_]/g, '\\$&')}: ${ids.join(', ')}\n`;
    text += '\n';
  }
}
writeFileSync(FILE, text.trimEnd() + '\n');
