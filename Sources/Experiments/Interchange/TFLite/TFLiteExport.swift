// TFLiteExport: a trained network as a TensorFlow Lite model.
import Engine
import Foundation

/// Writes models for the LiteRT (TensorFlow Lite) interpreter. Images are (n, rows, columns, channels) there.
public enum TFLiteExport {
    /// How numbers are kept.
    public enum Numbers: Sendable, Equatable {
        case float32
        /// Weights are bytes with a scale a channel; activations are floats, which kernels bring into bytes as they come.
        case dynamicRange
    }

    /// The file.
    /// - Parameter quantized: the network in bytes, whose integers the interpreter's kernels use; nil: as `numbers` says.
    /// - Returns: a model that takes float32 examples as the first layer does (its description says how they are prepared) and gives
    ///   probabilities, or a number in its own units.
    /// - Throws: ``ExportError`` that names the layer that TensorFlow Lite has nothing for.
    public static func encode(
        _ network: Network, weights: [ParameterValues], quantized: QuantizedModel? = nil, preprocessing: Preprocessing,
        loss: LossSpec, numbers: Numbers = .float32, name: String
    ) throws -> Data {
        var writer = Writer(numbers: numbers)
        let input = writer.graph.tensor("input", axes(preprocessing.shape))
        let logits =
            if let quantized {
                try writer.bytes(quantized, from: input)
            } else {
                try writer.layers(network, weights, from: input)
            }
        let output = writer.answer(logits, network.classes, loss, preprocessing)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let description = String(decoding: try encoder.encode(preprocessing), as: UTF8.self)
        return Data(writer.graph.model(name: name, description: description, input: input, output: output))
    }

    /// Lengths behind the batch, channels last.
    static func axes(_ shape: TensorShape) -> [Int] {
        switch shape {
        case .image(let channels, let height, let width): [height, width, channels]
        case .vector(let count): [count]
        }
    }

    /// Writes one model.
    private struct Writer {
        var graph = TFLiteGraph()
        let numbers: Numbers

        typealias Options = TFLiteGraph.Options

        // MARK: Weights

        /// (out, in, rows, columns) as (out, rows, columns, in); depthwise as (1, rows, columns, out).
        private static func lastly<Value>(_ values: [Value], _ conv: ConvolutionSpec, inner: Int, isDepthwise: Bool)
            -> [Value]
        {
            let window = conv.kernel * conv.kernel
            var moved: [Value] = []
            moved.reserveCapacity(values.count)
            if isDepthwise {
                for tap in 0..<window { for filter in 0..<conv.filters { moved.append(values[filter * window + tap]) } }
                return moved
            }
            for filter in 0..<conv.filters {
                for tap in 0..<window {
                    for channel in 0..<inner { moved.append(values[(filter * inner + channel) * window + tap]) }
                }
            }
            return moved
        }

        /// Columns of a dense layer behind a flattened image: (channel, row, column) as (row, column, channel).
        private static func lastly<Value>(_ values: [Value], units: Int, image: TensorShape?) -> [Value] {
            guard case .image(let channels, let height, let width)? = image else { return values }
            let plane = height * width
            var moved: [Value] = []
            moved.reserveCapacity(values.count)
            for unit in 0..<units {
                for place in 0..<plane {
                    for channel in 0..<channels { moved.append(values[(unit * channels + channel) * plane + place]) }
                }
            }
            return moved
        }

        private static func isDepthwise(_ conv: ConvolutionSpec, _ input: TensorShape) -> Bool {
            guard case .image(let channels, _, _) = input else { return false }
            return QuantizedModel.isDepthwise(conv, channels: channels)
        }

        private static func shape(_ conv: ConvolutionSpec, inner: Int, isDepthwise: Bool) -> [Int] {
            isDepthwise
                ? [1, conv.kernel, conv.kernel, conv.filters] : [conv.filters, conv.kernel, conv.kernel, inner]
        }

