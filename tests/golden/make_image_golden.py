"""Golden data of the image features and text boxes, from OpenCV and the reference steps. Versions: requirements.txt.
usage: make_image_golden.py      writes image_golden.h beside it"""
from pathlib import Path

import cv2
import numpy as np

import ocr_reference as ref

rng = np.random.default_rng(20240517)
out = [f"/* Made by make_image_golden.py with OpenCV {cv2.__version__}. */", "#include <stdint.h>", ""]


def array(name, a, kind="uint8_t"):
    text = ", ".join(str(v) for v in np.asarray(a).ravel().tolist())
    lines, line = [], ""
    for word in text.split(" "):
        if len(line) + len(word) > 118:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word
    out.append(f"static const {kind} {name}[] = {{\n  " + "\n  ".join(lines + [line]) + "};")


picture = rng.integers(0, 256, (14, 18, 3), dtype=np.uint8)
picture = cv2.addWeighted(picture, 0.5, cv2.GaussianBlur(picture, (0, 0), 1.5), 0.5, 0)
array("golden_picture", picture)  # [14, 18, 3]
for h, w in [(7, 9), (14, 9), (5, 31), (23, 11), (1, 1)]:
    array(f"golden_resize_{h}x{w}", cv2.resize(picture, (w, h)))

box = np.array([[2.0, 3.0], [15.0, 1.0], [16.0, 9.0], [1.0, 12.0]], np.float32)
to = np.array([[0, 0], [13, 0], [13, 9], [0, 9]], np.float32)
m = cv2.getPerspectiveTransform(box, to)
array("golden_matrix", [float(v) for v in m.ravel()], "double")
array("golden_warp", cv2.warpPerspective(picture, m, (13, 9), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))

out.append("/* Maps [40, 64] in 1/255, and the boxes [8] in a picture of [90, 128] with their scores. */")
maps, boxes, scores, counts = [], [], [], []
for case in range(3):
    p = np.zeros((40, 64), np.float32)
    for k in range(5):
        angle = 0.0 if case == 0 else float(rng.random() * 180)
        rect = ((11.0 + 20 * (k % 3), 10.0 + 20 * (k // 3)), (float(11 + rng.random() * 6), float(5 + rng.random() * 2)), angle)
        cv2.fillPoly(p, [cv2.boxPoints(rect).astype(np.int32)], float(0.8 + 0.2 * rng.random()))
    if case == 2:
        cv2.ellipse(p, (50, 29), (11, 7), 20, 0, 360, 0.95, 3)
    p = np.round(np.clip(cv2.GaussianBlur(p, (0, 0), 0.7), 0, 1) * 255).astype(np.uint8)
    found = ref.boxes_from_map(p.astype(np.float32) / np.float32(255), 90, 128)
    maps.append(p)
    counts.append(len(found))
    boxes += [b.astype(int).ravel() for b, _ in found]
    scores += [round(float(s), 5) for _, s in found]
array("golden_maps", maps)
array("golden_box_counts", counts)
array("golden_boxes", boxes)
array("golden_box_scores", scores, "float")

p = rng.random((12, 6)).astype(np.float32)
p = np.round(p / p.sum(1, keepdims=True), 4).astype(np.float32)
p[3], p[7] = p[2], [0.9, 0.02, 0.02, 0.02, 0.02, 0.02]
text, score = ref.ctc(p, ["", "a", "ß", "中", "😀", " "])
array("golden_ctc", [round(float(v), 4) for v in p.ravel()], "float")  # [12, 6]
out.append(f'static const char golden_ctc_text[] = "{"".join(c if ord(c) < 128 else "".join(f"{chr(92)}{b:03o}" for b in c.encode()) for c in text)}"; /* {text} */')
out.append(f"static const float golden_ctc_score = {score:.7f}f;")
(Path(__file__).parent / "image_golden.h").write_text("\n".join(out) + "\n", "utf-8")
