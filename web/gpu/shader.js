// Compute shaders in a short form, and their pipelines.
//
// A shader has buffers, numbers and a body. In the body `$name` is a number, or the place of the first element of the buffer of that name:
// numbers lie in one uniform block, so that other shapes need no other shader. `$name` of a number declared as `name:f` is a float.

/**
 * key: what tells this shader from all others. buffers: "a b", outputs last; types: their element types, f32 for all that are not named.
 * outputs: how many of the buffers are written. size: threads of a group. linear: the body is for one element, `i`, of `$n`.
 * shared: declarations outside of the body.
 * @typedef {{ key: string, buffers: string, outputs?: number, types?: Record<string, string>, numbers?: string, size?: [number, number, number],
 *   linear?: boolean, shared?: string, body: string }} ShaderSource
 * @typedef {{ pipeline: GPUComputePipeline, layout: GPUBindGroupLayout, numbers: { name: string, float: boolean }[], buffers: string[], outputs: number,
 *   size: [number, number, number] }} Shader
 */

/** @param {ShaderSource} source */
export function wgsl({ buffers, outputs = 1, types = {}, numbers = '', size = [64, 1, 1], linear = false, shared = '', body }) {
  const names = buffers.split(' '), list = [...(linear ? ['n'] : []), ...numbers.split(' ').filter(Boolean), ...names].map((text) => ({ name: text.split(':')[0], float: text.endsWith(':f') }));
  const place = new Map(list.map(({ name, float }, i) => [name, float ? `bitcast<f32>(u[${i >> 2}][${i & 3}])` : `u[${i >> 2}][${i & 3}]`]));
  if (place.size !== list.length) throw new Error('a shader declares a name twice');
  const fill = (/** @type {string} */ text) => text.replace(/\$([a-zA-Z_]\w*)/g, (_, name) => {
    const found = place.get(name);
    if (!found) throw new Error(`a shader uses $${name}, which it does not declare`);
    return found;
  });
  const bindings = names.map((name, i) => `@group(0) @binding(${i + 1}) var<storage, ${i < names.length - outputs ? 'read' : 'read_write'}> ${name}: array<${types[name] ?? 'f32'}>;`);
  const code = `@group(0) @binding(0) var<uniform> u: array<vec4<u32>, ${Math.ceil(list.length / 4)}>;
${bindings.join('\n')}
${fill(shared)}
@compute @workgroup_size(${size.join(', ')})
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lid: u32, @builtin(num_workgroups) nwg: vec3<u32>) {
${linear ? fill(`let i = gid.x + gid.y * nwg.x * ${size[0]}u;\nif (i >= $n) { return; }`) : ''}
${fill(body)}
}`;
  return { code, list, names };
}

export class Shaders {
  #device;
  /** @type {Map<string, Shader>} */
  #made = new Map();
  /** @type {Map<string, { layout: GPUBindGroupLayout, pipelines: GPUPipelineLayout }>} */
  #layouts = new Map();

  /** @param {GPUDevice} device */
  constructor(device) {
    this.#device = device;
  }

  get count() {
    return this.#made.size;
  }

  /** @param {number} reads @param {number} writes */
  #layout(reads, writes) {
    const key = `${reads} ${writes}`;
    let found = this.#layouts.get(key);
    if (!found) {
      const layout = this.#device.createBindGroupLayout({ entries: Array.from({ length: 1 + reads + writes }, (_, i) => ({
        binding: i, visibility: 4, buffer: { type: i === 0 ? 'uniform' : i <= reads ? 'read-only-storage' : 'storage' },
      })) });
      this.#layouts.set(key, found = { layout, pipelines: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }) });
    }
    return found;
  }

  /** @param {string} key @param {() => Omit<ShaderSource, 'key'>} make @returns {Shader} */
  get(key, make) {
    let found = this.#made.get(key);
    if (!found) {
      const source = { key, ...make() }, { code, list, names } = wgsl(source), outputs = source.outputs ?? 1;
      const { layout, pipelines } = this.#layout(names.length - outputs, outputs);
      const pipeline = this.#device.createComputePipeline({ label: key, layout: pipelines, compute: { module: this.#device.createShaderModule({ label: key, code }), entryPoint: 'main' } });
      this.#made.set(key, found = { pipeline, layout, numbers: list, buffers: names, outputs, size: source.size ?? [64, 1, 1] });
    }
    return found;
  }
}
