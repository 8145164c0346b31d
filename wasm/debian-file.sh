#!/bin/bash
# debian-file.sh PATH SHA256 FILE: brings a file of Debian's package pool (PATH below pool/main) to FILE, checked by its SHA-256. The mirror is the one
# of this machine's own apt sources, or DEBIAN_MIRROR. Nothing happens when FILE is there already.
set -euo pipefail
path=$1 sha=$2 file=$3
right() { echo "$sha  $file" | sha256sum -c --status 2>/dev/null; }
right && exit 0
mirror=${DEBIAN_MIRROR:-$("$(dirname "$0")/debian-mirror.sh")}
[ -n "$mirror" ] || { echo "no Debian mirror in the apt sources; set DEBIAN_MIRROR, or put $(basename "$path") (SHA-256 $sha) into $(dirname "$file")." >&2; exit 1; }
mkdir -p "$(dirname "$file")"
rm -f "$file"
helper=/usr/lib/apt/apt-helper
if [ -x $helper ]; then $helper -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 download-file "$mirror/pool/main/$path" "$file" "SHA256:$sha" >/dev/null
else curl -fsSL --retry 3 -o "$file" "$mirror/pool/main/$path"; fi
right || { echo "$file has another SHA-256 than the pinned one." >&2; rm -f "$file"; exit 1; }
