// Quern on WebGPU as an engine of the conformance runner, in a page.
// Options: dist; islands: 'no' makes a step that the graphics card has no kernel for an error; where the core folds a whole graph away while
// it plans, there is nothing left to compute, on either.
export default async function ({ dist = '/dist/', islands = 'yes' } = {}) {
  const base = new URL(dist, location.href);
  const { Tensor, init, load, version } = await import(new URL('index.js', base).href);
  const gpu = await import(new URL('gpu.js', base).href);
  await init({ gpu });
  (await gpu.context()).forbidIslands = islands === 'no';
  return {
    name: `quern/webgpu${islands === 'no' ? '/no-islands' : ''}`, version, Tensor,
    types: new Set(['float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16', 'float64', 'uint32', 'uint64', 'bfloat16',
      'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0', 'float4e2m1', 'int4', 'uint4', 'int2', 'uint2']),
    sequences: true,
    optionals: true,
    create: async (bytes) => {
      const model = await load(bytes.slice(), { worker: false, backend: 'gpu' });
      return { run: (feeds) => model.run(feeds), release: () => model.dispose() };
    },
    classify: (error) => ({ cause: error?.code ?? 'exception' }),
  };
}
