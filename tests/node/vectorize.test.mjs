// The step vectorize against scikit-learn's vectorizers (tests/golden/make_vectorizer_golden.py).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { lines } from '../golden/tokenizer/lines.mjs';
import { dist } from './helpers/quern.mjs';

const features = await import(new URL('features.js', dist).href);
const golden = JSON.parse(readFileSync(new URL('../golden/tokenizer/vectorizers.json', import.meta.url), 'utf8'));
const texts = [...golden.lines.map((i) => lines[i].toWellFormed()), ...golden.extra];
const refusal = (promise) => promise.then(() => assert.fail('it was accepted'), (error) => error);

describe('vectorize gives what scikit-learn gives', () => {
  for (const [name, { step, idf, rows }] of Object.entries(golden.variants)) {
    test(name, async () => {
      const files = idf ? { idf: new Uint8Array(Float32Array.from(idf).buffer) } : {};
      const extract = await features.text([idf ? { ...step, idf: 'idf' } : step], { files });
      const { dims, data } = await extract(texts);
      assert.deepEqual(dims, [texts.length, step.hash ?? step.vocabulary.length]);
      rows.forEach((row, i) => {
        const got = [...data.subarray(i * dims[1], (i + 1) * dims[1])].map((w, k) => [k, w]).filter(([, w]) => w);
        assert.deepEqual(got.map(([k]) => k), row.map(([k]) => k), `the terms of ${JSON.stringify(texts[i])}`);
        got.forEach(([, w], k) => assert.ok(Math.abs(w - row[k][1]) <= 1e-6, `${w} for ${row[k][1]} in ${JSON.stringify(texts[i])}`));
      });
      extract.dispose();
    });
  }

  test('what does not fit together is said', async () => {
    const make = (step, files) => features.text([{ step: 'vectorize', ...step }], { files });
    assert.match((await refusal(make({}))).message, /a vocabulary or hash/);
    assert.match((await refusal(make({ vocabulary: ['a'], hash: 4 }))).message, /one of the two/);
    assert.match((await refusal(make({ vocabulary: ['a'], ngrams: [3, 2] }))).message, /ngrams is from 3 to 2/);
    assert.match((await refusal(make({ vocabulary: ['a', 'b'], idf: 'idf' }, { idf: new Uint8Array(4) }))).message, /the file of idf has 4 bytes; 2 float32 are 8/);
    assert.match((await refusal(make({ hash: 8, sublinear: true }))).message, /alternate_sign makes negative/);
    assert.match((await refusal(make({ vocabulary: ['a'], analyzer: 'char', stop_words: ['a'] }))).message, /stop_words are for the analyzer word/);
  });
});
