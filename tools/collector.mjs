// A collector of metrics for development: takes OTLP/HTTP in JSON at /v1/metrics and shows what came, live, at /collector/. Keeps sums only.
import { readFileSync } from 'node:fs';
import { Times, psi } from '../web/monitor/sketch.js';

const MOST = 1 << 20; // bytes of a request
const PAGE = new URL('./collector/', import.meta.url);
const FILES = { '': ['collector.html', 'text/html; charset=utf-8'], 'collector.js': ['collector.js', 'text/javascript'], 'collector.css': ['collector.css', 'text/css'] };

/** @param {any[]} [list] OTLP's attributes */
const plain = (list = []) => Object.fromEntries(list.map(({ key, value = {} }) => [String(key), String(value.stringValue ?? value.doubleValue ?? value.intValue ?? value.boolValue ?? '')]));

/** Exponential histograms of another scale are taken down to ours. @param {any} p */
function timesOf(p) {
  const t = new Times(), shift = Number(p.scale ?? 0) - 3;
  if (shift < 0) return null; // coarser than ours: it cannot be made finer
  t.count = Number(p.count);
  t.sum = Number(p.sum ?? 0);
  t.min = Number(p.min ?? Infinity);
  t.max = Number(p.max ?? -Infinity);
  t.zeros = Number(p.zeroCount ?? 0);
  (p.positive?.bucketCounts ?? []).forEach((n, i) => {
    const bin = Math.floor((Number(p.positive.offset ?? 0) + i) / 2 ** shift);
    if (Number(n)) t.bins.set(bin, (t.bins.get(bin) ?? 0) + Number(n));
  });
  return t;
}

/** What was reported so far. */
export class Collected {
  reports = 0;
  bytes = 0;
  /** By name and attributes. @type {Map<string, any>} */
  #series = new Map();

  /** @param {any} body ExportMetricsServiceRequest @param {number} bytes */
  take(body, bytes) {
    if (!Array.isArray(body?.resourceMetrics)) throw new TypeError('it has no resourceMetrics');
    this.reports++;
    this.bytes += bytes;
    for (const { resource, scopeMetrics = [] } of body.resourceMetrics) {
      const service = plain(resource?.attributes)['service.name'] ?? '';
      for (const metric of scopeMetrics.flatMap((s) => s.metrics ?? [])) {
        for (const kind of ['exponentialHistogram', 'histogram', 'sum', 'gauge']) for (const p of metric[kind]?.dataPoints ?? []) this.#add(String(metric.name), kind, { service, ...plain(p.attributes) }, p);
      }
    }
  }

  /** @param {string} name @param {string} kind @param {Record<string, string>} attributes @param {any} p */
  #add(name, kind, attributes, p) {
    const key = JSON.stringify([name, kind, attributes]), s = this.#series.get(key) ?? { name, kind, attributes };
    if (kind === 'exponentialHistogram') {
      const t = timesOf(p);
      if (t) (s.times ??= new Times()).merge(t);
    } else if (kind === 'histogram') {
      const bounds = (p.explicitBounds ?? []).map(Number), counts = (p.bucketCounts ?? []).map(Number);
      if (!s.counts || s.bounds.join() !== bounds.join()) Object.assign(s, { bounds, counts: counts.map(() => 0), before: null });
      s.before ??= [...counts]; // the first report is what the last ones are compared with, where there is no baseline
      counts.forEach((n, i) => { s.counts[i] += n; });
      s.last = counts;
    } else if (kind === 'sum') s.sum = (s.sum ?? 0) + Number(p.asInt ?? p.asDouble ?? 0);
    else s.value = Number(p.asDouble ?? p.asInt ?? 0);
    this.#series.set(key, s);
  }

  /** For the page. */
  state() {
    return { reports: this.reports, bytes: this.bytes, series: [...this.#series.values()].map(({ name, kind, attributes, times, bounds, counts, before, last, sum, value }) => ({
      name, kind, attributes, sum, value, bounds, counts, ...(last ? { moved: psi(before, last) } : {}),
      ...(times ? { count: times.count, p50: times.quantile(0.5), p90: times.quantile(0.9), p99: times.quantile(0.99), max: times.max } : {}),
    })) };
  }
}

/**
 * Answers what belongs to the collector.
 * @returns {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse, name: string) => boolean} false: not for it
 */
export function collector() {
  const collected = new Collected();
  /** @type {Set<import('node:http').ServerResponse>} */
  const watching = new Set();
  return (request, response, name) => {
    if (name === '/v1/metrics' && request.method === 'POST') {
      /** @type {Buffer[]} */
      const parts = [];
      let size = 0;
      request.on('data', (part) => {
        size += part.length;
        if (size <= MOST) parts.push(part);
      }).on('end', () => {
        try {
          if (size > MOST) return response.writeHead(413).end();
          collected.take(JSON.parse(Buffer.concat(parts).toString()), size);
          response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
        } catch (error) {
          return response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ message: String(error) }));
        }
        for (const page of watching) page.write(`data: ${JSON.stringify(collected.state())}\n\n`);
      });
      return true;
    }
    if (name === '/collector/live') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).write(`data: ${JSON.stringify(collected.state())}\n\n`);
      watching.add(response);
      request.on('close', () => watching.delete(response));
      return true;
    }
    const file = name.startsWith('/collector/') ? FILES[/** @type {keyof typeof FILES} */ (name.slice(11).replace(/^index\.html$/, ''))] : undefined;
    if (!file) return false;
    response.writeHead(200, { 'content-type': file[1], 'cache-control': 'no-cache', 'content-security-policy': "default-src 'self'" }).end(readFileSync(new URL(file[0], PAGE)));
    return true;
  };
}
