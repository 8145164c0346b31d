"""Golden data of the steps that form answers of pictures: torchvision's and OpenCV's results, and plain NumPy where a library has none. Versions: requirements.txt.
usage: make_answers_golden.py      writes steps/answers.json and .bin beside it"""
import json
from pathlib import Path

import numpy as np
import torch
import torchvision

FOLDER = Path(__file__).parent / "steps"
rng = np.random.default_rng(61)
cases, parts, size = [], [], 0


def keep(array):
    global size
    array = np.ascontiguousarray(array)
    place = {"type": str(array.dtype), "dims": list(array.shape), "offset": size}
    parts.append(array.tobytes())
    size += array.nbytes
    return place


def add(name, steps, inputs, outputs, **more):
    """more: view [width, height] as the model saw it, files, features and source size."""
    cases.append({"name": name, "steps": steps, "inputs": {k: keep(v) for k, v in inputs.items()}, "outputs": {k: keep(v) for k, v in outputs.items()}, **more})


def f32(a):
    return np.asarray(a, np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def corners(middle, extent):
    return np.concatenate([middle - extent / 2, middle + extent / 2], 1)


# -- anchors --------------------------------------------------------------------------------------------------------------
w, h = 32, 24
grids = []
for stride, n in [(8, 2), (16, 6)]:
    columns, rows = -(-w // stride), -(-h // stride)
    grids += [((x + 0.5) / columns, (y + 0.5) / rows) for y in range(rows) for x in range(columns) for _ in range(n)]
grid = np.array(grids)
raw, logits = f32(rng.normal(0, 8, (len(grid), 16))), f32(rng.normal(0, 3, len(grid)))
raw[:, 2:4] = abs(raw[:, 2:4]) + 4
score = sigmoid(np.clip(logits, -2.5, 2.5))
known = score >= 0.4
unit = np.array([w, h])
boxes = corners((raw[:, :2] / 32 + grid) * unit, raw[:, 2:4] / 32 * unit)
points = (raw[:, 4:].reshape(-1, 6, 2) / 32 + grid[:, None]) * unit
step = {"step": "anchors", "strides": [8, 16], "per_cell": [2, 6], "width": w, "height": h, "center": 1 / 32, "size": 1 / 32, "sizes": "linear", "keypoints": 6, "clip": 2.5, "least": 0.4}
first = 24
inputs = {"a": raw[None, :first], "b": raw[None, first:], "c": logits[None, :first, None], "d": logits[None, first:, None]}
add("anchors on grids", [step], inputs, {"box": f32(boxes[known]), "score": f32(score[known]), "points": f32(points[known])})

n = 40
anchors = f32(np.c_[rng.random((n, 2)), rng.random((n, 2)) * 0.4 + 0.05])
raw, logits = f32(rng.normal(0, 1.5, (n, 4))), f32(rng.normal(0, 2, (n, 5)))
p = np.exp(logits.astype(np.float64))
p /= p.sum(1, keepdims=True)
best, known = p[:, 1:].argmax(1), p[:, 1:].max(1) >= 0.3
middle = raw[:, 1::-1] * 0.1 * anchors[:, 2:] + anchors[:, :2]
boxes = corners(middle * unit, np.exp(raw[:, :1:-1] * 0.2) * anchors[:, 2:] * unit)
step = {"step": "anchors", "anchors": "anchors", "width": w, "height": h, "order": "yxhw", "scores": "softmax", "background": True, "least": 0.3}
ssd = {"raw": raw, "logits": logits[None]}
result = {"box": f32(boxes[known]), "score": f32(p[:, 1:].max(1)[known]), "class": best[known].astype(np.int32)}
add("anchors of a file", [step], ssd, result, files={"anchors": keep(anchors)})

# -- overlaps -------------------------------------------------------------------------------------------------------------
n = 90
boxes = f32(corners(rng.random((n, 2)) * 60, rng.random((n, 2)) * 25 + 5))
score, group = f32(rng.random(n)), rng.integers(0, 3, n).astype(np.int32)
score[7] = score[3] = score[50]
marks = f32(rng.random((n, 2, 2)) * 60)
table = {"box": boxes, "score": score, "class": group, "points": marks}
for name, step, kept in [
    ("overlaps", {"step": "nms", "iou": 0.4, "by_class": False}, torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(score), 0.4)),
    ("overlaps by class", {"step": "nms", "iou": 0.3}, torchvision.ops.batched_nms(torch.from_numpy(boxes), torch.from_numpy(score), torch.from_numpy(group), 0.3)),
    ("few of them", {"step": "nms", "iou": 0.3, "most": 5}, torchvision.ops.batched_nms(torch.from_numpy(boxes), torch.from_numpy(score), torch.from_numpy(group), 0.3)[:5]),
]:
    add(name, [step], table, {k: v[kept.numpy()] for k, v in table.items()})

left, rows = list(np.argsort(-score, kind="stable")), []
while left:
    overlap = torchvision.ops.box_iou(torch.from_numpy(boxes[left[:1]]), torch.from_numpy(boxes[left]))[0].numpy() > 0.3
    overlap[0] = True
    same = [i for i, o in zip(left, overlap) if o]
    rows.append((np.average(boxes[same], 0, score[same]), score[left[0]], np.average(marks[same], 0, score[same])))
    left = [i for i, o in zip(left, overlap) if not o]
add("weighted overlaps", [{"step": "nms", "iou": 0.3, "kind": "weighted"}], {"box": boxes, "score": score, "points": marks},
    {"box": f32([r[0] for r in rows]), "score": f32([r[1] for r in rows]), "points": f32([r[2] for r in rows])})

# -- back to the source ---------------------------------------------------------------------------------------------------
# A picture of 40×20, turned by 90 degrees clockwise (20×40), letterboxed into 32×32: 16 wide, 8 from the left.
features = [{"step": "turn", "by": "90"}, {"step": "letterbox", "width": 32, "height": 32}]
x, y = boxes[:6, 0::2] / 3, boxes[:6, 1::2] / 3
turned = ((x - 8) * 1.25, y * 1.25)
source = (turned[1], 20 - turned[0])
back = np.stack([source[0].min(1), source[1].min(1), source[0].max(1), source[1].max(1)], 1)
there = np.stack([marks[:6, :, 1] / 3 * 1.25, 20 - (marks[:6, :, 0] / 3 - 8) * 1.25], -1)
table = {"box": boxes[:6] / 3, "points": marks[:6] / 3, "score": score[:6]}
add("back to the source", [{"step": "to_source"}], table, {"box": f32(back), "points": f32(there), "score": score[:6]}, features=features, source=[40, 20])
inside = np.clip(back / [40, 20, 40, 20], 0, 1)
add("fractions of the source", [{"step": "to_source", "unit": "fraction", "clip": True}], table, {"box": f32(inside), "points": f32(there / [40, 20]), "score": score[:6]}, features=features, source=[40, 20])

made = f"torch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}, NumPy {np.__version__}"
lines = ",\n".join("  " + json.dumps(case) for case in cases)
(FOLDER / "answers.json").write_text(f'{{ "made": "{made}", "cases": [\n{lines}\n] }}\n', "utf-8")
(FOLDER / "answers.bin").write_bytes(b"".join(parts))
print(len(cases), size)
