// What two models or packages differ in, and what an update from one to the other would download.
import { statSync } from 'node:fs';
import path from 'node:path';
import { fromBits } from './baseline.js';
import { OnnxFile, elementsOf } from './onnx-file.js';
import { filesOf, isPackage, onnxOf, openPackage } from './package-folder.js';
import { sha256 } from './shards.js';
import { fields, textOf } from './wire.js';

/**
 * @typedef {{ name: string, what: string }} Difference
 * same: tensors that are equal. graph: nodes, inputs, outputs and whatever else is no tensor, by what was added and taken away.
 * download: null unless b is a package; of its files those that a, as a package, does not have.
 * @typedef {{ roles: Record<string, { same: number, tensors: Difference[], graph: { same: boolean, added: string[], removed: string[] } }>,
 *   added: string[], removed: string[], download: { bytes: number, files: number, of: number, ofFiles: number } | null }} Diff
 */

/** @param {string} target @param {{ version?: string, secret?: import('./encryption.js').SecretKey }} options */
function open(target, options) {
  if (!statSync(target, { throwIfNoEntry: false })) throw new Error(`${target} is missing`);
  if (!isPackage(target)) return { models: /** @type {Record<string, () => OnnxFile>} */ ({ model: () => OnnxFile.open(target) }), pack: null };
  const pack = openPackage(target, options);
  return { models: Object.fromEntries(Object.entries(pack.manifest.models).map(([role, entry]) => [role, () => onnxOf(pack.folder, entry)])), pack };
}

/** @param {import('./onnx-file.js').Tensor} a @param {import('./onnx-file.js').Tensor} b '' when they are equal */
function tensorDifference(a, b) {
  if (a.type !== b.type || a.dims.join() !== b.dims.join()) return `${a.type} [${a.dims.join(', ')}] became ${b.type} [${b.dims.join(', ')}]`;
  if (a.strings || b.strings) return (a.strings ?? []).every((s, i) => Buffer.compare(s, b.strings?.[i] ?? new Uint8Array(0)) === 0) ? '' : 'other strings';
  const x = a.read(), y = b.read();
  if (Buffer.compare(x, y) === 0) return '';
  if (/^complex|[48]$|float8/.test(a.type) && !/^(float|int|uint)64$|^u?int8$/.test(a.type)) return 'other bits';
  const p = elementsOf(a), q = elementsOf(b), bits = /^(b?float16)$/.test(a.type);
  let changed = 0, worst = 0;
  for (let i = 0; i < p.length; i++) {
    if (p[i] === q[i]) continue;
    changed++;
    const d = Math.abs(bits ? fromBits(a.type, p[i]) - fromBits(a.type, q[i]) : Number(p[i]) - Number(q[i]));
    if (!(d <= worst)) worst = d;
  }
  return `${changed} of ${p.length} elements, by ${worst.toPrecision(3)} at most`;
}

/** Everything in a graph but its tensors: a sentence and the bytes for each. @param {OnnxFile} onnx */
function partsOf(onnx) {
  const nodes = new Map(onnx.nodes().map((n) => [n.index, `${n.domain ? `${n.domain}.` : ''}${n.op}${n.name ? ` '${n.name}'` : ''} → ${n.out.filter(Boolean).join(', ')}`]));
  /** @type {Record<number, string>} */
  const kinds = { 11: 'input', 12: 'output' };
  const parts = onnx.graph.flatMap((f, i) => (nodes.has(i) ? [[nodes.get(i) ?? '', f.raw]] : kinds[f.field] ? [[`${kinds[f.field]} ${textOf(fields(f.bytes), 1)}`, f.raw]] : []));
  const opsets = onnx.head.filter((f) => f.field === 8).map((f) => fields(f.bytes)).map((o) => /** @type {[string, Uint8Array]} */ ([`operators ${textOf(o, 1) || 'ai.onnx'} ${onnx.opset(textOf(o, 1))}`, new Uint8Array(0)]));
  return /** @type {[string, Uint8Array][]} */ ([...parts, ...opsets]);
}

