// ONNXExport: a trained network as an ONNX model: float32, half floats, or bytes as QuantizeLinear and DequantizeLinear.
import Engine
import Foundation

/// Writes ONNX models (opset 17) that give what the network itself gives.
public enum ONNXExport {
    /// How numbers are kept.
    public enum Numbers: Sendable, Equatable {
        case float32
        /// Weights are half floats, which are widened where they are used.
        case float16
    }

    /// The file.
    /// - Parameters:
    ///   - quantized: the network in bytes, written instead of its weights; nil: as `numbers` says.
    ///   - includesPreprocessing: the model takes examples as they come: images as bytes (n, channels, height, width), tables as a
    ///     float32 a column, categories by their number; false: as the first layer takes them, and the metadata say how that is made.
    ///   - metadata: more of it, such as the spec.
    /// - Returns: a model with one input, `input`, and one output: `probabilities` (n, classes), or `prediction` (n, 1) in its own
    ///   units.
    public static func encode(
        _ network: Network, weights: [ParameterValues], quantized: QuantizedModel? = nil,
        preprocessing: Preprocessing, loss: LossSpec, numbers: Numbers = .float32, includesPreprocessing: Bool,
        name: String, metadata: [(String, String)] = []
    ) throws -> Data {
        var graph = ONNXGraphBuilder()
        let input = graph.name("input")
        var (type, shape) = (ONNXType.float, preprocessing.shape.axes)
        var first = input
        if includesPreprocessing {
            (type, shape) = (preprocessing.rawShape.isImage ? .uint8 : .float, preprocessing.rawShape.axes)
            first = preprocess(input, preprocessing, &graph)
        }
        let logits =
            if let quantized {
                bytes(quantized, from: first, &graph)
            } else {
                layers(network, weights, from: first, numbers, &graph)
            }
        let output = answer(logits, loss, preprocessing, &graph)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var facts = [
            ("workbench", "1"),
            ("preprocessing", String(decoding: try encoder.encode(preprocessing), as: UTF8.self)),
            ("preprocessing_included", includesPreprocessing ? "true" : "false"), ("loss", loss.name),
            ("classes", String(decoding: try encoder.encode(preprocessing.classes), as: UTF8.self)),
        ]
        facts += metadata
        let count = loss.isRegression ? network.classes : max(2, network.classes)
        return Data(
            graph.model(
                name: name, input: (input, type, shape), output: (output, [count]), metadata: facts))
    }

    // MARK: Before and after the network

    /// What ``Preprocessing`` does to raw examples.
    private static func preprocess(
        _ input: String, _ preprocessing: Preprocessing, _ graph: inout ONNXGraphBuilder
    ) -> String {
        if preprocessing.rawShape.isImage {
            let channels = preprocessing.scale.count
            let floats = graph.node("Cast", [input], as: "pixels", [("to", .int(ONNXType.float.rawValue))])
            let scale = graph.constant("scale", preprocessing.scale, [1, channels, 1, 1])
            let shift = graph.constant("shift", preprocessing.shift, [1, channels, 1, 1])
            return graph.node("Add", [graph.node("Mul", [floats, scale], as: "scaled"), shift], as: "shifted")
        }
        var parts: [String] = []
        for (column, encoding) in preprocessing.encodings.enumerated() {
            let place = graph.constant("place", places: [Int64(column)])
            let value = graph.node("Gather", [input, place], as: "column", [("axis", .int(1))])
            switch encoding {
            case .standardised(let mean, let deviation):
                // A constant column is 0, and so is what is missing.
                let zero = graph.constant("zero", [0], [1])
                guard deviation > 0 else {
                    let missing = graph.node("IsNaN", [value], as: "missing")
                    let known = graph.node("Where", [missing, zero, value], as: "known")
                    parts.append(graph.node("Mul", [known, zero], as: "constant"))
                    continue
                }
                let centred = graph.node("Sub", [value, graph.constant("mean", [mean], [1])], as: "centred")
                let standard = graph.node(
                    "Div", [centred, graph.constant("deviation", [deviation], [1])], as: "standardised")
                let missing = graph.node("IsNaN", [standard], as: "missing")
                parts.append(graph.node("Where", [missing, zero, standard], as: "feature"))
            case .oneHot(let levels):
                let all = graph.constant("levels", (0..<levels).map(Float.init), [1, levels])
                let equal = graph.node("Equal", [value, all], as: "equal")
                parts.append(graph.node("Cast", [equal], as: "feature", [("to", .int(ONNXType.float.rawValue))]))
            }
        }
        return graph.node("Concat", parts, as: "features", [("axis", .int(1))])
    }

    /// From logits to what is predicted.
    private static func answer(
        _ logits: String, _ loss: LossSpec, _ preprocessing: Preprocessing, _ graph: inout ONNXGraphBuilder
    ) -> String {
        switch loss {
        case .softmaxCrossEntropy:
            return graph.node("Softmax", [logits], as: "probabilities", [("axis", .int(1))])
        case .binaryCrossEntropy:
            let second = graph.node("Sigmoid", [logits], as: "second")
            let first = graph.node("Sub", [graph.constant("one", [1], [1]), second], as: "first")
            return graph.node("Concat", [first, second], as: "probabilities", [("axis", .int(1))])
        case .meanSquaredError, .huber:
            guard let target = preprocessing.target else {
                return graph.node("Identity", [logits], as: "prediction")
            }
            let wide = graph.constant("target_deviation", [Float(target.deviation)], [1])
            let mean = graph.constant("target_mean", [Float(target.mean)], [1])
            return graph.node("Add", [graph.node("Mul", [logits, wide], as: "wide"), mean], as: "prediction")
        }
    }

