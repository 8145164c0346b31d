"""Golden data of the steps for pictures, from the libraries that models are trained behind. Versions: requirements.txt.
usage: make_steps_golden.py      writes steps/*.json and steps/*.bin beside it

A case: the steps, the input's shape (its pixels are made by a formula, `scene` here and in tests/node/helpers/scene.mjs), what the library gives,
and the library's name. The bytes of all results lie one after the other in the .bin."""
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import PIL
import torch
from PIL import Image

# Intel's primitives, which OpenCV takes for bicubic where it finds them, round otherwise; its own code gives the same everywhere.
cv2.ipp.setUseIPP(False)
FOLDER = Path(__file__).parent / "steps"


def scene(width, height):
    """[height, width, 3] of noise on ramps with hard edges, in integers alone."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    noise = (x * 7919 + y * 104729 + c * 1299709 + (x * y) % 97 * 31) % 61
    return ((x * 3 + y * 5 + c * 40 + noise) % 256).astype(np.uint8)


class Golden:
    def __init__(self, name):
        self.name, self.cases, self.parts, self.size = name, [], [], 0

    def add(self, library, steps, size, result, **more):
        result = np.ascontiguousarray(result)
        self.cases.append({"like": library, "steps": steps, "size": size, "dims": list(result.shape), "type": str(result.dtype), "offset": self.size, **more})
        self.parts.append(result.tobytes())
        self.size += result.nbytes

    def write(self):
        FOLDER.mkdir(exist_ok=True)
        made = f"Pillow {PIL.__version__}, OpenCV {cv2.__version__}, torch {torch.__version__.split('+')[0]}"
        lines = ",\n".join("  " + json.dumps(case) for case in self.cases)
        (FOLDER / f"{self.name}.json").write_text(f'{{ "made": "{made}", "cases": [\n{lines}\n] }}\n', "utf-8")
        (FOLDER / f"{self.name}.bin").write_bytes(b"".join(self.parts))
        print(self.name, len(self.cases), self.size)


def resizes():
    golden = Golden("resize")
    pillow = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS, "area": Image.BOX, "hamming": Image.HAMMING}
    opencv = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4, "area": cv2.INTER_AREA}
    torch_modes = {"nearest": "nearest", "nearest_exact": "nearest-exact", "bilinear": "bilinear", "bicubic": "bicubic", "area": "area"}
    sizes = [((41, 30), (17, 13)), ((17, 30), (23, 33)), ((32, 24), (16, 12)), ((37, 90), (41, 20)), ((90, 60), (30, 21))]
    floats = [((41, 30), (17, 13)), ((17, 30), (23, 33)), ((60, 45), (20, 15))]

    def tensor(a):
        return torch.from_numpy(a if a.ndim == 3 else a[..., None]).permute(2, 0, 1)[None].contiguous()

    for size, (w, h) in sizes:
        rgb = scene(*size)
        step = lambda like, name, **more: [{"step": "color"}, {"step": "resize", "width": w, "height": h, "like": like, "filter": name, **more}]
        for name, code in pillow.items():
            golden.add("pillow", step("pillow", name), size, np.asarray(Image.fromarray(rgb).resize((w, h), code)))
        for name, code in opencv.items():
            golden.add("opencv", step("opencv", name), size, cv2.resize(rgb, (w, h), interpolation=code))
        for name, mode in torch_modes.items():
            for antialias in [False, True] if name in ("bilinear", "bicubic") else [False]:
                if name == "area":
                    continue
                more = {"antialias": antialias} if name.startswith("bi") else {}
                out = torch.nn.functional.interpolate(tensor(rgb), size=(h, w), mode=mode, **more)
                golden.add("torch", step("torch", name, **more), size, out[0].permute(1, 2, 0).numpy())
    for size, (w, h) in floats:
        gray = scene(*size)[..., 0]
        real = (gray / 255.0).astype(np.float32)
        step = lambda like, name, **more: [{"step": "color", "to": "gray"}, {"step": "normalize"}, {"step": "resize", "width": w, "height": h, "like": like, "filter": name, **more}]
        for name, code in pillow.items():
            golden.add("pillow", step("pillow", name), size, np.asarray(Image.fromarray(real).resize((w, h), code))[..., None], gray=True)
        for name, code in opencv.items():
            golden.add("opencv", step("opencv", name), size, cv2.resize(real, (w, h), interpolation=code)[..., None], gray=True)
        for name, mode in torch_modes.items():
            for antialias in [False, True] if name in ("bilinear", "bicubic") else [False]:
                more = {"antialias": antialias} if name.startswith("bi") else {}
                out = torch.nn.functional.interpolate(tensor(real), size=(h, w), mode=mode, **more)
                golden.add("torch", step("torch", name, **more), size, out[0].permute(1, 2, 0).numpy(), gray=True)
    golden.write()


MAKERS = {"resize": resizes}
for name in sys.argv[1:] or MAKERS:
    MAKERS[name]()
