// A package in lines.
import { filesOf } from '../pack/package-folder.js';
import { readPointer } from '../pack/pointer.js';
import { describe } from '../core/tensor.js';

/** @typedef {ReturnType<typeof import('../pack/package-folder.js').openPackage>} Opened */

/** Which version who gets. @param {string} folder */
function pointerLines(folder) {
  const p = readPointer(folder);
  if (!p) return ['Pointer      none: a folder with manifest.json alone'];
  const channels = Object.entries(p.channels).map(([name, c]) => `${name} ${c.version}${c.canary ? ` (${c.canary.version} for ${c.canary.percent} %)` : ''}`);
  return [`Pointer      number ${p.sequence}, versions ${Object.keys(p.versions).join(', ')}; ${channels.join(', ')}${p.minimum ? `; nothing below ${p.minimum}` : ''}${p.blocked ? `; blocked ${p.blocked.join(', ')}` : ''}${p.expires ? `; expires ${p.expires}` : ''}`];
}

/** A step in a line: its place, its name, its parameters, long ones cut. @param {any} step @param {number} i */
function stepText(step, i) {
  const { step: name, ...params } = step ?? {};
  const short = (/** @type {any} */ v) => {
    const text = JSON.stringify(v);
    return text.length > 60 ? `${text.slice(0, 57)}…${Array.isArray(v) ? ` (${v.length})` : ''}` : text;
  };
  return [i, name, ...Object.entries(params).map(([key, v]) => `${key} ${short(v)}`)].join('  ');
}

/** @param {Opened} opened */
export function packageText({ folder, manifest, file }) {
  const lines = [`${manifest.name} ${manifest.version}${manifest.title ? `: ${manifest.title}` : ''}`, `License      ${manifest.license ?? 'not said'}`, ...pointerLines(folder),
    `Manifest     ${file}${manifest.runtime ? `, runtime ${manifest.runtime}` : ''}${manifest.task ? `, task ${manifest.task}` : ''}`];
  for (const [role, m] of Object.entries(manifest.models)) {
    const params = m.params ?? [];
    lines.push(`Model        ${role}: ${m.file}${m.size === undefined ? '' : `, ${m.size} bytes`}${params.length ? ` and ${params.length} shards of ${params.reduce((n, p) => n + p.size, 0)} bytes` : ''}${m.quantized ? `, weights as ${m.quantized}` : ''}`);
    for (const [what, ports] of /** @type {const} */ ([['Input', m.inputs], ['Output', m.outputs]])) for (const p of ports ?? []) lines.push(`  ${what.padEnd(11)}${p.name}: ${describe(p.type, p.dims)}`);
    if (m.golden) lines.push(`  Golden     ${m.golden.cases.length} recorded, within ${m.golden.atol} + ${m.golden.rtol}·|recorded|${m.baseline ? ', with a baseline' : ''}`);
  }
  const all = filesOf(manifest), files = all.filter(([what]) => !what.endsWith('.delta')), deltas = all.filter(([what]) => what.endsWith('.delta')), extra = files.filter(([what]) => what === 'labels' || what.startsWith('files.'));
  if (extra.length) lines.push(`Files        ${extra.map(([what, f]) => `${what.replace('files.', '')} (${f.file})`).join(', ')}`);
  for (const [what, steps] of [['Features', manifest.features], ['Answers', manifest.outputs]]) {
    if (Array.isArray(steps)) steps.forEach((step, i) => lines.push(`${(i ? '' : what).padEnd(13)}${stepText(step, i)}`));
    else if (steps) lines.push(`${String(what).padEnd(13)}${JSON.stringify(steps)}`);
  }
  if (manifest.limits) lines.push(`Limits       ${JSON.stringify(manifest.limits)}`);
  const total = files.filter(([what]) => !what.endsWith('.golden')).reduce((n, [, f]) => n + (f.size ?? 0), 0);
  lines.push(`Download     ${total} bytes in ${new Set(files.map(([, f]) => f.file)).size} files`);
  if (deltas.length) lines.push(`Differences  ${deltas.reduce((n, [, f]) => n + f.size, 0)} bytes for ${deltas.length} shards, where the version before is`);
  return lines.join('\n');
}
