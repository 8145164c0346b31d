// Convolutions of one and two dimensions. Each thread computes 8 channels (4 where there are few) of 4 pixels in a row, out of registers.
import { ending } from '../chain.js';
import { Unsupported } from '../executor.js';
import { WORDS, toWords } from '../words.js';
import { clamped, expressionOf } from './elementwise.js';

/**
 * @typedef {import('../executor.js').Executor} Executor
 * @typedef {import('../executor.js').Operand} Operand
 * @typedef {import('../plan.js').Step} Step
 * @typedef {import('../plan.js').Port} Port
 */

/** Padding at the beginning of each spatial dimension. @param {Step} s @param {number[]} size @param {number[]} kernel @param {number[]} strides @param {number[]} dilations */
export function padsOf(s, size, kernel, strides, dilations) {
  const mode = s.text('auto_pad', 'NOTSET');
  if (mode === 'NOTSET' || mode === '') return s.ints('pads', Array(2 * size.length).fill(0)).slice(0, size.length);
  if (mode === 'VALID') return size.map(() => 0);
  return size.map((n, d) => {
    const total = Math.max(0, (Math.ceil(n / strides[d]) - 1) * strides[d] + (kernel[d] - 1) * dilations[d] + 1 - n);
    return mode === 'SAME_LOWER' ? Math.ceil(total / 2) : Math.floor(total / 2);
  });
}

/** Two spatial dimensions, where there is one. @param {number[]} values @param {number} missing */
const two = (values, missing) => (values.length === 1 ? [missing, values[0]] : values);

/** Weights as [group, channel of the input, kernel rows, columns, channels of the output rounded up to 4]. @param {Executor} g @param {Port} port @param {number} groups */
function packedWeights(g, port, groups) {
  const [m, c, ...kernel] = port.dims, taps = c * kernel.reduce((a, b) => a * b, 1), each = m / groups, wide = Math.ceil(each / 4) * 4;
  return g.constant(port, `conv ${groups}`, (data) => {
    const words = toWords(port.type, data), out = new Float32Array(groups * taps * wide);
    for (let i = 0; i < groups; i++)
      for (let t = 0; t < taps; t++)
        for (let k = 0; k < each; k++) out[(i * taps + t) * wide + k] = words[(i * each + k) * taps + t];
    return out;
  });
}

