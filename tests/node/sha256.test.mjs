import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { digest, sha256 } from '../../web/delivery/sha256.js';

test('SHA-256 without WebCrypto equals node:crypto, around every block boundary', async () => {
  for (const n of [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 100001]) {
    const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 31 + (i >> 5)) & 255);
    const want = createHash('sha256').update(bytes).digest('hex');
    assert.equal(Buffer.from(digest(bytes)).toString('hex'), want, `${n} bytes`);
    assert.equal(await sha256(bytes), want);
  }
});
