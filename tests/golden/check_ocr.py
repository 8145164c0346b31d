"""Runs src/feature/ocr.c with onnxruntime in the place of Quern's own core, and compares with ocr_reference.py.
usage: check_ocr.py FOLDER_WITH_THE_MODELS [PICTURE …]"""
import ctypes as C
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

import ocr_reference as ref

root = Path(__file__).resolve().parents[2]
sources = [root / "src/feature/ocr.c", *sorted((root / "src/feature/image").glob("*.c"))] + [
    root / f"src/feature/post/{n}.c" for n in ("contour", "ctc", "dbnet", "rotated_rect")] + [
    root / f"src/base/{n}.c" for n in ("memory", "status")]


class Result(C.Structure):
    _fields_ = [("text", C.c_char_p), ("length", C.c_uint32), ("score", C.c_float), ("box_score", C.c_float),
                ("turned", C.c_int32), ("box", C.c_int32 * 8)]


def floats(a):
    return np.ascontiguousarray(a, np.float32).ctypes.data_as(C.c_void_p)


class Core:
    def __init__(self, folder, reader):
        library = Path(tempfile.mkdtemp()) / "ocr.so"
        subprocess.run(["cc", "-std=gnu11", "-O2", "-shared", "-fPIC", "-I", root / "src", *sources, "-lm", "-o", library], check=True)
        self.c, self.r = C.CDLL(str(library)), reader
        labels = (Path(folder) / "ppocr_keys_v1.txt").read_bytes()
        self.o, self.error = C.c_void_p(), C.create_string_buffer(4096)
        self.ok(self.c.qn_ocr_create(C.byref(self.o), None, labels, C.c_size_t(len(labels)), self.error))

    def ok(self, status):
        if status:
            raise RuntimeError(self.error.raw[4:].split(b"\0")[0].decode())

    def batch(self, kind, *index):
        dims = (C.c_int32 * 4)()
        getattr(self.c, f"qn_ocr_{kind}_shape")(self.o, *index, dims)
        x = np.full(tuple(dims), np.nan, np.float32)
        self.ok(getattr(self.c, f"qn_ocr_{kind}_input")(self.o, *index, floats(x), C.c_size_t(x.size), self.error))
        assert not np.isnan(x).any()
        return x

    def __call__(self, bgr):
        c, o = self.c, self.o
        h, w = bgr.shape[:2]
        rgba = np.dstack([bgr[:, :, ::-1], np.full((h, w), 255, np.uint8)]).copy()
        self.ok(c.qn_ocr_set_image(o, rgba.ctypes.data_as(C.c_void_p), w, h, self.error))
        self.det = self.batch("det")
        m = self.r.det.run(None, {"x": self.det})[0]
        self.ok(c.qn_ocr_det_output(o, floats(m), m.shape[2], m.shape[3], self.error))
        self.boxes = []
        for i in range(c.qn_ocr_box_count(o)):
            box = (C.c_int32 * 8)()
            c.qn_ocr_box_at(o, i, box)
            self.boxes.append(list(box))
        for b in range(c.qn_ocr_cls_batches(o)):
            p = self.r.cls.run(None, {"x": self.batch("cls", b)})[0]
            self.ok(c.qn_ocr_cls_output(o, b, floats(p), *p.shape, self.error))
        for b in range(c.qn_ocr_rec_batches(o)):
            p = self.r.rec.run(None, {"x": self.batch("rec", b)})[0]
            self.ok(c.qn_ocr_rec_output(o, b, floats(p), *p.shape, self.error))
        results, r = [], Result()
        for i in range(c.qn_ocr_result_count(o)):
            assert c.qn_ocr_result_at(o, i, C.byref(r))
            results.append((list(r.box), r.text.decode(), r.score))
        return results


if __name__ == "__main__":
    reader = ref.Reader(sys.argv[1])
    core, bad = Core(sys.argv[1], reader), 0
    paths = sys.argv[2:] or sorted((root / "web/demo/samples").glob("*.png"))
    for path in paths:
        picture = cv2.imread(str(path))
        for k, turned in enumerate((picture, np.rot90(picture, 2), np.rot90(picture))):
            turned = np.ascontiguousarray(turned)
            want, got = reader(turned), core(turned)
            det = np.abs(core.det - ref.det_input(turned)).max()
            boxes = [b.astype(int).ravel().tolist() for b, _ in ref.boxes_from_map(reader.map(turned), *turned.shape[:2])]
            off = max([np.abs(np.subtract(a, b)).max() for a, b in zip(boxes, core.boxes)] + [0]) if len(boxes) == len(core.boxes) else "count"
            texts = [a[1] for a in want] == [b[1] for b in got]
            score = max([abs(a[2] - b[2]) for a, b in zip(want, got)] + [0])
            bad += not texts or off == "count" or off > 1
            print(f"{Path(path).name} turned {k * 180 if k < 2 else 90}: input {det:.2g}, {len(boxes)} boxes off by {off}, texts {'equal' if texts else 'DIFFER'}, score {score:.2g}")
            if not texts:
                print("  reference", [a[1] for a in want], "\n  core     ", [b[1] for b in got])
    sys.exit(bad > 0)
