// Precision over recall: how many of those that are taken for positive are, at every threshold.
import Foundation

/// Precision over recall of scores against binary labels.
///
/// Points are as scikit-learn's `precision_recall_curve` has them: point i is what a classifier does that takes every example
/// with a score of at least `thresholds[i]` for positive, thresholds rise, and a last point without a threshold has
/// precision 1 and recall 0. Between two points there is no straight line (Davis & Goadrich 2006, "The relationship between
/// precision-recall and ROC curves"): draw steps.
///
/// Without a positive example, or where a score is not a number, the curve is undefined: no points, and
/// `averagePrecision` is nil.
public struct PrecisionRecallCurve: Sendable, Equatable {
    /// True positives over all that are taken for positive.
    public var precisions: [Double]
    /// True positives over all positives, never rising.
    public var recalls: [Double]
    /// Scores, rising; one fewer than points.
    public var thresholds: [Double]
    /// Area under the steps, Σ (recall - recall at the next larger score) · precision; nil where it is not known.
    public var averagePrecision: Double?

    /// The curve that is undefined.
    public static let undefined = PrecisionRecallCurve(
        precisions: [], recalls: [], thresholds: [], averagePrecision: nil)

    /// A curve whose points are known.
    public init(precisions: [Double], recalls: [Double], thresholds: [Double], averagePrecision: Double?) {
        precondition(
            precisions.count == recalls.count && thresholds.count == max(0, recalls.count - 1),
            "\(precisions.count) and \(recalls.count) coordinates, \(thresholds.count) thresholds")
        self.precisions = precisions
        self.recalls = recalls
        self.thresholds = thresholds
        self.averagePrecision = averagePrecision
    }

    /// The curve as it is to be drawn, recall rising: in steps under which ``averagePrecision`` lies, as there is no straight line
    /// between two points (Davis & Goadrich 2006).
    public var steps: (recalls: [Double], precisions: [Double]) {
        var steps: (recalls: [Double], precisions: [Double]) = ([], [])
        for place in recalls.indices.reversed() {
            if let before = steps.recalls.last {
                steps.recalls.append(before)
                steps.precisions.append(precisions[place])
            }
            steps.recalls.append(recalls[place])
            steps.precisions.append(precisions[place])
        }
        return steps
    }

    /// Number of points; 0 when the curve is undefined.
    public var count: Int { recalls.count }

    /// The curve of `scores`, larger meaning more likely positive; an example is positive where `labels` is true.
    /// - Complexity: O(n log n).
    public init(scores: [Double], labels: [Bool]) {
        guard let sorted = SortedScores(scores, labels: labels) else {
            self = .undefined
            return
        }
        var sums: [Sum] = []
        sums.reserveCapacity(scores.count)
        var (hits, misses) = (0, 0)
        sorted.forEachScore { score, positives, negatives in
            hits += positives
            misses += negatives
            sums.append((Double(hits), Double(misses), score))
        }
        self.init(sums)
    }

    /// The curve of examples that count `weights` each (0 or more); those of weight 0 do not count at all.
    /// - Complexity: O(n log n).
    public init(scores: [Double], labels: [Bool], weights: [Double]) {
        self.init(WeightedScores.sums(scores: scores, labels: labels, weights: weights) ?? [])
    }

    /// The points of precision over recall that belong to the points of `roc`, a curve of so many examples; those of a curve
    /// with fewer points lie on the full one all the same. The average precision is not known from them.
    public init(_ roc: ROCCurve, positives: Int, negatives: Int) {
        let (m, n) = (Double(positives), Double(negatives))
        let sums = roc.thresholds.indices.dropFirst().map { i -> Sum in
            (roc.truePositiveRates[i] * m, roc.falsePositiveRates[i] * n, roc.thresholds[i])
        }
        self.init(sums)
        averagePrecision = nil
    }

    /// Positives and negatives with a score of at least `score`.
    typealias Sum = (positives: Double, negatives: Double, score: Double)

    /// The curve of sums with falling scores.
    private init(_ sums: [Sum]) {
        guard let all = sums.last?.positives, all > 0 else {
            self = .undefined
            return
        }
        var area = 0.0
        var before = 0.0
        for sum in sums where sum.positives > before {
            area += (sum.positives - before) / all * (sum.positives / (sum.positives + sum.negatives))
            before = sum.positives
        }
        let rising = sums.reversed()
        self.init(
            precisions: rising.map {
                $0.positives > 0 ? $0.positives / ($0.positives + $0.negatives) : 0
            } + [1],
            recalls: rising.map { $0.positives / all } + [0], thresholds: rising.map(\.score), averagePrecision: area)
    }
}

