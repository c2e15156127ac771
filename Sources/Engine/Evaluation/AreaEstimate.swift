// AreaEstimate: an area under ROC curves with what is needed to say how certain it is.
import Foundation

/// An area under an ROC curve, or the mean of several of the same examples, with its variance.
///
/// The variance is that of DeLong, DeLong & Clarke-Pearson (1988, "Comparing the areas under two or more correlated receiver
/// operating characteristic curves"): with the placement of a positive example, the fraction of negative ones with a
/// smaller score (ties half), and that of a negative one, the fraction of positive ones with a larger score,
/// Var = s²(placements of positives) / m + s²(placements of negatives) / n. Placements come from one sort, as with the
/// mid-ranks of Sun & Xu (2014).
///
/// For a mean over K classes, each against the rest, an example's influence is (placement - area of the class) / (examples on
/// its side), averaged over the classes; the variance is the sum of the squares, those of class c times n_c / (n_c - 1).
/// With two classes that is DeLong's.
public struct AreaEstimate: Sendable, Equatable {
    /// The area, 0 to 1.
    public var auc: Double
    /// 0 where the examples can't tell: all placements are equal, or one side has a single example.
    public var variance: Double
    /// Positive and negative examples of each curve.
    var sides: [Sides]

    /// How many examples a curve tells apart.
    struct Sides: Sendable, Equatable {
        var positives: Int
        var negatives: Int
    }

    /// The interval: auc ± z·sd on the scale of logits, which keeps it between 0 and 1. Where the variance is 0, method 5 of
    /// Newcombe (2006, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic, part 2"): the
    /// areas θ with |auc - θ| ≤ z·√V(θ), V(θ) = θ (1 - θ) (1 + N (1 - θ)/(2 - θ) + N θ/(1 + θ)) / (m n), N = (m + n)/2 - 1, so that
    /// a perfect area of a few examples isn't called certain. For a mean over classes √V is the mean of theirs, as if
    /// their areas moved together: on the safe side.
    public func interval(level: Double = Interval.usualLevel) -> Interval {
        let z = Interval.normalQuantile(level: level)
        guard variance > 0, auc > 0, auc < 1 else { return newcombe(z) }
        let logit = log(auc / (1 - auc))
        let reach = z * variance.squareRoot() / (auc * (1 - auc))
        func back(_ logit: Double) -> Double { 1 / (1 + exp(-logit)) }
        return Interval(low: back(logit - reach), high: back(logit + reach))
    }

    private func newcombe(_ z: Double) -> Interval {
        func deviation(_ area: Double) -> Double {
            sides.reduce(0) { sum, side in
                let (m, n) = (Double(side.positives), Double(side.negatives))
                let others = (m + n) / 2 - 1
                let factor = 1 + others * (1 - area) / (2 - area) + others * area / (1 + area)
                return sum + (area * (1 - area) * factor / (m * n)).squareRoot()
            } / Double(sides.count)
        }
        /// The area between `auc`, which is close enough, and `end`, which is too far, where it changes.
        func limit(_ end: Double) -> Double {
            var (near, far) = (auc, end)
            for _ in 0..<60 {
                let middle = (near + far) / 2
                if (auc - middle).magnitude <= z * deviation(middle) { near = middle } else { far = middle }
            }
            return auc == end ? end : near
        }
        return Interval(low: limit(0), high: limit(1))
    }

    /// The mean of the areas `estimates`, one a class; nil where one of them is undefined.
    /// - Parameters:
    ///   - influences: of each example on the sum of the areas.
    ///   - labels: its class.
    static func macro(_ estimates: [AreaEstimate?], influences: [Double], labels: [Int32]) -> AreaEstimate? {
        let defined = estimates.compactMap { $0 }
        guard defined.count == estimates.count, !defined.isEmpty else { return nil }
        let classes = Double(defined.count)
        var counts = [Int](repeating: 0, count: defined.count)
        var squares = [Double](repeating: 0, count: defined.count)
        for (label, influence) in zip(labels, influences) {
            counts[Int(label)] += 1
            squares[Int(label)] += influence * influence
        }
        var variance = 0.0
        if counts.allSatisfy({ $0 > 1 }), defined.contains(where: { $0.variance > 0 }) {
            variance = zip(counts, squares).reduce(0) { $0 + $1.1 * Double($1.0) / Double($1.0 - 1) }
        }
        return AreaEstimate(
            auc: defined.reduce(0) { $0 + $1.auc } / classes, variance: variance / (classes * classes),
            sides: defined.flatMap(\.sides))
    }
}

extension AreaEstimate {
    /// The area under the ROC curve of `scores`, larger meaning more likely positive; an example is positive where `labels`
    /// is true. Nil where only one class is present, or a score is not a number.
    /// - Complexity: O(n log n).
    public init?(scores: [Double], labels: [Bool]) {
        guard let estimate = SortedScores(scores, labels: labels)?.counting.estimate else { return nil }
        self = estimate
    }
}
