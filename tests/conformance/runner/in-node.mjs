// Runs cases in worker processes, a few at a time, so that a crash, a trap or a time-out costs one case and no more.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));
const CHUNK = 60; // cases of one process

/**
 * @param {any[]} cases
 * @param {{ folder: string, engine: string, options: Record<string, string>, jobs?: number, timeout?: number, execArgv?: string[] }} how timeout in seconds
 * @returns {Promise<{ engine: { name: string, version: string }, results: Map<string, any> }>}
 */
export async function runInNode(cases, { folder, engine, options, jobs = 2, timeout = 60, execArgv = [] }) {
  const results = new Map();
  let about = null;

  /** One process. Gives the cases that it did not get to. @param {any[]} list @returns {Promise<any[]>} */
  const runChunk = (list) => new Promise((resolve, reject) => {
    const worker = fork(WORKER, [], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], serialization: 'advanced', execArgv });
    const left = new Set(list.map((c) => c.id));
    let current = null, timer, ended = false, output = '', why = '';
    const note = (text) => { output = (output + text).slice(-400); };
    worker.stdout.on('data', note);
    worker.stderr.on('data', note);
    const arm = (seconds) => {
      clearTimeout(timer);
      timer = setTimeout(() => { why = 'timeout'; worker.kill('SIGKILL'); }, seconds * 1000);
    };
    worker.on('message', (m) => {
      if (m.ready) about ??= m.ready;
      else if (m.start) { current = m.start; output = ''; arm(timeout); }
      else if (m.done) { clearTimeout(timer); current = null; left.delete(m.done); results.set(m.done, m.result); }
      else if (m.end) ended = true;
      else why = m.broken ?? m.unhandled;
    });
    worker.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (current) {
        left.delete(current);
        results.set(current, why === 'timeout' ? { status: 'timeout', cause: 'timeout', detail: `no result in ${timeout} s` }
          : { status: 'crash', cause: 'crash', detail: `${why} exit ${code ?? signal}; ${output}` });
      } else if (!ended && left.size === list.length) {
        return reject(new Error(`the engine did not start: ${why || output}`));
      }
      resolve(list.filter((c) => left.has(c.id)));
    });
    arm(120);
    worker.send({ engine, options, folder, cases: list });
  });

  const pool = async (chunks) => {
    const queue = [...chunks];
    await Promise.all(Array.from({ length: jobs }, async () => {
      for (let chunk; (chunk = queue.shift());) while (chunk.length) chunk = await runChunk(chunk);
    }));
  };
  const chunks = [];
  for (let i = 0; i < cases.length; i += CHUNK) chunks.push(cases.slice(i, i + CHUNK));
  await pool(chunks);
  // again in a process of its own: a broken neighbour must not be blamed on a case
  await pool(cases.filter((c) => ['crash', 'timeout'].includes(results.get(c.id)?.status) || results.get(c.id)?.fatal).map((c) => [c]));
  return { engine: about, results };
}
