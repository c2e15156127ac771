// ONNXShapes: operators that move values about, and those between numbers and bytes.
import Foundation

extension ONNXOperation {
    func flatten() throws(ONNXFault) -> ONNXTensor {
        let x = try input(0)
        let rank = x.shape.count
        let given = node.int("axis", or: 1)
        guard given >= -rank, given <= rank else { throw ONNXFault("it speaks of the axis \(given) of \(rank)") }
        let axis = given < 0 ? given + rank : given
        return x.reshaped([x.shape[..<axis].reduce(1, *), x.shape[axis...].reduce(1, *)])
    }

    func reshape() throws(ONNXFault) -> ONNXTensor {
        let x = try input(0)
        guard var shape = node.ints("shape") ?? optional(1)?.asIntegers else {
            throw ONNXFault("its shape is not known")
        }
        guard shape.count <= 16 else { throw ONNXFault("its shape has more than 16 axes") }
        let keepsZeros = node.int("allowzero", or: 0) == 1
        for axis in shape.indices where shape[axis] == 0 && !keepsZeros {
            guard axis < x.shape.count else { throw ONNXFault("its shape takes an axis that its input lacks") }
            shape[axis] = x.shape[axis]
        }
        let free = shape.indices.filter { shape[$0] == -1 }
        guard free.count <= 1, shape.allSatisfy({ $0 >= -1 }) else { throw ONNXFault("its shape leaves too much open") }
        if let axis = free.first {
            let others = try Self.sized(shape.enumerated().filter { $0.offset != axis }.map(\.element))
            guard others > 0, x.count % others == 0 else { throw ONNXFault("its shape does not fit \(x.count) values") }
            shape[axis] = x.count / others
        }
        guard try Self.sized(shape) == x.count else { throw ONNXFault("its shape does not fit \(x.count) values") }
        return x.reshaped(shape)
    }

    static func permuted(_ x: ONNXTensor, _ order: [Int]) -> ONNXTensor {
        let shape = order.map { x.shape[$0] }
        let steps = ONNXTensor.steps(x.shape)
        var places: [Int32] = []
        places.reserveCapacity(x.count)
        ONNXTensor.each(shape) { index in
            var place = 0
            for axis in order.indices { place += index[axis] * steps[order[axis]] }
            places.append(Int32(place))
        }
        return x.gathered(shape, places)
    }

    func transpose() throws(ONNXFault) -> ONNXTensor {
        let x = try input(0)
        let order = node.ints("perm") ?? Array(x.shape.indices.reversed())
        guard order.sorted() == Array(x.shape.indices) else { throw ONNXFault("its order of axes makes no sense") }
        return Self.permuted(x, order)
    }

    private func axes(_ rank: Int) throws(ONNXFault) -> [Int]? {
        guard let given = node.ints("axes") ?? optional(1)?.asIntegers else { return nil }
        var axes: [Int] = []
        for axis in given { axes.append(try Self.axis(axis, of: rank)) }
        return axes
    }

    func squeeze() throws(ONNXFault) -> ONNXTensor {
        let x = try input(0)
        let axes = try axes(x.shape.count) ?? x.shape.indices.filter { x.shape[$0] == 1 }
        guard axes.allSatisfy({ x.shape[$0] == 1 }) else { throw ONNXFault("an axis that it drops is not of length 1") }
        return x.reshaped(x.shape.indices.filter { !axes.contains($0) }.map { x.shape[$0] })
    }

    func unsqueeze() throws(ONNXFault) -> ONNXTensor {
        let x = try input(0)
        let added = (node.ints("axes") ?? optional(1)?.asIntegers ?? []).count
        guard x.shape.count + added <= 16, let axes = try axes(x.shape.count + added), Set(axes).count == added else {
            throw ONNXFault("its axes make no sense")
        }
        var lengths = x.shape[...]
        return x.reshaped((0..<x.shape.count + added).map { axes.contains($0) ? 1 : lengths.removeFirst() })
    }

