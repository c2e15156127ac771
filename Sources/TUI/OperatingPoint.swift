// OperatingPoint: what a threshold makes of a class against the rest, told by the points of its ROC curve.

import Charts
import Engine

/// What a wrong answer costs; only the relation of the two matters to which threshold is best.
struct ErrorCosts: Sendable, Equatable {
    /// Of taking an example of the rest for the class.
    var falsePositive = 1.0
    /// Of missing an example of the class.
    var falseNegative = 1.0

    /// Why a text is no pair of costs.
    static let complaint =
        "two numbers of 0 or more, not both 0, such as 1 5"

    /// Reads "FP FN"; nil when it is no such pair.
    init?(_ text: String) {
        let numbers = text.split(whereSeparator: { " ,;:".contains($0) }).map { Double($0) }
        guard numbers.count == 2, let first = numbers[0], let second = numbers[1] else { return nil }
        guard (0...1e9).contains(first), (0...1e9).contains(second), first + second > 0 else { return nil }
        (falsePositive, falseNegative) = (first, second)
    }

    init() {}
}

/// The four counts of a threshold: every example with a probability of at least `threshold` is taken for the class.
struct OperatingPoint: Sendable, Equatable {
    /// Infinite: nothing is taken for the class.
    var threshold: Double
    var truePositives: Int
    var falsePositives: Int
    /// Examples of the class, and of the rest.
    var positives: Int
    var negatives: Int

    var falseNegatives: Int { positives - truePositives }
    var trueNegatives: Int { negatives - falsePositives }
    /// Examples that are taken for the class.
    var taken: Int { truePositives + falsePositives }
    var total: Int { positives + negatives }

    private var scores: BinaryScores {
        BinaryScores(
            truePositives: Double(truePositives), falsePositives: Double(falsePositives),
            falseNegatives: Double(falseNegatives), trueNegatives: Double(trueNegatives))
    }

    /// Undefined where nothing is taken for the class.
    var precision: Double? { scores.precision }
    // There are examples of both sides, so that these are defined.
    var recall: Double { scores.recall ?? .nan }
    var specificity: Double { scores.specificity ?? .nan }
    var accuracy: Double { scores.accuracy ?? .nan }
    var f1: Double { scores.f1 ?? .nan }
    /// True less false positive rate (Youden 1950, "Index for rating diagnostic tests").
    var youden: Double { recall + specificity - 1 }

    func cost(_ costs: ErrorCosts) -> Double {
        Double(falsePositives) * costs.falsePositive + Double(falseNegatives) * costs.falseNegative
    }

    /// The threshold as people read it.
    var thresholdText: String { threshold.isFinite ? Format.number(threshold) : "above all" }

    /// The threshold's place on an axis from 0 to 1.
    var place: Double { min(1, max(0, threshold)) }
}

/// The thresholds of a class of which an evaluation keeps the counts, from the highest to the lowest: the points of its ROC
/// curve, and every tenth.
struct OperatingCurve: Sendable, Equatable {
    /// The best threshold by one measure.
    enum Best: String, CaseIterable, Sendable {
        case f1 = "F1"
        case youden = "Youden"
        case cost

        /// The letter on the curves.
        var sign: Unicode.Scalar {
            switch self {
            case .f1: "F"
            case .youden: "Y"
            case .cost: "C"
            }
        }
    }

    let points: [OperatingPoint]

    /// Nil where the curve is undefined: the class has no examples or all of them.
    init?(_ detail: EvaluationDetail, class index: Int) {
        guard detail.roc.indices.contains(index), detail.roc[index].count > 1 else { return nil }
        let positives = detail.confusion[index].reduce(0, +)
        let negatives = detail.confusion.reduce(0) { $0 + $1.reduce(0, +) } - positives
        guard positives > 0, negatives > 0 else { return nil }
        /// The count that a rounded rate stands for.
        func count(_ rate: Double, of all: Int) -> Int {
            rate > 0 ? Int((min(rate, 1) * Double(all)).rounded()) : 0
        }
        let curve = detail.roc[index]
        func point(_ threshold: Double, _ hits: Int, _ alarms: Int) -> OperatingPoint {
            OperatingPoint(
                threshold: threshold, truePositives: hits, falsePositives: alarms, positives: positives,
                negatives: negatives)
        }
        var all = (0..<curve.count).map { place in
            point(
                curve.thresholds[place], count(curve.truePositiveRates[place], of: positives),
                count(curve.falsePositiveRates[place], of: negatives))
        }
        // Of a good model few points of the curve are kept, far from each other; the bins of the calibration tell the counts
        // beyond every tenth.
        if detail.classes.indices.contains(index) {
            for tenth in OperatingCurve.tenths(detail.classes[index].calibration, positives, negatives) {
                let place = all.firstIndex { $0.threshold <= tenth.threshold } ?? all.count
                // One that is kept already is exact at its own threshold.
                if place < all.count, all[place].threshold == tenth.threshold { continue }
                all.insert(point(tenth.threshold, tenth.hits, tenth.alarms), at: place)
            }
        }
        // Rounded rates of thousands of examples can be one off.
        for place in all.indices.dropFirst() {
            all[place].truePositives = max(all[place].truePositives, all[place - 1].truePositives)
            all[place].falsePositives = max(all[place].falsePositives, all[place - 1].falsePositives)
        }
        // Of two that were rounded to one threshold the lower one stands for both.
        points = all.indices.filter { $0 + 1 == all.count || all[$0].threshold > all[$0 + 1].threshold }.map { all[$0] }
    }

