#!/bin/bash
# Prints, as make variables, the clang that this emcc calls, the flags it gives it, and where its Binaryen lies: wasm/clang.sh EMCC
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT
echo 'int x;' > "$T/a.c"; echo 'int x;' > "$T/a.cc"
flags() { # compiler, file
  "$1" -v -c "$2" -o "$T/a.o" 2>&1 | sed -n "s#^ *\"\?\(/[^ \"]*clang[+0-9.-]*\)\"\? \(-target .*\)#\1 \2#p" | head -1 | sed "s# -v -c.*##; s# $T/a\.cc\?.*##; s# -c .*##"
}
c=$(flags "$1" "$T/a.c"); cxx=$(flags "${1%emcc}em++" "$T/a.cc")
[ -n "$c" ] || { echo "$1 -v does not show which clang it calls" >&2; exit 1; }
clang=${c%% *}
echo "CLANG := $clang"
echo "CLANG_FLAGS := ${c#* }"
echo "CLANGXX_FLAGS := ${cxx#* }"
echo "AR := $(dirname "$clang")/llvm-ar"
opt=$("$1" -v -O3 --no-entry -sSTANDALONE_WASM=1 "$T/a.c" -o "$T/a.wasm" 2>&1 | sed -n 's#^ *"\?\(/[^ "]*\)/wasm-opt.*#\1#p' | head -1)
[ -n "$opt" ] || { echo "$1 -v does not show which wasm-opt it calls" >&2; exit 1; }
echo "BINARYEN := $opt"