    func concat() throws(ONNXFault) -> ONNXTensor {
        let first = try input(0)
        let axis = try Self.axis(node.int("axis", or: 1), of: first.shape.count)
        var parts: [ONNXTensor] = []
        for index in inputs.indices { parts.append(try input(index)) }
        func others(_ shape: [Int]) -> [Int] { shape.enumerated().filter { $0.offset != axis }.map(\.element) }
        guard parts.allSatisfy({ $0.isFloat == first.isFloat && $0.shape.count == first.shape.count }),
            parts.allSatisfy({ others($0.shape) == others(first.shape) }), !first.shape.isEmpty
        else { throw ONNXFault("its inputs do not fit each other") }
        var result = first
        result.shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
        _ = try Self.sized(result.shape)
        (result.floats, result.integers) = ([], [])
        for outer in 0..<first.shape[..<axis].reduce(1, *) {
            for part in parts {
                let run = part.shape[axis...].reduce(1, *)
                if first.isFloat {
                    result.floats += part.floats[outer * run..<(outer + 1) * run]
                } else {
                    result.integers += part.integers[outer * run..<(outer + 1) * run]
                }
            }
        }
        return result
    }

    func constant() throws(ONNXFault) -> ONNXTensor {
        if case .tensor(let tensor)? = node.attributes["value"] { return tensor }
        if case .float(let value)? = node.attributes["value_float"] { return ONNXTensor([], [value]) }
        if case .int(let value)? = node.attributes["value_int"] { return ONNXTensor(.int64, [], [value]) }
        if case .floats(let values)? = node.attributes["value_floats"] { return ONNXTensor([values.count], values) }
        if case .ints(let values)? = node.attributes["value_ints"] { return ONNXTensor(.int64, [values.count], values) }
        throw ONNXFault("its value is of a kind that is not known")
    }

    func shape() throws(ONNXFault) -> ONNXTensor {
        let shape = try input(0).shape
        func bound(_ value: Int) -> Int { min(max(value < 0 ? value + shape.count : value, 0), shape.count) }
        let (start, end) = (bound(node.int("start", or: 0)), bound(node.int("end", or: shape.count)))
        let part = start < end ? Array(shape[start..<end]) : []
        return ONNXTensor(.int64, [part.count], part.map { Int64($0) })
    }

    func gather() throws(ONNXFault) -> ONNXTensor {
        let (x, indices) = (try input(0), try input(1))
        guard !x.shape.isEmpty, let wanted = indices.asIntegers else { throw ONNXFault("its inputs make no sense") }
        let axis = try Self.axis(node.int("axis", or: 0), of: x.shape.count)
        let length = x.shape[axis]
        guard wanted.allSatisfy({ $0 >= -length && $0 < length }) else { throw ONNXFault("it takes what is not there") }
        let (outer, inner) = (x.shape[..<axis].reduce(1, *), x.shape[(axis + 1)...].reduce(1, *))
        let shape = Array(x.shape[..<axis]) + indices.shape + Array(x.shape[(axis + 1)...])
        _ = try Self.sized(shape)
        var places: [Int32] = []
        for first in 0..<outer {
            for index in wanted {
                let from = (first * length + (index < 0 ? index + length : index)) * inner
                places += Int32(from)..<Int32(from + inner)
            }
        }
        return x.gathered(shape, places)
    }

