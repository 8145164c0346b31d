// The strip of facts under each tab: what the last work took, and on what it ran.
import { size, time } from './engine.js';

/**
 * @param {HTMLElement} list a <dl>
 * @param {[string, string][]} rows
 */
export function showFacts(list, rows) {
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

const STAGE_NAMES = { decode: 'Open the picture', features: 'Prepare', detect: 'Find lines', recognize: 'Read lines', run: 'Model', post: 'Make text', total: 'Altogether' };

/** `ms` of predict(): one number, or one per stage. */
export function timeRows(ms) {
  if (typeof ms === 'number') return [['Reading', time(ms)]];
  return Object.entries(ms ?? {}).filter(([, value]) => typeof value === 'number').map(([key, value]) => [STAGE_NAMES[key] ?? key[0].toUpperCase() + key.slice(1), time(value)]);
}

/** What model.report() says about the machine, in a visitor's words. */
export function reportRows(report, bytes) {
  const threads = typeof report.threads === 'object' && report.threads ? report.threads : { count: report.threads, reason: report.threadsWhy ?? report.threadsReason };
  const count = threads.count ?? threads.n ?? threads.used;
  return [
    ['Backend', words(report.backend)],
    ['Build', words(report.build?.variant ?? report.variant ?? report.build)],
    ['Threads', count === undefined ? '' : String(count)],
    ['Came in', size(bytes || report.bytes?.downloaded || (typeof report.bytes === 'number' ? report.bytes : NaN))],
    ['Heap', size(heapOf(report))],
    ['Model version', words(report.version)],
    ['Why not more threads', count > 1 ? '' : words(threads.reason ?? threads.why)],
  ];
}

function heapOf(report) {
  for (const value of [report.heap, report.heapBytes, report.bytes?.heap, report.memory?.heap, report.memory]) {
    if (typeof value === 'number') return value;
    if (typeof value?.bytes === 'number') return value.bytes;
  }
  return NaN;
}

function words(value) {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? String(value.name ?? value.kind ?? '') : String(value);
}
