// A small reader of WAV files: PCM of 8, 16, 24 and 32 bits, float of 32 and 64, any channels, mixed down to one.

/**
 * @param {ArrayBuffer} buffer
 * @returns {{ rate: number, samples: Float32Array }} in −1 … 1
 */
export function readWav(buffer) {
  const view = new DataView(buffer);
  const tag = (at) => (at + 4 <= buffer.byteLength ? String.fromCharCode(...new Uint8Array(buffer, at, 4)) : '');
  if (tag(0) !== 'RIFF' || tag(8) !== 'WAVE') throw new Error('This is not a WAV file.');
  let format = null;
  for (let at = 12; at + 8 <= buffer.byteLength;) {
    const id = tag(at), start = at + 8;
    const length = Math.min(view.getUint32(at + 4, true), buffer.byteLength - start);
    if (id === 'fmt ' && length >= 16) {
      let kind = view.getUint16(start, true);
      if (kind === 0xfffe && length >= 26) kind = view.getUint16(start + 24, true); // WAVE_FORMAT_EXTENSIBLE: the GUID begins with the kind
      format = { kind, channels: view.getUint16(start + 2, true), rate: view.getUint32(start + 4, true), bits: view.getUint16(start + 14, true) };
    } else if (id === 'data') {
      if (!format) throw new Error('This WAV file has its sound before its format.');
      return { rate: format.rate, samples: mixDown(view, start, length, format) };
    }
    at = start + length + (length & 1);
  }
  throw new Error('This WAV file has no sound in it.');
}

/** @param {DataView} view */
function mixDown(view, start, length, { kind, channels, rate, bits }) {
  const read = reader(view, kind, bits);
  if (!read || !channels || !rate) throw new Error(`This WAV file has a format that the page does not read (kind ${kind}, ${bits} bits, ${channels} channels).`);
  const step = bits / 8;
  const samples = new Float32Array(Math.floor(length / (step * channels)));
  for (let i = 0, at = start; i < samples.length; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++, at += step) sum += read(at);
    samples[i] = sum / channels;
  }
  return samples;
}

/** @param {DataView} view */
function reader(view, kind, bits) {
  if (kind === 1 && bits === 8) return (at) => (view.getUint8(at) - 128) / 128;
  if (kind === 1 && bits === 16) return (at) => view.getInt16(at, true) / 32768;
  if (kind === 1 && bits === 24) return (at) => (view.getUint16(at, true) | view.getInt8(at + 2) << 16) / 8388608;
  if (kind === 1 && bits === 32) return (at) => view.getInt32(at, true) / 2147483648;
  if (kind === 3 && bits === 32) return (at) => view.getFloat32(at, true);
  if (kind === 3 && bits === 64) return (at) => view.getFloat64(at, true);
  return null;
}
