// A shard made of the one that it replaces: what its bytes differ by, compressed (docs/PACKAGE.md). The result is checked by its hash.

/**
 * @param {Uint8Array} base the shard before, of the same length
 * @param {Uint8Array} delta
 * @returns {Promise<Uint8Array>}
 */
export async function patched(base, delta) {
  const reader = new Blob([/** @type {any} */ (delta)]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const out = base.slice(), { length } = out;
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (value.length > length - at) { // a few bytes can be inflated to any number
      await reader.cancel();
      throw new RangeError(`the difference has more than ${length} bytes`);
    }
    for (const byte of value) out[at++] += byte;
  }
  if (at < length) throw new RangeError(`the difference has ${at} bytes, the shard ${length}`);
  return out;
}
