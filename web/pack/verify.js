// Whether a package is what it says: pointer and signature, every hash, every recorded case.
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { deltaProblem } from './delta.js';
import { checkGolden } from './golden.js';
import { filesOf, openPackage, readEntry, readJson } from './package-folder.js';
import { checkPointer } from './pointer.js';
import { stepsProblem } from './steps.js';

/**
 * problems: what is wrong, each a sentence. unused: files that belong to no version.
 * @typedef {{ problems: string[], versions: string[], files: number, bytes: number, cases: number, unused: string[] }} Verified
 */

/** @param {unknown} error */
const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * @param {string} target a folder, or a manifest
 * @param {{ keys?: string[], golden?: boolean, version?: string, secret?: import('./encryption.js').SecretKey }} [options]
 * @returns {Promise<Verified>}
 */
export async function verify(target, { keys = [], golden = true, version, secret } = {}) {
  /** @type {Verified} */
  const found = { problems: [], versions: [], files: 0, bytes: 0, cases: 0, unused: [] };
  const folder = statSync(target, { throwIfNoEntry: false })?.isDirectory() ? target : '', pointerFile = path.join(folder, 'quern.json');
  const used = new Set(['quern.json', 'quern.json.sig', 'model.d.ts', 'preload.html']);
  /** @type {Map<string, string>} */
  const seen = new Map(); // by file its SHA-256, so that versions that share a shard read it once
  /** @type {(string | undefined)[]} */
  let wanted = [version];
  let name = '';
  const entries = /** @type {Record<string, import('./pointer.js').VersionEntry>} */ ({});
  if (folder && existsSync(pointerFile)) {
    try {
      found.problems.push(...checkPointer(folder, keys).map((why) => `quern.json: ${why}`));
      const pointer = readJson(pointerFile);
      ({ name } = pointer);
      Object.assign(entries, pointer.versions);
      if (version === undefined) wanted = Object.keys(entries);
    } catch (error) {
      found.problems.push(messageOf(error));
      return found;
    }
  } else if (keys.length) found.problems.push(`${target} has no quern.json, so nothing is signed`);
  for (const v of wanted) {
    try {
      const { folder: at, manifest, file } = openPackage(target, { version: v, secret });
      used.add(file);
      found.versions.push(manifest.version);
      if (v && entries[v]) {
        if (manifest.version !== v) found.problems.push(`quern.json calls ${file} version ${v}; it calls itself ${manifest.version}`);
        if (manifest.name !== name) found.problems.push(`${file} is of the package '${manifest.name}', quern.json of '${name}'`);
        if (statSync(path.join(at, file)).size !== entries[v].size) found.problems.push(`${file} has ${statSync(path.join(at, file)).size} bytes; quern.json says ${entries[v].size}`);
      }
      let whole = true;
      for (const [what, entry] of filesOf(manifest)) {
        used.add(entry.file);
        if (seen.get(entry.file) === entry.sha256 && entry.sha256) continue;
        try {
          found.bytes += readEntry(at, entry).length;
          found.files++;
          seen.set(entry.file, entry.sha256);
        } catch (error) {
          whole = false;
          found.problems.push(`version ${manifest.version}, ${what}: ${messageOf(error)}`);
        }
      }
      for (const shard of whole ? Object.values(manifest.models).flatMap(({ params = [] }) => params) : []) {
        const why = deltaProblem(at, shard);
        if (why) found.problems.push(`version ${manifest.version}: ${why}`);
      }
      for (const [role, entry] of Object.entries(manifest.models)) {
        if (!whole || !golden || !entry.golden || (manifest.encryption && !secret)) continue;
        found.cases += entry.golden.cases.length;
        try {
          found.problems.push(...(await checkGolden(at, /** @type {any} */ (entry))).map((why) => `version ${manifest.version}, models.${role}: ${why}`));
        } catch (error) {
          found.problems.push(`version ${manifest.version}, models.${role} does not run: ${messageOf(error)}`);
        }
      }
      const steps = whole ? await stepsProblem(at, manifest) : '';
      if (steps) found.problems.push(`version ${manifest.version}, ${steps}`);
    } catch (error) {
      found.problems.push(messageOf(error));
    }
  }
  if (folder && version === undefined) found.unused = readdirSync(folder).filter((file) => !used.has(file) && statSync(path.join(folder, file)).isFile());
  return found;
}

