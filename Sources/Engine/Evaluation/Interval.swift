// Interval: what a measure of some examples says about all that could have been measured.
import Foundation

/// A confidence interval: both ends belong to it.
public struct Interval: Sendable, Equatable {
    public var low: Double
    public var high: Double

    public init(low: Double, high: Double) {
        self.low = low
        self.high = high
    }

    /// How often intervals hold the true value, unless another level is asked for.
    public static let usualLevel = 0.95

    public func contains(_ value: Double) -> Bool { low <= value && value <= high }

    /// The interval of a fraction (Wilson 1927, "Probable inference, the law of succession, and statistical inference"):
    /// the values p that lie at most z standard deviations √(p (1 - p) / n) from the fraction that was seen,
    /// (p̂ + z²/2n ± z √(p̂ (1 - p̂)/n + z²/4n²)) / (1 + z²/n). It has a width even where none or all are hits.
    /// - Parameters:
    ///   - hits: 0 to `count`; need not be whole.
    ///   - count: more than 0; nil is given back for 0.
    public static func wilson(hits: Double, of count: Double, level: Double = usualLevel) -> Interval? {
        precondition(hits >= 0 && count >= 0 && hits <= count * (1 + 1e-12), "\(hits) hits of \(count)")
        guard count > 0 else { return nil }
        let z = normalQuantile(level: level)
        let fraction = min(1, hits / count)
        let middle = (fraction + z * z / (2 * count)) / (1 + z * z / count)
        let reach =
            z / (1 + z * z / count)
            * (fraction * (1 - fraction) / count + z * z / (4 * count * count)).squareRoot()
        // The ends are exact where all or none are hits; rounding would put the fraction outside.
        return Interval(
            low: fraction == 0 ? 0 : max(0, min(fraction, middle - reach)),
            high: fraction == 1 ? 1 : min(1, max(fraction, middle + reach)))
    }

    /// The interval of a fraction of counts.
    public static func wilson(_ hits: Int, of count: Int, level: Double = usualLevel) -> Interval? {
        wilson(hits: Double(hits), of: Double(count), level: level)
    }

    /// The normal interval of the mean of `values`, mean ± z s/√n with s² = Σ(v - mean)² / (n - 1); nil with fewer than two.
    public static func mean(of values: [Double], level: Double = usualLevel) -> Interval? {
        guard values.count > 1 else { return nil }
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let squares = values.reduce(0.0) { $0 + ($1 - mean) * ($1 - mean) }
        let reach = normalQuantile(level: level) * (squares / (count - 1) / count).squareRoot()
        return Interval(low: mean - reach, high: mean + reach)
    }

    /// The z for which a standard normal variable lies within ±z with probability `level` (0 to 1, neither of them):
    /// Newton's method on 1 - erfc(z/√2).
    static func normalQuantile(level: Double) -> Double {
        precondition(level > 0 && level < 1, "a level of \(level)")
        if level == usualLevel { return 1.959963984540054 }
        // erfc(z/√2) = 1 - level falls and is convex: from 0 no step goes too far.
        var z = 0.0
        for _ in 0..<200 {
            let step = (erfc(z / 2.0.squareRoot()) - (1 - level)) / (exp(-z * z / 2) * (2 / Double.pi).squareRoot())
            z += step
            if step.magnitude < 1e-14 * max(1, z) { break }
        }
        return z
    }
}