        /// Weights as floats, or as bytes with a scale a channel.
        private mutating func weights(_ name: String, _ values: [Float], _ shape: [Int], axis: Int) -> Int {
            guard numbers == .dynamicRange else { return graph.constant(name, values, shape) }
            let channels = shape[axis]
            let inner = shape[(axis + 1)...].reduce(1, *)
            var most = [Float](repeating: 0, count: channels)
            for (place, value) in values.enumerated() {
                let channel = place / inner % channels
                most[channel] = max(most[channel], abs(value))
            }
            let scales = most.map { $0 > 0 ? $0 / 127 : 1 }
            let bytes = values.enumerated().map { place, value in
                Int8(max(-127, min(127, (value / scales[place / inner % channels]).rounded(.toNearestOrEven))))
            }
            return graph.constant(name, bytes, shape, scales: scales, axis: axis)
        }

        // MARK: Windows

        private static func doesNotFit(_ name: String, _ reason: String) -> ExportError {
            .doesNotFit("The layer \(name) has no counterpart in TensorFlow Lite: \(reason).")
        }

        /// The tensor with `pixels` zeros on each side, and 1 (VALID), or 0 (SAME).
        private mutating func padded(
            _ input: Int, _ shape: TensorShape, _ padding: Padding, _ name: String, bytes: (scale: Float, zero: Int)?
        ) -> (tensor: Int, code: Int8) {
            switch padding {
            case .valid: return (input, 1)
            case .same: return (input, 0)
            case .explicit(let pixels):
                guard pixels > 0, case .image(let channels, let height, let width) = shape else { return (input, 1) }
                let side = Int32(pixels)
                let sides = graph.constant("\(name).sides", rows: [0, 0, side, side, side, side, 0, 0], width: 2)
                let wide = graph.tensor(
                    "\(name).padded", [height + 2 * pixels, width + 2 * pixels, channels], bytes: bytes)
                return (graph.node(.pad, version: bytes == nil ? 1 : 2, [input, sides], wide, (22, [])), 1)
            }
        }

        private mutating func convolve(
            _ conv: ConvolutionSpec, _ input: Int, _ shape: TensorShape, _ arrays: [Int], _ output: Int, relu: Bool,
            _ name: String, bytes: (scale: Float, zero: Int)?
        ) {
            let (from, code) = padded(input, shape, conv.padding, name, bytes: bytes)
            let (stride, dilation) = (Int32(conv.stride), Int32(conv.dilation))
            let fused = Int8(relu ? 1 : 0)
            let isQuantized = bytes != nil || numbers == .dynamicRange
            if Self.isDepthwise(conv, shape) {
                graph.node(
                    .depthwiseConv, version: isQuantized ? 3 : 2, [from] + arrays, output,
                    (
                        2,
                        [
                            (0, .int8(code)), (1, .int32(stride)), (2, .int32(stride)), (3, .int32(1)),
                            (4, .int8(fused)),
                            (5, .int32(dilation)), (6, .int32(dilation)),
                        ]
                    ))
            } else {
                graph.node(
                    .conv, version: isQuantized ? 3 : 1, [from] + arrays, output,
                    (
                        1,
                        [
                            (0, .int8(code)), (1, .int32(stride)), (2, .int32(stride)), (3, .int8(fused)),
                            (4, .int32(dilation)), (5, .int32(dilation)),
                        ]
                    ))
            }
        }

        private mutating func pool(
            _ isAverage: Bool, _ size: Int, _ stride: Int, _ padding: Padding, _ input: Int, _ output: Int,
            _ name: String,
            bytes: Bool
        ) throws {
            if case .explicit(let pixels) = padding, pixels > 0 {
                throw Self.doesNotFit(name, "its pools have no padding of \(pixels) pixels on each side")
            }
            graph.node(
                isAverage ? .averagePool : .maxPool, version: bytes ? 2 : 1, [input], output,
                (
                    5,
                    [
                        (0, .int8(padding == .same ? 0 : 1)), (1, .int32(Int32(stride))), (2, .int32(Int32(stride))),
                        (3, .int32(Int32(size))), (4, .int32(Int32(size))),
                    ]
                ))
        }

        private mutating func reshape(_ input: Int, _ count: Int, _ output: Int) {
            let shape = graph.constant("shape_\(output)", [-1, Int32(count)])
            graph.node(.reshape, [input, shape], output, (17, []), list: (0, [-1, Int32(count)]))
        }

