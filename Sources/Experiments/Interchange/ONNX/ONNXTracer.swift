// ONNXTracer: follows one example through a graph and notes which layers it meets.
import Engine
import Foundation

/// Follows a graph.
struct ONNXTracer {
    let model: ONNXModel
    var constants: [String: ONNXTensor]
    var flows: [String: ONNXFlow] = [:]
    var pieces: [ONNXPiece] = []
    var inputName = ""
    var inputShape = TensorShape.vector(1)
    var inputAxes: [Int] = []
    var inputPlaces: [Int64] = []
    /// Name of the value that holds the logits.
    var logits = ""
    var isQuantized = false
    /// What ends the network behind the logits.
    var ending = Ending.none
    enum Ending { case none, softmax, sigmoid }
    /// Pieces that functions of a piece have become: whoever takes the same value takes the same piece.
    var resolved: [Int: [(samples: [Double], flow: ONNXFlow)]] = [:]
    /// What follows from values while it runs, such as scales of dynamic quantization.
    var dynamic: Set<String> = []
    var softmaxOf: [String: String] = [:]
    var sigmoidOf: [String: String] = [:]
    /// The batch that was written into the file where it is not 1.
    var fixedBatch: Int?

    /// Where activations are looked at.
    static let grid: [Double] =
        [-1e4, -1e3, -200, -50] + stride(from: -12, through: 12, by: 0.25).map { $0 + 0.03 } + [50, 200, 1e3, 1e4]

    init(_ model: ONNXModel) throws(ONNXError) {
        self.model = model
        constants = model.constants
        guard let input = model.inputs.first, model.inputs.count == 1 else {
            throw .badGraph(path: model.path, reason: "it has \(model.inputs.count) inputs, not one")
        }
        guard input.type == .float else {
            throw .badGraph(
                path: model.path,
                reason: model.metadata["preprocessing_included"] == "true"
                    ? "it does its preprocessing itself; export it without --raw" : "its input is not float32")
        }
        guard let output = model.outputs.first, model.outputs.count == 1 else {
            throw .badGraph(path: model.path, reason: "it has \(model.outputs.count) outputs, not one")
        }
        logits = output
        inputName = input.name
        if let batch = input.shape.first, let batch, batch > 1 { fixedBatch = batch }
        let lengths = input.shape.dropFirst().compactMap { $0 }
        guard (1...3).contains(lengths.count), lengths.count == input.shape.count - 1, lengths.allSatisfy({ $0 > 0 }),
            let count = ONNXTensor.count(lengths)
        else {
            throw .badGraph(
                path: model.path,
                reason: "its input must be (batch, features), (batch, rows, columns) or an image whose sizes are known")
        }
        inputAxes = [1] + lengths
        inputPlaces = (0..<Int64(count)).map { $0 }
        switch lengths.count {
        case 1: inputShape = .vector(lengths[0])
        case 2: inputShape = .image(channels: 1, height: lengths[0], width: lengths[1])
        default:
            if lengths[2] <= 4, lengths[0] > 4 {
                // Rows, columns, channels.
                inputShape = .image(channels: lengths[2], height: lengths[0], width: lengths[1])
                let plane = lengths[0] * lengths[1]
                inputPlaces = (0..<count).map { Int64($0 % lengths[2] * plane + $0 / lengths[2]) }
            } else {
                inputShape = .image(channels: lengths[0], height: lengths[1], width: lengths[2])
            }
        }
        pieces.append(ONNXPiece(kind: .input, inputs: [], shape: inputShape, node: "the input"))
        flows[inputName] = ONNXFlow(piece: 0, shape: inputAxes, places: inputPlaces, samples: nil, node: "the input")
    }

    func unsupported(_ node: ONNXNode, _ reason: String) -> ONNXError {
        .unsupported(path: model.path, node: node.title, reason: reason)
    }

    // MARK: Following

