// The bench's web server: files of the repository with the headers of an isolated page, counted, and as slow as asked for.
import { createServer } from 'node:http';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { ROOT } from './models.mjs';

/** @type {Record<string, string>} */
const MIME = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json' };
const HEADERS = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'cache-control': 'no-store' };
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What hosts do with code: brotli, made once. */
const packed = new Map();
const brotli = (/** @type {string} */ file) => {
  if (!packed.has(file)) packed.set(file, brotliCompressSync(readFileSync(file), { params: { [constants.BROTLI_PARAM_QUALITY]: statSync(file).size > 4e6 ? 9 : 11, [constants.BROTLI_PARAM_LGWIN]: 24 } }));
  return packed.get(file);
};

/** `link` is what lies between the server and all of its clients, shared by every connection: { bits: per second, latency: ms there and back }, null for the machine's own. */
export async function serve() {
  /** @type {{ bits: number, latency: number } | null} */
  let link = null;
  let free = 0, sent = { bytes: 0, requests: 0 }, page = '<!doctype html><title>bench</title>';
  /** One line for all: bytes leave one after the other, in pieces of 16 KB, so that files that load together share it. @param {import('node:http').ServerResponse} response @param {Buffer} body */
  async function send(response, body) {
    for (let at = 0; at < body.length; at += 16384) {
      const piece = body.subarray(at, at + 16384);
      if (link) {
        free = Math.max(free, performance.now()) + (piece.length * 8000) / link.bits;
        await sleep(free - performance.now());
      }
      if (response.destroyed) return;
      response.write(piece);
    }
    response.end();
  }
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (link) await sleep(link.latency);
    const file = path.join(ROOT, decodeURIComponent(pathname));
    if (pathname !== '/' && (!file.startsWith(ROOT + path.sep) || !existsSync(file) || !statSync(file).isFile())) {
      sent.requests++;
      return response.writeHead(404, HEADERS).end();
    }
    const code = /\.(m?js|wasm|json|html)$/.test(pathname) || pathname === '/';
    const body = pathname === '/' ? Buffer.from(page) : code && link ? brotli(file) : readFileSync(file);
    const type = pathname === '/' ? 'text/html' : MIME[path.extname(file)] ?? 'application/octet-stream';
    sent.requests++;
    sent.bytes += body.length;
    response.writeHead(200, { ...HEADERS, 'content-type': type, 'content-length': body.length, ...(code && link && pathname !== '/' ? { 'content-encoding': 'br' } : {}) });
    await send(response, body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    origin: `http://127.0.0.1:${address.port}`,
    /** The page at /. @param {string} html */
    show: (html) => void (page = html),
    /** @param {typeof link} l */
    throttle: (l) => void (link = l),
    /** What was sent since the last call. */
    taken() {
      const was = sent;
      sent = { bytes: 0, requests: 0 };
      return was;
    },
    close: () => server.close(),
  };
}
