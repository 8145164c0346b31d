// Runs the cases of ONNX natively under the sanitizers, by build/asan/run_cases: node native.mjs [SUITE [BUILD]]
// Cases that expected.json has as open may fail here too; a report of a sanitizer or a crash is a failure always. The full-size
// networks of the group "light" take minutes in this build and are left out.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { casesOf } from './runner/suite.mjs';
import { ROOT, folderOf, readExpected } from './suites.mjs';

const [suite = 'debian', build = 'asan'] = process.argv.slice(2);
const folder = folderOf(suite);
if (!folder) {
  console.log(`SKIP: native conformance: the suite ${suite} is not here\n0 passed, ${process.env.CI ? 1 : 0} failed, ${process.env.CI ? 0 : 1} skipped`);
  process.exit(process.env.CI ? 1 : 0);
}
const program = path.join(ROOT, `build/${build}/run_cases`);
const { open = {} } = readExpected()[suite] ?? {};
const cases = casesOf(folder).filter((c) => c.group !== 'light');
const sum = { passed: 0, failed: 0, skipped: 0, open: 0 };

for (const group of new Set(cases.map((c) => c.group))) {
  const into = path.join(ROOT, 'build/cases', path.basename(folder), group);
  if (!existsSync(into)) {
    mkdirSync(into, { recursive: true });
    execFileSync('tar', ['-xzf', path.join(folder, `${group}.tar.gz`), '-C', into]);
  }
  const names = cases.filter((c) => c.group === group).map((c) => c.name);
  for (let i = 0; i < names.length; i += 40) {
    let chunk = names.slice(i, i + 40);
    while (chunk.length) {
      const { stdout, stderr, status } = spawnSync(program, chunk.map((n) => path.join(into, n)), { encoding: 'utf8', maxBuffer: 1 << 28, timeout: 300000 });
      const lines = stdout.split('\n');
      const done = lines.map((l) => /^(PASS|FAIL|SKIP) ([^:]+): ?(.*)/.exec(l)).filter(Boolean);
      for (const [, what, name, why] of done) {
        if (what === 'PASS') sum.passed++;
        else if (what === 'SKIP' || open[`${group}/${name}`]) sum.open++;
        else {
          sum.failed++;
          console.log(`FAIL ${group}/${name}: ${why}`);
        }
      }
      if (status === 0 || status === 1) break;
      // the case after the last one that was reported ended the program
      console.log(`FAIL ${group}/${chunk[done.length]}: ${stderr.slice(0, 3000)}`);
      sum.failed++;
      chunk = chunk.slice(done.length + 1);
    }
  }
}
console.log(`conformance ${suite}, native under ASan and UBSan: ${sum.passed} of ${cases.length} pass, ${sum.open} open or of kinds that run_cases cannot hand over`);
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exit(sum.failed ? 1 : 0);
