// The script-tag build: <script src="quern.js"> gives the global `quern`.
import * as quern from './index.js';

/** @type {any} */ (globalThis).quern = quern;
