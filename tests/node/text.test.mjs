// Tokenizers against Hugging Face's (tests/golden/make_tokenizer_golden.py), normal forms against those of JavaScript.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { lines } from '../golden/tokenizer/lines.mjs';
import { dist } from './helpers/quern.mjs';

const features = await import(new URL('features.js', dist).href);
const folder = new URL('../golden/tokenizer/', import.meta.url);
const read = (name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
const golden = read('golden.json');
const bases = Object.fromEntries(['bert', 'bytes', 'llama', 'unigram', 'words', 'clip'].map((name) => [name, read(`${name}.json`)]));
const refusal = (promise) => promise.then(() => assert.fail('it was accepted'), (error) => error);

/** The file of a variant: its base with other members. */
function fileOf({ base, members }) {
  return { ...bases[base], ...members, model: { ...bases[base].model, ...members.model } };
}
const open = [];
after(() => open.forEach((t) => t.dispose()));
async function tokenizerOf(file, options) {
  const t = await features.tokenizer(JSON.stringify(file), options);
  open.push(t);
  return t;
}

/** What the golden script hashes of each text: ids, offsets, types and the decoded text. Without padding of the file's own, only what is real counts. */
async function results(t, texts, padded) {
  const { input_ids: ids, attention_mask: mask, token_type_ids: types, offsets } = await t.encode(texts);
  const length = ids.dims[1], rows = BigInt64Array.from(ids.data, (id, i) => (padded || mask.data[i] ? id : -1n)); // −1 says nothing
  const decoded = t.decode({ type: 'int64', dims: ids.dims, data: rows });
  return texts.map((_, i) => {
    const at = Array.from({ length }, (__, k) => i * length + k).filter((k) => padded || mask.data[k]);
    return [at.map((k) => ids.data[k]), at.flatMap((k) => [offsets.data[2 * k], offsets.data[2 * k + 1]]), at.map((k) => types.data[k]), [decoded[i]]].map((part) => part.join(',')).join(';');
  });
}

describe('tokenizers give what Hugging Face\'s give, on 5,200 lines', () => {
  for (const [name, variant] of Object.entries(golden.variants)) {
    test(name, async () => {
      const t = await tokenizerOf(fileOf(variant), { offsets: true }), padded = Boolean(variant.members.padding);
      const wrong = [];
      for (let i = 0, k = 0; i < lines.length; i += golden.chunk, k++) {
        const hash = createHash('sha256').update((await results(t, lines.slice(i, i + golden.chunk), padded)).join('\n')).digest('hex').slice(0, 6);
        if (hash !== variant.hashes.slice(6 * k, 6 * k + 6)) wrong.push(`${i} … ${i + golden.chunk - 1}`);
      }
      assert.deepEqual(wrong, [], 'lines that differ');
      const pairs = await results(t, lines.slice(0, 250).map((line, i) => [line, lines[i + 1]]), padded);
      assert.equal(createHash('sha256').update(pairs.join('\n')).digest('hex').slice(0, 16), variant.pairs, 'pairs');
    });
  }
});

describe('the steps', () => {
  const files = { 'tokenizer.json': JSON.stringify(bases.bert) };
  test('tokenize: padding, length, special tokens', async () => {
    const texts = ['the water', 'reading'];
    const ids = async (options) => { const extract = await features.text([{ step: 'tokenize', tokenizer: 'tokenizer.json', ...options }], { files }); open.push(extract); return extract(texts); };
    const plain = await ids({});
    assert.deepEqual(Object.keys(plain), ['input_ids', 'attention_mask', 'token_type_ids']);
    assert.deepEqual(plain.attention_mask.data.slice(-plain.input_ids.dims[1]).includes(0n), plain.input_ids.dims[1] > 3);
    assert.deepEqual((await ids({ padding: 'max_length', max_length: 9 })).input_ids.dims, [2, 9]);
    assert.deepEqual((await ids({ max_length: 3 })).input_ids.dims, [2, 3]);
    assert.equal((await ids({ special_tokens: false })).input_ids.data[0], plain.input_ids.data[1]);
    assert.match((await refusal(ids({ max_length: 1 }))).message, /max_length is 1, and 2 tokens are put around each text/);
    assert.match((await refusal(ids({ padding: 'max_length' }))).message, /needs a max_length/);
  });

  test('after an error the module goes on', async () => {
    const unknown = { ...bases.words, model: { ...bases.words.model, unk_token: 'none' } };
    const t = await tokenizerOf(unknown);
    const error = await refusal(t.encode('the zzzyx'));
    assert.equal(error.code, 'out-of-range');
    assert.match(error.message, /no token for 'zzzyx'/);
    assert.deepEqual((await t.encode('the')).input_ids.dims, [1, 1]);
    assert.deepEqual((await t.encode([])?.catch?.((e) => e.code)), 'bad-argument');
  });

  test('what a file must not have is said', async () => {
    const cases = [
      [{ model: { ...bases.bert.model, type: 'Other' } }, /the model 'Other' is not supported; there are WordPiece/],
      [{ model: { ...bases.bert.model, vocab: { a: -1 } } }, /the id of 'a' in the vocabulary is not a number from 0 up/],
      [{ model: { ...bases.bert.model, vocab: { a: 1e9 } } }, /too many, or too far apart/],
      [{ model: { ...bases.bytes.model, merges: ['a b c'] } }, /merge 0 of the model BPE is not two texts/],
      [{ model: { ...bases.bytes.model, merges: ['a qqqqq'] } }, /merge 0 of the model BPE: its parts or what they make are not in the vocabulary/],
      [{ model: { ...bases.unigram.model, unk_id: 1e6 } }, /unk_id of the model is not in the vocabulary/],
      [{ normalizer: { type: 'Upper' } }, /the normalizer 'Upper' is not supported/],
      [{ normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } }, /are cut off/],
      [{ pre_tokenizer: { type: 'Split', pattern: { Regex: 'a+' }, behavior: 'Isolated' } }, /the regular expression 'a\+' is none of those/],
      [{ pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'Sideways' } }, /the behavior of the pre-tokenizer Split is one of Removed/],
      [{ post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: 'X', type_id: 0 } }], pair: [], special_tokens: {} } }, /names the special token 'X'/],
      [{ decoder: { type: 'Rot13' } }, /the decoder 'Rot13' is not supported/],
      [{ added_tokens: [{ id: -2, content: 'x' }] }, /added token 0 has no id/],
      [{ truncation: { max_length: 0 } }, /the max_length of truncation/],
    ];
    for (const [members, message] of cases) {
      const error = await refusal(features.tokenizer(JSON.stringify({ ...bases.bert, ...members })));
      assert.match(error.message, /^steps\[0\] 'tokenize': the tokenizer cannot be used: /);
      assert.match(error.message, message);
    }
    assert.match((await refusal(features.tokenizer('{'))).message, /not JSON/);
  });

  test('decode takes lists of ids', async () => {
    const t = await tokenizerOf(bases.bytes), { input_ids: ids } = await t.encode('Häuser 🎉 naïve');
    assert.deepEqual(t.decode(ids), ['Häuser 🎉 naïve']);
    assert.deepEqual(t.decode([...ids.data].map(Number)), ['Häuser 🎉 naïve']);
    assert.deepEqual(t.decode(ids.data), ['Häuser 🎉 naïve']);
    assert.deepEqual(t.decode([1, 2, 3, 99999, -5]), ['']);
  });
});

