// Operators of one element each: an expression, which joins those before it (chain.js).
import { MOST_DEPTH, MOST_LEAVES, leavesOf, materialize } from '../chain.js';
import { Unsupported } from '../executor.js';
import { WORDS } from '../words.js';

/**
 * @typedef {import('../executor.js').Executor} Executor
 * @typedef {import('../plan.js').Step} Step
 * @typedef {import('../chain.js').Node} Node
 * @typedef {'f32' | 'i32' | 'u32'} Word
 * What an operator of these types does: an expression of its arguments, which a key of its parameters tells from others.
 * @typedef {{ code: (...args: string[]) => string, key?: string }} Expression
 */

/** A float in WGSL. @param {number} v */
export const float = (v) => (Number.isFinite(v) ? (Math.fround(v).toString().match(/[.e]/) ? `${Math.fround(v)}f` : `${Math.fround(v)}.0f`) : v > 0 ? '3.4028234e38f' : '-3.4028234e38f');

/** Within bounds, of which infinite ones are none; NaN stays. @param {string} x @param {number} low @param {number} high */
export function clamped(x, low, high) {
  const from = low > -Infinity ? `select(${x}, ${float(low)}, ${x} < ${float(low)})` : x;
  return high < Infinity ? `min(${from}, ${float(high)})` : from;
}

const isFloat = (/** @type {Step} */ s) => s.in.every((p) => !p || WORDS[p.type] === 'f32');
const bits = (/** @type {string} */ type) => ({ int8: 8, int16: 16, uint8: 8, uint16: 16 })[type] ?? 32;

/** Brings a result back into a type of fewer bits. @param {string} type @param {string} x */
function wrapped(type, x) {
  const n = bits(type);
  if (n === 32) return x;
  return WORDS[type] === 'i32' ? `(((${x}) << ${32 - n}u) >> ${32 - n}u)` : `((${x}) & ${2 ** n - 1}u)`;
}

/** @param {(a: string) => string} code @returns {(s: Step) => Expression} */
const onFloat = (code) => (s) => {
  if (!isFloat(s)) throw new Unsupported(`it is of floats only, not of ${s.in[0]?.type}`);
  return { code };
};

/** @param {(a: string, s: Step) => string} code parameters are part of the code, and so of the key */
const withAttrs = (code) => (/** @type {Step} */ s) => {
  if (!isFloat(s)) throw new Unsupported(`it is of floats only, not of ${s.in[0]?.type}`);
  return { code: (/** @type {string} */ a) => code(a, s), key: code('a', s) };
};

/** Sums and products, which wrap as their type does; 64 bits have no carry here. @param {string} op */
const arithmetic = (op) => (/** @type {Step} */ s) => {
  const type = s.in[0]?.type ?? '';
  if (type.endsWith('64')) throw new Unsupported(`results of ${type} may leave 32 bits`);
  return { key: `${op} ${type}`, code: (/** @type {string[]} */ ...args) => args.reduce((a, b) => wrapped(type, `(${a} ${op} ${b})`)) };
};

/** @param {string} op */
const comparison = (op) => () => ({ key: op, code: (/** @type {string} */ a, /** @type {string} */ b) => `select(0u, 1u, ${a} ${op} ${b})` });
/** @param {string} op */
const logic = (op) => () => ({ key: op, code: (/** @type {string} */ a, /** @type {string} */ b) => `(${a} ${op} ${b})` });

/** The greater or less one; NaN wins. @param {'max' | 'min'} which */
const extreme = (which) => (/** @type {Step} */ s) => ({ key: which, code: (/** @type {string[]} */ ...args) => args.reduce((a, b) =>
  (isFloat(s) ? `select(select(${b}, ${a}, ${a} ${which === 'max' ? '>' : '<'} ${b}), ${a}, is_nan(${a}))` : `${which}(${a}, ${b})`)) });

/** Whether no element of a known divisor is 0. @param {Step} s */
function divides(s) {
  if (isFloat(s)) return;
  if (s.in[0]?.type.endsWith('64')) throw new Unsupported('quotients of 64 bits are left to the CPU');
  const by = s.known(1);
  if (!by || by.includes(0)) throw new Unsupported('its divisors are not known to be other than 0');
}

