// The few statistics of the bench.
/** @param {number[]} list @param {number} p 0 … 1 */
export const quantile = (list, p) => {
  const sorted = [...list].sort((a, b) => a - b), at = p * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
};
/** @param {number[]} list */
export const median = (list) => quantile(list, 0.5);
/** The middle half's width as a share of the median. @param {number[]} list */
export const spread = (list) => (quantile(list, 0.75) - quantile(list, 0.25)) / median(list);
/** @param {number[]} list */
export const geometricMean = (list) => Math.exp(list.reduce((n, x) => n + Math.log(x), 0) / list.length);
/** @param {number} x */
export const fixed = (x, digits = 2) => x.toFixed(digits);