/// Scores whose examples count differently.
enum WeightedScores {
    /// The weights of positives and negatives with a score of at least each one that occurs, falling; nil where a score is
    /// not a number. Examples of weight 0 are left out.
    static func sums(scores: [Double], labels: [Bool], weights: [Double]) -> [PrecisionRecallCurve.Sum]? {
        precondition(
            scores.count == labels.count && weights.count == labels.count,
            "\(scores.count) scores, \(weights.count) weights, \(labels.count) labels")
        precondition(weights.allSatisfy { $0 >= 0 && $0.isFinite }, "a weight is negative or not finite")
        let order = scores.indices.filter { weights[$0] > 0 }.sorted { scores[$0] > scores[$1] }
        guard !order.contains(where: { scores[$0].isNaN }) else { return nil }
        var sums: [PrecisionRecallCurve.Sum] = []
        var (positives, negatives) = (0.0, 0.0)
        for (place, index) in order.enumerated() {
            if labels[index] { positives += weights[index] } else { negatives += weights[index] }
            guard place + 1 == order.count || scores[order[place + 1]] != scores[index] else { continue }
            sums.append((positives, negatives, scores[index]))
        }
        return sums
    }
}

/// An average precision, or the mean of several of the same examples, with its variance.
public struct PrecisionEstimate: Sendable, Equatable {
    /// The average precision, 0 to 1.
    public var averagePrecision: Double
    /// By the infinitesimal jackknife (Efron 1982, "The jackknife, the bootstrap and other resampling plans", chapter 6):
    /// Σ U² n/(n - 1), where U is how the average precision changes with the weight of an example. With M positives, P and N
    /// positives and negatives at or above a score and d positives at it, a positive example of score s has
    /// U = (P/(P+N) - AP + Σ d N/(P+N)²) / M, a negative one U = -Σ d P/(P+N)² / M, sums over the scores from s down.
    /// 0 where all are in perfect order.
    public var variance: Double
    /// Positive examples of each curve.
    var positives: [Int]

    /// The interval: average precision ± z·sd on the scale of logits; where the variance is 0 Wilson's interval of a fraction
    /// of the positives (the binomial interval of Boyd, Eng & Page 2013, "Area under the precision-recall curve"), for a mean
    /// the mean of such intervals, as if their curves moved together.
    public func interval(level: Double = Interval.usualLevel) -> Interval {
        guard variance > 0, averagePrecision > 0, averagePrecision < 1 else {
            let intervals = positives.compactMap {
                Interval.wilson(hits: averagePrecision * Double($0), of: Double($0), level: level)
            }
            let count = Double(intervals.count)
            return Interval(
                low: intervals.reduce(0) { $0 + $1.low } / count, high: intervals.reduce(0) { $0 + $1.high } / count)
        }
        let logit = log(averagePrecision / (1 - averagePrecision))
        let reach =
            Interval.normalQuantile(level: level) * variance.squareRoot() / (averagePrecision * (1 - averagePrecision))
        func back(_ logit: Double) -> Double { 1 / (1 + exp(-logit)) }
        return Interval(low: back(logit - reach), high: back(logit + reach))
    }

    /// The estimate of `scores`, larger meaning more likely positive; nil without a positive example, or where a score is
    /// not a number.
    /// - Complexity: O(n log n).
    public init?(scores: [Double], labels: [Bool]) {
        guard let sorted = SortedScores(scores, labels: labels), sorted.positives > 0 else { return nil }
        var scores: [PrecisionInfluences.Group] = []
        sorted.forEachScore { scores.append(.init(positives: $1, negatives: $2)) }
        let influences = PrecisionInfluences(scores, positives: sorted.positives)
        let squares = zip(scores, influences.ofScores).reduce(0.0) { sum, group in
            sum + Double(group.0.positives) * group.1.positive * group.1.positive
                + Double(group.0.negatives) * group.1.negative * group.1.negative
        }
        self.init(
            averagePrecision: influences.averagePrecision, squares: squares, count: labels.count,
            positives: [sorted.positives])
    }

    /// The estimate of `averagePrecision` from the squares of the influences of `count` examples.
    init(averagePrecision: Double, squares: Double, count: Int, positives: [Int]) {
        self.averagePrecision = averagePrecision
        self.positives = positives
        // Of perfect order rounding alone is left.
        variance = squares > 1e-24 && count > 1 ? squares * Double(count) / Double(count - 1) : 0
    }
}

/// How an average precision changes with the weights of its examples.
struct PrecisionInfluences {
    /// Examples of one score.
    struct Group {
        var positives: Int
        var negatives: Int
    }

    let averagePrecision: Double
    /// For a positive and a negative example of each score.
    let ofScores: [(positive: Double, negative: Double)]

    /// Of examples by falling score; there is a positive one.
    init(_ groups: [Group], positives all: Int) {
        var (hits, misses, area) = (0.0, 0.0, 0.0)
        var precisions: [Double] = []
        precisions.reserveCapacity(groups.count)
        for group in groups {
            hits += Double(group.positives)
            misses += Double(group.negatives)
            precisions.append(hits / (hits + misses))
            area += Double(group.positives) * precisions[precisions.count - 1]
        }
        let count = Double(all)
        averagePrecision = area / count
        var influences = [(positive: Double, negative: Double)](repeating: (0, 0), count: groups.count)
        var (gain, loss) = (0.0, 0.0)
        for place in groups.indices.reversed() {
            let taken = hits + misses
            gain += Double(groups[place].positives) * misses / (taken * taken)
            loss += Double(groups[place].positives) * hits / (taken * taken)
            influences[place] = ((precisions[place] - averagePrecision + gain) / count, -loss / count)
            hits -= Double(groups[place].positives)
            misses -= Double(groups[place].negatives)
        }
        ofScores = influences
    }
}
