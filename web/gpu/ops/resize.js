// Resize and Upsample, one axis after the other: which elements a result is made of, and how much of each, is computed here in double.
import { Unsupported } from '../executor.js';
import { WORDS } from '../words.js';

/**
 * @typedef {import('../executor.js').Executor} Executor
 * @typedef {import('../plan.js').Step} Step
 * @typedef {{ mode: string, transform: string, nearest: string, cubic: number, exclude: boolean, antialias: boolean, extrapolation: number }} How
 */

/** Place in the input of output element i (ONNX's coordinate_transformation_mode). @param {How} how @param {number} i @param {number} n @param {number} m @param {number} scale @param {[number, number]} roi */
function placeOf({ transform }, i, n, m, scale, roi) {
  if (transform === 'asymmetric') return i / scale;
  if (transform === 'pytorch_half_pixel') return m > 1 ? (i + 0.5) / scale - 0.5 : 0;
  if (transform === 'tf_half_pixel_for_nn') return (i + 0.5) / scale;
  if (transform === 'align_corners') return m > 1 ? i * (n - 1) / (scale * n - 1) : 0; // a length that need not be whole
  if (transform === 'tf_crop_and_resize') return m > 1 ? roi[0] * (n - 1) + i * (roi[1] - roi[0]) * (n - 1) / (m - 1) : 0.5 * (roi[0] + roi[1]) * (n - 1);
  if (transform === 'half_pixel_symmetric') return n / 2 * (1 - m / (n * scale)) + (i + 0.5) / scale - 0.5;
  return (i + 0.5) / scale - 0.5;
}

