// In the page of in-browser.mjs: runs the cases of one job one by one and reports each.
import { runCase } from './run-case.mjs';
import { byCase, untar } from './tar.mjs';

/** @param {string} group */
async function filesOf(group) {
  const response = await fetch(`/suite/${group}.tar.gz`);
  const bytes = await new Response(response.body.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
  const files = byCase(untar(new Uint8Array(bytes)));
  return (/** @type {{ name: string }} */ { name }) => files.get(name);
}

/**
 * @param {{ engine: string, options: Record<string, string>, cases: any[], tol?: { rtol: number, atol: number, mode: string } }} job tol: instead of the cases' own
 * @param {(message: any) => Promise<void>} tell
 */
export async function runJob({ engine: url, options, cases, tol }, tell) {
  const engine = await (await import(url)).default(options);
  await tell({ ready: { name: engine.name, version: engine.version } });
  const groups = new Map();
  for (const meta of cases) {
    if (!groups.has(meta.group)) groups.set(meta.group, await filesOf(meta.group));
    await tell({ start: meta.id });
    const result = await runCase(engine, groups.get(meta.group)(meta), meta, { tol });
    await tell({ done: meta.id, result });
    if (result.fatal) return;
  }
}
