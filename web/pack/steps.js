// The steps of a package outside of a page: checked as loading checks them, and made.
import { fileOf } from '../delivery/manifest.js';
import { Pipeline, filesNamed } from '../features/pipeline.js';
import { readEntry } from './package-folder.js';

/** @typedef {import('./package-folder.js').Manifest} Manifest */

/** Whether predict() runs steps, which are for one model: a task reads the members of its packages itself. @param {Manifest} manifest */
export const hasSteps = (manifest) => !manifest.task && Object.keys(manifest.models).length === 1 && Boolean(manifest.features || manifest.outputs);

/**
 * @param {string} folder
 * @param {Manifest} manifest
 * @param {'features' | 'outputs'} side
 * @param {any} [steps] in place of the manifest's
 * @returns {Promise<Pipeline | null>}
 */
export async function pipelineOf(folder, manifest, side, steps = manifest[side]) {
  if (!steps) return null;
  /** @type {Record<string, any>} */
  const entries = { ...(manifest.labels ? { [fileOf(/** @type {any} */ (manifest.labels)).file]: manifest.labels, labels: manifest.labels } : {}), ...manifest.files };
  const files = new Map(filesNamed(steps, Object.keys(entries)).map((name) => [name, readEntry(folder, /** @type {any} */ (fileOf(entries[name])))]));
  return Pipeline.create(side, steps, files);
}

/** Why the steps of a package cannot run, a sentence that names the step and what would be allowed, or ''. @param {string} folder @param {Manifest} manifest */
export async function stepsProblem(folder, manifest) {
  if (!hasSteps(manifest)) return '';
  for (const side of /** @type {const} */ (['features', 'outputs'])) {
    try {
      (await pipelineOf(folder, manifest, side))?.dispose();
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
  return '';
}
