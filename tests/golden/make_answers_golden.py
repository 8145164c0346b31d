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

# -- YOLO -----------------------------------------------------------------------------------------------------------------
n, classes, k = 30, 3, 2
middle, extent = f32(rng.random((n, 2)) * 60), f32(rng.random((n, 2)) * 20 + 2)
scores, objects, marks = f32(rng.random((n, classes))), f32(rng.random(n)), f32(rng.random((n, k, 3)) * 60)
found = lambda p, least, **more: {"box": f32(corners(middle, extent))[p.max(1) >= least], "score": p.max(1)[p.max(1) >= least], "class": p.argmax(1).astype(np.int32)[p.max(1) >= least], **more}
add("YOLO v8", [{"step": "yolo", "least": 0.6}], {"y": np.c_[middle, extent, scores].T[None]}, found(scores, 0.6))
seen = scores.max(1) >= 0.6
add("YOLO v8 with keypoints", [{"step": "yolo", "least": 0.6, "keypoints": k}], {"y": np.c_[middle, extent, scores, marks.reshape(n, -1)].T[None]},
    found(scores, 0.6, points=marks[seen][..., :2], seen=marks[seen][..., 2]))
add("YOLO v5", [{"step": "yolo", "form": "v5"}], {"y": np.c_[middle, extent, objects, scores][None]}, found(scores * objects[:, None], 0.25))
grid = np.array([(x, y, s) for s in (8, 16, 32) for y in range(32 // s) for x in range(64 // s)])
n = len(grid)
raw, p = f32(rng.normal(0, 0.7, (n, 4))), f32(rng.random((n, classes)) * rng.random((n, 1)))
box = corners((raw[:, :2] + grid[:, :2]) * grid[:, 2:], np.exp(raw[:, 2:].astype(np.float64)) * grid[:, 2:])
good = p.max(1) >= 0.25
add("YOLOX", [{"step": "yolo", "form": "x", "width": 64, "height": 32}], {"y": np.c_[raw, np.ones(n, np.float32), p][None]}, {"box": f32(box[good]), "score": p.max(1)[good], "class": p.argmax(1).astype(np.int32)[good]})

# -- maps -----------------------------------------------------------------------------------------------------------------
features = [{"step": "resize", "width": 20, "height": 16}]
heat = f32(rng.random((1, 5, 8, 10)))
points = []
for m in heat[0]:
    y, x = np.unravel_index(m.argmax(), m.shape)
    dx = 0.25 * np.sign(m[y, x + 1] - m[y, x - 1]) if 0 < x < 9 else 0
    dy = 0.25 * np.sign(m[y + 1, x] - m[y - 1, x]) if 0 < y < 7 else 0
    points.append(((x + 0.5 + dx) * 2, (y + 0.5 + dy) * 2))
result = {"points": f32(points), "score": heat.max((2, 3))[0], "index": np.arange(5, dtype=np.int32)}
add("the hottest places", [{"step": "heat_points"}], {"y": heat}, result, features=features, source=[40, 32])
add("the hottest places, channels last", [{"step": "heat_points", "order": "nhwc"}], {"y": heat.transpose(0, 2, 3, 1)}, result, features=features, source=[40, 32])
add("the hottest places of the source", [{"step": "heat_points"}, {"step": "to_source"}], {"y": heat}, {**result, "points": result["points"] * 2}, features=features, source=[40, 32])
for name, order, maps in [("classes of pixels", "nchw", heat), ("classes of pixels, channels last", "nhwc", heat.transpose(0, 2, 3, 1))]:
    back = torch.nn.functional.interpolate(torch.from_numpy(heat), size=(32, 40), mode="bilinear").numpy()[0].argmax(0).astype(np.uint8)
    palette = rng.integers(0, 256, (5, 4))
    add(name, [{"step": "class_mask", "order": order, "colors": palette.ravel().tolist()}], {"y": maps}, {"mask": back, "picture": palette.astype(np.uint8)[back]}, features=features, source=[40, 32])
single = torch.nn.functional.interpolate(torch.from_numpy(heat[:, :1]), size=(33, 41), mode="bilinear").numpy()[0, 0]
add("one class", [{"step": "class_mask", "least": 0.4}], {"y": heat[:, :1]}, {"mask": (single >= 0.4).astype(np.uint8)}, features=features, source=[41, 33])
add("as large as the model's", [{"step": "class_mask", "size": "model"}], {"y": heat}, {"mask": heat[0].argmax(0).astype(np.uint8)})

made = f"torch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}, NumPy {np.__version__}"
lines = ",\n".join("  " + json.dumps(case) for case in cases)
(FOLDER / "answers.json").write_text(f'{{ "made": "{made}", "cases": [\n{lines}\n] }}\n', "utf-8")
(FOLDER / "answers.bin").write_bytes(b"".join(parts))
print(len(cases), size)