    func slice() throws(ONNXFault) -> ONNXTensor {
        let x = try input(0)
        let rank = x.shape.count
        guard let starts = node.ints("starts") ?? optional(1)?.asIntegers,
            let ends = node.ints("ends") ?? optional(2)?.asIntegers, starts.count == ends.count
        else { throw ONNXFault("its bounds are not known") }
        let axes = node.ints("axes") ?? optional(3)?.asIntegers ?? Array(starts.indices)
        let steps = optional(4)?.asIntegers ?? Array(repeating: 1, count: starts.count)
        guard axes.count == starts.count, steps.count == starts.count, steps.allSatisfy({ $0 != 0 && $0 > .min }) else {
            throw ONNXFault("its bounds make no sense")
        }
        var ranges = x.shape.map { Array(0..<$0) }
        for (place, axis) in axes.enumerated() {
            let axis = try Self.axis(axis, of: rank)
            let (length, step) = (x.shape[axis], steps[place])
            func bound(_ value: Int, _ low: Int, _ high: Int) -> Int {
                min(max(value < 0 ? value + length : value, low), high)
            }
            let start =
                step > 0
                ? bound(max(starts[place], -length), 0, length) : bound(max(starts[place], -length), 0, length - 1)
            let end =
                step > 0
                ? bound(max(ends[place], -length), 0, length)
                : ends[place] < -length ? -1 : bound(ends[place], -1, length - 1)
            ranges[axis] = Array(stride(from: start, to: end, by: step))
        }
        let shape = ranges.map(\.count)
        _ = try Self.sized(shape)
        let own = ONNXTensor.steps(x.shape)
        var places: [Int32] = []
        ONNXTensor.each(shape) { index in
            var place = 0
            for axis in index.indices { place += ranges[axis][index[axis]] * own[axis] }
            places.append(Int32(place))
        }
        return x.gathered(shape, places)
    }

    // MARK: Bytes

    /// For each value of `x` its place in arrays of scales and zero points: one, one along an axis, or one a block along it.
    private func groups(_ x: ONNXTensor, _ scale: ONNXTensor) throws(ONNXFault) -> [Int] {
        if scale.count == 1, scale.shape.count <= 1 { return Array(repeating: 0, count: x.count) }
        let axis = try Self.axis(node.int("axis", or: 1), of: x.shape.count)
        let block = node.int("block_size", or: 0)
        if scale.shape.count == 1 {
            guard scale.count == x.shape[axis] else { throw ONNXFault("its scales do not fit the axis") }
            let inner = x.shape[(axis + 1)...].reduce(1, *)
            return (0..<x.count).map { $0 / inner % x.shape[axis] }
        }
        guard block > 0, scale.shape.count == x.shape.count,
            scale.shape.indices.allSatisfy({
                scale.shape[$0] == ($0 == axis ? (x.shape[axis] + block - 1) / block : x.shape[$0])
            })
        else { throw ONNXFault("its scales do not fit") }
        let steps = ONNXTensor.steps(scale.shape)
        var groups: [Int] = []
        ONNXTensor.each(x.shape) { index in
            var place = 0
            for each in index.indices { place += (each == axis ? index[each] / block : index[each]) * steps[each] }
            groups.append(place)
        }
        return groups
    }

    private static func range(_ type: ONNXType) throws(ONNXFault) -> ClosedRange<Float> {
        switch type {
        case .uint8: return 0...255
        case .int8: return -128...127
        default: throw ONNXFault("bytes are int8 or uint8 here")
        }
    }

    private static func rounded(_ value: Float, _ zero: Float, _ range: ClosedRange<Float>) -> Int64 {
        let moved = value.rounded(.toNearestOrEven) + zero
        return Int64(min(max(moved.isNaN ? zero : moved, range.lowerBound), range.upperBound))
    }

    func quantize() throws(ONNXFault) -> ONNXTensor {
        let (x, scale, zero) = (try input(0), try floats(1), optional(2))
        let code = node.int("output_dtype", or: 0)
        guard let type = zero?.type ?? (code == 0 ? .uint8 : ONNXType(rawValue: code)) else {
            throw ONNXFault("it makes numbers of the unknown type \(code)")
        }
        let range = try Self.range(type)
        guard zero == nil || zero?.count == scale.count else { throw ONNXFault("its scales and zero points differ") }
        let (groups, values) = (try groups(x, scale), x.asFloats)
        return ONNXTensor(
            type, x.shape,
            values.indices.map { place in
                let own = zero.map { Float($0.integers[groups[place]]) } ?? 0
                return Self.rounded(values[place] / scale.floats[groups[place]], own, range)
            })
    }

