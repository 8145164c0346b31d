// The JavaScript of dist/: bundles by esbuild, declarations by TypeScript from the JSDoc.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const id = /"(.*)"/.exec(readFileSync('build/build_id.h', 'utf8'))[1];
const shared = { bundle: true, minify: true, target: 'es2022', legalComments: 'none', logLevel: 'warning', define: { QUERN_BUILD_ID: JSON.stringify(id) },
  platform: 'neutral', external: ['node:*'] };
mkdirSync('dist', { recursive: true });

const stamp = 'build/js.id';
const sources = readdirSync('web', { recursive: true }).filter((f) => !f.startsWith('demo')).map((f) => path.join('web', f));
const newest = Math.max(...[...sources, 'tools/build-js.mjs', 'build/build_id.h'].map((f) => statSync(f).mtimeMs));
if (!existsSync(stamp) || statSync(stamp).mtimeMs < newest || !existsSync('dist/index.js')) {
  const classic = { ...shared, format: 'iife', define: { ...shared.define, 'import.meta.url': 'QUERN_SCRIPT_URL' } };
  // where a classic script lies: known while it runs, not later
  const here = 'var QUERN_SCRIPT_URL = (typeof document !== "undefined" && document.currentScript && document.currentScript.src) || self.location.href;';
  await Promise.all([
    build({ ...shared, format: 'esm', entryPoints: ['web/index.js', 'web/ort.js'], outdir: 'dist' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/worker/worker.js'], outfile: 'dist/worker.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/core/delivery.js'], outfile: 'dist/delivery.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/report/index.js'], outfile: 'dist/report.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/monitor/index.js'], outfile: 'dist/monitor.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/cli/main.js'], outfile: 'dist/cli.js' }),
    build({ ...classic, banner: { js: here }, entryPoints: ['web/quern.js'], outfile: 'dist/quern.js' }),
    build({ ...classic, banner: { js: here }, entryPoints: ['web/worker/worker.js'], outfile: 'dist/worker.classic.js' }),
    // for require(), in Node and in bundlers
    build({ ...classic, format: 'cjs', platform: 'node', banner: { js: 'var QUERN_SCRIPT_URL = typeof __filename === "string" ? require("node:url").pathToFileURL(__filename).href : document.currentScript.src;' },
      entryPoints: ['web/index.js', 'web/ort.js'], outdir: 'dist', outExtension: { '.js': '.cjs' } }),
  ]);
  // the minifier drops the words that keep bundlers from following a URL which is only known while the page runs
  for (const file of readdirSync('dist').filter((f) => /\.c?js$/.test(f))) {
    const text = readFileSync(`dist/${file}`, 'utf8');
    writeFileSync(`dist/${file}`, text.replace(/\bimport\((?=[\w$]+\)|new URL)/g, 'import(/* webpackIgnore: true *//* @vite-ignore */'));
  }
  execFileSync('node_modules/.bin/tsc', ['-p', 'web/tsconfig.json', '--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--outDir', 'dist/types'], { stdio: 'inherit' });
  for (const file of ['ort/ort-types.d.ts', 'ort/ort-types.d.cts']) copyFileSync('web/ort/ort-types.d.ts', `dist/types/${file}`); // written by hand, so not by tsc
  writeFileSync(stamp, id);
}
