import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { readAll } from '../../web/core/source.js';
import { failure, quern } from './helpers/quern.mjs';
import { f32, model } from './onnx-writer.mjs';

const { load } = quern;
const ADD = model({
  nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'], name: 'sum' }],
  inputs: [{ name: 'x', dims: ['n', 3] }], outputs: [{ name: 'y', dims: ['n', 3] }],
  initializers: { w: f32([3], 10, 20, 30) },
});
const withExternal = (external) => model({
  nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }],
  inputs: [{ name: 'x', dims: [3] }], outputs: [{ name: 'y', dims: [3] }],
  initializers: { w: { type: 'float32', dims: [3], external } },
});
const WEIGHTS = new Uint8Array(Float32Array.of(0, 10, 20, 30).buffer);

async function answers(source, options) {
  const m = await load(source, options);
  const { y } = await m.run({ x: { type: 'float32', dims: [1, 3], data: [1, 2, 3] } });
  m.dispose();
  return y;
}

const expected = { type: 'float32', dims: [1, 3], data: Float32Array.of(11, 22, 33) };

describe('what is larger than 32 bits address', () => {
  const limit = 2 ** 32;
  const opened = (total, chunk, count) => {
    const state = { read: 0, cancelled: false };
    async function* chunks() {
      for (; state.read < count && !state.cancelled; state.read++) yield chunk;
    }
    return { state, name: 'big.onnx', total, exact: false, chunks: chunks(), cancel: () => { state.cancelled = true; } };
  };

  test('is refused by its announced size, before anything is read', async () => {
    const big = opened(5e9, new Uint8Array(1), 1);
    await assert.rejects(readAll(big, () => {}), { code: 'out-of-memory', message: /big\.onnx has 5000000000 bytes; one model can have 4294967296 bytes \(4 GB\) at most/ });
    assert.deepEqual(big.state, { read: 0, cancelled: true });
  });

  test('is refused where a stream passes the limit', async () => {
    const chunk = new Uint8Array(2 ** 28); // the same zeros again and again
    const big = opened(0, chunk, 100);
    let taken = 0;
    await assert.rejects(readAll(big, ({ length }) => { taken += length; }), { code: 'out-of-memory', message: /goes on after 4294967296 bytes/ });
    assert.deepEqual([taken, big.state.cancelled], [limit, true]);
    assert.equal(await readAll(opened(0, chunk, 16), () => {}), limit);
  });

  test('is refused by load(), which ends the download', async () => {
    let cancelled = false;
    const stream = new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(10)), cancel() { cancelled = true; } });
    await assert.rejects(load(new Response(stream, { headers: { 'content-length': String(7e9) } })), failure('out-of-memory', /the given stream has 7000000000 bytes/));
    assert.ok(cancelled);
  });
});

