import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const read = (name) => readFileSync(new URL('../../' + name, import.meta.url), 'utf8');

test('the codes of the core are those of QuernErrorCode', () => {
  const core = [...read('src/base/status.h').matchAll(/X\(QN_ERR_\w+, "([^"]+)"\)/g)].map((m) => m[1]);
  const typed = [.../@typedef \{('[^}]+)\} QuernErrorCode/.exec(read('web/core/errors.js'))[1].matchAll(/'([^']+)'/g)].map((m) => m[1]);
  assert.ok(core.length > 5);
  assert.deepEqual(typed.slice(0, core.length), core);
});
