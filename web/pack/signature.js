// Ed25519 over the pointer's bytes (RFC 8032), by Node's crypto.
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { PackError } from './package-folder.js';

/** What stands before the 32 bytes of a public key in DER (RFC 8410). */
const PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** @param {import('node:crypto').KeyObject} key the base64 of its 32 bytes, as load(url, { keys }) takes it */
const publicText = (key) => createPublicKey(/** @type {any} */ (key)).export({ type: 'spki', format: 'der' }).subarray(PREFIX.length).toString('base64');

/** Writes a new private key (PKCS #8, PEM) that only its owner can read, and the public one beside it. @param {string} file @returns {string} the public key */
export function makeKey(file) {
  if (existsSync(file)) throw new PackError(`${file} is there already, and a key that was overwritten is lost for good`);
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  const text = publicText(privateKey);
  writeFileSync(`${file}.pub`, `${text}\n`);
  return text;
}

/** @param {string} file */
function readKey(file) {
  let key;
  try {
    key = createPrivateKey(readFileSync(file));
  } catch (error) {
    throw new PackError(`${file} is no private key: ${/** @type {Error} */ (error).message}`);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new PackError(`${file} is a key for ${key.asymmetricKeyType}; packages are signed by Ed25519 (quern keygen makes one)`);
  return key;
}

/** The text of a .sig file. @param {Uint8Array} data @param {readonly string[]} keyFiles */
export const signatureText = (data, keyFiles) => keyFiles.map((file) => `${sign(null, data, readKey(file)).toString('base64')}\n`).join('');

/** A public key as base64, or a file that holds one. @param {string} given */
export function publicKey(given) {
  const text = existsSync(given) ? readFileSync(given, 'utf8').trim() : given;
  const raw = Buffer.from(text, 'base64');
  if (raw.length !== 32) throw new PackError(`'${given}' is no public key: expected the base64 of 32 bytes, or a file that holds it`);
  return createPublicKey({ key: Buffer.concat([PREFIX, raw]), format: 'der', type: 'spki' });
}

/** Whether any of the signatures is by any of the keys. @param {Uint8Array} data @param {string} text @param {readonly string[]} keys */
export function isSigned(data, text, keys) {
  const signatures = text.split('\n').map((line) => Buffer.from(line.trim(), 'base64')).filter((s) => s.length === 64);
  return keys.map(publicKey).some((key) => signatures.some((s) => verify(null, data, key, s)));
}