/**
 * @param {string} a
 * @param {string} b
 * @param {{ from?: string, to?: string, secret?: import('./encryption.js').SecretKey }} [versions]
 * @returns {Diff}
 */
export function diff(a, b, { from, to, secret } = {}) {
  const before = open(a, { version: from, secret }), after = open(b, { version: to, secret });
  const roles = Object.keys(before.models).filter((role) => after.models[role]);
  /** @type {Diff} */
  const found = { roles: {}, added: Object.keys(after.models).filter((r) => !roles.includes(r)), removed: Object.keys(before.models).filter((r) => !roles.includes(r)), download: null };
  for (const role of roles) {
    const x = before.models[role](), y = after.models[role]();
    const old = new Map(x.tensors.map((t) => [t.name, t])), now = new Map(y.tensors.map((t) => [t.name, t]));
    /** @type {Difference[]} */
    const tensors = [];
    let same = 0;
    for (const t of y.tensors) {
      const was = old.get(t.name), what = was ? tensorDifference(was, t) : `new, ${t.type} [${t.dims.join(', ')}]`;
      if (what) tensors.push({ name: t.name, what });
      else same++;
    }
    for (const t of x.tensors) if (!now.has(t.name)) tensors.push({ name: t.name, what: `gone, was ${t.type} [${t.dims.join(', ')}]` });
    const keys = (/** @type {OnnxFile} */ onnx) => new Map(partsOf(onnx).map(([text, raw]) => [`${text}\0${sha256(raw)}`, text]));
    const p = keys(x), q = keys(y);
    const added = [...q].filter(([key]) => !p.has(key)).map(([, text]) => text), removed = [...p].filter(([key]) => !q.has(key)).map(([, text]) => text);
    found.roles[role] = { same, tensors, graph: { same: !added.length && !removed.length, added, removed } };
  }
  if (after.pack) {
    const has = new Set(before.pack ? [before.pack.file, ...filesOf(before.pack.manifest).map(([, f]) => f.sha256)] : []);
    const wanted = filesOf(after.pack.manifest).filter(([what]) => !/\.(golden|delta)$/.test(what)).map(([, f]) => /** @type {import('./package-folder.js').Shard} */ (f)); // a page downloads no recorded cases, and differences instead of shards
    const list = /** @type {import('./package-folder.js').Shard[]} */ ([...new Map(wanted.map((f) => [f.sha256 ?? f.file, f])).values(),
      { file: after.pack.file, size: statSync(path.join(after.pack.folder, after.pack.file)).size, sha256: after.pack.file }]);
    const sum = (/** @type {typeof list} */ files) => files.reduce((n, f) => n + (f.size ?? statSync(path.join(after.pack.folder, f.file)).size), 0);
    const missing = list.filter((f) => !has.has(f.sha256)).map((f) => (f.delta && has.has(f.delta.from) ? f.delta : f));
    found.download = { bytes: sum(missing), files: missing.length, of: sum(list), ofFiles: list.length };
  }
  return found;
}

/** @param {Diff} d */
export function diffText(d) {
  const lines = [];
  const some = (/** @type {string[]} */ list) => [...list.slice(0, 40), ...(list.length > 40 ? [`  … and ${list.length - 40} more`] : [])];
  for (const role of d.added) lines.push(`model '${role}' is new`);
  for (const role of d.removed) lines.push(`model '${role}' is gone`);
  for (const [role, { same, tensors, graph }] of Object.entries(d.roles)) {
    lines.push(`${role}: ${graph.same ? 'the same graph' : 'another graph'}, ${same} tensors the same, ${tensors.length} not`);
    lines.push(...some([...graph.removed.map((text) => `  - ${text}`), ...graph.added.map((text) => `  + ${text}`)]), ...some(tensors.map((t) => `  ${t.name}: ${t.what}`)));
  }
  if (d.download) lines.push(`an update downloads ${d.download.files} of ${d.download.ofFiles} files, ${d.download.bytes} of ${d.download.of} bytes`);
  return lines.join('\n');
}
