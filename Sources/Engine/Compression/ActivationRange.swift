// ActivationRange: which range of numbers the bytes of an activation stand for.
import Foundation

/// Counts of the values that an activation took, in even bins from the smallest to the largest.
struct ActivationHistogram {
    static let bins = 2048
    let low: Float
    let high: Float
    private(set) var counts = [Int](repeating: 0, count: bins)
    private let perBin: Float

    init(low: Float, high: Float) {
        self.low = low
        self.high = high
        perBin = (high - low) / Float(Self.bins)
    }

    mutating func add(_ value: Float) {
        guard perBin > 0, value.isFinite else { return }
        counts[max(0, min(Self.bins - 1, Int((value - low) / perBin)))] += 1
    }

    /// What the bytes should cover.
    func range(_ method: QuantizationSettings.Calibration) -> ClosedRange<Float> {
        guard perBin > 0 else { return min(low, 0)...max(high, 0) }
        switch method {
        case .minMax: return low...high
        case .percentile: return percentile(outside: 0.0001)
        case .entropy: return entropy()
        }
    }

    private func edge(_ bin: Int) -> Float { low + Float(bin) * perBin }

    /// Without the fraction `outside` of all values, half of it on each side; a side that ends at 0 loses nothing.
    private func percentile(outside: Double) -> ClosedRange<Float> {
        let total = Double(counts.reduce(0, +))
        let sides: Double = low < 0 && high > 0 ? 2 : 1
        func cut(_ bins: some Sequence<Int>) -> Int {
            var seen = 0.0
            for bin in bins {
                seen += Double(counts[bin])
                if seen > total * outside / sides { return bin }
            }
            return 0
        }
        let first = low < 0 ? cut(counts.indices) : 0
        let last = high > 0 ? cut(counts.indices.reversed()) : Self.bins - 1
        guard first <= last else { return low...high }
        return (first == 0 ? low : edge(first))...(last == Self.bins - 1 ? high : edge(last + 1))
    }

    /// Of the ranges that hold most values for their width (from 0 on where none is negative), the one whose 256 steps diverge least from the distribution: Kullback and
    /// Leibler's measure between the values with those outside counted at the ends, and what steps make of them (Migacz 2017).
    private func entropy() -> ClosedRange<Float> {
        let levels = 256
        let candidates = stride(from: levels, through: Self.bins, by: 16)
        var best = (divergence: Double.infinity, range: low...high)
        var before = [0]
        for count in counts { before.append(before[before.count - 1] + count) }
        for width in candidates {
            var left = 0
            if low < 0 {
                for start in 0...(Self.bins - width)
                where before[start + width] - before[start] > before[left + width] - before[left] { left = start }
            }
            let right = left + width
            var wanted = counts[left..<right].map(Double.init)
            let inside = wanted
            wanted[0] += Double(counts[..<left].reduce(0, +))
            wanted[width - 1] += Double(counts[right...].reduce(0, +))
            let found = Self.divergence(wanted, quantized: inside, levels: levels)
            if found < best.divergence { best = (found, edge(left)...edge(right)) }
        }
        return best.range
    }

    /// Divergence of `wanted` from `inside` in `levels` steps, each step's count spread over its bins that are not empty.
    private static func divergence(_ wanted: [Double], quantized inside: [Double], levels: Int) -> Double {
        let count = wanted.count
        var steps = [Double](repeating: 0, count: count)
        for level in 0..<levels {
            let (from, to) = (level * count / levels, (level + 1) * count / levels)
            let filled = inside[from..<to].count(where: { $0 > 0 })
            guard filled > 0 else { continue }
            let mean = inside[from..<to].reduce(0, +) / Double(filled)
            for bin in from..<to where inside[bin] > 0 { steps[bin] = mean }
        }
        let (p, q) = (wanted.reduce(0, +), steps.reduce(0, +))
        guard p > 0, q > 0 else { return .infinity }
        var sum = 0.0
        for bin in 0..<count where wanted[bin] > 0 {
            // A bin that steps make empty is given a millionth, so that the measure stays finite.
            let other = max(steps[bin] / q, 1e-6 / Double(count))
            sum += wanted[bin] / p * log(wanted[bin] / p / other)
        }
        return sum
    }
}

/// What was seen of one activation.
struct ActivationRange {
    private(set) var low: Float = 0
    private(set) var high: Float = 0
    /// Sum and count of values by channel, or by feature.
    private(set) var sums: [Double]
    private(set) var count = 0
    var histogram: ActivationHistogram?

    init(channels: Int) { sums = Array(repeating: 0, count: channels) }

    mutating func extend(_ value: Float) {
        guard value.isFinite else { return }
        low = min(low, value)
        high = max(high, value)
    }

    mutating func add(_ value: Float, channel: Int) {
        histogram?.add(value)
        if value.isFinite { sums[channel] += Double(value) }
    }

    mutating func finish(_ count: Int) { self.count += count }

    /// Mean of each channel or feature.
    var means: [Double] { sums.map { count > 0 ? $0 / Double(count) : 0 } }
}
