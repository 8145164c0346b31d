// Reductions, softmax and norms: a thread, or a group of 64 where there are few results, for each of them.
import { Unsupported } from '../executor.js';
import { WORDS } from '../words.js';
import { stridesOf } from './move.js';

/**
 * @typedef {import('../executor.js').Executor} Executor
 * @typedef {import('../executor.js').Operand} Operand
 * @typedef {import('../plan.js').Step} Step
 */

/** first, and what an element `v` changes about the sum `s`; end: of the sum, n elements. @type {Record<string, { first: string, add: string, join: string, end?: string }>} */
const SUMS = {
  ReduceSum: { first: '0', add: 's + v', join: 's + t' }, ReduceMean: { first: '0', add: 's + v', join: 's + t', end: 's / f32($len)' },
  ReduceProd: { first: '1', add: 's * v', join: 's * t' }, ReduceSumSquare: { first: '0', add: 's + v * v', join: 's + t' },
  ReduceL1: { first: '0', add: 's + abs(v)', join: 's + t' }, ReduceL2: { first: '0', add: 's + v * v', join: 's + t', end: 'sqrt(s)' },
  ReduceLogSum: { first: '0', add: 's + v', join: 's + t', end: 'select(log(s), bitcast<f32>(0xff800000u | (bitcast<u32>(s) & 0x7fffffffu)), s == 0.0)' },
  ReduceMax: { first: 'lowest', add: 'max(s, v)', join: 'max(s, t)' }, ReduceMin: { first: 'highest', add: 'min(s, v)', join: 'min(s, t)' },
};
const LOWEST = { f32: 'bitcast<f32>(0xff800000u ^ ($len & 0u))', i32: 'bitcast<i32>(0x80000000u)', u32: '0u' };
const HIGHEST = { f32: 'bitcast<f32>(0x7f800000u ^ ($len & 0u))', i32: '2147483647', u32: '4294967295u' };

/** Axes of a reduction, from 0 up, or null. @param {Step} s */
function axesOf(s) {
  const rank = s.in[0]?.dims.length ?? 0, given = s.in[1] ? s.known(1) : s.attr('axes')?.ints ?? null;
  if (s.in[1] && !given) throw new Unsupported('its axes are not known with the plan');
  if (!given || !given.length) return s.int('noop_with_empty_axes', 0) ? [] : Array.from({ length: rank }, (_, d) => d);
  return given.map((a) => (a + rank) % rank);
}

/** Dimensions that lie together as one. @param {number[]} dims @param {number[]} strides @returns {[number, number][]} */
function fold(dims, strides) {
  /** @type {[number, number][]} */
  const out = [];
  dims.forEach((size, d) => {
    const last = out.at(-1);
    if (size === 1) return;
    if (last && last[1] === strides[d] * size) out[out.length - 1] = [last[0] * size, strides[d]];
    else out.push([size, strides[d]]);
  });
  return out.length ? out : [[1, 1]];
}

/**
 * For each result `i` of $n, whose first element is `base`, over `r` of $len. Names of numbers and their values, code that finds base and the
 * place of element r.
 * @param {number[]} dims @param {number[]} axes
 */
function walk(dims, axes) {
  const strides = stridesOf(dims), kept = dims.map((_, d) => d).filter((d) => !axes.includes(d));
  const outer = fold(kept.map((d) => dims[d]), kept.map((d) => strides[d])), inner = fold(axes.slice().sort((a, b) => a - b).map((d) => dims[d]), axes.slice().sort((a, b) => a - b).map((d) => strides[d]));
  const count = kept.reduce((n, d) => n * dims[d], 1), len = axes.reduce((n, d) => n * dims[d], 1);
  const place = (/** @type {[number, number][]} */ list, /** @type {string} */ p, /** @type {string} */ index) => `var ${p} = 0u; { var q = ${index}; ${list.map((_, d) => d).reverse()
    .map((d) => (d ? `${p} += (q % $${p}n${d}) * $${p}s${d}; q = q / $${p}n${d};` : `${p} += q * $${p}s0;`)).join(' ')} }`;
  const names = (/** @type {[number, number][]} */ list, /** @type {string} */ p) => list.flatMap((_, d) => [`${p}n${d}`, `${p}s${d}`]);
  return {
    count, len, numbers: ['len', ...names(outer, 'base'), ...names(inner, 'e')].join(' '), values: [len, ...outer.flat(), ...inner.flat()], key: `${outer.length} ${inner.length}`,
    base: place(outer, 'base', 'i'), element: (/** @type {string} */ r) => place(inner, 'e', r),
  };
}

