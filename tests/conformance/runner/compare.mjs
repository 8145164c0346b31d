// Numeric comparison. Environment independent.
import { SUBBYTE } from './onnx-protobuf.mjs';

const h2f = (() => { // float16 bits -> number
  const t = new Float64Array(65536);
  for (let h = 0; h < 65536; h++) {
    const s = h & 0x8000 ? -1 : 1, e = (h >> 10) & 31, m = h & 1023;
    t[h] = e === 31 ? (m ? NaN : s * Infinity) : e === 0 ? s * m * 2 ** -24 : s * (1 + m / 1024) * 2 ** (e - 15);
  }
  return t;
})();
const b2f = (() => { const u = new Uint32Array(1), f = new Float32Array(u.buffer); return (x) => { u[0] = x << 16; return f[0]; }; })();
function f8(x, ebits, mbits, bias, { fn = false, uz = false } = {}) {
  const s = x & 0x80 ? -1 : 1, e = (x >> mbits) & ((1 << ebits) - 1), m = x & ((1 << mbits) - 1), emax = (1 << ebits) - 1;
  if (uz) { if (x === 0x80) return NaN; } else if (fn) { if (e === emax && m === (1 << mbits) - 1) return NaN; } else if (e === emax) return m ? NaN : s * Infinity;
  return e === 0 ? s * m * 2 ** (1 - bias - mbits) : s * (1 + m / (1 << mbits)) * 2 ** (e - bias);
}
const F4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6];

export const FLOATS = new Set(['float32', 'float64', 'float16', 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0', 'float4e2m1']);

// -> function(i) giving element i as a number (or BigInt for 64-bit integers)
export function getter(type, data, n) {
  // an engine may hand back a native Float16Array
  if (type === 'float16' && !(data instanceof Uint16Array)) return (i) => data[i];
  switch (type) {
    case 'float16': return (i) => h2f[data[i]];
    case 'bfloat16': return (i) => b2f(data[i]);
    case 'float8e4m3fn': return (i) => f8(data[i], 4, 3, 7, { fn: true });
    case 'float8e4m3fnuz': return (i) => f8(data[i], 4, 3, 8, { uz: true });
    case 'float8e5m2': return (i) => f8(data[i], 5, 2, 15);
    case 'float8e5m2fnuz': return (i) => f8(data[i], 5, 2, 16, { uz: true });
    case 'float8e8m0': return (i) => (data[i] === 255 ? NaN : 2 ** (data[i] - 127));
  }
  const bits = SUBBYTE[type];
  if (bits) {
    const per = 8 / bits, mask = (1 << bits) - 1;
    const packed = data.length === Math.ceil(n / per) ? true : data.length === n ? false : true;
    const raw = packed ? (i) => (data[(i / per) | 0] >> ((i % per) * bits)) & mask : (i) => data[i] & mask;
    if (type === 'float4e2m1') return (i) => F4[raw(i)];
    if (type[0] === 'i') return (i) => { const v = raw(i); return v >> (bits - 1) ? v - (1 << bits) : v; };
    return raw;
  }
  if (type === 'bool') return (i) => (data[i] ? 1 : 0);
  return (i) => data[i];
}

// tol: {rtol, atol, mode}. mode 'allclose' (numpy: |a-e| <= atol + rtol*|e|) or 'either' (|a-e| < atol or |a-e| < rtol*|e|, as
// onnxruntime-web's own tests do). NaN equals NaN; infinities must match. Integers, bools and strings are exact (ONNX's own runner
// lets allclose apply to integers too).
// Returns null when equal, else {cause, detail, ...}.
export function compareTensor(act, exp, tol) {
  if (act == null) return { cause: 'missing-output', detail: 'no such output' };
  if (act.type !== exp.type) return { cause: 'dtype', detail: `${act.type} != ${exp.type}` };
  const ad = [...act.dims], ed = [...exp.dims];
  if (ad.length !== ed.length || ad.some((d, i) => Number(d) !== ed[i])) return { cause: 'shape', detail: `[${ad}] != [${ed}]` };
  const n = ed.reduce((a, b) => a * b, 1);
  if (exp.type === 'string') {
    for (let i = 0; i < n; i++) if (act.data[i] !== exp.data[i]) return { cause: 'value', detail: `string[${i}] ${JSON.stringify(act.data[i])} != ${JSON.stringify(exp.data[i])}` };
    return null;
  }
  const ga = getter(exp.type, act.data, n), ge = getter(exp.type, exp.data, n);
  const isF = FLOATS.has(exp.type);
  let bad = 0, first = -1, need = 0, maxAbs = 0, maxRel = 0, nf = false;
  for (let i = 0; i < n; i++) {
    const a = ga(i), e = ge(i);
    if (a === e) continue;
    if (typeof e === 'bigint') {
      bad++; if (first < 0) first = i;
      maxAbs = Math.max(maxAbs, Number(a > e ? a - e : e - a)); continue;
    }
    if (a !== a && e !== e) continue; // NaN == NaN
    if (!Number.isFinite(a) || !Number.isFinite(e)) { bad++; nf = true; if (first < 0) first = i; continue; }
    const d = Math.abs(a - e), ae = Math.abs(e);
    let ok;
    if (!isF) ok = false;
    else if (tol.mode === 'either') ok = d < tol.atol || d < tol.rtol * ae;
    else ok = d <= tol.atol + tol.rtol * ae;
    maxAbs = Math.max(maxAbs, d); if (ae) maxRel = Math.max(maxRel, d / ae);
    need = Math.max(need, d - tol.rtol * ae); // the atol that would have passed at this rtol
    if (!ok) { bad++; if (first < 0) first = i; }
  }
  const stats = { maxAbs, maxRel, needAtol: need };
  if (!bad) return maxAbs ? { ok: true, ...stats } : null;
  return { cause: 'value', detail: `${bad}/${n} differ; [${first}] got ${ga(first)} want ${ge(first)}`, bad, n, nonfinite: nf, ...stats };
}