        private mutating func mean(_ input: Int, _ output: Int, bytes: Bool) {
            let axes = graph.constant("axes_\(output)", [1, 2])
            graph.node(.mean, version: bytes ? 2 : 1, [input, axes], output, (27, [(0, .bool(false))]))
        }

        private mutating func activate(_ input: Int, _ activation: Activation, _ shape: [Int], _ name: String) -> Int {
            if activation == .linear { return input }
            let output = graph.tensor("\(name)_\(activation.name)", shape)
            switch activation {
            case .linear: return input
            case .relu: return graph.node(.relu, [input], output)
            case .leakyReLU(let slope): return graph.node(.leakyReLU, [input], output, (75, [(0, .float(slope))]))
            case .elu: return graph.node(.elu, [input], output)
            case .gelu: return graph.node(.gelu, [input], output, (116, [(0, .bool(false))]))
            case .sigmoid: return graph.node(.logistic, [input], output)
            case .tanh: return graph.node(.tanh, [input], output)
            case .softmax: return graph.node(.softmax, [input], output, (9, [(0, .float(1))]))
            case .silu:
                let gate = graph.tensor("\(name)_gate", shape)
                graph.node(.logistic, [input], gate)
                return graph.node(.multiply, [input, gate], output, (21, []))
            }
        }

        /// value·factor + shift along the last axis.
        private mutating func norm(
            _ input: Int, _ factor: [Float], _ shift: [Float], _ shape: [Int], _ name: String
        ) -> Int {
            let wide = graph.tensor("\(name)_wide", shape)
            graph.node(.multiply, [input, graph.constant("\(name).factor", factor, [factor.count])], wide, (21, []))
            let output = graph.tensor(name, shape)
            return graph.node(.add, [wide, graph.constant("\(name).shift", shift, [shift.count])], output, (11, []))
        }

        // MARK: Float32

        mutating func layers(_ written: Network, _ all: [ParameterValues], from input: Int) throws -> Int {
            let (network, weights) = written.foldingNorms(all)
            let named = Dictionary(weights.map { ($0.name, $0.values) }, uniquingKeysWith: { first, _ in first })
            var outputs: [Int: Int] = [-1: input]
            /// Images that were flattened, by layer.
            var images: [Int: TensorShape] = [:]
            for layer in network.layers {
                let inputs = layer.inputs.compactMap { outputs[$0] }
                let name = "\(layer.index)_\(layer.spec.name)"
                let axes = TFLiteExport.axes(layer.output)
                func array(_ position: Int) -> [Float] { named[layer.parameters[position].name] ?? [] }
                if let image = images[layer.inputs[0]], case .vector = layer.output, layer.input == layer.output {
                    images[layer.index] = image
                }
                var (output, activation) = (inputs[0], Activation.linear)
                switch layer.spec {
                case .conv(let conv):
                    let depthwise = Self.isDepthwise(conv, layer.input)
                    let inner = layer.parameters[0].count / conv.filters / (conv.kernel * conv.kernel)
                    let kernel = self.weights(
                        "\(name).weight", Self.lastly(array(0), conv, inner: inner, isDepthwise: depthwise),
                        Self.shape(conv, inner: inner, isDepthwise: depthwise), axis: depthwise ? 3 : 0)
                    let bias = conv.hasBias ? array(1) : Array(repeating: 0, count: conv.filters)
                    output = graph.tensor(name, axes)
                    convolve(
                        conv, inputs[0], layer.input, [kernel, graph.constant("\(name).bias", bias, [bias.count])],
                        output,
                        relu: conv.activation == .relu, name, bytes: nil)
                    activation = conv.activation == .relu ? .linear : conv.activation
                case .dense(_, let own, _):
                    let units = layer.output.count
                    let kernel = self.weights(
                        "\(name).weight", Self.lastly(array(0), units: units, image: images[layer.inputs[0]]),
                        [units, layer.input.count], axis: 0)
                    output = graph.tensor(name, axes)
                    graph.node(
                        .fullyConnected, version: numbers == .dynamicRange ? 12 : 1,
                        [inputs[0], kernel, graph.constant("\(name).bias", array(1), [units])], output,
                        (8, [(0, .int8(own == .relu ? 1 : 0))]))
                    activation = own == .relu ? .linear : own
                case .maxPool(let size, let stride, let padding):
                    output = graph.tensor(name, axes)
                    try pool(false, size, stride, padding, inputs[0], output, name, bytes: false)
                case .averagePool(let size, let stride, let padding):
                    output = graph.tensor(name, axes)
                    try pool(true, size, stride, padding, inputs[0], output, name, bytes: false)
                case .globalAveragePool:
                    output = graph.tensor(name, axes)
                    mean(inputs[0], output, bytes: false)
                case .flatten:
                    output = graph.tensor(name, axes)
                    reshape(inputs[0], layer.output.count, output)
                    images[layer.index] = layer.input
                case .batchNorm(_, let epsilon, let own):
                    let affine = NormFactors((0..<4).map(array), epsilon: epsilon)
                    if images[layer.inputs[0]] != nil { throw Self.doesNotFit(name, "a norm behind a flatten") }
                    output = norm(inputs[0], affine.factor, affine.shift, axes, name)
                    activation = own
                case .layerNorm: throw Self.doesNotFit(name, "it norms the features of each example")
                case .activation(let own): activation = own
                case .add(let own):
                    output = graph.tensor(name, axes)
                    graph.node(.add, inputs, output, (11, [(0, .int8(own == .relu ? 1 : 0))]))
                    activation = own == .relu ? .linear : own
                case .dropout: break
                case .depthwiseConv, .separableConv, .residual:
                    preconditionFailure("\(layer.name) is taken apart before")
                }
                outputs[layer.index] = activate(output, activation, axes, name)
            }
            return outputs[network.layers.count - 1] ?? input
        }

