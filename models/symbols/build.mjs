// Makes dist/models/symbols/ from the npm package that carries the model. A label is a character and its names in Typst.
import { readFile } from 'node:fs/promises';
import { pack } from '../pack.mjs';

await pack(import.meta.url, 'detypify-service/train', 'node_modules', {
  'labels.txt': async (folder) => JSON.parse(await readFile(`${folder}/infer.json`, 'utf8')).map(({ char, names }) => [char, ...names].join(' ')).join('\n') + '\n',
});
