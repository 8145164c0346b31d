// Whether a version gives the answers that were recorded when it was made.
import { QuernError } from '../core/errors.js';
import { ARRAYS } from '../core/tensor.js';

/**
 * @typedef {import('../core/package.js').RecordedTensor} RecordedTensor
 * @typedef {import('../core/tensor.js').TensorLike} TensorLike
 * @typedef {(feeds: Record<string, TensorLike>) => Promise<Record<string, any>>} Run
 */

/** @param {Uint8Array} bytes @param {RecordedTensor} recorded @returns {TensorLike} */
function tensorOf(bytes, { type, dims, offset, length }) {
  const piece = bytes.slice(offset, offset + length);
  if (type === 'string') return { type, dims, data: JSON.parse(new TextDecoder().decode(piece)) };
  if (!ARRAYS[type]) throw new QuernError('bad-model', `the recorded values have the type '${type}', which there is not`);
  return /** @type {any} */ ({ type, dims, data: new ARRAYS[type](piece.buffer) });
}

/**
 * @param {Run} run
 * @param {import('../core/package.js').Golden} golden
 * @param {Uint8Array} bytes its file
 * @returns {Promise<string>} '' or what differs
 */
export async function differsFromGolden(run, golden, bytes) {
  const { rtol, atol } = golden;
  for (const [k, { inputs, outputs }] of golden.cases.entries()) {
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, recorded]) => [name, tensorOf(bytes, recorded)]));
    const got = await run(feeds);
    for (const [name, recorded] of Object.entries(outputs)) {
      const want = tensorOf(bytes, recorded), have = got[name];
      const where = `output '${name}' of recorded case ${k}`;
      if (!have?.dims || have.type !== want.type || String(have.dims) !== String(want.dims))
        return `${where} is ${have?.type} [${have?.dims}], recorded was ${want.type} [${want.dims}]`;
      for (let i = 0; i < want.data.length; i++) {
        const a = /** @type {any} */ (want.data)[i], b = have.data[i];
        if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
        if (!(Math.abs(Number(b) - Number(a)) <= atol + rtol * Math.abs(Number(a)))) return `${where} is ${b} at ${i}, recorded was ${a}`;
      }
    }
  }
  return '';
}
