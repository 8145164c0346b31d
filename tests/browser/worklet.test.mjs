// Features on the thread of the sound: dist/quern-worklet.js gives the frames that the whole sound gives; sounds in the page's own forms.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, serve, skipReason } from './helpers/browser.mjs';

const skip = skipReason(['features.js', 'quern-features.wasm', 'quern-worklet.js']);

describe('sound in a browser', { skip }, () => {
  let browser, server, page;
  before(async () => {
    server = await serve({ pages: { '/': '<!doctype html><title>t</title>' }, headers: { 'content-security-policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'" } });
    browser = await launch();
    page = await browser.newPage();
    await page.goto(server.origin);
  });
  after(async () => {
    await browser?.close();
    server?.close();
  });

  test('a worklet posts the frames of the whole sound, at the rate of the context', async () => {
    const seen = await page.evaluate(async () => {
      const { audio } = await import(/* @vite-ignore */ `${location.origin}/dist/features.js`);
      const steps = [{ step: 'resample', rate: 16000 }, { step: 'frames', length: 400, hop: 160, window: 'hann' }, { step: 'spectrum' }, { step: 'mel', filters: 20 }, { step: 'log' }];
      const context = new OfflineAudioContext(2, 48128, 48000), source = new AudioBufferSourceNode(context, { buffer: context.createBuffer(2, 48000, 48000) });
      for (let c = 0; c < 2; c++) source.buffer.getChannelData(c).forEach((_, i, data) => { data[i] = Math.sin(i * i / 90000) / (2 + c); });
      const node = await audio.worklet(context, steps, { block: 500 });
      const rows = [];
      let dims = null;
      node.onframes = ({ dims: [, width], data }) => { dims = width; rows.push(...data); };
      source.connect(node);
      source.start();
      await context.startRendering();
      await node.flush();
      // the source's silence behind its end reaches the node, or not
      const extract = await audio(steps), sound = new AudioBuffer({ numberOfChannels: 2, length: 48000, sampleRate: 48000 });
      for (let c = 0; c < 2; c++) sound.copyToChannel(source.buffer.getChannelData(c), c);
      const whole = await extract(sound);
      let worst = 0;
      for (let i = 0; i < Math.min(rows.length, whole.data.length); i++) worst = Math.max(worst, Math.abs(rows[i] - whole.data[i]));
      node.stop();
      return { width: dims, rows: rows.length, whole: whole.data.length, worst };
    });
    assert.equal(seen.width, 20);
    assert.equal(seen.whole, 98 * 20);
    assert.ok(seen.rows >= seen.whole && seen.rows <= seen.whole + 20, `${seen.rows} numbers, ${seen.whole}`);
    assert.ok(seen.worst < 1e-3, `${seen.worst}`); // channels are mixed in another order of roundings
  });

  test('wrong steps are said', async () => {
    const message = await page.evaluate(async () => {
      const { audio } = await import(/* @vite-ignore */ `${location.origin}/dist/features.js`);
      const context = new OfflineAudioContext(1, 1000, 48000);
      return audio.worklet(context, [{ step: 'fit_length', seconds: 1 }]).then(() => 'accepted', (error) => `${error.code}: ${error.message}`);
    });
    assert.match(message, /bad-argument: steps\[0\] 'fit_length': it needs the whole signal/);
  });

  test('AudioData and AudioBuffer', async () => {
    const seen = await page.evaluate(async () => {
      const { audio } = await import(/* @vite-ignore */ `${location.origin}/dist/features.js`);
      const extract = await audio([{ step: 'frames', length: 4, rate: 8000 }]);
      const both = Float32Array.of(0.5, 0, 0.25, 0.25, -0.5, 0, 0, 0);
      const interleaved = new AudioData({ format: 'f32', sampleRate: 8000, numberOfFrames: 4, numberOfChannels: 2, timestamp: 0, data: both });
      const buffer = new AudioBuffer({ length: 4, sampleRate: 8000, numberOfChannels: 1 });
      buffer.copyToChannel(Float32Array.of(0.25, 0.25, -0.25, 0), 0);
      const made = [...(await extract(interleaved)).data, ...(await extract(buffer)).data];
      interleaved.close();
      return [made, await extract(interleaved).then(() => 'accepted', (error) => error.message)];
    });
    assert.deepEqual(seen[0], [0.25, 0.25, -0.25, 0, 0.25, 0.25, -0.25, 0]);
    assert.match(seen[1], /the AudioData is closed/);
  });
});
