// Runs one conformance case against an engine. Environment independent: usable in Node, a page or a worker.
//
// engine: { name, version, create(bytes) -> session, Tensor, types:Set<string>, sequences?:bool, optionals?:bool|'present', classify?(err) }
//   session: { run(feeds: {name: Tensor}) -> Promise<{name: Tensor}>, release?() }, as onnxruntime-web's InferenceSession.
//   Tensor:  new Tensor(type, data, dims) with .type .dims .data
//   optionals: true when an absent optional can be fed too (the name is left out of feeds); 'present' when only a filled one can
// files: Map<string, Uint8Array> holding this case's 'model.onnx', 'test_data_set_0/input_0.pb', ...
// meta:  this case's entry in index.json
import { readValue } from './onnx-protobuf.mjs';
import { compareTensor } from './compare.mjs';

export const ALL_TYPES = ['float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16', 'float64', 'uint32', 'uint64', 'int4', 'uint4'];

function unsupportedIn(engine, v) {
  if (v.kind === 'tensor') return engine.types.has(v.type) ? null : v.type;
  if (v.kind === 'sequence') return engine.sequences ? v.values.map((x) => unsupportedIn(engine, x)).find(Boolean) ?? null : 'sequence';
  if (v.kind === 'optional') {
    if (!engine.optionals) return 'optional';
    return v.value ? unsupportedIn(engine, v.value) : engine.optionals === 'present' ? 'optional-absent' : null;
  }
  return v.kind;
}
function toEngine(engine, v) {
  if (v.kind === 'tensor') return new engine.Tensor(v.type, engine.convert ? engine.convert(v.type, v.data) : v.data, v.dims);
  if (v.kind === 'sequence') return v.values.map((x) => toEngine(engine, x));
  return v.value ? toEngine(engine, v.value) : null; // optional
}
function cmp(act, exp, tol) {
  if (exp.kind === 'tensor') return compareTensor(act, exp, tol);
  if (exp.kind === 'optional') {
    if (!exp.value) return act == null ? null : { cause: 'value', detail: 'expected an absent optional' };
    return cmp(act, exp.value, tol);
  }
  if (!Array.isArray(act)) return { cause: 'dtype', detail: 'expected a sequence' };
  if (act.length !== exp.values.length) return { cause: 'shape', detail: `sequence length ${act.length} != ${exp.values.length}` };
  for (let i = 0; i < act.length; i++) { const r = cmp(act[i], exp.values[i], tol); if (r && !r.ok) return r; }
  return null;
}

// -> {status, cause?, phase?, detail?, ms, needAtol?, maxAbs?, maxRel?}
// status: pass | fail (ran, wrong result) | error (threw) | unsupported (the API has no such value type)
// tol: overrides the case's own tolerance ({rtol, atol, mode}); see compare.mjs
export async function runCase(engine, files, meta, { tol = meta.tol } = {}) {
  const t0 = performance.now();
  const done = (o) => ({ ...o, ms: Math.round((performance.now() - t0) * 10) / 10 });
  // load every data set first, so that a value the API cannot carry is reported before the engine is touched
  const sets = [];
  for (let k = 0; k < meta.sets.length; k++) {
    const rd = (list, pre) => list.map((io, i) => {
      const b = files.get(`test_data_set_${k}/${pre}_${i}.pb`);
      if (!b) throw new Error(`suite: ${meta.id} lacks ${pre}_${i}.pb`);
      return { name: io.name, value: readValue(b, io.kind) };
    });
    sets.push({ in: rd(meta.inputs.slice(0, meta.sets[k][0]), 'input'), out: rd(meta.outputs.slice(0, meta.sets[k][1]), 'output') });
  }
  for (const s of sets) for (const io of [...s.in, ...s.out]) {
    const u = unsupportedIn(engine, io.value);
    if (u) return done({ status: 'unsupported', cause: u, detail: `${io.name}: ${u}` });
  }
  let session, phase = 'create';
  try {
    session = await engine.create(files.get('model.onnx'), meta);
    const worst = { maxAbs: 0, maxRel: 0, needAtol: 0 };
    for (const s of sets) {
      phase = 'feed';
      const feeds = {};
      for (const io of s.in) {
        const t = toEngine(engine, io.value);
        if (t !== null) feeds[io.name] = t;
      }
      phase = 'run';
      const res = await session.run(feeds);
      phase = 'compare';
      for (const io of s.out) {
        let a = res[io.name];
        if (a && a.getData) { const data = await a.getData(); a = { type: a.type, dims: a.dims, data }; }
        const r = cmp(a, io.value, tol);
        if (r) for (const k of ['maxAbs', 'maxRel', 'needAtol']) if (r[k] > worst[k]) worst[k] = r[k];
        if (r && !r.ok) return done({ status: 'fail', phase, cause: r.cause, detail: `${io.name}: ${r.detail}`, nonfinite: r.nonfinite || undefined, bad: r.bad, n: r.n, ...worst });
      }
    }
    return done({ status: 'pass', ...(worst.maxAbs ? worst : {}) });
  } catch (e) {
    const msg = String(e && e.message !== undefined ? e.message : e).slice(0, 600);
    const c = engine.classify ? engine.classify(e, phase) : null;
    return done({ status: 'error', phase, cause: c?.cause ?? 'exception', detail: msg, fatal: c?.fatal || undefined });
  } finally {
    try { await session?.release?.(); } catch { /* an engine that cannot release is still measured */ }
  }
}