    /// Follows all nodes.
    mutating func trace() throws(ONNXError) {
        let evaluator = ONNXEvaluator(path: model.path, opset: model.opset)
        // What is computed beforehand is about as much as what the file holds: its weights in another order, say.
        var room = ONNXTensor.mostValues + 4 * constants.values.reduce(0) { $0 + $1.count }
        for node in model.nodes {
            let names = node.inputs.filter { !$0.isEmpty }
            if names.allSatisfy({ constants[$0] != nil }) {
                for (name, value) in zip(node.outputs, try evaluator.evaluate(node, constants)) {
                    room -= value.count
                    guard room >= 0 else { throw unsupported(node, "its constants grow to more than the file holds") }
                    constants[name] = value
                }
                continue
            }
            guard let output = node.outputs.first else { continue }
            if node.operation == "Shape", let flow = flows[names[0]] {
                // The length of the batch is any; for one example it is 1.
                let zeros = ONNXTensor(flow.shape, Array(repeating: 0, count: flow.places.count))
                let found = try evaluator.evaluate(node, [names[0]: zeros])
                constants[output] = found[0]
                continue
            }
            try follow(node, output, evaluator)
        }
        guard model.outputs.first.map({ flows[$0] != nil || constants[$0] != nil }) == true else {
            throw .badGraph(path: model.path, reason: "no node makes its output")
        }
    }

