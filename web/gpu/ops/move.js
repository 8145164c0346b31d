// Operators that move elements: one shader that walks over places in strides, whatever the type of the elements.
import { Unsupported } from '../executor.js';
import { float } from './elementwise.js';

/**
 * @typedef {import('../executor.js').Executor} Executor
 * @typedef {import('../executor.js').Operand} Operand
 * @typedef {import('../plan.js').Step} Step
 */

/** @param {number[]} dims */
export function stridesOf(dims) {
  const out = Array(dims.length).fill(1);
  for (let d = dims.length - 2; d >= 0; d--) out[d] = out[d + 1] * dims[d + 1];
  return out;
}

/**
 * y[at + Σ c · toward] = x[from + Σ c · along] for all places c of `dims`.
 * @param {Executor} g @param {Operand} x @param {Operand} y @param {number[]} dims @param {number[]} along @param {number[]} toward @param {number} [from] @param {number} [at]
 */
export function move(g, x, y, dims, along, toward, from = 0, at = 0) {
  /** @type {[number, number, number][]} size, along, toward */
  const folded = [];
  dims.forEach((size, d) => {
    const last = folded.at(-1);
    if (size === 1) return;
    if (last && last[1] === along[d] * size && last[2] === toward[d] * size) folded[folded.length - 1] = [last[0] * size, along[d], toward[d]];
    else folded.push([size, along[d], toward[d]]);
  });
  const rank = folded.length, count = dims.reduce((a, b) => a * b, 1);
  if (!count) return;
  if (rank <= 1 && (folded[0]?.[1] ?? 1) === 1 && (folded[0]?.[2] ?? 1) === 1) {
    g.copy({ ...x, at: x.at + from }, { ...y, at: y.at + at }, count);
    return;
  }
  const D = Array.from({ length: rank }, (_, d) => d);
  g.dispatch(`move ${rank}`, () => ({
    buffers: 'x y', types: { x: 'u32', y: 'u32' }, linear: true, numbers: ['start', 'end', ...D.map((d) => `d${d}`), ...D.map((d) => `s${d}`), ...D.map((d) => `t${d}`)].join(' '),
    body: `var rest = i;
var a = bitcast<i32>($start);
var b = bitcast<i32>($end);
${[...D].reverse().map((d) => `{ let c = i32(${d ? `rest % $d${d}` : 'rest'}); ${d ? `rest = rest / $d${d};` : ''} a += c * bitcast<i32>($s${d}); b += c * bitcast<i32>($t${d}); }`).join('\n')}
y[$y + u32(b)] = x[$x + u32(a)];`,
  }), [x, y], [count, from, at, ...folded.map((f) => f[0]), ...folded.map((f) => f[1]), ...folded.map((f) => f[2])], count);
}

/** @param {Executor} g @param {Step} s */
export function transpose(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  const perm = s.ints('perm', x.dims.map((_, d) => x.dims.length - 1 - d)), strides = stridesOf(x.dims);
  const moved = perm.filter((d) => x.dims[d] > 1);
  if (moved.every((d, k) => k === 0 || d > moved[k - 1])) return g.alias(y, g.in(x));
  move(g, g.in(x), g.out(y), y.dims, perm.map((d) => strides[d]), stridesOf(y.dims));
}

/** Where it drops nothing. @param {Executor} g @param {Step} s */
export function dropout(g, s) {
  if (s.out[1] || (s.opset < 7 ? !s.int('is_test', 0) : s.in[2] && s.known(2)?.[0] !== 0)) throw new Unsupported('it is in training');
  g.alias(s.out[0], g.in(s.in[0]));
}

/** Another shape. @param {Executor} g @param {Step} s */
export function reshape(g, s) {
  g.alias(s.out[0], g.in(s.in[0]));
}

/** @param {Executor} g @param {Step} s */
export function expand(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  const own = Array(y.dims.length - x.dims.length).fill(1).concat(x.dims), strides = stridesOf(own);
  move(g, g.in(x), g.out(y), y.dims, strides.map((stride, d) => (own[d] === 1 ? 0 : stride)), stridesOf(y.dims));
}

/** @param {Executor} g @param {Step} s */
export function tile(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  if (x.dims.length !== y.dims.length) throw new Unsupported('its repeats are of another form');
  const strides = stridesOf(x.dims), toward = stridesOf(y.dims);
  move(g, g.in(x), g.out(y), x.dims.flatMap((n, d) => [y.dims[d] / n, n]), strides.flatMap((n) => [0, n]), toward.flatMap((n, d) => [n * x.dims[d], n]));
}

/** @param {Executor} g @param {Step} s */
export function concat(g, s) {
  const [y] = s.out;
  if (!y) throw new Unsupported('an input is missing');
  const axis = (s.int('axis', 1) + y.dims.length) % y.dims.length, toward = stridesOf(y.dims), parts = s.in.filter((p) => p?.count).map((p) => ({ p, x: g.in(p) })), out = g.out(y);
  let at = 0;
  for (const { p, x } of parts) {
    const { dims } = /** @type {import('../plan.js').Port} */ (p);
    move(g, x, out, dims, stridesOf(dims), toward, 0, at * toward[axis]);
    at += dims[axis];
  }
}

/** @param {Executor} g @param {Step} s */
export function split(g, s) {
  const [x] = s.in;
  if (!x) throw new Unsupported('an input is missing');
  const axis = (s.int('axis', 0) + x.dims.length) % x.dims.length, along = stridesOf(x.dims), from = g.in(x);
  let at = 0;
  for (const y of s.out) {
    if (!y) throw new Unsupported('a part is not wanted');
    if (y.count) move(g, from, g.out(y), y.dims, along, stridesOf(y.dims), at * along[axis]);
    at += y.dims[axis];
  }
}

