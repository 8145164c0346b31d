// A static host that misbehaves as it is told, or by a seed.
import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

const MIME = { '.json': 'application/json', '.js': 'text/javascript', '.wasm': 'application/wasm', '.onnx': 'application/octet-stream', '.bin': 'application/octet-stream' };

/** Everything that a host can do to a file. Each takes the response and the right bytes. */
export const MISDEEDS = {
  /** Ends the connection after `share` of the bytes. */
  cut(response, bytes, share = 0.5) {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, Math.floor(bytes.length * share)), () => setTimeout(() => response.destroy(), 1));
  },
  /** The same without saying how long it would have been: nothing but the length tells. */
  shorten(response, bytes, share = 0.5) { response.writeHead(200).end(bytes.subarray(0, Math.floor(bytes.length * share))); },
  lengthen(response, bytes) { response.writeHead(200).end(Buffer.concat([bytes, Buffer.from('more')])); },
  flip(response, bytes, share = 0.5) {
    const copy = Buffer.from(bytes);
    copy[Math.min(bytes.length - 1, Math.floor(bytes.length * share))] ^= 1;
    response.writeHead(200, { 'content-length': copy.length }).end(copy);
  },
  zeros(response, bytes) { response.writeHead(200).end(Buffer.alloc(bytes.length)); },
  /** Two pieces change places. */
  reorder(response, bytes) {
    const half = bytes.length >> 1;
    response.writeHead(200).end(Buffer.concat([bytes.subarray(half), bytes.subarray(0, half)]));
  },
  empty(response) { response.writeHead(200, { 'content-length': 0 }).end(); },
  html(response) { response.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html><title>Welcome to our wireless network</title>'); },
  missing(response) { response.writeHead(404, { 'content-type': 'text/html' }).end('<html>404'); },
  error(response) { response.writeHead(500).end('internal error'); },
  busy(response) { response.writeHead(429).end(); },
  /** Compressed, and not said. */
  gzip(response, bytes) { response.writeHead(200).end(gzipSync(bytes)); },
  /** Said to be compressed, and is not. */
  lie(response, bytes) { response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes); },
  hang(response, bytes, share = 0.5) {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, Math.floor(bytes.length * share)));
  },
  late(response, bytes, share = 0.5) { setTimeout(() => response.writeHead(200, { 'content-length': bytes.length }).end(bytes), 100 * share); },
  reset(response) { response.destroy(); },
};

/**
 * files by path without the first slash. budget, to be set on the result: after so many bytes more the line is dead, in the middle of an answer. misdeed(name, count): the name of one, [name, share], or nothing for the file as it is; count: of the request for this file.
 * @param {Record<string, Uint8Array>} files
 */
export async function hostileServer(files, { misdeed = (_name, _count) => undefined, headers = {}, ranges = true, etag = (bytes) => `"${createHash('sha1').update(bytes).digest('hex')}"` } = {}) {
  const state = { files: { ...files }, misdeed, ranges, etag, budget: Infinity, onDead: () => {}, /** @type {string[]} */ requests: [], /** @type {string[]} names that bytes were sent of */ served: [], /** @type {Record<string, number>} */ counts: {} };
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url, 'http://h').pathname).slice(1);
    state.requests.push(name);
    const count = state.counts[name] = (state.counts[name] ?? 0) + 1;
    const bytes = state.files[name] && Buffer.from(state.files[name]);
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('cache-control', 'no-store');
    for (const [key, value] of Object.entries(headers)) response.setHeader(key, value);
    response.setHeader('content-type', MIME[path.extname(name)] ?? 'text/html; charset=utf-8');
    if (name === 'favicon.ico') return response.writeHead(204).end();
    if (!bytes) return response.writeHead(404).end('nothing');
    const tag = state.etag?.(bytes);
    if (tag) response.setHeader('etag', tag);
    const asked = state.misdeed(name, count, request);
    if (asked) return MISDEEDS[[asked].flat()[0]](response, bytes, ...[asked].flat().slice(1));
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    if (range && state.ranges && (request.headers['if-range'] ?? tag) === tag) {
      const at = Number(range[1]);
      return response.writeHead(206, { 'content-range': `bytes ${at}-${bytes.length - 1}/${bytes.length}`, 'content-length': bytes.length - at }).end(bytes.subarray(at));
    }
    const most = Math.min(bytes.length, state.budget);
    state.budget -= most;
    if (most) state.served.push(name);
    response.writeHead(200, { 'content-length': bytes.length });
    if (most === bytes.length) return response.end(bytes);
    state.misdeed = () => 'reset';
    response.write(bytes.subarray(0, most), () => setTimeout(() => {
      response.destroy();
      state.onDead();
    }, 1));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return Object.assign(state, {
    url: `http://127.0.0.1:${server.address().port}/`,
    close() {
      server.closeAllConnections();
      server.close();
    },
    /** How often each file was asked for since the last call. */
    take() {
      const seen = state.requests;
      state.requests = [];
      return seen;
    },
  });
}
