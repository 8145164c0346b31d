// The monitor: sketches that add up, reports in OTLP, what leaves and what does not.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';
import { baselineOf } from '../../web/pack/baseline.js';
import { Monitor, Numbers, Times, ks, psi } from '../../web/monitor/index.js';
import { deviceClass } from '../../web/monitor/device.js';
import { generator } from '../../web/report/random-inputs.js';

const normal = (seed, n, shift = 0) => {
  const next = generator(seed);
  return Float32Array.from({ length: n }, () => Array.from({ length: 12 }, next).reduce((a, b) => a + b) - 6 + shift);
};
const tensor = (data) => ({ type: 'float32', dims: [data.length], data });
const BASELINE = baselineOf([{ inputs: { x: tensor(normal(1, 4000)) }, outputs: { y: tensor(normal(2, 4000)) } }]);
/** A model as the monitor sees one. */
const fake = (run, version = '1.2.0') => ({ run, predict: async () => [{ label: 'a', score: 0.7 }, { label: 'b', score: 0.2 }], report: () => ({ modelVersion: version }), inputs: [{ name: 'x' }] });
const metricsOf = (report) => Object.fromEntries(report.resourceMetrics[0].scopeMetrics[0].metrics.map((m) => [m.name, m]));
const plain = (list) => Object.fromEntries(list.map(({ key, value }) => [key, value.stringValue ?? value.doubleValue ?? value.boolValue]));

describe('sketches', () => {
  test('quantiles of times within a bin, and parts add up', () => {
    const next = generator(5), values = Array.from({ length: 5000 }, () => Math.exp(4 * next())), whole = new Times(), a = new Times(), b = new Times();
    values.forEach((v, i) => { whole.add(v); (i % 3 ? a : b).add(v); });
    a.merge(b);
    const sorted = [...values].sort((p, q) => p - q);
    for (const q of [0.01, 0.5, 0.9, 0.99, 1]) {
      const exact = sorted[Math.ceil(q * values.length) - 1];
      assert.ok(Math.abs(whole.quantile(q) / exact - 1) < 0.091, `${q}: ${whole.quantile(q)}, exactly ${exact}`);
      assert.equal(a.quantile(q), whole.quantile(q));
    }
    assert.deepEqual([a.count, a.min, a.max, [...a.bins].sort()], [whole.count, whole.min, whole.max, [...whole.bins].sort()]);
    for (let e = -300; e < 300; e++) whole.add(10 ** e);
    assert.ok(whole.bins.size <= 160);
    for (const odd of [NaN, -1, Infinity]) { const n = whole.count; whole.add(odd); assert.equal(whole.count, n); }
    assert.ok(Number.isNaN(new Times().quantile(0.5)));
  });

  test('numbers on the bins of a baseline, and parts add up', () => {
    const { edges, counts, mean, m2, count } = BASELINE.inputs.x, whole = new Numbers(edges), a = new Numbers(edges), b = new Numbers(edges);
    normal(1, 4000).forEach((v, i) => { whole.add(v); (i % 7 ? a : b).add(v); });
    assert.deepEqual(whole.counts, counts);
    a.merge(b);
    for (const n of [whole, a]) {
      assert.deepEqual([n.counts, n.count], [counts, count]);
      assert.ok(Math.abs(n.mean - mean) < 1e-9 && Math.abs(n.m2 / m2 - 1) < 1e-9);
    }
    whole.add(NaN);
    assert.deepEqual([whole.nan, whole.count], [1, count]);
  });

  test('drift: none for the same, much for a shift', () => {
    const { edges, counts } = BASELINE.inputs.x;
    const of = (data) => { const n = new Numbers(edges); data.forEach((v) => n.add(v)); return n.counts; };
    const same = of(normal(3, 4000)), shifted = of(normal(3, 4000, 1));
    assert.ok(psi(counts, same) < 0.02 && ks(counts, same) < 0.05);
    assert.ok(psi(counts, shifted) > 0.25 && Math.abs(ks(counts, shifted) - 0.383) < 0.03); // 2Φ(1/2) − 1
    assert.equal(psi(counts, counts), 0);
  });
});

