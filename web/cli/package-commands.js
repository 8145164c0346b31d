// The commands that make packages: pack, release, verify, diff, convert, bundle, keygen. What they do is in web/pack.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeSecret, secretOf } from '../pack/encryption.js';
import { makeKey } from '../pack/signature.js';
import { inspectLocal } from '../core/inspect.js';
import { bundlePage, bundleScript } from '../pack/bundle.js';
import { convert } from '../pack/convert.js';
import { diff, diffText } from '../pack/diff.js';
import { PackError, openPackage, sourceOf } from '../pack/package-folder.js';
import { LIMITS, pack } from '../pack/pack.js';
import { release } from '../pack/pointer.js';
import { verify } from '../pack/verify.js';
import { Usage } from './usage.js';
import { readNpz } from './npy.js';

export const PACKAGE_USAGE = `  quern pack MODEL.onnx -o FOLDER [--name N] [--version 1.0.0] [--license L] [--title T] [--runtime ">=0.1.0"]
             [--features F.json] [--outputs O.json] [--options O.json] [--state S.json] [--limits L.json] [--task T] [--labels FILE] [--file ROLE=FILE]
             [--golden CASE.npz] [--rtol 1e-3] [--atol 1e-5] [--quantize fp16|int8|int4] [--limit 0.1] [--params VALUES.safetensors]
             [--channel C] [--sign KEY] [--encrypt SECRET] [--decrypt SECRET] [--replace] [--base /models/x/]
                                                   a package: see docs/PACKAGE.md. Several models: ROLE=MODEL.onnx …, --golden ROLE=CASE.npz
  quern release FOLDER [--channel stable] [--version V] [--percent 10 [--from DATE --until DATE]] [--cancel] [--block V] [--unblock V]
             [--minimum V] [--expires DATE] [--max-age SECONDS] [--remove V] [--sign KEY] [--unsigned]
                                                   who gets which version; the sequence rises with each edit
  quern verify FOLDER [--key PUBLIC] [--version V] [--no-golden] [--decrypt SECRET]
                                                   pointer, signature, every hash, every recorded case
  quern diff A B [--from V] [--to V]               tensors, graph, and what an update downloads; packages or ONNX files
  quern convert FROM -o TO.onnx|TO.safetensors [--role R] [--version V] [--params VALUES.safetensors] [--decrypt SECRET]
  quern bundle FOLDER -o OUT.html|OUT.js [--html PAGE.html] [--at models/x/] [--variant both|simd|relaxed] [--version V] [--channel C]
                                                   runtime and package in one file that works from a disk, without a server
  quern keygen FILE                                a key to sign with; prints the public one, for load(url, { keys: [ … ] })
  quern keygen --secret FILE                       a key to encrypt parameters with, which load(url, { decryptionKey }) asks the page for
`;

/** @param {Record<string, any>} options @param {string[]} args */
function parse(options, args) {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { ...options, json: { type: 'boolean' } } });
  return { o: /** @type {any} */ (values), files: positionals };
}
const text = { type: 'string' }, flag = { type: 'boolean' }, list = { type: 'string', multiple: true, default: [] };

/** @param {string | undefined} given @param {string} what */
function number(given, what) {
  if (given === undefined) return undefined;
  const value = Number(given);
  if (given.trim() === '' || !Number.isFinite(value)) throw new Usage(`--${what} takes a number, got '${given}'`);
  return value;
}

/** ROLE=FILE, or a file alone. @param {string} given @param {string} otherwise */
function byRole(given, otherwise) {
  const found = /^([A-Za-z0-9_]+)=(.+)$/s.exec(given);
  return found && !existsSync(given) ? [found[1], found[2]] : [otherwise, given];
}

