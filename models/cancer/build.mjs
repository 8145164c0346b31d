// Copies the package, which train.py made, to dist/models/cancer/.
import { pack } from '../pack.mjs';

await pack(import.meta.url, 'models/cancer', '.');
