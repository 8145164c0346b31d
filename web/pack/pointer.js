// quern.json: which versions there are and who gets which (docs/PACKAGE.md). Edits raise the sequence and sign anew.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PackError, readJson, writeWhole } from './package-folder.js';
import { isSigned, signatureText } from './signature.js';

/**
 * @typedef {{ version: string, percent: number, from?: string, until?: string }} Canary
 * @typedef {{ manifest: string, size: number, runtime?: string }} VersionEntry
 * @typedef {{ schema: 1, name: string, sequence: number, expires?: string, maxAge?: number, versions: Record<string, VersionEntry>,
 *   channels: Record<string, { version: string, canary?: Canary }>, minimum?: string, blocked?: string[] }} Pointer
 */

const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?$/;

/** @param {string} version */
export function checkVersion(version) {
  if (!VERSION.test(version)) throw new PackError(`'${version}' is no version: expected MAJOR.MINOR.PATCH, optionally with -suffix`);
  return version;
}

/** Precedence by semver.org, section 11. @param {string} a @param {string} b */
export function compareVersions(a, b) {
  const [x, y] = [a, b].map((v) => VERSION.exec(v) ?? []);
  for (let i = 1; i < 4; i++) if (x[i] !== y[i]) return Number(x[i]) - Number(y[i]);
  if (!x[4] || !y[4]) return x[4] ? -1 : y[4] ? 1 : 0;
  const left = x[4].split('.'), right = y[4].split('.');
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [p, q] = [left[i], right[i]];
    if (p === q) continue;
    if (p === undefined || q === undefined) return p === undefined ? -1 : 1;
    const digits = [p, q].map((s) => /^\d+$/.test(s));
    if (digits[0] && digits[1]) return Number(p) - Number(q);
    if (digits[0] !== digits[1]) return digits[0] ? -1 : 1;
    return p < q ? -1 : 1;
  }
  return 0;
}

/** @param {string} range */
export function checkRange(range) {
  for (const part of range.split(/\s+/).filter(Boolean)) {
    const [, , version] = /^(>=|<=|>|<|=)?(.*)$/.exec(part) ?? [];
    if (!VERSION.test(version ?? '')) throw new PackError(`'${range}' is no range of versions: expected comparisons such as ">=0.1.0 <2.0.0"`);
  }
  return range;
}

/** @param {string | undefined} text @param {string} what */
function checkDate(text, what) {
  if (text === undefined) return undefined;
  const date = new Date(text);
  if (!/^\d{4}-\d\d-\d\d/.test(text) || Number.isNaN(date.getTime())) throw new PackError(`${what} '${text}' is no date: expected 2027-06-01 or 2027-06-01T12:00:00Z`);
  return date.toISOString().replace('.000Z', 'Z');
}

/** What is wrong with a pointer; each a sentence. @param {any} p @returns {string[]} */
export function problemsOf(p) {
  const bad = [];
  if (p.schema !== 1) bad.push(`its schema is ${p.schema}; this release knows 1`);
  if (typeof p.name !== 'string' || !p.name) bad.push('it has no name');
  if (!(Number.isSafeInteger(p.sequence) && p.sequence > 0)) bad.push(`its sequence is ${p.sequence}, not a positive integer`);
  if (p.expires !== undefined && Number.isNaN(Date.parse(p.expires))) bad.push(`"expires" is no date: ${p.expires}`);
  if (p.maxAge !== undefined && !(p.maxAge >= 0)) bad.push(`"maxAge" is no number of seconds: ${p.maxAge}`);
  const versions = p.versions ?? {};
  for (const [version, entry] of Object.entries(versions)) {
    if (!VERSION.test(version)) bad.push(`'${version}' is no version`);
    if (!/^[0-9a-f]{64}$/.test(/** @type {any} */ (entry)?.manifest ?? '')) bad.push(`version ${version} has no SHA-256 of a manifest`);
    if (!(Number.isSafeInteger(/** @type {any} */ (entry)?.size) && /** @type {any} */ (entry).size > 0)) bad.push(`version ${version} does not say the size of its manifest`);
  }
  if (!Object.keys(p.channels ?? {}).length) bad.push('it has no channels');
  for (const [name, channel] of Object.entries(p.channels ?? {})) {
    const { version, canary } = /** @type {any} */ (channel) ?? {};
    for (const v of [version, ...(canary ? [canary.version] : [])]) {
      if (!versions[v]) bad.push(`channel '${name}' gives the version ${v}, which is not there`);
      else if (p.blocked?.includes(v)) bad.push(`channel '${name}' gives the version ${v}, which is blocked`);
      else if (p.minimum && compareVersions(v, p.minimum) < 0) bad.push(`channel '${name}' gives the version ${v}, which is below the minimum ${p.minimum}`);
    }
    if (canary && !(canary.percent >= 0 && canary.percent <= 100)) bad.push(`the canary of channel '${name}' has ${canary.percent} percent`);
  }
  return bad;
}

