// Counts that add up: of times in bins that grow by 2^(1/8), of numbers in the bins of a baseline. None keeps a value.

/** Bins of exponential histograms as OpenTelemetry has them (scale 3): bin i holds 2^(i/8) < x ≤ 2^((i+1)/8). */
export const SCALE = 3;
const MOST = 160; // bins, as OpenTelemetry's default; 20 octaves

export class Times {
  count = 0;
  sum = 0;
  min = Infinity;
  max = -Infinity;
  zeros = 0;
  /** By bin. @type {Map<number, number>} */
  bins = new Map();

  /** @param {number} x from 0 up */
  add(x) {
    if (!(x >= 0) || x === Infinity) return;
    this.count++;
    this.sum += x;
    this.min = Math.min(this.min, x);
    this.max = Math.max(this.max, x);
    if (x < 1e-6) this.zeros++;
    else this.#put(Math.ceil(Math.log2(x) * 2 ** SCALE) - 1, 1);
  }

  /** @param {number} bin @param {number} n */
  #put(bin, n) {
    this.bins.set(bin, (this.bins.get(bin) ?? 0) + n);
    if (this.bins.size <= MOST) return;
    const [low, next] = [...this.bins.keys()].sort((a, b) => a - b); // the smallest matter least
    this.bins.set(next, (this.bins.get(next) ?? 0) + (this.bins.get(low) ?? 0));
    this.bins.delete(low);
  }

  /** @param {Times} other */
  merge(other) {
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    this.zeros += other.zeros;
    for (const [bin, n] of other.bins) this.#put(bin, n);
  }

  /** The q-quantile within a bin's width, 9 %; NaN without values. @param {number} q */
  quantile(q) {
    if (!this.count) return NaN;
    let left = Math.ceil(q * this.count) - this.zeros;
    if (left <= 0) return Math.min(this.max, 0);
    for (const bin of [...this.bins.keys()].sort((a, b) => a - b)) {
      left -= this.bins.get(bin) ?? 0;
      if (left <= 0) return Math.min(this.max, Math.max(this.min, 2 ** ((bin + 0.5) / 2 ** SCALE)));
    }
    return this.max;
  }
}

/**
 * As in a package: docs/PACKAGE.md, "Baseline".
 * @typedef {{ count: number, mean: number, m2: number, min: number, max: number, nan: number, edges: number[], counts: number[] }} Moments
 */

export class Numbers {
  count = 0;
  mean = 0;
  m2 = 0;
  min = Infinity;
  max = -Infinity;
  nan = 0;

  /** @param {readonly number[]} edges ascending */
  constructor(edges) {
    this.edges = edges;
    this.counts = Array(edges.length + 1).fill(0);
  }

  /** @param {number} x */
  add(x) {
    if (!Number.isFinite(x)) {
      this.nan++;
      return;
    }
    this.count++;
    const d = x - this.mean;
    this.mean += d / this.count;
    this.m2 += d * (x - this.mean);
    if (x < this.min) this.min = x;
    if (x > this.max) this.max = x;
    let low = 0, high = this.edges.length; // the first edge above x
    while (low < high) {
      const mid = (low + high) >> 1;
      if (x >= this.edges[mid]) low = mid + 1;
      else high = mid;
    }
    this.counts[low]++;
  }

  /** Means and squares of two parts: Chan, Golub, LeVeque 1979. @param {Numbers} other on the same edges */
  merge(other) {
    if (!other.count && !other.nan) return;
    const n = this.count + other.count, d = other.mean - this.mean;
    if (n) {
      this.m2 += other.m2 + (d * d * this.count * other.count) / n;
      this.mean += (d * other.count) / n;
    }
    this.count = n;
    this.nan += other.nan;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    other.counts.forEach((c, i) => { this.counts[i] += c; });
  }
}

/**
 * Population stability index of two counts over the same bins; below 0.1 nothing changed, above 0.25 much did (Siddiqi 2006). Half a count is
 * added to each bin, so that an empty one gives a number.
 * @param {readonly number[]} expected
 * @param {readonly number[]} found
 */
export function psi(expected, found) {
  const share = (/** @type {readonly number[]} */ counts) => {
    const sum = counts.reduce((a, b) => a + b, 0) + counts.length / 2;
    return counts.map((c) => (c + 0.5) / sum);
  };
  const p = share(expected), q = share(found);
  return p.reduce((sum, e, i) => sum + (q[i] - e) * Math.log(q[i] / e), 0);
}

/** Kolmogorov–Smirnov distance at the edges of the bins: the largest difference of the cumulated shares. @param {readonly number[]} expected @param {readonly number[]} found */
export function ks(expected, found) {
  const sums = [expected, found].map((c) => c.reduce((a, b) => a + b, 0) || 1);
  let a = 0, b = 0, most = 0;
  for (let i = 0; i < expected.length - 1; i++) {
    a += expected[i] / sums[0];
    b += found[i] / sums[1];
    most = Math.max(most, Math.abs(a - b));
  }
  return most;
}