/** @param {Executor} g @param {Step} s */
export function conv(g, s) {
  const [x, w, bias] = s.in, [y] = s.out;
  if (!x || !w || !y) throw new Unsupported('an input is missing');
  if (WORDS[x.type] !== 'f32') throw new Unsupported('convolutions of integers are left to the CPU');
  if (x.dims.length !== 3 && x.dims.length !== 4) throw new Unsupported(`a convolution of ${x.dims.length - 2} dimensions`);
  if (s.in[3] || s.text('activation', '')) throw new Unsupported('what is fused into it');
  const spatial = x.dims.length - 2, groups = s.int('group', 1), ones = Array(spatial).fill(1);
  const strides = s.ints('strides', ones), dilations = s.ints('dilations', ones), size = x.dims.slice(2), kernel = w.dims.slice(2);
  const [top, left] = two(padsOf(s, size, kernel, strides, dilations), 0), [sy, sx] = two(strides, 1), [dy, dx] = two(dilations, 1);
  const [ih, iw] = two(size, 1), [kh, kw] = two(kernel, 1), [oh, ow] = two(y.dims.slice(2), 1);
  const [batch, channels] = x.dims, m = w.dims[0], c = w.dims[1];
  if (c * groups !== channels) throw new Unsupported('its channels do not fit');
  const numbers = [batch, channels, ih, iw, m, oh, ow, kh, kw, sy, sx, dy, dx, top, left, c, m / groups];
  const shape = 'batch channels ih iw m oh ow kh kw sy sx dy dx top left c each';
  const operands = [g.in(x)], few = m / groups;
  const fixed = w.place === 'constant' && few > 1, deep = c === 1 && few === 1;
  if (!fixed && !deep) return plain(g, s, operands[0], g.in(w), bias ? g.in(bias) : null, g.out(y), numbers, shape);
  const end = ending(g, y, 4, expressionOf);
  if (deep) return depthwise(g, s, operands[0], g.in(w), bias ? g.in(bias) : null, end?.out() ?? g.out(y), numbers, shape, end);
  const wide = few > 4 ? 2 : 1, point = kh === 1 && kw === 1 && sy === 1 && sx === 1 && top === 0 && left === 0 && oh === ih && ow === iw;
  const vector = point && (ih * iw) % 4 === 0 && operands[0].at % 4 === 0 && y.count % 4 === 0;
  const pixels = point ? Math.ceil((oh * ow) / 4) : oh * Math.ceil(ow / 4), blocks = Math.ceil(few / 4 / wide);
  const W = Array.from({ length: wide }, (_, i) => i), P = [0, 1, 2, 3];
  operands.push(packedWeights(g, w, groups));
  if (bias) operands.push(g.in(bias));
  operands.push(...(end?.leaves ?? []), end?.out() ?? g.out(y));
  const key = `conv ${wide} ${point} ${vector} ${Boolean(bias)} ${s.low} ${s.high} ${kh === 1 && kw === 1} ${end?.key ?? ''}`, stored = storing(s, end);
  g.dispatch(key, () => {
    const madd = (/** @type {(p: number) => string} */ value) => W.map((i) => `let w${i} = w[min(at + ${i}u, last)];`).join(' ') + P.map((p) => `{ let v = ${value(p)}; ${W.map((i) => `s${p}_${i} = fma(vec4<f32>(v), w${i}, s${p}_${i});`).join(' ')} }`).join('\n');
    const loop = vector ? `for (var k = 0u; k < $c; k++) {
let v4 = x[(base + k * $ih * $iw + pixel) / 4u];
${madd((p) => `v4[${p}]`)}
at += step;
}` : point ? `for (var k = 0u; k < $c; k++) {
${P.map((p) => `let v${p} = x[base + k * $ih * $iw + min(pixel + ${p}u, area - 1u)];`).join('\n')}
${madd((p) => `v${p}`)}
at += step;
}` : `let x0 = i32(ox * $sx) - i32($left);
let y0 = i32(oy * $sy) - i32($top);
for (var k = 0u; k < $c; k++) {
  let plane = base + k * $ih * $iw;
  for (var j = 0u; j < $kh; j++) {
    let iy = y0 + i32(j * $dy);
    if (iy < 0 || iy >= i32($ih)) { at += $kw * step; continue; }
    let row = plane + u32(iy) * $iw;
    for (var i = 0u; i < $kw; i++) {
      let ix = x0 + i32(i * $dx);
${P.map((p) => `      let i${p} = ix + i32(${p}u * $sx); let v${p} = select(0.0, x[row + u32(clamp(i${p}, 0, i32($iw) - 1))], i${p} >= 0 && i${p} < i32($iw));`).join('\n')}
      ${madd((p) => `v${p}`)}
      at += step;
    }
  }
}`;
    const place = point ? 'pixel' : 'oy * $ow + ox', fits = (/** @type {number} */ p) => (point ? `pixel + ${p}u < area` : `ox + ${p}u < $ow`);
    return {
      buffers: ['x w', ...(bias ? ['bias'] : []), ...(end?.names ?? []), 'y'].join(' '), types: { w: 'vec4<f32>', x: vector ? 'vec4<f32>' : 'f32' }, numbers: shape, size: [16, 4, 1], shared: end?.shared,
      body: `let area = $oh * $ow;
${point ? 'let pixel = gid.x * 4u; if (pixel >= area) { return; }' : `let across = ($ow + 3u) / 4u; let oy = gid.x / across; let ox = (gid.x % across) * 4u; if (oy >= $oh) { return; }`}
let step = ($each + 3u) / 4u;
let blocks = (step + ${wide - 1}u) / ${wide}u;
let groups = $m / $each;
if (gid.y >= blocks * groups) { return; }
let group = gid.y / blocks;
let block = (gid.y % blocks) * ${wide}u;
let base = $x + (gid.z * $channels + group * $c) * $ih * $iw;
var at = $w / 4u + group * $c * $kh * $kw * step + block;
let last = $w / 4u + groups * $c * $kh * $kw * step - 1u;
${P.map((p) => W.map((i) => `var s${p}_${i} = vec4<f32>();`).join(' ')).join('\n')}
${loop}
${W.map((i) => [0, 1, 2, 3].map((q) => `{ let ch = (block + ${i}u) * 4u + ${q}u;
if (ch < $each) {
  let channel = group * $each + ch;
  let out = (gid.z * $m + channel) * area + ${place};
  ${bias ? 'let b = bias[$bias + channel];' : ''}
${P.map((p) => `  if (${fits(p)}) { let r = s${p}_${i}[${q}]${bias ? ' + b' : ''}; ${stored('r', `out + ${p}u`)} }`).join('\n')}
} }`).join('\n')).join('\n')}`,
    };
  }, operands, numbers, [Math.ceil(pixels / 16), Math.ceil(blocks * groups / 4), batch]);
}

