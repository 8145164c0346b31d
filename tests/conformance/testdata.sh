#!/bin/bash
# ONNX's own test cases as Debian packages them (1.17), pinned by SHA-256, as a suite of the conformance runner in DIR
# (default deps/onnx-cases). They come from the package pool of the mirror in this machine's apt sources; 7 MB.
set -euo pipefail
cd "$(dirname "$0")/../.."
D=${1:-deps/onnx-cases}
FILE=o/onnx/libonnx-testdata_1.17.0-3_all.deb
SHA=d2d352c25a62c5544781cd7fb08c41507cd2bbded859f8e804ac8594329077bd
stamp=$(cat tests/conformance/testdata.sh tests/conformance/make-suite.mjs tests/conformance/runner/onnx-protobuf.mjs | sha256sum | cut -d' ' -f1)
[ "$(cat "$D/stamp" 2>/dev/null)" = "$stamp" ] && exit 0

deb="$D/$(basename "$FILE")"
wasm/debian-file.sh "$FILE" "$SHA" "$deb"
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
# a .deb is an ar archive: dpkg-deb where there is one, else ar
if command -v dpkg-deb >/dev/null; then dpkg-deb --fsys-tarfile "$deb"; else ar p "$deb" data.tar.xz | xz -dc; fi | tar -x -C "$work" --no-same-owner ./usr/share/libonnx-testdata/data
node tests/conformance/make-suite.mjs "$work/usr/share/libonnx-testdata/data" "$D"
echo "$stamp" > "$D/stamp"
