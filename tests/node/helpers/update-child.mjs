// A page that is killed: loads a package with a folder for its cache, tells what it answers, updates when told to.
import { quern } from './quern.mjs';
import { folderStore } from './stores.mjs';

const [url, folder, key] = process.argv.slice(2);
const m = await quern.load(url, { keys: [key], cache: folderStore(folder), update: false });
const floats = m.inputs[0].dims[1];
const { outputs, version } = await m.run({ x: { type: 'float32', dims: [1, floats], data: new Float32Array(floats) } }, { meta: true });
process.send({ word: 'loaded', version, value: outputs.y.data[0] });
process.on('message', async () => {
  await m.update().catch(() => {});
  process.send({ word: 'updated' });
});
