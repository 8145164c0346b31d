"""A .tflite of a convolutional network as a graph model for TensorFlow.js: the same operators under TensorFlow's names, NHWC, float32."""
import base64, json, os
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.python.interpreter import Interpreter

OPERATORS = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith('_')}
TYPES = {np.dtype('float32'): 'DT_FLOAT', np.dtype('int32'): 'DT_INT32'}
ACTIVATIONS = {0: None, 1: 'Relu', 3: 'Relu6'}
UNARY = {'RELU': 'Relu', 'RELU6': 'Relu6', 'LOGISTIC': 'Sigmoid'}
BINARY = {'ADD': 'AddV2', 'MUL': 'Mul', 'SUB': 'Sub'}
EXTREMES = {'MINIMUM': 'Minimum', 'MAXIMUM': 'Maximum'}


def text(s):
    return {'s': base64.b64encode(s.encode()).decode()}


class Missing(Exception):
    pass


def write_tfjs(source, folder):
    """Writes folder/model.json and weights.bin; gives None, or in words what TensorFlow.js has no counterpart for."""
    with open(source, 'rb') as f:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(f.read(), 0))
    try:
        graph = Graph(model, source)
        for op in model.subgraphs[0].operators:
            graph.operator(op)
    except Missing as what:
        return str(what)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'weights.bin'), 'wb') as f:
        f.write(graph.data)
    with open(os.path.join(folder, 'model.json'), 'w') as f:
        json.dump(graph.finish(), f)


