// ConfusionScores: measures of a confusion matrix whose counts need not be whole, so that they can be drawn at random.

/// What measures over all classes need of a confusion matrix.
struct ConfusionScores {
    /// Examples by true class, by predicted class, and hits.
    var supports: [Double]
    var predictions: [Double]
    var hits: [Double]

    init(_ matrix: ConfusionMatrix) {
        let margins = matrix.margins
        supports = margins.supports.map(Double.init)
        predictions = margins.predictions.map(Double.init)
        hits = margins.hits.map(Double.init)
    }

    var total: Double { supports.reduce(0, +) }

    private func ratio(_ part: Double, _ whole: Double) -> Double? { whole > 0 ? part / whole : nil }

    /// Classes that occur or are predicted.
    private var present: [Int] { supports.indices.filter { supports[$0] + predictions[$0] > 0 } }

    private func mean(_ values: [Double?]) -> Double? {
        let defined = values.compactMap { $0 }
        return defined.isEmpty || defined.count < values.count ? nil : defined.reduce(0, +) / Double(defined.count)
    }

    var macroPrecision: Double? { mean(present.map { ratio(hits[$0], predictions[$0]) }) }
    var macroRecall: Double? { mean(present.filter { supports[$0] > 0 }.map { ratio(hits[$0], supports[$0]) }) }
    var macroF1: Double? { mean(present.map { ratio(2 * hits[$0], supports[$0] + predictions[$0]) }) }

    private func weighted(_ values: [Double?]) -> Double? {
        let total = total
        guard total > 0 else { return nil }
        var sum = 0.0
        for (support, value) in zip(supports, values) where support > 0 {
            guard let value else { return nil }
            sum += support * value
        }
        return sum / total
    }

    var weightedPrecision: Double? { weighted(supports.indices.map { ratio(hits[$0], predictions[$0]) }) }
    var weightedF1: Double? {
        weighted(supports.indices.map { ratio(2 * hits[$0], supports[$0] + predictions[$0]) })
    }

    /// Σ true count · predicted count over the classes.
    private var agreement: Double { zip(supports, predictions).reduce(0) { $0 + $1.0 * $1.1 } }

    var mcc: Double? {
        let all = total
        let truths = all * all - supports.reduce(0) { $0 + $1 * $1 }
        let guesses = all * all - predictions.reduce(0) { $0 + $1 * $1 }
        // Rounding may leave a little of nothing.
        guard truths > 1e-12 * all * all, guesses > 1e-12 * all * all else { return nil }
        return (hits.reduce(0, +) * all - agreement) / (truths * guesses).squareRoot()
    }

    var cohenKappa: Double? {
        let all = total
        guard all > 0 else { return nil }
        let chance = agreement / (all * all)
        return chance < 1 - 1e-12 ? (hits.reduce(0, +) / all - chance) / (1 - chance) : nil
    }
}