/** @param {Step} s @param {string} a */
function cast(s, a) {
  const from = s.in[0]?.type ?? '', to = s.out[0]?.type ?? '', have = WORDS[from], want = WORDS[to];
  if (to === 'bool') return `select(0u, 1u, ${a} != ${have === 'f32' ? '0.0' : `${have}(0)`})`;
  if (want === 'f32') return `f32(${a})`;
  if (have === 'f32') {
    if (to !== 'int32') throw new Unsupported(`floats become ${to} on the CPU`);
    return `i32(${a})`;
  }
  if (bits(to) > bits(from) && !(want === 'u32' && have === 'i32')) return `${want}(${a})`;
  if (to.endsWith('64') && want !== have) throw new Unsupported(`${from} may not fit ${to} on the graphics card`);
  return wrapped(to, `bitcast<${want}>(${a})`);
}

/** @type {Record<string, (s: Step) => Expression>} */
const EXPRESSIONS = {
  CastLike: (s) => ({ code: (a) => cast(s, a), key: `${s.in[0]?.type} ${s.out[0]?.type}` }),
  Abs: (s) => ({ code: (a) => (WORDS[s.in[0]?.type ?? ''] === 'u32' ? a : wrapped(s.in[0]?.type ?? '', `abs(${a})`)), key: s.in[0]?.type }),
  Neg: (s) => ({ code: (a) => wrapped(s.in[0]?.type ?? '', `(-${a})`), key: s.in[0]?.type }),
  Sign: (s) => ({ code: (a) => (WORDS[s.in[0]?.type ?? ''] === 'u32' ? `min(${a}, 1u)` : `sign(${a})`), key: s.in[0]?.type }),
  Relu: (s) => ({ code: (a) => (isFloat(s) ? `select(${a}, 0.0, ${a} < 0.0)` : `max(${a}, 0)`) }),
  Exp: onFloat((a) => `exp(${a})`), Log: onFloat((a) => `log_of(${a})`), Sqrt: onFloat((a) => `sqrt(${a})`), Reciprocal: onFloat((a) => `(1.0 / ${a})`),
  Floor: onFloat((a) => `floor(${a})`), Ceil: onFloat((a) => `ceil(${a})`), Round: onFloat((a) => `round(${a})`),
  Sin: onFloat((a) => `sin(${a})`), Cos: onFloat((a) => `cos(${a})`), Tan: onFloat((a) => `tan(${a})`), Asin: onFloat((a) => `atan2(${a}, sqrt((1.0 - ${a}) * (1.0 + ${a})))`),
  Acos: onFloat((a) => `atan2(sqrt((1.0 - ${a}) * (1.0 + ${a})), ${a})`), Atan: onFloat((a) => `atan(${a})`), Sinh: onFloat((a) => `sinh(${a})`), Cosh: onFloat((a) => `cosh(${a})`),
  Asinh: onFloat((a) => `(sign(${a}) * log(abs(${a}) + sqrt(${a} * ${a} + 1.0)))`), Acosh: onFloat((a) => `log(${a} + sqrt(${a} * ${a} - 1.0))`), Atanh: onFloat((a) => `(0.5 * log((1.0 + ${a}) / (1.0 - ${a})))`),
  Tanh: onFloat((a) => `safe_tanh(${a})`), Sigmoid: onFloat((a) => `(1.0 / (1.0 + exp(-${a})))`), Erf: onFloat((a) => `erf(${a})`),
  Softplus: onFloat((a) => `(max(${a}, 0.0) + log(1.0 + exp(-abs(${a}))))`), Softsign: onFloat((a) => `(${a} / (1.0 + abs(${a})))`),
  Mish: onFloat((a) => `(${a} * safe_tanh(max(${a}, 0.0) + log(1.0 + exp(-abs(${a})))))`), HardSwish: onFloat((a) => `(${a} * clamp(${a} / 6.0 + 0.5, 0.0, 1.0))`),
  IsNaN: onFloat((a) => `select(0u, 1u, is_nan(${a}))`),
  IsInf: withAttrs((a, s) => `select(0u, 1u, is_inf(${a})${s.int('detect_positive', 1) ? '' : ` && ${a} < 0.0`}${s.int('detect_negative', 1) ? '' : ` && ${a} > 0.0`})`),
  LeakyRelu: withAttrs((a, s) => `select(${a}, ${a} * ${float(s.float('alpha', 0.01))}, ${a} < 0.0)`),
  Elu: withAttrs((a, s) => `select(${a}, ${float(s.float('alpha', 1))} * (exp(${a}) - 1.0), ${a} < 0.0)`),
  Celu: withAttrs((a, s) => `(max(${a}, 0.0) + min(0.0, ${float(s.float('alpha', 1))} * (exp(${a} / ${float(s.float('alpha', 1))}) - 1.0)))`),
  Selu: withAttrs((a, s) => `(${float(s.float('gamma', 1.0507009873554805))} * select(${a}, ${float(s.float('alpha', 1.6732632423543772))} * (exp(${a}) - 1.0), ${a} <= 0.0))`),
  HardSigmoid: withAttrs((a, s) => `clamp(${float(s.float('alpha', 0.2))} * ${a} + ${float(s.float('beta', 0.5))}, 0.0, 1.0)`),
  ThresholdedRelu: withAttrs((a, s) => `select(0.0, ${a}, ${a} > ${float(s.float('alpha', 1))})`),
  Shrink: withAttrs((a, s) => `select(select(0.0, ${a} - ${float(s.float('bias', 0))}, ${a} > ${float(s.float('lambd', 0.5))}), ${a} + ${float(s.float('bias', 0))}, ${a} < -${float(s.float('lambd', 0.5))})`),
  Swish: withAttrs((a, s) => `(${a} / (1.0 + exp(-${float(s.float('alpha', 1))} * ${a})))`),
  'com.microsoft.QuickGelu': withAttrs((a, s) => `(${a} / (1.0 + exp(-${float(s.float('alpha', 1.702))} * ${a})))`),
  Gelu: withAttrs((a, s) => (s.text('approximate', 'none') === 'tanh' ? `(0.5 * ${a} * (1.0 + safe_tanh(0.7978845608 * (${a} + 0.044715 * ${a} * ${a} * ${a}))))` : `(0.5 * ${a} * (1.0 + erf(${a} * 0.70710678)))`)),
  'com.microsoft.Gelu': onFloat((a) => `(0.5 * ${a} * (1.0 + erf(${a} * 0.70710678)))`),
  Add: arithmetic('+'), Sub: arithmetic('-'), Mul: arithmetic('*'), Sum: arithmetic('+'),
  Mean: (s) => ({ code: (...args) => `((${args.join(' + ')}) / ${float(args.length)})`, key: `${s.in.length}` }),
  Div: (s) => (divides(s), { code: (a, b) => `(${a} / ${b})`, key: s.in[0]?.type }),
  Mod: (s) => {
    divides(s);
    if (isFloat(s)) return { key: 'float', code: (a, b) => `(${a} - ${b} * trunc(${a} / ${b}))` };
    if (s.int('fmod', 0) || WORDS[s.in[0]?.type ?? ''] === 'u32') return { key: 'c', code: (a, b) => `(${a} % ${b})` };
    return { key: 'python', code: (a, b) => `(((${a} % ${b}) + ${b}) % ${b})` };
  },
  Pow: (s) => {
    if (WORDS[s.in[0]?.type ?? ''] !== 'f32') throw new Unsupported('powers of integers are left to the CPU');
    return { key: s.in[1]?.type, code: (a, b) => `power(${a}, f32(${b}))` };
  },
  PRelu: onFloat((a) => a), Max: extreme('max'), Min: extreme('min'),
  Equal: comparison('=='), Less: comparison('<'), Greater: comparison('>'), LessOrEqual: comparison('<='), GreaterOrEqual: comparison('>='),
  And: logic('&'), Or: logic('|'), Xor: logic('^'), BitwiseAnd: logic('&'), BitwiseOr: logic('|'), BitwiseXor: logic('^'),
  Not: () => ({ code: (a) => `(1u - ${a})` }),
  BitwiseNot: (s) => {
    if (s.in[0]?.type === 'uint64') throw new Unsupported('the result has 64 bits');
    return { key: s.in[0]?.type, code: (a) => wrapped(s.in[0]?.type ?? '', `(~${a})`) };
  },
  Where: () => ({ code: (c, a, b) => `select(${b}, ${a}, ${c} != 0u)` }),
  Identity: (s) => ({ code: (a) => a, key: s.in[0]?.type }),
  Cast: (s) => ({ code: (a) => cast(s, a), key: `${s.in[0]?.type} ${s.out[0]?.type}` }),
};
EXPRESSIONS.PRelu = (s) => {
  if (!isFloat(s)) throw new Unsupported('it is of floats only');
  return { code: (a, slope) => `select(${a}, ${a} * ${slope}, ${a} < 0.0)` };
};

