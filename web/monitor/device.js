// What kind of device it is, in six words, so that nobody is told apart by it.

/** @param {any} [it] navigator @returns {string} */
export function deviceClass(it = globalThis.navigator) {
  if (typeof document !== 'object' || !it) return 'other';
  const { hardwareConcurrency: cores = 1, userAgentData, userAgent = '' } = it, mobile = userAgentData?.mobile ?? /Mobi|Android/.test(userAgent);
  return `${mobile ? 'mobile' : 'desktop'} ${cores < 4 ? 'small' : cores < 8 ? 'medium' : 'large'}`;
}
