// Which node is the first whose result is not the recorded one.

/**
 * @typedef {import('../core/tensor.js').TensorLike} TensorLike
 * @typedef {{ rtol: number, atol: number }} Tolerance as numpy.allclose has it
 */

/** [N, spatial…, C] to [N, C, spatial…]. @param {TensorLike} t @returns {TensorLike} */
function toPlain({ type, dims, data }) {
  const [n, ...rest] = dims, channels = rest.pop() ?? 1, points = rest.reduce((a, b) => a * b, 1);
  const from = /** @type {any} */ (data), out = from.slice();
  for (let b = 0; b < n; b++) for (let p = 0; p < points; p++) for (let c = 0; c < channels; c++) out[(b * channels + c) * points + p] = from[(b * points + p) * channels + c];
  return { type, dims: [n, channels, ...rest], data: out };
}

/** @param {number} h the bits of a float16 */
function half(h) {
  const e = (h >> 10) & 31, m = h & 1023, v = e === 31 ? (m ? NaN : Infinity) : e ? (1 + m / 1024) * 2 ** (e - 15) : m * 2 ** -24;
  return h & 0x8000 ? -v : v;
}

/**
 * '' when they agree, else what is different.
 * @param {TensorLike} got
 * @param {TensorLike} expected
 * @param {Tolerance} tolerance
 */
export function difference(got, expected, { rtol, atol }) {
  if (got.type !== expected.type) return `it is ${got.type}, recorded was ${expected.type}`;
  if (got.dims.join() !== expected.dims.join()) return `its shape is [${got.dims.join(', ')}], recorded was [${expected.dims.join(', ')}]`;
  const number = (/** @type {any} */ data, /** @type {number} */ i) => (got.type === 'float16' && data instanceof Uint16Array ? half(data[i]) : Number(data[i]));
  let worst = 0, at = -1, wrong = 0;
  for (let i = 0; i < got.data.length; i++) {
    if (got.data[i] === expected.data[i]) continue;
    if (got.type === 'string') return `element ${i} is ${JSON.stringify(got.data[i])}, recorded was ${JSON.stringify(expected.data[i])}`;
    const a = number(got.data, i), b = number(expected.data, i);
    if (a === b || (a !== a && b !== b)) continue;
    const excess = Math.abs(a - b) - (/float/.test(got.type) ? atol + rtol * Math.abs(b) : 0);
    if (excess <= 0) continue;
    wrong++;
    if (at < 0 || !(excess <= worst)) [worst, at] = [excess, i];
  }
  return wrong ? `${wrong} of ${got.data.length} elements differ; most at element ${at}: ${number(got.data, at)}, recorded was ${number(expected.data, at)}` : '';
}

/**
 * @param {import('../core/model.js').LocalModel} model
 * @param {Record<string, TensorLike>} feeds
 * @param {Record<string, TensorLike>} expected by the value's name in the file
 * @param {Tolerance} tolerance
 */
export function compare(model, feeds, expected, tolerance) {
  /** @type {{ output: string, op: string, node: string, why: string } | null} */
  let first = null;
  const agreed = new Set();
  const check = (/** @type {string} */ output, /** @type {TensorLike} */ value, op = 'the graph', node = '') => {
    const why = difference(value, expected[output], tolerance);
    if (!why) agreed.add(output);
    else first ??= { output, op, node, why };
    return Boolean(why);
  };
  const outputs = model.runWatched(feeds, ({ op, node, output, value, channelsLast }) => {
    if (!value || Array.isArray(value)) return false; // sequences are not in .npz files
    return check(output, channelsLast ? toPlain(/** @type {TensorLike} */ (value)) : /** @type {TensorLike} */ (value), op, node);
  }, (name) => name in expected);
  for (const [name, value] of Object.entries(outputs ?? {})) if (name in expected && !agreed.has(name) && value && !Array.isArray(value)) check(name, value);
  const absent = Object.keys(expected).filter((name) => !agreed.has(name) && name !== first?.output);
  return { first: /** @type {{ output: string, op: string, node: string, why: string } | null} */ (first), agreed: [...agreed], absent };
}
