// Draws icon-192.png and icon-512.png, the same quern as icon.svg, with nothing but zlib:
//   node web/demo/icons/make-icons.mjs
import * as zlib from 'node:zlib';
import { writeFileSync } from 'node:fs';

const PAPER = [0xef, 0xea, 0xe0], STONE = [0x6f, 0x6a, 0x60], GRAIN = [0xd9, 0x9a, 0x2b];
const SCALE = 0.78; // keeps the stone inside the safe circle of a maskable icon
const SAMPLES = 4;  // per pixel and direction

/** Colour at (x, y) of the 64 × 64 drawing. */
function colour(x, y) {
  const u = (x - 32) / SCALE, v = (y - 32) / SCALE, r = Math.hypot(u, v);
  if (Math.hypot(u - 14, v + 16) <= 4) return GRAIN;
  if (r > 27 || r <= 6) return PAPER;
  for (let k = 0; k < 6; k++) {
    const a = Math.PI / 2 + k * Math.PI / 3, c = Math.cos(a), s = Math.sin(a);
    const along = Math.min(24, Math.max(8, u * c + v * s));
    if (Math.hypot(u - along * c, v - along * s) <= 1.25) return PAPER;
  }
  return STONE;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(checksum(body), body.length + 4);
  return out;
}

function checksum(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes); // older Nodes take the loop
  let c = ~0;
  for (const b of bytes) {
    c ^= b;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  }
  return ~c >>> 0;
}

function png(size) {
  const rows = Buffer.alloc(size * (1 + size * 3));
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) {
    const sum = [0, 0, 0];
    for (let j = 0; j < SAMPLES; j++) for (let i = 0; i < SAMPLES; i++) {
      const c = colour((x + (i + 0.5) / SAMPLES) * 64 / size, (y + (j + 0.5) / SAMPLES) * 64 / size);
      for (let k = 0; k < 3; k++) sum[k] += c[k];
    }
    for (let k = 0; k < 3; k++) rows[y * (1 + size * 3) + 1 + x * 3 + k] = Math.round(sum[k] / SAMPLES ** 2);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head[8] = 8; // bits
  head[9] = 2; // RGB
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', zlib.deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

for (const size of [192, 512]) writeFileSync(new URL(`icon-${size}.png`, import.meta.url), png(size));
