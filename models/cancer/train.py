"""Trains the package cancer on scikit-learn's breast-cancer data and writes beside this script: model.onnx, manifest.json (features,
hashes), golden.json (rows with what scikit-learn answers) and the figures that MODEL.md states, on the terminal. Versions:
tests/golden/requirements.txt.

    python models/cancer/train.py
"""
import hashlib
import json
import os

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

FOLDER = os.path.dirname(os.path.abspath(__file__))
data = load_breast_cancer()
columns = [name.removeprefix("mean ").replace(" ", "_") for name in data.feature_names[:10]]  # the means: what a form can ask for
X, y = np.round(data.data[:, :10], 6), data.target


def model():
    return make_pipeline(SimpleImputer(strategy="median"), GradientBoostingClassifier(n_estimators=80, max_depth=2, learning_rate=0.1, subsample=0.8, random_state=0))


folds = StratifiedKFold(10, shuffle=True, random_state=0)
p = cross_val_predict(model(), X, y, cv=folds, method="predict_proba")[:, 1]
print(f"10-fold: accuracy {np.mean((p >= 0.5) == y):.3f}, area under ROC {roc_auc_score(y, p):.3f}, Brier {brier_score_loss(y, p):.3f}, "
      f"malignant found {recall_score(1 - y, p < 0.5):.3f}, benign found {recall_score(y, p >= 0.5):.3f}; always the larger class: {max(np.mean(y), 1 - np.mean(y)):.3f}")

pipeline = model().fit(X, y)
imputer, boosting = pipeline[0], pipeline[1]
onx = to_onnx(boosting, initial_types=[("x", FloatTensorType([None, 10]))], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3}).SerializeToString()
with open(os.path.join(FOLDER, "model.onnx"), "wb") as f:
    f.write(onx)

manifest = {
    "schema": 1, "name": "cancer", "version": "1.0.0", "title": "Is a tumour of the breast malignant, by measures of its cells' nuclei?", "license": "CC-BY-4.0",
    "models": {"model": {"file": "model.onnx", "size": len(onx), "sha256": hashlib.sha256(onx).hexdigest()}},
    "features": [
        {"step": "select", "columns": columns, "missing": "allow", "wrong": "parse"},
        {"step": "impute", "values": [round(v, 6) for v in imputer.statistics_.tolist()]},
        {"step": "concat"},
    ],
    "outputs": [{"step": "argmax", "input": "probabilities", "labels": data.target_names.tolist()}],
}
with open(os.path.join(FOLDER, "manifest.json"), "w") as f:
    json.dump(manifest, f, indent=2)
    f.write("\n")

chosen = np.random.default_rng(4).permutation(len(X))[:16]
rows, cases = X[chosen].copy(), []
for i in (3, 7, 11):
    rows[i, [i % 10, (i + 5) % 10]] = np.nan
rows[15] = np.nan
for row, probabilities in zip(rows, pipeline.predict_proba(np.vstack(rows))):
    best = int(probabilities.argmax())
    cases.append({"row": {c: float(v) for c, v in zip(columns, row) if v == v}, "label": data.target_names[best], "score": float(probabilities[best])})
with open(os.path.join(FOLDER, "golden.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(len(onx), "bytes")
