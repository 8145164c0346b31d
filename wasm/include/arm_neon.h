/* Two of XNNPACK's wasmsimd kernels include this and use nothing from it. */
#include <wasm_simd128.h>
