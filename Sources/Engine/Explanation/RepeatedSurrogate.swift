// RepeatedSurrogate: surrogates of several seeds as one, with what they disagree about.

/// The surrogates that several seeds gave for one class. All have the features that the neighbourhoods of all seeds together select; each
/// has weights of its own.
struct RepeatedSurrogate {
    struct Term {
        var feature: Int
        var weight: Double
        var low: Double
        var high: Double
    }
    /// Means over the seeds; the largest weight without its sign first.
    private(set) var terms: [Term]
    let intercept: Double
    let rSquared: Double
    let localPrediction: Double
    /// Fraction of the seeds that, had they been alone, would have the same feature first.
    let agreement: Double
    /// The first weight's lead over the second is beyond doubt, judged by how the seeds differ, so that other seeds would put the
    /// same feature first; true where there is nothing to compare.
    let isFirstClear: Bool
    /// Mean over the seeds of Kendall's τ between their ranking of the features and that of the means.
    let rankCorrelation: Double
    /// Weighted deviation of the predictions.
    let deviation: Double

    /// Penalty of the surrogate's ridge regression.
    static let alpha = 1.0

    init(_ sums: [WeightedMoments], target: Int, example: [Float], settings: LIMESettings) {
        precondition(!sums.isEmpty, "no neighbourhood")
        var pooled = sums[0]
        for other in sums.dropFirst() { pooled += other }
        let whole = CentredMoments(pooled, target: target)
        let chosen = whole.select(settings.features, by: settings.selection, example: example)
        let each = sums.map { CentredMoments($0, target: target) }
        let models = each.map { $0.ridge(chosen, alpha: Self.alpha) }
        let count = Double(models.count)
        func mean(_ value: (LinearModel) -> Double) -> Double { models.reduce(0) { $0 + value($1) } / count }
        let unordered = chosen.indices.map { place in
            let weights = models.map { $0.coefficients[place] }
            return Term(
                feature: chosen[place], weight: weights.reduce(0, +) / count, low: weights.min() ?? 0,
                high: weights.max() ?? 0)
        }
        let order = Self.ranked(unordered.map(\.weight))
        terms = order.map { unordered[$0] }
        isFirstClear =
            order.count < 2
            || Self.isClear(models.map { abs($0.coefficients[order[0]]) - abs($0.coefficients[order[1]]) })
        intercept = mean(\.intercept)
        rSquared = mean(\.rSquared)
        localPrediction = mean { $0.prediction(example) }
        deviation = pooled.weight > 0 ? (whole.spread / pooled.weight).squareRoot() : 0
        let first = terms.first?.feature
        let agreeing = each.count { moments in
            let own = moments.select(settings.features, by: settings.selection, example: example)
            let model = moments.ridge(own, alpha: Self.alpha)
            return Self.ranked(model.coefficients).first.map { own[$0] } == first
        }
        agreement = Double(agreeing) / count
        rankCorrelation = mean { Self.correlation(unordered.map(\.weight), $0.coefficients) }
    }

    /// Whether the mean of `leads` is above 0 beyond doubt: Student's t with a probability of 97.5 %. A single one can't say.
    private static func isClear(_ leads: [Double]) -> Bool {
        guard leads.count > 1 else { return true }
        let count = Double(leads.count)
        let mean = leads.reduce(0, +) / count
        let squares = leads.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let quantile = studentQuantiles[min(leads.count - 2, studentQuantiles.count - 1)]
        return mean > quantile * (squares / (count - 1) / count).squareRoot()
    }

    /// Of 1, 2, … degrees of freedom; the last one for all that follow.
    private static let studentQuantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]

    /// Places of `weights`, the largest without its sign first, equal ones in their order.
    static func ranked(_ weights: [Double]) -> [Int] {
        weights.indices.sorted {
            abs(weights[$0]) == abs(weights[$1]) ? $0 < $1 : abs(weights[$0]) > abs(weights[$1])
        }
    }

    /// Kendall's τ between the sizes of `a` and `b`; 1 with less than two.
    static func correlation(_ a: [Double], _ b: [Double]) -> Double {
        var (alike, pairs) = (0, 0)
        for i in a.indices {
            for j in 0..<i {
                pairs += 1
                let product = (abs(a[i]) - abs(a[j])) * (abs(b[i]) - abs(b[j]))
                alike += product > 0 || a[i] == a[j] && b[i] == b[j] ? 1 : -1
            }
        }
        return pairs == 0 ? 1 : Double(alike) / Double(pairs)
    }
}
