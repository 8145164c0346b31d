// Metrics as OTLP/HTTP in JSON (opentelemetry.io/docs/specs/otlp, ExportMetricsServiceRequest), with delta temporality: each report holds what
// came since the one before, so that reports of many pages add up and a lost one loses its own interval only.
import { SCALE } from './sketch.js';

/**
 * @typedef {import('./sketch.js').Times} Times
 * @typedef {import('./sketch.js').Numbers} Numbers
 * @typedef {Record<string, string | number | boolean>} Attributes
 * @typedef {{ name: string, unit: string, attributes: Attributes } & ({ times: Times } | { numbers: Numbers } | { sum: number } | { value: number })} Point
 */

const DELTA = 1;

/** @param {Attributes} attributes */
const list = (attributes) => Object.entries(attributes).map(([key, v]) => ({ key, value: typeof v === 'string' ? { stringValue: v } : typeof v === 'boolean' ? { boolValue: v } : { doubleValue: v } }));

/** @param {Times} t */
function exponential(t) {
  const bins = [...t.bins.keys()], offset = bins.length ? Math.min(...bins) : 0, length = bins.length ? Math.max(...bins) - offset + 1 : 0;
  return { count: String(t.count), sum: t.sum, ...(t.count ? { min: t.min, max: t.max } : {}), scale: SCALE, zeroCount: String(t.zeros),
    positive: { offset, bucketCounts: Array.from({ length }, (_, i) => String(t.bins.get(offset + i) ?? 0)) } };
}

/** Without sum, least and greatest, which can be elements of an input. OpenTelemetry's bins hold their upper edge, ours the lower one. @param {Numbers} n */
const explicit = (n) => ({ count: String(n.count), explicitBounds: n.edges, bucketCounts: n.counts.map(String) });

/**
 * @param {Point[]} points
 * @param {{ resource: Attributes, version: string, from: number, to: number }} about from, to: milliseconds since 1970
 */
export function request(points, { resource, version, from, to }) {
  const nanoseconds = (/** @type {number} */ ms) => `${Math.round(ms)}000000`;
  /** @type {Map<string, any>} */
  const metrics = new Map();
  for (const point of points) {
    const { name, unit, attributes } = point;
    const about = { attributes: list(attributes), startTimeUnixNano: nanoseconds(from), timeUnixNano: nanoseconds(to) };
    const [kind, body, data] = 'times' in point ? ['exponentialHistogram', { aggregationTemporality: DELTA }, exponential(point.times)]
      : 'numbers' in point ? ['histogram', { aggregationTemporality: DELTA }, explicit(point.numbers)]
        : 'sum' in point ? ['sum', { aggregationTemporality: DELTA, isMonotonic: true }, { asInt: String(point.sum) }] : ['gauge', {}, { asDouble: point.value }];
    const metric = metrics.get(name) ?? { name, unit, [kind]: { ...body, dataPoints: [] } };
    metric[kind].dataPoints.push({ ...about, ...data });
    metrics.set(name, metric);
  }
  return { resourceMetrics: [{ resource: { attributes: list(resource) }, scopeMetrics: [{ scope: { name: 'quern', version }, metrics: [...metrics.values()] }] }] };
}
