// Runs the conformance suites and compares with what is known: node conformance.mjs [options]
//   --suite debian|open|FOLDER   (default: each that is there)   --build simd|relaxed (default: both)   --browser  in Chromium instead of Node
//   --filter REGEX   --groups a,b   --every N (each N-th case)   --update (writes expected.json)   --results (writes RESULTS.md)
//   --ort FOLDER (a node_modules with onnxruntime-web, timed for RESULTS.md)   --cases (prints each case that does not pass)
// A case that is not in expected.json has to pass in every build. The last line is `N passed, N failed, N skipped`; open cases are printed,
// not counted as failures. The exit status is 1 when a case fails that is known to pass.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { launch, skipReason } from '../browser/helpers/browser.mjs';
import { writeResults, writeSummary } from './results.mjs';
import { runInBrowser } from './runner/in-browser.mjs';
import { runInNode } from './runner/in-node.mjs';
import { casesOf } from './runner/suite.mjs';
import { ROOT, SUITES, folderOf, readExpected, reasonOf, writeExpected } from './suites.mjs';

const { values: option } = parseArgs({ options: {
  suite: { type: 'string' }, build: { type: 'string' }, browser: { type: 'boolean' }, filter: { type: 'string' }, groups: { type: 'string' },
  every: { type: 'string', default: '1' }, update: { type: 'boolean' }, results: { type: 'boolean' }, ort: { type: 'string' }, cases: { type: 'boolean' } } });
const HERE = path.join(ROOT, 'tests/conformance');
const DIST = path.resolve(ROOT, process.env.QUERN_DIST ?? 'dist');
const RELAXED = Number(process.versions.node.split('.')[0]) < 22 ? ['--experimental-wasm-relaxed-simd'] : []; // later versions have it on

/** @param {string} folder @param {any[]} cases @param {string} build */
async function run(folder, cases, build) {
  if (!option.browser)
    return runInNode(cases, { folder, engine: path.join(HERE, 'engine.mjs'), options: { build, dist: pathToFileURL(DIST + path.sep).href }, execArgv: build === 'relaxed' ? RELAXED : [] });
  const browser = await launch();
  try {
    return await runInBrowser(cases, { folder, engine: '/conformance/engine.mjs', roots: { conformance: HERE, dist: DIST }, options: { build, dist: '/dist/' }, browser });
  } finally {
    await browser.close();
  }
}

const count = { passed: 0, failed: 0, skipped: 0 };
const expected = readExpected();
const partial = Boolean(option.filter || option.groups || Number(option.every) > 1);
const runs = [];

for (const suite of option.suite ? [option.suite] : SUITES) {
  const folder = folderOf(suite);
  const why = !folder ? 'it is not here' : option.browser && skipReason(['index.js']);
  if (!folder || why) {
    const needed = process.env.CI && suite === 'debian';
    console.log(`SKIP: conformance suite ${suite}: ${why}`);
    count[needed ? 'failed' : 'skipped']++;
    continue;
  }
  const all = casesOf(folder, { groups: option.groups?.split(','), filter: option.filter });
  const cases = all.filter((_, i) => i % Number(option.every) === 0);
  const known = expected[suite] ??= { cases: 0, open: {} };
  const open = {}, better = new Map();
  for (const build of option.build ? [option.build] : ['simd', 'relaxed']) {
    const start = performance.now();
    const { results } = await run(folder, cases, build);
    const seconds = (performance.now() - start) / 1000;
    let passed = 0, failed = 0;
    for (const meta of cases) {
      const result = results.get(meta.id), fine = result?.status === 'pass';
      if (fine) {
        passed++;
        if (known.open[meta.id]) better.set(meta.id, (better.get(meta.id) ?? 0) + 1);
        continue;
      }
      open[meta.id] = reasonOf(suite, meta, result ?? { status: 'crash', cause: 'lost' });
      if (!known.open[meta.id]) {
        failed++;
        if (!option.update) console.log(`FAIL ${suite} ${build} ${meta.id}: ${open[meta.id]}`);
      } else if (option.cases) {
        console.log(`open ${meta.id}: ${open[meta.id]}`);
      }
    }
    count.passed += passed;
    count.failed += option.update ? 0 : failed;
    runs.push({ suite, build, cases, results, seconds });
    console.log(`conformance ${suite}, ${build}${option.browser ? ' in Chromium' : ''}: ${passed} of ${cases.length} pass, ${cases.length - passed - failed} known not to, ${seconds.toFixed(0)} s`);
  }
  if (!partial && !option.update && known.cases !== all.length) {
    console.log(`FAIL ${suite}: it has ${all.length} cases, expected.json is for ${known.cases}`);
    count.failed++;
  }
  const builds = option.build ? 1 : 2;
  const now = [...better].filter(([id, n]) => n === builds && !open[id] && !/^(doubtful|compares random)/.test(known.open[id])).map(([id]) => id);
  if (now.length && !option.update) console.log(`conformance ${suite}: ${now.length} more cases pass than expected.json knows; make conformance UPDATE=1 writes them down${option.cases ? `: ${now.join(' ')}` : ''}`);
  if (option.update) {
    // what compares random numbers may pass once by chance, and what is doubtful stays so
    const kept = Object.entries(known.open).filter(([id, reason]) => (partial && !cases.some((c) => c.id === id)) || /^(doubtful|compares random)/.test(reason));
    expected[suite] = { cases: partial ? known.cases : all.length, open: { ...Object.fromEntries(kept), ...open } };
  }
}
if (option.update) writeExpected(expected);
if (!partial) writeSummary(runs, expected);
if (option.results) await writeResults(runs, option.ort);
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed ? 1 : 0);
