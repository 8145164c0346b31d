// What a package with steps fetches: dist/features.js, or, from the sources, this file.
export * from '../features/index.js';