class Graph:
    def __init__(self, model, source):
        self.model, self.sub = model, model.subgraphs[0]
        self.reader = Interpreter(source, experimental_preserve_all_tensors=True)
        self.reader.allocate_tensors()
        self.nodes, self.weights, self.data, self.values, self.names = [], [], bytearray(), {}, {}
        for i in self.sub.inputs:
            self.names[i] = self.add('Placeholder', [], dtype={'type': 'DT_FLOAT'}, shape={'shape': self.dims(self.sub.tensors[i].shape)})

    @staticmethod
    def dims(shape):
        return {'dim': [{'size': str(d)} for d in shape]}

    def add(self, op, inputs, **attributes):
        name = f'n{len(self.nodes)}'
        self.nodes.append({'name': name, 'op': op, 'input': inputs, 'attr': {k: v for k, v in attributes.items() if v is not None}})
        return name

    def constant(self, array):
        array = np.ascontiguousarray(array.astype(np.int32) if array.dtype == np.int64 else array)
        name = self.add('Const', [], dtype={'type': TYPES[array.dtype]}, value={'tensor': {'dtype': TYPES[array.dtype], 'tensorShape': self.dims(array.shape)}})
        self.weights.append({'name': name, 'shape': list(array.shape), 'dtype': str(array.dtype)})
        self.data += array.tobytes()
        return name

    def array(self, i):
        """A constant's value, or None: of the file, or what was computed from it."""
        if i in self.values:
            return self.values[i]
        buffer = self.model.buffers[self.sub.tensors[i].buffer].data
        return None if buffer is None or len(buffer) == 0 else self.reader.get_tensor(i)

    def input(self, i):
        if i not in self.names:
            value = self.array(i)
            if value is None:
                raise Missing(f'the tensor {i} has no source')
            self.names[i] = self.constant(value)
        return self.names[i]

    def activated(self, name, code, t={'type': 'DT_FLOAT'}):
        if code not in ACTIVATIONS:
            raise Missing(f'the fused activation {code}')
        return self.add(ACTIVATIONS[code], [name], T=t) if ACTIVATIONS[code] else name

    def convolution(self, op, o, kernel, name):
        """Bias and activation in the node: what TensorFlow.js runs as one kernel."""
        extra = ACTIVATIONS.get(o.fusedActivationFunction, '?')
        if extra == '?':
            raise Missing(f'the fused activation {o.fusedActivationFunction}')
        bias = self.input(op.inputs[2]) if len(op.inputs) > 2 and op.inputs[2] >= 0 else self.constant(np.zeros(self.sub.tensors[op.outputs[0]].shape[-1], np.float32))
        return self.add(name, [self.input(op.inputs[0]), self.constant(kernel), bias], T={'type': 'DT_FLOAT'}, num_args={'i': '1'},
                        fused_ops={'list': {'s': [text(s)['s'] for s in ['BiasAdd'] + ([extra] if extra else [])]}},
                        strides={'list': {'i': ['1', str(o.strideH), str(o.strideW), '1']}}, dilations={'list': {'i': ['1', str(o.dilationHFactor), str(o.dilationWFactor), '1']}},
                        padding=text('SAME' if o.padding == 0 else 'VALID'), data_format=text('NHWC'), explicit_paddings={'list': {}}, epsilon={'f': 0.0})

    def operator(self, op):
        code = self.model.operatorCodes[op.opcodeIndex]
        kind, o, t = OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)], op.builtinOptions, {'type': 'DT_FLOAT'}
        constant = self.array(op.inputs[0])
        if kind == 'DEQUANTIZE' and constant is not None:
            self.values[op.outputs[0]] = constant.astype(np.float32)
            return
        if kind == 'CONV_2D':
            out = self.convolution(op, o, self.array(op.inputs[1]).transpose(1, 2, 3, 0), '_FusedConv2D')
        elif kind == 'DEPTHWISE_CONV_2D':
            kernel = self.array(op.inputs[1])
            out = self.convolution(op, o, kernel.reshape(*kernel.shape[1:3], -1, o.depthMultiplier), 'FusedDepthwiseConv2dNative')
        elif kind == 'FULLY_CONNECTED':
            out = self.add('MatMul', [self.input(op.inputs[0]), self.constant(self.array(op.inputs[1]).T)], T=t, transpose_a={'b': False}, transpose_b={'b': False})
            if len(op.inputs) > 2 and op.inputs[2] >= 0:
                out = self.add('AddV2', [out, self.input(op.inputs[2])], T=t)
            out = self.activated(out, o.fusedActivationFunction)
        elif kind in BINARY:
            out = self.activated(self.add(BINARY[kind], [self.input(i) for i in op.inputs], T=t), o.fusedActivationFunction)
        elif kind in EXTREMES:
            out = self.add(EXTREMES[kind], [self.input(i) for i in op.inputs], T=t)
        elif kind in UNARY:
            out = self.add(UNARY[kind], [self.input(op.inputs[0])], T=t)
        elif kind == 'RELU_0_TO_1':
            out = self.add('Minimum', [self.add('Relu', [self.input(op.inputs[0])], T=t), self.constant(np.array(1, np.float32))], T=t)
        elif kind == 'HARD_SWISH':
            x = self.input(op.inputs[0])
            gate = self.add('Relu6', [self.add('AddV2', [x, self.constant(np.array(3, np.float32))], T=t)], T=t)
            out = self.add('Mul', [self.add('Mul', [x, self.constant(np.array(1 / 6, np.float32))], T=t), gate], T=t)
        elif kind == 'PAD':
            out = self.add('Pad', [self.input(i) for i in op.inputs], T=t, Tpaddings={'type': 'DT_INT32'})
        elif kind == 'PADV2':
            out = self.add('PadV2', [self.input(i) for i in op.inputs], T=t, Tpaddings={'type': 'DT_INT32'})
        elif kind == 'RESIZE_NEAREST_NEIGHBOR':
            out = self.add('ResizeNearestNeighbor', [self.input(i) for i in op.inputs], T=t, align_corners={'b': bool(o.alignCorners)}, half_pixel_centers={'b': bool(o.halfPixelCenters)})
        elif kind == 'TRANSPOSE_CONV':
            out = self.add('Conv2DBackpropInput', [self.input(op.inputs[0]), self.constant(self.array(op.inputs[1]).transpose(1, 2, 0, 3)), self.input(op.inputs[2])], T=t, data_format=text('NHWC'), explicit_paddings={'list': {}},
                           strides={'list': {'i': ['1', str(o.strideH), str(o.strideW), '1']}}, dilations={'list': {'i': ['1'] * 4}}, padding=text('SAME' if o.padding == 0 else 'VALID'), use_cudnn_on_gpu={'b': False})
            if len(op.inputs) > 3 and op.inputs[3] >= 0:
                out = self.add('AddV2', [out, self.input(op.inputs[3])], T=t)
            out = self.activated(out, o.fusedActivationFunction)
        elif kind == 'RESHAPE':
            shape = np.array(self.sub.tensors[op.outputs[0]].shape, np.int32)
            out = self.add('Reshape', [self.input(op.inputs[0]), self.constant(shape)], T=t, Tshape={'type': 'DT_INT32'})
        elif kind == 'TRANSPOSE':
            out = self.add('Transpose', [self.input(i) for i in op.inputs], T=t, Tperm={'type': 'DT_INT32'})
        elif kind == 'MEAN':
            out = self.add('Mean', [self.input(i) for i in op.inputs], T=t, keep_dims={'b': bool(o.keepDims)}, Tidx={'type': 'DT_INT32'})
        elif kind == 'MAX_POOL_2D':
            out = self.add('MaxPool', [self.input(op.inputs[0])], T=t, ksize={'list': {'i': ['1', str(o.filterHeight), str(o.filterWidth), '1']}}, strides={'list': {'i': ['1', str(o.strideH), str(o.strideW), '1']}}, padding=text('SAME' if o.padding == 0 else 'VALID'))
        elif kind == 'CONCATENATION':
            axis = o.axis if o.axis >= 0 else o.axis + len(self.sub.tensors[op.outputs[0]].shape)
            out = self.add('ConcatV2', [self.input(i) for i in op.inputs] + [self.constant(np.array(axis, np.int32))], T=t, N={'i': str(len(op.inputs))}, Tidx={'type': 'DT_INT32'})
        elif kind == 'RESIZE_BILINEAR':
            out = self.add('ResizeBilinear', [self.input(i) for i in op.inputs], T=t, align_corners={'b': bool(o.alignCorners)}, half_pixel_centers={'b': bool(o.halfPixelCenters)})
        else:
            raise Missing(f'the operator {kind}')
        self.names[op.outputs[0]] = out

    def finish(self):
        tensor = lambda name, i: {'name': name + ':0', 'dtype': 'DT_FLOAT', 'tensorShape': self.dims(self.sub.tensors[i].shape)}
        signature = {'inputs': {self.names[i]: tensor(self.names[i], i) for i in self.sub.inputs}, 'outputs': {self.names[i]: tensor(self.names[i], i) for i in self.sub.outputs}}
        return {'format': 'graph-model', 'generatedBy': 'LiteRT', 'convertedBy': 'tflite_to_tfjs.py', 'signature': signature,
                'modelTopology': {'node': self.nodes, 'versions': {}, 'library': {}}, 'weightsManifest': [{'paths': ['weights.bin'], 'weights': self.weights}]}
