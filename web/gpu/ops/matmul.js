// Matrix products: each thread computes up to 4 rows of 8 columns, or 4 where columns are few, out of registers.
import { ending } from '../chain.js';
import { Unsupported } from '../executor.js';
import { WORDS, toWords } from '../words.js';
import { clamped, expressionOf, float } from './elementwise.js';

/**
 * @typedef {import('../executor.js').Executor} Executor
 * @typedef {import('../executor.js').Operand} Operand
 * @typedef {import('../plan.js').Step} Step
 * @typedef {import('../plan.js').Port} Port
 * y[b] = alpha · a[b] · b[b] + bias, within bounds. m, n, k: rows and columns of y, and what is summed over. dims: of the batch, with the strides
 * of a and b in matrices. across: the matrix lies the other way round, [k, m] and [n, k]. packed: b is [k, n4] with rows of n rounded up to 4.
 * bias: one per column ('row'), per row ('column'), per element ('all').
 * @typedef {{ m: number, n: number, k: number, dims: number[], aStrides: number[], bStrides: number[], aAcross?: boolean, bAcross?: boolean, packed?: boolean,
 *   alpha?: number, low?: number, high?: number, bias?: Operand | null, biasForm?: 'row' | 'column' | 'all' | 'one', beta?: number,
 *   end?: import('../chain.js').Ending | null }} Product
 */

/** A constant matrix with rows of whole vectors. @param {Executor} g @param {Port} port @param {number} k @param {number} n @param {boolean} across it is [n, k] */
export function packed(g, port, k, n, across) {
  const wide = Math.ceil(n / 4) * 4, count = port.count / (k * n);
  return g.constant(port, `rows ${across}`, (data) => {
    const words = toWords(port.type, data), out = new Float32Array(count * k * wide);
    for (let b = 0; b < count; b++)
      for (let i = 0; i < k; i++)
        for (let j = 0; j < n; j++) out[(b * k + i) * wide + j] = words[b * k * n + (across ? j * k + i : i * n + j)];
    return out;
  });
}

