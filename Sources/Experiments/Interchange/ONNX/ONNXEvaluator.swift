// ONNXEvaluator: what a graph computes, by plain loops. It folds constants, tells the shapes between nodes, and is what an
// imported network is held against; nobody waits for it to be fast.
import Foundation

/// Runs the operators of ONNX (opset 1 to 22) that feed-forward networks are written with.
struct ONNXEvaluator {
    /// For messages.
    var path: String
    var opset: Int

    /// Values of the outputs and of the names `wanted`; what nobody takes any more is dropped on the way.
    /// - Throws: ``ONNXError`` that names the node.
    func run(
        _ model: ONNXModel, inputs: [String: ONNXTensor], wanted: [String] = []
    ) throws(ONNXError) -> [String: ONNXTensor] {
        var values = model.constants.merging(inputs) { _, given in given }
        var last: [String: Int] = [:]
        for (index, node) in model.nodes.enumerated() { for name in node.inputs { last[name] = index } }
        for name in model.outputs + wanted { last[name] = model.nodes.count }
        var total = 0
        for (index, node) in model.nodes.enumerated() {
            let results = try evaluate(node, values)
            for name in node.inputs where last[name] == index && model.constants[name] == nil {
                total -= values.removeValue(forKey: name)?.count ?? 0
            }
            for (name, result) in zip(node.outputs, results) where !name.isEmpty && last[name] != nil {
                total += result.count
                guard total <= 4 * ONNXTensor.mostValues else {
                    throw .badGraph(
                        path: path, reason: "it computes more than \(4 * ONNXTensor.mostValues) values at once")
                }
                values[name] = result
            }
        }
        return values
    }

    /// What a node gives.
    func evaluate(_ node: ONNXNode, _ values: [String: ONNXTensor]) throws(ONNXError) -> [ONNXTensor] {
        var inputs: [ONNXTensor?] = []
        for name in node.inputs {
            guard !name.isEmpty else {
                inputs.append(nil)
                continue
            }
            guard let value = values[name] else {
                throw .unsupported(
                    path: path, node: node.title, reason: "its input \(name.prefix(64)) is made by no node before it")
            }
            inputs.append(value)
        }
        guard node.domain.isEmpty || node.domain == "ai.onnx" else {
            throw .unsupported(
                path: path, node: node.title, reason: "operators of \(node.domain.prefix(64)) are not known")
        }
        do throws(ONNXFault) {
            return try ONNXOperation(node: node, inputs: inputs, opset: opset).results()
        } catch {
            throw .unsupported(path: path, node: node.title, reason: error.reason)
        }
    }
}

/// Why a node can't be computed.
struct ONNXFault: Error {
    var reason: String
    init(_ reason: String) { self.reason = reason }
}

/// One node with its inputs.
struct ONNXOperation {
    let node: ONNXNode
    let inputs: [ONNXTensor?]
    let opset: Int

