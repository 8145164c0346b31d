#!/bin/bash
# Writes the models of tests/bench/make_models.py into build/bench-models, those that are missing. PYTHON names a Python with onnx and
# numpy (Debian: python3-onnx); without one the tests that need the models are skipped.
cd "$(dirname "$0")/.." || exit 1
out=build/bench-models
mkdir -p "$out"
missing=()
for name in mobilenet_v2 mobilenet_v2_qdq resnet50 minilm_l6 minilm_l6_int8 gpt_block gbdt lstm_tagger; do
  [ -e "$out/$name.onnx" ] && [ "$out/$name.onnx" -nt tests/bench/make_models.py ] || missing+=("$name")
done
[ ${#missing[@]} -eq 0 ] && exit
for python in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3 none; do "$python" -c 'import onnx, numpy' 2>/dev/null && break; done
if [ "$python" = none ]; then
  echo "models: ${missing[*]} need Python with onnx and numpy (Debian: python3-onnx), or PYTHON=...; their tests are skipped" >&2
  exit
fi
"$python" tests/bench/make_models.py "$out" "${missing[@]}" >/dev/null
