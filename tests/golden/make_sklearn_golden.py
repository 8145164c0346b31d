"""Models of scikit-learn exported by skl2onnx, with what scikit-learn itself answers: tests/golden/sklearn/*.onnx and answers.json, which
tests/node/sklearn.test.mjs checks. Versions: requirements.txt.

    python tests/golden/make_sklearn_golden.py
"""
import json
import os

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DictionaryType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, GradientBoostingRegressor, IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sklearn")
os.makedirs(FOLDER, exist_ok=True)
answers = {}

iris, wine, diabetes = load_iris(), load_wine(), load_diabetes()
names = iris.target_names[iris.target]
two = iris.target < 2
rows = np.random.default_rng(1).permutation(150)[:12]


def save(name, model, inputs, expected, types, options=None):
    """inputs: {name: array or list of dicts}; expected: {output: array}, in the order of the model's outputs."""
    onx = to_onnx(model, initial_types=types, options=options, target_opset={"": 17, "ai.onnx.ml": 3})
    with open(os.path.join(FOLDER, name + ".onnx"), "wb") as f:
        f.write(onx.SerializeToString())
    plain = lambda v: v.tolist() if isinstance(v, np.ndarray) else v
    answers[name] = {"inputs": {k: plain(v) for k, v in inputs.items()}, "outputs": [plain(v) for v in expected]}


def rounded(values):
    return np.array([float(f"{v:.6g}") for v in np.asarray(values, np.float64).ravel()]).reshape(np.shape(values))


def classifier(name, model, x, y, zipmap=False, scores=None):
    model.fit(x, y)
    some = x[rows[rows < len(x)]].astype(np.float32)
    probabilities = rounded(getattr(model, scores or "predict_proba")(some))
    expected = [model.predict(some), probabilities]
    if zipmap:
        expected[1] = [[[plain_label(c), p] for c, p in zip(model.classes_, row)] for row in probabilities.tolist()]
    options = {id(model): {"zipmap": zipmap, **({"raw_scores": True} if scores == "decision_function" else {})}}
    if isinstance(model, (LinearSVC,)):
        options = {id(model): {"zipmap": zipmap}}
    save(name, model, {"X": some}, expected, [("X", FloatTensorType([None, x.shape[1]]))], options)


def plain_label(c):
    return c.item() if isinstance(c, np.generic) else c


def regressor(name, model, x, y):
    model.fit(x, y)
    some = x[rows].astype(np.float32)
    save(name, model, {"X": some}, [rounded(model.predict(some)).reshape(len(some), -1)], [("X", FloatTensorType([None, x.shape[1]]))])


def transformer(name, model, x, types=None):
    model.fit(x)
    some = x[rows]
    out = model.transform(some)
    save(name, model, {"X": some}, [rounded(out.toarray() if hasattr(out, "toarray") else out)], types or [("X", FloatTensorType([None, x.shape[1]]))])


x4, y3 = iris.data.astype(np.float32), iris.target
classifier("logistic_binary", LogisticRegression(), x4[two], iris.target[two] + 5)
classifier("logistic_strings", LogisticRegression(max_iter=1000), x4, names, zipmap=True)
classifier("logistic_map", LogisticRegression(max_iter=1000), x4, y3 * 10, zipmap=True)
classifier("svc_rbf_probabilities", SVC(probability=True, random_state=0), x4, names)
classifier("svc_poly_binary", SVC(kernel="poly", degree=3, coef0=1, probability=True, random_state=0), x4[y3 > 0], y3[y3 > 0])
classifier("svc_sigmoid", SVC(kernel="sigmoid", decision_function_shape="ovo"), x4, y3, scores="decision_function")
classifier("nusvc_linear", NuSVC(kernel="linear", probability=True, random_state=0), x4, y3)
classifier("tree", DecisionTreeClassifier(max_depth=4, random_state=0), x4, names, zipmap=True)
classifier("forest_binary", RandomForestClassifier(5, max_depth=3, random_state=0), x4[y3 > 0], y3[y3 > 0] * 7)
classifier("forest", RandomForestClassifier(6, max_depth=3, random_state=0), wine.data.astype(np.float32)[:150], wine.target[:150])
classifier("boosting_binary", GradientBoostingClassifier(n_estimators=6, random_state=0), x4[y3 > 0], y3[y3 > 0])
classifier("boosting", GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=0), x4, names)
classifier("adaboost", AdaBoostClassifier(n_estimators=3, random_state=0), x4, y3)
classifier("bayes", GaussianNB(), x4, y3)
classifier("neighbours", KNeighborsClassifier(3), x4[:60], y3[:60])
classifier("perceptron", make_pipeline(StandardScaler(), MLPClassifier((6,), max_iter=400, random_state=0)), x4, y3)

