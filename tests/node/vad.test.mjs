// The package that finds speech, against onnxruntime and the rules of vad-web's own FrameProcessor.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';
import { resample } from '../../web/core/audio.js';
import { readWav } from '../../web/demo/wav.js';
import { reference } from './helpers/models.mjs';
import { dist, failure, quern } from './helpers/quern.mjs';

const folder = fileURLToPath(new URL('models/vad/', dist));
const skip = existsSync(path.join(folder, 'manifest.json')) ? false : 'SKIP: models/vad is not built';

describe('finding speech', { skip }, () => {
  let model, sound;
  before(async () => {
    model = await quern.load(folder);
    // speech from espeak-ng, silence, the same speech
    const { samples, rate } = readWav(new Uint8Array(readFileSync(new URL('../../web/demo/samples/speech.wav', import.meta.url))).buffer);
    const data = new Float32Array(2 * samples.length + 3 * rate);
    data.set(samples);
    data.set(samples, samples.length + 3 * rate);
    sound = { data, rate };
  });
  after(() => model?.dispose());

  test('gives the segments of vad-web over onnxruntime', async (t) => {
    const ort = await reference();
    if (!ort) return t.skip('SKIP: onnxruntime-node is not installed');
    const { FrameProcessor } = createRequire(import.meta.url)('@ricky0123/vad-web/dist/frame-processor.js');
    const session = await ort.InferenceSession.create(path.join(folder, 'silero_vad_v5.onnx'));
    let state = new ort.Tensor('float32', new Float32Array(256), [2, 1, 128]);
    let context = new Float32Array(64);
    const probabilities = [];
    const speech = async (frame) => {
      const input = Float32Array.of(...context, ...frame);
      context = frame.slice(-64);
      const out = await session.run({ input: new ort.Tensor('float32', input, [1, 576]), state, sr: new ort.Tensor('int64', [16000n], []) });
      state = out.stateN;
      probabilities.push(out.output.data[0]);
      return { isSpeech: out.output.data[0], notSpeech: 1 - out.output.data[0] };
    };
    const processor = new FrameProcessor(speech, () => {}, { positiveSpeechThreshold: 0.3, negativeSpeechThreshold: 0.25, redemptionMs: 1400, preSpeechPadMs: 800, minSpeechMs: 400, submitUserSpeechOnPause: false }, 32);
    processor.resume();
    const samples = resample(sound.data, sound.rate, 16000);
    const expected = [];
    let frames = 0;
    const take = (event) => event.msg === 'SPEECH_END' && expected.push([frames - event.audio.length / 512, frames]);
    for (; frames * 512 < samples.length;) {
      const frame = new Float32Array(512);
      frame.set(samples.subarray(frames * 512, ++frames * 512));
      await processor.process(frame, take);
    }
    processor.endSegment(take);
    assert.ok(expected.length > 1);
    const answers = await model.predict(sound);
    assert.deepEqual(answers.map(({ start, end }) => [start, end]), expected.map(([from, to]) => [from * 0.032, Math.min(to * 0.032, samples.length / 16000)]));
    answers.forEach(({ score }, i) => {
      const part = probabilities.slice(...expected[i]);
      assert.ok(Math.abs(score - part.reduce((a, b) => a + b, 0) / part.length) < 1e-3, `${score}`);
    });
  });

  test('is the same by steps alone', async () => {
    const copy = mkdtempSync(path.join(tmpdir(), 'quern-vad-'));
    try {
      cpSync(folder, copy, { recursive: true });
      const { task: _, outputs: [segments], ...manifest } = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8'));
      // the resampler's parameters are those of web/core/audio.js
      const features = [{ step: 'resample', rate: 16000, zeros: 16, rolloff: 1 }, { step: 'frames', length: 512, context: 64, tail: 'pad', as: 'input' }];
      const write = (changes) => writeFileSync(path.join(copy, 'manifest.json'), JSON.stringify({ ...manifest, features, options: { sr: 16000 }, outputs: [{ ...segments, length: 512 }], ...changes }));
      write({});
      const steps = await quern.load(copy + '/');
      for (const input of [sound, resample(sound.data, sound.rate, 16000).subarray(0, 50000)]) {
        const expected = await model.predict(input), answers = await steps.predict(input);
        assert.ok(expected.length > 0);
        assert.deepEqual(answers.map(({ start }) => start), expected.map(({ start }) => start));
        answers.forEach(({ end, score }, i) => {
          assert.ok(Math.abs(end - expected[i].end) < 1 / 16000, `${end}`); // the sound's end in its own samples, not in those at 16 kHz
          assert.ok(Math.abs(score - expected[i].score) < 1e-4, `${score}, ${expected[i].score}`);
        });
      }
      assert.deepEqual(await steps.predict(new Float32Array(0)), []);
      const { input } = await steps.features(sound);
      assert.deepEqual([input.dims[1], input.dims[0]], [576, Math.ceil(Math.ceil(sound.data.length * 16000 / sound.rate) / 512)]);
      steps.dispose();
      for (const [change, sentence] of [[{ state: { stateN: 'memory' } }, /joins 'stateN' to 'memory', which the model does not have/], [{ options: { sr: 'x' } }, /options\.sr is not a number/]]) {
        write(change);
        await assert.rejects(quern.load(copy + '/'), failure('bad-model', sentence));
      }
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  test('takes sound in every form', async () => {
    const at16 = resample(sound.data, sound.rate, 16000);
    const expected = await model.predict(at16);
    assert.ok(expected.length > 1);
    assert.deepEqual(await model.predict({ data: at16, rate: 16000 }), expected);
    const half = at16.map((v) => v / 2);
    const buffer = { numberOfChannels: 2, length: at16.length, sampleRate: 16000, getChannelData: (c) => (c ? half : at16.map((v) => v * 1.5)) };
    assert.deepEqual((await model.predict(buffer)).length, expected.length);
    const { answers, version, ms } = await model.predict(at16, { meta: true });
    assert.deepEqual([answers, version], [expected, '5.0.0']);
    assert.ok(ms > 0);
    assert.deepEqual(await model.predict(new Float32Array(16000)), []);
    assert.deepEqual(await model.predict(new Float32Array(0)), []);
  });

  test('refuses what is none', async () => {
    await assert.rejects(model.predict({ data: new Uint8Array(4), width: 1, height: 1 }), failure('bad-argument', /takes sound/));
    await assert.rejects(model.predict({ data: new Float32Array(4), rate: NaN }), failure('bad-argument', /samples per second, got NaN/));
    await assert.rejects(model.predict(new Float32Array(160000), { signal: AbortSignal.abort() }), failure('aborted', /aborted/));
  });

  test('refuses a manifest that does not fit', async () => {
    const copy = mkdtempSync(path.join(tmpdir(), 'quern-vad-'));
    try {
      cpSync(folder, copy, { recursive: true });
      const manifest = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8'));
      for (const [change, sentence] of [[{ features: [] }, /needs one model, a feature step "frames"/], [{ outputs: [{ ...manifest.outputs[0], positive: 'x' }] }, /"segments" needs positive/],
        [{ features: [{ ...manifest.features[0], length: 0 }] }, /rate, length and context/], [{ state: { stateN: 'memory' } }, /joins 'stateN' to 'memory'/]]) {
        writeFileSync(path.join(copy, 'manifest.json'), JSON.stringify({ ...manifest, ...change }));
        await assert.rejects(quern.load(copy + '/'), failure('bad-model', sentence));
      }
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  test('a resampled sine stays a sine', () => {
    const sine = (rate) => Float32Array.from({ length: rate / 10 }, (_, i) => Math.sin(2 * Math.PI * 440 * i / rate));
    for (const rate of [8000, 44100, 48000]) {
      const out = resample(sine(rate), rate, 16000), expected = sine(16000);
      assert.equal(out.length, 1600);
      for (let i = 100; i < 1500; i++) assert.ok(Math.abs(out[i] - expected[i]) < 2e-3, `${rate} Hz, sample ${i}: ${out[i]}, ${expected[i]}`);
    }
  });
});
