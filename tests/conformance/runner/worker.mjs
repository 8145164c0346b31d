// Child of in-node.mjs: runs cases one by one and reports each. Ends itself once the engine says that it is broken.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { runCase } from './run-case.mjs';
import { filesOf } from './suite.mjs';

const tell = (message) => new Promise((resolve) => process.send(message, resolve));

process.once('message', async ({ engine: file, options, folder, cases }) => {
  try {
    const engine = await (await import(pathToFileURL(path.resolve(file)).href)).default(options);
    await tell({ ready: { name: engine.name, version: engine.version } });
    const groups = new Map();
    for (const meta of cases) {
      if (!groups.has(meta.group)) groups.set(meta.group, filesOf(folder, meta.group));
      await tell({ start: meta.id });
      const result = await runCase(engine, groups.get(meta.group)(meta), meta)
        .catch((error) => ({ status: 'error', phase: 'suite', cause: 'suite', detail: String(error.stack ?? error).slice(0, 600), fatal: false }));
      await tell({ done: meta.id, result });
      if (result.fatal) process.exit(3);
    }
    await tell({ end: true });
    process.exit(0);
  } catch (error) {
    await tell({ broken: String(error.stack ?? error) });
    process.exit(4);
  }
});
// an engine may fail in the background: that is the end of the current case
process.on('unhandledRejection', (error) => void tell({ unhandled: String(error?.message ?? error).slice(0, 400) }).then(() => process.exit(5)));
