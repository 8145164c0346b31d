#!/bin/bash
# All tests: C natively under the sanitizers, the same through wasm in Node, then Node's and the browser's. Builds what is missing.
# The last line is the sum: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "$0")/.."
passed=0 failed=0 skipped=0
relaxed=; node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 22 ? 0 : 1)' && relaxed=--experimental-wasm-relaxed-simd

make -s dist || { echo "the build failed"; echo "0 passed, 1 failed"; exit 1; }
make -s -j"$(nproc)" asan || { echo "the native build failed"; echo "0 passed, 1 failed"; exit 1; }
make -s wasm-tests || { echo "the build of the wasm tests failed"; echo "0 passed, 1 failed"; exit 1; }

count() { # a program whose last line is the sum of its tests; shown in full when one fails
  local out; out=$("$@" 2>&1); local status=$?
  local line; line=$(tail -1 <<< "$out")
  if [[ $line =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)? ]]; then
    passed=$((passed + BASH_REMATCH[1])); failed=$((failed + BASH_REMATCH[2])); skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
    if [ "${BASH_REMATCH[2]}" != 0 ]; then echo "$out"; elif [ $status != 0 ]; then echo "$out"; failed=$((failed + 1)); fi
  else
    echo "$out"; failed=$((failed + 1))
  fi
  grep -E '^(SKIP|conformance)' <<< "$out"
  local name="$*"; name=${name#node }; [ "$1" = quietly ] && name=$2
  echo "$name: $line"
}
export ASAN_OPTIONS=detect_leaks=1
for t in build/asan/test_*; do [ -x "$t" ] && [[ $t != *.* ]] && count "$t"; done
for variant in simd relaxed; do
  for t in build/$variant/tests/test_*.cjs; do count node $relaxed "$t"; done
done

if make -s check; then passed=$((passed + 1)); else failed=$((failed + 1)); fi

# Node's test runner, a file at a time: spec on the terminal, counts from its summary. Node 20 can lock up while a process that
# compiled in the background exits, after all tests have passed (nodejs/node issue 54918): such a file is said and run once more.
sum_node() {
  local log file try p f s c; log=$(mktemp)
  for file in "$@"; do
    for try in 1 2; do
      timeout -k 5 300 node $relaxed --test --test-concurrency=1 --test-reporter=spec "$file" 2>&1 | tee "$log"
      [ "${PIPESTATUS[0]}" = 124 ] || break
      echo "$file did not end within five minutes (attempt $try)"
    done
    p=$(sed -nE 's/^ℹ pass ([0-9]+)/\1/p' "$log" | tail -1); f=$(sed -nE 's/^ℹ fail ([0-9]+)/\1/p' "$log" | tail -1)
    s=$(sed -nE 's/^ℹ (skipped|todo) ([0-9]+)/\2/p' "$log" | awk '{ n += $1 } END { print n + 0 }'); c=$(sed -nE 's/^ℹ cancelled ([0-9]+)/\1/p' "$log" | tail -1)
    [ -n "$p" ] || { f=1; p=0; }
    passed=$((passed + p)); failed=$((failed + ${f:-0} + ${c:-0})); skipped=$((skipped + s))
  done
  rm -f "$log"
}
for variant in simd relaxed; do QUERN_VARIANT=$variant sum_node tests/node/*.test.mjs; done
sum_node tests/browser/*.test.mjs

# ONNX's cases: natively under the sanitizers, in Node and in Chromium with both builds
count node tests/conformance/native.mjs
small() { find build/cases/onnx-cases tests/fuzz/corpus -name '*.onnx' -size -16k 2>/dev/null | sort; } # and what the fuzzers found once
quietly() { local name=$1; shift; "$@" 2>&1 | tail -40; return "${PIPESTATUS[0]}"; }
mapfile -t models < <(small)
count quietly "each allocation fails once (starve)" build/asan/starve "${models[@]}"
count quietly "corpus of the fuzzer (fuzz_model)" build/asan/fuzz_model "${models[@]}"
count quietly "corpus of the fuzzer (fuzz_reader)" build/asan/fuzz_reader "${models[@]}"
count quietly "corpus of the fuzzer (fuzz_text)" build/asan/fuzz_text tests/fuzz/corpus-text/*
count node tests/conformance/conformance.mjs
count node tests/conformance/conformance.mjs --browser

echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
