// The text in pictures, by @gutenye/ocr-node.
import { env } from 'onnxruntime-common';
import Ocr from '@gutenye/ocr-node';

const ocr = await Ocr.create();
const out = {};
for (const file of process.argv.slice(2)) out[file] = await ocr.detect(file);
console.log(JSON.stringify({ engine: env.versions, out }));