/** @param {string} folder @returns {Pointer | undefined} */
export function readPointer(folder) {
  const file = path.join(folder, 'quern.json');
  return existsSync(file) ? readJson(file) : undefined;
}

/**
 * @typedef {{ sign?: readonly string[], unsigned?: boolean }} SignOptions files of private keys; unsigned: a signed pointer may lose its signature
 * Writes the pointer with the next sequence; one that is as before stays as it is.
 * @param {string} folder
 * @param {Omit<Pointer, 'sequence'>} wanted
 * @param {SignOptions} options
 * @param {() => void} [first] done when nothing is wrong, before the pointer is written
 * @returns {{ pointer: Pointer, changed: boolean }}
 */
export function writePointer(folder, wanted, { sign = [], unsigned = false }, first) {
  const before = readPointer(folder), file = path.join(folder, 'quern.json');
  const ordered = { ...wanted, versions: Object.fromEntries(Object.entries(wanted.versions).sort(([a], [b]) => compareVersions(a, b))) };
  const text = (/** @type {number} */ sequence) => {
    const { schema, name, ...rest } = /** @type {any} */ (ordered);
    delete rest.sequence;
    return `${JSON.stringify({ schema, name, sequence, ...rest }, null, 1)}\n`;
  };
  const same = before && text(before.sequence) === readFileSync(file, 'utf8');
  const pointer = /** @type {Pointer} */ (JSON.parse(text(same ? before.sequence : (before?.sequence ?? 0) + 1)));
  const bad = problemsOf(pointer);
  if (bad.length) throw new PackError(`quern.json would be wrong: ${bad.join('; ')}`);
  const data = Buffer.from(text(pointer.sequence)), hasSignature = existsSync(`${file}.sig`);
  if (!sign.length && hasSignature && !unsigned && !same) throw new PackError(`${file} is signed: give the key by --sign, or --unsigned to leave it without`);
  const signature = signatureText(data, sign);
  mkdirSync(folder, { recursive: true });
  first?.();
  if (sign.length) writeWhole(`${file}.sig`, signature); // before the pointer: see docs/PACKAGE.md
  else if (hasSignature && !same) writeWhole(`${file}.sig`, '');
  if (!same) writeWhole(file, data);
  return { pointer, changed: !same };
}

/**
 * A new version; the channel gets it when it is named, or is the first one.
 * @param {string} folder
 * @param {{ name: string, version: string, runtime?: string, hash: string, size: number, channel?: string, replace?: boolean }} added
 * @param {SignOptions} options
 * @param {() => void} first done when nothing is wrong, before the pointer is written
 */
