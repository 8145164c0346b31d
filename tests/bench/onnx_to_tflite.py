"""An ONNX file of a convolutional network as .tflite: its operators as TensorFlow's own, channels last from the input to the last layer."""
import numpy as np
import onnx
import tensorflow as tf
from onnx import numpy_helper


def write_tflite(source, target, shape):
    """`shape` is the ONNX input's, NCHW; the .tflite takes NHWC. SystemExit names an operator that is not known here."""
    graph = onnx.load(source).graph
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    inputs = [i.name for i in graph.input if i.name not in constants]

    @tf.function(input_signature=[tf.TensorSpec([shape[0], *shape[2:], shape[1]], tf.float32, name='input')])
    def network(x):
        values = {inputs[0]: x}
        for node in graph.node:
            run(node, values, constants)
        return [values[o.name] for o in graph.output]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    with open(target, 'wb') as f:
        f.write(converter.convert())


def run(node, values, constants):
    a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
    if node.op_type == 'Constant':
        constants[node.output[0]] = numpy_helper.to_array(a['value'])
        return
    x = values.get(node.input[0])
    given = lambda i: values[node.input[i]] if node.input[i] in values else channels_last(constants[node.input[i]])
    constant = lambda i: constants[node.input[i]] if len(node.input) > i and node.input[i] else None
    kind = node.op_type
    if kind == 'Conv':
        y = convolution(x, constant(1), constant(2), a)
    elif kind == 'ConvTranspose':
        w, (sh, sw) = constant(1), a['strides']
        shape = [x.shape[0], x.shape[1] * sh, x.shape[2] * sw, w.shape[1]]
        if list(w.shape[2:]) != [sh, sw] or any(a.get('pads', [0])) or a.get('group', 1) != 1:
            raise SystemExit('ConvTranspose is known here where kernel and stride are equal')
        y = tf.nn.conv2d_transpose(x, w.transpose(2, 3, 1, 0), shape, [sh, sw], 'VALID')
        y = y if constant(2) is None else y + constant(2)
    elif kind == 'BatchNormalization':
        scale, bias, mean, variance = (constant(i).astype(np.float64) for i in range(1, 5))
        factor = scale / np.sqrt(variance + a.get('epsilon', 1e-5))
        y = x * factor.astype(np.float32) + (bias - mean * factor).astype(np.float32)
    elif kind == 'MaxPool':
        top, left, bottom, right = a.get('pads', [0] * 4)
        y = tf.nn.max_pool2d(tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]], constant_values=-3e38) if top + left + bottom + right else x, a['kernel_shape'], a['strides'], 'VALID')
    elif kind == 'Clip':
        low, high = float(constant(1)), float(constant(2))
        y = tf.nn.relu6(x) if (low, high) == (0, 6) else tf.clip_by_value(x, low, high)
    elif kind in ('Add', 'Mul', 'Div', 'Sub'):
        y = {'Add': tf.add, 'Mul': tf.multiply, 'Div': tf.divide, 'Sub': tf.subtract}[kind](given(0), given(1))
    elif kind in ('Relu', 'Sigmoid', 'Identity'):
        y = {'Relu': tf.nn.relu, 'Sigmoid': tf.sigmoid, 'Identity': tf.identity}[kind](x)
    elif kind == 'HardSigmoid':
        y = tf.clip_by_value(x * a.get('alpha', 0.2) + a.get('beta', 0.5), 0, 1)
    elif kind == 'GlobalAveragePool':
        y = tf.reduce_mean(x, [1, 2], keepdims=True)
    elif kind == 'Concat' and a['axis'] == 1:
        y = tf.concat([values[i] for i in node.input], 3)
    elif kind == 'Resize' and a.get('mode') == b'nearest':
        scales = constant(2)
        y = tf.image.resize(x, [int(x.shape[1] * scales[2]), int(x.shape[2] * scales[3])], 'nearest')
    elif kind == 'Flatten' and x.shape[1] == x.shape[2] == 1:
        y = tf.reshape(x, [x.shape[0], -1])
    elif kind == 'Gemm' and a.get('transB') == 1 and not a.get('transA'):
        y = tf.linalg.matmul(x, constant(1).T) + constant(2)
    else:
        raise SystemExit(f'{kind} is not known here')
    values[node.output[0]] = y


def convolution(x, w, bias, a):
    """[m, c / group, kh, kw] to HWIO; dense or depthwise. Padding is SAME where that means the same, else a Pad before."""
    group, strides, dilations = a.get('group', 1), a.get('strides', [1, 1]), a.get('dilations', [1, 1])
    top, left, bottom, right = a.get('pads', [0] * 4)
    same = all(p + q == max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0) and p == (p + q) // 2
               for size, s, d, k, p, q in zip(x.shape[1:3], strides, dilations, w.shape[2:], (top, left), (bottom, right)))
    if not same and top + left + bottom + right:
        x = tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]])
    padding = 'SAME' if same else 'VALID'
    if group == 1:
        y = tf.nn.conv2d(x, w.transpose(2, 3, 1, 0), strides, padding, dilations=dilations)
    elif group == x.shape[3] == w.shape[0]:
        y = tf.nn.depthwise_conv2d(x, w.transpose(2, 3, 0, 1), [1, *strides, 1], padding, dilations=dilations)
    else:
        raise SystemExit(f'a convolution in {group} groups is not known here')
    return y if bias is None else tf.nn.bias_add(y, bias)


def channels_last(value):
    return np.transpose(value, (0, 2, 3, 1)) if value.ndim == 4 else value
