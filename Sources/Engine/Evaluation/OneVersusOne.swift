// Means of areas over classes.

extension ROCCurve {
    /// How much each class counts in a mean.
    public enum Averaging: Sendable {
        /// All classes alike.
        case macro
        /// Each as much as it has examples.
        case weighted
    }

    /// Mean area under the curves of each class against all others; nil where one of them is undefined.
    public static func meanAreaOneVersusRest(
        probabilities: [Float], labels: [Int32], classes: Int, averaging: Averaging = .macro
    ) -> Double? {
        var (sum, total) = (0.0, 0.0)
        for k in 0..<classes {
            let curve = ROCCurve(
                class: k, of: classes, probabilities: probabilities, labels: labels, keepsCorners: true)
            guard let auc = curve.auc else { return nil }
            let weight = averaging == .macro ? 1 : Double(labels.count { $0 == Int32(k) })
            sum += weight * auc
            total += weight
        }
        return total > 0 ? sum / total : nil
    }

    /// The M measure of Hand & Till (2001, "A simple generalisation of the area under the ROC curve for multiple class
    /// classification problems"): the mean over all pairs of classes of (A(i|j) + A(j|i))/2, where A(i|j) is the area under the curve
    /// of the probability of class i among the examples of both. Fractions of the classes do not matter to it. Nil where a
    /// class has no examples.
    /// - Complexity: O(classes · n log n).
    public static func meanAreaOneVersusOne(probabilities: [Float], labels: [Int32], classes: Int) -> Double? {
        precondition(
            probabilities.count == labels.count * classes, "\(probabilities.count) values, \(labels.count) labels")
        var rows = [[Int]](repeating: [], count: classes)
        for (row, label) in labels.enumerated() { rows[Int(label)].append(row) }
        var sum = 0.0
        for first in 0..<classes {
            for second in 0..<classes where second != first {
                let both = rows[first] + rows[second]
                let curve = ROCCurve(
                    scores: both.map { probabilities[$0 * classes + first] },
                    labels: both.map { labels[$0] == Int32(first) })
                guard let auc = curve.auc else { return nil }
                sum += auc
            }
        }
        return classes > 1 ? sum / Double(classes * (classes - 1)) : nil
    }
}
