// RegressionIntervals: how certain the measures of predicted numbers are.
import Foundation

/// Intervals of ``RegressionScores``.
public struct RegressionIntervals: Sendable, Equatable {
    public var mae: Interval
    public var rmse: Interval
    /// Nil where R² is undefined.
    public var r2: Interval?

    /// Examples are thrown together into so many groups of errors of nearly one size at most.
    private static let groups = 1_000

    /// MAE and RMSE by the Bayesian bootstrap (Rubin 1981): 2,000 times each example gets an exponential weight; beyond 1,000
    /// examples those with errors of nearly one size get theirs together, a gamma variable. R² by its normal
    /// approximation, 1 - A/B with A = mean (y - ŷ)², B = mean (y - mean)², influence ((y - mean)² A/B - (y - ŷ)²)/B. Nil without
    /// examples or where a prediction is not finite.
    /// - Complexity: O(n log n).
    public init?(predictions: [Float], truth: [Float], level: Double = Interval.usualLevel, seed: UInt64 = 0) {
        guard let scores = RegressionScores(predictions: predictions, truth: truth),
            predictions.allSatisfy(\.isFinite), truth.allSatisfy(\.isFinite)
        else { return nil }
        let errors = zip(predictions, truth).map { (Double($0) - Double($1)).magnitude }.sorted()
        let number = min(Self.groups, errors.count)
        let groups = (0..<number).map { group -> (count: Double, mean: Double, square: Double) in
            let part = errors[group * errors.count / number..<(group + 1) * errors.count / number]
            let count = Double(part.count)
            return (count, part.reduce(0, +) / count, part.reduce(0) { $0 + $1 * $1 } / count)
        }
        var random = GammaDraws(CounterRandom(seed: seed, purpose: .intervals, first: 1))
        var (means, roots): ([Double], [Double]) = ([], [])
        for _ in 0..<ConfusionDraws.usualCount {
            var (total, sum, squares) = (0.0, 0.0, 0.0)
            for group in groups {
                let weight = random.gamma(group.count)
                total += weight
                sum += weight * group.mean
                squares += weight * group.square
            }
            means.append(sum / total)
            roots.append((squares / total).squareRoot())
        }
        guard let mae = Interval(around: scores.mae, draws: means, level: level),
            let rmse = Interval(around: scores.rmse, draws: roots, level: level)
        else { return nil }
        (self.mae, self.rmse) = (mae, rmse)
        guard let value = scores.r2, truth.count > 1 else { return }
        let count = Double(truth.count)
        let mean = truth.reduce(0.0) { $0 + Double($1) } / count
        let spread = truth.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
        let influences = zip(predictions, truth).map { prediction, value in
            let (error, distance) = (Double(prediction) - Double(value), Double(value) - mean)
            return (distance * distance * (scores.rmse * scores.rmse / spread) - error * error) / spread
        }
        let reach =
            Interval.normalQuantile(level: level) * influences.reduce(0) { $0 + $1 * $1 }.squareRoot() / count
        r2 = Interval(low: value - reach, high: min(1, value + reach))
    }
}
