// What watching costs: a model of about 5 ms a run, with the monitor, without, and without once more (how much two equal things differ here), by turns.
// In time of the processor, which other programs on the machine disturb less than that of the clock.
import { load } from '../../dist/index.js';
import { Monitor, Numbers } from '../../dist/monitor.js';
import { baselineOf } from '../../web/pack/baseline.js';
import { generator } from '../../web/report/random-inputs.js';
import { model as onnx } from '../node/onnx-writer.mjs';

const RUNS = 400, ROWS = 256, DEPTH = 588, COLUMNS = 700;
const next = generator(1), random = (...dims) => ({ type: 'float32', dims, data: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, next) });
const x = random(ROWS, DEPTH);
const model = await load(onnx({
  nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['a'] }, { op: 'ReduceMax', in: ['a'], out: ['y'], attrs: { axes: [0n], keepdims: 0n } }],
  inputs: [{ name: 'x', dims: [ROWS, DEPTH] }], outputs: [{ name: 'y', dims: [COLUMNS] }], initializers: { w: random(DEPTH, COLUMNS) } }), { threads: 1 });
const baseline = baselineOf([{ inputs: { x }, outputs: model.runSync({ x }) }]);
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1], sum = (list) => list.reduce((a, b) => a + b, 0);
const monitor = new Monitor({ baseline, interval: 1e6 }), watched = monitor.watch(model);
for (let i = 0; i < 40; i++) (i % 2 ? watched : model).runSync({ x });

const plain = [], again = [], seen = [], three = [[plain, model], [again, model], [seen, watched]];
let clock = 0; // of the watched runs, in ms
for (let i = 0; i < RUNS; i++) {
  for (let k = 0; k < 3; k++) {
    const [list, m] = three[(i + k) % 3], begin = process.cpuUsage(), at = performance.now();
    m.runSync({ x });
    const { user, system } = process.cpuUsage(begin);
    list.push((user + system) / 1000);
    if (m === watched) clock += performance.now() - at;
  }
}
const least = (list) => Math.min(...list);
const { drift, spent } = monitor.summary(), percent = (a, b) => `${(100 * (a / b - 1)).toFixed(2)} %`;
console.log(`a run of ${median(plain).toFixed(2)} ms; with the monitor ${percent(least(seen), least(plain))} at the fastest, ${percent(median(seen), median(plain))} at the median, ${percent(sum(seen), sum(plain))} of all ${RUNS} runs; a second series without it differs by ${percent(least(again), least(plain))}, ${percent(median(again), median(plain))} and ${percent(sum(again), sum(plain))}`);
console.log(`looking at ${drift['inputs/x'].count} elements of the input took, by the monitor's own clock, ${((100 * spent) / clock).toFixed(2)} %`);
const quick = monitor.watch({ runSync: () => ({}), run: null, report: () => model.report() }), numbers = new Numbers(baseline.inputs.x.edges);
let call = Infinity, element = Infinity;
for (let k = 0; k < 7; k++) {
  let begin = performance.now();
  for (let i = 0; i < 2000; i++) quick.runSync({});
  call = Math.min(call, (performance.now() - begin) / 2);
  begin = performance.now();
  for (const v of x.data) numbers.add(v);
  element = Math.min(element, ((performance.now() - begin) * 1e6) / x.data.length);
}
console.log(`counting a call takes ${call.toFixed(1)} µs, an element of a sketch ${element.toFixed(1)} ns`);
await monitor.end();
model.dispose();