describe('load', () => {
  let folder;
  let server;
  let base;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'quern-'));
    writeFileSync(path.join(folder, 'add.onnx'), ADD);
    writeFileSync(path.join(folder, 'external.onnx'), withExternal({ location: 'w.bin', offset: 4, length: 12 }));
    writeFileSync(path.join(folder, 'w.bin'), WEIGHTS);
    writeFileSync(path.join(folder, 'outside.onnx'), withExternal({ location: '../w.bin' }));
    writeFileSync(path.join(folder, 'short.onnx'), withExternal({ location: 'w.bin', offset: 8, length: 12 }));
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url, 'http://localhost');
      const files = { '/add.onnx': ADD, '/external.onnx': withExternal({ location: 'w.bin', offset: 4, length: 12 }), '/w.bin': WEIGHTS };
      if (pathname === '/page') return response.setHeader('content-type', 'text/html').end('\n<html><title>no</title>');
      if (pathname === '/plain-page') return response.end('<!DOCTYPE html><title>no</title>');
      if (pathname === '/cut') {
        response.setHeader('content-length', ADD.length);
        response.write(ADD.subarray(0, 20));
        return setTimeout(() => response.destroy(), 20);
      }
      if (pathname === '/slow') {
        response.write(ADD.subarray(0, 20));
        return;
      }
      if (!files[pathname]) return response.writeHead(404).end('nothing');
      response.end(files[pathname]);
    }).listen(0);
    await new Promise((resolve) => server.once('listening', resolve));
    base = `http://localhost:${server.address().port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  test('from bytes, in every form', async () => {
    const shifted = new Uint8Array(ADD.length + 5);
    shifted.set(ADD, 5);
    for (const source of [ADD, ADD.slice().buffer, shifted.subarray(5), new Blob([ADD]), new Response(ADD), new Blob([ADD]).stream()])
      assert.deepEqual(await answers(source), expected);
  });

  test('from a stream of single bytes', async () => {
    const stream = new ReadableStream({
      start(controller) {
        for (const byte of ADD) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    assert.deepEqual(await answers(stream), expected);
  });

  test('from a path, a file URL and over http', async () => {
    const file = path.join(folder, 'add.onnx');
    for (const source of [file, pathToFileURL(file), pathToFileURL(file).href, `${base}/add.onnx`, new URL(`${base}/add.onnx`)])
      assert.deepEqual(await answers(source), expected);
  });

  test('tells its progress', async () => {
    const seen = [];
    await answers(`${base}/add.onnx`, { onProgress: (p) => seen.push(p) });
    assert.deepEqual(seen[0], { stage: 'download', loaded: 0, total: ADD.length });
    assert.deepEqual(seen.at(-1), { stage: 'prepare', loaded: ADD.length, total: ADD.length });
  });

  test('external data beside the model, and given', async () => {
    const x = { type: 'float32', dims: [3], data: [1, 2, 3] };
    for (const [source, options] of [
      [path.join(folder, 'external.onnx')], [`${base}/external.onnx`],
      [withExternal({ location: 'w.bin', offset: 4, length: 12 }), { externalData: { 'w.bin': WEIGHTS } }],
      [withExternal({ location: './w.bin', offset: 4 }), { externalData: { 'w.bin': new Blob([WEIGHTS]) } }],
      [withExternal({ location: 'w.bin', offset: 4, length: 12 }), { externalData: new Map([['w.bin', `${base}/w.bin`]]) }],
    ]) {
      const m = await load(source, options);
      assert.deepEqual((await m.run({ x })).y.data, Float32Array.of(11, 22, 33));
      m.dispose();
    }
  });

  test('external data that is not to be had', async () => {
    await assert.rejects(load(withExternal({ location: 'w.bin' })), failure('bad-argument', /'w\.bin' .*externalData/));
    await assert.rejects(load(path.join(folder, 'outside.onnx')), failure('bad-model', /leads out of the model's folder/));
    await assert.rejects(load(path.join(folder, 'short.onnx')), failure('bad-model', /bytes 8 to 20 of 'w\.bin'.* has 16/));
  });

  test('what is not there', async () => {
    await assert.rejects(load(`${base}/none.onnx`), failure('network', /none\.onnx gave 404 Not Found/));
    await assert.rejects(load(path.join(folder, 'none.onnx')), failure('network', /none\.onnx could not be opened/));
    await assert.rejects(load('http://localhost:1/x.onnx'), failure('network', /could not be fetched/));
  });

  test('what is something else', async () => {
    await assert.rejects(load(`${base}/page`), failure('network', /is an HTML page/));
    await assert.rejects(load(`${base}/plain-page`), failure('network', /is an HTML page/));
    await assert.rejects(load(new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n')), failure('network', /Git LFS pointer/));
    await assert.rejects(load(new Uint8Array(0)), failure('network', /is empty/));
    await assert.rejects(load(Uint8Array.of(255, 255, 255, 255, 255)), failure('bad-model', /./));
    await assert.rejects(load(42), failure('bad-argument', /got Number/));
    await assert.rejects(load(null), failure('bad-argument', /got null/));
  });

  test('a file that was cut off', async () => {
    await assert.rejects(load(`${base}/cut`), failure('network', /broke off/));
    await assert.rejects(load(ADD.subarray(0, ADD.length - 10)), failure('bad-model', /./));
  });

  test('every prefix of a file is refused or loads', async () => {
    for (let n = 1; n < ADD.length; n++) await load(ADD.subarray(0, n)).then((m) => m.dispose(), failureOfAnyCode);
  });

  test('an abort', async () => {
    await assert.rejects(load(ADD, { signal: AbortSignal.abort() }), failure('aborted', /aborted/));
    await assert.rejects(load(`${base}/slow`, { signal: AbortSignal.timeout(50) }), (e) => e.code === 'aborted' && e.name === 'AbortError');
    const never = new ReadableStream({ pull: () => new Promise(() => {}) });
    await assert.rejects(load(never, { signal: AbortSignal.timeout(20) }), failure('aborted', /aborted/));
  });

  test('operators that do not exist, all at once', async () => {
    const bytes = model({
      nodes: [{ op: 'Nonsense', in: ['x'], out: ['a'], name: 'first' }, { op: 'Rubbish', in: ['a'], out: ['y'], name: 'second' }],
      inputs: [{ name: 'x', dims: [1] }], outputs: [{ name: 'y', dims: [1] }],
    });
    await assert.rejects(load(bytes), failure('unsupported', /Nonsense[^]*Rubbish/));
  });

  test('options that mean nothing', async () => {
    await assert.rejects(load(ADD, { backend: 'abacus' }), failure('unsupported', /abacus/));
    await assert.rejects(load(ADD, { threads: 0 }), failure('bad-argument', /threads/));
  });
});

function failureOfAnyCode(error) {
  if (!(error instanceof quern.QuernError) || error.code === 'internal') throw error;
}
