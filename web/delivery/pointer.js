// The pointer quern.json: what it says, who is in a canary, which version an installation gets. docs/PACKAGE.md. No I/O.
import { QuernError, messageOf } from '../core/errors.js';
import { isHash, isObject, isWithin } from './manifest.js';
import { digest } from './sha256.js';
import { compareVersions, inRange, isVersion } from './versions.js';

/**
 * @typedef {{ manifest: string, size: number, runtime?: string }} VersionEntry
 * @typedef {{ version: string, percent: number, from?: string, until?: string }} Canary
 * @typedef {{ version: string, canary?: Canary }} Channel
 * @typedef {{ schema: 1, name: string, sequence: number, expires?: string, maxAge?: number, versions: Record<string, VersionEntry>, channels: Record<string, Channel>,
 *   minimum?: string, blocked?: string[] }} Pointer
 */

export const MAX_AGE = 86_400; // seconds, where the pointer says nothing: within a day a block reaches everyone

/**
 * @param {Uint8Array} bytes
 * @param {string} where
 * @returns {Pointer}
 */
export function parsePointer(bytes, where) {
  const bad = (/** @type {string} */ why) => new QuernError('bad-model', `${where} is not a pointer of a Quern package: ${why}`);
  let p;
  try {
    p = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw bad(messageOf(cause));
  }
  if (!isObject(p)) throw bad('it is not an object');
  if (p.schema !== 1) throw new QuernError('unsupported', `${where} has schema ${JSON.stringify(p.schema)}; this release reads 1: the package is of a later one`);
  if (typeof p.name !== 'string' || !p.name) throw bad('"name" is missing');
  if (!(Number.isSafeInteger(p.sequence) && p.sequence > 0)) throw bad('"sequence" is not a positive integer');
  if (p.expires !== undefined && !isDate(p.expires)) throw bad('"expires" is not a date');
  if (p.maxAge !== undefined && !isWithin(p.maxAge, 0)) throw bad('"maxAge" is not a number of seconds');
  if (!isObject(p.versions)) throw bad('"versions" is missing');
  for (const [version, entry] of Object.entries(p.versions)) {
    if (!isVersion(version)) throw bad(`'${version}' is not a version such as 1.2.3`);
    if (!isHash(entry?.manifest)) throw bad(`version ${version} has no SHA-256 of its manifest`);
    if (!(Number.isSafeInteger(entry.size) && entry.size > 0)) throw bad(`version ${version} has no size of its manifest`);
    if (inRange('0.0.0', entry.runtime) === null) throw bad(`version ${version} has the runtime ${JSON.stringify(entry.runtime)}, which is not a range such as ">=0.1.0 <2.0.0"`);
  }
  if (!isObject(p.channels) || !Object.keys(p.channels).length) throw bad('"channels" is missing');
  for (const [name, channel] of Object.entries(p.channels)) {
    if (!isVersion(channel?.version)) throw bad(`channel '${name}' gives no version`);
    const { canary } = channel;
    if (canary === undefined) continue;
    if (!isVersion(canary?.version) || !isWithin(canary.percent, 0, 100)) throw bad(`the canary of channel '${name}' needs a version and percent from 0 to 100`);
    if ((canary.from === undefined) !== (canary.until === undefined) || (canary.from !== undefined && !(isDate(canary.from) && isDate(canary.until))))
      throw bad(`the canary of channel '${name}' needs from and until as dates, or neither`);
  }
  if (p.minimum !== undefined && !isVersion(p.minimum)) throw bad('"minimum" is not a version');
  if (p.blocked !== undefined && !(Array.isArray(p.blocked) && p.blocked.every(isVersion))) throw bad('"blocked" is not a list of versions');
  return /** @type {Pointer} */ (p);
}

/** @param {unknown} text */
const isDate = (text) => typeof text === 'string' && /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text));

/**
 * The per cent of installations that have the canary now.
 * @param {Canary} canary
 * @param {number} now milliseconds since 1970
 */
export function shareOf({ percent, from, until }, now) {
  if (from === undefined || until === undefined) return percent;
  const start = Date.parse(from), end = Date.parse(until);
  return now >= end ? 100 : now <= start ? percent : percent + ((100 - percent) * (now - start)) / (end - start);
}

/**
 * Where an installation stands, 0 to 100 without the end. It is in the canary while this is less than the share.
 * @param {string} id of the installation, which never leaves it
 * @param {string} name of the package
 * @param {string} version the canary's
 */
export function placeOf(id, name, version) {
  const hash = digest(new TextEncoder().encode(`${id}/${name}/${version}`));
  return (new DataView(hash.buffer).getUint32(0) / 2 ** 32) * 100;
}

/**
 * id '': an installation that cannot keep one, so that it would be drawn anew each time: it is in no canary below 100 %.
 * failed: manifests that were tried here and found not to work.
 * @typedef {{ channel: string, id: string, runtime: string, now: number, failed?: readonly string[] }} Installation
 */

/**
 * Why a version must not be used here, or ''.
 * @param {Pointer} pointer
 * @param {string} version
 * @param {Pick<Installation, 'runtime' | 'failed'>} installation
 * @param {boolean} [installed] it is here already, and may stay when the pointer does not name it any more
 */
export function refusal(pointer, version, { runtime, failed = [] }, installed = false) {
  if (pointer.blocked?.includes(version)) return `version ${version} was blocked by its publisher`;
  if (pointer.minimum !== undefined && compareVersions(version, pointer.minimum) < 0) return `version ${version} is below ${pointer.minimum}, the lowest that its publisher still allows`;
  const entry = Object.hasOwn(pointer.versions, version) ? pointer.versions[version] : undefined;
  if (!entry) return installed ? '' : `version ${version} is not in the pointer`;
  if (!inRange(runtime, entry.runtime)) return `version ${version} is for runtimes ${entry.runtime}, and this is ${runtime}`;
  if (failed.includes(entry.manifest)) return `version ${version} failed here`;
  return '';
}

/**
 * The version that this installation is to have.
 * @param {Pointer} pointer
 * @param {Installation} installation
 * @returns {string}
 */
export function chooseVersion(pointer, installation) {
  const { channel, id, now } = installation;
  if (!Object.hasOwn(pointer.channels, channel))
    throw new QuernError('bad-argument', `the package ${pointer.name} has no channel '${channel}'; it has ${Object.keys(pointer.channels).join(', ')}`);
  const { version, canary } = pointer.channels[channel];
  const why = [];
  if (canary) {
    const share = shareOf(canary, now);
    if (share >= 100 || (id && placeOf(id, pointer.name, canary.version) < share)) {
      const no = refusal(pointer, canary.version, installation);
      if (!no) return canary.version;
      why.push(no);
    }
  }
  const no = refusal(pointer, version, installation);
  if (!no) return version;
  why.push(no);
  const older = Object.keys(pointer.versions).filter((v) => compareVersions(v, version) <= 0 && !refusal(pointer, v, installation)).sort(compareVersions);
  if (older.length) return older[older.length - 1];
  throw new QuernError('unavailable', `the package ${pointer.name} has no version for this page: ${why.join('; ')}`);
}