/** Bounds that are attributes, or inputs of one element. @param {Step} s @returns {Expression} */
EXPRESSIONS.Clip = (s) => {
  const has = [Boolean(s.in[1]), Boolean(s.in[2])];
  if (s.opset < 11) {
    const low = s.float('min', -Infinity), high = s.float('max', Infinity);
    return { key: `${low} ${high}`, code: (a) => clamped(a, low, high) };
  }
  return { key: has.join(), code: (a, ...bounds) => {
    const low = has[0] ? bounds[0] : '', high = has[1] ? bounds[has[0] ? 1 : 0] : '';
    const from = low ? `select(${a}, ${low}, ${a} < ${low})` : a;
    return high ? `min(${from}, ${high})` : from;
  } };
};

/** @param {Step} s */
EXPRESSIONS.BitShift = (s) => {
  const type = s.in[0]?.type ?? '', left = s.text('direction', 'LEFT') === 'LEFT', n = bits(type);
  if (WORDS[type] !== 'u32' || type.endsWith('64')) throw new Unsupported(`shifts of ${type} are left to the CPU`);
  return { key: `${type} ${left}`, code: (a, b) => `select(0u, ${wrapped(type, left ? `(${a} << (${b} & 31u))` : `(${a} >> (${b} & 31u))`)}, ${b} < ${n}u)` };
};