    // MARK: Float32

    private static func layers(
        _ written: Network, _ all: [ParameterValues], from input: String, _ numbers: Numbers,
        _ graph: inout ONNXGraphBuilder
    ) -> String {
        let (network, weights) = written.foldingNorms(all)
        let named = Dictionary(weights.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var outputs: [Int: String] = [-1: input]
        for layer in network.layers {
            let inputs = layer.inputs.compactMap { outputs[$0] }
            let title = "\(layer.index)_\(layer.spec.name)"
            func array(_ position: Int) -> String {
                guard layer.parameters.indices.contains(position), let found = named[layer.parameters[position].name]
                else { preconditionFailure("\(layer.name) has no array \(position)") }
                guard numbers == .float16, found.values.allSatisfy({ Float16($0).isFinite }) else {
                    return graph.constant(found.name, found.values, found.shape)
                }
                let half = graph.constant(found.name, halves: found.values, found.shape)
                return graph.node(
                    "Cast", [half], as: "\(found.name).float32", [("to", .int(ONNXType.float.rawValue))])
            }
            var (output, activation) = (inputs[0], Activation.linear)
            switch layer.spec {
            case .conv(let conv):
                let arrays = [array(0)] + (conv.hasBias ? [array(1)] : [])
                output = graph.node("Conv", inputs + arrays, as: title, convolution(conv, layer.input))
                activation = conv.activation
            case .dense(_, let own, _):
                output = graph.node("Gemm", inputs + [array(0), array(1)], as: title, [("transB", .int(1))])
                activation = own
            case .maxPool(let size, let stride, let padding):
                output = graph.node(
                    "MaxPool", inputs, as: title,
                    window(Window(size: size, stride: stride, padding: padding), layer.input))
            case .averagePool(let size, let stride, let padding):
                output = graph.node(
                    "AveragePool", inputs, as: title,
                    window(Window(size: size, stride: stride, padding: padding), layer.input))
            case .globalAveragePool:
                let mean = graph.node("GlobalAveragePool", inputs, as: "\(title)_mean")
                output = graph.node("Flatten", [mean], as: title, [("axis", .int(1))])
            case .flatten: output = graph.node("Flatten", inputs, as: title, [("axis", .int(1))])
            case .batchNorm(_, let epsilon, let own):
                output = graph.node(
                    "BatchNormalization", inputs + (0..<4).map(array), as: title, [("epsilon", .float(epsilon))])
                activation = own
            case .layerNorm(let epsilon):
                output = graph.node(
                    "LayerNormalization", inputs + [array(0), array(1)], as: title,
                    [("axis", .int(-1)), ("epsilon", .float(epsilon))])
            case .activation(let own): activation = own
            case .add(let own):
                output = graph.node("Add", inputs, as: title)
                activation = own
            case .dropout: break
            case .depthwiseConv, .separableConv, .residual: preconditionFailure("\(layer.name) is taken apart before")
            }
            outputs[layer.index] = activate(output, activation, title, &graph)
        }
        return outputs[network.layers.count - 1] ?? input
    }

    static func convolution(_ conv: ConvolutionSpec, _ input: TensorShape) -> [(String, ONNXAttribute)] {
        window(Window(conv), input) + [
            ("dilations", .ints([conv.dilation, conv.dilation])), ("group", .int(conv.groups)),
        ]
    }

    static func window(_ window: Window, _ input: TensorShape) -> [(String, ONNXAttribute)] {
        var pads = [0, 0, 0, 0]
        if case .image(_, let height, let width) = input {
            let (rows, columns) = (window.pads(height), window.pads(width))
            pads = [rows.before, columns.before, rows.after, columns.after]
        }
        return [
            ("kernel_shape", .ints([window.size, window.size])),
            ("strides", .ints([window.stride, window.stride])), ("pads", .ints(pads)),
        ]
    }

    static func activate(
        _ input: String, _ activation: Activation, _ title: String, _ graph: inout ONNXGraphBuilder
    ) -> String {
        let name = "\(title)_\(activation.name)"
        switch activation {
        case .linear: return input
        case .relu: return graph.node("Relu", [input], as: name)
        case .leakyReLU(let slope): return graph.node("LeakyRelu", [input], as: name, [("alpha", .float(slope))])
        case .elu: return graph.node("Elu", [input], as: name)
        case .sigmoid: return graph.node("Sigmoid", [input], as: name)
        case .tanh: return graph.node("Tanh", [input], as: name)
        case .softmax: return graph.node("Softmax", [input], as: name, [("axis", .int(1))])
        case .silu:
            return graph.node("Mul", [input, graph.node("Sigmoid", [input], as: "\(name)_gate")], as: name)
        case .gelu:
            // x·(1 + erf(x/√2))/2: an operator of its own comes with opset 20.
            let root = graph.constant("root_half", [Float(0.5).squareRoot()], [1])
            let error = graph.node("Erf", [graph.node("Mul", [input, root], as: "\(name)_part")], as: "\(name)_erf")
            let one = graph.node("Add", [error, graph.constant("one", [1], [1])], as: "\(name)_one")
            let half = graph.node("Mul", [one, graph.constant("half", [0.5], [1])], as: "\(name)_half")
            return graph.node("Mul", [input, half], as: name)
        }
    }
}

extension TensorShape {
    /// Lengths of the axes behind the batch's.
    var axes: [Int] {
        switch self {
        case .image(let channels, let height, let width): [channels, height, width]
        case .vector(let count): [count]
        }
    }
}
