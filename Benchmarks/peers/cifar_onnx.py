"""Writes the cifar-cnn of train.py (Conv 32 3x3 valid + ReLU, MaxPool 2, Flatten, Dense 128 + ReLU, Dense 10, softmax) with
random weights as an ONNX file, for the image case of evaluate.py: tf/bin/python cifar_onnx.py FILE.onnx"""
import sys
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

rng = np.random.default_rng(0)


def weight(name, *shape):
    fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
    return numpy_helper.from_array((rng.standard_normal(shape) / np.sqrt(fan_in)).astype("f"), name)


weights = [weight("w1", 32, 3, 3, 3), weight("b1", 32), weight("w2", 128, 32 * 15 * 15), weight("b2", 128), weight("w3", 10, 128), weight("b3", 10)]
nodes = [
    helper.make_node("Conv", ["x", "w1", "b1"], ["c"]), helper.make_node("Relu", ["c"], ["r"]),
    helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]), helper.make_node("Flatten", ["p"], ["f"]),
    helper.make_node("Gemm", ["f", "w2", "b2"], ["d"], transB=1), helper.make_node("Relu", ["d"], ["e"]),
    helper.make_node("Gemm", ["e", "w3", "b3"], ["l"], transB=1), helper.make_node("Softmax", ["l"], ["y"], axis=1)]
graph = helper.make_graph(
    nodes, "cifar-cnn", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
checker.check_model(model)
save(model, sys.argv[1])