/** @param {string[]} args */
async function packCommand(args) {
  const { o, files } = parse({ out: { ...text, short: 'o' }, name: text, version: { ...text, default: '1.0.0' }, license: text, licence: text, title: text, runtime: text, features: text, outputs: text,
    options: text, state: text, limits: text, task: text, labels: text, file: list, golden: list, rtol: { ...text, default: '1e-3' }, atol: { ...text, default: '1e-5' }, quantize: text, limit: text,
    params: text, channel: text, sign: list, unsigned: flag, replace: flag, base: text, encrypt: text, decrypt: text }, args);
  if (!files.length || !o.out) throw new Usage('quern pack needs a model and a folder: quern pack model.onnx -o models/x/');
  if (o.quantize !== undefined && !Object.hasOwn(LIMITS, o.quantize)) throw new Usage(`--quantize takes ${Object.keys(LIMITS).join(', ')}, got '${o.quantize}'`);
  const models = Object.fromEntries(files.map((f) => byRole(f, 'model')));
  if (Object.keys(models).length < files.length) throw new Usage('several models need a role each: quern pack det=a.onnx rec=b.onnx -o models/x/');
  /** @type {Record<string, any[]>} */
  const golden = {};
  for (const given of o.golden) {
    const [role, file] = byRole(given, Object.keys(models)[0]);
    if (!models[role]) throw new Usage(`there is no model '${role}' for ${given}`);
    (golden[role] ??= []).push(readNpz(readFileSync(file), file));
  }
  const json = (/** @type {string | undefined} */ file) => (file === undefined ? undefined : JSON.parse(readFileSync(file, 'utf8')));
  const name = o.name ?? path.basename(path.resolve(o.out));
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) throw new Usage(`'${name}' is no name for a package: letters, digits, '.', '_' and '-'`);
  /** @type {string[]} */
  const said = [];
  const { manifest, hash, pointer, changed } = await pack({ models, golden, folder: o.out, name, version: o.version, title: o.title, license: o.license ?? o.licence, runtime: o.runtime, task: o.task,
    features: json(o.features), outputs: json(o.outputs), options: json(o.options), state: json(o.state), limits: json(o.limits), labels: o.labels,
    files: Object.fromEntries(o.file.map((/** @type {string} */ f) => byRole(f, path.parse(f).name))), quantize: o.quantize, limit: number(o.limit, 'limit'), params: o.params,
    rtol: number(o.rtol, 'rtol') ?? 0, atol: number(o.atol, 'atol') ?? 0, channel: o.channel, replace: o.replace, base: o.base, secret: secretOf(o.encrypt), opening: secretOf(o.decrypt), sign: o.sign, unsigned: o.unsigned,
    say: (line) => void (o.json ? said.push(line) : console.log(line)) });
  const shards = Object.values(manifest.models).flatMap((m) => m.params ?? []), bytes = [...shards, ...Object.values(manifest.models)].reduce((n, f) => n + f.size, 0);
  if (o.json) return console.log(JSON.stringify({ manifest: `manifest-${hash}.json`, sequence: pointer.sequence, changed, bytes, shards: shards.length, said }, null, 1));
  console.log(`${name} ${o.version}: ${bytes} bytes, ${shards.length} shards of parameters, manifest-${hash.slice(0, 16)}…`);
  if (manifest.encryption) console.log(`the parameters are encrypted by the key '${manifest.encryption.key}'`);
  const channels = Object.entries(pointer.channels).filter(([, c]) => c.version === o.version).map(([n]) => n);
  console.log(changed ? `quern.json is now number ${pointer.sequence}` : 'quern.json stays as it was');
  if (!channels.length) console.log(`no channel gives ${o.version} yet: quern release ${o.out} --version ${o.version} --percent 10`);
}

/** @param {string[]} args */
async function releaseCommand(args) {
  const { o, files } = parse({ channel: text, version: text, percent: text, from: text, until: text, cancel: flag, block: list, unblock: list, minimum: text, expires: text, 'max-age': text, remove: list,
    sign: list, unsigned: flag }, args);
  if (files.length !== 1) throw new Usage('quern release needs one folder');
  const { pointer, changed } = release(files[0], { channel: o.channel, version: o.version, percent: number(o.percent, 'percent'), from: o.from, until: o.until, cancel: o.cancel, block: o.block,
    unblock: o.unblock, minimum: o.minimum, expires: o.expires, maxAge: number(o['max-age'], 'max-age'), remove: o.remove }, { sign: o.sign, unsigned: o.unsigned });
  if (o.json) return console.log(JSON.stringify(pointer, null, 1));
  console.log(`${pointer.name}, number ${pointer.sequence}${changed ? '' : ' as before: nothing changed'}`);
  for (const [name, { version, canary }] of Object.entries(pointer.channels))
    console.log(`  ${name}: ${version}${canary ? `, and ${canary.version} for ${canary.percent} %${canary.until ? ` growing to 100 % from ${canary.from} to ${canary.until}` : ''}` : ''}`);
  if (pointer.minimum) console.log(`  nothing below ${pointer.minimum}`);
  if (pointer.blocked?.length) console.log(`  blocked: ${pointer.blocked.join(', ')}`);
}

