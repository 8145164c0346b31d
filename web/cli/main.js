#!/usr/bin/env node
// The command line. Bundled as dist/cli.js, beside the wasm.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../core/errors.js';
import { inspectLocal } from '../core/inspect.js';
import { LocalModel } from '../core/model.js';
import { describeSource } from '../core/source.js';
import { describe } from '../core/tensor.js';
import { version } from '../core/version.js';
import { inspectionText, profileText } from '../report/text.js';
import { guessShape, randomInputs } from '../report/random-inputs.js';
import { compare } from './compare.js';
import { compareSteps } from './compare-steps.js';
import { secretOf } from '../pack/encryption.js';
import { isPackage, modelOf, openPackage, sourceOf } from '../pack/package-folder.js';
import { readNpy, readNpz, writeNpz } from './npy.js';
import { PACKAGE_COMMANDS, PACKAGE_USAGE } from './package-commands.js';
import { packageText } from './package-text.js';
import { hasSteps, stepsProblem } from '../pack/steps.js';
import { Usage } from './usage.js';

const USAGE = `quern ${version}: runs ONNX models

  quern inspect MODEL [--shape NAME=1,3,224,224]   what is in it, what is missing, plan and memory for these shapes
  quern run MODEL [--input NAME=FILE.npy] [--input FILE.npz] [--output FILE.npz]
                                                   random numbers for the inputs that are not given
  quern compare MODEL INPUTS.npz [--expected VALUES.npz] [--rtol 1e-3] [--atol 1e-5]
                                                   names the first node whose result is not the recorded one; without --expected
                                                   the values recorded are those in INPUTS.npz that are no inputs. Of a package with
                                                   steps INPUTS.npz has the picture, the sound (and its rate), the text or the columns,
                                                   and recorded are also results of steps: "features[1]", "outputs[0]", or their names
  quern profile MODEL [--runs 10] [--shape …] [--input …]
                                                   time by operator and node, GFLOP/s and GB/s, and their shares of what this machine can
${PACKAGE_USAGE}
  MODEL is an ONNX file or a package (--role R, --version V for one of several, --decrypt SECRET for encrypted parameters).

  --json             the facts as JSON
  --deterministic    the build without relaxed SIMD
`;

