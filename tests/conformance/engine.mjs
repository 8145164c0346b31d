// Quern as an engine of the conformance runner, in Node and in a page.
// Options: dist (URL of the folder of the built files; this repository's dist/ in Node, /dist/ of the host in a page), build (simd or
// relaxed; the best one when left out). One instance of the wasm per case: what fails inside it goes with it.
const inPage = typeof document !== 'undefined';

export default async function ({ dist, build } = {}) {
  const base = new URL(dist ?? (inPage ? '/dist/' : '../../dist/'), inPage ? location.href : import.meta.url);
  const { Tensor, init, load, version } = await import(new URL('index.js', base).href);
  if (build) await init({ wasm: new URL(`quern-${build}.wasm`, base) });
  return {
    name: `quern${build ? `/${build}` : ''}`, version, Tensor,
    types: new Set(['float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16', 'float64', 'uint32', 'uint64', 'bfloat16',
      'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0', 'float4e2m1', 'int4', 'uint4', 'int2', 'uint2']),
    sequences: true,
    optionals: true,
    create: async (bytes) => {
      const model = await load(bytes.slice(), { worker: false });
      return { run: (feeds) => model.run(feeds), release: () => model.dispose() };
    },
    classify: (error) => ({ cause: error?.code ?? 'exception' }),
  };
}
