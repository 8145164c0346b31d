"""The demo's sample pictures, and what the reference reads in them.
usage: make_samples.py FOLDER_WITH_THE_MODELS [FONT_FOLDER]      writes web/demo/samples/"""
import json
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr_reference import Reader

out = Path(__file__).resolve().parents[2] / "web/demo/samples"
fonts = Path(sys.argv[2] if len(sys.argv) > 2 else "/usr/share/fonts/truetype/dejavu")


def font(name, size):
    return ImageFont.truetype(str(fonts / f"DejaVu{name}.ttf"), size)


def receipt():
    im = Image.new("RGB", (420, 600), "#d8d4cc")
    d = ImageDraw.Draw(im)
    d.rectangle((30, 20, 390, 580), fill="#fdfcf8")
    d.text((210, 60), "CORNER MILL BAKERY", fill="#222", font=font("Sans-Bold", 26), anchor="mm")
    d.text((210, 95), "12 Station Road", fill="#333", font=font("Sans", 18), anchor="mm")
    y = 145
    mono = font("SansMono", 20)
    for name, price in [("Rye bread", "4.20"), ("Wholemeal roll", "0.85"), ("Butter 250 g", "2.95"), ("Apple cake", "3.40"), ("Coffee", "2.60")]:
        d.text((60, y), name, fill="#222", font=mono)
        d.text((360, y), price, fill="#222", font=mono, anchor="ra")
        y += 42
    d.line((60, y + 6, 360, y + 6), fill="#555", width=2)
    d.text((60, y + 24), "TOTAL", fill="#000", font=font("Sans-Bold", 28))
    d.text((360, y + 24), "14.00", fill="#000", font=font("Sans-Bold", 28), anchor="ra")
    d.text((210, 500), "Thank you for your visit", fill="#333", font=font("Sans", 19), anchor="mm")
    d.text((210, 540), "2024-05-17 09:41", fill="#333", font=mono, anchor="mm")
    return im


def sign():
    im = Image.new("RGB", (640, 420), "#9db8cf")
    d = ImageDraw.Draw(im)
    d.rectangle((0, 330, 640, 420), fill="#6d7a5c")
    d.rectangle((300, 230, 340, 420), fill="#8a8a8a")
    d.rounded_rectangle((40, 50, 600, 250), 24, fill="#0b5a3c", outline="white", width=6)
    d.text((320, 110), "CENTRAL STATION", fill="white", font=font("Sans-Bold", 44), anchor="mm")
    d.text((190, 190), "Exit 24", fill="#ffe27a", font=font("Sans-Bold", 40), anchor="mm")
    d.text((450, 190), "800 m", fill="white", font=font("Sans", 40), anchor="mm")
    return im


def label():
    big = Image.new("RGB", (520, 220), "#f4efe0")
    d = ImageDraw.Draw(big)
    d.rectangle((6, 6, 513, 213), outline="#7a2a1a", width=4)
    d.text((260, 60), "FRAGILE", fill="#a01c10", font=font("Sans-Bold", 56), anchor="mm")
    d.text((260, 125), "Handle with care", fill="#222", font=font("Sans", 32), anchor="mm")
    d.text((260, 178), "Lot 7731-B", fill="#222", font=font("SansMono", 28), anchor="mm")
    im = Image.new("RGB", (600, 420), "#7b6a58")
    turned = big.convert("RGBA").rotate(17, resample=Image.BICUBIC, expand=True)
    im.paste(turned, ((600 - turned.width) // 2, (420 - turned.height) // 2), turned)
    return im


def page():
    im = Image.new("RGB", (760, 520), "#fbfaf6")
    d = ImageDraw.Draw(im)
    d.text((60, 40), "On milling at home", fill="#111", font=font("Serif-Bold", 34))
    y = 110
    for line in ["A quern is a hand mill made of two stones.", "The lower stone lies still on the ground.", "The upper one turns on a wooden pin.",
                 "Grain falls through the hole in the middle,", "and flour comes out all around the edge.", "Each household ground its own grain,",
                 "and nobody else had to know how much."]:
        d.text((60, y), line, fill="#1a1a1a", font=font("Serif", 25))
        y += 48
    d.text((700, 480), "Page 31", fill="#555", font=font("Serif", 20), anchor="rm")
    return im


out.mkdir(parents=True, exist_ok=True)
read = Reader(sys.argv[1])
samples = []
for name, title, make in [("receipt", "A receipt", receipt), ("sign", "A road sign", sign), ("label", "A label at an angle", label), ("page", "A page of a book", page)]:
    path = out / f"{name}.png"
    make().quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
    rgb = np.array(Image.open(path).convert("RGB"))
    lines = read(np.ascontiguousarray(rgb[:, :, ::-1]))
    samples.append({"file": path.name, "title": title, "width": rgb.shape[1], "height": rgb.shape[0], "lines": [
        {"text": t, "score": round(s, 4), "box": [int(v) for v in b.ravel()]} for b, t, s in lines]})
    print(path.name, path.stat().st_size, [t for _, t, _ in lines])
(out / "samples.json").write_text(json.dumps(samples, indent=1, ensure_ascii=False) + "\n", "utf-8")
