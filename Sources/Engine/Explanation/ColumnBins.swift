// ColumnBins: how a column of numbers becomes a few ranges, and what the numbers in each are like.
import Foundation

/// Ranges of a column's numbers, fitted on the training split; a number belongs to the first whose upper border it does not exceed.
struct ColumnBins: Sendable, Equatable {
    /// Between the ranges, ascending, each once.
    var borders: [Double]
    /// Of the numbers in each range: how many, mean, population deviation.
    var counts: [Int]
    var means: [Double]
    var deviations: [Double]
    /// Least and largest number of each range; the outermost ones end where the column's numbers do.
    var minima: [Double]
    var maxima: [Double]

    /// Ranges of `values`, which are finite, with these borders.
    init(_ values: [Double], borders: [Double]) {
        var unique: [Double] = []
        for border in borders.sorted() where unique.last != border { unique.append(border) }
        self.borders = unique
        let bins = unique.count + 1
        var counts = [Int](repeating: 0, count: bins)
        var means = [Double](repeating: 0, count: bins)
        var squares = [Double](repeating: 0, count: bins)
        for value in values {  // Welford 1962
            let bin = Self.place(of: value, in: unique)
            counts[bin] += 1
            let delta = value - means[bin]
            means[bin] += delta / Double(counts[bin])
            squares[bin] += delta * (value - means[bin])
        }
        self.counts = counts
        self.means = means
        deviations = zip(squares, counts).map { $1 > 0 ? ($0 / Double($1)).squareRoot() : 0 }
        minima = [values.min() ?? 0] + unique
        maxima = unique + [values.max() ?? 0]
    }

    /// The range of `value`.
    func code(_ value: Double) -> Int { Self.place(of: value, in: borders) }

    /// How many of the borders are less than `value`.
    private static func place(of value: Double, in borders: [Double]) -> Int {
        var (low, high) = (0, borders.count)
        while low < high {
            let middle = (low + high) / 2
            if borders[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// "13.37 < mean radius <= 15.78" for each range of the column `name`.
    /// - Parameter decimals: of the borders; nil: two, or as many more as it takes to tell neighbours apart.
    func names(_ name: String, decimals: Int? = nil) -> [String] {
        let texts = texts(decimals: decimals ?? tellingDecimals)
        guard let first = texts.first, let last = texts.last else { return [name] }
        return ["\(name) <= \(first)"] + zip(texts, texts.dropFirst()).map { "\($0) < \(name) <= \($1)" }
            + ["\(name) > \(last)"]
    }

    private func texts(decimals: Int) -> [String] { borders.map { String(format: "%.\(decimals)f", $0) } }

    private var tellingDecimals: Int {
        (2..<Self.mostDecimals).first { decimals in
            let texts = texts(decimals: decimals)
            return !zip(texts, texts.dropFirst()).contains { $0 == $1 }
        } ?? Self.mostDecimals
    }

    private static let mostDecimals = 12
}

extension ColumnBins {
    /// Borders of `values` as `discretizer` sets them; nil where numbers stay numbers.
    /// - Parameter labels: of the values, for ``LIMESettings/Discretizer/entropy``.
    static func borders(
        _ values: [Double], labels: [Int32], classes: Int, by discretizer: LIMESettings.Discretizer
    ) -> [Double]? {
        switch discretizer {
        case .none: return nil
        case .quartile: return percentiles(values, [25, 50, 75])
        case .decile: return percentiles(values, stride(from: 10, through: 90, by: 10).map(Double.init))
        case .entropy:
            let order = values.indices.sorted { values[$0] == values[$1] ? $0 < $1 : values[$0] < values[$1] }
            var found: [Double] = []
            split(
                order.map { values[$0] }[...], order.map { Int(labels[$0]) }[...], classes: classes,
                depth: entropyDepth,
                into: &found)
            return found.isEmpty ? percentiles(values, [50]) : found
        }
    }

    /// With linear interpolation between the two nearest, as NumPy's `percentile` does (Hyndman & Fan 1996, definition 7).
    static func percentiles(_ values: [Double], _ wanted: [Double]) -> [Double] {
        let sorted = values.sorted()
        guard let last = sorted.indices.last else { return [] }
        return wanted.map { percent in
            let place = percent / 100 * Double(last)
            let below = min(Int(place), last)
            let (a, b) = (sorted[below], sorted[min(below + 1, last)])
            let part = place - Double(below)
            return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part)
        }
    }

    /// Depth of the tree whose thresholds are the borders: at most eight ranges.
    private static let entropyDepth = 3

    /// Thresholds of a decision tree on one column, each node split where its two sides have the least entropy (Quinlan 1986).
    private static func split(
        _ values: ArraySlice<Double>, _ labels: ArraySlice<Int>, classes: Int, depth: Int, into found: inout [Double]
    ) {
        guard depth > 0, values.count > 1 else { return }
        var right = [Int](repeating: 0, count: classes)
        for label in labels { right[label] += 1 }
        guard right.count(where: { $0 > 0 }) > 1 else { return }
        var left = [Int](repeating: 0, count: classes)
        var best: (place: Int, disorder: Double)?
        for place in values.indices.dropLast() {
            left[labels[place]] += 1
            right[labels[place]] -= 1
            // Nearer than single precision tells apart they are the same number.
            guard Float(values[place + 1]) > Float(values[place]) else { continue }
            let disorder = disorder(left) + disorder(right)
            if disorder < best?.disorder ?? .infinity { best = (place + 1, disorder) }
        }
        guard let place = best?.place else { return }
        found.append(values[place - 1] / 2 + values[place] / 2)
        split(values[..<place], labels[..<place], classes: classes, depth: depth - 1, into: &found)
        split(values[place...], labels[place...], classes: classes, depth: depth - 1, into: &found)
    }

    /// Entropy of a node times its examples.
    private static func disorder(_ counts: [Int]) -> Double {
        let total = Double(counts.reduce(0, +))
        return counts.reduce(0) { sum, count in
            count == 0 ? sum : sum - Double(count) * log2(Double(count) / total)
        }
    }
}
