// Operators that look places up. An index out of range is written into a flag that ends the run with an error.
import { Unsupported } from '../executor.js';
import { move, stridesOf } from './move.js';

/**
 * @typedef {import('../executor.js').Executor} Executor
 * @typedef {import('../plan.js').Step} Step
 */

/** An index from 0 up, or 0 and the flag. @param {string} index @param {string} size @param {string} name */
const checked = (index, size, name) => `var ${name} = ${index}; if (${name} < 0) { ${name} += i32(${size}); } if (${name} < 0 || ${name} >= i32(${size})) { flag[$flag] = $code; ${name} = 0; }`;

/** @param {Executor} g @param {Step} s */
export function gather(g, s) {
  const [x, at] = s.in, [y] = s.out;
  if (!x || !at || !y) throw new Unsupported('an input is missing');
  const axis = (s.int('axis', 0) + x.dims.length) % x.dims.length, inner = x.dims.slice(axis + 1).reduce((a, b) => a * b, 1), { operand, code } = g.flag(s, 'an index is out of range');
  g.dispatch('gather', () => ({
    buffers: 'x at y flag', types: { x: 'u32', at: 'i32', y: 'u32', flag: 'u32' }, outputs: 2, linear: true, numbers: 'size count inner code',
    body: `let e = i % $inner; let k = (i / $inner) % $count; let outer = i / ($inner * $count);
${checked('at[$at + k]', '$size', 'index')}
y[$y + i] = x[$x + (outer * $size + u32(index)) * $inner + e];`,
  }), [g.in(x), g.in(at), g.out(y), operand], [y.count, x.dims[axis], at.count, inner, code], y.count);
}

/** @param {Executor} g @param {Step} s */
export function gatherElements(g, s) {
  const [x, at] = s.in, [y] = s.out;
  if (!x || !at || !y) throw new Unsupported('an input is missing');
  const rank = x.dims.length, axis = (s.int('axis', 0) + rank) % rank, D = x.dims.map((_, d) => d), { operand, code } = g.flag(s, 'an index is out of range');
  if (rank > 6) throw new Unsupported(`a tensor of ${rank} dimensions`);
  g.dispatch(`gather elements ${rank} ${axis}`, () => ({
    buffers: 'x at y flag', types: { x: 'u32', at: 'i32', y: 'u32', flag: 'u32' }, outputs: 2, linear: true, numbers: ['size', 'code', ...D.map((d) => `o${d}`), ...D.map((d) => `s${d}`)].join(' '),
    body: `var rest = i; var place = 0u;
${checked('at[$at + i]', '$size', 'index')}
${[...D].reverse().map((d) => `place += ${d === axis ? 'u32(index)' : `(rest % $o${d})`} * $s${d}; rest = rest / $o${d};`).join('\n')}
y[$y + i] = x[$x + place];`,
  }), [g.in(x), g.in(at), g.out(y), operand], [y.count, x.dims[axis], code, ...y.dims, ...stridesOf(x.dims)], y.count);
}

/** @param {Executor} g @param {Step} s */
export function gatherNd(g, s) {
  const [x, at] = s.in, [y] = s.out;
  if (!x || !at || !y) throw new Unsupported('an input is missing');
  const b = s.int('batch_dims', 0), depth = at.dims.at(-1) ?? 0, batch = x.dims.slice(0, b).reduce((n, d) => n * d, 1), inner = x.dims.slice(b + depth).reduce((n, d) => n * d, 1);
  const each = at.count / depth / batch, K = Array.from({ length: depth }, (_, k) => k), { operand, code } = g.flag(s, 'an index is out of range');
  if (!at.count || depth > 6) throw new Unsupported('its indices have another form');
  g.dispatch(`gather nd ${depth}`, () => ({
    buffers: 'x at y flag', types: { x: 'u32', at: 'i32', y: 'u32', flag: 'u32' }, outputs: 2, linear: true, numbers: ['each', 'inner', 'code', ...K.map((k) => `d${k}`)].join(' '),
    body: `let e = i % $inner; let k = i / $inner; var place = k / $each;
${K.map((q) => `${checked(`at[$at + k * ${depth}u + ${q}u]`, `$d${q}`, `i${q}`)} place = place * $d${q} + u32(i${q});`).join('\n')}
y[$y + i] = x[$x + place * $inner + e];`,
  }), [g.in(x), g.in(at), g.out(y), operand], [y.count, each, inner, code, ...x.dims.slice(b, b + depth)], y.count);
}

