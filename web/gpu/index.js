// dist/gpu.js, fetched when a model is to run on the graphics card.
import { QuernError } from '../core/errors.js';
import { build } from '../core/version.js';
import { context } from './device.js';
import { Executor } from './executor.js';

export { QuernError, build, context };

/** @typedef {import('./executor.js').Executor} GpuExecutor */

/**
 * @param {import('./device.js').Context} device
 * @param {import('../core/heap.js').Heap} heap
 * @param {number} model
 */
export const executor = (device, heap, model) => new Executor(device, heap, model);