    func dequantize() throws(ONNXFault) -> ONNXTensor {
        let (x, scale, zero) = (try input(0), try floats(1), optional(2))
        guard !x.isFloat, zero == nil || zero?.count == scale.count else { throw ONNXFault("its inputs do not fit") }
        let groups = try groups(x, scale)
        return ONNXTensor(
            x.shape,
            x.integers.indices.map {
                Float(x.integers[$0] - (zero?.integers[groups[$0]] ?? 0)) * scale.floats[groups[$0]]
            })
    }

    /// `x` without its zero point; one along `axis`, where there are many.
    private func centred(_ x: ONNXTensor, _ zero: ONNXTensor, axis: Int) throws(ONNXFault) -> ONNXTensor {
        guard !x.isFloat, !zero.isFloat,
            zero.count == 1 || x.shape.indices.contains(axis) && zero.count == x.shape[axis]
        else {
            throw ONNXFault("its zero points do not fit")
        }
        let inner = zero.count == 1 ? 1 : x.shape[(axis + 1)...].reduce(1, *)
        let length = zero.count == 1 ? 1 : x.shape[axis]
        return ONNXTensor(
            x.shape, x.integers.indices.map { Float(x.integers[$0] - zero.integers[$0 / inner % length]) })
    }

    /// Sums as bytes: times scale, plus zero point; `axis` has a scale each where there are many.
    private func requantized(
        _ sums: ONNXTensor, _ scales: [Float], axis: Int, _ scale: ONNXTensor, _ zero: ONNXTensor
    ) throws(ONNXFault) -> ONNXTensor {
        guard let step = scale.floats.first, let zeroPoint = zero.integers.first else {
            throw ONNXFault("its output has no scale")
        }
        let range = try Self.range(zero.type)
        let inner = sums.shape[(axis + 1)...].reduce(1, *)
        guard scales.count == 1 || scales.count == sums.shape[axis] else { throw ONNXFault("its scales do not fit") }
        return ONNXTensor(
            zero.type, sums.shape,
            sums.floats.indices.map {
                let own = scales[scales.count == 1 ? 0 : $0 / inner % sums.shape[axis]]
                return Self.rounded(sums.floats[$0] * own / step, Float(zeroPoint), range)
            })
    }

    func quantizedConv() throws(ONNXFault) -> ONNXTensor {
        let x = try centred(try input(0), try input(2), axis: 1)
        let weights = try centred(try input(3), try input(5), axis: 0)
        guard let scale = try floats(1).floats.first else { throw ONNXFault("its input has no scale") }
        let sums = try conv(x, weights, optional(8))
        return try requantized(sums, try floats(4).floats.map { $0 * scale }, axis: 1, try floats(6), try input(7))
    }

    func quantizedProduct() throws(ONNXFault) -> ONNXTensor {
        let (a, b) = (try input(0), try input(3))
        guard a.shape.count >= 2, b.shape.count >= 2, let scale = try floats(1).floats.first, try floats(1).count == 1
        else {
            throw ONNXFault("scales of rows are not known")
        }
        let sums = try product(
            try centred(a, try input(2), axis: a.shape.count - 2), try centred(b, try input(5), axis: b.shape.count - 1)
        )
        return try requantized(
            sums, try floats(4).floats.map { $0 * scale }, axis: sums.shape.count - 1, try floats(6), try input(7))
    }

    func dynamicQuantize() throws(ONNXFault) -> [ONNXTensor] {
        let x = try floats(0)
        let low = min(0, x.floats.min() ?? 0)
        let high = max(0, x.floats.max() ?? 0)
        let scale = (high - low) / 255
        let zero = scale > 0 ? min(max((-low / scale).rounded(.toNearestOrEven), 0), 255) : 0
        let values = x.floats.map { scale > 0 ? Self.rounded($0 / scale, zero, 0...255) : 0 }
        return [ONNXTensor(.uint8, x.shape, values), ONNXTensor([], [scale]), ONNXTensor(.uint8, [], [Int64(zero)])]
    }
}
