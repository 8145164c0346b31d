// Tags for a page's <head>, with which the browser begins the downloads before any script runs.
/** @typedef {import('./package-folder.js').Manifest} Manifest */

const FIRST = 4 << 20; // what is worth to be there early; the rest follows while the first is read

/** @param {Manifest} manifest @param {string} hash of the manifest @param {string} [base] of the package, ending with a slash */
export function preloadTags(manifest, hash, base = `/models/${manifest.name}/`) {
  const quoted = (/** @type {string} */ s) => s.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
  const tag = (/** @type {string} */ file, /** @type {string} */ sha256) =>
    `<link rel="preload" as="fetch" type="${/json$/.test(file) ? 'application/json' : 'application/octet-stream'}" crossorigin href="${quoted(base + file)}" integrity="sha256-${Buffer.from(sha256, 'hex').toString('base64')}">`;
  const files = Object.values(manifest.models).flatMap((m) => [m, ...(m.params ?? [])]);
  let sum = 0;
  const first = files.filter(({ size }) => (sum += size) <= FIRST || sum === size);
  return [`<!-- ${manifest.name} ${manifest.version}, by quern pack. Write the folder's own address in place of ${quoted(base)} where it differs. These are for a model that is loaded at once:`,
    '     a preload that no script asks for within seconds is a warning and wasted bytes. -->', tag(`manifest-${hash}.json`, hash), ...first.map((f) => tag(f.file, f.sha256)), ''].join('\n');
}
