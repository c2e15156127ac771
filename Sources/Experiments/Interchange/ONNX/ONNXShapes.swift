// ONNXShapes: operators that move values about.
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
}