/** @param {number} x @param {number} a */
function cubic(x, a) {
  const t = Math.abs(x);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/** Elements and weights of each result along an axis. @param {How} how @param {number} n @param {number} m @param {number} scale @param {[number, number]} roi */
export function taps(how, n, m, scale, roi) {
  const shrink = how.antialias && scale < 1 && how.mode !== 'nearest' ? scale : 1, reach = how.mode === 'nearest' ? 0 : (how.mode === 'cubic' ? 2 : 1) / shrink;
  const width = how.mode === 'nearest' ? 1 : Math.ceil(reach * 2) + 1, places = new Uint32Array(m * width), weights = new Float32Array(m * width);
  for (let i = 0; i < m; i++) {
    const x = placeOf(how, i, n, m, scale, roi);
    if (how.transform === 'tf_crop_and_resize' && (x < 0 || x > n - 1)) throw new Unsupported('it looks beyond its input');
    if (how.mode === 'nearest') {
      const near = how.nearest === 'floor' ? Math.floor(x) : how.nearest === 'ceil' ? Math.ceil(x) : how.nearest === 'simple' ? (scale < 1 ? Math.ceil(x) : Math.floor(x)) : how.nearest === 'round_prefer_ceil' ? Math.floor(x + 0.5) : Math.ceil(x - 0.5);
      places[i] = Math.min(Math.max(near, 0), n - 1);
      weights[i] = 1;
      continue;
    }
    const first = Math.floor(x - reach) + 1;
    let total = 0;
    for (let t = 0; t < width; t++) {
      const at = first + t, d = (at - x) * shrink, w = how.mode === 'cubic' ? cubic(d, how.cubic) : Math.max(0, 1 - Math.abs(d)), inside = at >= 0 && at < n;
      const value = how.exclude && !inside ? 0 : w;
      places[i * width + t] = Math.min(Math.max(at, 0), n - 1);
      weights[i * width + t] = value;
      total += value;
    }
    if (how.exclude || how.antialias || shrink !== 1) for (let t = 0; t < width; t++) weights[i * width + t] /= total;
  }
  return { width, places, weights };
}

/** @param {Executor} g @param {Step} s */
export function resize(g, s) {
  const [x] = s.in, [y] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  const rank = x.dims.length, upsample = s.op === 'Upsample', old = upsample || s.opset < 11;
  /** @type {How} */
  const how = {
    mode: s.text('mode', 'nearest'), transform: old ? 'asymmetric' : s.text('coordinate_transformation_mode', 'half_pixel'), nearest: old ? 'simple' : s.text('nearest_mode', 'round_prefer_floor'),
    cubic: s.float('cubic_coeff_a', -0.75), exclude: Boolean(s.int('exclude_outside', 0)), antialias: Boolean(s.int('antialias', 0)), extrapolation: s.float('extrapolation_value', 0),
  };
  if (how.mode !== 'nearest' && WORDS[x.type] !== 'f32') throw new Unsupported(`resizing ${x.type} smoothly`);
  const axes = s.ints('axes', Array.from({ length: rank }, (_, d) => d)).map((a) => (a + rank) % rank);
  const scaleInput = old ? 1 : 2, given = s.attr('scales')?.floats ?? (s.in[scaleInput]?.count ? g.floatsOf(s.in[scaleInput]) : null);
  const sized = !old && Boolean(s.in[3]?.count), policy = s.text('keep_aspect_ratio_policy', 'stretch');
  const roi = !old && s.in[1]?.count ? g.floatsOf(s.in[1]) : null;
  if ((!given && !sized) || (how.transform === 'tf_crop_and_resize' && !roi)) throw new Unsupported('its scales are not known with the plan');
  const scales = Array(rank).fill(1), parts = /** @type {[number, number][]} */ (Array.from({ length: rank }, () => [0, 1]));
  axes.forEach((axis, i) => {
    scales[axis] = sized || !given ? y.dims[axis] / x.dims[axis] : given[i];
    if (roi) parts[axis] = [roi[i], roi[i + axes.length]];
  });
  if (sized && policy !== 'stretch') {
    const wanted = s.known(3);
    if (!wanted) throw new Unsupported('its sizes are not known with the plan');
    const all = axes.map((axis, i) => wanted[i] / x.dims[axis]), one = policy === 'not_larger' ? Math.min(...all) : Math.max(...all);
    for (const axis of axes) scales[axis] = one;
  }
  const todo = axes.filter((axis) => x.dims[axis] !== y.dims[axis] || scales[axis] !== 1 || how.transform === 'tf_crop_and_resize');
  if (!todo.length) return g.alias(y, g.in(x));
  const tables = todo.map((axis) => taps(how, x.dims[axis], y.dims[axis], scales[axis], parts[axis]));
  let now = g.in(x), dims = x.dims;
  const word = how.mode === 'nearest' ? 'u32' : 'f32', result = g.out(y);
  todo.forEach((axis, k) => {
    const { width, places, weights } = tables[k], next = dims.slice();
    next[axis] = y.dims[axis];
    const count = next.reduce((a, b) => a * b, 1), inner = next.slice(axis + 1).reduce((a, b) => a * b, 1), to = k === todo.length - 1 ? result : g.temp(count);
    g.dispatch(`resize ${word} ${width === 1 ? 1 : ''}`, () => ({
      buffers: width === 1 ? 'x places y' : 'x places weights y', types: { x: word, places: 'u32', y: word }, linear: true, numbers: 'inner size m width',
      body: `let e = i % $inner; let o = (i / $inner) % $m; let first = (i / ($inner * $m)) * $size;
${width === 1 ? 'y[$y + i] = x[$x + (first + places[$places + o]) * $inner + e];' : `var s = 0.0;
for (var t = 0u; t < $width; t++) { s = fma(weights[$weights + o * $width + t], x[$x + (first + places[$places + o * $width + t]) * $inner + e], s); }
y[$y + i] = s;`}`,
    }), [now, g.table(places), ...(width === 1 ? [] : [g.table(weights)]), to], [count, inner, dims[axis], y.dims[axis], width], count);
    now = to;
    dims = next;
  });
}
