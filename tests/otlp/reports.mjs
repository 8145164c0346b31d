// Prints reports of the monitor, one a line, with everything that can be in one.
import { baselineOf } from '../../web/pack/baseline.js';
import { Monitor } from '../../web/monitor/index.js';
import { generator } from '../../web/report/random-inputs.js';

const next = generator(1), tensor = (n) => ({ type: 'float32', dims: [n], data: Float32Array.from({ length: n }, next) });
const baseline = baselineOf([{ inputs: { x: tensor(1000) }, outputs: { y: tensor(1000) } }]);
const print = (report) => console.log(JSON.stringify(report));

const monitor = new Monitor({ baseline, cost: Infinity, interval: 1e6, onReport: print, attributes: { 'service.name': 'shop', beta: true, build: 7 } });
for (const ms of [0, 1e-9, 0.4, 5, 5.1, 1e7]) monitor.time('run', ms, '1.0.0');
monitor.error({ code: 'network' }, 'load');
const model = monitor.watch({
  run: async () => ({ y: tensor(10) }), predict: async () => [{ label: 'a', score: 0.9 }], report: () => ({ modelVersion: '1.1.0', backend: 'cpu' }) });
await model.run({ x: tensor(100) });
await model.run({ x: { type: 'float32', dims: [3], data: Float32Array.of(NaN, -Infinity, 1e30) } });
await model.predict({});
await monitor.flush();
await model.run({ x: tensor(5) });
await monitor.end();

// one that is cut to 64 KB
const wide = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`tensor ${i} ε "`, baseline.inputs.x]));
const large = new Monitor({ baseline: { inputs: wide, outputs: {} }, cost: Infinity, interval: 1e6, onReport: print });
large.look('inputs', Object.fromEntries(Object.keys(wide).map((name) => [name, tensor(3)])));
large.time('run', 3);
await large.end();