/** @param {Executor} g @param {Step} s */
export function reduce(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  const word = WORDS[x.type];
  if (word !== 'f32' && (x.type.endsWith('64') || !['ReduceMax', 'ReduceMin', 'ReduceSum'].includes(s.op))) throw new Unsupported(`sums of ${x.type} are left to the CPU`);
  if (x.type !== y.type) throw new Unsupported('its result has another type');
  const axes = axesOf(s);
  if (!axes.length && ['ReduceMax', 'ReduceMin', 'ReduceSum', 'ReduceMean', 'ReduceProd'].includes(s.op)) return g.alias(y, g.in(x));
  const logsum = s.op === 'ReduceLogSumExp';
  const w = walk(x.dims, axes), sum = SUMS[logsum ? 'ReduceMax' : s.op], wide = w.count < 512 && w.len > 128;
  const first = sum.first === 'lowest' ? LOWEST[word] : sum.first === 'highest' ? HIGHEST[word] : `${word}(${sum.first})`;
  const nan = word === 'f32' && /max|min/.test(sum.add) ? 'if ((bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u) { bad = true; }' : '';
  const loop = (/** @type {string} */ from, /** @type {string} */ step) => `for (var r = ${from}; r < $len; r += ${step}) { ${w.element('r')} let v = x[$x + base + e]; s = ${sum.add}; ${nan} }`;
  const second = `let top = select(s, 0.0, abs(s) > 3.4e38); var total = 0.0; for (var r = 0u; r < $len; r++) { ${w.element('r')} total += exp(x[$x + base + e] - top); } let result = select(log(total) + top, bitcast<f32>(0xff800000u | (bitcast<u32>(total) & 0x7fffffffu)), total == 0.0);`;
  const end = logsum ? second : `let result = ${sum.end ?? 's'};`;
  const store = nan ? 'y[$y + i] = select(result, bitcast<f32>(0x7fc00000u ^ ($len & 0u)), bad);' : 'y[$y + i] = result;';
  if (wide && !logsum) {
    g.dispatch(`${s.op} group ${word} ${w.key}`, () => ({
      buffers: 'x y', types: { x: word, y: word }, numbers: `n ${w.numbers}`, size: [64, 1, 1], shared: `var<workgroup> part: array<${word}, 64>; var<workgroup> bads: array<u32, 64>;`,
      body: `let i = wid.x + wid.y * nwg.x;
if (i >= $n) { return; }
${w.base}
var s = ${first}; var bad = false;
${loop('lid', '64u')}
part[lid] = s; bads[lid] = u32(bad);
workgroupBarrier();
if (lid == 0u) {
  for (var k = 1u; k < 64u; k++) { let t = part[k]; s = ${sum.join}; bad = bad || bads[k] != 0u; }
  ${end} ${store}
}`,
    }), [g.in(x), g.out(y)], [w.count, ...w.values], [Math.min(w.count, 65535), Math.ceil(w.count / 65535)]);
    return;
  }
  g.dispatch(`${s.op} ${word} ${w.key}`, () => ({
    buffers: 'x y', types: { x: word, y: word }, numbers: w.numbers, linear: true,
    body: `${w.base}\nvar s = ${first}; var bad = false;\n${loop('0u', '1u')}\n${end} ${store}`,
  }), [g.in(x), g.out(y)], [w.count, ...w.values], w.count);
}