        /// From logits to what is predicted.
        mutating func answer(_ logits: Int, _ count: Int, _ loss: LossSpec, _ preprocessing: Preprocessing) -> Int {
            switch loss {
            case .softmaxCrossEntropy:
                return graph.node(.softmax, [logits], graph.tensor("probabilities", [count]), (9, [(0, .float(1))]))
            case .binaryCrossEntropy:
                let second = graph.node(.logistic, [logits], graph.tensor("second", [1]))
                let one = graph.constant("one", [1], [1])
                let first = graph.node(.subtract, [one, second], graph.tensor("first", [1]), (28, []))
                return graph.node(
                    .concatenation, [first, second], graph.tensor("probabilities", [2]), (10, [(0, .int32(-1))]))
            case .meanSquaredError, .huber:
                guard let target = preprocessing.target else { return logits }
                return norm(logits, [Float(target.deviation)], [Float(target.mean)], [1], "prediction")
            }
        }

        // MARK: Bytes

        private static func affine(_ affine: Affine) -> (scale: Float, zero: Int) {
            // int8 there, uint8 here.
            (affine.scale, Int(affine.zero) - 128)
        }

        /// Int8 tensors as floats, and floats as int8.
        private mutating func floats(_ input: Int, _ shape: [Int], _ name: String) -> Int {
            graph.node(.dequantize, version: 2, [input], graph.tensor("\(name)_floats", shape), (38, []))
        }

        private mutating func quantize(_ input: Int, _ shape: [Int], _ affine: Affine, _ name: String) -> Int {
            graph.node(.quantize, [input], graph.tensor("\(name)_bytes", shape, bytes: Self.affine(affine)), (89, []))
        }

