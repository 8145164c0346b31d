// Makes dist/models/language/ from the files beside this one, which train.py wrote.
import { pack } from '../pack.mjs';

await pack(import.meta.url, 'language', 'models');