describe('Unicode', () => {
  // characters that this Node knows and the tables too: where their versions differ, the old ones
  const table = /of Unicode ([\d.]+)/.exec(readFileSync(new URL('../../src/feature/text/unicode_table.h', import.meta.url), 'utf8'))[1];
  const known = (c) => (process.versions.unicode === table || c < 0x2fa20) && !(c >= 0xd800 && c <= 0xdfff) && !/\p{Cn}/u.test(String.fromCodePoint(c));
  const chars = Array.from({ length: 0x110000 }, (_, c) => c).filter((c) => known(c) && !(c >= 0xe000 && c < 0xf900) && c < 0xf0000).map((c) => String.fromCodePoint(c));
  const normalize = async (normalizer, texts) => {
    const extract = await features.text([{ step: 'normalize_text', normalizer }]);
    const { data } = await extract(texts);
    extract.dispose();
    return data;
  };
  // each with marks behind it, so that order and composition show
  const texts = chars.flatMap((ch) => [ch, `${ch}\u0301\u0323`, `a${ch}\u0308`]);
  for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD']) {
    test(form, async () => {
      const got = await normalize({ type: form }, texts), wrong = texts.filter((text, i) => got[i] !== text.normalize(form));
      assert.deepEqual(wrong.slice(0, 5).map((text) => [...text].map((ch) => ch.codePointAt(0).toString(16)).join(' ')), []);
    });
  }
  test('a long run of marks is sorted as a short one is', async () => {
    const marks = Array.from({ length: 2000 }, (_, i) => String.fromCodePoint(0x300 + (i * 7) % 0x6f)).join('');
    assert.deepEqual(await normalize({ type: 'NFC' }, [`a${marks}b`]), [`a${marks}b`.normalize('NFC')]);
  });
  test('lower case', async () => {
    const got = await normalize({ type: 'Lowercase' }, chars);
    assert.deepEqual(chars.filter((ch, i) => got[i] !== ch.toLowerCase()).slice(0, 5), []);
  });
});