/** @param {string[]} args */
async function verifyCommand(args) {
  const { o, files } = parse({ key: list, keys: list, version: text, 'no-golden': flag, decrypt: text }, args);
  if (files.length !== 1) throw new Usage('quern verify needs one package');
  const keys = [...o.key, ...o.keys].flatMap((k) => k.split(',')).filter(Boolean);
  const found = await verify(files[0], { keys, golden: !o['no-golden'], version: o.version, secret: secretOf(o.decrypt) });
  if (found.problems.length) process.exitCode = 1;
  if (o.json) return console.log(JSON.stringify(found, null, 1));
  for (const problem of found.problems) console.log(problem);
  const many = (/** @type {number} */ n, /** @type {string} */ what) => `${n} ${what}${n === 1 ? '' : 's'}`;
  console.log(`${found.problems.length ? many(found.problems.length, 'problem') : 'good'}: ${many(found.versions.length, 'version')} (${found.versions.join(', ')}), ${many(found.files, 'file')}, ${found.bytes} bytes, ${many(found.cases, 'golden case')}${keys.length ? '' : '; the signature was not checked, no --key was given'}`);
  if (found.unused.length) console.log(`of no version: ${found.unused.join(', ')}`);
}

/** @param {string[]} args */
async function diffCommand(args) {
  const { o, files } = parse({ from: text, to: text, decrypt: text }, args);
  if (files.length !== 2 && !(files.length === 1 && o.from && o.to)) throw new Usage('quern diff needs two packages or models, or one package with --from and --to');
  const found = diff(files[0], files.at(-1) ?? '', { from: o.from, to: o.to, secret: secretOf(o.decrypt) });
  console.log(o.json ? JSON.stringify(found, null, 1) : diffText(found));
}

/** @param {string[]} args */
async function convertCommand(args) {
  const { o, files } = parse({ out: { ...text, short: 'o' }, role: text, version: text, params: text, decrypt: text }, args);
  if (files.length !== 1 || !o.out) throw new Usage('quern convert needs a model or package, and -o with a name that ends with .onnx or .safetensors');
  const done = convert(files[0], o.out, { role: o.role, version: o.version, params: o.params, secret: secretOf(o.decrypt) });
  if (o.json) return console.log(JSON.stringify(done, null, 1));
  console.log(`${done.files.join(', ')}: ${done.tensors - done.left.length} tensors${done.replaced ? `, ${done.replaced} of them from ${o.params}` : ''}`);
  if (done.left.length) console.log(`the format cannot hold ${done.left.join(', ')}`);
}

/** Whether one of the package's models needs the second wasm file. @param {string} target @param {{ version?: string, channel?: string }} which */
async function isRare(target, which) {
  const { manifest, folder } = openPackage(target, which);
  if (manifest.task === 'ocr') return true;
  for (const entry of Object.values(manifest.models)) {
    const { source, externalData } = sourceOf(folder, entry);
    if ((await inspectLocal(source, { externalData })).rare) return true;
  }
  return false;
}

/** @param {string[]} args */
async function bundleCommand(args) {
  const { o, files } = parse({ out: { ...text, short: 'o' }, html: text, js: flag, at: text, variant: { ...text, default: 'both' }, version: text, channel: text }, args);
  if (files.length !== 1 || !o.out) throw new Usage('quern bundle needs a package, and -o with the name of the file to write');
  if (!['both', 'simd', 'relaxed'].includes(o.variant)) throw new Usage(`--variant takes both, simd or relaxed, got '${o.variant}'`);
  if (!o.html && /\.html?$/i.test(o.out)) throw new Usage(`${o.out} is to be a page: say by --html which one the bundle goes into`);
  if (openPackage(files[0], o).manifest.encryption) throw new PackError(`${files[0]} is encrypted: a bundle works without a server, which is who gives keys to users; bundle the package before it is encrypted`);
  const script = bundleScript(files[0], { runtime: fileURLToPath(new URL('.', import.meta.url)), version: o.version, channel: o.channel, at: o.at, variant: o.variant, rare: await isRare(files[0], o) });
  const whole = o.html && !o.js ? bundlePage(o.html, script) : script;
  writeFileSync(o.out, whole);
  console.log(o.json ? JSON.stringify({ file: o.out, bytes: Buffer.byteLength(whole) }) : `${o.out}: ${Buffer.byteLength(whole)} bytes; it asks nobody for anything`);
}

/** @param {string[]} args */
async function keygenCommand(args) {
  const { o, files } = parse({ secret: flag }, args);
  if (files.length !== 1) throw new Usage('quern keygen needs the name of the file to write');
  if (o.secret) {
    const id = makeSecret(files[0]);
    return console.log(o.json ? JSON.stringify({ id }) : `${files[0]} is the secret key '${id}': keep it off the server of the package and out of the repository.`);
  }
  const key = makeKey(files[0]);
  console.log(o.json ? JSON.stringify({ key }) : `${files[0]} is the private key: keep it off the server and out of the repository.\n${key}\nis the public one, also in ${files[0]}.pub.`);
}

/** @type {Record<string, (args: string[]) => Promise<void>>} */
export const PACKAGE_COMMANDS = { pack: packCommand, release: releaseCommand, verify: verifyCommand, diff: diffCommand, convert: convertCommand, bundle: bundleCommand, keygen: keygenCommand };
