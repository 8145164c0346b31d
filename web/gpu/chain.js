// Chains of elementwise operators as one shader: an operator whose only reader is another one is not computed but handed on as an expression.

/**
 * What an operator makes of its arguments, in WGSL. key: what tells it from others, its parameters included.
 * @typedef {{ key: string, code: (...args: string[]) => string, args: Node[], word: 'f32' | 'i32' | 'u32' } | { leaf: import('./executor.js').Operand }} Node
 * A result not yet computed. @typedef {{ root: Node, leaves: import('./executor.js').Operand[], word: 'f32' | 'i32' | 'u32', dims: number[], count: number, depth: number }} Chain
 */

export const MOST_LEAVES = 7, MOST_DEPTH = 24;

/** Functions that codes may call, by name. */
const HELPERS = {
  nan_of: 'fn nan_of(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) | 0x7fc00000u); }', // a constant NaN is an error in WGSL
  power: `fn power(x: f32, y: f32) -> f32 {
  if (y == 0.0) { return 1.0; }
  if (y == 2.0) { return x * x; }
  if (x >= 0.0) { return pow(x, y); }
  let odd = abs(y - 2.0 * trunc(y * 0.5)) == 1.0;
  if (y != trunc(y)) { return nan_of(x); }
  return select(1.0, -1.0, odd) * pow(-x, y);
}`,
  erf: `fn erf(x: f32) -> f32 {
  let a = abs(x);
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let y = 1.0 - ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * exp(-a * a);
  return select(y, -y, x < 0.0);
}`, // Abramowitz and Stegun 7.1.26: within 1.5e-7
  log_of: 'fn log_of(x: f32) -> f32 { let least = bitcast<f32>(0xff800000u | (bitcast<u32>(x) & 0x7fffffffu)); return select(select(log(x), least, x == 0.0), nan_of(x), x < 0.0); }',
  safe_tanh: 'fn safe_tanh(x: f32) -> f32 { return tanh(clamp(x, -20.0, 20.0)); }',
  is_nan: 'fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }',
  is_inf: 'fn is_inf(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }',
};

/** @param {import('./executor.js').Operand[]} leaves @param {import('./executor.js').Operand} leaf */
const indexOf = (leaves, leaf) => leaves.findIndex((l) => l.block === leaf.block && l.at === leaf.at && l.word === leaf.word && l.dims.join() === leaf.dims.join());

/** @param {Node} node @param {import('./executor.js').Operand[]} leaves */
export function leavesOf(node, leaves = []) {
  if ('leaf' in node) {
    if (indexOf(leaves, node.leaf) < 0) leaves.push(node.leaf);
  } else {
    for (const arg of node.args) leavesOf(arg, leaves);
  }
  return leaves;
}

/**
 * Dimensions of a result over which every leaf either runs or stands still, as few as possible, with each leaf's strides.
 * @param {number[]} dims
 * @param {import('./executor.js').Operand[]} leaves
 */
export function foldDims(dims, leaves) {
  const strides = leaves.map((leaf) => {
    const out = Array(dims.length).fill(0);
    let stride = 1;
    for (let d = dims.length - 1, k = leaf.dims.length - 1; k >= 0; d--, k--) {
      if (leaf.dims[k] > 1) out[d] = stride;
      stride *= leaf.dims[k];
    }
    return out;
  });
  /** @type {{ size: number, strides: number[] }[]} */
  const folded = [];
  dims.forEach((size, d) => {
    if (size === 1) return;
    const here = strides.map((s) => s[d]), last = folded.at(-1);
    if (last && last.strides.every((s, k) => s === here[k] * size)) {
      last.size *= size;
      last.strides = here;
    } else {
      folded.push({ size, strides: here });
    }
  });
  return folded.length ? folded : [{ size: 1, strides: leaves.map(() => 0) }];
}

/**
 * Computes a chain into `out`.
 * @param {import('./executor.js').Executor} g
 * @param {Chain} chain
 * @param {import('./executor.js').Operand} out
 */
