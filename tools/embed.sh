#!/bin/bash
# A shared library with a model inside: tools/embed.sh MODEL TO ROLE OBJECTS…   (called by `make embed`, which builds the objects)
# MODEL: a package or an ONNX file. Writes TO/lib<name>.so, the headers it needs in TO/include, and TO/example.
set -euo pipefail
model=$1 to=$2 role=$3; shift 3
name=model version=0.0.0
if [ -d "$model" ]; then
  facts=$(node dist/cli.js inspect "$model" --json ${role:+--role "$role"}) || { node dist/cli.js inspect "$model" ${role:+--role "$role"}; exit 1; }
  name=$(node -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).manifest.name' <<< "$facts")
  version=$(node -p 'JSON.parse(require("fs").readFileSync(0, "utf8")).manifest.version' <<< "$facts")
else
  name=$(basename "$model" .onnx)
fi
library=lib$(tr -c 'A-Za-z0-9_\n' _ <<< "$name").so
mkdir -p "$to/include" build/embed
file=build/embed/$name-$version.onnx
node dist/cli.js convert "$model" -o "$file" ${role:+--role "$role"} > /dev/null
[ ! -e "$file.data" ] || { echo "embed: the model has more than 2 GB, which one file cannot hold" >&2; exit 1; }
flags=(-std=gnu11 -O2 -fPIC -Wall -Wextra -Werror -Isrc -Iembed)
$CC "${flags[@]}" -DQN_EMBED_NAME="\"$name\"" -DQN_EMBED_VERSION="\"$version\"" -c embed/embed.c -o build/embed/embed.o
${CC#ccache } -DQN_EMBED_FILE="\"$file\"" -c embed/resource.S -o build/embed/resource.o
$CC -shared -Wl,--gc-sections -Wl,--version-script=embed/exports.map -Wl,-soname,"$library" build/embed/embed.o build/embed/resource.o "$@" -lm -o "$to/$library"
for header in quern.h base/dtype.h base/status.h base/value.h base/memory.h; do install -m 644 -D "src/$header" "$to/include/$header"; done
install -m 644 embed/embed.h "$to/include/embed.h"
$CC "${flags[@]}" embed/example.c -L"$to" -l:"$library" -Wl,-rpath,'$ORIGIN' -lm -o "$to/example"
echo "$to/$library: $(stat -c %s "$to/$library") bytes with $name $version; $to/example runs it"
