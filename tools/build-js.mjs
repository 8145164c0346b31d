// The JavaScript of dist/: bundles by esbuild, declarations by TypeScript from the JSDoc.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const id = /"(.*)"/.exec(readFileSync('build/build_id.h', 'utf8'))[1];
const shared = { bundle: true, minify: true, target: 'es2022', legalComments: 'none', logLevel: 'warning', define: { QUERN_BUILD_ID: JSON.stringify(id) },
  platform: 'neutral', external: ['node:*'] };
mkdirSync('dist', { recursive: true });

/** Ed25519 for browsers whose WebCrypto has none: one file of an npm package, pinned by its SHA-256. Its path, or null. */
function noble() {
  const file = 'build/noble-ed25519.js', hash = (f) => createHash('sha256').update(readFileSync(f)).digest('hex');
  if (existsSync(file)) return file;
  const work = mkdtempSync('build/unpack-');
  try {
    const tarball = execFileSync('npm', ['pack', '@noble/ed25519@3.2.0', '--silent', '--prefer-offline', '--pack-destination', work], { encoding: 'utf8' }).trim().split('\n').pop();
    execFileSync('tar', ['-xzf', path.join(work, tarball), '-C', work]);
    if (hash(`${work}/package/index.js`) !== 'a4f631d1876b5d9e43a86cd71194ca27b5e1451edf4ba4db9a418f40a475569a') throw new Error('it has another SHA-256 than the pinned one');
    renameSync(`${work}/package/index.js`, file);
    return file;
  } catch (error) {
    console.error(`js: @noble/ed25519 could not be fetched (${error.message.split('\n')[0]}); without ed25519.js, browsers whose WebCrypto has no Ed25519 refuse signed packages`);
    return null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const stamp = 'build/js.id';
const sources = readdirSync('web', { recursive: true }).filter((f) => !f.startsWith('demo')).map((f) => path.join('web', f));
const newest = Math.max(...[...sources, 'tools/build-js.mjs', 'build/build_id.h'].map((f) => statSync(f).mtimeMs));
if (!existsSync(stamp) || statSync(stamp).mtimeMs < newest || !existsSync('dist/index.js')) {
  const classic = { ...shared, format: 'iife', define: { ...shared.define, 'import.meta.url': 'QUERN_SCRIPT_URL' } };
  // where a classic script lies: known while it runs, not later
  const here = 'var QUERN_SCRIPT_URL = (typeof document !== "undefined" && document.currentScript && document.currentScript.src) || self.location.href;';
  const ed25519 = noble();
  await Promise.all([
    ...(ed25519 ? [build({ ...shared, format: 'esm', stdin: { contents: `import { hashes } from './${ed25519}'; import { sha512 } from './web/delivery/sha512.js'; hashes.sha512 = sha512; export { verify } from './${ed25519}';`, resolveDir: '.' }, outfile: 'dist/ed25519.js',
      banner: { js: '/*! @noble/ed25519 3.2.0, MIT License (c) 2019 Paul Miller (paulmillr.com) */' } })] : []),
    build({ ...shared, format: 'esm', entryPoints: ['web/index.js', 'web/ort.js'], outdir: 'dist' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/worker/worker.js'], outfile: 'dist/worker.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/core/delivery.js'], outfile: 'dist/delivery.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/delivery/decrypt.js'], outfile: 'dist/decrypt.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/core/features.js'], outfile: 'dist/features.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/core/gpu.js'], outfile: 'dist/gpu.js' }),
    build({ ...shared, format: 'esm', ignoreAnnotations: true, entryPoints: ['web/features/worklet.js'], outfile: 'dist/quern-worklet.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/delivery/service-worker.js'], outfile: 'dist/service-worker.js' }),
    build({ ...shared, format: 'iife', entryPoints: ['web/delivery/quern-sw.js'], outfile: 'dist/quern-sw.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/report/index.js'], outfile: 'dist/report.js' }),
    build({ ...shared, format: 'esm', entryPoints: ['web/limits/index.js'], outfile: 'dist/limits.js' }),
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
