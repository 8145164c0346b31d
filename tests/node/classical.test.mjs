// ai.onnx.ml and strings: what the standard asks for beyond onnxruntime, and what is refused.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, quern } from './helpers/quern.mjs';
import { model } from './onnx-writer.mjs';

const port = (name, value) => ({ name, type: value.type });
const T = (type, dims, ...data) => ({ type, dims, data });
const f = (dims, ...data) => T('float32', dims, ...data);
const s = (dims, ...data) => T('string', dims, ...data);
const words = (...data) => s([data.length], ...data);

async function run(op, attrs, inputs, { domain = 'ai.onnx.ml', version = 3, outputs = 1, type = 'float32' } = {}) {
  const names = inputs.map((_, i) => `x${i}`), results = Array.from({ length: outputs }, (_, i) => `y${i}`);
  const m = await quern.load(model({
    nodes: [{ op, in: names, out: results, attrs, domain, name: 'n' }], inputs: inputs.map((v, i) => port(names[i], v)), outputs: results.map((name) => ({ name, type })),
    opset: 20, domains: { 'ai.onnx.ml': version },
  }));
  try {
    const out = m.runSync(Object.fromEntries(inputs.map((v, i) => [names[i], v])));
    return results.map((name) => [out[name].dims, Array.from(out[name].data, (v) => (typeof v === 'bigint' ? Number(v) : v))]);
  } finally {
    m.dispose();
  }
}
const plain = { domain: '' };
const leaves = {
  nodes_treeids: [0n, 0n, 0n], nodes_nodeids: [0n, 1n, 2n], nodes_featureids: [0n, 0n, 0n], nodes_values: [0.5, 0, 0], nodes_modes: ['BRANCH_LEQ', 'LEAF', 'LEAF'],
  nodes_truenodeids: [1n, 0n, 0n], nodes_falsenodeids: [2n, 0n, 0n],
};
const tensor = (type, Ctor, ...data) => ({ type, dims: [data.length], data: Ctor.from(data) });

