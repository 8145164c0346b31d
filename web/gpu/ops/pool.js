// Pooling over one to three dimensions: a thread for each result.
import { Unsupported } from '../executor.js';
import { WORDS } from '../words.js';
import { padsOf } from './conv.js';

/**
 * @typedef {import('../executor.js').Executor} Executor
 * @typedef {import('../plan.js').Step} Step
 */

/** @param {Executor} g @param {Step} s */
export function pool(g, s) {
  const [x] = s.in, [y, places] = s.out;
  if (!x || !y) throw new Unsupported('an input is missing');
  const spatial = x.dims.length - 2, whole = s.op.startsWith('Global'), size = x.dims.slice(2), ones = Array(spatial).fill(1);
  if (spatial < 1 || spatial > 3 || WORDS[x.type] !== 'f32') throw new Unsupported(`pooling of ${x.type} over ${spatial} dimensions`);
  const kernel = whole ? size : s.ints('kernel_shape', ones), strides = whole ? ones : s.ints('strides', ones), dilations = whole ? ones : s.ints('dilations', ones);
  const pads = whole ? size.map(() => 0) : padsOf(s, size, kernel, strides, dilations), ends = whole || s.text('auto_pad', 'NOTSET') !== 'NOTSET' ? null : s.ints('pads', Array(2 * spatial).fill(0)).slice(spatial);
  const three = (/** @type {number[]} */ values, /** @type {number} */ missing) => Array(3 - spatial).fill(missing).concat(values);
  const kind = s.op.includes('Max') ? 'max' : s.op.includes('Lp') ? 'lp' : 'mean', p = s.int('p', 2), padded = kind === 'mean' && s.int('count_include_pad', 0) === 1;
  if (kind === 'lp' && s.opset < 2 && !whole) throw new Unsupported('an old form');
  if (padded && s.int('ceil_mode', 0) && dilations.some((d) => d > 1)) throw new Unsupported('means over gaps beyond the padding');
  if (places && s.int('storage_order', 0)) throw new Unsupported('places in columns');
  const D = [0, 1, 2], outputs = places ? 2 : 1;
  // how far elements of the padding count: to the end of the padding, where it is known
  const most = padded ? three(size.map((n, d) => n + (ends ? ends[d] : strides[d] * (y.dims[d + 2] - 1) - pads[d] + (kernel[d] - 1) * dilations[d] + 1 - n)), 1) : three(size, 1);
  const inner = kind === 'max' ? `if (v > best || first) { best = v; ${places ? 'found = e;' : ''} first = false; }` : kind === 'mean' ? 's += v; n += 1.0;' : p === 1 ? 's += abs(v);' : p === 2 ? 's += v * v;' : `s += pow(abs(v), ${p}.0);`;
  const end = kind === 'max' ? 'best' : kind === 'mean' ? (padded ? 's / f32(cells)' : 's / max(n, 1.0)') : p === 1 ? 's' : p === 2 ? 'sqrt(s)' : `pow(s, ${1 / p})`;
  g.dispatch(`pool ${kind} ${p} ${padded} ${Boolean(places)}`, () => ({
    buffers: places ? 'x y places' : 'x y', types: { places: 'i32' }, outputs, linear: true,
    numbers: ['i', 'o', 'k', 's', 'd', 'p', 'm'].flatMap((name) => D.map((d) => `${name}${d}`)).join(' '),
    body: `let o2 = i % $o2; let o1 = (i / $o2) % $o1; let o0 = (i / ($o2 * $o1)) % $o0; let plane = i / ($o2 * $o1 * $o0);
var best = 0.0; var first = true; var found = 0u; var s = 0.0; var n = 0.0; var cells = 0u;
for (var k0 = 0u; k0 < $k0; k0++) { let c0 = i32(o0 * $s0 + k0 * $d0) - i32($p0); ${padded ? 'if (c0 >= i32($m0)) { continue; }' : 'if (c0 < 0 || c0 >= i32($i0)) { continue; }'}
for (var k1 = 0u; k1 < $k1; k1++) { let c1 = i32(o1 * $s1 + k1 * $d1) - i32($p1); ${padded ? 'if (c1 >= i32($m1)) { continue; }' : 'if (c1 < 0 || c1 >= i32($i1)) { continue; }'}
for (var k2 = 0u; k2 < $k2; k2++) { let c2 = i32(o2 * $s2 + k2 * $d2) - i32($p2); ${padded ? 'if (c2 >= i32($m2)) { continue; }' : ''}
${padded ? 'cells++; if (c0 < 0 || c0 >= i32($i0) || c1 < 0 || c1 >= i32($i1)) { continue; }' : ''}
if (c2 < 0 || c2 >= i32($i2)) { continue; }
let e = ((plane * $i0 + u32(c0)) * $i1 + u32(c1)) * $i2 + u32(c2);
let v = x[$x + e];
${inner} } } }
y[$y + i] = ${end};
${places ? 'places[$places + i] = i32(found);' : ''}`,
  }), [g.in(x), g.out(y), ...(places ? [g.out(places)] : [])],
  [y.count, ...three(size, 1), ...three(y.dims.slice(2), 1), ...three(kernel, 1), ...three(strides, 1), ...three(dilations, 1), ...three(pads, 0), ...most], y.count);
}
