// ONNXBytes: operators between numbers and bytes, and on bytes.
import Foundation

extension ONNXOperation {
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
