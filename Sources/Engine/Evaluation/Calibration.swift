// Calibration: whether what is called 70 % likely comes true in 70 % of cases.

/// Predicted probabilities beside how often they came true, in bins of equal width from 0 to 1.
///
/// Bins are as scikit-learn's `calibration_curve` with `strategy="uniform"` has them: a probability on the edge between two
/// belongs to the lower one, and empty bins are left out.
public struct CalibrationCurve: Sendable, Equatable {
    /// The examples of one bin.
    public struct Bin: Sendable, Equatable {
        /// Examples in the bin; at least 1.
        public var count: Int
        /// Those of them that are positive.
        public var positives: Int
        /// Mean of their predicted probabilities.
        public var meanPredicted: Double

        public init(count: Int, positives: Int, meanPredicted: Double) {
            precondition(count > 0 && (0...count).contains(positives), "\(positives) of \(count)")
            self.count = count
            self.positives = positives
            self.meanPredicted = meanPredicted
        }

        /// How often it came true.
        public var fractionPositive: Double { Double(positives) / Double(count) }

        /// Wilson's interval of ``fractionPositive``.
        public func interval(level: Double = Interval.usualLevel) -> Interval {
            Interval.wilson(positives, of: count, level: level) ?? Interval(low: 0, high: 1)
        }
    }

    /// Bins that hold examples, from 0 to 1.
    public var bins: [Bin]

    public init(bins: [Bin]) { self.bins = bins }

    /// No bins: nothing was measured.
    public static let empty = CalibrationCurve(bins: [])

    /// The curve of `probabilities`; an example is positive where `labels` is true.
    public init(probabilities: [Double], labels: [Bool], bins: Int) {
        precondition(probabilities.count == labels.count, "\(probabilities.count) values, \(labels.count) labels")
        self.init(count: labels.count, bins: bins) { (probabilities[$0], labels[$0]) }
    }

    /// The curve of what `example` gives for 0, 1, … below `count`. Probabilities that are not numbers are left out.
    @inline(__always)
    init(count: Int, bins: Int, _ example: (Int) -> (probability: Double, isPositive: Bool)) {
        precondition(bins > 0, "\(bins) bins")
        let step = 1 / Double(bins)
        var counts = [Int](repeating: 0, count: bins)
        var positives = counts
        var sums = [Double](repeating: 0, count: bins)
        for index in 0..<count {
            let (probability, isPositive) = example(index)
            guard !probability.isNaN else { continue }
            var bin = Int(max(0, min(Double(bins - 1), probability * Double(bins))))
            // Edges are multiples of the rounded step, as NumPy's linspace makes them.
            while bin > 0, probability <= Double(bin) * step { bin -= 1 }
            while bin + 1 < bins, probability > Double(bin + 1) * step { bin += 1 }
            counts[bin] += 1
            positives[bin] += isPositive ? 1 : 0
            sums[bin] += probability
        }
        self.bins = counts.indices.filter { counts[$0] > 0 }.map {
            Bin(count: counts[$0], positives: positives[$0], meanPredicted: sums[$0] / Double(counts[$0]))
        }
    }

    /// Expected calibration error (Naeini, Cooper & Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian
    /// binning"): the mean distance of ``Bin/fractionPositive`` from ``Bin/meanPredicted``, each bin counting as much as it
    /// has examples; nil without any.
    public var expectedError: Double? {
        let total = bins.reduce(0) { $0 + $1.count }
        guard total > 0 else { return nil }
        return bins.reduce(0) { $0 + Double($1.count) * ($1.fractionPositive - $1.meanPredicted).magnitude }
            / Double(total)
    }

    /// The curve of the most probable class (Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks"):
    /// its probability beside how often it is the true one. ``expectedError`` of it is the top-label calibration error.
    /// - Parameters:
    ///   - probabilities: (examples, classes), row-major.
    ///   - labels: a class index an example.
    public init(topOf probabilities: [Float], labels: [Int32], classes: Int, bins: Int) {
        precondition(
            classes > 0 && probabilities.count == labels.count * classes,
            "\(probabilities.count) values, \(labels.count) labels")
        self = probabilities.withUnsafeBufferPointer { probabilities in
            CalibrationCurve(count: labels.count, bins: bins) { row in
                let best = ConfusionMatrix.mostProbable(probabilities, row: row, classes: classes)
                return (Double(probabilities[row * classes + best]), labels[row] == Int32(best))
            }
        }
    }

    /// The curve of class `k` against all others.
    init(class k: Int, of classes: Int, probabilities: [Float], labels: [Int32], bins: Int) {
        self = probabilities.withUnsafeBufferPointer { probabilities in
            CalibrationCurve(count: labels.count, bins: bins) {
                (Double(probabilities[$0 * classes + k]), labels[$0] == Int32(k))
            }
        }
    }

    /// The curve with its means rounded to `places` decimals, within 0 to 1.
    func rounded(places: Int) -> CalibrationCurve {
        CalibrationCurve(
            bins: bins.map {
                Bin(
                    count: $0.count, positives: $0.positives,
                    meanPredicted: min(1, max(0, $0.meanPredicted.rounded(places: places))))
            })
    }
}
