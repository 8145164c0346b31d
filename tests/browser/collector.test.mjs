// The collector's page: what monitors of two versions reported, drawn; no wider than the window.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { collector } from '../../tools/collector.mjs';
import { Monitor } from '../../web/monitor/index.js';
import { baselineOf } from '../../web/pack/baseline.js';
import { generator } from '../../web/report/random-inputs.js';
import { launch, serve, skipReason } from './helpers/browser.mjs';

describe('the collector', { skip: skipReason([]) }, () => {
  let browser, server, origin;
  before(async () => {
    const answer = collector();
    server = createServer((request, response) => { if (!answer(request, response, new URL(request.url, 'http://x').pathname)) response.writeHead(204).end(); });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${server.address().port}`;
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
  });

  /** Calls of one version, whose inputs are moved by `shift`. */
  async function traffic(version, calls, shift) {
    const next = generator(3), numbers = (n, by) => ({ type: 'float32', dims: [n], data: Float32Array.from({ length: n }, () => next() + by) });
    const monitor = new Monitor({ endpoint: `${origin}/v1/metrics`, baseline: baselineOf([{ inputs: { pixels: numbers(2000, 0) }, outputs: {} }]), interval: 1e6 });
    for (let i = 0; i < calls; i++) {
      monitor.time('run', 5 + i, version, 'cpu');
      monitor.look('inputs', { pixels: numbers(50, shift) }, version);
    }
    monitor.error({ code: 'network' }, 'load', version);
    await monitor.end();
    assert.deepEqual([monitor.summary().queued, monitor.summary().dropped], [0, 0]);
  }

  for (const [width, colorScheme] of [[1200, 'light'], [390, 'dark']])
    test(`shows versions, times, errors and drift as they come, ${width} pixels wide, ${colorScheme}`, async () => {
      const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme }), complaints = [];
      page.on('pageerror', (e) => complaints.push(e.stack));
      page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
      try {
        await page.goto(`${origin}/collector/`);
        await traffic('1.2.0', 30, 0);
        await traffic('1.3.0', 10, 2);
        await page.waitForFunction(() => document.querySelector('#versions')?.childElementCount === 2 && document.querySelector('#errors').rows.length === 2);
        const texts = (id) => page.$$eval(`#${id} > *`, (rows) => rows.map((row) => (row.cells ? [...row.cells].map((cell) => cell.textContent) : [row.textContent])));
        assert.match((await texts('versions')).flat().join('\n'), /^1\.3\.0.*25\.0 %, \d+ calls\n1\.2\.0.*75\.0 %, \d+ calls$/);
        assert.deepEqual((await texts('times')).map(([stage, version]) => [stage, version]), [['run (cpu)', '1.2.0'], ['run (cpu)', '1.3.0']]);
        assert.deepEqual((await texts('errors')).map((row) => row.slice(0, 3)), [['load', '1.2.0', 'network'], ['load', '1.3.0', 'network']]);
        assert.deepEqual((await texts('drift')).map(([name]) => name), ['inputs pixels 1.2.0', 'inputs pixels 1.3.0']);
        assert.equal((await page.$$('#drift .much')).length, 1, 'the last report is far from the baseline');
        assert.equal((await page.$$('#counts svg')).length, 2);
        assert.ok((await page.$$eval('.range rect', (all) => all.map((r) => Number(r.getAttribute('x')))) ).every((x) => x >= 0 && x < 100));
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out');
        assert.deepEqual(complaints, []);
      } finally {
        await page.close();
      }
    });
});

test('reports of a page that was closed without a network are sent by the next page', { skip: skipReason(['monitor.js']) }, async () => {
  const got = [];
  const site = await serve({ pages: { '/': '<!doctype html><title>t</title>', '/v1/metrics': async (response) => {
    const parts = [];
    for await (const part of response.req) parts.push(part);
    got.push(JSON.parse(Buffer.concat(parts).toString()));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  } } });
  const browser = await launch(), context = await browser.newContext();
  try {
    const visit = async (work) => {
      const page = await context.newPage();
      await page.goto(site.origin);
      await work(page);
      await page.close();
    };
    await visit(async (page) => {
      await page.evaluate(async () => {
        const { Monitor } = await import('/dist/monitor.js');
        window.monitor = new Monitor({ endpoint: '/v1/metrics', interval: 1000 });
      });
      await context.setOffline(true);
      await page.evaluate(async () => {
        window.monitor.time('run', 7);
        await window.monitor.flush();
      });
    });
    assert.equal(got.length, 0);
    await context.setOffline(false);
    await visit((page) => page.evaluate(async () => {
      const { Monitor } = await import('/dist/monitor.js');
      await new Monitor({ endpoint: '/v1/metrics', interval: 1000 }).flush();
    }));
    assert.deepEqual(got.map((r) => r.resourceMetrics[0].scopeMetrics[0].metrics[0].exponentialHistogram.dataPoints[0].sum), [7]);
  } finally {
    await browser.close();
    site.close();
  }
});