/** @param {Executor} g @param {Step} s */
export function argReduce(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  const axis = (s.int('axis', 0) + x.dims.length) % x.dims.length, w = walk(x.dims, [axis]), word = WORDS[x.type], last = s.int('select_last_index', 0), most = s.op === 'ArgMax';
  g.dispatch(`${s.op} ${word} ${w.key} ${last}`, () => ({
    buffers: 'x y', types: { x: word, y: 'i32' }, numbers: w.numbers, linear: true,
    body: `${w.base}\nvar best = x[$x + base]; var found = 0u;
for (var r = 1u; r < $len; r++) { ${w.element('r')} let v = x[$x + base + e]; if (v ${most ? '>' : '<'}${last ? '=' : ''} best) { best = v; found = r; } }
y[$y + i] = i32(found);`,
  }), [g.in(x), g.out(y)], [w.count, ...w.values], w.count);
}

/** Softmax, LogSoftmax, Hardmax. @param {Executor} g @param {Step} s */
export function softmax(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  const old = s.opset < 13, rank = x.dims.length, axis = (s.int('axis', old ? 1 : -1) + rank) % (rank || 1);
  const axes = old ? x.dims.map((_, d) => d).filter((d) => d >= axis) : [axis], w = walk(x.dims, axes);
  softmaxOver(g, g.in(x), g.out(y), w, s.op);
}

/** @param {Executor} g @param {Operand} x @param {Operand} y @param {ReturnType<typeof walk>} w @param {string} op */
function softmaxOver(g, x, y, w, op) {
  const at = '$x + base + e', to = 'y[$y + base + e]', wide = w.count < 512 && w.len > 64;
  const each = (/** @type {string} */ body) => `for (var r = ${wide ? 'lid' : '0u'}; r < $len; r += ${wide ? '64u' : '1u'}) { ${w.element('r')} ${body} }`;
  const joined = (/** @type {string} */ value, /** @type {string} */ how) => (wide ? `part[lid] = ${value}; workgroupBarrier(); if (lid == 0u) { for (var k = 1u; k < 64u; k++) { let v = part[k]; ${how} } part[0] = ${value}; } workgroupBarrier(); ${value} = workgroupUniformLoad(&part[0]); workgroupBarrier();` : '');
  const body = op === 'Hardmax' ? `var top = x[$x + base]; var found = 0u;
for (var r = 1u; r < $len; r++) { ${w.element('r')} let v = x[${at}]; if (v > top) { top = v; found = r; } }
for (var r = 0u; r < $len; r++) { ${w.element('r')} ${to} = select(0.0, 1.0, r == found); }` : `var top = -3.4e38;
${each(`top = max(top, x[${at}]);`)}
${joined('top', 'top = max(top, v);')}
var total = 0.0;
${each(`total += exp(x[${at}] - top);`)}
${joined('total', 'total += v;')}
${op === 'LogSoftmax' ? `let less = log(total) + top; ${each(`${to} = x[${at}] - less;`)}` : `let scale = 1.0 / total; ${each(`${to} = exp(x[${at}] - top) * scale;`)}`}`;
  const group = wide && op !== 'Hardmax';
  g.dispatch(`${op} ${group} ${w.key}`, () => (group ? {
    buffers: 'x y', numbers: `n ${w.numbers}`, size: [64, 1, 1], shared: 'var<workgroup> part: array<f32, 64>;', body: `let i = wid.x + wid.y * nwg.x;\nif (i >= $n) { return; }\n${w.base}\n${body}`,
  } : { buffers: 'x y', numbers: w.numbers, linear: true, body: `${w.base}\n${body}` }), [x, y], [w.count, ...w.values], group ? [Math.min(w.count, 65535), Math.ceil(w.count / 65535)] : w.count);
}

/**
 * Rows of `len` elements to mean 0 (unless `rms`) and variance 1, then scale and bias.
 * @param {Executor} g @param {{ x: Operand, y: Operand, scale: Operand | null, bias: Operand | null, mean?: Operand | null, deviation?: Operand | null, rows: number, len: number,
 *   epsilon: number, rms?: boolean, per: 'element' | 'channel', inner?: number, channels?: number, group?: number, skip?: Operand[], sum?: Operand | null }} o
 *   per: what of scale and bias belongs to an element: its place in the row (modulo `inner`), or its channel
 */
