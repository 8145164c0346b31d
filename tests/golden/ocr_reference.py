"""PP-OCRv4 as PaddleOCR runs it (release 2.7, default parameters), on OpenCV, Clipper and onnxruntime.
Two differences on purpose: recogniser widths are rounded up to 64, as src/feature/ocr.c does, and the corners of a
rectangle to 1/1024 pixel, because OpenCV gives 141.99998 for 142 now and then and the next step truncates."""
import math
from pathlib import Path

import cv2
import numpy as np
import pyclipper

LIMIT, THRESHOLD, BOX_THRESHOLD, UNCLIP, CANDIDATES = 960, 0.3, 0.6, 1.5, 1000


def det_size(h, w):
    ratio = LIMIT / max(h, w) if max(h, w) > LIMIT else 1.0
    return [max(int(round(int(s * ratio) / 32) * 32), 32) for s in (h, w)]


def det_input(bgr):
    h, w = det_size(*bgr.shape[:2])
    x = cv2.resize(bgr, (w, h)).astype(np.float32) * np.float32(1 / 255)
    x = (x - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return x.transpose(2, 0, 1)[None].astype(np.float32)


def mini_box(points):
    rect = cv2.minAreaRect(points)
    p = sorted(cv2.boxPoints(rect), key=lambda q: q[0])
    tl, bl = (p[0], p[1]) if p[1][1] > p[0][1] else (p[1], p[0])
    tr, br = (p[2], p[3]) if p[3][1] > p[2][1] else (p[3], p[2])
    return np.round(np.array([tl, tr, br, bl], np.float64) * 1024) / 1024, min(rect[1])


def box_score(prob, box):
    h, w = prob.shape
    x0, x1 = (int(np.clip(f(box[:, 0]), 0, w - 1)) for f in (lambda v: np.floor(v.min()), lambda v: np.ceil(v.max())))
    y0, y1 = (int(np.clip(f(box[:, 1]), 0, h - 1)) for f in (lambda v: np.floor(v.min()), lambda v: np.ceil(v.max())))
    mask = np.zeros((y1 - y0 + 1, x1 - x0 + 1), np.uint8)
    cv2.fillPoly(mask, (box - [x0, y0]).reshape(1, -1, 2).astype(np.int32), 1)
    return cv2.mean(prob[y0:y1 + 1, x0:x1 + 1], mask)[0]


def unclip(box):
    w, h = np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[3] - box[0])
    offset = pyclipper.PyclipperOffset()
    offset.AddPath([[int(v) for v in p] for p in box], pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    paths = offset.Execute(w * h * UNCLIP / (2 * (w + h)))
    return np.array(paths[0], np.int32).reshape(-1, 1, 2) if paths else None


def clockwise(p):
    p = p[np.argsort(p[:, 0], kind="stable")]
    left, right = p[:2], p[2:]
    tl, bl = left[np.argsort(left[:, 1], kind="stable")]
    tr, br = right[np.argsort(right[:, 1], kind="stable")]
    return np.array([tl, tr, br, bl], np.float32)


def boxes_from_map(prob, source_h, source_w):
    h, w = prob.shape
    contours, _ = cv2.findContours((prob > THRESHOLD).astype(np.uint8) * 255, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours[:CANDIDATES]:
        box, side = mini_box(contour)
        if side < 3:
            continue
        score = box_score(prob, box)
        if score < BOX_THRESHOLD:
            continue
        grown = unclip(box)
        if grown is None:
            continue
        box, side = mini_box(grown)
        if side < 5:
            continue
        box[:, 0] = np.clip(np.round(box[:, 0] / w * source_w), 0, source_w)
        box[:, 1] = np.clip(np.round(box[:, 1] / h * source_h), 0, source_h)
        box = clockwise(box.astype(np.int32))
        box[:, 0] = np.clip(box[:, 0], 0, source_w - 1)
        box[:, 1] = np.clip(box[:, 1], 0, source_h - 1)
        if int(np.linalg.norm(box[0] - box[1])) > 3 and int(np.linalg.norm(box[0] - box[3])) > 3:
            found.append((box, score))
    found.sort(key=lambda b: (b[0][0][1], b[0][0][0]))
    for i in range(1, len(found)):
        for k in range(i, 0, -1):
            a, b = found[k - 1][0][0], found[k][0][0]
            if abs(a[1] - b[1]) >= 10 or b[0] >= a[0]:
                break
            found[k - 1], found[k] = found[k], found[k - 1]
    return found


def crop(bgr, box):
    w = int(max(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[2] - box[3])))
    h = int(max(np.linalg.norm(box[0] - box[3]), np.linalg.norm(box[1] - box[2])))
    m = cv2.getPerspectiveTransform(box, np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32))
    out = cv2.warpPerspective(bgr, m, (w, h), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    return np.rot90(out) if h / w >= 1.5 else out


def line_input(bgr, width):
    h, w = bgr.shape[:2]
    resized = min(width, math.ceil(48 * w / h))
    out = np.zeros((3, 48, width), np.float32)
    x = cv2.resize(np.ascontiguousarray(bgr), (resized, 48)).astype(np.float32).transpose(2, 0, 1) / 255
    out[:, :, :resized] = (x - 0.5) / 0.5
    return out


def ctc(probabilities, labels):
    best, score = probabilities.argmax(1), probabilities.max(1)
    keep = [t for t in range(len(best)) if best[t] and (t == 0 or best[t] != best[t - 1])]
    return "".join(labels[best[t]] for t in keep), float(np.mean(score[keep])) if keep else 0.0


class Reader:
    def __init__(self, folder):
        import onnxruntime as ort
        folder = Path(folder)
        self.det, self.cls, self.rec = (ort.InferenceSession(str(folder / f), providers=["CPUExecutionProvider"]) for f in (
            "ch_PP-OCRv4_det_infer.onnx", "ch_ppocr_mobile_v2.0_cls_infer.onnx", "ch_PP-OCRv4_rec_infer.onnx"))
        self.labels = [""] + (folder / "ppocr_keys_v1.txt").read_text("utf-8").splitlines() + [" "]

    def map(self, bgr):
        return self.det.run(None, {"x": det_input(bgr)})[0][0, 0]

    def __call__(self, bgr):
        found = boxes_from_map(self.map(bgr), *bgr.shape[:2])
        crops = [crop(bgr, b) for b, _ in found]
        order = np.argsort([c.shape[1] / c.shape[0] for c in crops], kind="stable")
        texts = [None] * len(crops)
        for start in range(0, len(crops), 6):
            batch = order[start:start + 6]
            turned = self.cls.run(None, {"x": np.stack([line_input(crops[i], 192) for i in batch])})[0]
            for i, p in zip(batch, turned):
                if p.argmax() == 1 and p[1] > 0.9:
                    crops[i] = cv2.rotate(np.ascontiguousarray(crops[i]), cv2.ROTATE_180)
            width = max([320] + [math.ceil(48 * crops[i].shape[1] / crops[i].shape[0]) for i in batch])
            width = (width + 63) // 64 * 64
            out = self.rec.run(None, {"x": np.stack([line_input(crops[i], width) for i in batch])})[0]
            for i, p in zip(batch, out):
                texts[i] = ctc(p, self.labels)
        return [(b, t, s) for (b, _), (t, s) in zip(found, texts) if t and s >= 0.5]
