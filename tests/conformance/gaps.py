"""What of the ONNX standard is missing: operators and versions that the table does not serve, and element types that the
standard allows and an operator refuses. Needs Python's onnx; not part of any test run.

    make build/asan/list_operators build/asan/run_cases && python3 tests/conformance/gaps.py [CASES_DIR…]

For types, each one-node case in CASES_DIR (directories of ONNX's node tests), and a node by hand for operators that have no
case, is run again with its inputs in every other type that the operator's schema allows. Only refusals count; the results are
not compared."""
import os, subprocess, sys, tempfile
import numpy as np
import onnx
from onnx import TensorProto, defs, helper, numpy_helper

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
TYPES = {'tensor(%s)' % name.lower(): number for name, number in TensorProto.DataType.items()}


def served():
    lines = subprocess.run([os.path.join(ROOT, 'build/asan/list_operators')], capture_output=True, text=True, check=True).stdout.split('\n')
    table = {}
    for line in filter(None, lines):
        domain, name, since, until, _ = line.split()
        table.setdefault(('' if domain == '-' else domain, name), []).append((int(since), int(until)))
    return table


def operators():
    table, missing = served(), []
    for s in defs.get_all_schemas_with_history():
        if s.domain not in ('', 'ai.onnx.ml', 'ai.onnx.preview.training'):
            continue
        ranges = table.get((s.domain, s.name), [])
        if not any(a <= s.since_version and (b == 0 or s.since_version <= b) for a, b in ranges):
            missing.append((s.domain or 'ai.onnx', s.name, s.since_version, 'deprecated' if s.deprecated else ''))
    for m in sorted(missing):
        print('no operator', *m)


def convert(array, number):
    """The values as nearly as the type can hold them; a TensorProto."""
    if number == TensorProto.STRING:
        return helper.make_tensor('', number, array.shape, [str(v).encode() for v in array.ravel()])
    if array.dtype == object:
        array = np.arange(array.size).reshape(array.shape)
    if number in (TensorProto.COMPLEX64, TensorProto.COMPLEX128, TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16):
        return numpy_helper.from_array(np.asarray(array).astype(helper.tensor_dtype_to_np_dtype(number)))
    with np.errstate(all='ignore'):
        whole = np.nan_to_num(np.abs(np.asarray(array, dtype=np.float64))) % 2
    return helper.make_tensor('', number, array.shape, whole.ravel().astype(np.float32 if number in (16, 17, 18, 19, 20, 23, 24) else np.int64).tolist())


def read(path):
    t = TensorProto()
    t.ParseFromString(open(path, 'rb').read())
    return t


def variants(case):
    """(what, model, inputs) for each type variable of the case's operator and each allowed type."""
    model = onnx.load(os.path.join(case, 'model.onnx'))
    if len(model.graph.node) != 1 or model.functions or any(not i.type.HasField('tensor_type') for i in model.graph.input):
        return
    node = model.graph.node[0]
    version = {o.domain: o.version for o in model.opset_import}.get(node.domain, 0)
    try:
        schema = defs.get_schema(node.op_type, version, node.domain)
    except defs.SchemaError:
        return
    data = {i.name: read(os.path.join(case, 'test_data_set_0', 'input_%d.pb' % k)) for k, i in enumerate(model.graph.input)}
    formal = [schema.inputs[min(k, len(schema.inputs) - 1)].type_str for k in range(len(node.input))]
    for variable in schema.type_constraints:
        names = [n for n, f in zip(node.input, formal) if f == variable.type_param_str and n in data]
        for allowed in variable.allowed_type_strs if names else ():
            if allowed in TYPES and TYPES[allowed] != data[names[0]].data_type and TYPES[allowed] <= 26:
                inputs = dict(data)
                for n in names:
                    inputs[n] = convert(numpy_helper.to_array(data[n]), TYPES[allowed])
                yield '%s %d %s %s' % (node.op_type, schema.since_version, variable.type_param_str, allowed), model, inputs


ML = 'ai.onnx.ml'
LEAVES = dict(nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0], nodes_modes=['BRANCH_LEQ', 'LEAF', 'LEAF'], nodes_values=[1., 0., 0.],
              nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0])