/** @param {Executor} g @param {Step} s */
export function slice(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  const old = s.opset < 10, starts = old ? s.ints('starts', []) : s.known(1), ends = old ? s.ints('ends', []) : s.known(2);
  const axes = (old ? s.attr('axes')?.ints : s.in[3] ? s.known(3) : null) ?? starts?.map((_, i) => i), steps = old || !s.in[4] ? null : s.known(4);
  if (!starts || !ends || !axes || (!old && s.in[3] && !s.known(3)) || (!old && s.in[4] && !steps)) throw new Unsupported('its bounds are not known with the plan');
  const along = stridesOf(x.dims);
  let from = 0;
  axes.forEach((a, i) => {
    const axis = (a + x.dims.length) % x.dims.length, n = x.dims[axis], step = steps?.[i] ?? 1, start = starts[i] < 0 ? starts[i] + n : starts[i];
    from += (step > 0 ? Math.min(Math.max(start, 0), n) : Math.min(Math.max(start, 0), n - 1)) * along[axis];
    along[axis] *= step;
  });
  move(g, g.in(x), g.out(y), y.dims, along, stridesOf(y.dims), from);
}

/** Blocks of channels to places, or back. @param {Executor} g @param {Step} s */
export function depthToSpace(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y || x.dims.length !== 4) throw new Unsupported('an input is missing');
  const b = s.int('blocksize', 1), toDepth = s.op === 'SpaceToDepth', [n, c, h, w] = toDepth ? y.dims : x.dims, each = c / b / b;
  // the six dimensions of the deep side: n, then block row, block column, channel (or the channel first), row, column
  const crd = s.text('mode', 'DCR') === 'CRD', deep = crd ? [each, b, b] : [b, b, each];
  const deepDims = [n, ...deep, h, w], deepStrides = stridesOf(deepDims), [by, bx, ch] = crd ? [2, 3, 1] : [1, 2, 3];
  const order = [0, ch, 4, by, 5, bx], dims = order.map((d) => deepDims[d]), wide = stridesOf(dims), along = order.map((d) => deepStrides[d]);
  if (toDepth) move(g, g.in(x), g.out(y), dims, wide, along);
  else move(g, g.in(x), g.out(y), dims, along, wide);
}

/** @param {Executor} g @param {Step} s */
export function pad(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  const mode = s.text('mode', 'constant'), old = s.opset < 11, all = old ? s.attr(s.opset < 2 ? 'paddings' : 'pads')?.ints : s.known(1), rank = x.dims.length;
  if (!all || (s.in[3] && !s.known(3)) || !x.count) throw new Unsupported('its paddings are not known with the plan');
  const axes = (s.in[3] ? s.known(3) : null) ?? x.dims.map((_, d) => d), begin = Array(rank).fill(0);
  axes.forEach((a, i) => { begin[(a + rank) % rank] = all[i]; });
  if (rank > 6) throw new Unsupported(`a tensor of ${rank} dimensions`);
  const value = s.in[2] && s.in[2].count ? g.in(s.in[2]) : null, from = g.in(x), to = g.out(y), D = x.dims.map((_, d) => d), along = stridesOf(x.dims);
  const fixed = old ? s.float('value', 0) : 0, word = to.word;
  const operands = value ? [from, value, to] : [from, to];
  g.dispatch(`pad ${mode} ${rank} ${Boolean(value)} ${word} ${fixed}`, () => ({
    buffers: value ? 'x v y' : 'x y', types: { x: word, v: word, y: word }, linear: true,
    numbers: [...D.map((d) => `o${d}`), ...D.map((d) => `n${d}`), ...D.map((d) => `b${d}`), ...D.map((d) => `s${d}`)].join(' '),
    body: `var rest = i;
var a = 0u;
var inside = true;
${[...D].reverse().map((d) => `{ var c = i32(${d ? `rest % $o${d}` : 'rest'}) - bitcast<i32>($b${d}); ${d ? `rest = rest / $o${d};` : ''} let n = i32($n${d});
${mode === 'constant' ? 'inside = inside && c >= 0 && c < n; c = clamp(c, 0, n - 1);' : mode === 'edge' ? 'c = clamp(c, 0, n - 1);' : mode === 'wrap' ? 'c = ((c % n) + n) % n;'
    : 'if (n == 1) { c = 0; } else { let period = 2 * n - 2; c = ((c % period) + period) % period; c = select(c, period - c, c >= n); }'}
a += u32(c) * $s${d}; }`).join('\n')}
y[$y + i] = ${mode === 'constant' ? `select(${value ? 'v[$v]' : word === 'f32' ? float(fixed) : `${word}(0)`}, x[$x + a], inside)` : 'x[$x + a]'};`,
  }), operands, [y.count, ...y.dims, ...x.dims, ...begin, ...along], y.count);
}

/** @param {Executor} g @param {Step} s */
export function trilu(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y || (s.in[1] && !s.known(1))) throw new Unsupported('its diagonal is not known with the plan');
  const k = s.in[1] ? s.known(1)?.[0] ?? 0 : 0, [rows, columns] = x.dims.slice(-2), upper = Boolean(s.int('upper', 1)), word = g.in(x).word;
  g.dispatch(`trilu ${upper} ${word}`, () => ({
    buffers: 'x y', types: { x: word, y: word }, linear: true, numbers: 'rows columns k',
    body: `let c = i32(i % $columns); let r = i32((i / $columns) % $rows); let k = bitcast<i32>($k);
y[$y + i] = select(${word}(0), x[$x + i], ${upper ? 'c >= r + k' : 'c <= r + k'});`,
  }), [g.in(x), g.out(y)], [y.count, rows, columns, k], y.count);
}
