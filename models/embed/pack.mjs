// Makes the package of what export.py wrote: the manifest, and the vectors of the sentences, by the package itself.
// usage: node models/embed/pack.mjs FROM TO
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { load } from '../../dist/index.js';

const [from, to] = process.argv.slice(2).map((folder) => path.resolve(folder));
mkdirSync(to, { recursive: true });
for (const file of ['model.onnx', 'tokenizer.json', 'sentences.txt']) copyFileSync(`${from}/${file}`, `${to}/${file}`);
const entry = (file) => { const bytes = readFileSync(`${to}/${file}`); return { file, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }; };
const manifest = (files, outputs) => ({ schema: 1, name: 'embed', version: '1.0.0', title: 'all-MiniLM-L6-v2: search by meaning', license: 'Apache-2.0', models: { model: entry('model.onnx') },
  files: Object.fromEntries(Object.entries({ tokenizer: 'tokenizer.json', ...files }).map(([name, file]) => [name, entry(file)])),
  features: [{ step: 'tokenize', tokenizer: 'tokenizer' }], outputs: [{ step: 'pool', input: ['last_hidden_state', 'attention_mask'] }, { step: 'l2_norm' }, ...outputs] });
const write = (m) => writeFileSync(`${to}/manifest.json`, JSON.stringify(m, null, 2) + '\n');

write(manifest({}, []));
const model = await load(`${to}/`, { worker: false, threads: 1 }), sentences = readFileSync(`${to}/sentences.txt`, 'utf8').trim().split('\n');
const vectors = [];
for (const sentence of sentences) vectors.push(...(await model.predict(sentence)).vector.data);
model.dispose();
writeFileSync(`${to}/vectors.bin`, new Uint8Array(Float32Array.from(vectors).buffer));
write(manifest({ vectors: 'vectors.bin', sentences: 'sentences.txt' }, [{ step: 'nearest', vectors: 'vectors', labels: 'sentences', k: 5 }]));
console.log(`embed → ${to}`);
