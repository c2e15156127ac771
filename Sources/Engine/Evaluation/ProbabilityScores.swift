// ProbabilityScores: how good predicted probabilities are, beyond which of them is largest.
import Foundation

/// Measures of predicted probabilities. Each is given as a value an example, whose (weighted) mean is the score, so that an
/// interval of the mean can be told too.
public enum ProbabilityScores {
    /// Probabilities are kept this far from 0 and 1 before their logarithm is taken, as scikit-learn does for doubles.
    public static let smallest = Double.ulpOfOne

    /// Log loss of each example, -ln of the probability of its class, clipped to `smallest`...1 - `smallest`.
    /// - Parameters:
    ///   - probabilities: (examples, classes), row-major.
    ///   - labels: a class index an example.
    public static func logLosses(_ probabilities: [Float], labels: [Int32], classes: Int) -> [Double] {
        check(probabilities, labels, classes)
        return labels.enumerated().map { row, label in -log(clipped(Double(probabilities[row * classes + Int(label)])))
        }
    }

    /// Log loss of each example of two classes: `probabilities` are those of the positive class.
    public static func logLosses(_ probabilities: [Double], labels: [Bool]) -> [Double] {
        zip(probabilities, labels).map { probability, label in
            -log(clipped(label ? probability : 1 - probability))
        }
    }

    private static func clipped(_ probability: Double) -> Double { max(smallest, min(1 - smallest, probability)) }

    /// Brier score of each example (Brier 1950, "Verification of forecasts expressed in terms of probability"): with several
    /// classes Σ(p - 1 or 0)² over all of them, 0 to 2; with two (p - y)² of the second, half as much, as is the custom.
    public static func brier(_ probabilities: [Float], labels: [Int32], classes: Int) -> [Double] {
        check(probabilities, labels, classes)
        return labels.indices.map { row in
            let label = Int(labels[row])
            if classes == 2 {
                let distance = Double(probabilities[row * 2 + 1]) - Double(label)
                return distance * distance
            }
            return (0..<classes).reduce(0) { sum, k in
                let distance = Double(probabilities[row * classes + k]) - (k == label ? 1 : 0)
                return sum + distance * distance
            }
        }
    }

    /// Brier score of each example of two classes: `probabilities` are those of the positive class.
    public static func brier(_ probabilities: [Double], labels: [Bool]) -> [Double] {
        zip(probabilities, labels).map { ($0 - ($1 ? 1 : 0)) * ($0 - ($1 ? 1 : 0)) }
    }

    /// Examples whose class is among the `k` most probable ones; of equals the later class goes first, as in scikit-learn's
    /// `top_k_accuracy_score`.
    public static func topHits(_ k: Int, _ probabilities: [Float], labels: [Int32], classes: Int) -> Int {
        check(probabilities, labels, classes)
        return labels.indices.count { row in
            let (first, label) = (row * classes, Int(labels[row]))
            let own = probabilities[first + label]
            guard !own.isNaN else { return false }
            var before = 0
            for other in 0..<classes {
                let value = probabilities[first + other]
                if value > own || (value == own && other > label) { before += 1 }
            }
            return before < k
        }
    }

    /// The mean of `values`, or that of examples that count `weights` each; nil without examples.
    public static func mean(_ values: [Double], weights: [Double]? = nil) -> Double? {
        guard let weights else { return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count) }
        precondition(weights.count == values.count, "\(values.count) values, \(weights.count) weights")
        let total = weights.reduce(0, +)
        return total > 0 ? zip(values, weights).reduce(0) { $0 + $1.0 * $1.1 } / total : nil
    }

    private static func check(_ probabilities: [Float], _ labels: [Int32], _ classes: Int) {
        precondition(
            probabilities.count == labels.count * classes, "\(probabilities.count) values, \(labels.count) labels")
    }
}

extension Double {
    /// Rounded to `places` decimals.
    func rounded(places: Int) -> Double {
        let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = self * scale
        return scaled.isFinite ? scaled.rounded() / scale : self
    }
}
