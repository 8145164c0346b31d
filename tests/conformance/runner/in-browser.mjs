// Runs cases in pages of a real browser: a fresh page for each few hundred, and after a crash or a time-out.
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const CHUNK = 300;
const MIME = { '.mjs': 'text/javascript', '.js': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json' };

/**
 * @param {any[]} cases
 * @param {{ folder: string, engine: string, roots: Record<string, string>, options: Record<string, string>, timeout?: number,
 *   browser: import('playwright-core').Browser, tol?: { rtol: number, atol: number, mode: string } }} how engine: its URL; tol: instead of the cases' own; roots: folders by the first part of a URL
 */
export async function runInBrowser(cases, { folder, engine, roots, options, timeout = 60, browser, tol }) {
  const folders = { runner: path.dirname(fileURLToPath(import.meta.url)), suite: path.resolve(folder), ...roots };
  const server = createServer((request, response) => {
    const url = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    const [, root, rest] = /^\/([^/]+)\/(.+)$/.exec(url) ?? [];
    if (url === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>conformance</title>');
    const file = root && folders[root] && path.join(folders[root], rest);
    if (!file || !file.startsWith(folders[root] + path.sep) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': MIME[path.extname(file)] ?? 'application/octet-stream', 'cache-control': 'no-store' });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const origin = `http://127.0.0.1:${server.address().port}/`;
  const results = new Map();
  let about = null;

  /** One page. Gives the cases that it did not get to. @param {any[]} list */
  const runPage = async (list) => {
    const page = await browser.newPage();
    let current = null, timer, stop = (_) => {};
    const stopped = new Promise((resolve) => { stop = resolve; });
    const arm = () => { clearTimeout(timer); timer = setTimeout(() => stop('timeout'), timeout * 1000); };
    page.on('crash', () => stop('crash'));
    await page.exposeFunction('tell', (m) => {
      if (m.ready) about ??= m.ready;
      else if (m.start) { current = m.start; arm(); }
      else if (m.done) { results.set(m.done, m.result); current = null; arm(); }
    });
    await page.goto(origin);
    arm();
    const job = page.evaluate(async (j) => (await import('/runner/page.mjs')).runJob(j, window.tell), { engine, options, cases: list, tol });
    const why = await Promise.race([stopped, job.then(() => 'done', (error) => String(error.message ?? error))]);
    clearTimeout(timer);
    if (current) results.set(current, { status: why === 'timeout' ? 'timeout' : 'crash', cause: why === 'timeout' ? why : 'crash', detail: why });
    else if (why !== 'done' && !list.some((c) => results.has(c.id))) throw new Error(`the page did not start: ${why}`);
    await page.close();
    return list.filter((c) => !results.has(c.id));
  };

  try {
    for (let i = 0; i < cases.length; i += CHUNK)
      for (let left = cases.slice(i, i + CHUNK); left.length;) left = await runPage(left);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return { engine: about, results };
}
