#!/bin/bash
# Writes the id of this state of the sources, which the wasm and the JavaScript of one build share: tools/build-id.sh FILE
id=$({ find src wasm web -type f -not -path 'web/demo/*' | LC_ALL=C sort | xargs cat; } | sha256sum | cut -c1-12)
line="#define QN_BUILD_ID \"$id\""
[ "$(cat "$1" 2>/dev/null)" = "$line" ] || echo "$line" > "$1"
