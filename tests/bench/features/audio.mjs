// Log-mel of 30 seconds at 16 kHz as Whisper takes it: quern/features against transformers.js's WhisperFeatureExtractor, in turn, in one page of
// Chromium, both given the samples and giving an array. usage: node tests/bench/features/audio.mjs [folder with node_modules of tests/clients]
import { existsSync } from 'node:fs';
import path from 'node:path';
import { launch, ROOT, serve } from '../../browser/helpers/browser.mjs';
import { bundle, ortFiles } from '../../browser/helpers/bundle.mjs';

const STEPS = [{ step: 'fit_length', seconds: 30 }, { step: 'frames', length: 400, hop: 160, pad: 'reflect', window: 'hann', drop_last: true, rate: 16000 }, { step: 'spectrum' },
  { step: 'mel', filters: 80 }, { step: 'log', base: '10', top: 8, add: 4, multiply: 0.25 }, { step: 'frame_layout', order: 'bft' }];
const CONFIG = { chunk_length: 30, feature_size: 80, hop_length: 160, n_fft: 400, n_samples: 480000, nb_max_frames: 3000, padding_value: 0, sampling_rate: 16000, return_attention_mask: false };

const page = `import { env, WhisperFeatureExtractor } from '@huggingface/transformers';
env.backends.onnx.wasm.wasmPaths = '/ort/'; // it multiplies by the mel filters in onnxruntime-web
const { audio } = await import(location.origin + '/dist/features.js');
window.measure = async (steps, config, rounds) => {
  const theirs = new WhisperFeatureExtractor(config), ours = await audio(steps);
  const sound = Float32Array.from({ length: 480000 }, (_, i) => Math.sin(i * i / 9e5) / 2 + Math.sin(i * 12.9898) * 0.1);
  const engines = { quern: async () => (await ours({ data: sound, rate: 16000 })).data, transformers: async () => (await theirs(sound)).input_features.data };
  const times = { quern: [], transformers: [] }, made = {};
  for (let round = 0; round < rounds; round++)
    for (const [name, run] of Object.entries(engines)) {
      const start = performance.now();
      made[name] = await run();
      if (round > 2) times[name].push(performance.now() - start); // the first ones compile
    }
  let worst = 0;
  for (let i = 0; i < made.quern.length; i++) worst = Math.max(worst, Math.abs(made.quern[i] - made.transformers[i]));
  return { times, worst, lengths: [made.quern.length, made.transformers.length] };
};`;

const folder = path.resolve(process.argv[2] ?? path.join(ROOT, 'tests/clients'));
const own = path.join(folder, 'node_modules/@huggingface/transformers/node_modules'); // transformers.js may bring an onnxruntime-web of its own
const server = await serve({ pages: { '/': '<!doctype html><title>bench</title><script type="module" src="/bench.js"></script>', '/bench.js': await bundle(page, 'onnxruntime-web', folder),
  ...ortFiles(existsSync(own) ? own : path.join(folder, 'node_modules')) } });
const browser = await launch();
try {
  const tab = await browser.newPage();
  tab.on('pageerror', (error) => console.error(error.message));
  await tab.goto(server.origin);
  await tab.waitForFunction('window.measure');
  const { times, worst, lengths } = await tab.evaluate(([steps, config]) => window.measure(steps, config, 18), [STEPS, CONFIG]);
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  const [ours, theirs] = [median(times.quern), median(times.transformers)];
  console.log(`log-mel of 30 s, Chromium ${browser.version()}: quern ${ours.toFixed(1)} ms, transformers.js ${theirs.toFixed(1)} ms, ratio ${(ours / theirs).toFixed(3)}`);
  console.log(`largest difference of ${lengths.join(' and ')} numbers: ${worst.toExponential(1)}`);
  if (lengths[0] !== lengths[1] || !(worst < 1e-3)) process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
}