    mutating func follow(_ node: ONNXNode, _ output: String, _ evaluator: ONNXEvaluator) throws(ONNXError) {
        func flow(_ index: Int) throws(ONNXError) -> ONNXFlow {
            guard node.inputs.indices.contains(index), let flow = flows[node.inputs[index]] else {
                throw unsupported(node, "its input \(index + 1) does not come from the network's input")
            }
            return flow
        }
        func constant(_ index: Int) throws(ONNXError) -> ONNXTensor {
            guard let value = optional(index) else {
                throw unsupported(node, "its input \(index + 1) must be known beforehand")
            }
            return value
        }
        func optional(_ index: Int) -> ONNXTensor? {
            node.inputs.indices.contains(index) ? constants[node.inputs[index]] : nil
        }
        switch node.operation {
        case "Identity", "Cast", "Dropout":
            flows[output] = try flow(0)
            pass(node.inputs[0], output)
        case "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather":
            let from = try flow(0)
            var values = constants
            values[node.inputs[0]] = ONNXTensor(.int64, from.shape, from.places)
            if node.operation == "Reshape", let fixedBatch, let name = node.inputs.dropFirst().first,
                var shape = constants[name], shape.integers.first == Int64(fixedBatch)
            {
                shape.integers[0] = 1
                values[name] = shape
            }
            let moved = try evaluator.evaluate(node, values)[0]
            guard moved.count == from.places.count else { throw unsupported(node, "it takes a part of what flows") }
            flows[output] = ONNXFlow(
                piece: from.piece, shape: moved.shape, places: moved.integers, samples: from.samples, node: node.title)
            pass(node.inputs[0], output)
        case "Relu", "LeakyRelu", "Elu", "Gelu", "Sigmoid", "Tanh", "Erf", "Erfc", "Clip", "Exp", "Sqrt", "Reciprocal",
            "Neg":
            if node.operation == "Sigmoid" { sigmoidOf[output] = node.inputs[0] }
            try apply(node, output, [try flow(0)], evaluator)
        case "Add", "Sub", "Mul", "Div", "Pow": try combine(node, output, evaluator)
        case "Softmax", "LogSoftmax":
            let from = try flow(0)
            softmaxOf[output] = node.inputs[0]
            let resolved = try resolve(from, node)
            guard case .vector = pieces[resolved.piece].shape else {
                throw unsupported(node, "it goes over the channels of an image")
            }
            flows[output] = try layer(
                .activation(.softmax), [], resolved, node, pieces[resolved.piece].shape, from.shape)
        case "Conv": try convolution(node, output, try flow(0), try constant(1), optional(2), evaluator)
        case "Gemm":
            let (a, b) = (node.int("transA", or: 0), node.int("transB", or: 0))
            let (alpha, beta) = (node.float("alpha", or: 1), node.float("beta", or: 1))
            let weights = try constant(1)
            guard a == 0, weights.shape.count == 2, weights.isFloat else {
                throw unsupported(node, "its weights are no matrix")
            }
            let rows = b == 1 ? weights : ONNXOperation.permuted(weights, [1, 0])
            let bias = try bias(optional(2), rows.shape[0], node)
            try dense(
                node, output, try flow(0), rows.floats.map { $0 * alpha }, rows.shape, bias.map { $0 * beta })
        case "MatMul":
            let weights = try constant(1)
            guard weights.shape.count == 2, weights.isFloat else {
                throw unsupported(node, "its weights are no matrix")
            }
            let rows = ONNXOperation.permuted(weights, [1, 0])
            try dense(node, output, try flow(0), rows.floats, rows.shape, Array(repeating: 0, count: rows.shape[0]))
        case "BatchNormalization":
            if node.int("training_mode", or: 0) == 1 { throw unsupported(node, "it is in training mode") }
            let from = try resolve(try flow(0), node)
            guard from.isPlain else { throw unsupported(node, "its channels are not the second axis") }
            let shape = pieces[from.piece].shape
            let channels = shape.axes[0]
            var arrays: [[Float]] = []
            for index in 1...4 { arrays.append(try constant(index).asFloats) }
            guard arrays.allSatisfy({ $0.count == channels }) else { throw unsupported(node, "its arrays do not fit") }
            flows[output] = try layer(
                .batchNorm(epsilon: node.float("epsilon", or: 1e-5)), arrays, from, node, shape, from.shape)
        case "LayerNormalization":
            let from = try resolve(try flow(0), node)
            let (weight, count) = (try constant(1).asFloats, from.places.count)
            let bias = optional(2)?.asFloats ?? Array(repeating: 0, count: count)
            guard case .vector = pieces[from.piece].shape, from.isPlain, weight.count == count, bias.count == count
            else {
                throw unsupported(node, "only features of a row are normed")
            }
            flows[output] = try layer(
                .layerNorm(epsilon: node.float("epsilon", or: 1e-5)), [weight, bias], from, node,
                pieces[from.piece].shape, from.shape)
        case "MaxPool", "AveragePool": try pool(node, output, try flow(0))
        case "GlobalAveragePool":
            let from = try flow(0)
            try average(node, output, from, Array(2..<max(2, from.shape.count)), keeps: true)
        case "ReduceMean":
            let from = try flow(0)
            let axes = (node.ints("axes") ?? optional(1)?.asIntegers ?? []).map { $0 < 0 ? $0 + from.shape.count : $0 }
            guard axes.allSatisfy(from.shape.indices.contains) else {
                throw unsupported(node, "its axes make no sense")
            }
            try average(node, output, from, axes, keeps: node.int("keepdims", or: 1) == 1)
        case "Concat": try join(node, output)
        case "QuantizeLinear", "DynamicQuantizeLinear":
            isQuantized = true
            if node.operation == "DynamicQuantizeLinear" { dynamic.formUnion(node.outputs.dropFirst()) }
            flows[output] = try clamped(try flow(0), zero: optional(2), node)
            pass(node.inputs[0], output)
        case "DequantizeLinear":
            isQuantized = true
            flows[output] = try flow(0)
            pass(node.inputs[0], output)
        case "QLinearConv":
            isQuantized = true
            var weights = try dequantized(node, [3, 4, 5], axis: 0, evaluator)
            weights.type = .float
            var bias: ONNXTensor?
            if let sums = optional(8) {
                let scales = try constant(4).asFloats
                let source = try constant(1).asFloats.first ?? 1
                bias = ONNXTensor(
                    sums.shape,
                    sums.integers.enumerated().map {
                        Float($1) * source * scales[scales.count == 1 ? 0 : $0 % scales.count]
                    })
            }
            try convolution(node, output, try flow(0), weights, bias, evaluator)
            if let made = flows[output] { flows[output] = try clamped(made, zero: optional(7), node) }
        case "QLinearMatMul":
            isQuantized = true
            let weights = try dequantized(node, [3, 4, 5], axis: 1, evaluator)
            guard weights.shape.count == 2 else { throw unsupported(node, "its weights are no matrix") }
            let rows = ONNXOperation.permuted(weights, [1, 0])
            try dense(node, output, try flow(0), rows.floats, rows.shape, Array(repeating: 0, count: rows.shape[0]))
            if let made = flows[output] { flows[output] = try clamped(made, zero: optional(7), node) }
        default: throw unsupported(node, "this operator is not known")
        }
    }

    /// What `name` ends, `output` ends too.
    mutating func pass(_ name: String, _ output: String) {
        softmaxOf[output] = softmaxOf[name]
        sigmoidOf[output] = sigmoidOf[name]
    }
}
