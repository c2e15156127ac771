// ONNXExportBytes: a network in bytes as QuantizeLinear and DequantizeLinear round operators of float32, which ONNX Runtime
// joins to integer kernels.
import Engine

extension ONNXExport {
    /// The nodes of `model`.
    static func bytes(_ model: QuantizedModel, from input: String, _ graph: inout ONNXGraphBuilder) -> String {
        /// What bytes stand for, in float32, by node; -1 is the input.
        var floats: [Int: String] = [-1: inBytes(input, model.input, "input", &graph)]
        for (index, node) in model.nodes.enumerated() {
            let inputs = node.inputs.compactMap { floats[$0] }
            let title = "\(index)_\(operationName(node.operation))"
            var output: String
            switch node.operation {
            case .conv(let conv, let weights, let bias):
                let arrays = arrays(weights, bias, scale(of: node.inputs[0], model), title, &graph)
                output = graph.node(
                    "Conv", inputs + arrays, as: title, convolution(conv, shape(of: node.inputs[0], model)))
            case .dense(let weights, let bias):
                let arrays = arrays(weights, bias, scale(of: node.inputs[0], model), title, &graph)
                output = graph.node("Gemm", inputs + arrays, as: title, [("transB", .int(1))])
            case .floatConv(let conv, let weights, let bias):
                let from = shape(of: node.inputs[0], model)
                let inner = from.axes[0] / conv.groups
                let arrays = [
                    graph.constant("\(title).weight", weights, [conv.filters, inner, conv.kernel, conv.kernel]),
                    graph.constant("\(title).bias", bias, [bias.count]),
                ]
                output = graph.node("Conv", inputs + arrays, as: title, convolution(conv, from))
            case .floatDense(let weights, let bias):
                let arrays = [
                    graph.constant("\(title).weight", weights, [bias.count, weights.count / bias.count]),
                    graph.constant("\(title).bias", bias, [bias.count]),
                ]
                output = graph.node("Gemm", inputs + arrays, as: title, [("transB", .int(1))])
            case .maxPool(let size, let stride, let padding):
                output = graph.node(
                    "MaxPool", inputs, as: title,
                    window(Window(size: size, stride: stride, padding: padding), shape(of: node.inputs[0], model)))
            case .averagePool(let size, let stride, let padding):
                output = graph.node(
                    "AveragePool", inputs, as: title,
                    window(Window(size: size, stride: stride, padding: padding), shape(of: node.inputs[0], model)))
            case .globalAveragePool:
                let mean = graph.node("GlobalAveragePool", inputs, as: "\(title)_mean")
                output = graph.node("Flatten", [mean], as: title, [("axis", .int(1))])
            case .flatten: output = graph.node("Flatten", inputs, as: title, [("axis", .int(1))])
            case .norm(let factor, let shift):
                let axes = node.shape.isImage ? [1, factor.count, 1, 1] : [1, factor.count]
                let wide = graph.node(
                    "Mul", inputs + [graph.constant("\(title).factor", factor, axes)], as: "\(title)_wide")
                output = graph.node("Add", [wide, graph.constant("\(title).shift", shift, axes)], as: title)
            case .layerNorm(let weight, let bias, let epsilon):
                let arrays = [
                    graph.constant("\(title).weight", weight, [weight.count]),
                    graph.constant("\(title).bias", bias, [bias.count]),
                ]
                output = graph.node(
                    "LayerNormalization", inputs + arrays, as: title,
                    [("axis", .int(-1)), ("epsilon", .float(epsilon))])
            case .activation(let activation): output = activate(inputs[0], activation, title, &graph)
            case .add: output = graph.node("Add", inputs, as: title)
            }
            if node.relu { output = graph.node("Relu", [output], as: "\(title)_relu") }
            if node.isPooled {
                output = graph.node(
                    "MaxPool", [output], as: "\(title)_pool",
                    [("kernel_shape", .ints([2, 2])), ("strides", .ints([2, 2]))])
            }
            floats[index] = model.givesLogits(index) ? output : inBytes(output, node.output, title, &graph)
        }
        return floats[model.nodes.count - 1] ?? input
    }

    /// `value` through bytes and back.
    private static func inBytes(
        _ value: String, _ affine: Affine, _ title: String, _ graph: inout ONNXGraphBuilder
    ) -> String {
        let scale = graph.constant("\(title).scale", [affine.scale], [])
        let zero = graph.constant("\(title).zero", unsigned: [UInt8(affine.zero)], [])
        let bytes = graph.node("QuantizeLinear", [value, scale, zero], as: "\(title)_bytes")
        return graph.node("DequantizeLinear", [bytes, scale, zero], as: "\(title)_floats")
    }

    /// Weights and bias out of their integers.
    private static func arrays(
        _ weights: QuantizedWeights, _ bias: [Int32], _ source: Float, _ title: String, _ graph: inout ONNXGraphBuilder
    ) -> [String] {
        let channels = weights.scales.count
        let scales = graph.constant("\(title).weight_scale", weights.scales, [channels])
        let zeros = graph.constant("\(title).weight_zero", bytes: Array(repeating: 0, count: channels), [channels])
        let bytes = graph.constant("\(title).weight", bytes: weights.values, weights.shape)
        let sums = graph.constant("\(title).bias", integers: bias, [channels])
        let steps = graph.constant("\(title).bias_scale", weights.scales.map { $0 * source }, [channels])
        let none = graph.constant("\(title).bias_zero", integers: Array(repeating: 0, count: channels), [channels])
        return [
            graph.node("DequantizeLinear", [bytes, scales, zeros], as: "\(title)_weight", [("axis", .int(0))]),
            graph.node("DequantizeLinear", [sums, steps, none], as: "\(title)_bias", [("axis", .int(0))]),
        ]
    }

    private static func scale(of index: Int, _ model: QuantizedModel) -> Float {
        index < 0 ? model.input.scale : model.nodes[index].output.scale
    }

    private static func shape(of index: Int, _ model: QuantizedModel) -> TensorShape {
        index < 0 ? model.inputShape : model.nodes[index].shape
    }

    private static func operationName(_ operation: QuantizedModel.Node.Operation) -> String {
        switch operation {
        case .conv, .floatConv: "conv"
        case .dense, .floatDense: "dense"
        case .maxPool: "max_pool"
        case .averagePool: "average_pool"
        case .globalAveragePool: "global_average_pool"
        case .flatten: "flatten"
        case .norm: "norm"
        case .layerNorm: "layer_norm"
        case .activation(let activation): activation.name
        case .add: "add"
        }
    }
}
