/** Set by the build to the id that the wasm also carries; undefined when the sources are used as they are. */
declare const QUERN_BUILD_ID: string | undefined;