export function materialize(g, { root, leaves, dims, count }, out) {
  const folded = foldDims(dims, leaves), rank = folded.length;
  const modes = leaves.map((_, k) => (rank === 1 ? (folded[0].strides[k] ? 'all' : 'one') : folded.every(({ strides }) => strides[k] === 0) ? 'one' : isDense(folded, k) ? 'all' : 'part'));
  /** @type {string[]} */
  const numbers = [];
  /** @type {number[]} */
  const values = [];
  if (modes.includes('part')) {
    for (let d = 1; d < rank; d++) { numbers.push(`d${d}`); values.push(folded[d].size); }
    modes.forEach((mode, k) => {
      if (mode === 'part') for (let d = 0; d < rank; d++) { numbers.push(`s${k}_${d}`); values.push(folded[d].strides[k]); }
    });
  }
  /** @type {string[]} */
  const lines = [], helpers = new Set();
  let names = 0;
  /** @type {(node: Node) => string} */
  const key = (node) => ('leaf' in node ? `$${indexOf(leaves, node.leaf)}` : `${node.key}(${node.args.map(key).join()})`);
  /** @type {(node: Node) => string} */
  const emit = (node) => {
    if ('leaf' in node) return `x${indexOf(leaves, node.leaf)}`;
    const code = node.code(...node.args.map(emit)), name = `t${names++}`;
    for (const helper of Object.keys(HELPERS)) if (code.includes(`${helper}(`)) helpers.add(helper);
    if (helpers.has('power') || helpers.has('log_of')) helpers.add('nan_of');
    lines.push(`let ${name}: ${node.word} = ${code};`);
    return name;
  };
  const buffers = leaves.map((_, k) => `a${k}`);
  g.dispatch(`chain ${out.word} ${key(root)} ${leaves.map((l, k) => l.word + modes[k]).join()} ${rank}`, () => {
    const result = emit(root);
    const coords = modes.includes('part') ? ['var r = i;', ...Array.from({ length: rank - 1 }, (_, k) => rank - 1 - k).map((d) => `let c${d} = r % $d${d}; r = r / $d${d};`), 'let c0 = r;'] : [];
    const places = modes.map((mode, k) => (mode === 'all' ? 'i' : mode === 'one' ? '0u' : Array.from({ length: rank }, (_, d) => `c${d} * $s${k}_${d}`).join(' + ')));
    return {
      buffers: [...buffers, 'y'].join(' '), types: { ...Object.fromEntries(buffers.map((name, k) => [name, leaves[k].word])), y: out.word }, numbers: numbers.join(' '), linear: true,
      shared: Object.entries(HELPERS).map(([name, code]) => (helpers.has(name) ? code : '')).join('\n'),
      body: `${coords.join('\n')}\n${leaves.map((_, k) => `let x${k} = a${k}[$a${k} + ${places[k]}];`).join('\n')}\n${lines.join('\n')}\ny[$y + i] = ${result};`,
    };
  }, [...leaves, out], [count, ...values], count);
}

/**
 * What elementwise operators after a step make of each of its results, for the step to do while it stores: the key, the tensors that they
 * read beside it, code of the value `v` at `index`, and where the last result goes.
 * @typedef {{ key: string, leaves: import('./executor.js').Operand[], names: string[], types: Record<string, string>, shared: string, code: (v: string, index: string) => { lines: string, value: string },
 *   out: () => import('./executor.js').Operand }} Ending
 */

/**
 * @param {import('./executor.js').Executor} g
 * @param {import('./plan.js').Port} port the step's result
 * @param {number} room how many tensors more the step can bind
 * @param {(step: import('./plan.js').Step) => { key: string, code: (...args: string[]) => string } | null} expressionOf
 * @returns {Ending | null}
 */