VECTORS = dict(coefficients=[1., -1.], support_vectors=[1.] * 8, rho=[0.], kernel_type='LINEAR', kernel_params=[0., 0., 0.])
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)
BY_HAND = [ # operator, domain, inputs, outputs, attributes
    ('GlobalLpPool', '', [np.ones((1, 2, 3, 4), np.float32)], 1, {}),
    ('MaxRoiPool', '', [np.ones((1, 2, 8, 8), np.float32), np.array([[0, 0, 0, 5, 5]], np.float32)], 1, dict(pooled_shape=[2, 2])),
    ('Multinomial', '', [np.ones((2, 4), np.float32)], 1, dict(sample_size=3)),
    ('RandomNormalLike', '', [ROWS], 1, {}), ('RandomUniformLike', '', [ROWS], 1, {}),
    ('FeatureVectorizer', ML, [ROWS], 1, dict(inputdimensions=[4])),
    ('Imputer', ML, [ROWS], 1, dict(imputed_value_floats=[1.], replaced_value_float=float('nan'))),
    ('LinearClassifier', ML, [ROWS], 2, dict(coefficients=[1.] * 8, intercepts=[0., 0.], classlabels_ints=[0, 1])),
    ('LinearRegressor', ML, [ROWS], 1, dict(coefficients=[1.] * 4)),
    ('Normalizer', ML, [ROWS], 1, dict(norm='L2')), ('Scaler', ML, [ROWS], 1, {}), ('OneHotEncoder', ML, [ROWS], 1, dict(cats_int64s=[1, 2])),
    ('SVMClassifier', ML, [ROWS], 2, dict(vectors_per_class=[1, 1], classlabels_ints=[0, 1], **VECTORS)),
    ('SVMRegressor', ML, [ROWS], 1, dict(n_supports=2, **VECTORS)),
    ('TreeEnsembleClassifier', ML, [ROWS], 2, dict(class_treeids=[0, 0], class_nodeids=[1, 2], class_ids=[0, 1], class_weights=[1., 1.], classlabels_int64s=[0, 1], **LEAVES)),
    ('TreeEnsembleRegressor', ML, [ROWS], 1, dict(target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[1., 1.], **LEAVES)),
]


def by_hand(root):
    for name, domain, inputs, outputs, attributes in BY_HAND:
        where = os.path.join(root, name)
        os.makedirs(os.path.join(where, 'test_data_set_0'))
        names = ['x%d' % k for k in range(len(inputs))]
        node = helper.make_node(name, names, ['y%d' % k for k in range(outputs)], domain=domain, **attributes)
        graph = helper.make_graph([node], 'g', [helper.make_tensor_value_info(n, TensorProto.FLOAT, x.shape) for n, x in zip(names, inputs)],
                                  [helper.make_empty_tensor_value_info(y) for y in node.output])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 22), helper.make_opsetid(ML, 3)], ir_version=10), os.path.join(where, 'model.onnx'))
        for k, x in enumerate(inputs):
            open(os.path.join(where, 'test_data_set_0', 'input_%d.pb' % k), 'wb').write(numpy_helper.from_array(x).SerializeToString())


def types(directories):
    seen, work = set(), []
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as made:
        by_hand(made)
        for directory in [*directories, made]:
            for case in sorted(os.listdir(directory)):
                for what, model, inputs in variants(os.path.join(directory, case)) or ():
                    if what in seen:
                        continue
                    seen.add(what)
                    changed = onnx.ModelProto()
                    changed.CopyFrom(model)
                    where = os.path.join(root, str(len(work)))
                    os.makedirs(os.path.join(where, 'test_data_set_0'))
                    for k, i in enumerate(changed.graph.input):
                        i.type.tensor_type.elem_type = inputs[i.name].data_type
                        open(os.path.join(where, 'test_data_set_0', 'input_%d.pb' % k), 'wb').write(inputs[i.name].SerializeToString())
                    open(os.path.join(where, 'test_data_set_0', 'output_0.pb'), 'wb').close()
                    onnx.save(changed, os.path.join(where, 'model.onnx'))
                    work.append((what, where))
        for at in range(0, len(work), 100):
            part = work[at:at + 100]
            out = subprocess.run([os.path.join(ROOT, 'build/asan/run_cases')] + [w for _, w in part], capture_output=True, text=True)
            print(out.stderr, end='')
            said = {l.split()[1].rstrip(':'): l.split(': ', 1)[1] for l in out.stdout.split('\n') if l.startswith(('FAIL', 'SKIP'))}
            for what, where in part:
                sentence = said.get(os.path.basename(where), '')
                if sentence and not sentence.startswith('output '):
                    print('refused', what + ':', sentence)
    print(len(seen), 'types tried')


operators()
if len(sys.argv) > 1:
    types(sys.argv[1:])
