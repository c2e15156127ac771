// Envelope: the smallest and the largest value of every 64 points, so that a chart of a million need not look at each.

/// What a stretch of values holds.
struct Extent: Sendable, Equatable {
    /// The smallest and the largest finite value; infinite the wrong way round where there is none.
    var low = Double.infinity
    var high = -Double.infinity
    /// Values that are NaN or infinite.
    var notFinite = 0

    /// From the smallest to the largest finite value; nil without any.
    var range: ClosedRange<Double>? { low <= high ? low...high : nil }

    mutating func add(_ value: Double) {
        if value.isFinite {
            low = value < low ? value : low
            high = value > high ? value : high
        } else {
            notFinite += 1
        }
    }

    mutating func add(_ other: Extent) {
        low = min(low, other.low)
        high = max(high, other.high)
        notFinite += other.notFinite
    }
}

/// Extents of whole blocks of values. It belongs to one array that only grows, and is always handed that array.
///
/// One level is enough: a screen of 400 dots asks 400 times for the points of a dot, which is 2 × 64 points at the ends of
/// each stretch and every block once: 70,000 steps for a million points, against a million without.
struct Envelope: Sendable {
    private static let size = 64
    private var blocks: [Extent] = []

    /// Takes in the whole blocks of `values` that it has not seen.
    mutating func extend(over values: [Double]) {
        blocks.reserveCapacity(values.count / Self.size)
        while (blocks.count + 1) * Self.size <= values.count {
            let start = blocks.count * Self.size
            var block = Extent()
            // Times zero is zero but for NaN and infinities: one test a block.
            var poison = 0.0
            for index in start..<start + Self.size {
                let value = values[index]
                block.low = value < block.low ? value : block.low
                block.high = value > block.high ? value : block.high
                poison += value * 0
            }
            if poison != 0 {
                block = Extent()
                for index in start..<start + Self.size { block.add(values[index]) }
            }
            blocks.append(block)
        }
    }

    /// Calls `point` for values at the ends of `range` that fill no block, and `block` for the whole blocks between.
    private func walk(_ range: Range<Int>, point: (Int) -> Void, block: (Int) -> Void) {
        let first = (range.lowerBound + Self.size - 1) / Self.size
        let last = min(range.upperBound / Self.size, blocks.count)
        guard first < last else { return range.forEach(point) }
        for index in range.lowerBound..<first * Self.size { point(index) }
        for index in first..<last { block(index) }
        for index in last * Self.size..<range.upperBound { point(index) }
    }

    /// What `range` of `values` holds.
    func extent(of range: Range<Int>, in values: [Double]) -> Extent {
        var extent = Extent()
        walk(range, point: { extent.add(values[$0]) }, block: { extent.add(blocks[$0]) })
        return extent
    }

    /// The smallest positive finite value in `range` of `values`; infinite where there is none.
    func lowestPositive(of range: Range<Int>, in values: [Double]) -> Double {
        var lowest = Double.infinity
        func look(_ value: Double) { if value > 0, value < lowest { lowest = value } }
        walk(
            range, point: { look(values[$0]) },
            block: { index in
                let block = blocks[index]
                if block.low > 0 { return look(block.low) }
                guard block.high > 0 else { return }
                for value in values[index * Self.size..<(index + 1) * Self.size] { look(value) }
            })
        return lowest
    }

    /// How many finite values in `range` of `values` lie outside of `limits`.
    func count(of range: Range<Int>, in values: [Double], outside limits: ClosedRange<Double>) -> Int {
        var count = 0
        func look(_ value: Double) { if value.isFinite, !limits.contains(value) { count += 1 } }
        walk(
            range, point: { look(values[$0]) },
            block: { index in
                guard let extent = blocks[index].range else { return }
                if limits.contains(extent.lowerBound), limits.contains(extent.upperBound) { return }
                if extent.lowerBound > limits.upperBound || extent.upperBound < limits.lowerBound {
                    count += Self.size - blocks[index].notFinite
                } else {
                    for value in values[index * Self.size..<(index + 1) * Self.size] { look(value) }
                }
            })
        return count
    }
}
