// ONNXElements: operators that look at single numbers, and how arrays of other shapes are repeated for them.
import Foundation

extension ONNXOperation {
    func unary(_ body: (Float) -> Float) throws(ONNXFault) -> ONNXTensor {
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
    static func steps(_ shape: [Int], in wide: [Int]) -> [Int] {
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

    func binary(_ float: (Float, Float) -> Float, _ whole: (Int64, Int64) -> Int64) throws(ONNXFault)
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

    func comparison() throws(ONNXFault) -> ONNXTensor {
        let (a, b) = (try input(0), try input(1))
        let shape = try Self.broadcast(a.shape, b.shape)
        let (x, y) = (Self.places(a.shape, in: shape), Self.places(b.shape, in: shape))
        let (p, q) = (a.asFloats, b.asFloats)
        return ONNXTensor(.bool, shape, x.indices.map { p[Int(x[$0])] == q[Int(y[$0])] ? 1 : 0 })
    }

    func choice() throws(ONNXFault) -> ONNXTensor {
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

    func dropout() throws(ONNXFault) -> [ONNXTensor] {
        if let trains = optional(2), trains.integers.first == 1, (optional(1)?.floats.first ?? 0.5) != 0 {
            throw ONNXFault("it is in training mode")
        }
        let x = try input(0)
        return [x, ONNXTensor(.bool, x.shape, Array(repeating: 1, count: x.count))]
    }

    func clip() throws(ONNXFault) -> ONNXTensor {
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

    func cast() throws(ONNXFault) -> ONNXTensor {
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

    func softmax(isLog: Bool) throws(ONNXFault) -> ONNXTensor {
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
}
