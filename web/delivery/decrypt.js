// Encrypted parameters: a nonce of 12 bytes, then AES-256-GCM (NIST SP 800-38D) with its tag of 16, bound to the package and the shard's name.
// A file of its own, which is fetched when a package is encrypted.
import { QuernError, messageOf } from '../core/errors.js';

/**
 * What an encrypted package asks the page for; key: which one it is, as `quern pack --encrypt` printed it.
 * @typedef {{ name: string, version: string, key: string }} KeyRequest
 * The key: 32 bytes, their base64, or an AES-GCM key of WebCrypto, which need not be extractable.
 * @typedef {(request: KeyRequest) => Promise<CryptoKey | BufferSource | string> | CryptoKey | BufferSource | string} DecryptionKey
 */

const NONCE = 12;

/** What a shard is bound to, so that none can stand where another one was. @param {string} name of the package @param {string} file */
export const boundTo = (name, file) => new TextEncoder().encode(`${name}/${file.replace(/-[0-9a-f]{16}\.\w+$/, '')}`);

/**
 * Errors say that the caller is at fault and not the version, which is good with another key.
 * @param {import('../core/package.js').Manifest} manifest
 * @param {DecryptionKey | MessagePort | undefined} source
 * @returns {(bytes: Uint8Array, file: string) => Promise<Uint8Array>} of a shard whose hash was checked
 */
export function decrypter({ name, version, encryption }, source) {
  const id = /** @type {{ key: string }} */ (encryption).key, what = `${name} ${version}`;
  /** @type {Promise<CryptoKey> | undefined} */
  let key;
  const getKey = async () => {
    if (!source) throw new QuernError('bad-argument', `the parameters of ${what} are encrypted: load(url, { decryptionKey: async ({ key }) => … }) gets the key '${id}'`);
    if (!globalThis.crypto?.subtle) throw new QuernError('unavailable', `the parameters of ${what} are encrypted, and this page has no WebCrypto: it needs https`);
    let given;
    try {
      given = await (typeof source === 'function' ? source({ name, version, key: id }) : asked(source, { name, version, key: id }));
      if (typeof given === 'string') given = Uint8Array.from(atob(given), (c) => c.charCodeAt(0));
      return given instanceof CryptoKey ? given : await crypto.subtle.importKey('raw', /** @type {BufferSource} */ (given), 'AES-GCM', false, ['decrypt']);
    } catch (cause) {
      throw new QuernError('unavailable', `there is no key '${id}' for ${what}: ${messageOf(cause)}`, { cause });
    }
  };
  return async (bytes, file) => {
    const use = await (key ??= getKey());
    try {
      return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: /** @type {any} */ (bytes.subarray(0, NONCE)), additionalData: boundTo(name, file) }, use, /** @type {any} */ (bytes.subarray(NONCE))));
    } catch (cause) {
      throw new QuernError('bad-argument', `the key that was given for ${what} does not open ${file}: it has to be the key '${id}'`, { cause });
    }
  };
}

/** The page's answer, in its worker. @param {MessagePort} port @param {KeyRequest} request @returns {Promise<any>} */
const asked = (port, request) => new Promise((resolve, reject) => {
  port.onmessage = ({ data: { key, why } }) => (why ? reject(new Error(why)) : resolve(key));
  port.postMessage(request);
});