describe('monitor', () => {
  test('watches calls and changes none of them', async () => {
    const failure = Object.assign(new Error('no'), { code: 'bad-shape' }), monitor = new Monitor({ baseline: BASELINE, cost: Infinity, interval: 1000 });
    const out = { y: tensor(normal(4, 1000)) };
    const model = monitor.watch(fake(async (feeds) => { if (feeds.fail) throw failure; return out; }));
    assert.equal(await model.run({ x: tensor(normal(5, 1000, 2)) }), out);
    await assert.rejects(model.run({ fail: 1 }), (e) => e === failure);
    assert.equal((await model.predict()).length, 2);
    assert.deepEqual(model.inputs, [{ name: 'x' }]);
    const { stages, errors, drift } = monitor.summary();
    assert.deepEqual([stages.run.count, stages.predict.count, errors], [1, 1, { 'bad-shape': 1 }]);
    assert.ok(drift['inputs/x'].psi > 0.25 && drift['outputs/y'].psi < 0.1, JSON.stringify(drift));
    await monitor.end();
  });

  test('the report is OTLP with deltas', async () => {
    const reports = [], monitor = new Monitor({ baseline: BASELINE, cost: Infinity, interval: 1000, onReport: (r) => reports.push(r), attributes: { 'service.name': 'shop' } });
    const model = monitor.watch(fake(async () => ({ y: tensor(normal(4, 100)) })));
    await model.run({ x: tensor(normal(5, 300)) });
    await model.run({ x: tensor(normal(6, 300)) });
    monitor.error({ code: 'network' }, 'load');
    await model.predict();
    await monitor.flush();
    await monitor.flush(); // nothing came since
    await model.run({ x: tensor(normal(7, 300)) });
    await monitor.end();
    assert.equal(reports.length, 2);
    assert.deepEqual(plain(reports[0].resourceMetrics[0].resource.attributes), { 'quern.device.class': 'other', 'service.name': 'shop' });
    const m = metricsOf(reports[0]), run = m['quern.duration'].exponentialHistogram;
    assert.equal(run.aggregationTemporality, 1);
    const point = run.dataPoints.find((p) => plain(p.attributes).stage === 'run');
    assert.deepEqual([point.count, point.scale, plain(point.attributes)], ['2', 3, { stage: 'run', version: '1.2.0' }]);
    assert.equal(Number(point.zeroCount) + point.positive.bucketCounts.reduce((n, c) => n + Number(c), 0), 2);
    assert.deepEqual([m['quern.errors'].sum.isMonotonic, m['quern.errors'].sum.dataPoints[0].asInt, plain(m['quern.errors'].sum.dataPoints[0].attributes).code], [true, '1', 'network']);
    const x = m['quern.inputs'].histogram.dataPoints[0];
    assert.deepEqual([x.count, x.explicitBounds, x.bucketCounts.length], ['600', BASELINE.inputs.x.edges, BASELINE.inputs.x.edges.length + 1]);
    assert.equal(m['quern.score'].histogram.dataPoints[0].count, '2');
    assert.ok(m['quern.drift.psi'].gauge.dataPoints.length === 2 && m['quern.drift.ks']);
    for (const p of [point, x]) assert.match(p.startTimeUnixNano + p.timeUnixNano, /^\d{38}$/);
    const second = metricsOf(reports[1]);
    assert.deepEqual([second['quern.inputs'].histogram.dataPoints[0].count, second['quern.duration'].exponentialHistogram.dataPoints[0].count, second['quern.errors']], ['300', '1', undefined]);
    assert.equal(second['quern.inputs'].histogram.dataPoints[0].startTimeUnixNano, x.timeUnixNano);
  });

  test('samples', async () => {
    const draws = [0.05, 0.5, 0.95], monitor = new Monitor({ baseline: BASELINE, sample: 0.1, cost: Infinity, random: () => draws.shift(), interval: 1000 });
    const model = monitor.watch(fake(async () => ({ y: tensor(normal(4, 10)) })));
    for (let i = 0; i < 3; i++) await model.run({ x: tensor(normal(5, 20)) });
    const { stages, drift } = monitor.summary();
    assert.deepEqual([stages.run.count, drift['inputs/x'].count], [3, 20]);
    await monitor.end();
  });

  test('looks no longer than a share of the calls', async () => {
    const large = { inputs: { x: BASELINE.inputs.x }, outputs: {} }, x = tensor(normal(8, 60000)), none = new Monitor({ baseline: large, cost: 0, interval: 1000 }), all = new Monitor({ baseline: large, cost: Infinity, interval: 1000 });
    for (const monitor of [none, all]) {
      const model = monitor.watch(fake(async () => ({})));
      for (let i = 0; i < 200; i++) await model.run({ x });
      await monitor.end();
    }
    const [few, every] = [none, all].map((m) => m.summary());
    assert.deepEqual([few.stages.run.count, every.stages.run.count, every.drift['inputs/x'].count], [200, 200, 200 * few.drift['inputs/x'].count]); // the first look alone
    assert.ok(few.drift['inputs/x'].count >= 8192 && few.spent > 0 && few.spent < every.spent);
    assert.throws(() => new Monitor({ cost: -1 }), /cost is a share/);
    assert.throws(() => new Monitor({ interval: 0.5 }), /interval is a number of seconds from 1 up/);
  });

  test('says by which backend, and what class of device', async () => {
    const reports = [], monitor = new Monitor({ interval: 1000, onReport: (r) => reports.push(r) });
    const model = monitor.watch({ ...fake(async (feeds) => { if (!feeds) throw Object.assign(new Error('no'), { code: 'bad-shape' }); }), report: () => ({ modelVersion: '2.0.0', backend: 'cpu' }) });
    await model.run({});
    await assert.rejects(model.run());
    await monitor.end();
    const m = metricsOf(reports[0]), of = (name, kind) => plain(m[name][kind].dataPoints[0].attributes);
    assert.deepEqual([of('quern.duration', 'exponentialHistogram'), of('quern.errors', 'sum')], [{ stage: 'run', version: '2.0.0', backend: 'cpu' }, { stage: 'run', code: 'bad-shape', version: '2.0.0', backend: 'cpu' }]);
    globalThis.document = {};
    try {
      assert.deepEqual([{ hardwareConcurrency: 2, userAgent: 'Android Mobi' }, { hardwareConcurrency: 16, userAgentData: { mobile: false } }, { hardwareConcurrency: 4 }].map(deviceClass), ['mobile small', 'desktop large', 'desktop medium']);
    } finally {
      delete globalThis.document;
    }
  });

  test('waits as long as the collector asks', async () => {
    let count = 0;
    const server = createServer((request, response) => { count++; request.resume().on('end', () => response.writeHead(429, { 'retry-after': '600' }).end()); });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const monitor = new Monitor({ endpoint: `http://127.0.0.1:${server.address().port}/`, interval: 1000 });
    for (let i = 0; i < 4; i++) { monitor.time('run', 1); await monitor.flush(); }
    assert.deepEqual([count, monitor.summary().queued], [1, 4]);
    await monitor.end(); // a page that closes tries once more
    assert.equal(count, 2);
    server.closeAllConnections();
    server.close();
  });

  test('at most 64 KB, and no number of an input in it', async () => {
    const names = Array.from({ length: 400 }, (_, i) => `tensor_${i}`), marked = 0.123456789;
    const baseline = { inputs: Object.fromEntries(names.map((n) => [n, BASELINE.inputs.x])), outputs: {} }, reports = [];
    const monitor = new Monitor({ baseline, cost: Infinity, interval: 1000, onReport: (r) => reports.push(r) });
    const model = monitor.watch(fake(async () => ({})));
    await model.run(Object.fromEntries(names.map((n) => [n, { type: 'float64', dims: [3], data: Float64Array.of(marked, -8, 9) }])));
    await monitor.end();
    const text = JSON.stringify(reports[0]);
    assert.ok(text.length <= 65536, `${text.length}`);
    assert.ok(monitor.summary().dropped > 0 && metricsOf(reports[0])['quern.duration']);
    assert.ok(!text.includes(String(marked)));
    for (const p of metricsOf(reports[0])['quern.inputs']?.histogram.dataPoints ?? []) for (const key of ['sum', 'min', 'max']) assert.equal(p[key], undefined);
  });

  test('queued while offline or refused, sent once each when it is possible', async () => {
    let status = 503;
    const got = [], server = createServer((request, response) => {
      let body = '';
      request.on('data', (c) => { body += c; }).on('end', () => { if (status === 200) got.push([request.headers['content-type'], request.headers['x-key'], JSON.parse(body)]); response.writeHead(status).end(); });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const monitor = new Monitor({ endpoint: `http://127.0.0.1:${server.address().port}/v1/metrics`, headers: { 'x-key': 'k' }, interval: 1000 });
    for (let i = 0; i < 3; i++) { monitor.time('run', i + 1); await monitor.flush(); }
    assert.equal(monitor.summary().queued, 3);
    status = 200;
    monitor.time('run', 9);
    await Promise.all([monitor.flush(), monitor.flush(true)]);
    assert.deepEqual([got.length, monitor.summary().queued, got[0][0], got[0][1]], [4, 0, 'application/json', 'k']);
    assert.deepEqual(got.map(([, , r]) => metricsOf(r)['quern.duration'].exponentialHistogram.dataPoints[0].sum).sort(), [1, 2, 3, 9]);
    status = 503;
    for (let i = 0; i < 12; i++) { monitor.time('run', 1); await monitor.flush(); }
    assert.deepEqual([monitor.summary().queued, monitor.summary().dropped], [8, 4]);
    status = 400; // will not be taken ever
    await monitor.end();
    assert.deepEqual([monitor.summary().queued, monitor.summary().dropped], [0, 12]);
    server.closeAllConnections();
    server.close();
  });

  test('reports that could not be sent are found by the next page, each by one', async () => {
    const kept = new Map(), got = [];
    let online = false;
    globalThis.caches = { open: async () => ({ put: async (k, r) => void kept.set(k, await r.text()), match: async (k) => (kept.has(k) ? new Response(kept.get(k)) : undefined), delete: async (k) => kept.delete(k),
      keys: async () => [...kept.keys()].map((url) => ({ url })) }) };
    const { fetch } = globalThis;
    globalThis.fetch = async (_url, { body }) => { if (!online) throw new TypeError('offline'); got.push(metricsOf(JSON.parse(body))['quern.duration'].exponentialHistogram.dataPoints[0].sum); return new Response('{}'); };
    try {
      const make = (endpoint = '/v1/metrics', more) => new Monitor({ endpoint, interval: 1000, ...more });
      const gone = make();
      for (const ms of [1, 2]) { gone.time('run', ms); await gone.flush(); }
      assert.equal(kept.size, 2);
      online = true;
      const tabs = [make(), make(), make('/other')];
      for (const m of tabs) m.time('run', 5);
      await Promise.all(tabs.map((m) => m.flush()));
      assert.deepEqual([got.sort(), kept.size], [[1, 2, 5, 5, 5], 0]);
      await gone.flush(); // it lives after all, and the others have sent its reports
      assert.deepEqual([got.length, gone.summary().queued], [5, 0]);
      online = false;
      const silent = make('/v1/metrics', { keep: false });
      silent.time('run', 7);
      await silent.flush();
      assert.deepEqual([kept.size, silent.summary().queued], [0, 1]);
      for (let i = 0; i < 12; i++) { gone.time('run', i); await gone.flush(); }
      assert.equal(kept.size, 8, 'no more than there may be');
      kept.set([...kept.keys()][0].replace(/\d{13}/, String(Date.now() - 2 * 86_400_000)), kept.get([...kept.keys()][0]));
      online = true;
      const last = make();
      got.length = 0;
      await last.flush();
      assert.deepEqual([got, kept.size, last.summary().dropped], [[4, 5, 6, 7, 8, 9, 10, 11], 0, 1]);
    } finally {
      delete globalThis.caches;
      globalThis.fetch = fetch;
    }
  });

  test('drift is told of each version', async () => {
    const reports = [], monitor = new Monitor({ baseline: BASELINE, cost: Infinity, interval: 1000, onReport: (r) => reports.push(r) });
    for (const [version, shift] of [['1.0.0', 0], ['1.1.0', 2]]) monitor.look('inputs', { x: tensor(normal(5, 2000, shift)) }, version);
    await monitor.end();
    const by = Object.fromEntries(metricsOf(reports[0])['quern.drift.psi'].gauge.dataPoints.map((p) => [plain(p.attributes).version, p.asDouble]));
    assert.ok(by['1.0.0'] < 0.1 && by['1.1.0'] > 0.25, JSON.stringify(by));
    const { versions, count, psi: whole } = monitor.summary().drift['inputs/x'];
    assert.deepEqual([Object.keys(versions), count, versions['1.1.0'].count], [['1.0.0', '1.1.0'], 4000, 2000]);
    assert.ok(whole > versions['1.0.0'].psi && whole < versions['1.1.0'].psi);
  });

  test('a load that fails is counted, options are checked', async () => {
    const monitor = new Monitor({ interval: 1000 }), failure = Object.assign(new Error('x'), { code: 'network' });
    await assert.rejects(monitor.load(Promise.reject(failure)), (e) => e === failure);
    const model = await monitor.load(Promise.resolve(fake(async () => ({}))));
    await model.run({});
    const { errors, stages } = monitor.summary();
    assert.deepEqual([errors, stages.load.count, stages.run.count], [{ network: 1 }, 1, 1]);
    await monitor.end();
    assert.throws(() => new Monitor({ sample: 2 }), /from 0 to 1, got 2/);
    assert.throws(() => new Monitor({ interval: 0 }), /from 1 up, got 0/);
  });
});
