// A browser and servers for tests. QUERN_DIST names another folder of built files, CHROMIUM another browser.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(fileURLToPath(new URL('../../../', import.meta.url)));
export const DIST = path.resolve(ROOT, process.env.QUERN_DIST ?? 'dist');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const MIME = { html: 'text/html; charset=utf-8', js: 'text/javascript', json: 'application/json', png: 'image/png', wasm: 'application/wasm', onnx: 'application/octet-stream', bin: 'application/octet-stream' };
const require = createRequire(path.join(process.env.NODE_PATH ?? ROOT, 'x.js'));

/** @returns {any} playwright-core, or null */
export function playwright() {
  for (const from of [require, createRequire(import.meta.url)]) {
    try {
      return from('playwright-core');
    } catch {
      // the next place
    }
  }
  return null;
}

/**
 * false, or why browser tests cannot run here: then they are skipped, and in CI fail.
 * @param {string[]} files needed in dist
 */
export function skipReason(files) {
  const missing = !existsSync(CHROMIUM) ? 'no browser' : !playwright() ? 'playwright-core is not installed'
    : files.filter((f) => !existsSync(path.join(DIST, f))).map((f) => `${f} is not built`)[0];
  if (missing && process.env.CI) throw new Error(`browser tests cannot run: ${missing}`);
  return missing ? `SKIP: ${missing}` : false;
}

/** @param {string[]} [more] arguments; those of WebGPU take the place of --disable-gpu */
export const launch = (more = []) => playwright().chromium.launch({ executablePath: CHROMIUM, args: [...ARGS.filter((a) => !more.some((m) => m.includes('webgpu')) || a !== '--disable-gpu'), ...more] });
/** WebGPU on a software adapter, which needs no graphics card. */
export const SWIFTSHADER = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--use-angle=swiftshader', '--enable-features=Vulkan'];

/**
 * A browser that can be killed as a whole, with a profile that outlives it.
 * @param {string} profile a folder
 */
export async function launchKillable(profile) {
  const child = spawn(CHROMIUM, [...ARGS, `--user-data-dir=${profile}`, '--remote-debugging-port=0', 'about:blank'], { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const address = await new Promise((resolve, reject) => {
    let text = '';
    child.stderr.on('data', (piece) => {
      text += piece;
      const found = /DevTools listening on (ws:\S+)/.exec(text);
      if (found) resolve(found[1]);
    });
    child.once('exit', () => reject(new Error(`the browser ended: ${text.slice(-500)}`)));
  });
  const browser = await playwright().chromium.connectOverCDP(address);
  return {
    page: () => browser.contexts()[0].newPage(),
    /** All of its processes, at once. */
    async kill() {
      process.kill(-/** @type {number} */ (child.pid), 'SIGKILL');
      await ended;
      await browser.close().catch(() => {});
    },
  };
}

/**
 * Serves dist/ at /dist/ and pages given as text.
 * @param {{ pages?: Record<string, string | Uint8Array | ((response: import('node:http').ServerResponse) => void)>, headers?: Record<string, string> }} [options]
 */
export async function serve({ pages = {}, headers = {} } = {}) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const type = MIME[/** @type {keyof typeof MIME} */ (path.extname(pathname).slice(1))] ?? 'text/html; charset=utf-8';
    const page = pages[pathname];
    if (typeof page === 'function') return page(response);
    if (pathname === '/favicon.ico') return response.writeHead(204, headers).end(); // browsers ask unasked
    let body = page;
    if (body === undefined && pathname.startsWith('/dist/')) {
      const file = path.join(DIST, path.normalize(pathname.slice(6)));
      body = file.startsWith(DIST + path.sep) ? await readFile(file).catch(() => undefined) : undefined;
    }
    if (body === undefined) return response.writeHead(404, headers).end('nothing');
    response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers }).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return {
    origin: `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
