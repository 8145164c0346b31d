// Writes a tiny BERT, seeded and untrained, in the layout of the Hugging Face hub: config, tokenizer and ONNX file, as an encoder and as a classifier.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { f32, model } from '../node/onnx-writer.mjs';
import { random } from '../node/helpers/models.mjs';

const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'the', 'a', 'cat', 'dog', 'sat', 'on', 'mat', 'quick', 'brown', 'fox', 'jump', '##s', 'over', 'lazy', 'and'];
const [HIDDEN, HEADS, LAYERS, POSITIONS] = [32, 4, 2, 64];
const LABELS = ['BAD', 'FAIR', 'GOOD'];

/** @param {string} folder @param {boolean} classifier */
function write(folder, classifier) {
  mkdirSync(path.join(folder, 'onnx'), { recursive: true });
  const json = (name, value) => writeFileSync(path.join(folder, name), JSON.stringify(value, null, 2));
  json('config.json', {
    model_type: 'bert', architectures: [classifier ? 'BertForSequenceClassification' : 'BertModel'], hidden_size: HIDDEN, num_attention_heads: HEADS, num_hidden_layers: LAYERS,
    intermediate_size: 2 * HIDDEN, max_position_embeddings: POSITIONS, type_vocab_size: 2, vocab_size: WORDS.length, pad_token_id: 0,
    id2label: Object.fromEntries(LABELS.entries()), label2id: Object.fromEntries(LABELS.map((l, i) => [l, i])),
  });
  json('tokenizer_config.json', { tokenizer_class: 'BertTokenizer', do_lower_case: true, model_max_length: POSITIONS, pad_token: '[PAD]', unk_token: '[UNK]', cls_token: '[CLS]', sep_token: '[SEP]', mask_token: '[MASK]' });
  const special = (id) => ({ id: WORDS[id], ids: [id], tokens: [WORDS[id]] });
  json('tokenizer.json', {
    version: '1.0', truncation: null, padding: null,
    added_tokens: WORDS.slice(0, 5).map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing', single: [{ SpecialToken: { id: '[CLS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '[SEP]', type_id: 0 } }],
      pair: [{ SpecialToken: { id: '[CLS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '[SEP]', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }, { SpecialToken: { id: '[SEP]', type_id: 1 } }],
      special_tokens: { '[CLS]': special(2), '[SEP]': special(3) },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab: Object.fromEntries(WORDS.map((w, i) => [w, i])) },
  });
  writeFileSync(path.join(folder, 'onnx/model.onnx'), bert(classifier));
}

/** @param {boolean} classifier */
function bert(classifier) {
  const next = random(11);
  const initializers = {};
  const nodes = [];
  let count = 0;
  const weight = (dims, scale = 0.5, offset = 0) => {
    const name = `w${count++}`;
    initializers[name] = f32(dims, ...Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => offset + scale * (2 * next() - 1)));
    return name;
  };
  const ints = (...values) => {
    const name = `i${count++}`;
    initializers[name] = { type: 'int64', dims: [values.length], data: BigInt64Array.from(values, BigInt) };
    return name;
  };
  const add = (op, inputs, attrs) => {
    const out = `t${count++}`;
    nodes.push({ op, in: inputs, out: [out], attrs });
    return out;
  };
  const linear = (x, from, to) => add('Add', [add('MatMul', [x, weight([from, to])]), weight([to], 0.1)]);
  const norm = (x) => add('LayerNormalization', [x, weight([HIDDEN], 0.1, 1), weight([HIDDEN], 0.1)], { axis: -1n, epsilon: 1e-12 });
  const gelu = (x) => add('Mul', [add('Mul', [x, add('Add', [add('Erf', [add('Div', [x, f('sqrt2', Math.SQRT2)])]), f('one', 1)])]), f('half', 0.5)]);
  const f = (name, value) => {
    initializers[name] = f32([], value);
    return name;
  };

  const length = add('Gather', [add('Shape', ['input_ids']), ints(1)], { axis: 0n });
  const positions = add('Slice', [weight([POSITIONS, HIDDEN]), ints(0), length, ints(0)]);
  const words = add('Gather', [weight([WORDS.length, HIDDEN], 1), 'input_ids']);
  let x = norm(add('Add', [add('Add', [words, add('Gather', [weight([2, HIDDEN]), 'token_type_ids'])]), positions]));
  const mask = add('Mul', [add('Sub', [f('one', 1), add('Cast', [add('Unsqueeze', ['attention_mask', ints(1, 2)])], { to: 1n })]), f('low', -10000)]);
  const heads = (y, perm) => add('Transpose', [add('Reshape', [y, ints(0, 0, HEADS, HIDDEN / HEADS)])], { perm });
  for (let layer = 0; layer < LAYERS; layer++) {
    const scores = add('Div', [add('MatMul', [heads(linear(x, HIDDEN, HIDDEN), [0n, 2n, 1n, 3n]), heads(linear(x, HIDDEN, HIDDEN), [0n, 2n, 3n, 1n])]), f('scale', Math.sqrt(HIDDEN / HEADS))]);
    const context = add('MatMul', [add('Softmax', [add('Add', [scores, mask])], { axis: -1n }), heads(linear(x, HIDDEN, HIDDEN), [0n, 2n, 1n, 3n])]);
    const joined = add('Reshape', [add('Transpose', [context], { perm: [0n, 2n, 1n, 3n] }), ints(0, 0, HIDDEN)]);
    x = norm(add('Add', [x, linear(joined, HIDDEN, HIDDEN)]));
    x = norm(add('Add', [x, linear(gelu(linear(x, HIDDEN, 2 * HIDDEN)), 2 * HIDDEN, HIDDEN)]));
  }
  const output = classifier ? 'logits' : 'last_hidden_state';
  if (classifier) x = linear(add('Tanh', [linear(add('Gather', [x, scalar(initializers)], { axis: 1n }), HIDDEN, HIDDEN)]), HIDDEN, LABELS.length);
  nodes.push({ op: 'Identity', in: [x], out: [output] });
  return model({
    opset: 17, nodes, initializers,
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({ name, type: 'int64', dims: ['batch_size', 'sequence_length'] })),
    outputs: [{ name: output, dims: classifier ? ['batch_size', LABELS.length] : ['batch_size', 'sequence_length', HIDDEN] }],
  });
}

function scalar(initializers) {
  initializers.first = { type: 'int64', dims: [], data: BigInt64Array.of(0n) };
  return 'first';
}

/** @param {string} folder */
export function writeTinyBerts(folder) {
  write(path.join(folder, 'tiny-bert'), false);
  write(path.join(folder, 'tiny-classifier'), true);
}
