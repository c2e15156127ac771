"""Writes the mnist-cnn of train.py (Conv 16 3x3 valid + ReLU, MaxPool 2, Conv 32 3x3 + ReLU, MaxPool 2, Flatten, Dense 64 + ReLU,
Dense 10, softmax) with random weights as an ONNX file, for comparing `bench infer`: tf/bin/python mnist_onnx.py FILE.onnx"""
import sys
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

rng = np.random.default_rng(0)


def weight(name, *shape):
    fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
    return numpy_helper.from_array((rng.standard_normal(shape) / np.sqrt(fan_in)).astype("f"), name)


weights = [weight("w1", 16, 1, 3, 3), weight("b1", 16), weight("w2", 32, 16, 3, 3), weight("b2", 32),
           weight("w3", 64, 800), weight("b3", 64), weight("w4", 10, 64), weight("b4", 10)]
node = helper.make_node
nodes = [
    node("Conv", ["x", "w1", "b1"], ["c1"]), node("Relu", ["c1"], ["r1"]), node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
    node("Conv", ["p1", "w2", "b2"], ["c2"]), node("Relu", ["c2"], ["r2"]), node("MaxPool", ["r2"], ["p2"], kernel_shape=[2, 2], strides=[2, 2]),
    node("Flatten", ["p2"], ["f"]), node("Gemm", ["f", "w3", "b3"], ["d"], transB=1), node("Relu", ["d"], ["e"]),
    node("Gemm", ["e", "w4", "b4"], ["l"], transB=1), node("Softmax", ["l"], ["y"], axis=1)]
graph = helper.make_graph(
    nodes, "mnist-cnn", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 28, 28])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])], weights)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
checker.check_model(model)
save(model, sys.argv[1])
