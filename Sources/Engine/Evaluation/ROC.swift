// ROC: how well scores tell one class from the rest, at every threshold (Fawcett 2006, "An introduction to ROC analysis").

/// The receiver operating characteristic of scores against binary labels: true positive rate over false positive rate.
///
/// Point i is what a classifier does that takes every example with a score of at least `thresholds[i]` for positive. The
/// first point is (0, 0) at an infinite threshold, the last is (1, 1) at the smallest score; examples with equal scores
/// pass together, so there is a point a distinct score, as scikit-learn's `roc_curve(drop_intermediate=False)` has it.
///
/// Where only one class is present, or a score is not a number, the curve is undefined: no points, and `auc` is nil.
public struct ROCCurve: Sendable, Equatable {
    /// False positives over all negatives, 0 to 1, never falling.
    public var falsePositiveRates: [Double]
    /// True positives over all positives, 0 to 1, never falling.
    public var truePositiveRates: [Double]
    /// Scores, falling; the first is infinity.
    public var thresholds: [Double]
    /// Area under the curve of all points, 0 to 1: the chance that a positive example has a larger score than a negative
    /// one, ties counted half (Hanley & McNeil 1982). nil: undefined.
    public var auc: Double?

    /// The curve that is undefined.
    public static let undefined = ROCCurve(
        falsePositiveRates: [], truePositiveRates: [], thresholds: [], auc: nil)

    /// A curve whose points are known.
    public init(falsePositiveRates: [Double], truePositiveRates: [Double], thresholds: [Double], auc: Double?) {
        precondition(
            falsePositiveRates.count == truePositiveRates.count && thresholds.count == truePositiveRates.count,
            "\(falsePositiveRates.count), \(truePositiveRates.count) and \(thresholds.count) coordinates")
        self.falsePositiveRates = falsePositiveRates
        self.truePositiveRates = truePositiveRates
        self.thresholds = thresholds
        self.auc = auc
    }

    /// Number of points; 0 when the curve is undefined.
    public var count: Int { thresholds.count }

    /// The curve of `scores`, larger meaning more likely positive; an example is positive where `labels` is true. Rates and
    /// area are the nearest doubles to the exact fractions.
    /// - Complexity: O(n log n).
    public init(scores: [Double], labels: [Bool]) {
        self = SortedScores(scores, labels: labels)?.curve ?? .undefined
    }

    /// The curve of `scores`, as for doubles.
    public init(scores: [Float], labels: [Bool]) {
        precondition(scores.count == labels.count, "\(scores.count) scores, \(labels.count) labels")
        let counting = ScoreSorter(count: scores.count).counting(keepsCorners: false) { (scores[$0], labels[$0]) }
        self = counting?.curve ?? .undefined
    }

    /// The curve of examples that count `weights` each (0 or more); those of weight 0 do not count at all. Sums of weights
    /// are rounded, so rates and area are too.
    /// - Complexity: O(n log n).
    public init(scores: [Double], labels: [Bool], weights: [Double]) {
        guard let sums = WeightedScores.sums(scores: scores, labels: labels, weights: weights), let all = sums.last,
            all.positives > 0, all.negatives > 0
        else {
            self = .undefined
            return
        }
        let x = [0] + sums.map { $0.negatives / all.negatives }
        let y = [0] + sums.map { $0.positives / all.positives }
        var area = 0.0
        for i in 1..<x.count { area += (x[i] - x[i - 1]) * (y[i] + y[i - 1]) / 2 }
        self.init(falsePositiveRates: x, truePositiveRates: y, thresholds: [.infinity] + sums.map(\.score), auc: area)
    }

    /// One curve a class, each against all others.
    /// - Parameters:
    ///   - probabilities: (examples, classes), row-major.
    ///   - labels: a class index an example.
    /// - Complexity: O(classes · n log n).
    public static func oneVersusRest(probabilities: [Float], labels: [Int32], classes: Int) -> [ROCCurve] {
        (0..<classes).map {
            ROCCurve(class: $0, of: classes, probabilities: probabilities, labels: labels, keepsCorners: false)
        }
    }

    /// The curve of class `k` against all others. With `keepsCorners` without the points that lie on the line between
    /// their neighbours.
    init(class k: Int, of classes: Int, probabilities: [Float], labels: [Int32], keepsCorners: Bool) {
        precondition(
            probabilities.count == labels.count * classes, "\(probabilities.count) values, \(labels.count) labels")
        let counting = ScoreSorter(count: labels.count).counting(
            class: k, of: classes, probabilities: probabilities, labels: labels, keepsCorners: keepsCorners)
        self = counting?.curve ?? .undefined
    }

    /// The curve with at most `maximumPoints` points (2 or more): first those go that lie on the line between their
    /// neighbours, which changes nothing; then, one after the other, the point whose loss changes the area least. Both
    /// ends stay, and `auc` stays that of the full curve.
    /// - Complexity: O(n log n).
    public func simplified(maximumPoints: Int) -> ROCCurve {
        let kept = CurveReduction.indices(falsePositiveRates, truePositiveRates, maximumPoints: maximumPoints)
        return ROCCurve(
            falsePositiveRates: kept.map { falsePositiveRates[$0] },
            truePositiveRates: kept.map { truePositiveRates[$0] },
            thresholds: kept.map { thresholds[$0] }, auc: auc)
    }

    /// The curve with its rates rounded to `places` decimals and its thresholds to `thresholdPlaces`; `auc` stays.
    func rounded(places: Int, thresholdPlaces: Int) -> ROCCurve {
        func round(_ values: [Double], _ places: Int) -> [Double] {
            values.map { $0.rounded(places: places) }
        }
        return ROCCurve(
            falsePositiveRates: round(falsePositiveRates, places), truePositiveRates: round(truePositiveRates, places),
            thresholds: round(thresholds, thresholdPlaces), auc: auc)
    }
}

extension ROCCurve: Codable {
    private enum CodingKeys: String, CodingKey {
        case falsePositiveRates, truePositiveRates, thresholds, auc
    }

    /// The first threshold is infinite, which JSON lacks: only the others are written.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(falsePositiveRates, forKey: .falsePositiveRates)
        try container.encode(truePositiveRates, forKey: .truePositiveRates)
        try container.encode(Array(thresholds.dropFirst()), forKey: .thresholds)
        try container.encodeIfPresent(auc, forKey: .auc)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let x = try container.decode([Double].self, forKey: .falsePositiveRates)
        let y = try container.decode([Double].self, forKey: .truePositiveRates)
        var thresholds = try container.decode([Double].self, forKey: .thresholds)
        if !x.isEmpty { thresholds.insert(.infinity, at: 0) }
        guard x.count == y.count, thresholds.count == x.count else {
            throw DecodingError.dataCorruptedError(
                forKey: .thresholds, in: container,
                debugDescription: "\(x.count), \(y.count) and \(thresholds.count) coordinates")
        }
        self.init(
            falsePositiveRates: x, truePositiveRates: y, thresholds: thresholds,
            auc: try container.decodeIfPresent(Double.self, forKey: .auc))
    }
}
