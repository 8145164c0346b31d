// ONNX's cases on the graphics card, in Chromium with a software adapter: node webgpu.mjs [--islands] [--filter REGEX] [--every N] [--cases]
// Without --islands a step that has no kernel there is a failure. Within 1e-3, or 1e-5 of the value, as onnxruntime-web compares its own.
// The last line is `N passed, N failed, N skipped`.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { SWIFTSHADER, launch } from '../browser/helpers/browser.mjs';
import { runInBrowser } from './runner/in-browser.mjs';
import { casesOf } from './runner/suite.mjs';
import { ROOT, SUITES, folderOf } from './suites.mjs';

const { values: option } = parseArgs({ options: { islands: { type: 'boolean' }, filter: { type: 'string' }, every: { type: 'string', default: '1' }, cases: { type: 'boolean' }, suite: { type: 'string' } } });
const HERE = path.join(ROOT, 'tests/conformance'), DIST = path.resolve(ROOT, process.env.QUERN_DIST ?? 'dist');
const suite = option.suite ?? SUITES.filter((name) => folderOf(name)).at(-1) ?? 'debian', folder = folderOf(suite);
if (!folder) {
  console.log(`SKIP: conformance suite ${suite}: it is not here\n0 passed, 0 failed, 1 skipped`);
  process.exit(0);
}
const cases = casesOf(folder, { filter: option.filter }).filter((_, i) => i % Number(option.every) === 0);
const browser = await launch(SWIFTSHADER);
const start = performance.now();
let passed = 0;
const why = new Map(), lines = [];
try {
  const { results } = await runInBrowser(cases, { folder, engine: '/conformance/engine-webgpu.mjs', roots: { conformance: HERE, dist: DIST }, timeout: 120, browser,
    options: { dist: '/dist/', islands: option.islands ? 'yes' : 'no' }, tol: { rtol: 1e-5, atol: 1e-3, mode: 'either' } });
  for (const meta of cases) {
    const { status = 'missing', cause = '', detail = '' } = results.get(meta.id) ?? {};
    if (status === 'pass') passed++;
    else {
      const reason = `${status} ${cause}: ${detail}`.replace(/'[^']*'/g, '…').slice(0, 110);
      why.set(reason, (why.get(reason) ?? 0) + 1);
      lines.push(`${meta.id}: ${status} ${cause} ${detail}`.slice(0, 300));
    }
  }
} finally {
  await browser.close();
}
if (option.cases) console.log(lines.join('\n'));
else for (const [reason, n] of [...why].sort((a, b) => b[1] - a[1]).slice(0, 60)) console.log(String(n).padStart(5), reason);
console.log(`conformance ${suite} on WebGPU${option.islands ? '' : ', no step on the CPU'}: ${passed} of ${cases.length} pass, ${Math.round((performance.now() - start) / 1000)} s`);
console.log(`${passed} passed, ${cases.length - passed} failed, 0 skipped`);
