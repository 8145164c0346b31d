// Detached Ed25519 signatures (RFC 8032) over the raw bytes of a pointer: by WebCrypto, else by ed25519.js, which is fetched then.
import { QuernError, messageOf } from '../core/errors.js';

const bytesOf = (/** @type {string} */ base64) => {
  try {
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  } catch {
    return new Uint8Array(0);
  }
};

/** @param {readonly string[]} keys base64 of 32 bytes each @returns {Uint8Array[]} */
export function parseKeys(keys) {
  return keys.map((key) => {
    const bytes = bytesOf(key);
    if (bytes.length !== 32) throw new QuernError('bad-argument', `keys are the base64 of the 32 bytes of an Ed25519 public key; '${key}' is not`);
    return bytes;
  });
}

/** @typedef {(signature: Uint8Array, message: Uint8Array, key: Uint8Array) => Promise<boolean>} Verify */

/** @type {Verify} */
async function byWebCrypto(signature, message, key) {
  const { subtle } = globalThis.crypto;
  return subtle.verify('Ed25519', await subtle.importKey('raw', /** @type {any} */ (key), 'Ed25519', false, ['verify']), /** @type {any} */ (signature), /** @type {any} */ (message));
}

/** @type {Promise<Verify> | undefined} */
let verifying;

/** @returns {Promise<Verify>} */
async function pickVerify() {
  try {
    await byWebCrypto(new Uint8Array(64), new Uint8Array(0), new Uint8Array(32).fill(0x66).fill(0x58, 0, 1)); // the base point
    return byWebCrypto;
  } catch {
    // no Ed25519: Chromium before 137, Firefox before 129, Safari before 17, and every page over plain http, which has no WebCrypto
  }
  try {
    const { verify } = await import(/* webpackIgnore: true */ /* @vite-ignore */ new URL('./ed25519.js', import.meta.url).href);
    return async (signature, message, key) => verify(signature, message, key, { zip215: false });
  } catch (cause) {
    throw new QuernError('unavailable', `the browser gives this page no Ed25519, and ed25519.js, which replaces it, could not be loaded: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Whether any of the signatures is by any of the keys.
 * @param {Uint8Array} message
 * @param {string} signatures one a line, base64
 * @param {Uint8Array[]} keys
 * @param {Verify} [verify]
 */
export async function isSignedByAny(message, signatures, keys, verify) {
  verifying ??= pickVerify();
  verifying.catch(() => { verifying = undefined; }); // the next one tries again
  const check = verify ?? await verifying;
  for (const line of signatures.split('\n').map((s) => s.trim()).filter(Boolean).slice(0, 16)) {
    const signature = bytesOf(line);
    if (signature.length !== 64) continue;
    for (const key of keys) if (await check(signature, message, key).catch(() => false)) return true;
  }
  return false;
}
