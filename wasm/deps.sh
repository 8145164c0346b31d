#!/bin/bash
# The libraries that are compiled in, pinned by version and SHA-256, into DIR (default deps). They come from Debian's source pool.
# Nothing happens when DIR holds what this script would make.
set -euo pipefail
cd "$(dirname "$0")/.."
D=${1:-deps}
# path in the pool, SHA-256, directory, leading path components to drop
PINS='
c/cjson/cjson_1.7.18.orig.tar.gz 3aa806844a03442c00769b83e99970be70fbef03735ff898f4811dd03b9f5ee5 cjson 1
'
stamp=$(sha256sum < wasm/deps.sh | cut -d' ' -f1)
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
echo "$stamp" > "$D/stamp"