export function normalize(g, { x, y, scale, bias, mean = null, deviation = null, rows, len, epsilon, rms = false, per, inner = len, channels = 1, group = 1, skip = [], sum = null }) {
  const wide = rows < 256 && len >= 64, extra = skip.map((_, k) => `k${k}`);
  const names = ['x', ...(scale ? ['scale'] : []), ...(bias ? ['bias'] : []), ...extra, ...(mean ? ['mean'] : []), ...(deviation ? ['deviation'] : []), ...(sum ? ['sum'] : []), 'y'];
  const load = (/** @type {string} */ r) => `(x[$x + base + ${r}]${extra.map((name, k) => ` + ${name}[$${name} + ${skip[k].count === inner && skip[k].count !== x.count ? `(${r}) % $inner` : `base + ${r}`}]`).join('')})`;
  const index = per === 'element' ? 'r % $inner' : '((i % ($channels / $group)) * $group + r / $inner) % $channels';
  const each = (/** @type {string} */ body) => `for (var r = ${wide ? 'lid' : '0u'}; r < $len; r += ${wide ? '64u' : '1u'}) { ${body} }`;
  const total = (/** @type {string} */ value) => (wide ? `part[lid] = ${value}; workgroupBarrier(); if (lid == 0u) { for (var k = 1u; k < 64u; k++) { ${value} += part[k]; } part[0] = ${value}; } workgroupBarrier(); ${value} = workgroupUniformLoad(&part[0]); workgroupBarrier();` : '');
  const one = wide ? 'if (lid == 0u) ' : '';
  const body = `let base = i * $len;
${rms ? 'let middle = 0.0;' : `var total = 0.0; ${each(`total += ${load('r')};`)} ${total('total')} let middle = total / f32($len);`}
var square = 0.0; ${each(`let d = ${load('r')} - middle; square += d * d;`)} ${total('square')}
let inverse = 1.0 / sqrt(square / f32($len) + $epsilon);
${mean ? `${one}{ mean[$mean + i] = middle; }` : ''} ${deviation ? `${one}{ deviation[$deviation + i] = inverse; }` : ''}
${each(`let v = ${load('r')}; ${sum ? 'sum[$sum + base + r] = v;' : ''} y[$y + base + r] = (v - middle) * inverse${scale ? ` * scale[$scale + ${index}]` : ''}${bias ? ` + bias[$bias + ${index}]` : ''};`)}`;
  const outputs = 1 + Number(Boolean(mean)) + Number(Boolean(deviation)) + Number(Boolean(sum)), numbers = 'len inner channels group epsilon:f';
  g.dispatch(`norm ${wide} ${names.join()} ${rms} ${per} ${skip.map((k) => k.count === inner && k.count !== x.count).join()}`, () => (wide ? {
    buffers: names.join(' '), outputs, numbers: `n ${numbers}`, shared: 'var<workgroup> part: array<f32, 64>;', body: `let i = wid.x + wid.y * nwg.x;\nif (i >= $n) { return; }\n${body}`,
  } : { buffers: names.join(' '), outputs, numbers, linear: true, body }),
  [x, ...(scale ? [scale] : []), ...(bias ? [bias] : []), ...skip, ...(mean ? [mean] : []), ...(deviation ? [deviation] : []), ...(sum ? [sum] : []), y],
  [rows, len, inner, channels, group, epsilon], wide ? [Math.min(rows, 65535), Math.ceil(rows / 65535)] : rows);
}

/** LayerNormalization, RMSNormalization, SimplifiedLayerNormalization. @param {Executor} g @param {Step} s */
export function layerNorm(g, s) {
  const [x, scale, bias] = s.in, [y, mean, deviation] = s.out, rms = s.op !== 'LayerNormalization';
  if (!x || !y || WORDS[x.type] !== 'f32') throw new Unsupported('an input is missing');
  const rank = x.dims.length, axis = (s.int('axis', -1) + rank) % rank, len = x.dims.slice(axis).reduce((a, b) => a * b, 1);
  for (const p of [scale, bias]) if (p && p.count !== len) throw new Unsupported('its scale is broadcast');
  if (rms && (mean || deviation)) throw new Unsupported('a result beside the normalized one');
  normalize(g, { x: g.in(x), y: g.out(y), scale: scale ? g.in(scale) : null, bias: bias && !rms ? g.in(bias) : null, mean: mean ? g.out(mean) : null, deviation: deviation ? g.out(deviation) : null,
    rows: x.count / len, len, epsilon: s.float('epsilon', 1e-5), rms, per: 'element' });
}