    func results() throws(ONNXFault) -> [ONNXTensor] {
        switch node.operation {
        case "Add": return [try binary(+, &+)]
        case "Sub": return [try binary(-, &-)]
        case "Mul": return [try binary(*, &*)]
        case "Div": return [try binary(/) { $1 == 0 || $1 == -1 ? 0 &- $0 : $0 / $1 }]
        case "Pow": return [try binary({ powf($0, $1) }) { Int64(pow(Double($0), Double($1)).rounded()) }]
        case "Equal": return [try comparison()]
        case "Where": return [try choice()]
        case "IsNaN":
            let x = try input(0)
            return [ONNXTensor(.bool, x.shape, x.asFloats.map { $0.isNaN ? 1 : 0 })]
        case "Relu": return [try unary { max(0, $0) }]
        case "LeakyRelu":
            let slope = node.float("alpha", or: 0.01)
            return [try unary { $0 < 0 ? slope * $0 : $0 }]
        case "Elu":
            let alpha = node.float("alpha", or: 1)
            return [try unary { $0 < 0 ? alpha * (expf($0) - 1) : $0 }]
        case "Gelu":
            if node.text("approximate", or: "none") == "tanh" {
                return [
                    try unary { (x: Float) -> Float in
                        let root = Float(2 / Double.pi).squareRoot()
                        let inner: Float = root * (x + 0.044715 * x * x * x)
                        return 0.5 * x * (1 + tanhf(inner))
                    }
                ]
            }
            return [try unary { 0.5 * $0 * (1 + erff($0 * Float(0.5).squareRoot())) }]
        case "Sigmoid": return [try unary { 1 / (1 + expf(-$0)) }]
        case "Tanh": return [try unary(tanhf)]
        case "Erf": return [try unary(erff)]
        // No operator of ONNX, but tf2onnx writes it where Keras has a GELU.
        case "Erfc": return [try unary(erfcf)]
        case "Sqrt": return [try unary { $0.squareRoot() }]
        case "Reciprocal": return [try unary { 1 / $0 }]
        case "Exp": return [try unary(expf)]
        case "Neg":
            var x = try input(0)
            x.floats = x.floats.map { -$0 }
            x.integers = x.integers.map { 0 &- $0 }
            return [x]
        case "Identity": return [try input(0)]
        case "Dropout": return try dropout()
        case "Clip": return [try clip()]
        case "Cast": return [try cast()]
        case "Softmax": return [try softmax(isLog: false)]
        case "LogSoftmax": return [try softmax(isLog: true)]
        case "Conv": return [try conv(try input(0), try input(1), inputs.count > 2 ? inputs[2] : nil)]
        case "MaxPool": return try maxPool()
        case "AveragePool": return [try averagePool()]
        case "GlobalAveragePool":
            let x = try input(0)
            guard x.shape.count >= 3 else { throw ONNXFault("its input has \(x.shape.count) axes") }
            return [try mean(x, Array(2..<x.shape.count), keeps: true)]
        case "ReduceMean": return [try reduceMean()]
        case "Gemm": return [try gemm()]
        case "MatMul": return [try product(try input(0), try input(1))]
        case "BatchNormalization": return [try batchNorm()]
        case "LayerNormalization": return [try layerNorm()]
        case "Flatten": return [try flatten()]
        case "Reshape": return [try reshape()]
        case "Transpose": return [try transpose()]
        case "Squeeze": return [try squeeze()]
        case "Unsqueeze": return [try unsqueeze()]
        case "Concat": return [try concat()]
        case "Constant": return [try constant()]
        case "Shape": return [try shape()]
        case "Gather": return [try gather()]
        case "Slice": return [try slice()]
        case "QuantizeLinear": return [try quantize()]
        case "DequantizeLinear": return [try dequantize()]
        case "QLinearConv": return [try quantizedConv()]
        case "QLinearMatMul": return [try quantizedProduct()]
        case "DynamicQuantizeLinear": return try dynamicQuantize()
        default: throw ONNXFault("this operator is not known")
        }
    }

    // MARK: Inputs

    func input(_ index: Int) throws(ONNXFault) -> ONNXTensor {
        guard let value = optional(index) else { throw ONNXFault("it lacks its input \(index + 1)") }
        return value
    }

    func optional(_ index: Int) -> ONNXTensor? { inputs.indices.contains(index) ? inputs[index] : nil }

    func floats(_ index: Int) throws(ONNXFault) -> ONNXTensor {
        let value = try input(index)
        guard value.isFloat else { throw ONNXFault("its input \(index + 1) holds whole numbers") }
        return value
    }

    /// `axis` from 0; one from behind is negative.
    static func axis(_ axis: Int, of rank: Int) throws(ONNXFault) -> Int {
        guard axis >= -rank, axis < max(rank, 1) else { throw ONNXFault("it speaks of the axis \(axis) of \(rank)") }
        return axis < 0 ? axis + rank : axis
    }

    static func sized(_ shape: [Int]) throws(ONNXFault) -> Int {
        guard let count = ONNXTensor.count(shape) else {
            throw ONNXFault("it would give \(shape.map(String.init).joined(separator: "x")) values, too many")
        }
        return count
    }

    // MARK: Element by element

    private func unary(_ body: (Float) -> Float) throws(ONNXFault) -> ONNXTensor {
        var x = try floats(0)
        x.floats = x.floats.map(body)
        return x
    }

    /// The shape that both become by repeating axes of length 1, and where each value comes from.
    static func broadcast(_ a: [Int], _ b: [Int]) throws(ONNXFault) -> [Int] {
        let rank = max(a.count, b.count)
        var shape: [Int] = []
        for axis in 0..<rank {
            let x = axis - (rank - a.count) >= 0 ? a[axis - (rank - a.count)] : 1
            let y = axis - (rank - b.count) >= 0 ? b[axis - (rank - b.count)] : 1
            guard x == y || x == 1 || y == 1 else { throw ONNXFault("shapes \(a) and \(b) do not fit each other") }
            shape.append(x == 1 ? y : x)
        }
        _ = try sized(shape)
        return shape
    }

