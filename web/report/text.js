// Inspections and profiles as text, for terminals and to be copied.

/**
 * @typedef {import('../core/inspect.js').Inspection} Inspection
 * @typedef {import('../core/profile.js').ProfileTable} ProfileTable
 * @typedef {import('../core/profile.js').ProfiledStep} ProfiledStep
 */

/** @param {number} n */
export const count = (n) => n.toLocaleString('en-US');

/** Decimal, as file sizes are told. @param {number} n */
export const bytes = (n) => (n < 1e3 ? `${n} B` : n < 1e6 ? `${(n / 1e3).toFixed(1)} KB` : n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(2)} GB`);

/** @param {readonly (number | string | null)[] | null | undefined} dims */
export const shape = (dims) => (dims ? `[${dims.map((d) => d ?? '?').join(', ')}]` : 'of any shape');

/** @param {{ domain: string, name: string }} op */
export const opName = ({ domain, name }) => (domain ? `${domain}.${name}` : name);

/** Columns aligned; numbers to the right. @param {(string | number)[][]} rows */
export function columns(rows) {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => String(r[i]).length)));
  return rows.map((r) => r.map((cell, i) => (typeof cell === 'number' || /^[\d.,–-]+( ?%)?$/.test(cell) ? String(cell).padStart(widths[i]) : String(cell).padEnd(widths[i]))).join('  ').trimEnd());
}

/** Whether it will run, in a sentence. @param {Inspection} i */
export function verdict(i) {
  if (i.problem) return `No: ${i.problem}.`;
  if (i.plan?.problem) return `Not for these shapes: ${i.plan.problem}.`;
  if (!i.plan) return 'It loads. Whether it runs depends on the shapes of its inputs.';
  return i.plan.whole ? 'Yes.' : 'It loads, and its first part runs; the rest depends on what that computes.';
}

/** By operator, the most time first. @param {ProfiledStep[]} steps */
export function byOperator(steps) {
  /** @type {Map<string, { op: string, nodes: number, count: number, ms: number, flops: number, flopsMs: number, bytes: number }>} */
  const ops = new Map();
  for (const s of steps) {
    const entry = ops.get(s.op) ?? { op: s.op, nodes: 0, count: 0, ms: 0, flops: 0, flopsMs: 0, bytes: 0 };
    entry.nodes++;
    entry.count += s.count;
    entry.ms += s.ms;
    entry.flops += s.flops;
    entry.bytes += s.bytes;
    if (s.flops) entry.flopsMs += s.ms;
    ops.set(s.op, entry);
  }
  return [...ops.values()].sort((a, b) => b.ms - a.ms);
}

/** @param {number} flops @param {number} ms */
export const gflops = (flops, ms) => (flops && ms ? (flops / ms / 1e6).toFixed(1) : '–');

/** @param {string} name of the file @param {Inspection} i */
export function inspectionText(name, i) {
  const lines = [name, ''];
  const opsets = Object.entries(i.opsets).map(([domain, version]) => `${domain || 'ai.onnx'} ${version}`);
  lines.push(`Will it run?  ${verdict(i)}`, `Format        ONNX IR ${i.ir}, opset ${opsets.join(', ') || 'not given'}`);
  for (const [what, ports] of /** @type {[string, Inspection['inputs']][]} */ ([['Input', i.inputs], ['Output', i.outputs]]))
    for (const p of ports) lines.push(`${what.padEnd(12)}  ${p.name}: ${p.kind === 'tensor' ? '' : `${p.kind} of `}${p.type} ${shape(p.dims)}${p.optional ? ', has a default' : ''}`);
  const elements = i.tensors.reduce((n, t) => n + t.elements, 0), size = i.tensors.reduce((n, t) => n + t.bytes, 0);
  lines.push(`Parameters    ${count(elements)} in ${count(i.tensors.reduce((n, t) => n + t.count, 0))} tensors, ${bytes(size)} (${i.tensors.map((t) => `${t.type} ${count(t.elements)}`).join(', ') || 'none'})`);
  const nodes = i.ops.reduce((n, op) => n + op.count, 0);
  lines.push(`Nodes         ${count(nodes)} of ${i.ops.length} operators${i.problem ? '' : `; ${count(i.stats.nodes)} after the passes`}`);
  if (i.plan && !i.plan.problem) {
    const layout = i.plan.steps.filter((s) => /^To(ChannelsLast|ChannelsFirst)$/.test(s.op)).length;
    lines.push(`Plan          ${count(i.plan.steps.length)} steps, ${layout} of them changes of layout${i.plan.whole ? '' : ', up to where shapes depend on data'}`,
      `Memory        ${bytes(i.plan.peakBytes)} at the peak${i.plan.whole ? '' : ' so far'}, of it ${bytes(i.plan.activationBytes)} for activations; WebAssembly memory ${bytes(i.plan.wasmBytes)}`);
  }
  if (i.ops.length) lines.push('', 'Operators', ...columns([...i.ops].sort((a, b) => b.count - a.count).map((op) => [`  ${opName(op)}`, String(op.count), op.supported ? '' : `MISSING (opset ${op.opset})`])));
  return lines.join('\n') + '\n';
}

/** @param {ProfileTable} p @param {number} [slowest] nodes that are listed */
export function profileText({ runs, ms, planMs, steps, peak }, slowest = 20) {
  const per = (/** @type {number} */ n) => (n / Math.max(runs, 1)).toFixed(3), share = (/** @type {number} */ n) => `${(100 * n / (ms || 1)).toFixed(1)} %`;
  const ops = byOperator(steps);
  const flops = steps.reduce((n, s) => n + s.flops, 0), flopsMs = ops.reduce((n, o) => n + o.flopsMs, 0);
  const top = [...steps].sort((a, b) => b.ms - a.ms).slice(0, slowest);
  const of = (/** @type {number} */ amount, /** @type {number} */ time, /** @type {number | undefined} */ most) => (amount && time && most ? `${(amount / time / 1e4 / most).toFixed(0)} %` : '–');
  /** What it did a second, and which share of what the machine can. @param {{ flops: number, bytes: number, ms: number }} x @param {number} counted the time in which operations are counted */
  const rates = (x, counted) => [gflops(x.flops, counted), of(x.flops, counted, peak && peak.gflops * peak.threads), gflops(x.bytes, x.ms), of(x.bytes, x.ms, peak?.gbps)];
  const heads = ['GFLOP/s', 'of peak', 'GB/s', 'of peak'];
  return [`${per(ms)} ms per run over ${count(runs)} runs, of it ${per(planMs)} ms for inputs and planning; ${gflops(flops, flopsMs)} GFLOP/s where operations are counted`,
    ...(peak ? [`The peak here: ${(peak.gflops * peak.threads).toFixed(1)} GFLOP/s of multiply-adds on ${peak.threads === 1 ? 'one thread' : `${peak.threads} threads`}, ${peak.gbps.toFixed(1)} GB/s read by one thread from this model's memory`] : []), '',
    ...columns([['Operator', 'nodes', 'ms', 'share', ...heads], ...ops.map((o) => [o.op, String(o.nodes), per(o.ms), share(o.ms), ...rates(o, o.flopsMs)])]), '',
    ...columns([['Slowest', 'node', 'ms', 'share', ...heads, 'output'], ...top.map((s) => [s.op, s.name || s.output || '–', per(s.ms), share(s.ms), ...rates(s, s.ms), `${s.type} ${shape(s.shape)}`])]),
  ].join('\n') + '\n';
}
