// The demo's page for texts: the language while one types, and, where models/embed/build.sh was run, search by meaning.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { launch, serve, skipReason } from './helpers/browser.mjs';

const skip = skipReason(['index.js', 'features.js', 'quern-text.wasm', 'models/language/manifest.json']);
const file = (name) => readFileSync(new URL(`../../web/demo/${name}`, import.meta.url));
const complaints = [];
let browser, server, page;
before(async () => {
  if (skip) return;
  browser = await launch();
  server = await serve({ pages: { '/': file('words.html'), '/words.js': file('words.js'), '/engine.js': file('engine.js'), '/style.css': file('style.css') } });
  page = await browser.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(`${server.origin}/`);
});
after(async () => {
  await browser?.close();
  await server?.close();
});

const answers = (list, pattern) => page.waitForFunction(([id, source]) => new RegExp(source).test(document.getElementById(id).textContent), [list, pattern.source], { timeout: 60000 });

test('the language of what is written', { skip }, async () => {
  await answers('language-answers', /^German, \d+ %/);
  for (const [text, pattern] of [['Où est la gare, s\'il vous plaît ?', /^French/], ['明日は子どもたちと海に行きます。', /^Japanese, \d+ %/]]) {
    await page.fill('#language-text', text);
    await answers('language-answers', pattern);
  }
  assert.equal(await page.locator('#language-answers li').count(), 3);
  await page.fill('#language-text', '  ');
  await page.waitForFunction(() => !document.getElementById('language-answers').childElementCount);
  assert.deepEqual(complaints, []);
});

const made = existsSync(new URL('../../dist/models/embed/vectors.bin', import.meta.url));
test('search by meaning', { skip: skip || (made ? false : 'SKIP: models/embed/build.sh was not run') }, async () => {
  await page.fill('#search-text', 'astronomy');
  await answers('search-answers', /^The telescope photographed a distant galaxy\./);
  assert.equal(await page.locator('#search-answers li').count(), 5);
});

test('where the package is missing, the page says how to make it', { skip: skip || (made ? 'SKIP: it was made' : false) }, async () => {
  await page.fill('#search-text', 'astronomy');
  await page.waitForFunction(() => /models\/embed\/build\.sh makes it/.test(document.getElementById('words-status').textContent), null, { timeout: 60000 });
});
