// FoldSummary: what the folds of a cross-validation say of a measure together.
import Foundation

/// The mean of a measure over the folds of a cross-validation, how far the folds lie apart, and how far the mean can be trusted.
public struct FoldSummary: Sendable, Equatable {
    /// Folds.
    public var count: Int
    public var mean: Double
    /// Sample deviation over the folds, √(Σ(value - mean)² / (count - 1)); nil of a single fold.
    public var deviation: Double?
    /// Interval of the measure's expectation, at 95 %; nil of a single fold. See ``init(_:testShare:within:)``.
    public var low: Double?
    public var high: Double?

    /// How often intervals hold the expectation.
    public static let level = 0.95

    /// The summary of `values`, one a fold; nil without any.
    ///
    /// The interval is the corrected resampled t interval of Nadeau & Bengio 2003, "Inference for the generalization error",
    /// section 3: mean ± t(count - 1) · √((1/count + testShare) · deviation²). Models of different folds learn from mostly the same
    /// examples, so their measures hang together, and the usual √(1/count) promises too much; `testShare` makes up for that.
    /// - Parameters:
    ///   - testShare: examples that a fold is measured on, by those that it is trained on: 1/(count - 1) for folds of one size.
    ///   - bounds: what the measure can be; the interval is cut there.
    public init?(_ values: [Double], testShare: Double, within bounds: ClosedRange<Double>? = nil) {
        guard !values.isEmpty else { return nil }
        precondition(testShare >= 0, "\(testShare) tested examples a trained one")
        count = values.count
        let n = Double(count)
        let mean = values.reduce(0, +) / n
        self.mean = mean
        guard count > 1 else { return }
        let variance = values.reduce(0.0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)
        deviation = variance.squareRoot()
        let reach = Self.quantile(degrees: count - 1) * ((1 / n + testShare) * variance).squareRoot()
        low = bounds.map { max($0.lowerBound, mean - reach) } ?? mean - reach
        high = bounds.map { min($0.upperBound, mean + reach) } ?? mean + reach
    }

    /// The t for which a variable of Student's distribution with `degrees` degrees of freedom lies within ±t with probability
    /// ``level``, by bisection.
    static func quantile(degrees: Int) -> Double {
        var (below, above) = (0.0, 16.0)
        for _ in 0..<80 {
            let middle = (below + above) / 2
            if within(middle, degrees: degrees) < level { below = middle } else { above = middle }
        }
        return (below + above) / 2
    }

    /// Probability that a variable of Student's distribution lies within ±`t` (Abramowitz & Stegun 26.7.3 and 26.7.4).
    static func within(_ t: Double, degrees: Int) -> Double {
        precondition(degrees > 0, "\(degrees) degrees of freedom")
        let angle = atan(t / Double(degrees).squareRoot())
        let (sine, cosine) = (sin(angle), cos(angle))
        let isOdd = degrees % 2 == 1
        // 1 + 1/2 cos² + 1·3/(2·4) cos⁴ + …, or cos + 2/3 cos³ + 2·4/(3·5) cos⁵ + …
        var (term, sum) = isOdd ? (cosine, degrees > 1 ? cosine : 0) : (1, 1)
        for power in stride(from: isOdd ? 3 : 2, through: degrees - 2, by: 2) {
            term *= Double(power - 1) / Double(power) * cosine * cosine
            sum += term
        }
        return isOdd ? 2 / Double.pi * (angle + sine * sum) : sine * sum
    }
}
