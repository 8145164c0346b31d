// What packages need beyond a plain model; built as a file of its own, which is fetched when the first one is loaded.
export { Delivered } from '../delivery/delivered.js';
export { cache } from '../delivery/library.js';
export { verifiedFile } from '../delivery/integrity.js';