    /// How far a step along each axis of `wide` leads in an array of `shape` that is repeated to it.
    private static func steps(_ shape: [Int], in wide: [Int]) -> [Int] {
        let own = ONNXTensor.steps(shape)
        let skipped = wide.count - shape.count
        return wide.indices.map { axis in
            axis < skipped || shape[axis - skipped] == 1 ? 0 : own[axis - skipped]
        }
    }

    /// Places of the values of an array of `shape` that is repeated to `wide`.
    static func places(_ shape: [Int], in wide: [Int]) -> [Int32] {
        if shape == wide { return (0..<Int32(wide.reduce(1, *))).map { $0 } }
        let steps = steps(shape, in: wide)
        var places: [Int32] = []
        places.reserveCapacity(wide.reduce(1, *))
        ONNXTensor.each(wide) { index in
            var place = 0
            for axis in steps.indices { place += index[axis] * steps[axis] }
            places.append(Int32(place))
        }
        return places
    }

    private func binary(_ float: (Float, Float) -> Float, _ whole: (Int64, Int64) -> Int64) throws(ONNXFault)
        -> ONNXTensor
    {
        let (a, b) = (try input(0), try input(1))
        guard a.isFloat == b.isFloat else { throw ONNXFault("it mixes floats and whole numbers") }
        let shape = try Self.broadcast(a.shape, b.shape)
        var result = a
        result.shape = shape
        (result.floats, result.integers) = ([], [])
        let count = shape.reduce(1, *)
        if a.isFloat { result.floats.reserveCapacity(count) } else { result.integers.reserveCapacity(count) }
        let (x, y) = (Self.steps(a.shape, in: shape), Self.steps(b.shape, in: shape))
        ONNXTensor.each(shape) { index in
            var (p, q) = (0, 0)
            for axis in index.indices {
                p += index[axis] * x[axis]
                q += index[axis] * y[axis]
            }
            if a.isFloat {
                result.floats.append(float(a.floats[p], b.floats[q]))
            } else {
                result.integers.append(whole(a.integers[p], b.integers[q]))
            }
        }
        if !a.isFloat {
            // As wide as the type is.
            switch a.type {
            case .uint8: result.integers = result.integers.map { Int64(UInt8(truncatingIfNeeded: $0)) }
            case .int8: result.integers = result.integers.map { Int64(Int8(truncatingIfNeeded: $0)) }
            case .int32: result.integers = result.integers.map { Int64(Int32(truncatingIfNeeded: $0)) }
            default: break
            }
        }
        return result
    }

    private func comparison() throws(ONNXFault) -> ONNXTensor {
        let (a, b) = (try input(0), try input(1))
        let shape = try Self.broadcast(a.shape, b.shape)
        let (x, y) = (Self.places(a.shape, in: shape), Self.places(b.shape, in: shape))
        let (p, q) = (a.asFloats, b.asFloats)
        return ONNXTensor(.bool, shape, x.indices.map { p[Int(x[$0])] == q[Int(y[$0])] ? 1 : 0 })
    }

    private func choice() throws(ONNXFault) -> ONNXTensor {
        let (which, a, b) = (try input(0), try input(1), try input(2))
        guard !which.isFloat, a.isFloat == b.isFloat else { throw ONNXFault("its inputs are of other types") }
        let shape = try Self.broadcast(which.shape, try Self.broadcast(a.shape, b.shape))
        let (w, x, y) = (
            Self.places(which.shape, in: shape), Self.places(a.shape, in: shape), Self.places(b.shape, in: shape)
        )
        var result = a
        result.shape = shape
        if a.isFloat {
            result.floats = w.indices.map {
                which.integers[Int(w[$0])] != 0 ? a.floats[Int(x[$0])] : b.floats[Int(y[$0])]
            }
        } else {
            result.integers = w.indices.map {
                which.integers[Int(w[$0])] != 0 ? a.integers[Int(x[$0])] : b.integers[Int(y[$0])]
            }
        }
        return result
    }

    private func dropout() throws(ONNXFault) -> [ONNXTensor] {
        if let trains = optional(2), trains.integers.first == 1, (optional(1)?.floats.first ?? 0.5) != 0 {
            throw ONNXFault("it is in training mode")
        }
        let x = try input(0)
        return [x, ONNXTensor(.bool, x.shape, Array(repeating: 1, count: x.count))]
    }

    private func clip() throws(ONNXFault) -> ONNXTensor {
        var x = try input(0)
        if x.isFloat {
            let low = optional(1)?.floats.first ?? node.float("min", or: -.infinity)
            let high = optional(2)?.floats.first ?? node.float("max", or: .infinity)
            x.floats = x.floats.map { min(max($0, low), high) }
        } else {
            let (low, high) = (optional(1)?.integers.first ?? .min, optional(2)?.integers.first ?? .max)
            x.integers = x.integers.map { min(max($0, low), high) }
        }
        return x
    }