/** The operators here. */
export const ELEMENTWISE = new Set(Object.keys(EXPRESSIONS));

/** What a step makes of its inputs, for a step before it that does that too; null where it is none of these. @param {Step} s */
export function expressionOf(s) {
  if (!ELEMENTWISE.has(nameOf(s)) || s.opset < 7) return null;
  try {
    const { code, key = '' } = EXPRESSIONS[nameOf(s)](s);
    const bounded = s.low > -Infinity || s.high < Infinity;
    return { key: `${nameOf(s)} ${key}${bounded ? ` ${s.low} ${s.high}` : ''}`, code: bounded ? (/** @type {string[]} */ ...args) => clamped(`(${code(...args)})`, s.low, s.high) : code };
  } catch (error) {
    if (error instanceof Unsupported) return null;
    throw error;
  }
}

/** @param {Step} s */
export const nameOf = (s) => (s.domain && s.domain !== 'quern' ? `${s.domain}.${s.op}` : s.op);

/** @param {Executor} g @param {Step} s */
export function elementwise(g, s) {
  const name = nameOf(s), { code, key = '' } = EXPRESSIONS[name](s), [out] = s.out;
  if (!out) throw new Unsupported('its result is not wanted');
  const ports = name === 'CastLike' && s.in[0] ? [s.in[0]] : s.in.flatMap((p) => p ?? []);
  if (s.opset < 7 && ports.length > 1 && ports.some((p) => p.count !== out.count && p.count !== 1)) throw new Unsupported('an old form of broadcasting');
  if (ports.some((p) => p.dims.length > out.dims.length && p.count !== out.count)) throw new Unsupported('its shapes do not broadcast');
  link(g, s, out, `${name} ${key}`, code, ports);
}

/**
 * An expression of inputs, joined to the chains that they are, deferred where its only reader goes on with it.
 * @param {Executor} g @param {Step} s @param {import('../plan.js').Port} out @param {string} key @param {(...args: string[]) => string} code @param {import('../plan.js').Port[]} ports
 */
export function link(g, s, out, key, code, ports) {
  let depth = 0, room = MOST_LEAVES - ports.length;
  const args = ports.map((port) => {
    if (port.count === 1 && port.place !== 'run' && WORDS[port.type] === 'f32') {
      const value = g.valueOf(port);
      if (Number.isFinite(value)) return /** @type {Node} */ ({ key: `${value}`, code: () => float(value), args: [], word: 'f32' });
    }
    const known = port.count === out.count ? g.chainOf(port) : null;
    const chain = known && (known.dims.join() === out.dims.join() || known.leaves.every((leaf) => leaf.count === known.count || leaf.count === 1)) ? known : null;
    if (!chain || chain.depth >= MOST_DEPTH || (room -= chain.leaves.length - 1) < 0) return /** @type {Node} */ ({ leaf: g.in(port) });
    depth = Math.max(depth, chain.depth);
    return chain.root;
  });
  /** @type {Node} */
  const root = { key, code, args, word: WORDS[out.type] };
  const bounded = s.low > -Infinity || s.high < Infinity ? { key: `clamp ${s.low} ${s.high}`, code: (/** @type {string} */ a) => clamped(a, s.low, s.high), args: [root], word: WORDS[out.type] } : root;
  const leaves = leavesOf(bounded);
  if (leaves.length > MOST_LEAVES) throw new Unsupported(`${leaves.length} tensors are more than a shader binds`);
  const chain = { root: bounded, leaves, word: WORDS[out.type], dims: out.dims, count: out.count, depth: depth + 1 };
  if (g.isLink(s, out)) {
    for (const leaf of leaves) leaf.block.users++;
    g.defer(out, chain);
  } else {
    materialize(g, chain, g.out(out));
  }
}
