// The strip of facts under each tab: what the last work took, and on what it ran.
import { size, time } from './engine.js';

/**
 * @param {HTMLElement} list a <dl>
 * @param {[string, string][]} rows
 */
export function showFacts(list, rows) {
  list.hidden = document.getElementById(`${list.id}-title`).hidden = !rows.length;
  list.replaceChildren(...rows.filter(([, value]) => value).map(([name, value]) => {
    const group = document.createElement('div');
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = value;
    if (value.length > 40) group.className = 'why';
    group.append(dt, dd);
    return group;
  }));
}

/** `ms` of predict(): one number, or one per stage. */
export function timeRows(ms) {
  if (typeof ms === 'number') return [['Reading', time(ms)]];
  return Object.entries(ms ?? {}).map(([stage, value]) => [stage[0].toUpperCase() + stage.slice(1), time(value)]);
}

/** What model.report() says about the machine, in a visitor's words. */
export function reportRows(report, bytes) {
  return [
    ['Backend', BACKENDS[report.backend] ?? report.backend],
    ['Build', report.variant],
    ['Threads', String(report.threads)],
    ['Runs in', report.where],
    ['Model came in', size(bytes)],
    ['Heap', size(report.heapBytes)],
    ['Model version', report.modelVersion],
    ['Quern', report.version],
    ['Why this many threads', report.threadsReason],
    ['Why not in a worker', report.where === 'worker' ? '' : report.whereReason],
  ];
}

const BACKENDS = { cpu: 'CPU', webgpu: 'GPU' };
