import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { digest, sha256 } from '../../web/delivery/sha256.js';
import { sha512 } from '../../web/delivery/sha512.js';

test('SHA-256 without WebCrypto equals node:crypto, around every block boundary', async () => {
  for (const n of [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 100001]) {
    const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 31 + (i >> 5)) & 255);
    const want = createHash('sha256').update(bytes).digest('hex');
    assert.equal(Buffer.from(digest(bytes)).toString('hex'), want, `${n} bytes`);
    assert.equal(await sha256(bytes), want);
  }
});

test('so does SHA-512', () => {
  for (const n of [0, 1, 3, 110, 111, 112, 113, 127, 128, 129, 239, 240, 256, 1000, 5001]) {
    const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 31 + (i >> 5)) & 255);
    assert.equal(Buffer.from(sha512(bytes)).toString('hex'), createHash('sha512').update(bytes).digest('hex'), `${n} bytes`);
  }
});
