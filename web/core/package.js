// What a model consists of, whether it came as one file or as a package. Packages are read by web/delivery.
import { isNode, nodeModule } from './platform.js';

/**
 * @typedef {import('./source.js').SourceSpec} SourceSpec
 * A file of a package: its name relative to the manifest, or an object with more about it.
 * @typedef {string | { file: string, size?: number, sha256?: string }} FileEntry
 * Tensors of recorded inputs and outputs lie in one file.
 * @typedef {{ type: string, dims: number[], offset: number, length: number }} RecordedTensor
 * @typedef {FileEntry & { rtol: number, atol: number, cases: { inputs: Record<string, RecordedTensor>, outputs: Record<string, RecordedTensor> }[] }} Golden
 * params: shards of the parameters, in order.
 * @typedef {FileEntry & { params?: FileEntry[], golden?: Golden }} ModelEntry
 * task: what predict() does. models: by role ("model" for a single one). labels: the classes or the dictionary, one a line. runtime: a range.
 * @typedef {{ schema?: number, name: string, version: string, runtime?: string, task?: string, encryption?: { algorithm: string, key: string }, models: Record<string, ModelEntry>, labels?: FileEntry, limits?: import('../limits/index.js').Limits,
 *   files?: Record<string, FileEntry>, options?: Record<string, number>,
 *   features?: import('../features/pipeline.js').Step[], outputs?: import('../features/pipeline.js').Step[] }} Manifest
 * limits: of what leaves the model, as the publisher wants it. features, outputs: steps from a source to the model and from it to answers. files: what they name, by role.
 * roles: of its models, in the order of need. open: the bytes of one; bytes, text: another file of the package.
 * @typedef {{ manifest: Manifest, base: string, limits?: import('../limits/index.js').Limiter, open: (role: string) => Promise<{ source: SourceSpec, externalData?: Map<string, SourceSpec | import('./source.js').Pieces> }>,
 *   bytes: (entry: FileEntry) => Promise<Uint8Array>, text: (entry: FileEntry) => Promise<string> }} Package
 */

/**
 * Whether the source is a package: a folder, or a pointer or manifest by its name.
 * @param {SourceSpec} spec
 */
export function isPackage(spec) {
  const name = spec.kind === 'url' ? spec.url.replace(/[?#].*/, '') : spec.kind === 'path' ? spec.path : '';
  return /[/\\]$|(^|[/\\])[^/\\]*\.json$/.test(name)
    || Boolean(isNode && spec.kind === 'path' && nodeModule('node:fs').statSync(name, { throwIfNoEntry: false })?.isDirectory());
}
