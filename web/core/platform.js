// Where this code runs.

/** @typedef {typeof import('node:fs')} NodeFs */

const { process } = /** @type {{ process?: { versions?: { node?: string }, getBuiltinModule?: (name: string) => any } }} */ (globalThis);

export const isNode = Boolean(process?.versions?.node);

/**
 * A module of Node, without an import that a bundler would follow.
 * @param {string} name
 * @returns {any}
 */
export const nodeModule = (name) => (isNode ? process?.getBuiltinModule?.(name) : undefined);

/** A page, as opposed to a worker, a worklet or Node. */
export const isPage = !isNode && typeof document === 'object' && typeof window === 'object';

/** @returns {number} milliseconds; an AudioWorklet has no performance */
export const now = () => globalThis.performance?.now() ?? Date.now();

/** @type {(() => void)[]} */
const waiting = [];
/** @type {MessageChannel | undefined} */
let channel;

/**
 * Lets the page draw, timers fire and messages arrive, with none of the 4 ms that setTimeout adds. Not by scheduler.yield(), which comes
 * back before the page's timers.
 * @returns {Promise<void>}
 */
export function yieldToEvents() {
  const { setImmediate } = /** @type {any} */ (globalThis);
  if (setImmediate) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    if (!channel) {
      channel = new MessageChannel();
      channel.port1.onmessage = () => waiting.shift()?.();
    }
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });
}
