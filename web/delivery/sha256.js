// SHA-256 (FIPS 180-4): by WebCrypto where there is one, else here (pages over plain http have none).

/** @type {number[]} */
const primes = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
const bits = (/** @type {number} */ x) => ((x - Math.floor(x)) * 2 ** 32) | 0;

/** @param {Uint8Array} bytes @returns {Uint8Array} 32 bytes */
export function digest(bytes) {
  const k = primes.map((p) => bits(p ** (1 / 3))), h = Int32Array.from(primes.slice(0, 8), (p) => bits(p ** 0.5)), w = new Int32Array(64);
  const tail = new Uint8Array(bytes.length % 64 < 56 ? 64 : 128), full = bytes.length - (bytes.length % 64);
  tail.set(bytes.subarray(full));
  tail[bytes.length - full] = 128;
  new DataView(tail.buffer).setBigUint64(tail.length - 8, BigInt(bytes.length) * 8n);
  const turn = (/** @type {number} */ x, /** @type {number} */ n) => (x >>> n) | (x << (32 - n));
  const block = (/** @type {DataView} */ view, /** @type {number} */ at) => {
    for (let i = 0; i < 64; i++) {
      if (i < 16) { w[i] = view.getInt32(at + 4 * i); continue; }
      const a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
    }
    let [a, b, c, d, e, f, g, last] = h;
    for (let i = 0; i < 64; i++) {
      const t = (last + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i]) | 0;
      const u = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [last, g, f, e, d, c, b, a] = [g, f, e, (d + t) | 0, c, b, a, (t + u) | 0];
    }
    [a, b, c, d, e, f, g, last].forEach((x, i) => { h[i] += x; });
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < full; at += 64) block(view, at);
  for (let at = 0; at < tail.length; at += 64) block(new DataView(tail.buffer), at);
  const out = new Uint8Array(32);
  h.forEach((x, i) => new DataView(out.buffer).setInt32(4 * i, x));
  return out;
}

/** @param {Uint8Array} bytes @returns {Promise<string>} 64 hexadecimal digits */
export async function sha256(bytes) {
  const subtle = globalThis.crypto?.subtle;
  const hash = subtle ? new Uint8Array(await subtle.digest('SHA-256', /** @type {any} */ (bytes))) : digest(bytes);
  return Array.from(hash, (b) => b.toString(16).padStart(2, '0')).join('');
}
