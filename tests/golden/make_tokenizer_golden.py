"""Golden data of the tokenizers, from Hugging Face's tokenizers. Versions: requirements.txt.
usage: make_tokenizer_golden.py             writes tokenizer/*.json: small tokenizers trained here, and the hashes of what they and their variants give
       make_tokenizer_golden.py show NAME LINE [LINE…]     prints what a variant gives for lines"""
import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).parent / "tokenizer"
CHUNK = 25
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
MARKS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CL100K = MARKS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + TAIL
QWEN2 = MARKS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + TAIL
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + MARKS + r"?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + MARKS
         + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
source = json.loads(subprocess.run(["node", HERE / "lines.mjs"], check=True, capture_output=True).stdout)
lines = source["lines"]


def corpus():
    """Texts to train on: words of the lines, common ones often."""
    rng = random.Random(5)
    words = source["words"]
    weights = [1 / (1 + i % 97) for i in range(len(words))]
    return [" ".join(rng.choices(words, weights, k=rng.randint(3, 15))) for _ in range(3000)]


def train(model, trainer, normalizer=None, pre_tokenizer=None):
    t = Tokenizer(model)
    if normalizer:
        t.normalizer = normalizer
    if pre_tokenizer:
        t.pre_tokenizer = pre_tokenizer
    t.train_from_iterator(corpus(), trainer)
    return json.loads(t.to_str())


def added(texts, first, **flags):
    base = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return [{"id": first + i, "content": text, **base, **flags} for i, text in enumerate(texts)]


def regex(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def bytes_after(*steps):
    return {"type": "Sequence", "pretokenizers": [*steps, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]}


def charsmap():
    """A normalizer of SentencePiece's kind: a few rules in a double array trie, as Darts-clone lays it out."""
    rules = {"ﬁ": "fi", "①": "1", "½": "1⁄2", "　": " ", "\t": " ", "\n": " ", "ｶ": "カ", "ｶﾞ": "ガ", "é": "e", "e\u0301": "é", "Å": "Å", "ﷺ": "صلى", "\u00ad": "", "™": "TM", "㍿": "株式会社", "\u200b": "", "ß": "ss", "か\u3099": "が"}
    texts, at = b"", {}
    for key, value in rules.items():
        at[key.encode()] = len(texts)
        texts += value.encode() + b"\0"
    units = {0: 0}
    used = {0}

    def place(node, keys, depth):
        """Children of the node at `node`; keys share their first `depth` bytes."""
        labels = sorted({k[depth] if depth < len(k) else 0 for k in keys})
        base = 1
        while any((base ^ label) in used or (base ^ label) == 0 for label in labels) or (base ^ node) >= 1 << 21:
            base += 1
        for label in labels:
            used.add(base ^ label)
        units[node] = units.get(node, 0) | ((base ^ node) << 10) | (256 if 0 in labels else 0)
        for label in labels:
            child = base ^ label
            if label == 0:
                units[child] = at[next(k for k in keys if len(k) == depth)] | 1 << 31
            else:
                units[child] = label
                place(child, [k for k in keys if depth < len(k) and k[depth] == label], depth + 1)

    place(0, list(at), 0)
    size = (max(units) // 256 + 1) * 256
    trie = b"".join(units.get(i, 0).to_bytes(4, "little") for i in range(size))
    import base64
    return base64.b64encode(len(trie).to_bytes(4, "little") + trie + texts).decode()


def build():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    bert = train(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=900, special_tokens=special, show_progress=False, limit_alphabet=420),
                 normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer())
    bert["decoder"] = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    bert["added_tokens"] += added(["newtoken"], len(bert["model"]["vocab"]), normalized=True, special=False, single_word=True)
    bert["post_processor"] = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                              "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
                              "special_tokens": {s: {"id": s, "ids": [i], "tokens": [s]} for s, i in [("[CLS]", 2), ("[SEP]", 3)]}}
    byte_bpe = train(models.BPE(), trainers.BpeTrainer(vocab_size=900, special_tokens=["<s>", "<pad>", "</s>", "<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
                     None, pre_tokenizers.ByteLevel(add_prefix_space=False))
    byte_bpe["decoder"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    byte_bpe["added_tokens"] += added(["<mask>"], len(byte_bpe["model"]["vocab"]), lstrip=True) + added(["newtoken"], len(byte_bpe["model"]["vocab"]) + 1, rstrip=True, special=False)
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    llama = train(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), trainers.BpeTrainer(vocab_size=1000, special_tokens=pieces, show_progress=False, limit_alphabet=260),
                  normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), pre_tokenizers.Split("▁", "merged_with_next"))
    llama["added_tokens"] = added(["<unk>", "<s>", "</s>"], 0)
    llama["pre_tokenizer"] = None
    llama["decoder"] = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    llama["post_processor"] = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                               "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
                               "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    unigram = train(models.Unigram(), trainers.UnigramTrainer(vocab_size=900, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False), normalizers.NFKC(), pre_tokenizers.Metaspace())
    unigram["decoder"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    unigram["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": charsmap()}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}]}
    unigram["added_tokens"] += added(["<mask>"], len(unigram["model"]["vocab"]), lstrip=True)
    unigram["model"]["vocab"] = [[t, round(s, 4)] for t, s in unigram["model"]["vocab"]]
    word = train(models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(vocab_size=300, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False), normalizers.Lowercase(), pre_tokenizers.Whitespace())
    clip = train(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"), trainers.BpeTrainer(vocab_size=900, special_tokens=["<|startoftext|>", "<|endoftext|>"], end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
                 normalizers.Sequence([normalizers.NFC(), normalizers.Replace(tokenizers.Regex(r"\s+"), " "), normalizers.Lowercase()]),
                 pre_tokenizers.Sequence([pre_tokenizers.Split(tokenizers.Regex(CLIP), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]))
    clip["decoder"] = {"type": "Sequence", "decoders": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, {"type": "BPEDecoder", "suffix": "</w>"}]}
    clip["post_processor"] = {"type": "RobertaProcessing", "sep": ["<|endoftext|>", 1], "cls": ["<|startoftext|>", 0], "trim_offsets": False, "add_prefix_space": False}
    bases = {"bert": bert, "bytes": byte_bpe, "llama": llama, "unigram": unigram, "words": word, "clip": clip}
    for name, base in bases.items():
        (HERE / f"{name}.json").write_text(json.dumps(base, ensure_ascii=False, separators=(",", ":")) + "\n")
    return bases