export function addVersion(folder, { name, version, runtime, hash, size, channel, replace }, options, first) {
  const before = readPointer(folder);
  if (before && before.name !== name) throw new PackError(`${folder} holds the package '${before.name}', not '${name}'`);
  const there = before?.versions[version];
  if (there && there.manifest !== hash && !replace)
    throw new PackError(`version ${version} is in ${folder} already, with other contents: give another --version, or --replace if nobody has it yet`);
  const channels = { ...before?.channels };
  const wanted = channel ?? (before ? undefined : 'stable');
  if (wanted) channels[wanted] = { version };
  return writePointer(folder, { ...(before ?? { schema: 1 }), schema: 1, name,
    versions: { ...before?.versions, [version]: { manifest: hash, size, ...(runtime ? { runtime } : {}) } }, channels }, options, first);
}

/**
 * @param {string} folder
 * @param {{ channel?: string, version?: string, percent?: number, from?: string, until?: string, cancel?: boolean, block?: string[], unblock?: string[],
 *   minimum?: string, expires?: string, maxAge?: number, remove?: string[] }} edit
 * @param {SignOptions} options
 */
export function release(folder, edit, options) {
  const before = readPointer(folder);
  if (!before) throw new PackError(`${folder} has no quern.json: quern pack makes one`);
  const p = /** @type {Pointer} */ (structuredClone(before)), name = edit.channel ?? 'stable';
  for (const v of [edit.version, ...(edit.block ?? []), ...(edit.unblock ?? []), edit.minimum].filter((v) => v !== undefined)) checkVersion(/** @type {string} */ (v));
  if (edit.version !== undefined && !p.versions[edit.version]) throw new PackError(`there is no version ${edit.version}; there are ${Object.keys(p.versions).join(', ')}`);
  const channel = p.channels[name];
  if (edit.percent !== undefined) {
    if (!(edit.percent >= 0 && edit.percent <= 100)) throw new PackError(`--percent takes 0 to 100, got ${edit.percent}`);
    const version = edit.version ?? channel?.canary?.version;
    if (!channel) throw new PackError(`the channel '${name}' gives nothing yet, so there is nothing for the others to stay at: leave --percent out`);
    if (!version) throw new PackError(`say which --version ${edit.percent} percent of the channel '${name}' get`);
    const from = checkDate(edit.from, '--from'), until = checkDate(edit.until, '--until');
    if (Boolean(from) !== Boolean(until)) throw new PackError('a share that grows needs both --from and --until');
    if (edit.percent === 100) p.channels[name] = { version };
    else p.channels[name] = { version: channel.version, canary: { version, percent: edit.percent, ...(from && until ? { from, until } : {}) } };
  } else if (edit.version !== undefined) p.channels[name] = { version: edit.version };
  if (edit.cancel && p.channels[name]) p.channels[name] = { version: p.channels[name].version };
  const blocked = new Set([...(p.blocked ?? []), ...(edit.block ?? [])]);
  for (const v of edit.unblock ?? []) blocked.delete(v);
  for (const c of Object.values(p.channels)) if (c.canary && blocked.has(c.canary.version)) delete c.canary; // blocking a canary ends it
  if (blocked.size) p.blocked = [...blocked].sort(compareVersions);
  else delete p.blocked;
  for (const v of edit.remove ?? []) delete p.versions[v];
  if (edit.minimum !== undefined) p.minimum = edit.minimum;
  if (edit.expires !== undefined) p.expires = checkDate(edit.expires, '--expires');
  if (edit.maxAge !== undefined) {
    if (!(edit.maxAge >= 0)) throw new PackError('--max-age takes a number of seconds');
    p.maxAge = edit.maxAge;
  }
  return writePointer(folder, p, options);
}

/** What is wrong with a folder's pointer and its signature. @param {string} folder @param {readonly string[]} keys @returns {string[]} */
export function checkPointer(folder, keys) {
  const file = path.join(folder, 'quern.json'), bad = problemsOf(readJson(file));
  if (!keys.length) return bad;
  if (!existsSync(`${file}.sig`)) bad.push('it is not signed: quern.json.sig is missing');
  else if (!isSigned(readFileSync(file), readFileSync(`${file}.sig`, 'utf8'), keys)) bad.push('none of its signatures is by one of the keys');
  return bad;
}
