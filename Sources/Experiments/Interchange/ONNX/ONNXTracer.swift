// ONNXTracer: follows one example through a graph and notes which layers it meets.
import Engine
import Foundation

/// A piece of a network.
struct ONNXPiece {
    enum Kind {
        case input
        /// A layer with its arrays, in the order of its parameters.
        case layer(LayerSpec, [[Float]])
        /// value·factor + shift, by channel or feature.
        case affine([Float], [Float])
        case add
    }
    var kind: Kind
    /// Earlier pieces; two for a sum.
    var inputs: [Int]
    /// Of what it gives.
    var shape: TensorShape
    /// The node that it comes from.
    var node: String
}

/// What flows through the graph for one example.
private struct Flow {
    var piece: Int
    var shape: [Int]
    /// For each number its place in what the piece gives.
    var places: [Int64]
    /// The function of the piece's output that it is, at ``ONNXTracer/grid``; nil: itself.
    var samples: [Double]?
    /// The node that made it last.
    var node: String

    var isPlain: Bool { places.indices.allSatisfy { places[$0] == Int64($0) } }
}

/// Follows a graph.
struct ONNXTracer {
    let model: ONNXModel
    private var constants: [String: ONNXTensor]
    private var flows: [String: Flow] = [:]
    private(set) var pieces: [ONNXPiece] = []
    private(set) var inputName = ""
    private(set) var inputShape = TensorShape.vector(1)
    private(set) var inputAxes: [Int] = []
    private(set) var inputPlaces: [Int64] = []
    /// Name of the value that holds the logits.
    private(set) var logits = ""
    private(set) var isQuantized = false
    /// What ends the network behind the logits.
    private var ending = Ending.none
    private enum Ending { case none, softmax, sigmoid }
    /// Pieces that functions of a piece have become: whoever takes the same value takes the same piece.
    private var resolved: [Int: [(samples: [Double], flow: Flow)]] = [:]
    /// What follows from values while it runs, such as scales of dynamic quantization.
    private var dynamic: Set<String> = []
    private var softmaxOf: [String: String] = [:]
    private var sigmoidOf: [String: String] = [:]
    /// The batch that was written into the file where it is not 1.
    private var fixedBatch: Int?