/** ScatterElements and ScatterND without reduction. @param {Executor} g @param {Step} s */
export function scatter(g, s) {
  const [x, at, updates] = s.in, [y] = s.out;
  if (!x || !at || !updates || !y) throw new Unsupported('an input is missing');
  if (s.text('reduction', 'none') !== 'none') throw new Unsupported('sums at places that may be equal');
  const from = g.in(x), out = g.out(y);
  move(g, from, out, [x.count], [1], [1]);
  if (!updates.count) return;
  const { operand, code } = g.flag(s, 'an index is out of range');
  if (s.op === 'ScatterND') {
    const depth = at.dims.at(-1) ?? 0, inner = x.dims.slice(depth).reduce((n, d) => n * d, 1), K = Array.from({ length: depth }, (_, k) => k);
    g.dispatch(`scatter nd ${depth}`, () => ({
      buffers: 'at u_ y flag', types: { at: 'i32', u_: 'u32', y: 'u32', flag: 'u32' }, outputs: 2, linear: true, numbers: ['inner', 'code', ...K.map((k) => `d${k}`)].join(' '),
      body: `let e = i % $inner; let k = i / $inner; var place = 0u;
${K.map((q) => `${checked(`at[$at + k * ${depth}u + ${q}u]`, `$d${q}`, `i${q}`)} place = place * $d${q} + u32(i${q});`).join('\n')}
y[$y + place * $inner + e] = u_[$u_ + i];`,
    }), [g.in(at), g.in(updates), out, operand], [updates.count, inner, code, ...x.dims.slice(0, depth)], updates.count);
    return;
  }
  const rank = x.dims.length, axis = (s.int('axis', 0) + rank) % rank, D = x.dims.map((_, d) => d);
  if (rank > 6) throw new Unsupported(`a tensor of ${rank} dimensions`);
  g.dispatch(`scatter elements ${rank} ${axis}`, () => ({
    buffers: 'at u_ y flag', types: { at: 'i32', u_: 'u32', y: 'u32', flag: 'u32' }, outputs: 2, linear: true, numbers: ['size', 'code', ...D.map((d) => `o${d}`), ...D.map((d) => `s${d}`)].join(' '),
    body: `var rest = i; var place = 0u;
${checked('at[$at + i]', '$size', 'index')}
${[...D].reverse().map((d) => `place += ${d === axis ? 'u32(index)' : `(rest % $o${d})`} * $s${d}; rest = rest / $o${d};`).join('\n')}
y[$y + place] = u_[$u_ + i];`,
  }), [g.in(at), g.in(updates), out, operand], [updates.count, x.dims[axis], code, ...at.dims, ...stridesOf(x.dims)], updates.count);
}

/** @param {Executor} g @param {Step} s */
export function oneHot(g, s) {
  const [at, depth, values] = s.in, [y] = s.out, size = s.known(1);
  if (!at || !depth || !values || !y || !size) throw new Unsupported('its depth is not known with the plan');
  const axis = (s.int('axis', -1) + y.dims.length) % y.dims.length, inner = y.dims.slice(axis + 1).reduce((n, d) => n * d, 1), have = g.in(at).word, word = g.in(values).word;
  g.dispatch(`one hot ${have} ${word}`, () => ({
    buffers: 'at v y', types: { at: have, v: word, y: word }, linear: true, numbers: 'inner size',
    body: `let e = i % $inner; let k = (i / $inner) % $size; let outer = i / ($inner * $size);
var index = i32(at[$at + outer * $inner + e]); if (index < 0) { index += i32($size); }
y[$y + i] = select(v[$v], v[$v + 1u], index == i32(k));`,
  }), [g.in(at), g.in(values), g.out(y)], [y.count, inner, y.dims[axis]], y.count);
}
