#!/bin/bash
# The libraries that are compiled in, pinned by version and SHA-256, into DIR (default deps). They come from Debian's source pool;
# the local patches are applied at once. Nothing happens when DIR holds what this script would make.
set -euo pipefail
cd "$(dirname "$0")/.."
D=${1:-deps}
# path in the pool, SHA-256, directory, leading path components to drop
PINS='
x/xnnpack/xnnpack_0.0~git20241108.4ea82e5.orig.tar.xz 90bde2caef0f880f627bab0dc805a86c4b8070cd98e3243db3046ab3f3be1a99 xnnpack 0
p/pthreadpool/pthreadpool_0.0~git20240616.560c60d.orig.tar.xz 4cc3cbd933b28131d2a34edc54f76af9fb41bc490af5eae1a5bd3cd07ea90708 pthreadpool 1
f/fxdiv/fxdiv_0.0~git20200417.b408327.orig.tar.xz 7953482badaf4cb34026c3487c257b8e4ab2df061c019bd6fabbbc12ad52c44b fxdiv 1
c/cjson/cjson_1.7.18.orig.tar.gz 3aa806844a03442c00769b83e99970be70fbef03735ff898f4811dd03b9f5ee5 cjson 1
'
stamp=$( { cat wasm/deps.sh wasm/patches/*.patch; } | sha256sum | cut -d' ' -f1)
[ "$(cat "$D/stamp" 2>/dev/null)" = "$stamp" ] && exit 0

MIRROR=${DEBIAN_MIRROR:-$(wasm/debian-mirror.sh)}
HELPER=/usr/lib/apt/apt-helper
mkdir -p "$D/archives"
echo "$PINS" | while read -r path sha dir strip; do
  [ -n "$path" ] || continue
  file="$D/archives/$(basename "$path")"
  if ! echo "$sha  $file" | sha256sum -c --status 2>/dev/null; then
    [ -n "$MIRROR" ] || { echo "deps: no Debian mirror in the apt sources; set DEBIAN_MIRROR, or put $(basename "$path") (SHA-256 $sha) into $D/archives." >&2; exit 1; }
    rm -f "$file"
    if [ -x $HELPER ]; then $HELPER -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 download-file "$MIRROR/pool/main/$path" "$file" "SHA256:$sha" >/dev/null
    else curl -fsSL --retry 3 -o "$file" "$MIRROR/pool/main/$path"; fi
    echo "$sha  $file" | sha256sum -c --status || { echo "deps: $file has another SHA-256 than the pinned one." >&2; rm -f "$file"; exit 1; }
  fi
  rm -rf "${D:?}/$dir"; mkdir -p "$D/$dir"
  # sources only: tests, benchmarks and build files of other systems are three quarters of it
  tar -xf "$file" -C "$D/$dir" --strip-components="$strip" --no-same-owner --exclude='*/test' --exclude='*/bench' --exclude='./test' --exclude='./bench' --exclude='test' --exclude='bench' --exclude='tests' --exclude='*/fuzzing'
done
for p in wasm/patches/*.patch; do
  n=$(basename "$p"); patch -s -p1 -d "$D/${n%%-*}" < "$p"
done
echo "$stamp" > "$D/stamp"