/** @param {string} text NAME=VALUE */
function pair(text) {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new Usage(`expected NAME=…, got '${text}'`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** @param {string[]} given @returns {Record<string, number[]>} */
const shapesOf = (given) => Object.fromEntries(given.map(pair).map(([name, dims]) => {
  const shape = dims.split(/[,x]/).filter(Boolean).map(Number);
  if (!shape.every((d) => Number.isSafeInteger(d) && d >= 0)) throw new Usage(`the shape '${dims}' of ${name} is not a list of integers`);
  return [name, shape];
}));

/** @param {string[]} given files, or NAME=file @returns {Record<string, any>} */
function tensorsOf(given) {
  return Object.assign({}, ...given.map((text) => {
    if (/\.npz$/i.test(text) && !text.includes('=')) return readNpz(readFileSync(text), text);
    const [name, file] = pair(text);
    return { [name]: readNpy(readFileSync(file), file) };
  }));
}

/** The inputs that were given, in the type that the model wants where no information is lost, and random ones. @param {LocalModel} model @param {Record<string, any>} given @param {Record<string, number[]>} shapes */
function feedsOf(model, given, shapes) {
  for (const name of Object.keys(given)) if (!model.inputs.some((p) => p.name === name)) throw new Usage(`there is no input '${name}'; the model has ${model.inputs.map((p) => p.name).join(', ')}`);
  const open = model.inputs.filter((p) => !given[p.name] && p.kind === 'tensor' && !p.optional);
  if (open.length) console.error(`random numbers for ${open.map((p) => `${p.name} ${describe(p.type, shapes[p.name] ?? guessShape(p))}`).join(', ')}`);
  return { ...randomInputs(open, shapes), ...given };
}

/** @param {Record<string, any>} outputs */
function show(outputs) {
  for (const [name, value] of Object.entries(outputs)) {
    if (!value || Array.isArray(value)) {
      console.log(`${name}: ${value ? `a sequence of ${value.length}` : 'empty'}`);
      continue;
    }
    const some = Array.from(value.data.slice(0, 8), (v) => (typeof v === 'number' && !Number.isInteger(v) ? Number(v.toPrecision(6)) : v));
    console.log(`${name}: ${describe(value.type, value.dims)}  ${some.join(' ')}${value.data.length > 8 ? ' …' : ''}`);
  }
}

/** What stands in the manifest, then each model. @param {ReturnType<typeof openPackage>} opened @param {{ json?: boolean, role?: string, shape: string[], deterministic?: boolean }} o */
async function inspectPackage(opened, { json, role, shape, deterministic }) {
  const { manifest, folder } = opened, shapes = shapesOf(shape);
  /** @type {Record<string, import('../core/inspect.js').Inspection>} */
  const models = {};
  for (const [name, entry] of role === undefined ? Object.entries(manifest.models) : [modelOf(manifest, role)]) {
    const { source, externalData } = sourceOf(folder, entry);
    models[name] = await inspectLocal(source, { externalData, shapes, deterministic });
    if (models[name].problem) process.exitCode = 1;
  }
  const problem = await stepsProblem(folder, manifest);
  if (problem) process.exitCode = 1;
  if (json) return console.log(JSON.stringify({ manifest, models, ...(problem ? { problem } : {}) }, null, 1));
  console.log([packageText(opened) + (problem ? `\nThe steps cannot run: ${problem}` : ''), ...Object.entries(models).map(([name, found]) => inspectionText(name, found))].join('\n\n'));
}

/** @param {ReturnType<typeof compare>} result @param {number} total how many values were recorded @param {boolean} [json] */
function showComparison(result, total, json) {
  const { first, agreed, absent } = result;
  if (json) return console.log(JSON.stringify(result, null, 1));
  console.log(`${agreed.length} of ${total} recorded values agree`);
  if (first) {
    console.log(`the first that differs is '${first.output}', computed by ${first.op}${first.node ? ` '${first.node}'` : ''}: ${first.why}`);
    process.exitCode = 1;
  } else if (absent.length) {
    console.log(`not computed as such, since passes folded or fused them: ${absent.join(', ')}`);
  }
}

/** @param {string[]} args */
async function main(args) {
  if (args[0] === '--version') return console.log(version);
  const make = PACKAGE_COMMANDS[args[0]];
  if (make && !args.includes('--help') && !args.includes('-h')) return make(args.slice(1));
  const { values: o, positionals: [command, file, ...rest] } = parseArgs({ args, allowPositionals: true, options: {
    shape: { type: 'string', multiple: true, default: [] }, input: { type: 'string', multiple: true, default: [] }, output: { type: 'string' },
    expected: { type: 'string' }, rtol: { type: 'string', default: '1e-3' }, atol: { type: 'string', default: '1e-5' }, runs: { type: 'string', default: '10' },
    json: { type: 'boolean' }, deterministic: { type: 'boolean' }, help: { type: 'boolean', short: 'h' }, role: { type: 'string' }, version: { type: 'string' }, decrypt: { type: 'string' } } });
  if (o.help || !command) return console.log(USAGE);
  if (!['inspect', 'run', 'compare', 'profile'].includes(command)) throw new Usage(`there is no command '${command}'`);
  if (!file) throw new Usage(`quern ${command} needs a model`);
  const opened = isPackage(file) ? openPackage(file, { version: o.version, secret: secretOf(o.decrypt) }) : null;
  if (opened && command === 'inspect') return inspectPackage(opened, o);
  const { source, externalData } = opened ? sourceOf(opened.folder, modelOf(opened.manifest, o.role)[1]) : { source: describeSource(file), externalData: undefined };
  const shapes = shapesOf(o.shape), { deterministic = false } = o;

  if (command === 'inspect') {
    const found = await inspectLocal(source, { shapes, deterministic });
    console.log(o.json ? JSON.stringify(found, null, 1) : inspectionText(path.basename(file), found));
    if (!o.json && !found.problem && !found.plan) console.log(`For plan and memory give ${found.inputs.filter((p) => !p.optional).map((p) => `--shape ${p.name}=${guessShape(p).join(',')}`).join(' ')}`);
    if (found.problem || found.plan?.problem) process.exitCode = 1;
    return;
  }

  const model = await LocalModel.load(source, { deterministic, externalData, whereReason: 'Node' });
  try {
    if (command === 'compare') {
      const given = tensorsOf([...rest, ...o.input]);
      const feeds = Object.fromEntries(Object.entries(given).filter(([name]) => model.inputs.some((p) => p.name === name)));
      const tolerance = { rtol: Number(o.rtol), atol: Number(o.atol) };
      if (opened?.manifest.features && hasSteps(opened.manifest) && !Object.keys(feeds).length) {
        const recorded = o.expected ? readNpz(readFileSync(o.expected), o.expected) : null;
        const { total, ...result } = await compareSteps(model, opened, given, recorded, tolerance);
        return showComparison(result, total, o.json);
      }
      const expected = o.expected ? readNpz(readFileSync(o.expected), o.expected) : Object.fromEntries(Object.entries(given).filter(([name]) => !(name in feeds)));
      if (!Object.keys(expected).length) throw new Usage('there is nothing to compare with: no recorded values were given');
      return showComparison(compare(model, feedsOf(model, feeds, shapes), expected, tolerance), Object.keys(expected).length, o.json);
    }
    const feeds = feedsOf(model, tensorsOf([...rest, ...o.input]), shapes);
    if (command === 'run') {
      const outputs = model.runSync(feeds);
      if (o.output) writeFileSync(o.output, writeNpz(outputs));
      return o.json ? console.log(JSON.stringify(outputs, (_, v) => (typeof v === 'bigint' ? Number(v) : ArrayBuffer.isView(v) ? Array.from(/** @type {any} */ (v)) : v))) : show(outputs);
    }
    const runs = Math.max(1, Number(o.runs) || 1);
    // Plans, and gives the engine time to compile what runs often.
    for (let i = 0, end = performance.now() + 500; i < 2 || (i < 100 && performance.now() < end); i++) model.runSync(feeds);
    model.report({ profile: true });
    for (let i = 0; i < runs; i++) model.runSync(feeds);
    const { model: table } = model.report({ profile: true }).profile ?? {};
    console.log(o.json ? JSON.stringify(table, null, 1) : profileText(table));
  } finally {
    model.dispose();
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error instanceof Usage || error.code?.startsWith('ERR_PARSE_ARGS') ? `${error.message}\n\n${USAGE}` : `quern: ${messageOf(error)}`);
  process.exitCode = error instanceof Usage ? 2 : 1;
});