/** Stores a value into y at an index, bounded, and with what comes after. @param {Step} s @param {import('../chain.js').Ending | null} end */
const storing = (s, end) => (/** @type {string} */ r, /** @type {string} */ at) => {
  if (!end) return `y[$y + ${at}] = ${clamped(r, s.low, s.high)};`;
  const { lines, value } = end.code('v', at);
  return `let v = ${clamped(r, s.low, s.high)}; ${lines} y[$y + ${at}] = ${value};`;
};

/** One channel in, one out. @param {Executor} g @param {Step} s @param {Operand} x @param {Operand} w @param {Operand | null} bias @param {Operand} y @param {number[]} numbers @param {string} shape @param {import('../chain.js').Ending | null} end */
function depthwise(g, s, x, w, bias, y, numbers, shape, end) {
  const [batch, channels, , , , oh, ow] = numbers, P = [0, 1, 2, 3], stored = storing(s, end);
  g.dispatch(`depthwise ${Boolean(bias)} ${s.low} ${s.high} ${end?.key ?? ''}`, () => ({
    buffers: ['x w', ...(bias ? ['bias'] : []), ...(end?.names ?? []), 'y'].join(' '), numbers: shape, size: [64, 1, 1], shared: end?.shared,
    body: `let across = ($ow + 3u) / 4u;
let oy = gid.x / across;
let ox = (gid.x % across) * 4u;
if (oy >= $oh) { return; }
let channel = gid.y;
let plane = $x + (gid.z * $channels + channel) * $ih * $iw;
var s = vec4<f32>();
for (var j = 0u; j < $kh; j++) {
  let iy = i32(oy * $sy + j * $dy) - i32($top);
  if (iy < 0 || iy >= i32($ih)) { continue; }
  let row = plane + u32(iy) * $iw;
  for (var i = 0u; i < $kw; i++) {
    let ix = i32(ox * $sx + i * $dx) - i32($left);
${P.map((p) => `    let i${p} = ix + i32(${p}u * $sx); let v${p} = select(0.0, x[row + u32(clamp(i${p}, 0, i32($iw) - 1))], i${p} >= 0 && i${p} < i32($iw));`).join('\n')}
    s = fma(vec4<f32>(w[$w + (channel * $kh + j) * $kw + i]), vec4<f32>(v0, v1, v2, v3), s);
  }
}
${bias ? 's += vec4<f32>(bias[$bias + channel]);' : ''}
let out = (gid.z * $channels + channel) * $oh * $ow + oy * $ow + ox;
${P.map((p) => `if (ox + ${p}u < $ow) { let r = s[${p}]; ${stored('r', `out + ${p}u`)} }`).join('\n')}`,
  }), [x, w, ...(bias ? [bias] : []), ...(end?.leaves ?? []), y], numbers, [Math.ceil((oh * Math.ceil(ow / 4)) / 64), channels, batch]);
}

/** Weights as they lie, which may be a result of the run. @param {Executor} g @param {Step} s @param {Operand} x @param {Operand} w @param {Operand | null} bias @param {Operand} y @param {number[]} numbers @param {string} shape */
function plain(g, s, x, w, bias, y, numbers, shape) {
  g.dispatch(`conv plain ${Boolean(bias)} ${s.low} ${s.high}`, () => ({
    buffers: bias ? 'x w bias y' : 'x w y', numbers: shape, linear: true,
    body: `let ox = i % $ow;
let oy = (i / $ow) % $oh;
let channel = (i / ($ow * $oh)) % $m;
let n = i / ($ow * $oh * $m);
let group = channel / $each;
var s = ${bias ? 'bias[$bias + channel]' : '0.0'};
for (var k = 0u; k < $c; k++) {
  for (var j = 0u; j < $kh; j++) {
    let iy = i32(oy * $sy + j * $dy) - i32($top);
    if (iy < 0 || iy >= i32($ih)) { continue; }
    for (var q = 0u; q < $kw; q++) {
      let ix = i32(ox * $sx + q * $dx) - i32($left);
      if (ix < 0 || ix >= i32($iw)) { continue; }
      s = fma(x[$x + ((n * $channels + group * $c + k) * $ih + u32(iy)) * $iw + u32(ix)], w[$w + ((channel * $c + k) * $kh + j) * $kw + q], s);
    }
  }
}
y[$y + i] = ${clamped('s', s.low, s.high)};`,
  }), bias ? [x, w, bias, y] : [x, w, y], [y.count, ...numbers], y.count);
}

