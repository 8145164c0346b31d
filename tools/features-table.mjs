// docs/STEPS.md: every step with its parameters, from the tables of a build.
//   node tools/features-table.mjs LIST_STEPS [--check]
// LIST_STEPS is the program that prints the tables. --check writes nothing and fails when the file is not what would be written.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const FILE = 'docs/STEPS.md';
const [program, check] = process.argv.slice(2);
const TAKES = { any: 'tensors', picture: 'a picture', sound: 'sound', text: 'text', rows: 'rows', strokes: 'strokes' };
const FAR = 1e29; // a bound beyond it bounds nothing

/** @param {string} text */
const number = (text) => String(Number(text));

/** @param {string} least @param {string} most */
function range(least, most) {
  const low = Number(least) > -FAR, high = Number(most) < FAR;
  return low && high ? `${number(least)} … ${number(most)}` : low ? `from ${number(least)}` : high ? `to ${number(most)}` : '';
}

/** @param {string[]} param name, kind, least, most, fallback, choices, counts */
function describe([name, kind, least, most, fallback, choices, few, many]) {
  const required = /nan/i.test(fallback), between = range(least, most), list = choices.split('|');
  const counts = Number(many) > 0 && Number(many) < 1 << 20 ? (few === many ? `${few} ` : `${few} to ${many} `) : '';
  const text = {
    number: between || 'a number', int: between ? `whole, ${between}` : 'a whole number', bool: '`true` or `false`', choice: list.map((c) => `\`${c}\``).join(', '),
    numbers: `${counts}numbers${between ? `, ${between}` : ''}`, text: 'text', texts: 'texts, or the name of a file with one a line', file: 'the name of a file', tree: 'JSON',
  }[kind];
  const otherwise = required ? 'required'
    : kind === 'choice' ? `\`${list[Number(fallback)]}\`` : kind === 'bool' ? `\`${Number(fallback) !== 0}\`` : (kind === 'number' || kind === 'int') && Math.abs(Number(fallback)) < FAR && Number(fallback) >= Number(least) && Number(fallback) <= Number(most) ? number(fallback) : '';
  return `| \`${name}\` | ${text} | ${otherwise} |`;
}

let text = `# The steps and their parameters

Written by \`make steps\` from the tables that manifests are checked against. What they do: [FEATURES.md](FEATURES.md). Every step also takes
\`input\`, a name or a list of names, and \`as\`, the names of its results. An empty last column: nothing, unless the step's description says what.
`;
for (const line of execFileSync(program, { encoding: 'utf8' }).trim().split('\n')) {
  const [what, ...rest] = line.split('\t');
  if (what === 'step') {
    const [name, source, whole] = rest;
    text += `\n## ${name}\n\nTakes ${TAKES[source]}.${whole === '1' ? ' Not in a stream.' : ''}\n`;
  } else {
    if (!/\|\n$/.test(text)) text += '\n| parameter | values | otherwise |\n| --- | --- | --- |\n';
    text += `${describe(rest)}\n`;
  }
}

if (check) {
  const same = existsSync(FILE) && readFileSync(FILE, 'utf8') === text;
  if (!same) console.log(`${FILE} does not have the steps of this build: run make steps`);
  process.exit(same ? 0 : 1);
}
writeFileSync(FILE, text);
console.log(`${FILE}: ${text.match(/^## /gm)?.length ?? 0} steps`);
