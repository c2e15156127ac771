// PairedTests: whether two models differ by more than chance on the same examples.
import Foundation

/// McNemar's test (1947, "Note on the sampling error of the difference between correlated proportions or percentages"): of the
/// examples that only one of two models gets right, are the shares of both equal?
public struct McNemarTest: Sendable, Equatable {
    /// Examples that only the first model gets right.
    public var firstOnly: Int
    /// Examples that only the second one gets right.
    public var secondOnly: Int
    /// All examples.
    public var total: Int

    public init(firstOnly: Int, secondOnly: Int, total: Int) {
        precondition(
            firstOnly >= 0 && secondOnly >= 0 && firstOnly + secondOnly <= total, "more than \(total) examples")
        self.firstOnly = firstOnly
        self.secondOnly = secondOnly
        self.total = total
    }

    /// The test of the hits of two models on the same examples.
    public init(first: [Bool], second: [Bool]) {
        precondition(first.count == second.count, "\(first.count) and \(second.count) examples")
        self.init(
            firstOnly: zip(first, second).count { $0 && !$1 }, secondOnly: zip(first, second).count { !$0 && $1 },
            total: first.count)
    }

    /// With fewer examples on which the models differ, ``pValue`` is exact.
    public static let exactBelow = 25
    public var isExact: Bool { firstOnly + secondOnly < Self.exactBelow }

    /// The two-sided p-value: of the binomial distribution with p = 1/2, min(1, 2 P(X ≤ smaller count)), with fewer than
    /// ``exactBelow`` differing examples; else of (|b - c| - 1)² / (b + c) in the chi-squared distribution with one degree of
    /// freedom (with the continuity correction of Edwards 1948).
    public var pValue: Double {
        let (b, c) = (firstOnly, secondOnly)
        if isExact { return min(1, 2 * lowerTail) }
        let distance = max(0, abs(b - c) - 1)
        // With one degree of freedom, P(χ² > x) = erfc(√(x/2)).
        return erfc((Double(distance) * Double(distance) / Double(b + c) / 2).squareRoot())
    }

    /// The mid-p-value, 2 P(X ≤ smaller count) - P(X = smaller count): less cautious than the exact test, and closer to its
    /// level (Fagerland, Lydersen & Laake 2013, "The McNemar test for binary matched-pairs data").
    public var midPValue: Double {
        firstOnly == secondOnly ? 1 : min(1, 2 * lowerTail - probability(min(firstOnly, secondOnly)))
    }

    /// P(X = k) of Binomial(differing examples, 1/2).
    private func probability(_ k: Int) -> Double {
        let (n, hits) = (Double(firstOnly + secondOnly), Double(k))
        let ways = lgamma(n + 1) - lgamma(hits + 1) - lgamma(n - hits + 1)
        return exp(ways - n * log(2.0))
    }

    private var lowerTail: Double { (0...min(firstOnly, secondOnly)).reduce(0) { $0 + probability($1) } }

    /// Accuracy of the first model less that of the second; nil without examples.
    public var difference: Double? { total > 0 ? Double(firstOnly - secondOnly) / Double(total) : nil }

    /// The interval of ``difference``: Wald's with 1/2 added to each of the four counts (Agresti & Min 2005, "Simple improved
    /// confidence intervals for comparing matched proportions"), which has a width even where the models never differ.
    public func interval(level: Double = Interval.usualLevel) -> Interval? {
        guard total > 0 else { return nil }
        let (b, c, n) = (Double(firstOnly) + 0.5, Double(secondOnly) + 0.5, Double(total) + 2)
        let middle = (b - c) / n
        let reach = Interval.normalQuantile(level: level) * ((b + c) - (b - c) * (b - c) / n).squareRoot() / n
        return Interval(low: max(-1, middle - reach), high: min(1, middle + reach))
    }
}

/// The test of DeLong, DeLong & Clarke-Pearson (1988): do the areas under the ROC curves of two models differ on the same
/// examples?
public struct PairedAreaTest: Sendable, Equatable {
    /// Areas of the two models.
    public var first: Double
    public var second: Double
    /// Variance of the difference of the areas, from the differences of the placements of each example.
    public var variance: Double

    public var difference: Double { first - second }

    /// Two-sided, of difference / √variance in the normal distribution. Where all examples agree on the difference it can't be
    /// told: 1 if there is none, else nil.
    public var pValue: Double? {
        if difference == 0 { return 1 }
        return variance > 0 ? erfc(difference.magnitude / (2 * variance).squareRoot()) : nil
    }

    /// The normal interval of ``difference``; nil where the variance is 0.
    public func interval(level: Double = Interval.usualLevel) -> Interval? {
        guard variance > 0 else { return nil }
        let reach = Interval.normalQuantile(level: level) * variance.squareRoot()
        return Interval(low: max(-1, difference - reach), high: min(1, difference + reach))
    }

    /// The test of the scores of two models; an example is positive where `labels` is true. Nil where only one class is
    /// present, or a score is not a number.
    /// - Complexity: O(n log n).
    public init?(first: [Double], second: [Double], labels: [Bool]) {
        guard let a = Placements(scores: first, labels: labels), let b = Placements(scores: second, labels: labels)
        else { return nil }
        self.first = a.auc
        self.second = b.auc
        let mean = a.auc - b.auc
        // Positives and negatives apart: sums of squares and counts.
        var (squares, counts) = ([0.0, 0.0], [0, 0])
        for (index, label) in labels.enumerated() {
            let distance = a.values[index] - b.values[index] - mean
            squares[label ? 1 : 0] += distance * distance
            counts[label ? 1 : 0] += 1
        }
        let variance = zip(squares, counts).reduce(0) { sum, side in
            side.1 > 1 ? sum + side.0 / (Double(side.1) * Double(side.1 - 1)) : sum
        }
        self.variance = variance > 1e-24 ? variance : 0
    }
}

/// The placement of each example: of a positive one the fraction of negatives with a smaller score, of a negative one the
/// fraction of positives with a larger score, ties half.
struct Placements {
    /// In the order of the examples.
    let values: [Double]
    let auc: Double

    init?(scores: [Double], labels: [Bool]) {
        precondition(scores.count == labels.count, "\(scores.count) scores, \(labels.count) labels")
        let positives = labels.count { $0 }
        let negatives = labels.count - positives
        guard positives > 0, negatives > 0, !scores.contains(where: \.isNaN) else { return nil }
        let order = scores.indices.sorted { scores[$0] > scores[$1] }
        var values = [Double](repeating: 0, count: scores.count)
        var (hits, misses, first, halfPairs) = (0, 0, 0, 0)
        while first < order.count {
            var end = first
            while end < order.count, scores[order[end]] == scores[order[first]] { end += 1 }
            let equal = order[first..<end].count { labels[$0] }
            let others = end - first - equal
            for index in order[first..<end] {
                values[index] =
                    labels[index]
                    ? 1 - (Double(misses) + Double(others) / 2) / Double(negatives)
                    : (Double(hits) + Double(equal) / 2) / Double(positives)
            }
            halfPairs += others * (2 * hits + equal)
            (hits, misses, first) = (hits + equal, misses + others, end)
        }
        self.values = values
        auc = Double(halfPairs) / Double(2 * positives * negatives)
    }
}
