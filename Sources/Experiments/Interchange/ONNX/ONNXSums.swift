// ONNXSums: operators that sum: means, products of matrices, norms.
import Foundation

extension ONNXOperation {
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

    func reduceMean() throws(ONNXFault) -> ONNXTensor {
        let x = try floats(0)
        let given = node.ints("axes") ?? optional(1)?.asIntegers ?? []
        if given.isEmpty, node.int("noop_with_empty_axes", or: 0) == 1 { return x }
        var axes: [Int] = given.isEmpty ? Array(x.shape.indices) : []
        for axis in given { axes.append(try Self.axis(axis, of: x.shape.count)) }
        return try mean(x, axes, keeps: node.int("keepdims", or: 1) == 1)
    }

    // MARK: Products

    func gemm() throws(ONNXFault) -> ONNXTensor {
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

    func batchNorm() throws(ONNXFault) -> ONNXTensor {
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

    func layerNorm() throws(ONNXFault) -> ONNXTensor {
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