    /// What is taken at thresholds of 0.9, 0.8, … 0.1; empty where the bins are not those of all examples.
    private static func tenths(
        _ calibration: CalibrationCurve, _ positives: Int, _ negatives: Int
    ) -> [(threshold: Double, hits: Int, alarms: Int)] {
        let bins = calibration.bins
        guard bins.reduce(0, { $0 + $1.count }) == positives + negatives,
            bins.reduce(0, { $0 + $1.positives }) == positives
        else { return [] }
        return (1...9).reversed().map { tenth in
            let above = bins.filter { $0.tenth >= tenth }
            let hits = above.reduce(0) { $0 + $1.positives }
            return (Double(tenth) / 10, hits, above.reduce(0) { $0 + $1.count } - hits)
        }
    }

    /// The point whose threshold is nearest to `threshold`.
    func index(nearest threshold: Double) -> Int {
        func place(_ threshold: Double) -> Double { threshold.isFinite ? threshold : 1.001 }
        let wanted = place(threshold)
        return points.indices.min {
            (place(points[$0].threshold) - wanted).magnitude < (place(points[$1].threshold) - wanted).magnitude
        } ?? 0
    }

    /// The best point by a measure; of equal ones the one with the highest threshold.
    func best(_ best: Best, _ costs: ErrorCosts) -> Int {
        func worth(_ point: OperatingPoint) -> Double {
            switch best {
            case .f1: point.f1
            case .youden: point.youden
            case .cost: -point.cost(costs)
            }
        }
        var found = 0
        for index in points.indices where worth(points[index]) > worth(points[found]) { found = index }
        return found
    }

    /// What the point is best by, in words; empty where by nothing.
    func praise(of index: Int, _ costs: ErrorCosts) -> String {
        let names = Best.allCases.filter { best($0, costs) == index }.map(\.rawValue)
        return names.isEmpty ? "" : "best \(names.joined(separator: ", "))"
    }
}

extension CalibrationCurve.Bin {
    /// Which of ten bins it is: a probability on the edge between two belongs to the lower one.
    var tenth: Int { min(9, max(0, Int((meanPredicted * 10).rounded(.up)) - 1)) }
}

extension OpenSession {
    /// The class that a threshold is about: the picked one, else the second of two, else the first.
    var operatingClass: Int {
        if let chosen = evaluate.selectedClass { return chosen }
        return run.head?.classes.count == 2 ? 1 : 0
    }

    /// The kept thresholds of that class on the shown evaluation.
    var operatingCurve: OperatingCurve? {
        evaluation(self)?.detail.flatMap { OperatingCurve($0, class: operatingClass) }
    }

    /// The point that the cursor stands on; nil without a cursor, and where the curve is undefined.
    var operatingPoint: (curve: OperatingCurve, index: Int, point: OperatingPoint)? {
        guard let threshold = evaluate.threshold, let curve = operatingCurve else { return nil }
        let index = curve.index(nearest: threshold)
        return (curve, index, curve.points[index])
    }

    /// The name of a class.
    func className(_ index: Int) -> String {
        let names = run.head?.classes ?? []
        return names.indices.contains(index) ? names[index] : "\(index)"
    }
}

/// "97.1": a fraction in percent with so many decimals, 100 only where it is all; "-" where it is undefined.
func percentText(_ value: Double?, decimals: Int = 1) -> String {
    guard let value, value.isFinite, value.magnitude < 1e9 else { return "-" }
    if value == 1 { return "100" }
    let text = Format.fixed(value * 100, decimals)
    // What is less than all does not say all.
    return value < 1 && text.hasPrefix("100") ? "99." + String(repeating: "9", count: decimals) : text
}

/// "[92.7–98.9]", in percent; empty without an interval.
func intervalText(_ interval: Interval?, _ glyphs: GlyphSet, decimals: Int = 1) -> String {
    guard let interval, interval.low.isFinite, interval.high.isFinite else { return "" }
    let (low, high) = (percentText(interval.low, decimals: decimals), percentText(interval.high, decimals: decimals))
    return "[\(low)\(glyphs.pick("–", "-"))\(high)]"
}

/// Decimals of a percent with which areas can be told from one another: next to 1 one is too few.
func areaDecimals(_ areas: some Sequence<Double?>) -> Int {
    areas.contains { $0.map { $0 >= 0.995 && $0 < 1 } ?? false } ? 2 : 1
}

/// "98 %", and ">99 %" for what is not all.
func sureness(_ probability: Double) -> String {
    probability >= 0.995 && probability < 1 ? ">99 %" : Format.wholePercent(probability)
}

/// An interval of two numbers that may be missing.
func interval(_ low: Double?, _ high: Double?) -> Interval? {
    guard let low, let high, low.isFinite, high.isFinite else { return nil }
    return Interval(low: low, high: high)
}