describe('classical models', () => {
  test('all types of features', async () => {
    for (const type of ['float32', 'float64', 'int64', 'int32']) {
      const x = T(type, [2, 2], 1, -2, 3, 0);
      assert.deepEqual(await run('Binarizer', { threshold: 0.5 }, [x], { type }), [[[2, 2], [1, 0, 1, 0]]]);
      assert.deepEqual(await run('Scaler', { scale: [2], offset: [1, -1] }, [x]), [[[2, 2], [0, -2, 4, 2]]]);
      assert.deepEqual(await run('Scaler', {}, [x]), [[[2, 2], [1, -2, 3, 0]]]);
      assert.deepEqual(await run('Normalizer', { norm: 'L1' }, [T(type, [2, 2], 1, -3, 0, 0)]), [[[2, 2], [0.25, -0.75, 0, 0]]]);
      assert.deepEqual(await run('LinearRegressor', { coefficients: [1, 10, 2, 20], targets: 2n, intercepts: [0.5, 0] }, [x]), [[[2, 2], [-18.5, -38, 3.5, 6]]]);
      const imputed = type.startsWith('f') ? { imputed_value_floats: [7, 8], replaced_value_float: 0 } : { imputed_value_int64s: [7n, 8n], replaced_value_int64: 0n };
      assert.deepEqual(await run('Imputer', imputed, [x], { type }), [[[2, 2], [1, -2, 3, 8]]]);
      assert.deepEqual(await run('OneHotEncoder', { cats_int64s: [3n, 1n] }, [x]), [[[2, 2, 2], [0, 1, 0, 0, 1, 0, 0, 0]]]);
      assert.deepEqual(await run('FeatureVectorizer', {}, [x, T(type, [2, 1], 5, 6)]), [[[2, 3], [1, -2, 5, 3, 0, 6]]]);
    }
  });

  test('the last of repeated keys counts; NaN finds NaN', async () => {
    assert.deepEqual(await run('LabelEncoder', { keys_strings: ['a', 'b', 'a'], values_int64s: [1n, 2n, 3n] }, [words('a', 'b', 'c')], { version: 4, type: 'int64' }), [[[3], [3, 2, -1]]]);
    const attrs = { keys_tensor: tensor('float64', Float64Array, NaN, 0), values_tensor: tensor('int16', Int16Array, 4, 5), default_tensor: tensor('int16', Int16Array, -7) };
    assert.deepEqual(await run('LabelEncoder', attrs, [T('float64', [3], NaN, -0, 1)], { version: 4, type: 'int16' }), [[[3], [4, 5, -7]]]);
  });

  test('two base values are scores of both classes, of which the trees add to one', async () => {
    const attrs = { ...leaves, class_treeids: [0n, 0n], class_nodeids: [1n, 2n], class_ids: [1n, 1n], class_weights: [0.25, -1], base_values: [0.5, 0.5], classlabels_int64s: [4n, 5n] };
    assert.deepEqual(await run('TreeEnsembleClassifier', attrs, [f([2, 1], 0, 1)], { outputs: 2, type: undefined }), [[[2], [5, 4]], [[2, 2], [0.5, 0.75, 0.5, -0.5]]]);
  });

  test('base values are added where no leaf has a weight, and probit is exact near one half', async () => {
    const attrs = { ...leaves, n_targets: 2n, target_treeids: [0n, 0n], target_nodeids: [1n, 2n], target_ids: [0n, 0n], target_weights: [0.25, 1], base_values: [0.25, 2] };
    assert.deepEqual(await run('TreeEnsembleRegressor', attrs, [f([2, 1], 0, 1)]), [[[2, 2], [0.5, 2, 1.25, 2]]]);
    const half = { ...attrs, n_targets: 1n, target_weights: [0.498, 0.502], base_values: [0], post_transform: 'PROBIT' };
    const [[, [low, high]]] = await run('TreeEnsembleRegressor', half, [f([2, 1], 0, 1)]);
    assert.ok(Math.abs(low + 0.0050133) < 1e-5 && Math.abs(high - 0.0050133) < 1e-5, `${low}, ${high}`);
    const pair = { ...leaves, class_treeids: [0n, 0n], class_nodeids: [1n, 2n], class_ids: [0n, 0n], class_weights: [0.498, 0.75], classlabels_int64s: [4n, 5n], post_transform: 'PROBIT' };
    const [, [, z]] = await run('TreeEnsembleClassifier', pair, [f([1, 1], 0)], { outputs: 2, type: undefined });
    assert.ok(Math.abs(z[0] - 0.0050133) < 1e-5 && Math.abs(z[1] + 0.0050133) < 1e-5, String(z));
  });

  test('the greater of two weighted classes wins', async () => {
    const attrs = { ...leaves, class_treeids: [0n, 0n, 0n, 0n], class_nodeids: [1n, 1n, 2n, 2n], class_ids: [0n, 1n, 0n, 1n], class_weights: [0.75, 0.25, 0.25, 0.75], classlabels_strings: ['p', 'q'] };
    const results = await run('TreeEnsembleClassifier', attrs, [f([2, 1], 0, 1)], { outputs: 2, type: undefined });
    assert.deepEqual(results, [[[2], ['p', 'q']], [[2, 2], [0.75, 0.25, 0.25, 0.75]]]);
  });

  test('refused', async () => {
    const x = f([1, 2], 1, 2), cases = [
      ['Scaler', { scale: [1, 2, 3] }, [x], 'bad-argument', /scale has 3 elements for 2 features/],
      ['Normalizer', { norm: 'L3' }, [x], 'bad-argument', /norm is 'L3'/],
      ['Imputer', { imputed_value_int64s: [1n] }, [x], 'bad-argument', /imputed_value_floats is missing/],
      ['Binarizer', {}, [words('a')], 'bad-type', /string/],
      ['FeatureVectorizer', { inputdimensions: [1n] }, [x, x], 'bad-argument', /1 elements; 2 are expected/],
      ['FeatureVectorizer', {}, [x, f([2, 1], 1, 2)], 'bad-shape', /input 1 has 2 rows/],
      ['ArrayFeatureExtractor', {}, [x, T('int64', [1], 2)], 'out-of-range', /index 2 is out of range for 2 columns/],
      ['ArrayFeatureExtractor', {}, [x, T('int64', [1], -1)], 'out-of-range', /index -1/],
      ['LinearRegressor', { coefficients: [1, 2, 3], targets: 2n }, [x], 'bad-argument', /3 coefficients do not divide among 2/],
      ['LinearRegressor', { coefficients: [1, 2, 3] }, [x], 'bad-shape', /2 columns; the model has coefficients for 3/],
      ['LinearClassifier', { coefficients: [1, 2], intercepts: [1] }, [x], 'bad-argument', /one of classlabels_strings and classlabels_ints/],
      ['LinearClassifier', { coefficients: [1, 2], intercepts: [1, 2], classlabels_ints: [1n] }, [x], 'bad-argument', /1 class labels for 2 intercepts/],
      ['LinearClassifier', { coefficients: [1, 2], intercepts: [1], classlabels_ints: [1n], post_transform: 'TANH' }, [x], 'bad-argument', /post_transform is 'TANH'/],
      ['SVMRegressor', { coefficients: [1], rho: [0], n_supports: 2n, support_vectors: [1, 2, 3, 4] }, [x], 'bad-argument', /coefficients has 1 elements; 2/],
      ['SVMRegressor', { coefficients: [1, 2], rho: [0], kernel_params: [1] }, [x], 'bad-argument', /kernel_params has 1/],
      ['SVMClassifier', { coefficients: [1, 2], rho: [0], vectors_per_class: [1n, -1n], classlabels_ints: [1n, 2n] }, [x], 'bad-argument', /vectors_per_class\[1\] is -1/],
      ['SVMClassifier', { coefficients: [1, 2], rho: [0], support_vectors: [1, 2, 3, 4], vectors_per_class: [1n, 1n], prob_a: [1], classlabels_ints: [1n, 2n] }, [x], 'bad-argument', /prob_b has 0/],
      ['SVMClassifier', { coefficients: [1, 2], rho: [0], support_vectors: [1, 2, 3], vectors_per_class: [1n, 1n], classlabels_ints: [1n, 2n] }, [x], 'bad-argument', /3 numbers do not divide/],
      ['LabelEncoder', { keys_strings: ['a'], values_int64s: [1n, 2n] }, [words('a')], 'bad-argument', /1 keys for 2 values/],
      ['LabelEncoder', { keys_strings: ['a'], keys_int64s: [1n], values_int64s: [1n] }, [words('a')], 'bad-argument', /2 lists of keys/],
      ['LabelEncoder', { keys_strings: ['a'], values_int64s: [1n] }, [x], 'bad-type', /float32; the keys are string/],
      ['OneHotEncoder', { cats_strings: ['a'], zeros: 0n }, [words('b')], 'out-of-range', /none of the 1 categories/],
    ];
    for (const [op, attrs, inputs, code, message] of cases) await assert.rejects(run(op, attrs, inputs), failure(code, message), op);
  });

  const forest = (more) => ({
    tree_roots: [0n], nodes_featureids: [0n], nodes_truenodeids: [0n], nodes_falsenodeids: [1n], nodes_trueleafs: [1n], nodes_falseleafs: [1n], leaf_targetids: [0n, 0n],
    nodes_modes: tensor('uint8', Uint8Array, 6), nodes_splits: tensor('float32', Float32Array, 0), leaf_weights: tensor('float32', Float32Array, 1, 2),
    membership_values: tensor('float32', Float32Array, 5, -1, NaN), ...more,
  });
  test('TreeEnsemble', async () => {
    const options = { version: 5 };
    assert.deepEqual(await run('TreeEnsemble', forest({}), [f([4, 1], 5, 4, -1, NaN)], options), [[[4, 1], [1, 2, 1, 2]]]);
    await assert.rejects(run('TreeEnsemble', forest({ nodes_truenodeids: [7n] }), [f([1, 1], 1)], options), failure('bad-model', /leaf 7 of 2/));
    await assert.rejects(run('TreeEnsemble', forest({ nodes_trueleafs: [0n] }), [f([1, 1], 1)], options), failure('bad-model', /node 0 has more than one parent/));
    await assert.rejects(run('TreeEnsemble', forest({ nodes_modes: tensor('uint8', Uint8Array, 7) }), [f([1, 1], 1)], options), failure('bad-argument', /nodes_modes\[0\] is 7/));
    await assert.rejects(run('TreeEnsemble', forest({ membership_values: tensor('float32', Float32Array) }), [f([1, 1], 1)], options), failure('bad-model', /no set for node 0/));
    await assert.rejects(run('TreeEnsemble', forest({ leaf_targetids: [0n, 1n] }), [f([1, 1], 1)], options), failure('bad-model', /target 1 of 1/));
    await assert.rejects(run('TreeEnsemble', forest({ post_transform: 5n }), [f([1, 1], 1)], options), failure('bad-argument', /post_transform is 5/));
  });
});

