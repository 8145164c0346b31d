// What this engine can run, found by validating the smallest functions that use it.

/** @param {number[]} code the body of one function [] → [v128] */
const validates = (code) => {
  const body = [code.length + 2, 0, ...code, 0x0b];
  // magic, version; type [] → [v128]; one function of it; its code
  return WebAssembly.validate(new Uint8Array(
    [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, body.length + 1, 1, ...body]));
};

// i32.const 0, i8x16.splat
const SPLAT = [0x41, 0, 0xfd, 0x0f];

export const hasSimd = () => validates(SPLAT);
// i8x16.relaxed_swizzle. Engines that have it but are older than Math.f16round (V8 13.5 of 2025) spill the registers of the relaxed build's kernels,
// which then run at half the speed of the other build's.
export const hasRelaxedSimd = () => 'f16round' in Math && validates([...SPLAT, ...SPLAT, 0xfd, 0x80, 0x02]);