x10, target = diabetes.data.astype(np.float32)[:150], diabetes.target[:150]
regressor("linear", LinearRegression(), x10, target)
regressor("ridge_two", Ridge(), x10, np.stack([target, target * 2 + 1], 1))
regressor("svr", SVR(C=50), x10[:, :4], target)
regressor("tree_regressor", DecisionTreeRegressor(max_depth=4, random_state=0), x10, target)
regressor("forest_regressor", RandomForestRegressor(5, max_depth=4, random_state=0), x10, target)
regressor("boosting_regressor", GradientBoostingRegressor(n_estimators=6, random_state=0), x10, target)

one = OneClassSVM(nu=0.2).fit(x4)
some = x4[rows]
save("one_class", one, {"X": some}, [one.predict(some).reshape(-1, 1), rounded(one.decision_function(some)).reshape(-1, 1)], [("X", FloatTensorType([None, 4]))])

for name, step in {"scaler": StandardScaler(), "minmax": MinMaxScaler(), "normalizer": Normalizer("l1"), "binarizer": Binarizer(threshold=2.5),
                   "bins": KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf")}.items():
    transformer(name, step, x4)
holes = x4.copy()
holes[np.random.default_rng(2).random(holes.shape) < 0.2] = np.nan
transformer("imputer", SimpleImputer(strategy="mean"), holes)
animals = np.array(["cat", "dog", "Mäuse", "日本"], object)[np.random.default_rng(3).integers(0, 4, (150, 2))]
transformer("one_hot_strings", OneHotEncoder(), animals, [("X", StringTensorType([None, 2]))])
transformer("ordinal_strings", OrdinalEncoder(), animals, [("X", StringTensorType([None, 2]))])

columns = ColumnTransformer([("numbers", StandardScaler(), ["a", "b"]), ("words", OneHotEncoder(handle_unknown="ignore"), ["c"])])
import pandas as pd
frame = pd.DataFrame({"a": x4[:, 0], "b": x4[:, 1], "c": animals[:, 0]})
pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, names)
few = frame.iloc[rows].copy()
few.iloc[0, 2] = "unknown"
save("columns", pipeline, {"a": few[["a"]].to_numpy(np.float32), "b": few[["b"]].to_numpy(np.float32), "c": few[["c"]].to_numpy(object)},
     [pipeline.predict(few), rounded(pipeline.predict_proba(few))],
     [("a", FloatTensorType([None, 1])), ("b", FloatTensorType([None, 1])), ("c", StringTensorType([None, 1]))], {id(pipeline): {"zipmap": False}})

people = [{"height": 1.5 + 0.01 * i, "city=" + "ABC"[i % 3]: 1.0} for i in range(30)]
dictionary = DictVectorizer(sparse=False).fit(people)
save("dictionary", dictionary, {"X": people[4]}, [rounded(dictionary.transform(people[4:5]))], [("X", DictionaryType(StringTensorType([1]), FloatTensorType([1])))])

# com.microsoft's Tokenizer, CDist and MurmurHash3
# The exporter takes words of one letter too, which scikit-learn leaves out: here are none.
TEXTS = np.array(["The mill grinds the grain, at home.", "Grain! grain and two stones", "quern: that is one hand mill", "", "THE STONES turn; the hand turns them"], object)
few = {"X": TEXTS.reshape(-1, 1)}
words = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression()).fit(TEXTS, [0, 1, 2, 1, 0])
save("words", words, few, [words.predict(TEXTS), rounded(words.predict_proba(TEXTS))], [("X", StringTensorType([None, 1]))], {id(words): {"zipmap": False}})
letters = CountVectorizer(analyzer="char", ngram_range=(1, 2)).fit(TEXTS)
save("letters", letters, few, [letters.transform(TEXTS).toarray().astype(np.float64)], [("X", StringTensorType([None, 1]))])
near = KNeighborsClassifier(3).fit(x4[:60], y3[:60])
save("distances", near, {"X": x4[rows]}, [near.predict(x4[rows]), rounded(near.predict_proba(x4[rows]))], [("X", FloatTensorType([None, 4]))], {id(near): {"zipmap": False, "optim": "cdist"}})
hashed = [["hand", "mill"], ["quern", "stone"], ["", "ß"]]
hasher = FeatureHasher(8, input_type="string")
save("hashes", hasher, {"X": np.array(hashed, object)}, [hasher.transform(hashed).toarray()], [("X", StringTensorType([None, 2]))])

with open(os.path.join(FOLDER, "answers.json"), "w") as f:
    f.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False, separators=(',', ':'))}" for k, v in answers.items()).replace("NaN", "null") + "\n}\n")
