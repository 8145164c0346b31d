// The build for importScripts(): gives the global `quern`.
import * as functions from './service-worker.js';

/** @type {any} */ (globalThis).quern = functions;