export function ending(g, port, room, expressionOf) {
  if (port.type !== 'float32') return null;
  /** @type {import('./executor.js').Operand[]} */
  const leaves = [], indices = /** @type {number[]} */ ([]);
  /** @type {Node} */
  let root = { key: 'v', code: () => 'v', args: [], word: 'f32' };
  let now = port, index = g.index;
  for (;;) {
    const readers = g.readers(index, now), [first, second] = readers ?? [];
    if (!readers || !first || readers.length > 2) break;
    // x · f(x), as Swish is: f is read by the other reader alone
    const inner = second ? g.readers(first.index, /** @type {any} */ (first.step.out[0])) : null;
    if (second && (first.step.in.length !== 1 || inner?.length !== 1 || inner[0].index !== second.index)) break;
    const last = second ?? first, result = last.step.out[0];
    if (!result || last.step.out.length !== 1 || result.type !== 'float32' || result.dims.join() !== now.dims.join()) break;
    const outer = expressionOf(last.step), between = second ? expressionOf(first.step) : null;
    if (!outer || (second && !between)) break;
    /** @type {import('./executor.js').Operand[]} */
    const more = [];
    const args = last.step.in.map((p) => {
      if (!p) return null;
      if (p.at === now.at && p.place === 'run') return root;
      if (between && p.at === first.step.out[0]?.at) return /** @type {Node} */ ({ key: between.key, code: between.code, args: [root], word: 'f32' });
      if (p.type !== 'float32' || !(p.count === 1 || p.dims.join() === now.dims.join()) || !g.isReady(last.index, p) || leaves.length + more.length >= room) return null;
      const leaf = g.in(p);
      more.push(leaf);
      return /** @type {Node} */ ({ leaf });
    });
    if (args.some((arg) => arg === null)) break;
    root = { key: outer.key, code: outer.code, args: /** @type {Node[]} */ (args), word: 'f32' };
    leaves.push(...more);
    indices.push(...(second ? [first.index] : []), last.index);
    now = result;
    index = last.index;
  }
  if (!indices.length) return null;
  const names = leaves.map((_, k) => `e${k}`), one = leaves.map((leaf) => leaf.count === 1);
  const place = (/** @type {import('./executor.js').Operand} */ leaf) => leaves.indexOf(leaf);
  /** @type {(node: Node) => string} */
  const key = (node) => ('leaf' in node ? `$${place(node.leaf)}${one[place(node.leaf)]}` : `${node.key}(${node.args.map(key).join()})`);
  const used = new Set();
  const code = (/** @type {string} */ v, /** @type {string} */ at) => {
    /** @type {string[]} */
    const lines = [];
    const made = new Map();
    let count = 0;
    /** @type {(node: Node) => string} */
    const emit = (node) => {
      if ('leaf' in node) return `e${place(node.leaf)}[$e${place(node.leaf)}${one[place(node.leaf)] ? '' : ` + ${at}`}]`;
      if (!node.args.length && node.key === 'v') return v;
      if (made.has(node)) return made.get(node);
      const text = node.code(...node.args.map(emit)), name = `q${count++}`;
      for (const helper of Object.keys(HELPERS)) if (text.includes(`${helper}(`)) used.add(helper);
      lines.push(`let ${name} = ${text};`);
      made.set(node, name);
      return name;
    };
    const value = emit(root);
    return { lines: lines.join(' '), value };
  };
  code('v', 'i');
  if (used.has('power') || used.has('log_of')) used.add('nan_of');
  return { key: key(root), leaves, names, types: {}, shared: Object.entries(HELPERS).map(([name, text]) => (used.has(name) ? text : '')).join('\n'), code, out: () => g.absorb(indices, now) };
}

/** @param {{ size: number, strides: number[] }[]} folded @param {number} k */
function isDense(folded, k) {
  let stride = 1;
  for (let d = folded.length - 1; d >= 0; d--) {
    if (folded[d].strides[k] !== stride) return false;
    stride *= folded[d].size;
  }
  return true;
}
