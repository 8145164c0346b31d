"""Golden data of the steps for pictures, from the libraries that models are trained behind. Versions: requirements.txt.
usage: make_steps_golden.py      writes steps/*.json and steps/*.bin beside it

A case: the steps, the input's shape (its pixels are made by a formula, `scene` here and in tests/node/helpers/scene.mjs), what the library gives,
and the library's name. The bytes of all results lie one after the other in the .bin."""
import base64
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


def places():
    """Cutting, padding, turning."""
    golden = Golden("places")
    from torchvision.transforms import functional as F
    size = (13, 9)
    rgb = scene(*size)
    real = (rgb[..., :1] / 255.0).astype(np.float32)
    for picture, start, more in [(rgb, [{"step": "color"}], {}), (real, [{"step": "color", "to": "gray"}, {"step": "normalize"}], {"gray": True})]:
        add = lambda like, step, result: golden.add(like, start + [step], size, result, **more)
        planes = torch.from_numpy(picture).permute(2, 0, 1)
        for w, h in [(6, 4), (7, 8), (1, 1), (20, 5), (16, 14)]:
            add("torchvision", {"step": "crop", "width": w, "height": h}, F.center_crop(planes, [h, w]).permute(1, 2, 0).numpy())
        add("numpy", {"step": "crop", "width": 5, "height": 3, "x": 7, "y": 2}, picture[2:5, 7:12])
        for mode in ["constant", "edge", "reflect", "symmetric"]:
            for sides in [[2], [3, 1], [0, 17, 25, 1]]:
                l, t, r, b = sides * 4 if len(sides) == 1 else sides * 2 if len(sides) == 2 else sides
                add("numpy", {"step": "pad", "sides": sides, "border": mode}, np.pad(picture, [(t, b), (l, r), (0, 0)], mode=mode))
        add("numpy", {"step": "pad", "multiple": 8, "value": 7}, np.pad(picture, [(0, 7), (0, 3), (0, 0)], constant_values=7))
        add("numpy", {"step": "pad", "square": True, "at": "center"}, np.pad(picture, [(2, 2), (0, 0), (0, 0)]))
        for axis in (1, 0):
            add("numpy", {"step": "flip", "axis": "vertical" if axis == 0 else "horizontal"}, np.flip(picture, axis))
        for turns in (1, 2, 3):
            add("numpy", {"step": "turn", "by": str(90 * turns)}, np.rot90(picture, -turns))
        for w, h in [(20, 20), (9, 16), (8, 3)]:  # the letterbox of Ultralytics' detectors, in their order of steps
            ratio = min(w / size[0], h / size[1])
            inner = (round(size[0] * ratio), round(size[1] * ratio))
            dx, dy = (w - inner[0]) / 2, (h - inner[1]) / 2
            small = cv2.resize(picture, inner, interpolation=cv2.INTER_LINEAR).reshape(inner[1], inner[0], -1)
            sides = (round(dy - 0.1), round(dy + 0.1), round(dx - 0.1), round(dx + 0.1))
            out = cv2.copyMakeBorder(small, *sides, cv2.BORDER_CONSTANT, value=(114,) * 3).reshape(h, w, -1)
            add("opencv", {"step": "letterbox", "width": w, "height": h, "like": "opencv", "value": 114}, out)
    golden.write()


def similarity(a, b):
    """The least squares turn, scale and move from a to b, by Umeyama's way with singular values."""
    ma, mb = a.mean(0), b.mean(0)
    u, d, vt = np.linalg.svd((b - mb).T @ (a - ma) / len(a))
    sign = np.array([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    turn = u @ np.diag(sign) @ vt
    scale = (d * sign).sum() / ((a - ma) ** 2).sum() * len(a)
    return np.c_[scale * turn, mb - scale * turn @ ma]


def warps():
    golden = Golden("warp")
    size = (61, 47)
    rgb = scene(*size)
    eyes = np.array([[20.5, 18.25], [37, 14.5], [31, 27], [25.5, 35], [40, 31.5]])
    template = np.array([[8, 9], [20, 9], [14, 15], [9.5, 21], [18.5, 21]])
    middle = np.array([0.5, 0.5])  # OpenCV's coordinates are of the middles of pixels, the steps' of their corners
    for fit, points, target in [("similarity", eyes, template), ("similarity", eyes[:2] - 12, template[:2]), ("affine", eyes[:3], template[:3]), ("affine", eyes[:3] * 2, template[:3])]:
        m = similarity(points - middle, target - middle) if fit == "similarity" else cv2.getAffineTransform((points - middle).astype(np.float32), (target - middle).astype(np.float32))
        for border, code in [("constant", cv2.BORDER_CONSTANT), ("edge", cv2.BORDER_REPLICATE)]:
            step = {"step": "warp", "input": ["picture", "points"], "width": 28, "height": 30, "template": target.ravel().tolist(), "fit": fit, "border": border, "value": [9, 0, 250]}
            out = cv2.warpAffine(rgb, m, (28, 30), flags=cv2.INTER_LINEAR, borderMode=code, borderValue=(9, 0, 250))
            golden.add("opencv", [{"step": "color", "input": "picture", "as": "picture"}, step], size, out, points=points.ravel().tolist())
    golden.write()


def planes():
    """Brightness and colour planes, in OpenCV's one matrix (BT.601, limited)."""
    golden = Golden("planes")
    w, h = 12, 8
    samples = np.random.default_rng(5).integers(16, 236, w * h * 3 // 2, dtype=np.uint8)  # as the limited range has them
    for name, code in [("I420", cv2.COLOR_YUV2RGB_I420), ("NV12", cv2.COLOR_YUV2RGB_NV12)]:
        out = cv2.cvtColor(samples.reshape(h * 3 // 2, w), code)
        golden.add("opencv", [{"step": "color"}], (w, h), out, format=name, samples=base64.b64encode(samples.tobytes()).decode())
    golden.write()


MAKERS = {"planes": planes, "resize": resizes, "places": places, "warp": warps}
for name in sys.argv[1:] or MAKERS:
    MAKERS[name]()
