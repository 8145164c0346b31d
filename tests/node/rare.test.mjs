// The second file of the wasm, quern-rare-*.wasm: fetched by models that need it and by no other, of the same build, or a sentence.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { customSection, imports, sections } from '../../tools/wasm-file.mjs';
import { dist, failure, quern, wasm } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

const rareFile = new URL(wasm.href.replace('quern-', 'quern-rare-')), variant = /quern-(\w+)/.exec(wasm.href)[1];
const JOIN = model({ nodes: [{ op: 'StringConcat', in: ['a', 'b'], out: ['y'] }], inputs: [{ name: 'a', type: 'string', dims: [1] }, { name: 'b', type: 'string', dims: [1] }], outputs: [{ name: 'y', type: 'string', dims: [1] }], opset: 20 });
const NEG = model({ nodes: [{ op: 'Neg', in: ['x'], out: ['y'] }], inputs: [{ name: 'x', dims: [1] }], outputs: [{ name: 'y', dims: [1] }] });
const feeds = { a: { type: 'string', dims: [1], data: ['quern '] }, b: { type: 'string', dims: [1], data: ['stone'] } };

/** Runs `work` with another second file. */
async function withRare(rare, work) {
  await quern.init({ wasm, rare });
  try {
    return await work();
  } finally {
    await quern.init({ wasm, rare: undefined });
  }
}
const join = async () => {
  const m = await quern.load(JOIN, { worker: false });
  try {
    return [(await m.run(feeds)).y.data[0], m.report().rare];
  } finally {
    m.dispose();
  }
};

describe('the second wasm file', () => {
  test('is taken for a model that needs it, and by inspect()', async () => {
    assert.deepEqual(await join(), ['quern stone', true]);
    const found = await quern.inspect(JOIN);
    assert.deepEqual([found.rare, found.problem], [true, '']);
  });

  test('is not asked for by others', async () => {
    await withRare(new URL('nowhere.wasm', dist), async () => {
      const m = await quern.load(NEG, { worker: false });
      assert.deepEqual([[...(await m.run({ x: { dims: [1], data: [2] } })).y.data], m.report().rare], [[-2], false]);
      m.dispose();
    });
  });

  test('in any form', async () => {
    const bytes = readFileSync(rareFile);
    for (const rare of [rareFile, rareFile.href, bytes, new Uint8Array(bytes).buffer, new WebAssembly.Module(bytes), Promise.resolve(bytes), new Response(bytes, { headers: { 'content-type': 'application/wasm' } })])
      assert.deepEqual(await withRare(rare, join), ['quern stone', true]);
  });

  test('that is missing, or something else, or of another build is refused in a sentence, and later models work', async () => {
    const bytes = readFileSync(rareFile), other = new URL(`quern-rare-${variant === 'simd' ? 'relaxed' : 'simd'}.wasm`, dist);
    const before = bytes.subarray(0, sections(bytes).find(({ name }) => name === 'quern').begin);
    for (const [rare, message] of [
      [new URL('nowhere.wasm', dist), /second wasm file, with operators that this model has, could not be loaded from .*nowhere\.wasm.*init\(\{ rare \}\)|could not be loaded from/],
      [Buffer.from('<!doctype html>'), /second wasm file.* could not be loaded from the given bytes/],
      [readFileSync(wasm), /of no part of Quern: publish the files of one release together/],
      [before, /of no part of Quern/],
      [Buffer.concat([before, customSection('quern', Buffer.from(`0123456789ab ${variant}`))]), /the second of 0123456789ab/],
      ...(process.version.startsWith('v20') && variant === 'simd' ? [] : [[other, /the second of \w+ (simd|relaxed): publish/]]),
    ]) await withRare(rare, () => assert.rejects(join(), failure('unavailable', message)));
    assert.deepEqual(await join(), ['quern stone', true]);
  });

  test('asks for nothing but the first', () => {
    for (const { name } of imports(readFileSync(rareFile))) assert.match(name, /^primary\./);
    assert.ok(fileURLToPath(rareFile).endsWith(path.basename(rareFile.href)));
  });
});