/** @param {Executor} g @param {Step} s */
export function skipNorm(g, s) {
  const rms = s.op.includes('Simplified'), [x, skip, gamma] = s.in, beta = rms ? null : s.in[3], bias = s.in[rms ? 3 : 4], [y, mean, deviation, sum] = s.out;
  if (!x || !skip || !gamma || !y) throw new Unsupported('an input is missing');
  const len = gamma.count;
  if (skip.count !== x.count || mean || deviation) throw new Unsupported('its inputs are broadcast');
  normalize(g, { x: g.in(x), y: g.out(y), scale: g.in(gamma), bias: beta ? g.in(beta) : null, rows: x.count / len, len, epsilon: s.float('epsilon', 1e-5), rms, per: 'element',
    skip: [g.in(skip), ...(bias ? [g.in(bias)] : [])], sum: sum ? g.out(sum) : null });
}

/** InstanceNormalization, GroupNormalization (scale per channel from opset 21 on). @param {Executor} g @param {Step} s */
export function instanceNorm(g, s) {
  const [x, scale, bias] = s.in, [y] = s.out;
  if (!x || !scale || !bias || !y) throw new Unsupported('an input is missing');
  const [n, channels] = x.dims, area = x.count / n / channels, groups = s.op === 'InstanceNormalization' ? channels : s.int('num_groups', 1), each = channels / groups;
  if (s.op === 'GroupNormalization' && scale.count !== channels) throw new Unsupported('its scale is per group');
  normalize(g, { x: g.in(x), y: g.out(y), scale: g.in(scale), bias: g.in(bias), rows: n * groups, len: each * area, epsilon: s.float('epsilon', 1e-5), per: 'channel', inner: area, channels, group: each });
}

/** A running sum or product along an axis. @param {Executor} g @param {Step} s */
export function cumulate(g, s) {
  const [x] = s.in, [y] = s.out, axes = s.known(1);
  if (!x || !y || !axes) throw new Unsupported('its axis is not known with the plan');
  if (x.type.endsWith('64')) throw new Unsupported(`sums of ${x.type} may leave 32 bits`);
  const axis = (axes[0] + x.dims.length) % x.dims.length, w = walk(x.dims, [axis]), word = WORDS[x.type], times = s.op === 'CumProd', exclusive = s.int('exclusive', 0), reverse = s.int('reverse', 0);
  g.dispatch(`${s.op} ${word} ${w.key} ${exclusive} ${reverse}`, () => ({
    buffers: 'x y', types: { x: word, y: word }, numbers: w.numbers, linear: true,
    body: `${w.base}\nvar s = ${word}(${times ? 1 : 0});
for (var k = 0u; k < $len; k++) { let r = ${reverse ? '$len - 1u - k' : 'k'}; ${w.element('r')} let v = x[$x + base + e]; ${exclusive ? `y[$y + base + e] = s; s = s ${times ? '*' : '+'} v;` : `s = s ${times ? '*' : '+'} v; y[$y + base + e] = s;`} }`,
  }), [g.in(x), g.out(y)], [w.count, ...w.values], w.count);
}

/** LpNormalization. @param {Executor} g @param {Step} s */
export function lpNorm(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  const axis = (s.int('axis', -1) + x.dims.length) % x.dims.length, w = walk(x.dims, [axis]), p = s.int('p', 2);
  g.dispatch(`lpnorm ${p} ${w.key}`, () => ({
    buffers: 'x y', numbers: w.numbers, linear: true,
    body: `${w.base}\nvar s = 0.0;\nfor (var r = 0u; r < $len; r++) { ${w.element('r')} let v = x[$x + base + e]; s += ${p === 1 ? 'abs(v)' : 'v * v'}; }
${p === 1 ? '' : 's = sqrt(s);'}\nlet scale = select(1.0 / s, 0.0, s == 0.0);\nfor (var r = 0u; r < $len; r++) { ${w.element('r')} y[$y + base + e] = x[$x + base + e] * scale; }`,
  }), [g.in(x), g.out(y)], [w.count, ...w.values], w.count);
}
