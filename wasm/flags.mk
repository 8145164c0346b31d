# Every compiler and linker flag of the wasm builds, with its reason. VARIANT is simd or relaxed, each also with -threads.

# -- compiling -------------------------------------------------------------------------------------------------------
# simd: every browser since 2021. relaxed adds fused multiply-add and relaxed conversions (taken in Chromium 135, Firefox 145, Node 24).
ISA.simd    := -msimd128
ISA.relaxed := -msimd128 -mrelaxed-simd
# Threads need a shared memory and atomics. No pthreads: src/base/parallel.c needs atomic instructions alone, and the C library stays the one
# without locks, since only one thread allocates.
ISA.threads := -matomics -DQN_THREADS=1

WASM_COMMON := \
  $(ISA.$(BASE)) $(if $(THREADS),$(ISA.threads)) \
  -DNDEBUG \
  -mnontrapping-fptoint \
  -mbulk-memory \
  -fno-math-errno \
  -ffunction-sections -fdata-sections \
  -fvisibility=hidden \
  -fno-strict-aliasing
# -mnontrapping-fptoint   a float that does not fit an integer saturates; the default instruction traps, and a trap kills the instance
# -mbulk-memory           memcpy and memset are one instruction; every engine with SIMD has it
# -fno-math-errno         sqrt, floor and others become instructions; nobody reads errno
# -ffunction-sections …   the linker drops what nobody calls
# -fno-strict-aliasing    untyped blocks hold every dtype in turn; costs nothing measurable
# no -ffast-math anywhere: NaN, infinities and signed zeros are part of ONNX's results

# -Wno-pass-failed        a header's loops are asked to vectorize; where it is included at -Os they need not
CORE_CFLAGS  := -std=c11 -Wall -Wextra -Werror -Wno-pass-failed -Wno-error=pass-failed -Wno-missing-field-initializers -Isrc -Ideps/cjson $(EXTRA_CFLAGS)
# -Wno-missing-field-…    tables of parameters leave out what is zero
# -Wno-error=pass-failed  a loop that one release of the compiler does not vectorize must not stop the build of another
# Kernels are where the time goes; everything else runs once per node and is a download.
KERNEL_OPT   := -O3 -fno-unroll-loops
# Sums and extremes of a row are chains of dependent additions; unrolled they are twice as fast. Elsewhere unrolling is 6 KB for nothing.
UNROLLED_KERNELS := reduce norm softmax quantize transpose tile
# Kernels where size counts: -O3 makes them two to three times as large and no model measurably faster.
COLD_KERNELS := conv_strips cast order picture_file inflate number_text fft taps conv_ref random window attention
COLD_OPT     := -Os
# The reader, the graph and the operators, as small as can be: 4.6 KB less on the wire than at -Os. Operators with loops over elements of their own
# that models wait for are left at -Os.
CORE_OPT     := -Oz
HOT_OPERATORS := gather pad scatter slice concat grid_sample nonzero nms rotary_embedding layer_norm channel_norm batch_norm
# Feature extractors that work on every pixel or sample.
HOT_FEATURES := image/resample image/opencv_resize image/turn_step image/yuv image/color_step image/normalize_step image/layout_step audio/log_step \
  $(addprefix text/,added chars encode normalizer pieces split_pattern token_model tokenize_step unicode vocab bpe unigram)
SMALL_KERNELS := rfft lookup regex score svm tree_build utf8

CJSON_CFLAGS       := -std=c99 -Os -w -DCJSON_HIDE_SYMBOLS -DCJSON_NESTING_LIMIT=64

# -- linking ---------------------------------------------------------------------------------------------------------
# The output is a .wasm alone: JavaScript instantiates it with a handful of imports, so there is no generated JavaScript to load,
# no eval, and nothing that ties web/ to a version of Emscripten. wasm/imports.txt is the list, and the link fails on another.
LINK_FLAGS := \
  -O3 \
  --no-entry \
  -sSTANDALONE_WASM=1 \
  -sFILESYSTEM=0 \
  -sASSERTIONS=0 \
  -sMALLOC=dlmalloc \
  -sALLOW_MEMORY_GROWTH=1 \
  -sMEMORY_GROWTH_GEOMETRIC_STEP=0 \
  -sINITIAL_MEMORY=2MB \
  -sMAXIMUM_MEMORY=4GB \
  -sSTACK_SIZE=1MB \
  -sSUPPORT_LONGJMP=0 \
  -sERROR_ON_UNDEFINED_SYMBOLS=0 \
  -sEXPORTED_FUNCTIONS=@$(EXPORTS) \
  -Wl,--stack-first -Wl,--gc-sections -Wl,-Map=$(OUT)/quern.map
# What emcc -O3 has Binaryen do, for each half of the split (wasm/wasm.mk); but the table of the second half is filled later.
OPTIMIZE := --strip-target-features --post-emscripten -O3 --zero-filled-memory
FEATURES.simd := --mvp-features --enable-bulk-memory --enable-multivalue --enable-mutable-globals --enable-nontrapping-float-to-int --enable-reference-types \
  --enable-sign-ext --enable-simd
FEATURES.relaxed := $(FEATURES.simd) --enable-relaxed-simd
# reference-types         a second table, through which the first file calls the second; every engine with SIMD has them
# The memory comes from JavaScript, which gives it to the helpers too; its maximum must be declared. The linker's data segments are then
# copied into it once, by the first instance. --no-check-features: objects that use no atomics need not be compiled for them.
LINK_THREADS := -sIMPORTED_MEMORY=1 -Wl,--shared-memory,--no-check-features
# -O3                     Binaryen's optimizer after the linker; -Oz saves 1 % of the wire and costs speed in the kernels
# --no-entry              a library: no main
# STANDALONE_WASM         no JavaScript is written
# dlmalloc                large models are a few big blocks; emmalloc is 2 KB smaller but walks lists under fragmentation
# ALLOW_MEMORY_GROWTH …   a page pays for the model it loads; steps are exact, since a doubled heap is memory that never comes back
# MAXIMUM_MEMORY          all that 32-bit pointers reach; JavaScript reads pointers unsigned
# STACK_SIZE, stack-first the stack lies below the data, so running over it ends in a trap, not in silent damage
# ERROR_ON_UNDEFINED…=0   the imports are checked against wasm/imports.txt instead, with a clearer sentence
