// ONNXTracerFunctions: functions of single numbers, followed as samples until something asks what they are.
import Engine
import Foundation

extension ONNXTracer {
    /// The node's function on top of those of its inputs, which are functions of one piece.
    mutating func apply(
        _ node: ONNXNode, _ output: String, _ inputs: [ONNXFlow], _ evaluator: ONNXEvaluator
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

    mutating func combine(_ node: ONNXNode, _ output: String, _ evaluator: ONNXEvaluator) throws(ONNXError) {
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
            flows[output] = ONNXFlow(
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
    mutating func resolve(_ flow: ONNXFlow, _ node: ONNXNode) throws(ONNXError) -> ONNXFlow {
        guard let samples = flow.samples else { return flow }
        if var known = resolved[flow.piece]?.first(where: { $0.samples == samples })?.flow {
            (known.shape, known.places) = (flow.shape, flow.places)
            return known
        }
        let found = try resolve(flow, samples, node)
        resolved[flow.piece, default: []].append((samples, found))
        return found
    }

    mutating func resolve(_ flow: ONNXFlow, _ samples: [Double], _ node: ONNXNode) throws(ONNXError) -> ONNXFlow {
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
    mutating func clipped(
        _ flow: ONNXFlow, _ low: Double, _ high: Double, _ node: ONNXNode, _ shape: TensorShape
    ) throws(ONNXError) -> ONNXFlow {
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
    mutating func clamped(_ flow: ONNXFlow, zero: ONNXTensor?, _ node: ONNXNode) throws(ONNXError) -> ONNXFlow {
        guard flow.piece > 0, let zero, let point = zero.integers.first, zero.count == 1 else { return flow }
        guard zero.type == .uint8 && point == 0 || zero.type == .int8 && point == -128 else { return flow }
        let isPositive = isNeverNegative(flow.piece)
        let samples = flow.samples ?? Self.grid
        if zip(Self.grid, samples).allSatisfy({ $1 >= 0 || isPositive && $0 < 0 }) { return flow }
        var result = try resolve(flow, node)
        result.samples = Self.grid.map { max(0, $0) }
        return result
    }

    func isNeverNegative(_ index: Int) -> Bool {
        let piece = pieces[index]
        switch piece.kind {
        case .layer(.activation(.relu), _), .layer(.activation(.sigmoid), _), .layer(.activation(.softmax), _):
            return true
        case .layer(.maxPool, _), .layer(.averagePool, _), .layer(.globalAveragePool, _), .layer(.flatten, _), .add:
            return piece.inputs.allSatisfy { $0 > 0 && isNeverNegative($0) }
        default: return false
        }
    }

    func dequantized(
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
}
