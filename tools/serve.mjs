// Serves the demo at / and the built files at /dist/, isolated (COOP and COEP), with ranges: node tools/serve.mjs [port] [--collector]
// --collector: takes what the demo's monitor reports, and shows it at /collector/.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { collector } from './collector.mjs';

const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));
const MIME = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', json: 'application/json', wasm: 'application/wasm', svg: 'image/svg+xml',
  png: 'image/png', wav: 'audio/wav', webmanifest: 'application/manifest+json', txt: 'text/plain; charset=utf-8' };
const HEADERS = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'cache-control': 'no-cache', 'accept-ranges': 'bytes' };

const { values: { collector: collecting }, positionals: [port] } = parseArgs({ allowPositionals: true, options: { collector: { type: 'boolean' } } });
const collect = collecting ? collector() : () => false;

const server = createServer(async (request, response) => {
  try {
    let name = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    if (collect(request, response, name)) return;
    if (name.endsWith('/')) name += 'index.html';
    const [folder, rest] = name.startsWith('/dist/') ? [path.join(ROOT, 'dist'), name.slice(6)] : [path.join(ROOT, 'web/demo'), name.slice(1)];
    const file = path.join(folder, rest);
    if (!file.startsWith(folder + path.sep)) throw new Error('outside');
    const { size } = await stat(file);
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range ? Number(range[1]) : 0, end = range && range[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
    if (start > end && size) return response.writeHead(416, { ...HEADERS, 'content-range': `bytes */${size}` }).end();
    response.writeHead(range ? 206 : 200, { ...HEADERS, 'content-type': MIME[path.extname(file).slice(1)] ?? 'application/octet-stream', 'content-length': end - start + 1,
      ...(range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {}) });
    if (request.method === 'HEAD' || !size) response.end();
    else createReadStream(file, { start, end }).pipe(response);
  } catch {
    response.writeHead(404, HEADERS).end('not found');
  }
});
server.listen(Number(port ?? process.env.PORT ?? 8080), () => {
  const at = `http://localhost:${server.address().port}/`;
  console.log(collecting ? `Quern's demo, watched: ${at}?monitor\nwhat it reports: ${at}collector/` : `Quern's demo: ${at}`);
});
