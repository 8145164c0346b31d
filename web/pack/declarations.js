// A package's inputs and answers as TypeScript, for whoever calls it.
/**
 * @typedef {import('./package-folder.js').Manifest} Manifest
 * @typedef {import('./package-folder.js').Port} Port
 */

/** @type {Record<string, string>} */
const ARRAYS = { float32: 'Float32Array', float64: 'Float64Array', int8: 'Int8Array', int16: 'Int16Array', int32: 'Int32Array', uint16: 'Uint16Array', uint32: 'Uint32Array',
  int64: 'BigInt64Array', uint64: 'BigUint64Array', bfloat16: 'Uint16Array', int4: 'Int8Array', int2: 'Int8Array', complex64: 'Float32Array', complex128: 'Float64Array', string: 'string[]' };

/** What predict() gives, by task. @type {Record<string, [string, string]>} */
const ANSWERS = {
  ocr: ['ImageBitmapSource | ImageData | Blob', '{ text: string; score: number; box: [number, number][]; boxScore: number; turned: boolean }'],
  vad: ['Float32Array | { data: Float32Array; rate: number }', '{ start: number; end: number; score: number }'],
};

/** @param {Port} port @param {boolean} given an input, which takes plain numbers too */
function tensor({ name, type, dims }, given) {
  if (type.includes(' of ')) return `  ${JSON.stringify(name)}: any; // ${type}`;
  const array = type === 'float16' ? 'ArrayBufferView & ArrayLike<number>' : ARRAYS[type] ?? 'Uint8Array'; // Float16Array where there is one
  const shape = dims ? `[${dims.map((d) => (typeof d === 'number' ? d : 'number')).join(', ')}]` : 'number[]';
  const plain = type === 'string' ? '' : ` | readonly (number${/int64/.test(type) ? ' | bigint' : ''}${type === 'bool' ? ' | boolean' : ''})[]`;
  const symbols = dims?.some((d) => typeof d === 'string') ? ` // [${dims.map((d) => d ?? '?').join(', ').replace(/[\r\n\u2028\u2029]/g, ' ')}]` : '';
  return given
    ? `  ${JSON.stringify(name)}: { type?: ${JSON.stringify(type)}; dims?: readonly ${shape}; data: ${array}${plain} };${symbols}`
    : `  ${JSON.stringify(name)}: { type: ${JSON.stringify(type)}; dims: ${shape}; data: ${array} };${symbols}`;
}

/** @param {Manifest} manifest */
export function declarations({ name, version, models, task }) {
  const comment = (/** @type {string} */ s) => s.replace(/\*\//g, '* /').replace(/[\r\n]/g, ' ');
  const roles = Object.entries(models), lines = [`/** ${comment(name)} ${comment(version)}. Written by quern pack.`, ' *',
    ' *   import { load } from \'quern\';', ` *   import type { TypedModel } from './model.d.ts';`, ' *   const model = (await load(url)) as unknown as TypedModel; */', ''];
  const single = roles.length === 1;
  if (single) {
    const [[, { inputs = [], outputs = [] }]] = roles;
    lines.push('export interface Inputs {', ...inputs.map((p) => tensor(p, true)), '}', '', 'export interface Outputs {', ...outputs.map((p) => tensor(p, false)), '}', '');
  }
  const answer = task ? ANSWERS[task] : undefined;
  if (answer) lines.push(`export type Answer = ${answer[1]};`, '');
  lines.push('export interface TypedModel {');
  if (single) lines.push('  run<K extends keyof Outputs = keyof Outputs>(inputs: Inputs, options?: { signal?: AbortSignal; outputs?: readonly K[] }): Promise<Pick<Outputs, K>>;',
    '  runSync<K extends keyof Outputs = keyof Outputs>(inputs: Inputs, options?: { outputs?: readonly K[] }): Pick<Outputs, K>;');
  if (answer) lines.push(`  predict(input: ${answer[0]}, options?: { signal?: AbortSignal }): Promise<Answer[]>;`);
  lines.push('  dispose(): void;', '}', '');
  return lines.join('\n');
}
