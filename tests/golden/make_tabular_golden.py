"""What scikit-learn makes of rows and of scores: tests/golden/tabular.json, which tests/node/tabular.test.mjs checks. Each case has the steps
of a manifest that say the same, their input and the result. Versions: requirements.txt.

    python tests/golden/make_tabular_golden.py
"""
import base64
import json
import os

import numpy as np
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.svm import LinearSVC
from sklearn.preprocessing import KBinsDiscretizer, MaxAbsScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler, normalize

random = np.random.default_rng(6)
answers, rows = [], []


def plain(a):
    """Numbers for JSON, NaN as null."""
    a = np.asarray(a)
    if a.dtype.kind in "fO":
        return [None if v != v else v for v in a.ravel().tolist()]
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

# -- scores ---------------------------------------------------------------------------------------------------------------
logits = (3 * random.normal(size=(5, 4))).astype(np.float32)
classes = ["red", "green", "blue", "none"]
answer("sigmoid", [{"step": "sigmoid", "temperature": 1.5}], {"x": logits}, {"x": expit(logits.astype(float) / 1.5)})
answer("sigmoid: far out", [{"step": "sigmoid"}], {"x": np.float32([-2000, -80, 0, 80, 2000])}, {"x": expit(np.array([-2000.0, -80, 0, 80, 2000]))})
p = expit(logits[:, :1].astype(float))
answer("sigmoid: both classes", [{"step": "sigmoid", "both": True}], {"x": logits[:, :1]}, {"x": np.hstack([1 - p, p])})
answer("argmax: with labels", [{"step": "argmax", "labels": classes}], {"x": logits}, [ranked(row, [row.argmax()], classes)[0] for row in logits])
answer("argmax: one row", [{"step": "argmax"}], {"x": logits[0]}, ranked(logits[0], [logits[0].argmax()]))
answer("threshold", [{"step": "threshold", "least": 0.5, "labels": classes}], {"x": logits[1]}, ranked(logits[1], np.flatnonzero(logits[1] >= 0.5), classes))
bounds = [-5, 5, -1, 0]
answer("threshold: for each class", [{"step": "threshold", "least": bounds}], {"x": logits[2:3]}, ranked(logits[2], np.flatnonzero(logits[2] >= np.float32(bounds))))

iris = load_iris()
for name, chosen in [("three classes", iris.target >= 0), ("two classes", iris.target > 0)]:
    data, target = iris.data[chosen], iris.target[chosen]
    model = CalibratedClassifierCV(LinearSVC(random_state=0), ensemble=False).fit(data, target)
    inner = model.calibrated_classifiers_[0]
    at = random.permutation(len(data))[:6]
    scores = inner.estimator.decision_function(data[at]).astype(np.float32)
    columns = scores.reshape(6, -1)
    step = {"step": "calibrate", "a": [c.a_ for c in inner.calibrators], "b": [c.b_ for c in inner.calibrators], **({"both": True} if len(inner.calibrators) == 1 else {})}
    answer("calibrate: " + name, [step], {"x": scores}, {"x": model.predict_proba(data[at])})

diabetes = load_diabetes()
for function, inverse, given in [(None, None, {}), (np.log1p, np.expm1, {"function": "expm1"}), (np.log, np.exp, {"function": "exp"}), (np.sqrt, np.square, {"function": "square"})]:
    model = TransformedTargetRegressor(Ridge(), func=function, inverse_func=inverse, **({} if function else {"transformer": StandardScaler()}), check_inverse=False)
    model.fit(diabetes.data, diabetes.target)
    inside = model.regressor_.predict(diabetes.data[:6]).astype(np.float32)
    if not function:
        given = {"scale": model.transformer_.scale_.tolist(), "center": model.transformer_.mean_.tolist()}
    want = model.transformer_.inverse_transform(inside.astype(float)[:, None])[:, 0]
    answer("unscale: " + (given.get("function") or "scale"), [{"step": "unscale", **given, "as": "progression"}], {"x": inside[:, None]}, [{"progression": v} for v in want])
answer("unscale: two targets, cut", [{"step": "unscale", "scale": [2, 3], "center": [0, 1], "least": 0}], {"x": logits[:, :2]},
       [{"value": v} for v in np.maximum(logits[:, :2].astype(float) * [2, 3] + [0, 1], 0).tolist()])

# -- sequences ------------------------------------------------------------------------------------------------------------
tags = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
path = [0, 1, 2, 2, 0, 3, 3, 4, 2, 5, 5, 0, 4, 0]
offsets = np.array([[0, 0], [0, 4], [4, 7], [8, 12], [13, 15], [16, 20], [20, 24], [25, 27], [28, 30], [31, 33], [33, 40], [41, 42], [43, 44], [0, 0]])
scores = random.uniform(0, 0.1, (len(path), len(tags))).astype(np.float32)
scores[np.arange(len(path)), path] = random.uniform(0.4, 1, len(path))