        mutating func bytes(_ model: QuantizedModel, from input: Int) throws -> Int {
            var outputs: [Int: Int] = [
                -1: quantize(input, TFLiteExport.axes(model.inputShape), model.input, "input")
            ]
            var images: [Int: TensorShape] = [:]
            func affine(_ index: Int) -> Affine { index < 0 ? model.input : model.nodes[index].output }
            func shape(_ index: Int) -> TensorShape { index < 0 ? model.inputShape : model.nodes[index].shape }
            for (index, node) in model.nodes.enumerated() {
                let source = node.inputs[0]
                let inputs = node.inputs.compactMap { outputs[$0] }
                let (from, axes) = (shape(source), TFLiteExport.axes(node.shape))
                let name = "\(index)"
                if let image = images[source], !from.isImage, from == node.shape { images[index] = image }
                let (step, own) = (Self.affine(affine(source)), Self.affine(node.output))
                /// Computed in floats between bytes.
                func inFloats(_ body: (inout Writer, Int) throws -> Int) throws -> Int {
                    let wide = floats(inputs[0], TFLiteExport.axes(from), name)
                    let found = try body(&self, wide)
                    return quantize(found, axes, node.output, name)
                }
                switch node.operation {
                case .conv(let conv, let weights, let bias):
                    let depthwise = Self.isDepthwise(conv, from)
                    let inner = weights.shape[1]
                    let kernel = graph.constant(
                        "\(name).weight", Self.lastly(weights.values, conv, inner: inner, isDepthwise: depthwise),
                        Self.shape(conv, inner: inner, isDepthwise: depthwise), scales: weights.scales,
                        axis: depthwise ? 3 : 0)
                    let sums = graph.constant("\(name).bias", bias, scales: weights.scales.map { $0 * step.scale })
                    var pixels = axes
                    if node.isPooled, case .image(_, let height, let width) = from,
                        let rows = Window(conv).output(height), let columns = Window(conv).output(width)
                    {
                        pixels = [rows, columns, conv.filters]
                    }
                    var output = graph.tensor(name, pixels, bytes: own)
                    convolve(
                        conv, inputs[0], from, [kernel, sums], output, relu: node.relu, name, bytes: step)
                    if node.isPooled {
                        let pooled = graph.tensor("\(name)_pool", axes, bytes: own)
                        try pool(false, 2, 2, .valid, output, pooled, name, bytes: true)
                        output = pooled
                    }
                    outputs[index] = output
                case .dense(let weights, let bias):
                    let units = weights.shape[0]
                    let kernel = graph.constant(
                        "\(name).weight", Self.lastly(weights.values, units: units, image: images[source]),
                        weights.shape,
                        scales: weights.scales, axis: 0)
                    let sums = graph.constant("\(name).bias", bias, scales: weights.scales.map { $0 * step.scale })
                    let output = graph.tensor(name, axes, bytes: own)
                    graph.node(
                        .fullyConnected, version: 5, [inputs[0], kernel, sums], output,
                        (8, [(0, .int8(node.relu ? 1 : 0))]))
                    outputs[index] = output
                case .maxPool(let size, let stride, let padding):
                    let output = graph.tensor(name, axes, bytes: own)
                    try pool(false, size, stride, padding, inputs[0], output, name, bytes: true)
                    outputs[index] = output
                case .flatten:
                    let output = graph.tensor(name, axes, bytes: own)
                    reshape(inputs[0], node.shape.count, output)
                    images[index] = from
                    outputs[index] = output
                case .add:
                    let output = graph.tensor(name, axes, bytes: own)
                    graph.node(.add, version: 2, inputs, output, (11, [(0, .int8(node.relu ? 1 : 0))]))
                    outputs[index] = output
                case .globalAveragePool:
                    let output = graph.tensor(name, axes, bytes: own)
                    mean(inputs[0], output, bytes: true)
                    outputs[index] = output
                case .averagePool(let size, let stride, let padding):
                    outputs[index] = try inFloats { writer, wide in
                        let found = writer.graph.tensor("\(name)_mean", axes)
                        try writer.pool(true, size, stride, padding, wide, found, name, bytes: false)
                        return found
                    }
                case .norm(let factor, let shift):
                    if images[source] != nil { throw Self.doesNotFit(node.name, "a norm behind a flatten") }
                    outputs[index] = try inFloats { $0.norm($1, factor, shift, axes, "\(name)_norm") }
                case .activation(let activation):
                    outputs[index] = try inFloats { $0.activate($1, activation, axes, name) }
                case .layerNorm: throw Self.doesNotFit(node.name, "it norms the features of each example")
                case .floatConv, .floatDense:
                    throw Self.doesNotFit(node.name, "its weights are float32 between bytes; leave keep out")
                }
            }
            let last = model.nodes.count - 1
            return floats(outputs[last] ?? input, TFLiteExport.axes(shape(last)), "logits")
        }
    }
}
