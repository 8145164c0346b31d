// What the numbers of inputs and outputs look like, to compare later ones with (docs/PACKAGE.md, "Baseline").

/**
 * @typedef {{ count: number, mean: number, m2: number, min: number, max: number, nan: number, edges: number[], counts: number[] }} Moments
 * @typedef {{ cases: number, inputs: Record<string, Moments>, outputs: Record<string, Moments> }} Baseline
 * @typedef {import('../core/tensor.js').TensorLike} TensorLike
 */

const QUANTILES = 20;

/** The number that the 16 bits of a half or of a bfloat16 are. @param {string} type @param {number} h */
export function fromBits(type, h) {
  if (type === 'bfloat16') return new Float32Array(Uint32Array.of(h << 16).buffer)[0];
  const e = (h >> 10) & 31, m = h & 1023, v = e === 31 ? (m ? NaN : Infinity) : e ? (1 + m / 1024) * 2 ** (e - 15) : m * 2 ** -24;
  return h & 0x8000 ? -v : v;
}

/** Elements as numbers, or null where they are none: strings, packed and complex ones. @param {TensorLike} tensor @returns {Float64Array | null} */
export function numbersOf({ type, data }) {
  if (type === 'string' || /^(complex|u?int[24]$|float[48])/.test(type)) return null;
  if (data instanceof Uint16Array && type.includes('float')) return Float64Array.from(data, (h) => fromBits(type, h));
  return Float64Array.from(/** @type {any} */ (data), Number);
}

/** @param {readonly Float64Array[]} parts @returns {Moments} */
function momentsOf(parts) {
  const total = parts.reduce((n, p) => n + p.length, 0), all = new Float64Array(total);
  parts.reduce((at, p) => (all.set(p, at), at + p.length), 0);
  const finite = all.filter(Number.isFinite).sort(), count = finite.length, nan = total - count;
  const mean = count ? finite.reduce((a, b) => a + b, 0) / count : 0, m2 = finite.reduce((a, b) => a + (b - mean) ** 2, 0);
  const edges = [...new Set(Array.from({ length: QUANTILES - 1 }, (_, i) => finite[Math.floor(((i + 1) * count) / QUANTILES)]))].filter((e) => e !== undefined);
  const counts = Array(edges.length + 1).fill(0);
  let bin = 0;
  for (const x of finite) {
    while (bin < edges.length && x >= edges[bin]) bin++;
    counts[bin]++;
  }
  return { count, mean, m2, min: count ? finite[0] : 0, max: count ? finite[count - 1] : 0, nan, edges, counts };
}

/** @param {readonly Record<string, TensorLike>[]} cases @returns {Record<string, Moments>} */
function ofAll(cases) {
  /** @type {Record<string, Moments>} */
  const out = {};
  for (const name of new Set(cases.flatMap((c) => Object.keys(c)))) {
    const parts = cases.flatMap((c) => (c[name] && !Array.isArray(c[name]) && c[name].data ? [numbersOf(c[name])] : []));
    if (parts.length && parts.every(Boolean)) out[name] = momentsOf(/** @type {Float64Array[]} */ (parts));
  }
  return out;
}

/** @param {readonly { inputs: Record<string, TensorLike>, outputs: Record<string, TensorLike> }[]} cases @returns {Baseline} */
export const baselineOf = (cases) => ({ cases: cases.length, inputs: ofAll(cases.map((c) => c.inputs)), outputs: ofAll(cases.map((c) => c.outputs)) });