/** @param {Executor} g @param {Step} s */
export function convTranspose(g, s) {
  const [x, w, bias] = s.in, [y] = s.out;
  if (!x || !w || !y) throw new Unsupported('an input is missing');
  if (WORDS[x.type] !== 'f32') throw new Unsupported('convolutions of integers are left to the CPU');
  if (x.dims.length !== 3 && x.dims.length !== 4) throw new Unsupported(`a convolution of ${x.dims.length - 2} dimensions`);
  const spatial = x.dims.length - 2, groups = s.int('group', 1), ones = Array(spatial).fill(1), kernel = w.dims.slice(2), size = x.dims.slice(2), out = y.dims.slice(2);
  const strides = s.ints('strides', ones), dilations = s.ints('dilations', ones), extra = s.ints('output_padding', ones.map(() => 0)), mode = s.text('auto_pad', 'NOTSET');
  const pads = size.map((n, d) => {
    const total = Math.max(0, strides[d] * (n - 1) + extra[d] + (kernel[d] - 1) * dilations[d] + 1 - out[d]);
    if (s.attr('output_shape') || (mode !== 'NOTSET' && mode !== '' && mode !== 'VALID')) return mode === 'SAME_UPPER' ? Math.floor(total / 2) : total - Math.floor(total / 2);
    return mode === 'VALID' ? 0 : s.ints('pads', Array(2 * spatial).fill(0))[d];
  });
  const [top, left] = two(pads, 0), [sy, sx] = two(strides, 1), [dy, dx] = two(dilations, 1), [ih, iw] = two(size, 1), [kh, kw] = two(kernel, 1), [oh, ow] = two(out, 1);
  const each = w.dims[1], channels = x.dims[1], c = channels / groups;
  const operands = [g.in(x), g.in(w), ...(bias ? [g.in(bias)] : []), g.out(y)];
  g.dispatch(`conv transposed ${Boolean(bias)} ${s.low} ${s.high}`, () => ({
    buffers: bias ? 'x w bias y' : 'x w y', numbers: 'channels ih iw m oh ow kh kw sy sx dy dx top left c each', linear: true,
    body: `let ox = i % $ow;
let oy = (i / $ow) % $oh;
let channel = (i / ($ow * $oh)) % $m;
let n = i / ($ow * $oh * $m);
let first = (channel / $each) * $c;
var s = ${bias ? 'bias[$bias + channel]' : '0.0'};
for (var j = 0u; j < $kh; j++) {
  let ay = i32(oy) + i32($top) - i32(j * $dy);
  if (ay < 0 || ay % i32($sy) != 0 || ay / i32($sy) >= i32($ih)) { continue; }
  for (var q = 0u; q < $kw; q++) {
    let ax = i32(ox) + i32($left) - i32(q * $dx);
    if (ax < 0 || ax % i32($sx) != 0 || ax / i32($sx) >= i32($iw)) { continue; }
    let start = $x + ((n * $channels + first) * $ih + u32(ay / i32($sy))) * $iw + u32(ax / i32($sx));
    let by = $w + ((first * $each + channel % $each) * $kh + j) * $kw + q;
    for (var k = 0u; k < $c; k++) { s = fma(x[start + k * $ih * $iw], w[by + k * $each * $kh * $kw], s); }
  }
}
y[$y + i] = ${clamped('s', s.low, s.high)};`,
  }), operands, [y.count, channels, ih, iw, y.dims[1], oh, ow, kh, kw, sy, sx, dy, dx, top, left, c, each], y.count);
}
