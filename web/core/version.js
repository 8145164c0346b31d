// The release and the build. Used from source the build is "dev", which fits every wasm.

export const version = '0.1.0';
export const build = typeof QUERN_BUILD_ID === 'string' ? QUERN_BUILD_ID : 'dev';