def normalizer(*list_):
    return {"type": "Sequence", "normalizers": list(list_)}


def variants():
    """name: base, members put in the place of its own"""
    roberta = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": True}
    split = lambda behavior, pattern={"String": " "}: {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": False}
    words = lambda pre, **more: ["words", {"pre_tokenizer": pre, **more}]
    return {
        "bert": ["bert", {}],
        "bert-cased": ["bert", {"normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": False}, "decoder": None}],
        "bert-accents": ["bert", {"normalizer": {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": True},
                                  "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}, "truncation": {"max_length": 12, "strategy": "LongestFirst", "stride": 0, "direction": "Left"}}],
        "bert-short": ["bert", {"truncation": {"max_length": 16, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}, "padding": {"strategy": {"Fixed": 20}, "direction": "Left", "pad_id": 0, "pad_type_id": 1, "pad_token": "[PAD]", "pad_to_multiple_of": 8}}],
        "gpt2": ["bytes", {}],
        "roberta": ["bytes", {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, "post_processor": roberta}],
        "gpt2-trimmed": ["bytes", {"post_processor": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}, "normalizer": {"type": "NFKD"}}],
        "cl100k": ["bytes", {"pre_tokenizer": bytes_after(regex(CL100K)), "model": {"ignore_merges": True}}],
        "qwen2": ["bytes", {"pre_tokenizer": bytes_after(regex(QWEN2)), "normalizer": {"type": "NFC"}}],
        "o200k": ["bytes", {"pre_tokenizer": bytes_after(regex(O200K))}],
        "digits": ["bytes", {"pre_tokenizer": bytes_after({"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "Contiguous"}, regex(r"\p{N}{1,3}"), regex(GPT2))}],
        "clip": ["clip", {}],
        "llama": ["llama", {}],
        "llama-metaspace": ["llama", {"normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}, "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}}],
        "llama-unknown": ["llama", {"model": {"byte_fallback": False}}],
        "llama-unfused": ["llama", {"model": {"byte_fallback": False, "fuse_unk": False}}],
        "unigram": ["unigram", {}],
        "unigram-nfkc": ["unigram", {"normalizer": normalizer({"type": "Nmt"}, {"type": "NFKC"}, {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}, {"type": "Lowercase"})}],
        "unigram-nfkd": ["unigram", {"normalizer": normalizer({"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Strip", "strip_left": False, "strip_right": True}), "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True}}],
        "words": ["words", {}],
        "words-nfd": words({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Isolated"}, {"type": "Digits", "individual_digits": False}]}, normalizer=normalizer({"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"})),
        "words-removed": words(split("Removed")), "words-previous": words(split("MergedWithPrevious")), "words-next": words(split("MergedWithNext")), "words-contiguous": words(split("Contiguous")),
        "words-bytes": words(None, normalizer={"type": "ByteLevel"}),
    }


def merged(bases, base, members):
    json_ = {**bases[base], **members}
    if "model" in members:
        json_["model"] = {**bases[base]["model"], **members["model"]}
    return json_


def utf16(text):
    """UTF-16 offset of each character, and the end"""
    out, n = [], 0
    for c in text:
        out.append(n)
        n += 2 if ord(c) > 0xFFFF else 1
    return out + [n]


def result(t, line, second=None):
    e = t.encode(line, second) if second is not None else t.encode(line)
    at = [utf16(line), utf16(second or "")]
    offsets = [at[of or 0][v] for pair, of in zip(e.offsets, e.sequence_ids) for v in pair]
    return ",".join(map(str, e.ids)) + ";" + ",".join(map(str, offsets)) + ";" + ",".join(map(str, e.type_ids)) + ";" + t.decode(e.ids)


if sys.argv[1:2] == ["show"]:
    bases = {p.stem: json.loads(p.read_text()) for p in HERE.glob("*.json") if p.stem != "golden"}
    t = Tokenizer.from_str(json.dumps(merged(bases, *variants()[sys.argv[2]])))
    for n in sys.argv[3:]:
        e = t.encode(lines[int(n)])
        print(n, repr(lines[int(n)]))
        print(result(t, lines[int(n)]))
        print(e.tokens)
else:
    bases = build()
    golden = {"made": f"make_tokenizer_golden.py with tokenizers {tokenizers.__version__}", "chunk": CHUNK, "variants": {}}
    for name, (base, members) in variants().items():
        t = Tokenizer.from_str(json.dumps(merged(bases, base, members)))
        hashes = "".join(hashlib.sha256("\n".join(result(t, line) for line in lines[i:i + CHUNK]).encode()).hexdigest()[:6] for i in range(0, len(lines), CHUNK))
        pairs = hashlib.sha256("\n".join(result(t, a, b) for a, b in zip(lines[:250], lines[1:])).encode()).hexdigest()[:16]
        golden["variants"][name] = {"base": base, "members": members, "hashes": hashes, "pairs": pairs}
    (HERE / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")
