// dist/report.js: what makes reports of models; a page loads it when somebody looks inside a model.
export { byOperator, bytes, count, gflops, inspectionText, opName, profileText, shape, verdict } from './text.js';
export { guessShape, randomInputs } from './random-inputs.js';