/** Encodes a product. @param {Executor} g @param {Operand} a @param {Operand} b @param {Operand} y @param {Product} p */
export function multiply(g, a, b, y, p) {
  const { m, n, k, dims, aAcross = false, bAcross = false, alpha = 1, low = -Infinity, high = Infinity, bias = null, biasForm = 'row', beta = 1, end = null } = p;
  const vector = Boolean(p.packed) || (!bAcross && n % 4 === 0 && b.at % 4 === 0), whole = n % 4 === 0 && y.at % 4 === 0;
  const rows = m >= 4 ? 4 : m, wide = vector && n > 4 && n * m > 4096 ? 2 : 1;
  const vectorA = !aAcross && k % 4 === 0 && a.at % 4 === 0 && vector;
  const rank = dims.length, batch = dims.reduce((x, d) => x * d, 1);
  const stepB = p.packed ? Math.ceil(n / 4) : n / 4;
  const key = `matmul ${aAcross} ${bAcross} ${vector} ${whole} ${rows} ${wide} ${vectorA} ${rank} ${bias ? biasForm : ''} ${bias && beta !== 1 ? beta : ''} ${alpha} ${low} ${high} ${end?.key ?? ''}`;
  const columns = 4 * wide, after = end?.code('v', 'at') ?? { lines: '', value: 'v' };
  g.dispatch(key, () => {
    const R = Array.from({ length: rows }, (_, r) => r), W = Array.from({ length: wide }, (_, w) => w), C = [0, 1, 2, 3];
    const at = (/** @type {string} */ which) => Array.from({ length: rank }, (_, d) => `c${d} * $${which}${d}`).join(' + ') || '0u';
    const loadB = (/** @type {string} */ kk, /** @type {number} */ w) => (vector ? `b[ob + (${kk}) * $step + min(column / 4u + ${w}u, $step - 1u)]`
      : `vec4<f32>(${C.map((c) => `b[$b + mb + ${bAcross ? `min(column + ${c}u, $n_ - 1u) * $k_ + ${kk}` : `(${kk}) * $n_ + min(column + ${c}u, $n_ - 1u)`}]`).join(', ')})`);
    const loadA = (/** @type {string} */ kk, /** @type {number} */ r) => `a[$a + ma + ${aAcross ? `(${kk}) * $m_ + r${r}` : `r${r} * $k_ + ${kk}`}]`;
    const fma = (/** @type {string} */ kk, /** @type {(r: number) => string} */ value) => `${W.map((w) => `let b${w} = ${loadB(kk, w)};`).join(' ')}
${R.map((r) => W.map((w) => `s${r}_${w} = fma(vec4<f32>(${value(r)}), b${w}, s${r}_${w});`).join(' ')).join('\n')}`;
    const inner = vectorA ? `for (var q = 0u; q < $k_ / 4u; q++) {
${R.map((r) => `let v${r} = a[oa + r${r} * ($k_ / 4u) + q];`).join('\n')}
${C.map((c) => `{ ${fma(`q * 4u + ${c}u`, (r) => `v${r}[${c}]`)} }`).join('\n')}
}` : `for (var q = 0u; q < $k_; q++) {\n${fma('q', (r) => loadA('q', r))}\n}`;
    const biasOf = (/** @type {number} */ r, /** @type {string} */ column) => {
      const value = biasForm === 'one' ? 'bias[$bias]' : biasForm === 'row' ? `bias[$bias + ${column}]` : biasForm === 'column' ? `bias[$bias + r${r}]` : `bias[$bias + r${r} * $n_ + ${column}]`;
      return beta === 1 ? value : `${float(beta)} * ${value}`;
    };
    const store = (/** @type {number} */ r, /** @type {number} */ w) => {
      const scaled = alpha === 1 ? `s${r}_${w}` : `(s${r}_${w} * ${float(alpha)})`;
      return C.map((c) => `if (column + ${4 * w + c}u < $n_) { let t = ${scaled}[${c}]${bias ? ` + ${biasOf(r, `column + ${4 * w + c}u`)}` : ''}; let v = ${clamped('t', low, high)}; let at = my + (row + ${r}u) * $n_ + column + ${4 * w + c}u; ${after.lines} y[$y + at] = ${after.value}; }`).join('\n');
    };
    return {
      buffers: ['a b', ...(bias ? ['bias'] : []), ...(end?.names ?? []), 'y'].join(' '), shared: end?.shared, types: { a: vectorA ? 'vec4<f32>' : 'f32', b: vector ? 'vec4<f32>' : 'f32' },
      numbers: ['m_', 'n_', 'k_', 'step', ...dims.map((_, d) => `d${d}`), ...dims.map((_, d) => `a${d}`), ...dims.map((_, d) => `b${d}`)].join(' '), size: [8, 8, 1],
      body: `let column = gid.x * ${columns}u;
let row = gid.y * ${rows}u;
if (column >= $n_ || row >= $m_) { return; }
var rest = gid.z;
${Array.from({ length: rank }, (_, k) => rank - 1 - k).map((d) => `let c${d} = rest % $d${d}; rest = rest / $d${d};`).join('\n')}
let ma = (${at('a')}) * $m_ * $k_;
let mb = (${at('b')}) * ${p.packed ? '$step * 4u * $k_' : '$n_ * $k_'};
let my = gid.z * $m_ * $n_;
${vectorA ? 'let oa = ($a + ma) / 4u;' : ''}
${vector ? 'let ob = ($b + mb) / 4u;' : ''}
${R.map((r) => `let r${r} = min(row + ${r}u, $m_ - 1u);`).join('\n')}
${R.map((r) => W.map((w) => `var s${r}_${w} = vec4<f32>();`).join(' ')).join('\n')}
${inner}
${R.map((r) => (r ? `if (row + ${r}u < $m_) {` : '{') + W.map((w) => store(r, w)).join('\n') + '}').join('\n')}`,
    };
  }, [a, b, ...(bias ? [bias] : []), ...(end?.leaves ?? []), y], [m, n, k, stepB, ...dims, ...p.aStrides, ...p.bStrides], [Math.ceil(n / columns / 8), Math.ceil(m / rows / 8), batch]);
}

/** Strides in matrices of a batch's dimensions, 0 where one matrix serves all. @param {number[]} own @param {number[]} dims */
function batchStrides(own, dims) {
  const out = Array(dims.length).fill(0);
  let stride = 1;
  for (let d = dims.length - 1, k = own.length - 1; k >= 0; d--, k--) {
    if (own[k] > 1) out[d] = stride;
    stride *= own[k];
  }
  return out;
}

const floats = (/** @type {Step} */ s) => {
  if (s.in.some((p) => p && WORDS[p.type] !== 'f32')) throw new Unsupported('products of integers are left to the CPU');
};

/** MatMul, with a bias in its fused form. @param {Executor} g @param {Step} s */
export function matmul(g, s) {
  floats(s);
  const [a, b, bias] = s.in, [y] = s.out;
  if (!a || !b || !y) throw new Unsupported('an input is missing');
  let across = { a: false, b: false }, alpha = 1;
  if (s.op === 'FusedMatMul') {
    if (s.int('transBatchA', 0) || s.int('transBatchB', 0)) throw new Unsupported('batches that lie across are left to the CPU');
    across = { a: Boolean(s.int('transA', 0)), b: Boolean(s.int('transB', 0)) };
    alpha = s.float('alpha', 1);
  }
  const da = a.dims.length === 1 ? [1, ...a.dims] : a.dims, db = b.dims.length === 1 ? [...b.dims, 1] : b.dims;
  if (a.dims.length === 1) across.a = false;
  if (b.dims.length === 1) across.b = false;
  const [ra, ca] = da.slice(-2), [rb, cb] = db.slice(-2);
  const k = across.a ? ra : ca, n = across.b ? rb : cb;
  let m = across.a ? ca : ra;
  let lead = y.dims.slice(0, y.dims.length - (a.dims.length > 1 ? 1 : 0) - (b.dims.length > 1 ? 1 : 0));
  if (y.dims.length === 1 && a.dims.length === 1 && b.dims.length === 1) lead = [];
  let ownA = da.slice(0, -2);
  const ownB = db.slice(0, -2);
  if (!across.a && ownB.every((d) => d === 1)) { // one matrix for all rows
    m *= ownA.reduce((x, d) => x * d, 1);
    lead = [];
    ownA = [];
  }
  if (!k) throw new Unsupported('a sum over nothing');
  const fixed = b.place === 'constant', left = g.in(a), right = fixed ? packed(g, b, k, n, across.b) : g.in(b), added = bias ? g.in(bias) : null, end = ending(g, y, 4, expressionOf);
  multiply(g, left, right, end?.out() ?? g.out(y), {
    m, n, k, dims: lead, aStrides: batchStrides(ownA, lead), bStrides: batchStrides(ownB, lead), aAcross: across.a, bAcross: across.b && !fixed, packed: fixed, alpha,
    low: s.low, high: s.high, bias: added, end,
  });
}

/** @param {Executor} g @param {Step} s */
export function gemm(g, s) {
  floats(s);
  const [a, b, c] = s.in, [y] = s.out;
  if (!a || !b || !y) throw new Unsupported('an input is missing');
  const aAcross = Boolean(s.int('transA', 0)), bAcross = Boolean(s.int('transB', 0));
  const [m, n] = y.dims, k = aAcross ? a.dims[0] : a.dims[1];
  if (!k) throw new Unsupported('a sum over nothing');
  const cd = c ? [1, 1, ...c.dims].slice(-2) : [1, 1];
  const form = c?.count === 1 ? 'one' : cd[0] === m && cd[1] === n ? 'all' : cd[1] === n ? 'row' : 'column';
  const fixed = b.place === 'constant', left = g.in(a), right = fixed ? packed(g, b, k, n, bAcross) : g.in(b), added = c ? g.in(c) : null, end = ending(g, y, 4, expressionOf);
  multiply(g, left, right, end?.out() ?? g.out(y), {
    m, n, k, dims: [], aStrides: [], bStrides: [], aAcross, bAcross: bAcross && !fixed, packed: fixed, alpha: s.float('alpha', 1), low: s.low, high: s.high,
    bias: added, biasForm: form, beta: s.float('beta', 1), end,
  });
}
