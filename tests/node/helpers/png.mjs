// Reads the simple PNGs of the samples: 8 bits, not interlaced; palette, grey, RGB or RGBA.
import { inflateSync } from 'node:zlib';

/** @param {Buffer} file @returns {{ data: Uint8Array, width: number, height: number }} RGBA */
export function readPng(file) {
  const chunks = {};
  for (let at = 8; at < file.length;) {
    const size = file.readUInt32BE(at);
    const name = file.toString('latin1', at + 4, at + 8);
    chunks[name] = Buffer.concat([chunks[name] ?? Buffer.alloc(0), file.subarray(at + 8, at + 8 + size)]);
    at += size + 12;
  }
  const { IHDR, PLTE, IDAT } = chunks;
  const [width, height, depth, color, interlaced] = [IHDR.readUInt32BE(0), IHDR.readUInt32BE(4), IHDR[8], IHDR[9], IHDR[12]];
  const channels = { 0: 1, 2: 3, 3: 1, 6: 4 }[color];
  if (depth !== 8 || interlaced || !channels) throw new Error('a PNG of another kind');
  const raw = inflateSync(IDAT);
  const stride = width * channels;
  const lines = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const a = x >= channels ? lines[y * stride + x - channels] : 0;
      const b = y ? lines[(y - 1) * stride + x] : 0;
      const c = y && x >= channels ? lines[(y - 1) * stride + x - channels] : 0;
      const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
      const paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
      lines[y * stride + x] = raw[y * (stride + 1) + 1 + x] + [0, a, b, (a + b) >> 1, paeth][filter];
    }
  }
  const data = new Uint8Array(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    const p = lines.subarray(i * channels, (i + 1) * channels);
    const rgb = color === 3 ? PLTE.subarray(3 * p[0], 3 * p[0] + 3) : color === 0 ? [p[0], p[0], p[0]] : p;
    data.set([rgb[0], rgb[1], rgb[2], color === 6 ? p[3] : 255], 4 * i);
  }
  return { data, width, height };
}