def spans(where):
    """Groups as transformers' TokenClassificationPipeline.group_entities makes them."""
    found, group = [], []

    def close():
        if group and group[0][0] != "O":
            found.append({"label": group[0][0], "score": float(np.mean([g[1] for g in group])), "start": int(group[0][2]), "end": int(group[-1][3])})
        group.clear()

    for i, k in enumerate(path):
        start, end = where[i]
        if start == end:
            continue
        begins, tag = tags[k].startswith("B-"), tags[k][2:] if tags[k][1:2] == "-" else tags[k]
        if group and (begins or group[0][0] != tag):
            close()
        group.append((tag, float(scores[i, k]), start, end))
    close()
    return found


answer("spans: in the text", [{"step": "spans", "labels": tags, "input": ["x", "offsets"]}], {"x": scores[None], "offsets": offsets[None]}, spans(offsets))
answer("spans: in tokens", [{"step": "spans", "labels": tags}], {"x": scores}, spans([(i, i + 1) for i in range(len(path))]))
letters = ["<pad>", "a", "b", "ö", "|"]
path = [0, 1, 1, 0, 1, 3, 3, 4, 4, 0, 2, 0, 0, 3]
frames = random.uniform(0, 0.1, (len(path), len(letters))).astype(np.float32)
frames[np.arange(len(path)), path] = random.uniform(0.4, 1, len(path))
kept = [(i, k) for i, k in enumerate(path) if k and (not i or path[i - 1] != k)]
answer("ctc", [{"step": "ctc", "labels": letters, "space": "|"}], {"x": frames[None]},
       [{"text": "".join(letters[k].replace("|", " ") for _, k in kept), "score": float(np.mean([frames[i, k] for i, k in kept]))}])

# -- rows -----------------------------------------------------------------------------------------------------------------
def row_case(name, steps, table, want):
    """table: {column: list}; want: array. The steps are run over the columns and over a list of objects."""
    rows.append({"name": name, "steps": steps, "columns": {k: plain(v) for k, v in table.items()}, "want": tensor(want)})


def select(names, **more):
    return {"step": "select", "columns": list(names), **more}


def texts(names, **more):
    return select(names, type="text", **more)


age = np.array([22, 38, np.nan, 35, 54, 2, 27, np.nan])
fare = np.array([7.25, 71.2833, 8.05, np.nan, 51.8625, 21.075, 11.1333, 30.0708])
rooms = np.array([1, 2, 2, 1, 3, 2, 1, 2], float)
city = ["Rome", "Oslo", "Kyōto", "Rome", "Lima", "Oslo", "Rome", "Łódź"]
job = ["smith", "", "baker", "smith", "", "smith", "baker", "clerk"]
numbers = {"fare": fare, "age": age}
full = {"fare": np.nan_to_num(fare, nan=20), "age": np.nan_to_num(age, nan=30), "rooms": rooms}
X, F = np.column_stack([age, fare]), np.column_stack([full["age"], full["fare"], rooms])
allow = {"missing": "allow"}

row_case("select: in order", [select(["rooms", "age"]), {"step": "concat"}], full, np.float32(F[:, [2, 0]]))
for strategy in ["mean", "median", "most_frequent"]:
    i = SimpleImputer(strategy=strategy).fit(X)
    row_case("impute: " + strategy, [select(["age", "fare"], **allow), {"step": "impute", "values": i.statistics_.tolist()}], numbers, i.transform(X))
i = SimpleImputer(strategy="constant", fill_value=-7, missing_values=2, add_indicator=True).fit(F)
row_case("impute: constant, a number that means missing, indicator",
         [select(["age", "fare", "rooms"], missing_number=2, **allow), {"step": "impute", "values": -7, "indicator": i.indicator_.features_.tolist()}], full, i.transform(F))
i = SimpleImputer(strategy="most_frequent", missing_values="").fit(np.array(job, object)[:, None])
o = OrdinalEncoder().fit(i.transform(np.array(job, object)[:, None]))
row_case("impute: texts", [texts(["job"], **allow), {"step": "impute", "texts": i.statistics_.tolist()}, {"step": "ordinal", "categories": [c.tolist() for c in o.categories_]}],
         {"job": job}, o.transform(i.transform(np.array(job, object)[:, None])))

for name, scaler, steps in [
        ("standard", StandardScaler(), lambda s: {"center": s.mean_, "scale": s.scale_}),
        ("robust", RobustScaler(), lambda s: {"center": s.center_, "scale": s.scale_}),
        ("max_abs", MaxAbsScaler(), lambda s: {"scale": s.scale_}),
        ("min_max", MinMaxScaler((-1, 3)), lambda s: {"center": s.data_min_, "scale": s.data_range_ / 4, "offset": -1}),
        ("min_max, clipped", MinMaxScaler(clip=True), lambda s: {"center": s.data_min_, "scale": s.data_range_, "least": 0, "most": 1})]:
    scaler.fit(F[:4])
    given = {k: np.asarray(v).tolist() for k, v in steps(scaler).items()}
    row_case("scale: " + name, [select(["age", "fare", "rooms"]), {"step": "scale", **given}], full, scaler.transform(F))