    private func cast() throws(ONNXFault) -> ONNXTensor {
        let x = try input(0)
        guard let type = ONNXType(rawValue: node.int("to", or: 0)) else {
            throw ONNXFault("it makes numbers of the unknown type \(node.int("to", or: 0))")
        }
        var result = x
        result.type = type
        if ONNXTensor.isFloat(type) {
            (result.floats, result.integers) = (x.asFloats, [])
            switch type {
            case .float16: result.floats = result.floats.map { Float(Float16($0)) }
            default: break
            }
            return result
        }
        func whole(_ value: Float) -> Int64 {
            value.isNaN ? 0 : Int64(max(-9e18, min(9e18, value.rounded(.towardZero))))
        }
        result.floats = []
        let integers = x.isFloat ? (type == .bool ? x.floats.map { $0 != 0 ? 1 : 0 } : x.floats.map(whole)) : x.integers
        result.integers =
            switch type {
            case .uint8: integers.map { Int64(UInt8(truncatingIfNeeded: $0)) }
            case .int8: integers.map { Int64(Int8(truncatingIfNeeded: $0)) }
            case .int32: integers.map { Int64(Int32(truncatingIfNeeded: $0)) }
            case .bool: integers.map { $0 != 0 ? 1 : 0 }
            default: integers
            }
        return result
    }

    private func softmax(isLog: Bool) throws(ONNXFault) -> ONNXTensor {
        var x = try floats(0)
        let rank = x.shape.count
        let axis = try Self.axis(node.int("axis", or: opset >= 13 ? -1 : 1), of: rank)
        guard x.count > 0 else { return x }
        // Before opset 13 all axes from this one on are one.
        let length = opset >= 13 ? (rank == 0 ? 1 : x.shape[axis]) : x.shape[axis...].reduce(1, *)
        let inner = opset >= 13 ? x.shape.dropFirst(axis + 1).reduce(1, *) : 1
        for outer in 0..<x.count / (length * inner) {
            for offset in 0..<inner {
                let places = (0..<length).map { outer * length * inner + $0 * inner + offset }
                let most = places.reduce(-Float.infinity) { max($0, x.floats[$1]) }
                let sum = places.reduce(0.0) { $0 + exp(Double(x.floats[$1] - most)) }
                for place in places {
                    let value = Double(x.floats[place] - most)
                    x.floats[place] = Float(isLog ? value - log(sum) : exp(value) / sum)
                }
            }
        }
        return x
    }

    // MARK: Sums over axes

    func mean(_ x: ONNXTensor, _ axes: [Int], keeps: Bool) throws(ONNXFault) -> ONNXTensor {
        let kept = x.shape.enumerated().map { axes.contains($0.offset) ? 1 : $0.element }
        let count = try Self.sized(kept)
        let steps = ONNXTensor.steps(kept)
        var sums = [Double](repeating: 0, count: count)
        var place = 0
        ONNXTensor.each(x.shape) { index in
            var target = 0
            for axis in index.indices where kept[axis] != 1 { target += index[axis] * steps[axis] }
            sums[target] += Double(x.floats[place])
            place += 1
        }
        let each = Double(x.count) / Double(max(1, count))
        let shape = keeps ? kept : x.shape.indices.filter { !axes.contains($0) }.map { x.shape[$0] }
        return ONNXTensor(shape, sums.map { Float($0 / each) })
    }

    private func reduceMean() throws(ONNXFault) -> ONNXTensor {
        let x = try floats(0)
        let given = node.ints("axes") ?? optional(1)?.asIntegers ?? []
        if given.isEmpty, node.int("noop_with_empty_axes", or: 0) == 1 { return x }
        var axes: [Int] = given.isEmpty ? Array(x.shape.indices) : []
        for axis in given { axes.append(try Self.axis(axis, of: x.shape.count)) }
        return try mean(x, axes, keeps: node.int("keepdims", or: 1) == 1)
    }

    // MARK: Products

