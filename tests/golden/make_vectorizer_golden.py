"""Golden data of the step vectorize, from scikit-learn's vectorizers. Versions: requirements.txt.
usage: make_vectorizer_golden.py      writes tokenizer/vectorizers.json"""
import json
import subprocess
from pathlib import Path

import sklearn
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

HERE = Path(__file__).parent / "tokenizer"
lines = json.loads(subprocess.run(["node", HERE / "lines.mjs"], check=True, capture_output=True).stdout)["lines"]
train, shown = lines[::31], [i for i in range(0, len(lines), 113) if len(lines[i]) < 120] + [0, 1]
extra = ["ΟΔΥΣΣΕΥΣ ΑΣ. Σ ΑΣ'Α ΣΣ", "Iİ ıI STRAẞE Ǆ", "a  b\t\tc \x1c\x1d d", "naïve café Ångström ﬁne ½ Ⅻ", "x", "to be or not to be", "the the THE of"]
texts = [lines[i] for i in shown] + extra

VARIANTS = {
    "count": (CountVectorizer, {}, {}),
    "count bigrams": (CountVectorizer, {"ngram_range": (1, 2), "stop_words": ["the", "of", "to"], "binary": True}, {"ngrams": [1, 2], "stop_words": ["the", "of", "to"], "binary": True}),
    "count letters": (CountVectorizer, {"token_pattern": r"(?u)\b\w+\b", "lowercase": False, "strip_accents": "unicode"}, {"word_length": 1, "lowercase": False, "strip_accents": "unicode"}),
    "tf-idf": (TfidfVectorizer, {"min_df": 2}, {"norm": "l2"}),
    "tf-idf char": (TfidfVectorizer, {"analyzer": "char", "ngram_range": (1, 3), "min_df": 12, "sublinear_tf": True}, {"analyzer": "char", "ngrams": [1, 3], "sublinear": True, "norm": "l2"}),
    "tf-idf char_wb": (TfidfVectorizer, {"analyzer": "char_wb", "ngram_range": (2, 5), "min_df": 8, "norm": "l1", "strip_accents": "ascii"}, {"analyzer": "char_wb", "ngrams": [2, 5], "norm": "l1", "strip_accents": "ascii"}),
    "hashing": (HashingVectorizer, {"n_features": 512}, {"hash": 512, "norm": "l2"}),
    "hashing char_wb": (HashingVectorizer, {"n_features": 1000, "analyzer": "char_wb", "ngram_range": (1, 4), "alternate_sign": False, "norm": "l1"}, {"hash": 1000, "analyzer": "char_wb", "ngrams": [1, 4], "alternate_sign": False, "norm": "l1"}),
    "hashing binary": (HashingVectorizer, {"n_features": 64, "binary": True, "norm": None}, {"hash": 64, "binary": True}),
}
golden = {"made": f"make_vectorizer_golden.py with scikit-learn {sklearn.__version__}", "lines": shown, "extra": extra, "variants": {}}
for name, (kind, options, step) in VARIANTS.items():
    v = kind(**options)
    entry = {"step": {"step": "vectorize", **step}}
    v.fit(train + extra)
    if kind is not HashingVectorizer:
        terms = sorted(v.vocabulary_, key=v.vocabulary_.get)
        entry["step"]["vocabulary"] = terms
    if kind is TfidfVectorizer:
        entry["idf"] = [float(f"{w:.9g}") for w in v.idf_]
    rows = v.transform(texts)
    entry["rows"] = [[[int(i), float(f"{w:.8g}")] for i, w in sorted(zip(row.indices, row.data)) if w] for row in rows]
    golden["variants"][name] = entry
(HERE / "vectorizers.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
