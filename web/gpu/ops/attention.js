// softmax(scale · Q·Kᵀ + mask)·V in one shader: a group of 64 threads for each query, keys in blocks that are rescaled as they come.
import { Unsupported } from '../executor.js';
import { WORDS } from '../words.js';
import { float } from './elementwise.js';

/**
 * @typedef {import('../executor.js').Executor} Executor
 * @typedef {import('../executor.js').Operand} Operand
 * @typedef {import('../plan.js').Step} Step
 * Where heads and rows are: [batch, head, row] strides, in elements; a column is 1.
 * @typedef {{ batch: number, head: number, row: number }} View
 * bias: added to the scores, [batch, head, row, column] strides. causal: how many keys the first query sees, or null; groups: query heads of a key head.
 * @typedef {{ batch: number, heads: number, rows: number, keys: number, width: number, valueWidth: number, q: View, k: View, v: View, y: View, scale: number, groups?: number,
 *   bias?: { strides: number[], bool: boolean } | null, causal?: number | null, softcap?: number }} Shape
 */

/** @param {Executor} g @param {Operand} q @param {Operand} k @param {Operand} v @param {Operand | null} bias @param {Operand} y @param {Shape} a */
export function attend(g, q, k, v, bias, y, a) {
  if (a.valueWidth > 256 || a.width > 256) throw new Unsupported(`heads of ${Math.max(a.width, a.valueWidth)} columns`);
  const views = ['q', 'k', 'v', 'y'], causal = a.causal ?? null, bool = a.bias?.bool ?? false, softcap = a.softcap ?? 0, each = Math.ceil(a.valueWidth / 64), E = Array.from({ length: each }, (_, e) => e);
  g.dispatch(`attention ${Boolean(bias)} ${bool} ${causal !== null} ${softcap} ${each} ${a.groups ?? 1}`, () => ({
    buffers: bias ? 'q k v bias y' : 'q k v y', types: /** @type {Record<string, string>} */ (bool ? { bias: 'u32' } : {}), size: [64, 1, 1],
    numbers: ['heads', 'rows', 'keys', 'width', 'wide', 'seen', 'total', 'scale:f', ...views.flatMap((n) => [`${n}b`, `${n}h`, `${n}r`]), 'bb', 'bh', 'br', 'bc'].join(' '),
    shared: 'var<workgroup> query: array<f32, 256>; var<workgroup> score: array<f32, 256>; var<workgroup> part: array<f32, 64>;',
    body: `let index = wid.x + wid.y * nwg.x;
if (index >= $total) { return; }
let row = index % $rows; let head = (index / $rows) % $heads; let n = index / ($rows * $heads);
let kh = head / ${a.groups ?? 1}u;
for (var c = lid; c < $width; c += 64u) { query[c] = q[$q + n * $qb + head * $qh + row * $qr + c] * $scale; }
workgroupBarrier();
let limit = ${causal !== null ? 'min($keys, u32(max(0, bitcast<i32>($seen) + i32(row))))' : '$keys'};
var top = -3.4028234e38; var sum = 0.0;
${E.map((e) => `var s${e} = 0.0;`).join(' ')}
for (var block = 0u; block < limit; block += 256u) {
  let here = min(256u, limit - block);
  var most = -3.4028234e38;
  for (var j = lid; j < here; j += 64u) {
    let key = block + j;
    let at = $k + n * $kb + kh * $kh + key * $kr;
    var dot = 0.0;
    for (var c = 0u; c < $width; c++) { dot = fma(query[c], k[at + c], dot); }
    ${softcap ? `dot = ${float(softcap)} * tanh(dot / ${float(softcap)});` : ''}
    ${bias ? `let b = bias[$bias + n * $bb + head * $bh + row * $br + key * $bc];\n${bool ? 'if (b == 0u) { dot = bitcast<f32>(0xff800000u ^ ($keys & 0u)); }' : 'dot += b;'}` : ''}
    score[j] = dot;
    most = max(most, dot);
  }
  part[lid] = most;
  workgroupBarrier();
  if (lid == 0u) { for (var j = 1u; j < 64u; j++) { most = max(most, part[j]); } part[0] = most; }
  workgroupBarrier();
  let higher = max(top, part[0]);
  let less = exp(top - higher);
  workgroupBarrier();
  var mine = 0.0;
  for (var j = lid; j < here; j += 64u) { let e = exp(score[j] - higher); score[j] = e; mine += e; }
  part[lid] = mine;
  workgroupBarrier();
  var all = 0.0;
  for (var j = 0u; j < 64u; j++) { all += part[j]; }
  sum = sum * less + all;
  ${E.map((e) => `s${e} *= less;`).join(' ')}
  for (var j = 0u; j < here; j++) {
    let at = $v + n * $vb + kh * $vh + (block + j) * $vr;
    let p = score[j];
    ${E.map((e) => `if (lid + ${64 * e}u < $wide) { s${e} = fma(p, v[at + lid + ${64 * e}u], s${e}); }`).join('\n')}
  }
  top = higher;
  workgroupBarrier();
}
let inverse = select(1.0 / sum, 0.0, sum == 0.0);
let to = $y + n * $yb + head * $yh + row * $yr;
${E.map((e) => `if (lid + ${64 * e}u < $wide) { y[to + lid + ${64 * e}u] = s${e} * inverse; }`).join('\n')}`,
  }), bias ? [q, k, v, bias, y] : [q, k, v, y], [a.heads, a.rows, a.keys, a.width, a.valueWidth, causal ?? 0, a.batch * a.heads * a.rows, a.scale,
    ...[a.q, a.k, a.v, a.y].flatMap(({ batch, head, row }) => [batch, head, row]), ...(a.bias?.strides ?? [0, 0, 0, 0])],
  [Math.min(a.batch * a.heads * a.rows, 65535), Math.ceil((a.batch * a.heads * a.rows) / 65535)]);
}