s = StandardScaler().fit(X)
row_case("scale: what is missing stays", [select(["age", "fare"], **allow), {"step": "scale", "center": s.mean_.tolist(), "scale": s.scale_.tolist()}], numbers, s.transform(X))

C = np.column_stack([np.array(city, object), np.array(["" if j == "" else j for j in job], object)])
both = {"job": job, "city": city}


def lists(values):
    return [[None if isinstance(v, float) and v != v or v == "" else v for v in np.asarray(c, object).tolist()] for c in values]


def hot(name, encoder, steps, fit=slice(None), table=None, columns=("city", "job"), of=texts):
    data = C if table is None else np.column_stack(list(table.values()))
    encoder.fit(data[fit])
    drop = encoder.drop_idx_
    if drop is not None:
        steps = {**steps, "drop": [-1 if d is None else int(d) for d in drop]}
    if steps.get("infrequent"):
        steps = {**steps, "infrequent": [None if c is None else c.tolist() for c in encoder.infrequent_categories_]}
    row_case("one_hot: " + name, [of(list(columns), **allow), {"step": "one_hot", "categories": lists(encoder.categories_), **steps}], both if table is None else table,
             encoder.transform(data))


hot("all known", OneHotEncoder(sparse_output=False), {})
hot("unknown: ignored", OneHotEncoder(sparse_output=False, handle_unknown="ignore"), {"unknown": "ignore"}, fit=slice(0, 3))
hot("the first dropped", OneHotEncoder(sparse_output=False, drop="first", handle_unknown="ignore"), {"unknown": "ignore"}, fit=slice(0, 4))
hot("infrequent", OneHotEncoder(sparse_output=False, min_frequency=2, handle_unknown="infrequent_if_exist"), {"unknown": "infrequent", "infrequent": True}, fit=slice(0, 7))
hot("infrequent, the first dropped", OneHotEncoder(sparse_output=False, min_frequency=2, drop="first", handle_unknown="infrequent_if_exist"),
    {"unknown": "infrequent", "infrequent": True}, fit=slice(0, 7))
hot("numbers, one of them missing", OneHotEncoder(sparse_output=False, drop="if_binary"), {}, table={"rooms": rooms, "old": np.where(np.isnan(age), np.nan, age > 30)},
    columns=("rooms", "old"), of=select)

o = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(C[:4])
row_case("ordinal: unknown", [texts(["city", "job"], **allow), {"step": "ordinal", "categories": lists(o.categories_), "unknown": "value", "missing_value": o.categories_[1].tolist().index("")}],
         both, o.transform(C))
old = np.where(np.isnan(age), np.nan, np.floor(age / 10))[:, None]
o = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-2).fit(old[:5])
row_case("ordinal: numbers", [select(["old"], **allow), {"step": "ordinal", "categories": lists(o.categories_), "unknown": "missing", "missing_value": -2}], {"old": old[:, 0]}, o.transform(old))

for encode, strategy in [("ordinal", "uniform"), ("onehot-dense", "quantile")]:
    k = KBinsDiscretizer(n_bins=[3, 4, 2], encode=encode, strategy=strategy, quantile_method="averaged_inverted_cdf").fit(F[:6])
    row_case("bins: " + encode, [select(["age", "fare", "rooms"]), {"step": "bins", "edges": [e.tolist() for e in k.bin_edges_], "encode": encode.replace("onehot-dense", "one_hot")}],
             full, k.transform(F))

dicts = [{k: v for k, v in {"city": city[i], "job": job[i], "fare": fare[i], "rooms": rooms[i]}.items() if v == v and v != ""} for i in range(8)]
for signed in [True, False]:
    h = FeatureHasher(n_features=11, alternate_sign=signed)
    row_case("hash" + ("" if signed else ": unsigned"), [texts(["city", "job"], **allow, **{"as": "texts"}), select(["fare", "rooms"], **allow, **{"as": "numbers"}),
                                                         {"step": "hash", "input": ["texts", "numbers"], "size": 11, "signed": signed}],
             {**both, "fare": fare, "rooms": rooms}, h.transform(dicts).toarray())

# what a ColumnTransformer of two pipelines does
i, s = SimpleImputer(strategy="median").fit(X), StandardScaler()
s.fit(i.transform(X))
e = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(C[:6, :1])
row_case("two kinds of columns", [
    select(["age", "fare"], **allow), {"step": "impute", "values": i.statistics_.tolist()}, {"step": "scale", "center": s.mean_.tolist(), "scale": s.scale_.tolist(), "as": "numbers"},
    texts(["city"]), {"step": "one_hot", "categories": lists(e.categories_), "unknown": "ignore", "as": "cities"}, {"step": "concat", "input": ["numbers", "cities"]}],
    {**numbers, **both}, np.float32(np.hstack([s.transform(i.transform(X)), e.transform(C[:, :1])])))

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "tabular.json"), "w") as f:
    json.dump({"rows": rows, "answers": answers}, f, separators=(",", ":"))
    f.write("\n")
