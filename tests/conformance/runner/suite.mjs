// A suite is a folder of groups: <group>.index.json, which describes the cases, and <group>.tar.gz, which holds their files.
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import { byCase, untar } from './tar.mjs';

/**
 * The cases of a suite in the order of its index.
 * @param {string} folder
 * @param {{ groups?: string[], filter?: string, ids?: Iterable<string> }} [which]
 */
export function casesOf(folder, { groups, filter, ids } = {}) {
  const names = fs.readdirSync(folder).filter((f) => f.endsWith('.index.json')).map((f) => f.slice(0, -'.index.json'.length)).sort();
  const all = names.filter((g) => !groups || groups.includes(g))
    .flatMap((group) => JSON.parse(fs.readFileSync(path.join(folder, `${group}.index.json`), 'utf8')).cases);
  const pattern = filter && new RegExp(filter), listed = ids && new Set(ids);
  return all.filter((c) => (!pattern || pattern.test(c.id)) && (!listed || listed.has(c.id)));
}

/** A function from a case to its files, by name. @param {string} folder @param {string} group */
export function filesOf(folder, group) {
  const files = byCase(untar(zlib.gunzipSync(fs.readFileSync(path.join(folder, `${group}.tar.gz`)))));
  return (/** @type {{ name: string }} */ { name }) => files.get(name);
}