/** [batch, head, row] strides of a tensor of four dimensions; those of size 1 stand still. @param {number[]} d @param {boolean} rowsFirst @returns {View} */
export function viewOf(d, rowsFirst) {
  const [b, p, q, w] = d;
  const view = rowsFirst ? { batch: p * q * w, head: w, row: q * w } : { batch: p * q * w, head: q * w, row: w };
  if (b === 1) view.batch = 0;
  if ((rowsFirst ? q : p) === 1) view.head = 0;
  return view;
}

/** Strides of a mask that broadcasts to [batch, heads, rows, keys]. @param {number[]} dims */
export function biasStrides(dims) {
  const d = Array(4 - dims.length).fill(1).concat(dims), all = [d[1] * d[2] * d[3], d[2] * d[3], d[3], 1];
  return all.map((stride, i) => (d[i] === 1 ? 0 : stride));
}

/** The form that the pass of attention makes of its parts. @param {Executor} g @param {Step} s */
export function headAttention(g, s) {
  const [q, k, v, mask] = s.in, [y] = s.out;
  if (!q || !k || !v || !y || WORDS[q.type] !== 'f32') throw new Unsupported('an input is missing');
  const full = (/** @type {number[]} */ d) => Array(4 - d.length).fill(1).concat(d), first = ['q', 'k', 'v', 'y'].map((name) => Boolean(s.int(name, 0)));
  const [dq, dk, dv, dy] = [q, k, v, y].map((p) => full(p.dims)), [heads, rows] = first[3] ? [dy[2], dy[1]] : [dy[1], dy[2]], keys = first[1] ? dk[1] : dk[2];
  const bias = mask ? g.in(mask) : null;
  attend(g, g.in(q), g.in(k), g.in(v), bias, g.out(y), { batch: dy[0], heads, rows, keys, width: dq[3], valueWidth: dv[3], q: viewOf(dq, first[0]), k: viewOf(dk, first[1]), v: viewOf(dv, first[2]),
    y: viewOf(dy, first[3]), scale: s.float('scale', 1), bias: mask ? { strides: biasStrides(mask.dims), bool: mask.type === 'bool' } : null });
}
