// The suites, where they lie, and what is known of them in expected.json.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXPECTED = fileURLToPath(new URL('expected.json', import.meta.url));

/** debian: ONNX 1.17's cases, unpacked by testdata.sh. open: the collection of QUERN_CONFORMANCE, or of ../shared/conformance where that is. */
const FOLDERS = {
  debian: [path.join(ROOT, 'deps/onnx-cases')],
  open: [process.env.QUERN_CONFORMANCE, path.join(ROOT, '../shared/conformance')].filter(Boolean).flatMap((d) => [path.join(d, 'open'), d]),
};
export const SUITES = Object.keys(FOLDERS);

/** The suite's folder, or undefined where it is not there. @param {string} suite its name, or a folder */
export const folderOf = (suite) => (FOLDERS[suite] ?? [suite]).find((d) => existsSync(path.join(d, 'node.index.json')));

/** The onnxruntime-web results that lie beside the open suite, or null. */
export function baseline() {
  const file = path.join(folderOf('open') ?? '.', '../baseline/ort-web-1.30.0-wasm.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

/**
 * What does not pass, with the reason; all other cases have to pass.
 * @returns {Record<string, { cases: number, open: Record<string, string> }>} by suite
 */
export const readExpected = () => (existsSync(EXPECTED) ? JSON.parse(readFileSync(EXPECTED, 'utf8')) : {});

/** @param {ReturnType<typeof readExpected>} expected one case a line, so that a change shows what changed */
export function writeExpected(expected) {
  const suites = Object.entries(expected).map(([suite, { cases, open }]) => {
    const lines = Object.entries(open).sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, why]) => `    ${JSON.stringify(id)}: ${JSON.stringify(why)}`);
    return `  ${JSON.stringify(suite)}: { "cases": ${cases}, "open": {\n${lines.join(',\n')}${lines.length ? '\n' : ''}  } }`;
  });
  writeFileSync(EXPECTED, `{\n${suites.join(',\n')}\n}\n`);
}

/** Why a case does not pass, in a few words. @param {string} suite @param {any} meta @param {any} result */
export function reasonOf(suite, meta, { status, cause, detail = '' }) {
  if (meta.suspect) return `doubtful case: ${meta.suspect}`;
  const doubt = (suite === 'debian' && DOUBTFUL[meta.id]) || CONTRADICTING.find(([part]) => meta.id.includes(part))?.[1];
  if (doubt) return `doubtful case: ${doubt}`;
  if (meta.tags.includes('random')) return 'compares random numbers, which no other implementation repeats';
  if (status === 'unsupported') return `the runner cannot hand over ${cause}`;
  const missing = /Quern does not have: (.*)/.exec(detail);
  if (missing) return `operators missing: ${missing[1]}`;
  return `${status === 'fail' ? `wrong ${cause}: ` : status === 'error' ? '' : `${status}: `}${detail}`.slice(0, 200);
}

/** Debian's cases that contradict the standard, found by reading them; later releases of ONNX have them corrected. */
const BFLOAT16 = 'holds bfloat16 as uint16 tensors, which are of another type than the model declares';
const WRAPPED = 'its expected sums wrapped around where the standard says that they saturate';
const DOUBTFUL = {
  'node/test_cast_BFLOAT16_to_FLOAT': BFLOAT16, 'node/test_cast_FLOAT_to_BFLOAT16': BFLOAT16,
  'node/test_castlike_BFLOAT16_to_FLOAT': BFLOAT16, 'node/test_castlike_BFLOAT16_to_FLOAT_expanded': BFLOAT16,
  'node/test_castlike_FLOAT_to_BFLOAT16': BFLOAT16, 'node/test_castlike_FLOAT_to_BFLOAT16_expanded': BFLOAT16,
  'node/test_qlinearmatmul_2D_int8_float16': WRAPPED, 'node/test_qlinearmatmul_2D_int8_float32': WRAPPED,
  'node/test_qlinearmatmul_3D_int8_float16': WRAPPED, 'node/test_qlinearmatmul_3D_int8_float32': WRAPPED,
};
/** Cases of any suite, by a part of their names. */
const CONTRADICTING = [
  ['test_adam_multiple', 'was computed with an epsilon of 0.01, which the node does not have'],
  ['test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True', 'counts positions beyond the padding; later releases of ONNX have it corrected'],
  ['test_convtranspose_autopad_same__opset14', 'pads as the standard said before 1.11, which mixed up SAME_UPPER and SAME_LOWER'],
  ['test_resize_upsample_sizes_nearest_floor_align_corners__opset11', 'was computed with nearest_mode floor, which the node does not have'],
  ['test_resize_upsample_sizes_nearest_round_prefer_ceil_asymmetric__opset11', 'was computed with nearest_mode round_prefer_ceil, which the node does not have'],
  ['multihead-attention__16', 'forgets the share e^-10 of the other key'],
  ['resize-pack__02', 'its second set of data gives sizes, for which the node has no input'],
  ['rotary-embedding__0', 'expects numbers rounded to four digits'],
  ['test_dft_inverse', 'expects the rounding errors of one implementation, up to 2e-7, where the exact value is 0'],
];
