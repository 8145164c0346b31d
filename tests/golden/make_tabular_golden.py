"""What scikit-learn makes of rows and of scores: tests/golden/tabular.json, which tests/node/tabular.test.mjs checks. Each case has the steps
of a manifest that say the same, their input and the result. Versions: requirements.txt.

    python tests/golden/make_tabular_golden.py
"""
import base64
import json
import os

import numpy as np
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import normalize

random = np.random.default_rng(6)
answers = []


def plain(a):
    """Numbers for JSON: float32 as it is, NaN as null."""
    a = np.asarray(a)
    if a.dtype.kind == "f":
        return [None if np.isnan(v) else float(v) for v in a.ravel()]
    return [v.item() if hasattr(v, "item") else v for v in a.ravel()]


def tensor(a):
    a = np.asarray(a)
    return {"type": str(a.dtype), "dims": list(a.shape), "data": plain(a)}


def answer(name, steps, inputs, want, files=None):
    """want: a list of answers, or {name: array}."""
    want = want if isinstance(want, list) else {k: tensor(np.float32(v)) for k, v in want.items()}
    answers.append({"name": name, "steps": steps, "inputs": {k: tensor(v) for k, v in inputs.items()}, "want": want,
                    "files": {k: base64.b64encode(v).decode() for k, v in (files or {}).items()}})


def ranked(scores, order, labels=None):
    return [{**({"label": labels[i]} if labels else {}), "score": float(scores[i]), "index": int(i)} for i in order]


# -- vectors --------------------------------------------------------------------------------------------------------------
tokens = random.normal(size=(2, 5, 6)).astype(np.float32)
mask = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1]], np.int64)
m = mask[:, :, None].astype(float)
# the formulas of sentence-transformers 5.1, models/Pooling.py
answer("pool: mean", [{"step": "pool", "input": ["x", "mask"]}], {"x": tokens, "mask": mask}, {"vector": (tokens * m).sum(1) / np.maximum(m.sum(1), 1e-9)})
answer("pool: max", [{"step": "pool", "by": "max", "input": ["x", "mask"]}], {"x": tokens, "mask": mask.astype(np.int32)},
       {"vector": np.where(m > 0, tokens, -1e9).max(1)})
answer("pool: first", [{"step": "pool", "by": "first"}], {"x": tokens}, {"vector": tokens[:, 0]})
answer("pool: last", [{"step": "pool", "by": "last", "input": ["x", "mask"]}], {"x": tokens, "mask": mask}, {"vector": tokens[[0, 1], [2, 4]]})
answer("pool, l2_norm: as one", [{"step": "pool"}, {"step": "l2_norm"}], {"x": tokens}, {"vector": normalize(tokens.astype(float).mean(1))})
vectors = random.normal(size=(4, 7)).astype(np.float32)
vectors[2] = 0
answer("l2_norm", [{"step": "l2_norm"}], {"x": vectors}, {"x": normalize(vectors.astype(float))})
stored = random.normal(size=(9, 7)).astype(np.float32)
cosines = cosine_similarity(stored.astype(float), vectors[:1].astype(float))[:, 0]
order = np.argsort(-cosines, kind="stable")
names = [f"sentence {i}" for i in range(9)]
answer("nearest", [{"step": "nearest", "vectors": "stored", "k": 4, "labels": names}], {"x": vectors[0]}, ranked(cosines, order[:4], names),
       {"stored": stored.tobytes()})
answer("nearest: least", [{"step": "nearest", "vectors": "stored", "k": 9, "least": 0.1}], {"x": vectors[:1]},
       ranked(cosines, [i for i in order if cosines[i] >= 0.1]), {"stored": stored.tobytes()})

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "tabular.json"), "w") as f:
    json.dump({"answers": answers}, f, separators=(",", ":"))
    f.write("\n")
