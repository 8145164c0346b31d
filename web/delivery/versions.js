// Versions and ranges: Semantic Versioning 2.0.0, and lists of comparisons. No I/O.

const PATTERN = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/;

/** @param {unknown} text */
export const isVersion = (text) => typeof text === 'string' && PATTERN.test(text);

/** Below, at or above 0, as `a` comes before, is, or comes after `b`. @param {string} a @param {string} b */
export function compareVersions(a, b) {
  const left = PATTERN.exec(a) ?? [], right = PATTERN.exec(b) ?? [];
  for (let i = 1; i < 4; i++) {
    const order = compareNumbers(left[i] ?? '0', right[i] ?? '0');
    if (order) return order;
  }
  if (!left[4] || !right[4]) return Number(Boolean(right[4])) - Number(Boolean(left[4])); // a version comes after its own previews
  const x = left[4].split('.'), y = right[4].split('.');
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    if (x[i] === undefined || y[i] === undefined) return x[i] === undefined ? -1 : 1;
    const numbers = [x[i], y[i]].map((part) => /^\d+$/.test(part));
    const order = numbers[0] && numbers[1] ? compareNumbers(x[i], y[i]) : numbers[0] !== numbers[1] ? (numbers[0] ? -1 : 1) : x[i] < y[i] ? -1 : Number(x[i] > y[i]);
    if (order) return order;
  }
  return 0;
}

/** Digits of any length. @param {string} a @param {string} b */
const compareNumbers = (a, b) => a.length - b.length || (a < b ? -1 : Number(a > b));

/**
 * @param {string} version
 * @param {unknown} range comparisons separated by spaces, all of which must hold; undefined: any
 * @returns {boolean | null} null: the range is none
 */
export function inRange(version, range) {
  if (range === undefined) return true;
  if (typeof range !== 'string') return null;
  let inside = true;
  for (const part of range.trim().split(/\s+/).filter(Boolean)) {
    const [, operator, bound] = /^(>=|<=|>|<|=)(.*)$/.exec(part) ?? [];
    if (!operator || !isVersion(bound)) return null;
    const order = compareVersions(version, bound);
    inside &&= operator === '=' ? order === 0 : operator === '>=' ? order >= 0 : operator === '<=' ? order <= 0 : operator === '>' ? order > 0 : order < 0;
  }
  return inside;
}
