// BatchNormalization with the statistics of training: an expression, as the elementwise operators are.
import { Unsupported } from '../executor.js';
import { WORDS } from '../words.js';
import { float, link } from './elementwise.js';

/** @param {import('../executor.js').Executor} g @param {import('../plan.js').Step} s */
export function batchNorm(g, s) {
  const [x, ...rest] = s.in, [y, ...more] = s.out;
  if (!x || !y || WORDS[x.type] !== 'f32' || rest.length < 4) throw new Unsupported('an input is missing');
  if (s.int('training_mode', 0) || more.some(Boolean) || (s.opset < 9 && !s.int('spatial', 1))) throw new Unsupported('it is in training');
  const dims = [x.dims[1] ?? 1, ...x.dims.slice(2).map(() => 1)], epsilon = float(s.float('epsilon', 1e-5));
  const ports = rest.map((p) => {
    if (!p || p.count !== dims[0]) throw new Unsupported('its parameters do not fit');
    return { ...p, dims };
  });
  link(g, s, y, `batchnorm ${epsilon}`, (v, scale, bias, mean, variance) => `((${v} - ${mean}) / sqrt(${variance} + ${epsilon}) * ${scale} + ${bias})`, [x, ...ports]);
}
