// RESULTS.md: what passes, by group and by operator, beside onnxruntime-web.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { runInNode } from './runner/in-node.mjs';
import { ROOT, baseline, folderOf } from './suites.mjs';

const HERE = path.join(ROOT, 'tests/conformance');
const row = (...cells) => `| ${cells.join(' | ')} |\n`;
const table = (head, rows) => row(...head) + row(...head.map((_, i) => (i ? '---:' : '---'))) + rows.map((r) => row(...r)).join('');
const passes = (results, cases) => cases.filter((c) => results.get(c.id)?.status === 'pass').length;

/** Sums over the cases that both engines pass, since a case that fails early costs nothing. */
function time(ours, theirs, cases) {
  const both = cases.filter((c) => ours.get(c.id)?.status === 'pass' && theirs.get(c.id)?.status === 'pass');
  const sum = (results) => both.reduce((n, c) => n + results.get(c.id).ms, 0) / 1000;
  return { count: both.length, ours: sum(ours), theirs: sum(theirs) };
}

/**
 * @param {{ suite: string, build: string, cases: any[], results: Map<string, any>, seconds: number }[]} runs
 * @param {string} [ort] a node_modules with onnxruntime-web, to be timed now
 */
export async function writeResults(runs, ort) {
  let text = '# Conformance\n\nWritten by `make conformance`. Each case is a model with inputs and expected outputs; a case passes when every output agrees within ONNX\'s own ' +
    'tolerance (integers exactly).\nWhat does not pass is listed with its reason in [expected.json](expected.json), and by operator in [docs/OPERATORS.md](../../docs/OPERATORS.md).\n';
  for (const suite of new Set(runs.map((r) => r.suite))) {
    const mine = runs.filter((r) => r.suite === suite);
    const { cases } = mine[0];
    const known = suite === 'open' ? baseline() : null;
    const theirs = known && new Map(Object.entries(known.cases));
    const columns = [...mine.map((r) => [`Quern ${r.build}`, r.results]), ...(theirs ? [[`onnxruntime-web ${known.engine.version}`, theirs]] : [])];
    const about = suite === 'debian' ? 'ONNX 1.17\'s cases as Debian packages them; `make deps` unpacks them.'
      : 'A collection of ONNX\'s cases of many releases and of onnxruntime-web\'s own operator tests; onnxruntime-web\'s numbers are those of its wasm backend on the same cases.';
    text += `\n## ${suite}: ${cases.length} cases\n\n${about}\n\n`;
    const line = (name, list) => [name, list.length, ...columns.map(([, results]) => passes(results, list))];
    const groups = [...new Set(cases.map((c) => c.group))];
    text += table(['group', 'cases', ...columns.map(([name]) => name)], [...groups.map((g) => line(g, cases.filter((c) => c.group === g))), line('**all**', cases)]);
    if (suite === 'open' && ort) {
      const { engine, results } = await runInNode(cases, { folder: folderOf(suite), engine: path.join(HERE, 'engine-ort-web.mjs'), options: { dir: ort } });
      text += `\nTime in the cases that both pass (loading, one run, releasing), the same runner on the same machine (${cpus()[0].model}, Node ${process.versions.node}):\n\n`;
      text += table(['build', 'cases', 'Quern, s', `${engine.name} ${engine.version}, s`, 'ratio'], mine.map((r) => {
        const t = time(r.results, results, cases);
        return [r.build, t.count, t.ours.toFixed(1), t.theirs.toFixed(1), (t.ours / t.theirs).toFixed(2)];
      }));
    }
    const ops = [...new Set(cases.map((c) => c.op))].sort();
    text += `\n<details><summary>By operator</summary>\n\n${table(['operator', 'cases', ...columns.map(([name]) => name)], ops.map((op) => line(op, cases.filter((c) => c.op === op))))}\n</details>\n`;
  }
  writeFileSync(path.join(HERE, 'RESULTS.md'), text);
}

/** The types of cases with one operator that pass, in the order of the standard. */
const TYPES = ['float32', 'float64', 'float16', 'bfloat16', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'bool', 'string',
  'int4', 'uint4', 'int2', 'uint2', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0', 'float4e2m1'];

/**
 * What tools/operators.mjs reads: by operator cases, how many pass, and types; and the cases that do not pass by operator and reason.
 * @param {{ suite: string, cases: any[], results: Map<string, any> }[]} runs
 * @param {Record<string, { open: Record<string, string> }>} expected
 */
export function writeSummary(runs, expected) {
  const ops = {}, open = {}, seen = new Set();
  for (const { suite, cases, results } of [...runs].sort((a, b) => b.cases.length - a.cases.length)) // a case of several suites counts once
    for (const c of cases) {
      if (seen.has(c.id)) continue;
      seen.add(c.id);
      const names = Object.keys(c.ops), passed = results.get(c.id)?.status === 'pass';
      const op = names.length === 1 ? names[0] : names.find((n) => n === c.op || n.endsWith(`.${c.op}`)) ?? c.op;
      const entry = ops[op] ??= { cases: 0, passed: 0, types: [] };
      entry.cases++;
      if (passed) entry.passed++;
      else ((open[op] ??= {})[expected[suite]?.open[c.id] ?? 'not known yet'] ??= []).push(c.id);
      if (passed && names.length === 1) for (const { type } of [...c.inputs, ...c.outputs]) for (const t of TYPES) if (type === t || type.includes(`(${t})`)) if (!entry.types.includes(t)) entry.types.push(t);
    }
  for (const entry of Object.values(ops)) entry.types.sort((a, b) => TYPES.indexOf(a) - TYPES.indexOf(b));
  const suites = [...new Set(runs.map((r) => r.suite))].join(' and ');
  writeFileSync(path.join(ROOT, 'build/conformance.json'), JSON.stringify({ suites: `suites ${suites}, ${seen.size} cases`, ops, open }));
}
