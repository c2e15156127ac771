// WeightHistogram: how the values of one parameter are spread at one moment.

/// Counts of a parameter's values in 32 bins of equal width. Values that are not finite are left out of everything.
public struct WeightHistogram: Sendable, Equatable {
    /// Name of the parameter: "0.conv.weight".
    public var name: String
    /// The smallest and the largest value: the borders of the first and the last bin. Both 0 when no value is finite.
    public var low: Double
    public var high: Double
    /// Values in each bin; a value on a border belongs to the bin above, `high` to the last. All equal: the first bin.
    public var counts: [Int]
    public var mean: Double
    /// Population deviation.
    public var deviation: Double

    public init(name: String, low: Double, high: Double, counts: [Int], mean: Double, deviation: Double) {
        self.name = name
        self.low = low
        self.high = high
        self.counts = counts
        self.mean = mean
        self.deviation = deviation
    }

    /// Bins of the histograms that are made here.
    public static let bins = 32
    /// Parameters of a network that get one, in its order: an event must not grow without bound.
    public static let maximumParameters = 100

    /// One histogram for each parameter of more than one value.
    /// - Complexity: O(values): about 3 ns each.
    public static func all(of parameters: [ParameterValues]) -> [WeightHistogram] {
        parameters.filter { $0.values.count > 1 }.prefix(maximumParameters).map {
            WeightHistogram(name: $0.name, values: $0.values)
        }
    }

    /// The histogram of `values`.
    public init(name: String, values: [Float]) {
        self =
            values.withUnsafeBufferPointer { WeightHistogram(name: name, values: $0) }
            ?? WeightHistogram(name: name, finite: values.filter(\.isFinite))
    }

    private init(name: String, finite: [Float]) {
        self =
            finite.withUnsafeBufferPointer { WeightHistogram(name: name, values: $0) }
            ?? WeightHistogram(
                name: name, low: 0, high: 0, counts: Array(repeating: 0, count: Self.bins), mean: 0, deviation: 0)
    }

    /// nil: there are no values, or one is not finite.
    private init?(name: String, values: UnsafeBufferPointer<Float>) {
        guard let first = values.first else { return nil }
        var (low, high, sum) = (first, first, 0.0)
        for value in values {
            low = value < low ? value : low
            high = value > high ? value : high
            sum += Double(value)
        }
        // A sum of finite floats never overflows a double, so this finds every other value.
        guard sum.isFinite else { return nil }
        let mean = sum / Double(values.count)
        let scale = high > low ? Double(Self.bins) / (Double(high) - Double(low)) : 0
        var squares = 0.0
        var counts = [Int](repeating: 0, count: Self.bins)
        counts.withUnsafeMutableBufferPointer { counts in
            for value in values {
                let distance = Double(value) - mean
                squares += distance * distance
                counts[min(Self.bins - 1, Int((Double(value) - Double(low)) * scale))] += 1
            }
        }
        self.init(
            name: name, low: Double(low), high: Double(high), counts: counts, mean: mean,
            deviation: (squares / Double(values.count)).squareRoot())
    }
}
