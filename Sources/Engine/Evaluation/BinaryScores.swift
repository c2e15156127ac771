// BinaryScores: measures of one decision between two classes, from four counts.

/// Measures of true and false positives and negatives, which may be weighted. A measure that is undefined is nil, never 0
/// or 1.
public struct BinaryScores: Sendable, Equatable {
    public var truePositives: Double
    public var falsePositives: Double
    public var falseNegatives: Double
    public var trueNegatives: Double

    public init(truePositives: Double, falsePositives: Double, falseNegatives: Double, trueNegatives: Double) {
        precondition(
            min(truePositives, falsePositives, falseNegatives, trueNegatives) >= 0, "a count is negative or no number")
        self.truePositives = truePositives
        self.falsePositives = falsePositives
        self.falseNegatives = falseNegatives
        self.trueNegatives = trueNegatives
    }

    /// Counts examples with a score of at least `threshold` as taken for positive; they are where `labels` is true.
    /// - Parameter weights: how much each example counts; nil: all count 1.
    public init(scores: [Double], labels: [Bool], weights: [Double]? = nil, threshold: Double) {
        precondition(
            scores.count == labels.count && (weights?.count ?? scores.count) == scores.count,
            "\(scores.count) scores, \(labels.count) labels")
        var sums = [0.0, 0, 0, 0]
        for index in scores.indices {
            sums[(scores[index] >= threshold ? 2 : 0) + (labels[index] ? 1 : 0)] += weights?[index] ?? 1
        }
        self.init(
            truePositives: sums[3], falsePositives: sums[2], falseNegatives: sums[1], trueNegatives: sums[0])
    }

    /// TP + FP + FN + TN.
    public var total: Double { truePositives + falsePositives + falseNegatives + trueNegatives }
    /// (TP + TN) / total.
    public var accuracy: Double? { ratio(truePositives + trueNegatives, total) }
    /// TP / (TP + FP); undefined when nothing is taken for positive.
    public var precision: Double? { ratio(truePositives, truePositives + falsePositives) }
    /// TP / (TP + FN), also sensitivity; undefined without positives.
    public var recall: Double? { ratio(truePositives, truePositives + falseNegatives) }
    /// TN / (TN + FP); undefined without negatives.
    public var specificity: Double? { ratio(trueNegatives, trueNegatives + falsePositives) }
    /// 2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall; undefined when nothing is or is taken for positive.
    public var f1: Double? { ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives) }
    /// (recall + specificity) / 2; undefined where one of them is.
    public var balancedAccuracy: Double? {
        guard let recall, let specificity else { return nil }
        return (recall + specificity) / 2
    }
    /// Matthews correlation coefficient (1975), (TP TN - FP FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)), -1 to 1; undefined where one
    /// class does not occur or is never predicted.
    public var mcc: Double? {
        let positives = (truePositives + falsePositives) * (truePositives + falseNegatives)
        let negatives = (trueNegatives + falsePositives) * (trueNegatives + falseNegatives)
        guard positives > 0, negatives > 0 else { return nil }
        return (truePositives * trueNegatives - falsePositives * falseNegatives)
            / (positives.squareRoot() * negatives.squareRoot())
    }
    /// Cohen's kappa (1960): (accuracy - accuracy by chance) / (1 - accuracy by chance), where chance has the same fractions of
    /// true and of predicted classes; undefined where chance alone is always right.
    public var cohenKappa: Double? {
        guard let accuracy else { return nil }
        let chance =
            ((truePositives + falsePositives) * (truePositives + falseNegatives)
                + (trueNegatives + falsePositives) * (trueNegatives + falseNegatives)) / (total * total)
        return chance < 1 ? (accuracy - chance) / (1 - chance) : nil
    }

    private func ratio(_ part: Double, _ whole: Double) -> Double? { whole > 0 ? part / whole : nil }
}
