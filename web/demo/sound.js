// Sound in and out: files to 16 kHz, the microphone to 16 kHz, playing a stretch.
import { readWav } from './wav.js';
import { RATE } from './speech.js';

/** @param {Blob} blob @returns {Promise<Float32Array>} one channel at 16 kHz */
export async function soundOf(blob) {
  const buffer = await blob.arrayBuffer();
  const head = String.fromCharCode(...new Uint8Array(buffer, 0, Math.min(4, buffer.byteLength)));
  if (head === 'RIFF') {
    const { rate, samples } = readWav(buffer);
    return resample(samples, rate);
  }
  try {
    // An OfflineAudioContext decodes to its own rate.
    const decoded = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(buffer);
    const mono = new Float32Array(decoded.length);
    for (let c = 0; c < decoded.numberOfChannels; c++) {
      const channel = decoded.getChannelData(c);
      for (let i = 0; i < mono.length; i++) mono[i] += channel[i] / decoded.numberOfChannels;
    }
    return mono;
  } catch {
    throw new Error('This file is not a sound that this browser can open. A WAV file always works.');
  }
}

async function resample(samples, rate) {
  if (rate === RATE || !samples.length) return samples;
  let buffer;
  try {
    buffer = new AudioBuffer({ length: samples.length, sampleRate: rate });
  } catch {
    throw new Error(`This recording has ${rate} samples a second, which this browser cannot convert.`);
  }
  buffer.copyToChannel(samples, 0);
  const offline = new OfflineAudioContext(1, Math.max(1, Math.round(samples.length * RATE / rate)), RATE);
  const source = offline.createBufferSource();
  source.buffer = buffer;
  source.connect(offline.destination);
  source.start();
  return (await offline.startRendering()).getChannelData(0);
}

/**
 * Opens the microphone. `onSound` gets blocks at 16 kHz until the returned function is called.
 * @param {(block: Float32Array) => void} onSound
 * @returns {Promise<() => void>}
 */
export async function microphone(onSound) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error('This browser gives the page no microphone. Choose a recording instead.');
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
  } catch (error) {
    throw new Error(error.name === 'NotAllowedError' ? 'The microphone was not allowed. You can allow it in the address bar, or choose a recording.' : 'No microphone could be opened. Choose a recording instead.');
  }
  let context;
  try {
    let source;
    try {
      context = new AudioContext({ sampleRate: RATE });
      source = context.createMediaStreamSource(stream);
    } catch {
      // Some browsers refuse to join a microphone and a context of different rates: convert here instead.
      await context?.close();
      context = new AudioContext();
      source = context.createMediaStreamSource(stream);
    }
    await context.audioWorklet.addModule(new URL('mic-worklet.js', import.meta.url));
    const tap = new AudioWorkletNode(context, 'mic-tap', { numberOfOutputs: 0 });
    const convert = context.sampleRate === RATE ? (block) => block : streamResampler(context.sampleRate);
    tap.port.onmessage = ({ data }) => onSound(convert(data));
    source.connect(tap);
    await context.resume();
  } catch (error) {
    stream.getTracks().forEach((track) => track.stop());
    await context?.close();
    throw error;
  }
  return () => {
    stream.getTracks().forEach((track) => track.stop());
    context.close();
  };
}

/** Windowed-sinc conversion to 16 kHz, block after block without seams. */
export function streamResampler(rate) {
  const ratio = rate / RATE;
  const cutoff = Math.min(1, 1 / ratio) * 0.95;
  const half = Math.ceil(16 * Math.max(1, ratio));
  let kept = new Float32Array(half); // input not yet used up; starts as silence
  let at = half; // where in `kept` the next output lies
  return (block) => {
    const input = new Float32Array(kept.length + block.length);
    input.set(kept);
    input.set(block, kept.length);
    const out = [];
    for (; at + half < input.length; at += ratio) {
      const first = Math.ceil(at - half), last = Math.floor(at + half);
      let sum = 0;
      for (let k = Math.max(0, first); k <= last; k++) {
        const d = at - k, x = Math.PI * d * cutoff;
        sum += input[k] * (x ? Math.sin(x) / x : 1) * (0.5 + 0.5 * Math.cos(Math.PI * d / half));
      }
      out.push(sum * cutoff);
    }
    const drop = Math.min(input.length, Math.max(0, Math.floor(at) - half));
    kept = input.slice(drop);
    at -= drop;
    return Float32Array.from(out);
  };
}

let player = null;

/** Plays samples of 16 kHz; a second call stops the first. Resolves when it ends. */
export async function play(samples) {
  player?.stop();
  if (!samples.length) return;
  const context = new AudioContext();
  await context.resume();
  const buffer = context.createBuffer(1, samples.length, RATE);
  buffer.copyToChannel(samples, 0);
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  player = source;
  await new Promise((resolve) => {
    source.onended = resolve;
    source.start();
  });
  if (player === source) player = null;
  await context.close();
}
