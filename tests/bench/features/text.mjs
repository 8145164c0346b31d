// A megabyte of English-like text by a BERT vocabulary: quern/features against transformers.js's tokenizer, in turn, in one page of Chromium, both
// given strings and giving ids, which have to be equal. usage: node tests/bench/features/text.mjs tokenizer.json [folder with node_modules of tests/clients]
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { launch, ROOT, serve } from '../../browser/helpers/browser.mjs';
import { bundle } from '../../browser/helpers/bundle.mjs';

/** Words of the vocabulary in sentences, by Zipf's law in its order, which is by frequency; one in twelve is made of two, so that it is cut. Always the same. */
function prose(vocab, bytes) {
  const words = Object.keys(vocab).filter((w) => /^[a-z]+$/.test(w)).sort((a, b) => vocab[a] - vocab[b]);
  let state = 7, out = '';
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const word = () => words[Math.floor(words.length ** random()) - 1] ?? 'the';
  while (out.length < bytes) {
    const sentence = Array.from({ length: 6 + Math.floor(random() * 14) }, () => (random() < 1 / 12 ? word() + word() : word())).join(' ');
    out += `${sentence[0].toUpperCase()}${sentence.slice(1).replace(/ (\w+) (\w+)$/, ', $1 $2')}. `;
  }
  return out.slice(0, bytes);
}

const page = `import { PreTrainedTokenizer } from '@huggingface/transformers';
import { tokenizer } from '/dist/features.js';
window.measure = async (json, text, rounds) => {
  const file = { ...JSON.parse(json), truncation: null, padding: null };
  const start = performance.now(), ours = await tokenizer(JSON.stringify(file)), middle = performance.now(), theirs = new PreTrainedTokenizer(file, { tokenizer_class: 'BertTokenizer' });
  const load = [middle - start, performance.now() - middle];
  const pieces = text.match(/.{1,2000}(?= |$)/gs);
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  const kinds = {
    'one text': [async () => (await ours.encode(text)).input_ids.data, async () => theirs.encode(text)],
    'pieces of 2 KB': [async () => { const ids = []; for (const piece of pieces) ids.push((await ours.encode(piece)).input_ids.data); return ids; }, async () => pieces.map((piece) => theirs.encode(piece))],
  };
  const results = {};
  for (const [kind, engines] of Object.entries(kinds)) {
    const times = [[], []], made = [];
    for (let round = 0; round < rounds; round++)
      for (const k of [0, 1]) {
        const begin = performance.now();
        made[k] = await engines[k]();
        if (round) times[k].push(performance.now() - begin); // the first ones compile
      }
    for (const k of [0, 1]) made[k] = Array.from(made[k]).flatMap((ids) => (typeof ids === 'object' ? Array.from(ids) : ids));
    const same = made[0].length === made[1].length && made[1].every((id, i) => id === Number(made[0][i]));
    results[kind] = { times: times.map(median), count: made[0].length, same };
  }
  return { load, results };
};`;

const json = readFileSync(process.argv[2], 'utf8'), text = prose(JSON.parse(json).model.vocab, 1 << 20);
const folder = path.resolve(process.argv[3] ?? path.join(ROOT, 'tests/clients'));
const script = await bundle(page.replace("'/dist/features.js'", JSON.stringify(path.join(ROOT, 'dist/features.js'))), 'quern', folder);
const server = await serve({ pages: { '/': '<!doctype html><title>bench</title><script type="module" src="/bench.js"></script>', '/bench.js': script.replace(/import\.meta\.url/g, "new URL('/dist/features.js', location.href).href") } });
const browser = await launch();
try {
  const tab = await browser.newPage();
  await tab.goto(server.origin);
  await tab.waitForFunction('window.measure');
  const { load, results } = await tab.evaluate(([a, b]) => window.measure(a, b, 7), [json, text]);
  console.log(`Chromium ${browser.version()}, reading the vocabulary: quern ${load[0].toFixed(0)} ms with its wasm, transformers.js ${load[1].toFixed(0)} ms`);
  for (const [kind, { times: [ours, theirs], count, same }] of Object.entries(results)) {
    console.log(`1 MB as ${kind}, ${count} tokens: quern ${ours.toFixed(1)} ms, transformers.js ${theirs.toFixed(1)} ms, ratio ${(ours / theirs).toFixed(3)}${same ? '' : ', OTHER IDS'}`);
    if (!same) process.exitCode = 1;
  }
} finally {
  await browser.close();
  server.close();
}
