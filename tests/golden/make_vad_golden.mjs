// Golden data of the speech segments, from the FrameProcessor of @ricky0123/vad-web 0.0.31.
// usage: node make_vad_golden.mjs NODE_MODULES      writes vad_golden.h beside it
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const require = createRequire(import.meta.url);
const { FrameProcessor, defaultFrameProcessorOptions } = require(resolve(process.argv[2], '@ricky0123/vad-web/dist/frame-processor.js'));
let seed = 7n;
const random = () => Number((seed = (seed * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n)) >> 33n) / 2 ** 31;

const probabilities = [];
while (probabilities.length < 900) { // stretches of speech, pause and doubt
  const level = [0.02, 0.9, 0.27][Math.floor(random() * 3)], length = 1 + Math.floor(random() * random() * 110);
  for (let i = 0; i < length; i++) probabilities.push(Math.round(1000 * Math.min(1, Math.max(0, level + 0.1 * (random() - 0.5)))) / 1000);
}
let next = 0;
const processor = new FrameProcessor(async () => ({ isSpeech: probabilities[next], notSpeech: 0 }), () => {}, defaultFrameProcessorOptions, 32);
processor.resume();
const segments = [];
let misfires = 0;
const take = (end) => (event) => {
  if (event.msg === 'SPEECH_END') segments.push(event.audio[0], event.audio.at(-1) + 1);
  if (event.msg === 'VAD_MISFIRE') misfires++;
};
for (; next < probabilities.length; next++) await processor.process(Float32Array.of(next), take(next + 1));
processor.endSegment(take(next));
const lines = (list) => list.join(', ').replace(/(.{90}[^ ]*) /g, '$1\n  ');
writeFileSync(new URL('vad_golden.h', import.meta.url), `/* Made by make_vad_golden.mjs with @ricky0123/vad-web 0.0.31. */
static const float golden_probabilities[] = {
  ${lines(probabilities)}};
static const int golden_segments[] = {${lines(segments)}}; /* from, to */
static const int golden_misfires = ${misfires};
`);
console.log(segments, misfires);
