// Parameters encrypted by AES-256-GCM under a key in a file, as web/delivery/decrypt.js opens them.
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { boundTo } from '../delivery/decrypt.js';
import { SEAL } from '../delivery/manifest.js';
import { PackError } from './package-folder.js';

/** id: says which key it is and nothing about it. @typedef {{ id: string, bytes: Buffer }} SecretKey */

/** Writes a new key (the base64 of 32 bytes) that only its owner can read. @param {string} file @returns {string} its id */
export function makeSecret(file) {
  if (existsSync(file)) throw new PackError(`${file} is there already, and a key that was overwritten is lost for good`);
  writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  return readSecret(file).id;
}

/** @param {string} file @returns {SecretKey} */
export function readSecret(file) {
  if (!existsSync(file)) throw new PackError(`${file} is missing; quern keygen --secret ${file} makes a key`);
  const text = readFileSync(file, 'utf8').trim(), bytes = Buffer.from(text, 'base64');
  if (bytes.length !== 32 || bytes.toString('base64') !== text) throw new PackError(`${file} is no key for parameters: it has to be the base64 of 32 bytes (quern keygen --secret makes one)`);
  return { id: createHash('sha256').update('quern key').update(bytes).digest('hex').slice(0, 16), bytes };
}

/** @param {string | undefined} file */
export const secretOf = (file) => (file === undefined ? undefined : readSecret(file));

/**
 * The nonce is a keyed hash of what is encrypted (as in SIV, RFC 5297): the same shard gives the same file, so that an update fetches changed shards only,
 * and no nonce serves two contents.
 * @param {SecretKey} key @param {string} name of the package @param {string} stem of the file @param {Uint8Array} plain
 */
export function encrypt({ bytes }, name, stem, plain) {
  const bound = boundTo(name, stem);
  const nonce = createHmac('sha256', Buffer.from(hkdfSync('sha256', bytes, '', 'quern nonce', 32))).update(bound).update('\0').update(plain).digest().subarray(0, 12);
  const cipher = createCipheriv('aes-256-gcm', bytes, nonce).setAAD(bound);
  return new Uint8Array(Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
}

/** @param {SecretKey} key @param {string} name @param {string} file @param {Uint8Array} data */
export function decrypt({ id, bytes }, name, file, data) {
  try {
    if (data.length < SEAL) throw new Error('too short');
    const decipher = createDecipheriv('aes-256-gcm', bytes, data.subarray(0, 12)).setAAD(boundTo(name, file)).setAuthTag(data.subarray(-16));
    return new Uint8Array(Buffer.concat([decipher.update(data.subarray(12, -16)), decipher.final()]));
  } catch {
    throw new PackError(`the key '${id}' does not open ${file}`);
  }
}
