// What a model on the graphics card fetches: dist/gpu.js, or, from the sources, this file.
export * from '../gpu/index.js';
