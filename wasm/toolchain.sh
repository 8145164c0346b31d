#!/bin/bash
# Emscripten 3.1.69 into DIR (default .toolchain) from Debian's packages: 20 s, about 520 MB, nothing changed on the host.
# The scripts and the sysroot are trixie's, clang, lld and llvm 19 bookworm's (run natively), Binaryen 120 trixie's with the C library
# it was built for. Absolute paths are baked in: build it where it stays. Not needed where an emcc >= 3.1.69 is on the PATH.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
R=$(realpath -m "${1:-.toolchain}")
if [ -x "$R/bin/emcc" ] && [ -e "$R/complete" ]; then exit 0; fi
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && [ "$(dpkg --print-architecture)" = amd64 ] || {
  echo "toolchain: this script needs Debian or a derivative on amd64. Elsewhere put an emcc 3.1.69 or later on the PATH (emsdk, Homebrew)." >&2; exit 1; }

MIRROR=${DEBIAN_MIRROR:-$("$HERE/debian-mirror.sh")}
[ -n "$MIRROR" ] || { echo "toolchain: no Debian mirror in the apt sources; set DEBIAN_MIRROR." >&2; exit 1; }
KEY=/usr/share/keyrings/debian-archive-keyring.gpg

# Shared libraries that clang 19 wants from the host.
host_libraries() { # program → names of missing libraries
  LD_LIBRARY_PATH="$R/root/usr/lib/x86_64-linux-gnu:$R/root/usr/lib/llvm-19/lib" ldd "$1" 2>/dev/null | awk '/not found/ { print $1 }' | sort -u
}

rm -rf "$R"; mkdir -p "$R"/{root,trixie,debs,bin,binaryen/bin}
fetch() { # suite, packages...
  local suite=$1; shift; local A="$R/apt/$suite"; mkdir -p "$A"/{lists/partial,cache/archives/partial}
  echo "deb [signed-by=$KEY] $MIRROR $suite main" > "$A/sources.list"
  local O=(-qq -o Dir::Etc::SourceList="$A/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o Dir::Etc::Preferences=/dev/null -o Dir::State::Lists="$A/lists" -o Dir::Cache="$A/cache" -o APT::Sandbox::User=root
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false -o Acquire::Retries=3)
  apt-get "${O[@]}" update
  (cd "$R/debs" && apt-get "${O[@]}" download "$@")
}
unpack() { dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" "${@:3}"; }

fetch trixie emscripten binaryen libc6 libstdc++6 libgcc-s1
for p in libc6 libstdc++6 libgcc-s1 binaryen; do unpack "$R"/debs/${p}_*.deb "$R/trixie"; done
S='*/lib/wasm32-emscripten'
unpack "$R"/debs/emscripten_*.deb "$R/root" --exclude="$S/lto*" --exclude="$S/pic" --exclude="$S/*asan*" --exclude="$S/*-ww*" \
  --exclude="$S/libwasmfs*" --exclude="$S/*sanitizer*" --exclude='./usr/share/emscripten/test' --exclude='./usr/share/doc' --exclude='*/media'
CLANG=(clang-19 lld-19 llvm-19 libllvm19 libclang-cpp19 libclang-common-19-dev libclang1-19 node-acorn)
fetch bookworm "${CLANG[@]}"
for p in "${CLANG[@]}"; do unpack "$R"/debs/${p}_*.deb "$R/root" --exclude='./usr/share/doc' --exclude='./usr/share/man'; done
ln -sfn ../../x86_64-linux-gnu/libLLVM.so.19.1 "$R/root/usr/lib/llvm-19/lib/libLLVM.so.19.1"
ln -sfn ../nodejs "$R/root/usr/share/emscripten/node_modules"

missing=$(for t in clang lld wasm-ld llvm-ar; do [ -e "$R/root/usr/lib/llvm-19/bin/$t" ] && host_libraries "$R/root/usr/lib/llvm-19/bin/$t"; done | sort -u)
if [ -n "$missing" ]; then
  PACKAGES=(libedit2 libxml2 libz3-4 libzstd1 libtinfo6 libicu72 libffi8 libbsd0 libmd0 liblzma5)
  if [ "$(id -u)" = 0 ]; then
    apt-get -qq -o Acquire::Retries=3 update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${PACKAGES[@]}" >/dev/null
  else
    echo "toolchain: clang 19 misses" $missing "- as root: apt-get install ${PACKAGES[*]}" >&2; exit 1
  fi
fi

L="$R/trixie/usr/lib/x86_64-linux-gnu"
for t in "$R"/trixie/usr/bin/wasm-*; do
  n=$(basename "$t")
  printf '#!/bin/sh\nexec "%s/ld-linux-x86-64.so.2" --library-path "%s" "%s" "$@"\n' "$L" "$L" "$t" > "$R/binaryen/bin/$n"; chmod +x "$R/binaryen/bin/$n"
done
cat > "$R/emscripten.config" <<C
LLVM_ROOT = '$R/root/usr/lib/llvm-19/bin'
BINARYEN_ROOT = '$R/binaryen'
NODE_JS = '$(command -v node)'
CACHE = '$R/root/usr/share/emscripten/cache'
C
for t in emcc em++ emar emranlib; do
  printf '#!/bin/sh\nEM_CONFIG="%s/emscripten.config" exec "%s/root/usr/share/emscripten/%s" "$@"\n' "$R" "$R" "$t" > "$R/bin/$t"; chmod +x "$R/bin/$t"
done
# Emscripten's scripts are CommonJS; a package.json above that says "module" would have Node read them as modules.
echo '{ "type": "commonjs" }' > "$R/package.json"
rm -rf "$R/debs" "$R/apt"
"$R/bin/emcc" --version | head -1
touch "$R/complete"