    /// Where activations are looked at.
    private static let grid: [Double] =
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
        flows[inputName] = Flow(piece: 0, shape: inputAxes, places: inputPlaces, samples: nil, node: "the input")
    }

    private func unsupported(_ node: ONNXNode, _ reason: String) -> ONNXError {
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

    private mutating func follow(_ node: ONNXNode, _ output: String, _ evaluator: ONNXEvaluator) throws(ONNXError) {
        func flow(_ index: Int) throws(ONNXError) -> Flow {
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
            flows[output] = Flow(
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
    private mutating func pass(_ name: String, _ output: String) {
        softmaxOf[output] = softmaxOf[name]
        sigmoidOf[output] = sigmoidOf[name]
    }

    // MARK: Functions of single numbers

    /// The node's function on top of those of its inputs, which are functions of one piece.
    private mutating func apply(
        _ node: ONNXNode, _ output: String, _ inputs: [Flow], _ evaluator: ONNXEvaluator
    ) throws(ONNXError) {
        var values = constants
        let count = Self.grid.count
        for (name, flow) in zip(node.inputs.filter { flows[$0] != nil }, inputs) {
            values[name] = ONNXTensor([count], (flow.samples ?? Self.grid).map { Float($0) })
        }
        for name in node.inputs {
            if let constant = constants[name], constant.count == 1 { values[name] = constant.reshaped([]) }
        }
        let found = try evaluator.evaluate(node, values)[0]
        guard found.count == count else { throw unsupported(node, "it is no function of single numbers") }
        var result = inputs[0]
        result.samples = found.floats.map(Double.init)
        result.node = node.title
        flows[output] = result
    }

    private mutating func combine(_ node: ONNXNode, _ output: String, _ evaluator: ONNXEvaluator) throws(ONNXError) {
        guard node.inputs.count == 2 else { throw unsupported(node, "it has \(node.inputs.count) inputs, not two") }
        let (a, b) = (flows[node.inputs[0]], flows[node.inputs[1]])
        if let a, let b {
            if a.piece == b.piece, a.places == b.places, a.shape == b.shape {
                return try apply(node, output, [a, b], evaluator)
            }
            guard node.operation == "Add", a.shape == b.shape else {
                throw unsupported(node, "two branches are joined by something else than a sum of equal shapes")
            }
            let (first, second) = (try resolve(a, node), try resolve(b, node))
            guard first.places == second.places, pieces[first.piece].shape == pieces[second.piece].shape else {
                throw unsupported(node, "the branches that it adds lie differently")
            }
            pieces.append(
                ONNXPiece(
                    kind: .add, inputs: [first.piece, second.piece], shape: pieces[first.piece].shape, node: node.title)
            )
            flows[output] = Flow(
                piece: pieces.count - 1, shape: first.shape, places: first.places, samples: nil, node: node.title)
            return
        }
        guard let flow = a ?? b, let constant = constants[node.inputs[a == nil ? 0 : 1]], constant.isFloat else {
            throw unsupported(node, "one of its inputs is not known")
        }
        if constant.count == 1, constant.shape.count <= flow.shape.count {
            return try apply(node, output, [flow], evaluator)
        }
        // A number a channel, or a feature.
        let wide: [Int]
        do throws(ONNXFault) {
            wide = try ONNXOperation.broadcast(flow.shape, constant.shape)
        } catch {
            throw unsupported(node, error.reason)
        }
        guard wide == flow.shape else { throw unsupported(node, "its constant makes more of what flows") }
        let places = ONNXOperation.places(constant.shape, in: wide)
        let from = try resolve(flow, node)
        let shape = pieces[from.piece].shape
        let channels = shape.axes[0]
        let plane = shape.count / channels
        var each = [Float?](repeating: nil, count: channels)
        for (index, place) in from.places.enumerated() {
            let (channel, value) = (Int(place) / plane, constant.floats[Int(places[index])])
            if let known = each[channel], known != value {
                throw unsupported(node, "its constant differs within a channel")
            }
            each[channel] = value
        }
        let numbers = each.map { $0 ?? 0 }
        let (ones, zeros) = ([Float](repeating: 1, count: channels), [Float](repeating: 0, count: channels))
        let affine: (factor: [Float], shift: [Float])
        switch (node.operation, a != nil) {
        case ("Add", _): affine = (ones, numbers)
        case ("Sub", true): affine = (ones, numbers.map { -$0 })
        case ("Sub", false): affine = (ones.map { -$0 }, numbers)
        case ("Mul", _): affine = (numbers, zeros)
        case ("Div", true): affine = (numbers.map { 1 / $0 }, zeros)
        default: throw unsupported(node, "this can't be said by channel")
        }
        flows[output] = try piece(.affine(affine.factor, affine.shift), from, node, shape, from.shape)
    }

    /// A flow that is a piece's output itself: a function becomes an activation, or an affine one.
    private mutating func resolve(_ flow: Flow, _ node: ONNXNode) throws(ONNXError) -> Flow {
        guard let samples = flow.samples else { return flow }
        if var known = resolved[flow.piece]?.first(where: { $0.samples == samples })?.flow {
            (known.shape, known.places) = (flow.shape, flow.places)
            return known
        }
        let found = try resolve(flow, samples, node)
        resolved[flow.piece, default: []].append((samples, found))
        return found
    }

    private mutating func resolve(_ flow: Flow, _ samples: [Double], _ node: ONNXNode) throws(ONNXError) -> Flow {
        let grid = Self.grid
        func isLike(_ body: (Double) -> Double) -> Bool {
            zip(grid, samples).allSatisfy { abs(body($0) - $1) <= 2e-5 * max(1, abs($1)) }
        }
        let shape = pieces[flow.piece].shape
        var origin = node
        (origin.operation, origin.name) = ("", flow.node)
        if isLike({ $0 }) {
            var plain = flow
            plain.samples = nil
            return plain
        }
        let last = grid.count - 1
        let slope = samples[0] / grid[0]
        let activations: [(Activation, (Double) -> Double)] = [
            (.relu, { max(0, $0) }), (.sigmoid, { 1 / (1 + exp(-$0)) }), (.tanh, { tanh($0) }),
            (.elu, { $0 > 0 ? $0 : exp($0) - 1 }), (.gelu, { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
            (.silu, { $0 / (1 + exp(-$0)) }),
            (.leakyReLU(slope: Float((slope * 1e6).rounded() / 1e6)), { $0 > 0 ? $0 : slope * $0 }),
        ]
        for (activation, body) in activations where isLike(body) {
            var piece = try layer(.activation(activation), [], flow, origin, shape, flow.shape)
            piece.places = flow.places
            return piece
        }
        if let low = samples.min(), let high = samples.max(), low < high, isLike({ min(max($0, low), high) }) {
            return try clipped(flow, low, high, origin, shape)
        }
        let factor = (samples[last] - samples[0]) / (grid[last] - grid[0])
        let shift = samples[0] - factor * grid[0]
        guard isLike({ factor * $0 + shift }) else {
            throw .unsupported(
                path: model.path, node: flow.node,
                reason: "it ends a function of single numbers that no activation here is")
        }
        let channels = shape.axes[0]
        var moved = try piece(
            .affine(
                Array(repeating: Float(factor), count: channels), Array(repeating: Float(shift), count: channels)),
            flow,
            origin, shape, flow.shape)
        moved.places = flow.places
        return moved
    }

    /// min(max(x, low), high) of layers that there are: with z = max(0, x - low) it is z - max(0, z - (high - low)) + low.
    private mutating func clipped(
        _ flow: Flow, _ low: Double, _ high: Double, _ node: ONNXNode, _ shape: TensorShape
    ) throws(ONNXError) -> Flow {
        let channels = shape.axes[0]
        func moved(_ factor: Float, _ shift: Double) -> ONNXPiece.Kind {
            .affine(Array(repeating: factor, count: channels), Array(repeating: Float(shift), count: channels))
        }
        var from = flow
        from.samples = nil
        func next(_ kind: ONNXPiece.Kind, _ tracer: inout ONNXTracer) throws(ONNXError) {
            let places = from.places
            from = try tracer.piece(kind, from, node, shape, from.shape)
            from.places = places
        }
        if low != 0 { try next(moved(1, -low), &self) }
        try next(.layer(.activation(.relu), []), &self)
        // Nothing on the grid lies above: what looks like a bound is the grid's end.
        if high < Self.grid[Self.grid.count - 1] {
            let rest = from
            try next(moved(1, low - high), &self)
            try next(.layer(.activation(.relu), []), &self)
            try next(moved(-1, 0), &self)
            pieces.append(ONNXPiece(kind: .add, inputs: [from.piece, rest.piece], shape: shape, node: node.title))
            from.piece = pieces.count - 1
        }
        if low != 0 { try next(moved(1, low), &self) }
        return from
    }

    /// Bytes hold nothing below their smallest number: where that is 0, they are a ReLU.
    private mutating func clamped(_ flow: Flow, zero: ONNXTensor?, _ node: ONNXNode) throws(ONNXError) -> Flow {
        guard flow.piece > 0, let zero, let point = zero.integers.first, zero.count == 1 else { return flow }
        guard zero.type == .uint8 && point == 0 || zero.type == .int8 && point == -128 else { return flow }
        let isPositive = isNeverNegative(flow.piece)
        let samples = flow.samples ?? Self.grid
        if zip(Self.grid, samples).allSatisfy({ $1 >= 0 || isPositive && $0 < 0 }) { return flow }
        var result = try resolve(flow, node)
        result.samples = Self.grid.map { max(0, $0) }
        return result
    }

    private func isNeverNegative(_ index: Int) -> Bool {
        let piece = pieces[index]
        switch piece.kind {
        case .layer(.activation(.relu), _), .layer(.activation(.sigmoid), _), .layer(.activation(.softmax), _):
            return true
        case .layer(.maxPool, _), .layer(.averagePool, _), .layer(.globalAveragePool, _), .layer(.flatten, _), .add:
            return piece.inputs.allSatisfy { $0 > 0 && isNeverNegative($0) }
        default: return false
        }
    }

    private func dequantized(
        _ node: ONNXNode, _ indices: [Int], axis: Int, _ evaluator: ONNXEvaluator
    ) throws(ONNXError) -> ONNXTensor {
        guard let last = indices.last, node.inputs.count > last else {
            throw unsupported(node, "its weights are missing")
        }
        var inner = ONNXNode(operation: "DequantizeLinear", name: node.name)
        inner.inputs = indices.map { node.inputs[$0] }
        inner.attributes = ["axis": .int(Int64(axis))]
        return try evaluator.evaluate(inner, constants)[0]
    }

    // MARK: Layers

    private mutating func piece(
        _ kind: ONNXPiece.Kind, _ from: Flow, _ node: ONNXNode, _ shape: TensorShape, _ axes: [Int]
    ) throws(ONNXError) -> Flow {
        guard pieces.count < 10_000 else { throw .badGraph(path: model.path, reason: "it has more than 10,000 layers") }
        guard ONNXTensor.count(shape.axes) != nil else {
            throw unsupported(node, "it gives \(shape) values, more than are followed here")
        }
        pieces.append(ONNXPiece(kind: kind, inputs: [from.piece], shape: shape, node: node.title))
        let isMoved = shape == pieces[from.piece].shape && axes == from.shape
        return Flow(
            piece: pieces.count - 1, shape: axes,
            places: isMoved ? from.places : (0..<Int64(shape.count)).map { $0 }, samples: nil, node: node.title)
    }

    private mutating func layer(
        _ spec: LayerSpec, _ arrays: [[Float]], _ from: Flow, _ node: ONNXNode, _ shape: TensorShape, _ axes: [Int]
    ) throws(ONNXError) -> Flow {
        try piece(.layer(spec, arrays), from, node, shape, axes)
    }

    private func bias(_ tensor: ONNXTensor?, _ count: Int, _ node: ONNXNode) throws(ONNXError) -> [Float] {
        guard let tensor else { return Array(repeating: 0, count: count) }
        if tensor.count == 1 { return Array(repeating: tensor.asFloats[0], count: count) }
        guard tensor.count == count else { throw unsupported(node, "its bias has \(tensor.count) values for \(count)") }
        return tensor.asFloats
    }

    private mutating func dense(
        _ node: ONNXNode, _ output: String, _ flow: Flow, _ weights: [Float], _ shape: [Int], _ bias: [Float]
    ) throws(ONNXError) {
        var from = try resolve(flow, node)
        let (units, inputs) = (shape[0], shape[1])
        guard from.shape.count == 2, from.shape[0] == 1, from.shape[1] == inputs, units > 0 else {
            throw unsupported(node, "it multiplies \(from.shape), not a row of \(inputs) features")
        }
        if pieces[from.piece].shape.isImage {
            let places = from.places
            from = try layer(.flatten, [], from, node, .vector(inputs), from.shape)
            from.places = places
        }
        // Columns as our order of features has them.
        var moved = weights
        if !from.isPlain {
            for unit in 0..<units {
                for (column, place) in from.places.enumerated() {
                    moved[unit * inputs + Int(place)] = weights[unit * inputs + column]
                }
            }
        }
        var result = try layer(.dense(units: units), [moved, bias], from, node, .vector(units), [1, units])
        result.places = (0..<Int64(units)).map { $0 }
        flows[output] = result
    }

    /// One operation with the flow's shape, to ask it about windows.
    private func windows(_ node: ONNXNode, _ flow: Flow, kernel: [Int]?) throws(ONNXError) -> ONNXOperation.Windows {
        do throws(ONNXFault) {
            return try ONNXOperation(node: node, inputs: [], opset: model.opset).windows(flow.shape, kernel: kernel)
        } catch {
            throw unsupported(node, error.reason)
        }
    }

    /// How we say the padding of `windows`.
    private func padding(_ windows: ONNXOperation.Windows, _ node: ONNXNode) throws(ONNXError) -> Padding {
        let reach = (windows.kernel[0] - 1) * windows.dilations[0] + 1
        let stride = windows.strides[0]
        let same = windows.input.map { max(0, (($0 + stride - 1) / stride - 1) * stride + reach - $0) }
        let isFloor = zip(windows.input, windows.output).enumerated().allSatisfy { axis, lengths in
            (lengths.0 + windows.before[axis] + windows.after[axis] - reach) / stride + 1 == lengths.1
        }
        if isFloor, windows.before == windows.after, Set(windows.before).count == 1 {
            return windows.before[0] == 0 ? .valid : .explicit(windows.before[0])
        }
        let isSame = windows.output == windows.input.map { ($0 + stride - 1) / stride }
        // With a rounded up length what lies behind the end is padding as well.
        if isSame, windows.before == same.map({ $0 / 2 }), !isFloor || windows.after == same.map({ $0 - $0 / 2 }) {
            return .same
        }
        throw unsupported(
            node, "its padding \(windows.before + windows.after) is neither the same on all sides nor that of \"same\"")
    }

    private func checkSquare(_ windows: ONNXOperation.Windows, _ node: ONNXNode) throws(ONNXError) {
        guard windows.kernel.count == 2 else {
            throw unsupported(node, "it goes over \(windows.kernel.count) axes, not two")
        }
        guard windows.kernel[0] == windows.kernel[1], windows.strides[0] == windows.strides[1],
            windows.dilations[0] == windows.dilations[1]
        else { throw unsupported(node, "its windows are not square") }
    }

    private mutating func convolution(
        _ node: ONNXNode, _ output: String, _ flow: Flow, _ weights: ONNXTensor, _ bias: ONNXTensor?,
        _ evaluator: ONNXEvaluator
    ) throws(ONNXError) {
        let from = try resolve(flow, node)
        guard weights.shape.count == 4, weights.isFloat else {
            throw unsupported(node, "its weights have \(weights.shape.count) axes, not four")
        }
        let windows = try windows(node, from, kernel: Array(weights.shape.dropFirst(2)))
        try checkSquare(windows, node)
        guard from.isPlain, pieces[from.piece].shape.isImage, from.shape.count == 4 else {
            throw unsupported(node, "what reaches it is no image with its channels first")
        }
        var conv = ConvolutionSpec(filters: weights.shape[0], kernel: windows.kernel[0])
        conv.stride = windows.strides[0]
        conv.dilation = windows.dilations[0]
        conv.groups = node.int("group", or: 1)
        conv.padding = try padding(windows, node)
        conv.hasBias = bias != nil
        guard conv.groups >= 1, from.shape[1] % conv.groups == 0, weights.shape[0] % conv.groups == 0,
            weights.shape[1] == from.shape[1] / conv.groups, windows.kernel == Array(weights.shape.dropFirst(2)),
            weights.shape[0] > 0
        else { throw unsupported(node, "its weights do not fit \(from.shape[1]) channels in \(conv.groups) groups") }
        let arrays = [weights.floats] + (bias == nil ? [] : [try self.bias(bias, conv.filters, node)])
        let shape = TensorShape.image(channels: conv.filters, height: windows.output[0], width: windows.output[1])
        flows[output] = try layer(.conv(conv), arrays, from, node, shape, [1] + shape.axes)
    }

    private mutating func pool(_ node: ONNXNode, _ output: String, _ flow: Flow) throws(ONNXError) {
        let from = try resolve(flow, node)
        let windows = try windows(node, from, kernel: nil)
        try checkSquare(windows, node)
        guard from.isPlain, case .image(let channels, _, _) = pieces[from.piece].shape, from.shape.count == 4 else {
            throw unsupported(node, "what reaches it is no image with its channels first")
        }
        guard windows.dilations[0] == 1 else { throw unsupported(node, "its windows have gaps") }
        if node.operation == "AveragePool", node.int("count_include_pad", or: 0) == 1,
            windows.before + windows.after != [0, 0, 0, 0]
        {
            throw unsupported(node, "it counts what is padded")
        }
        let padding = try padding(windows, node)
        let (size, stride) = (windows.kernel[0], windows.strides[0])
        let spec: LayerSpec =
            node.operation == "MaxPool"
            ? .maxPool(size: size, stride: stride, padding: padding)
            : .averagePool(size: size, stride: stride, padding: padding)
        let shape = TensorShape.image(channels: channels, height: windows.output[0], width: windows.output[1])
        flows[output] = try layer(spec, [], from, node, shape, [1] + shape.axes)
    }

    private mutating func average(
        _ node: ONNXNode, _ output: String, _ flow: Flow, _ axes: [Int], keeps: Bool
    ) throws(ONNXError) {
        let from = try resolve(flow, node)
        guard case .image(let channels, let height, let width) = pieces[from.piece].shape else {
            throw unsupported(node, "it takes means of something else than an image's pixels")
        }
        let kept = from.shape.enumerated().map { axes.contains($0.offset) ? 1 : $0.element }
        let steps = ONNXTensor.steps(kept)
        var channelOf = [Int64](repeating: -1, count: kept.reduce(1, *))
        var (place, isWhole) = (0, channelOf.count == channels && from.places.count == channels * height * width)
        if isWhole {
            ONNXTensor.each(from.shape) { index in
                var target = 0
                for axis in index.indices where kept[axis] != 1 { target += index[axis] * steps[axis] }
                let channel = from.places[place] / Int64(height * width)
                if channelOf[target] >= 0, channelOf[target] != channel { isWhole = false }
                channelOf[target] = channel
                place += 1
            }
        }
        guard isWhole else {
            throw unsupported(node, "it takes means of something else than all pixels of each channel")
        }
        let shape = keeps ? kept : from.shape.indices.filter { !axes.contains($0) }.map { from.shape[$0] }
        var result = try layer(.globalAveragePool, [], from, node, .vector(channels), shape)
        result.places = channelOf
        flows[output] = result
    }

    /// Only what ends a classifier of two classes: (1 - s, s).
    private mutating func join(_ node: ONNXNode, _ output: String) throws(ONNXError) {
        guard node.inputs.count == 2, let first = flows[node.inputs[0]], let second = flows[node.inputs[1]],
            first.piece == second.piece, second.places.count == 1, let source = sigmoidOf[node.inputs[1]],
            let a = first.samples, let b = second.samples, zip(a, b).allSatisfy({ abs($0 + $1 - 1) < 1e-5 }),
            output == model.outputs.first
        else { throw unsupported(node, "branches that are joined are not known here") }
        flows[output] = flows[source]
        sigmoidOf[output] = source
    }

    // MARK: The network

    /// The layers from input to output.
    mutating func network() throws(ONNXError) -> ONNXNetwork {
        guard let output = model.outputs.first else { throw .badGraph(path: model.path, reason: "it has no output") }
        var loss = LossSpec.softmaxCrossEntropy()
        var name = output
        if let source = softmaxOf[output] {
            name = source
        } else if let source = sigmoidOf[output] {
            name = source
            loss = .binaryCrossEntropy
        }
        guard let end = flows[name] else { throw .badGraph(path: model.path, reason: "its output is a constant") }
        logits = name
        guard let last = model.nodes.last(where: { $0.outputs.contains(name) }) else {
            throw .badGraph(path: model.path, reason: "its output is its input")
        }
        let flow = try resolve(end, last)
        guard case .vector(let outputs) = pieces[flow.piece].shape, flow.isPlain else {
            throw .badGraph(path: model.path, reason: "its output is no row of numbers")
        }
        if loss == .binaryCrossEntropy, outputs != 1 {
            throw .badGraph(path: model.path, reason: "each of its \(outputs) outputs is a yes or no of its own")
        }
        if loss == .softmaxCrossEntropy(), outputs == 1 { loss = .meanSquaredError }
        var emitter = ONNXEmitter(pieces: pieces, path: model.path)
        let chain = try emitter.chain(to: flow.piece, from: 0)
        try emitter.check(chain)
        let (found, arrays) = emitter.layers(chain)
        var layers = found
        guard case .dense(_, .linear, let initializer)? = layers.last else {
            throw .badGraph(
                path: model.path, reason: "it does not end with a dense layer, which gives a number a class")
        }
        layers[layers.count - 1] = .dense(units: nil, initializer: initializer)
        for array in arrays where !array.allSatisfy(\.isFinite) {
            throw .badGraph(path: model.path, reason: "some of its weights are not finite")
        }
        var notes: [String] = []
        if isQuantized {
            notes.append("It was quantized; its weights are float32 again, its activations are not rounded.")
        }
        return ONNXNetwork(layers: layers, arrays: arrays, loss: loss, outputs: outputs, notes: notes)
    }
}