    private func gemm() throws(ONNXFault) -> ONNXTensor {
        var (a, b) = (try floats(0), try floats(1))
        guard a.shape.count == 2, b.shape.count == 2 else { throw ONNXFault("its inputs are no matrices") }
        if node.int("transA", or: 0) == 1 { a = Self.permuted(a, [1, 0]) }
        if node.int("transB", or: 0) == 1 { b = Self.permuted(b, [1, 0]) }
        let (alpha, beta) = (node.float("alpha", or: 1), node.float("beta", or: 1))
        var y = try product(a, b)
        y.floats = y.floats.map { alpha * $0 }
        guard let c = optional(2) else { return y }
        guard c.isFloat, try Self.broadcast(c.shape, y.shape) == y.shape else {
            throw ONNXFault("its bias does not fit")
        }
        let places = Self.places(c.shape, in: y.shape)
        y.floats = y.floats.indices.map { y.floats[$0] + beta * c.floats[Int(places[$0])] }
        return y
    }

    func product(_ first: ONNXTensor, _ second: ONNXTensor) throws(ONNXFault) -> ONNXTensor {
        guard !first.shape.isEmpty, !second.shape.isEmpty else { throw ONNXFault("its inputs are single numbers") }
        let a = first.shape.count == 1 ? first.reshaped([1] + first.shape) : first
        let b = second.shape.count == 1 ? second.reshaped(second.shape + [1]) : second
        let (m, k, n) = (a.shape[a.shape.count - 2], a.shape[a.shape.count - 1], b.shape[b.shape.count - 1])
        guard b.shape[b.shape.count - 2] == k else {
            throw ONNXFault("shapes \(first.shape) and \(second.shape) do not fit")
        }
        let batch = try Self.broadcast(Array(a.shape.dropLast(2)), Array(b.shape.dropLast(2)))
        let count = try Self.sized(batch + [m, n])
        let x = Self.places(Array(a.shape.dropLast(2)), in: batch)
        let y = Self.places(Array(b.shape.dropLast(2)), in: batch)
        let (left, right) = (a.asFloats, b.asFloats)
        var values = [Float](repeating: 0, count: count)
        var sums = [Double](repeating: 0, count: n)
        for index in x.indices {
            for row in 0..<m {
                for column in 0..<n { sums[column] = 0 }
                for inner in 0..<k {
                    let factor = Double(left[Int(x[index]) * m * k + row * k + inner])
                    let from = Int(y[index]) * k * n + inner * n
                    for column in 0..<n { sums[column] += factor * Double(right[from + column]) }
                }
                for column in 0..<n { values[(index * m + row) * n + column] = Float(sums[column]) }
            }
        }
        var shape = batch + [m, n]
        if second.shape.count == 1 { shape.removeLast() }
        if first.shape.count == 1 { shape.remove(at: batch.count) }
        return ONNXTensor(shape, values)
    }

    // MARK: Norms

    private func batchNorm() throws(ONNXFault) -> ONNXTensor {
        if node.int("training_mode", or: 0) == 1 || opset < 7 && node.int("is_test", or: 0) == 0 {
            throw ONNXFault("it is in training mode")
        }
        var x = try floats(0)
        guard x.shape.count >= 2 else { throw ONNXFault("its input has \(x.shape.count) axes") }
        let arrays = (try floats(1), try floats(2), try floats(3), try floats(4))
        let channels = x.shape[1]
        guard [arrays.0, arrays.1, arrays.2, arrays.3].allSatisfy({ $0.count == channels }) else {
            throw ONNXFault("its arrays do not fit \(channels) channels")
        }
        let epsilon = node.float("epsilon", or: 1e-5)
        let plane = x.shape.dropFirst(2).reduce(1, *)
        for place in x.floats.indices {
            let channel = place / plane % channels
            let wide = (arrays.3.floats[channel] + epsilon).squareRoot()
            x.floats[place] =
                (x.floats[place] - arrays.2.floats[channel]) / wide * arrays.0.floats[channel]
                + arrays.1.floats[channel]
        }
        return x
    }

    private func layerNorm() throws(ONNXFault) -> ONNXTensor {
        var x = try floats(0)
        let axis = try Self.axis(node.int("axis", or: -1), of: x.shape.count)
        let row = x.shape[axis...].reduce(1, *)
        let (weight, bias) = (try floats(1), optional(2))
        guard row > 0, weight.count == row, bias == nil || bias?.floats.count == row else {
            throw ONNXFault("its arrays do not fit \(row) features")
        }
        let epsilon = Double(node.float("epsilon", or: 1e-5))
        for start in stride(from: 0, to: x.count, by: row) {
            let values = x.floats[start..<start + row].map(Double.init)
            let mean = values.reduce(0, +) / Double(row)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row)
            for index in 0..<row {
                let normal = (values[index] - mean) / (variance + epsilon).squareRoot()
                x.floats[start + index] = Float(
                    normal * Double(weight.floats[index]) + Double(bias?.floats[index] ?? 0))
            }
        }
        return x
    }
}
