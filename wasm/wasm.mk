# Builds one variant: make -f wasm/wasm.mk VARIANT=simd EMCC=…
# Compiles with the clang behind emcc (the Python in front of it costs more than the compiling), links with emcc.
VARIANT ?= simd
BASE    := $(VARIANT:-threads=)
THREADS := $(filter %-threads,$(VARIANT))
OUT     := build/$(VARIANT)
DIST    ?= dist
EXPORTS := $(OUT)/exports.txt
EXPORTS_C ?= wasm/exports.c $(if $(THREADS),wasm/thread_exports.c)

include wasm/flags.mk
include $(OUT)/clang.mk

rwildcard = $(foreach d,$(wildcard $(1)/*),$(call rwildcard,$(d),$(2)) $(filter $(2),$(d)))
# Of the features the core has what reading text and finding speech take; the others are in modules of their own, below.
CORE_FEATURES := src/feature/ocr.c $(addprefix src/feature/,image/image_tensor.c image/resize_image.c image/warp_image.c post/contour.c post/ctc.c \
  post/dbnet.c post/rotated_rect.c post/vad.c)
CORE_SRC ?= $(foreach d,base model graph kernel op,$(call rwildcard,src/$(d),%.c)) $(CORE_FEATURES) $(wildcard src/quern.c)
# With threads only what shares work is compiled anew, some twenty files; the others are those of the build without.
SHARED_SRC := $(if $(THREADS),$(shell grep -lF '"base/parallel.h"' $(CORE_SRC)),$(CORE_SRC))
SHARED_OBJ := $(SHARED_SRC:%.c=$(OUT)/%.o)
SINGLE_OBJ := $(patsubst %.c,build/$(BASE)/%.o,$(filter-out $(SHARED_SRC),$(CORE_SRC)))
CORE_OBJ := $(SHARED_OBJ) $(SINGLE_OBJ)
GLUE_OBJ := $(patsubst %.c,$(OUT)/glue/%.o,$(notdir $(EXPORTS_C))) $(OUT)/glue/libm.o
DEP_LIB  := $(OUT)/libdeps.a
IMPORTS  := wasm/imports.txt $(if $(THREADS),wasm/thread_imports.txt)

all: $(DIST)/quern-$(VARIANT).wasm
core: $(OUT)/libquern.a $(DEP_LIB)
.PHONY: all core
.DELETE_ON_ERROR:

# A changed flag or compiler rebuilds everything of the variant.
$(OUT)/clang.mk: wasm/clang.sh $(EMCC_FILE)
	@mkdir -p $(@D); wasm/clang.sh $(EMCC) > $@
WASM_CC  := $(CLANG) $(CLANG_FLAGS) $(WASM_COMMON)
FLAGS_ID := $(OUT)/flags.id
$(shell mkdir -p $(OUT); echo '$(subst ','"'"',$(WASM_CC) $(CORE_CFLAGS) $(CORE_OPT) $(KERNEL_OPT) $(UNROLLED_KERNELS) $(COLD_OPT) $(COLD_KERNELS) $(HOT_OPERATORS) $(SMALL_KERNELS) $(LINK_FLAGS))' > $(FLAGS_ID).new; \
  cmp -s $(FLAGS_ID).new $(FLAGS_ID) && rm $(FLAGS_ID).new || mv $(FLAGS_ID).new $(FLAGS_ID))

$(OUT)/src/%.o: OPT = $(CORE_OPT)
$(OUT)/src/kernel/%.o: OPT = $(KERNEL_OPT)
$(OUT)/src/feature/%.o $(COLD_KERNELS:%=$(OUT)/src/kernel/%.o) $(HOT_OPERATORS:%=$(OUT)/src/op/%.o): OPT = $(COLD_OPT)
$(HOT_FEATURES:%=$(OUT)/src/feature/%.o): OPT = -O3
$(SMALL_KERNELS:%=$(OUT)/src/kernel/%.o): OPT = $(CORE_OPT)
$(UNROLLED_KERNELS:%=$(OUT)/src/kernel/%.o): OPT = -O3
$(OUT)/src/%.o: src/%.c $(FLAGS_ID)
	@mkdir -p $(@D)
	@echo "  $(VARIANT)  $<"
	@$(WASM_CC) $(CORE_CFLAGS) $(OPT) -MMD -MP -c $< -o $@
$(OUT)/glue/%.o: $(dir $(firstword $(EXPORTS_C)))%.c $(FLAGS_ID) build/build_id.h
	@mkdir -p $(@D)
	@$(WASM_CC) $(CORE_CFLAGS) $(CORE_OPT) -include build/build_id.h -MMD -MP -c $< -o $@

$(OUT)/glue/libm.o $(OUT)/glue/strtod.o: $(OUT)/glue/%.o: wasm/%.c $(FLAGS_ID)
	@mkdir -p $(@D)
	@$(WASM_CC) $(CORE_CFLAGS) -fno-builtin $(CORE_OPT) -MMD -MP -c $< -o $@

# Pinned sources: no dependency files needed beyond the stamp of wasm/deps.sh.
$(OUT)/deps/cjson/cJSON.o: deps/cjson/cJSON.c $(FLAGS_ID) deps/stamp
	@mkdir -p $(@D); $(WASM_CC) $(CJSON_CFLAGS) -c $< -o $@

$(DEP_LIB): $(OUT)/deps/cjson/cJSON.o
	@rm -f $@; $(AR) rcs $@ $^
$(OUT)/libquern.a: $(CORE_OBJ) $(filter-out $(CORE_OBJ),$(patsubst %.c,$(OUT)/%.o,$(call rwildcard,src/feature,%.c)))
	@rm -f $@; $(AR) rcs $@ $^

# The feature extractors: $(DIST)/quern-features.wasm, for pictures quern-pictures.wasm, for text quern-text.wasm, each with a memory of its own: make VARIANT=simd features.
# No relaxed SIMD: a feature is the same number on every machine. emmalloc: few blocks, so the small allocator will do.
TEXT_SRC      := $(call rwildcard,src/feature/text,%.c)
STEP_BASE     := $(addprefix src/base/,status.c memory.c dtype.c value.c math64.c angle64.c) src/kernel/number_text.c $(addprefix src/feature/,pipeline.c settings.c step.c)
FEATURES_SRC  := $(STEP_BASE) src/kernel/fft.c src/kernel/rfft.c $(filter-out $(TEXT_SRC) $(STEP_BASE) src/feature/ocr.c src/feature/step_table.c,$(call rwildcard,src/feature,%.c))
TEXT_SRC      += $(STEP_BASE) src/kernel/utf8.c
FEATURES_OBJ  := $(FEATURES_SRC:%.c=$(OUT)/%.o) $(OUT)/glue/features_exports.o $(OUT)/glue/libm.o $(OUT)/glue/strtod.o
PICTURES_OBJ  := $(filter-out $(OUT)/src/feature/audio/% $(OUT)/src/feature/tabular/% $(OUT)/glue/features_exports.o,$(FEATURES_OBJ)) $(OUT)/glue/pictures_exports.o $(OUT)/glue/picture_exports.o
TEXT_OBJ      := $(TEXT_SRC:%.c=$(OUT)/%.o) $(OUT)/glue/text_exports.o $(OUT)/glue/libm.o $(OUT)/glue/strtod.o
features: $(DIST)/quern-features.wasm $(DIST)/quern-pictures.wasm $(if $(wildcard src/feature/text/step_list.h),$(DIST)/quern-text.wasm)
.PHONY: features
$(OUT)/quern-features.txt $(OUT)/quern-text.txt: wasm/features_exports.c tools/exports.sh
	@mkdir -p $(@D); tools/exports.sh $< > $@
$(OUT)/quern-pictures.txt: wasm/features_exports.c wasm/picture_exports.c tools/exports.sh
	@mkdir -p $(@D); tools/exports.sh wasm/features_exports.c wasm/picture_exports.c > $@
$(OUT)/glue/features_exports.o: wasm/features_exports.c $(FLAGS_ID) build/build_id.h
	@mkdir -p $(@D); $(WASM_CC) $(CORE_CFLAGS) $(CORE_OPT) -include build/build_id.h -MMD -MP -c $< -o $@
$(OUT)/glue/pictures_exports.o: wasm/features_exports.c $(FLAGS_ID) build/build_id.h
	@mkdir -p $(@D); $(WASM_CC) $(CORE_CFLAGS) $(CORE_OPT) -DQN_PICTURE_MODULE -include build/build_id.h -MMD -MP -c $< -o $@
$(OUT)/glue/picture_exports.o: wasm/picture_exports.c $(FLAGS_ID)
	@mkdir -p $(@D); $(WASM_CC) $(CORE_CFLAGS) $(CORE_OPT) -MMD -MP -c $< -o $@
$(OUT)/glue/text_exports.o: wasm/features_exports.c $(FLAGS_ID) build/build_id.h
	@mkdir -p $(@D); $(WASM_CC) $(CORE_CFLAGS) $(CORE_OPT) -DQN_TEXT_MODULE -include build/build_id.h -MMD -MP -c $< -o $@
$(DIST)/quern-features.wasm: $(FEATURES_OBJ)
$(DIST)/quern-pictures.wasm: $(PICTURES_OBJ)
$(DIST)/quern-text.wasm: $(TEXT_OBJ)
$(DIST)/quern-features.wasm $(DIST)/quern-pictures.wasm $(DIST)/quern-text.wasm: $(DIST)/%.wasm: $(DEP_LIB) $(OUT)/%.txt wasm/imports.txt tools/wasm-imports.mjs
	@mkdir -p $(@D)
	@echo "  $(VARIANT)  link $(notdir $@)"
	@$(EMCC) $(ISA.$(BASE)) $(subst $(OUT)/quern.map,$(OUT)/$(basename $(notdir $@)).map,$(subst @$(EXPORTS),@$(OUT)/$(basename $(notdir $@)).txt,$(LINK_FLAGS))) -sMALLOC=emmalloc $(filter %.o,$^) $(DEP_LIB) -o $(OUT)/$(notdir $@)
	@node tools/wasm-imports.mjs $(OUT)/$(notdir $@) wasm/imports.txt
	@cp $(OUT)/$(notdir $@) $@
-include $(FEATURES_OBJ:.o=.d) $(OUT)/glue/pictures_exports.d $(OUT)/glue/picture_exports.d $(TEXT_OBJ:.o=.d)

# The exported functions are those that wasm/exports.c defines, and malloc and free.
$(EXPORTS): $(EXPORTS_C) tools/exports.sh
	@mkdir -p $(@D); tools/exports.sh $(EXPORTS_C) > $@

# Linked twice, unoptimized: with all operators, and with the common ones and without
# reading text. What only the first has goes into quern-rare-*.wasm; each
# half is optimized by itself, since the optimizer would merge functions of both.
LINK := $(EMCC) $(ISA.$(BASE)) $(if $(THREADS),$(LINK_THREADS))
LINK_HALF = $(LINK) $(patsubst %/quern.map,%/$(1).map,$(filter-out -O3,$(LINK_FLAGS))) -O1 --profiling-funcs
$(DIST)/quern-$(VARIANT).wasm: $(CORE_OBJ) $(GLUE_OBJ) $(DEP_LIB) $(EXPORTS) $(IMPORTS) $(OUT)/common/op_table.o build/build_id.h tools/split-wasm.mjs tools/wasm-file.mjs tools/wasm-imports.mjs
	@mkdir -p $(@D)
	@echo "  $(VARIANT)  link"
	@$(call LINK_HALF,quern) $(CORE_OBJ) $(GLUE_OBJ) $(DEP_LIB) -o $(OUT)/quern.wasm
	@grep -v _ocr_ $(EXPORTS) > $(OUT)/common/exports.txt
	@$(subst @$(EXPORTS),@$(OUT)/common/exports.txt,$(call LINK_HALF,common/quern)) $(filter-out %/src/op/op_table.o,$(CORE_OBJ)) $(OUT)/common/op_table.o $(GLUE_OBJ) $(DEP_LIB) -o $(OUT)/common/quern.wasm
	@node tools/split-wasm.mjs $(OUT) $(BINARYEN) $(VARIANT) "$(OPTIMIZE) $(FEATURES.$(BASE)) $(if $(THREADS),--enable-threads)"
	@node tools/wasm-imports.mjs $(OUT)/split/common.wasm $(IMPORTS)
	@cp $(OUT)/split/rare.wasm $(DIST)/quern-rare-$(VARIANT).wasm
	@cp $(OUT)/split/common.wasm $@
$(OUT)/common/op_table.o: src/op/op_table.c src/op/op_list.h $(FLAGS_ID)
	@mkdir -p $(@D); $(WASM_CC) $(CORE_CFLAGS) -DQN_WITHOUT_RARE $(CORE_OPT) -c $< -o $@

# A custom build: make … CUSTOM=FOLDER TO=FOLDER custom, where the first has op_list.h (the operators) and exports.txt. All other objects are those of
# the full build; the linker drops what the shorter table does not reach.
# WITHOUT: parts of wasm/custom-stubs.c that no operator of the list needs.
CUSTOM_OBJ := $(addprefix $(CUSTOM)/$(VARIANT)/,op_table.o custom-stubs.o)
LEFT_OUT   := %/src/op/op_table.o $(if $(findstring CONTROL,$(WITHOUT)),%/src/graph/control.o %/src/graph/scan.o %/src/graph/sequence_map.o) \
  $(if $(findstring QUANTIZED,$(WITHOUT)),%/src/graph/pass_quantize.o) $(if $(findstring ATTENTION,$(WITHOUT)),%/src/graph/pass_attention.o) \
  $(if $(findstring NORM,$(WITHOUT)),%/src/graph/pass_norm.o)
custom: $(DIST)/quern-$(VARIANT).wasm $(CUSTOM_OBJ)
	@echo "  $(VARIANT)  link for $(CUSTOM)"
	@$(LINK) $(patsubst %/quern.map,%/custom.map,$(subst @$(EXPORTS),@$(CUSTOM)/exports.txt,$(LINK_FLAGS))) \
	  $(filter-out $(LEFT_OUT),$(CORE_OBJ)) $(CUSTOM_OBJ) $(GLUE_OBJ) $(DEP_LIB) -o $(CUSTOM)/$(VARIANT)/quern.wasm
	@node tools/wasm-imports.mjs $(CUSTOM)/$(VARIANT)/quern.wasm $(IMPORTS)
	@mkdir -p $(TO); cp $(CUSTOM)/$(VARIANT)/quern.wasm $(TO)/quern-$(VARIANT).wasm
$(CUSTOM)/$(VARIANT)/op_table.o: src/op/op_table.c $(CUSTOM)/op_list.h
	@mkdir -p $(@D); $(WASM_CC) $(CORE_CFLAGS) -DQN_OP_LIST='"$(abspath $(CUSTOM))/op_list.h"' $(CORE_OPT) -c $< -o $@
$(CUSTOM)/$(VARIANT)/custom-stubs.o: wasm/custom-stubs.c $(CUSTOM)/op_list.h
	@mkdir -p $(@D); $(WASM_CC) $(CORE_CFLAGS) $(WITHOUT:%=-DQN_WITHOUT_%) $(CORE_OPT) -c $< -o $@
.PHONY: custom

# C tests for Node: build/<variant>/tests/test_x.cjs
TEST_SRC := $(wildcard tests/c/test_*.c)
tests: $(TEST_SRC:tests/c/%.c=$(OUT)/tests/%.cjs)
.PHONY: tests
$(OUT)/tests/%.o: tests/c/%.c $(FLAGS_ID)
	@mkdir -p $(@D)
	@$(WASM_CC) $(CORE_CFLAGS) -Itests/c -UNDEBUG -O1 -MMD -MP -c $< -o $@
$(OUT)/tests/%.cjs: $(OUT)/tests/%.o $(OUT)/libquern.a $(DEP_LIB)
	@echo "  $(VARIANT)  $@"
	@$(EMCC) $(ISA.$(BASE)) $(if $(THREADS),-pthread) -O1 -sENVIRONMENT=node -sNODERAWFS=1 -sEXIT_RUNTIME=1 -sALLOW_MEMORY_GROWTH=1 \
	  -sMAXIMUM_MEMORY=4GB -sSTACK_SIZE=1MB $^ -o $@

-include $(CORE_OBJ:.o=.d) $(GLUE_OBJ:.o=.d) $(wildcard $(OUT)/tests/*.d)
