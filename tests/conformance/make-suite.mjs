// ONNX's folders of test cases as a suite of the runner, an index and an archive a group: node make-suite.mjs DATA FOLDER
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { feedInputs, readModel, typeName } from './runner/onnx-protobuf.mjs';

const [data, folder] = process.argv.slice(2);
const EXACT = { rtol: 1e-3, atol: 1e-7, mode: 'allclose' }; // numpy.allclose as onnx.backend.test calls it
const LOOSE = { ...EXACT, rtol: 2e-3 };                      // and what it allows densenet121

/** Cases of random numbers, which no other implementation repeats. */
const RANDOM = /^(RandomNormal|RandomUniform|Bernoulli|Multinomial)/;

/** arange(n) / n in float32 for each input, as onnx.backend.test.runner makes it for models that bring no input. */
function rampTensor(dims) {
  const count = dims.reduce((a, b) => a * b, 1);
  const raw = Buffer.from(Float32Array.from({ length: count }, (_, i) => i / count).buffer);
  const varint = (n) => { const out = []; for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128); return [...out, n]; };
  return Buffer.concat([Buffer.from([...dims.flatMap((d) => [0x08, ...varint(d)]), 0x10, 1, 0x4a, ...varint(raw.length)]), raw]);
}

/** The light models, each a file and its outputs, as folders of cases. */
function unfoldLight(from) {
  for (const file of readdirSync(from).filter((f) => f.endsWith('.onnx'))) {
    const name = file.slice('light_'.length, -'.onnx'.length);
    const set = path.join(from, `test_${name}`, 'test_data_set_0');
    mkdirSync(set, { recursive: true });
    renameSync(path.join(from, file), path.join(set, '../model.onnx'));
    renameSync(path.join(from, `light_${name}_output_0.pb`), path.join(set, 'output_0.pb'));
    feedInputs(readModel(readFileSync(path.join(set, '../model.onnx')))).forEach((input, i) =>
      writeFileSync(path.join(set, `input_${i}.pb`), rampTensor(input.type.shape)));
  }
}

/** @param {string} group @param {string} name */
function caseOf(group, name) {
  const root = path.join(data, group, name);
  const model = readModel(readFileSync(path.join(root, 'model.onnx')));
  const ops = {};
  const count = (nodes) => {
    for (const node of nodes) {
      ops[node.domain ? `${node.domain}.${node.op}` : node.op] = (ops[node.domain ? `${node.domain}.${node.op}` : node.op] ?? 0) + 1;
      for (const attribute of node.attrs) for (const graph of attribute.graphs) count(graph.nodes);
    }
  };
  count(model.graph.nodes);
  for (const f of model.functions) count(f.nodes);
  const port = (p) => ({ name: p.name, kind: p.type?.kind ?? 'tensor', type: typeName(p.type) });
  const training = model.graph.nodes.some((n) => n.op === 'Dropout' && /training|_mask_ratio|random/.test(name) && n.input[2]);
  const sets = readdirSync(root).filter((d) => d.startsWith('test_data_set_')).map((d) => readdirSync(path.join(root, d)))
    .map((files) => ['input_', 'output_'].map((p) => files.filter((f) => f.startsWith(p)).length));
  // the expanded form of a case is about the operator of the case
  const whole = name.replace(/_expanded.*$/, ''), plain = path.join(data, group, whole, 'model.onnx');
  const names = whole !== name && existsSync(plain) ? [...new Set(readModel(readFileSync(plain)).graph.nodes.map((n) => n.op))] : Object.keys(ops);
  return {
    id: `${group}/${name}`, name, group, op: names.length === 1 ? names[0] : opOfName(name, names), ops, opset: model.opset,
    tags: Object.keys(ops).some((n) => RANDOM.test(n)) || (training && !/_zero_ratio|ratio_zero/.test(name)) ? ['random'] : [],
    inputs: feedInputs(model).map(port), outputs: model.graph.outputs.map(port), sets, tol: /densenet121/.test(name) ? LOOSE : EXACT,
  };
}

/** The operator that a case of several is about, by its name. */
function opOfName(name, ops) {
  const bare = (s) => s.toLowerCase().replace(/[^a-z0-9]/g, '');
  return ops.filter((op) => bare(name).startsWith(`test${bare(op.split('.').pop())}`)).sort((a, b) => b.length - a.length)[0] ?? '(several)';
}

if (existsSync(path.join(data, 'light'))) unfoldLight(path.join(data, 'light'));
for (const group of ['light', 'node', 'pytorch-converted', 'pytorch-operator', 'simple']) {
  const names = readdirSync(path.join(data, group)).filter((n) => existsSync(path.join(data, group, n, 'model.onnx'))).sort();
  const lines = names.map((name) => JSON.stringify(caseOf(group, name)));
  writeFileSync(path.join(folder, `${group}.index.json`), `{"group":"${group}","cases":[\n${lines.join(',\n')}\n]}\n`);
  execFileSync('tar', ['-czf', path.join(folder, `${group}.tar.gz`), '--format=ustar', '-C', path.join(data, group), ...names]);
}
