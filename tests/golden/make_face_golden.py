"""A face found by onnxruntime with the features and the answers in Pillow and NumPy. Versions: requirements.txt.
usage: make_face_golden.py      writes steps/face.json and .bin beside it. The picture is of the collection of scikit-image: Eileen Collins, by NASA, in the public domain."""
import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from skimage import data

ROOT = Path(__file__).parent
FACES = ROOT / "../../.models/face_detection_front_128x128_barracuda.onnx"
picture = np.asarray(Image.fromarray(data.astronaut()[:270, 60:420]).resize((160, 120), Image.BOX))

h, w = picture.shape[:2]
ratio = min(128 / w, 128 / h)
inner = (round(w * ratio), round(h * ratio))
left, top = (128 - inner[0]) // 2, (128 - inner[1]) // 2
seen = np.zeros((128, 128, 3), np.uint8)
seen[top:top + inner[1], left:left + inner[0]] = np.asarray(Image.fromarray(picture).resize(inner, Image.BILINEAR))
session = onnxruntime.InferenceSession(FACES)
scores1, scores2, boxes1, boxes2 = session.run(None, {"input:0": (seen.astype(np.float64) / 127.5 - 1).astype(np.float32)[None]})

grid = np.array([((x + 0.5) / n, (y + 0.5) / n) for n, k in [(16, 2), (8, 6)] for y in range(n) for x in range(n) for _ in range(k)])
raw = np.concatenate([boxes1, boxes2], 1)[0].astype(np.float64) / 128
score = 1 / (1 + np.exp(-np.clip(np.concatenate([scores1, scores2], 1)[0, :, 0].astype(np.float64), -100, 100)))
middle, size = raw[:, :2] + grid, raw[:, 2:4]
table = np.concatenate([middle - size / 2, middle + size / 2, (raw[:, 4:].reshape(-1, 6, 2) + grid[:, None]).reshape(-1, 12)], 1) * 128


def iou(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:4], b[2:4])
    both = np.prod(np.maximum(high - low, 0))
    return both / (np.prod(a[2:4] - a[:2]) + np.prod(b[2:4] - b[:2]) - both)


left_over, faces = sorted(np.flatnonzero(score >= 0.5), key=lambda i: -score[i]), []
while left_over:
    same = [i for i in left_over if iou(table[left_over[0]], table[i]) > 0.3]
    mean = np.average(table[same], 0, score[same])
    numbers = (mean.reshape(-1, 2) - [left, top]) * [w / inner[0], h / inner[1]]
    faces.append({"box": [*numbers[:2].ravel()], "score": score[left_over[0]], "points": numbers[2:].tolist()})
    left_over = [i for i in left_over if i not in same]

print(len(faces), faces)
made = f"onnxruntime {onnxruntime.__version__}, Pillow {Image.__version__}, NumPy {np.__version__}"
(ROOT / "steps/face.json").write_text(json.dumps({"made": made, "width": w, "height": h, "faces": faces}, indent=1) + "\n", "utf-8")
(ROOT / "steps/face.bin").write_bytes(picture.tobytes())