describe('strings', () => {
  test('StringSplit', async () => {
    const split = (attrs, ...parts) => run('StringSplit', attrs, [words(...parts)], { ...plain, outputs: 2, type: undefined });
    assert.deepEqual(await split({ delimiter: ',' }, 'a,,b', '', ','), [[[3, 3], ['a', '', 'b', '', '', '', '', '', '']], [[3], [3, 1, 2]]]);
    assert.deepEqual(await split({ maxsplit: 1n }, ' a\tb c ', '\u3000x', ''), [[[3, 2], ['a', 'b c', 'x', '', '', '']], [[3], [2, 1, 0]]]);
    assert.deepEqual(await split({ delimiter: '--', maxsplit: 0n }, 'a--b'), [[[1, 1], ['a--b']], [[1], [1]]]);
    assert.deepEqual(await split({}, ' ', ''), [[[2, 0], []], [[2], [0, 0]]]);
  });

  test('StringNormalizer', async () => {
    const normalize = (attrs, x) => run('StringNormalizer', attrs, [x], { ...plain, type: 'string' });
    assert.deepEqual(await normalize({ case_change_action: 'UPPER', stopwords: ['жук'] }, words('Straße', 'ЖУК', 'ÿñ', '')), [[[3], ['STRAßE', 'ŸÑ', '']]]);
    assert.deepEqual(await normalize({ is_case_sensitive: 1n, stopwords: ['a', 'B'] }, s([1, 3], 'A', 'a', 'B')), [[[1, 1], ['A']]]);
    assert.deepEqual(await normalize({ stopwords: ['ΑΣ'] }, s([1, 1], 'ας'.slice(0, 1) + 'σ')), [[[1, 1], ['']]]);
    await assert.rejects(normalize({ case_change_action: 'TITLE' }, words('a')), failure('bad-argument', /'TITLE'; NONE, LOWER or UPPER/));
    await assert.rejects(normalize({}, s([2, 1], 'a', 'b')), failure('bad-shape', /\[2, 1\]; \[C\] or \[1, C\]/));
  });

  test('TfIdfVectorizer and RegexFullMatch refuse what is malformed', async () => {
    const good = { mode: 'TF', min_gram_length: 1n, max_gram_length: 2n, max_skip_count: 0n, ngram_counts: [0n, 2n], ngram_indexes: [0n, 1n, 2n], pool_int64s: [5n, 6n, 5n, 6n] };
    const count = (more) => run('TfIdfVectorizer', { ...good, ...more }, [T('int64', [3], 5, 6, 5)], plain);
    assert.deepEqual(await count({}), [[[3], [2, 1, 1]]]);
    assert.deepEqual(await count({ mode: 'IDF', weights: [0.5, 2, 4], ngram_indexes: [2n, 7n, 0n] }), [[[8], [4, 0, 0.5, 0, 0, 0, 0, 2]]]);
    for (const [more, message] of [[{ mode: 'X' }, /mode is 'X'/], [{ ngram_counts: [0n, 1n] }, /2-grams from 1 to 4/], [{ ngram_counts: [0n, 9n] }, /1-grams from 0 to 9/],
      [{ max_gram_length: 3n }, /1 to 3 tokens/], [{ ngram_indexes: [0n, 1n, -1n] }, /ngram_indexes\[2\] is -1/], [{ ngram_indexes: [0n] }, /3 n-grams, ngram_indexes 1/],
      [{ mode: 'IDF', weights: [1] }, /weights has 1 elements; 3/], [{ max_skip_count: -1n }, /max_skip_count is -1/]])
      await assert.rejects(count(more), failure('bad-argument', message));
    const match = (pattern, x) => run('RegexFullMatch', { pattern }, [x], { ...plain, type: 'bool' });
    assert.deepEqual(await match('(?i)[a-zß]+\\d?', s([2, 2], 'STRAßE1', 'ab12', '', 'x')), [[[2, 2], [1, 0, 0, 1]]]);
    await assert.rejects(match('a(b', words('a')), failure('bad-argument', /RegexFullMatch.*\( without \)/));
    await assert.rejects(match('\\p{Greek}', words('a')), failure('bad-argument', /Unicode class \\p, which is not supported/));
  });

  test('a loop collects strings', async () => {
    const m = await quern.load(model({
      opset: 20,
      nodes: [{ op: 'Loop', in: ['n', '', 'start'], out: ['last', 'all'], attrs: { body: { graph: {
        nodes: [{ op: 'StringConcat', in: ['s', 'x'], out: ['t'] }, { op: 'Identity', in: ['t'], out: ['u'] }, { op: 'Identity', in: ['c'], out: ['d'] }],
        inputs: [{ name: 'i', type: 'int64', dims: [] }, { name: 'c', type: 'bool', dims: [] }, { name: 's', type: 'string' }],
        outputs: [{ name: 'd', type: 'bool', dims: [] }, { name: 't', type: 'string' }, { name: 'u', type: 'string' }],
      } } } }],
      inputs: [{ name: 'n', type: 'int64', dims: [] }, { name: 'start', type: 'string' }, { name: 'x', type: 'string' }],
      outputs: [{ name: 'last', type: 'string' }, { name: 'all', type: 'string' }],
    }));
    for (const n of [3, 0, 2]) {
      const { last, all } = m.runSync({ n: { dims: [], data: [n] }, start: words('a', 'ä'), x: words('-') });
      assert.deepEqual(last.data, ['a', 'ä'].map((v) => v + '-'.repeat(n)));
      if (n) assert.deepEqual([all.dims, all.data], [[n, 2], Array.from({ length: 2 * n }, (_, i) => 'aä'[i % 2] + '-'.repeat(1 + (i >> 1)))]);
    }
    m.dispose();
  });
});
