// The device, shared by the models of a thread.
import { QuernError, messageOf } from '../core/errors.js';
import { Pool } from './pool.js';
import { Shaders } from './shader.js';

/** What an adapter tells of itself. @typedef {{ vendor: string, architecture: string, device: string, description: string, isFallback: boolean }} AdapterFacts */

export class Context {
  /** @type {string} why it can no longer be used */
  lost = '';
  /** @type {QuernError | null} */
  #failure = null;
  /** For tests: steps without a kernel are errors. */
  forbidIslands = false;

  /** @param {GPUDevice} device @param {AdapterFacts} facts */
  constructor(device, facts) {
    this.device = device;
    this.facts = facts;
    this.pool = new Pool(device);
    this.shaders = new Shaders(device);
    this.largest = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    device.lost.then(({ reason, message }) => {
      this.lost ||= `the graphics device was lost (${reason || 'unknown'}${message ? `: ${message}` : ''})`;
    });
    device.addEventListener?.('uncapturederror', (event) => {
      const { error } = /** @type {any} */ (event), full = error.constructor?.name === 'GPUOutOfMemoryError';
      this.#failure ??= new QuernError(full ? 'out-of-memory' : 'internal', full ? `the graphics card has no memory for this model: ${error.message}` : `the graphics driver refused a command: ${error.message}. This is a bug in Quern.`);
    });
  }

  /** Whether the device was lost; word of that takes a moment. */
  async isLost() {
    if (!this.lost) await Promise.race([this.device.lost, new Promise((resolve) => setTimeout(resolve, 100))]);
    return Boolean(this.lost);
  }

  /** What went wrong since it was last asked. @returns {QuernError | null} */
  failure() {
    if (this.lost) return new QuernError('unavailable', this.lost);
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }
}

/** @type {Promise<Context> | null} */
let shared = null;

/** @param {GPU | undefined} gpu @returns {Promise<Context>} */
async function open(gpu) {
  if (!gpu) throw new QuernError('unavailable', 'this browser has no WebGPU');
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new QuernError('unavailable', 'this browser has WebGPU, but no graphics card that it lets pages use');
  const { limits, info } = adapter;
  try {
    const device = await adapter.requestDevice({ label: 'quern', requiredLimits: { maxBufferSize: limits.maxBufferSize, maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: Math.min(limits.maxStorageBuffersPerShaderStage, 10) } });
    return new Context(device, { vendor: info?.vendor ?? '', architecture: info?.architecture ?? '', device: info?.device ?? '', description: info?.description ?? '',
      isFallback: Boolean(/** @type {any} */ (info)?.isFallbackAdapter ?? /** @type {any} */ (adapter).isFallbackAdapter) });
  } catch (cause) {
    throw new QuernError('unavailable', `the graphics device could not be opened: ${messageOf(cause)}`, { cause });
  }
}

/** The device of this thread; another one after it was lost. @returns {Promise<Context>} */
export async function context() {
  if (shared) {
    const known = await shared.catch(() => null);
    if (known && !known.lost) return known;
  }
  shared = open(/** @type {any} */ (globalThis.navigator)?.gpu);
  shared.catch(() => (shared = null));
  return shared;
}
