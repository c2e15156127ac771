// RegressionScores: how far predicted numbers are from the true ones.

/// Measures of predicted numbers over examples, in double precision. `MAE` and `RMSE` are in the target's own units.
public struct RegressionScores: Sendable, Equatable {
    /// Examples measured; at least 1.
    public var count: Int
    /// Mean absolute error, Σ|prediction - truth| / n, in the target's units.
    public var mae: Double
    /// Root of the mean squared error, √(Σ(prediction - truth)² / n), in the target's units.
    public var rmse: Double
    /// Coefficient of determination, 1 - Σ(truth - prediction)² / Σ(truth - mean of truth)², without a unit: 1 is perfect, 0 is
    /// what the mean of these examples would do, and it may be negative. Undefined, so nil, when the truth is constant: there
    /// is nothing to explain then. (scikit-learn's `r2_score` writes 0 or 1 there.)
    public var r2: Double?

    public init(count: Int, mae: Double, rmse: Double, r2: Double?) {
        self.count = count
        self.mae = mae
        self.rmse = rmse
        self.r2 = r2
    }

    /// The scores of `predictions` against `truth`; nil without examples. A prediction that is not a number makes all three
    /// not a number.
    /// - Complexity: O(n).
    public init?(predictions: [Float], truth: [Float]) {
        precondition(predictions.count == truth.count, "\(predictions.count) predictions of \(truth.count) numbers")
        guard let first = truth.first else { return nil }
        let count = Double(truth.count)
        var (absolute, squares, sum) = (0.0, 0.0, 0.0)
        for (prediction, value) in zip(predictions, truth) {
            let error = Double(prediction) - Double(value)
            absolute += error.magnitude
            squares += error * error
            sum += Double(value)
        }
        let mean = sum / count
        let spread = truth.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        self.init(
            count: truth.count, mae: absolute / count, rmse: (squares / count).squareRoot(),
            // A mean is rounded, so that equal numbers may seem to differ from it.
            r2: truth.allSatisfy { $0 == first } ? nil : 1 - squares / spread)
    }

    /// The scores under their names in metrics, those that are defined.
    public var named: [(name: String, value: Double)] {
        [("mae", mae), ("rmse", rmse)] + (r2.map { [("r2", $0)] } ?? [])
    }
}
