// ConfusionIntervals: how certain the measures of a confusion matrix are.
import Foundation

/// Draws of the confusion matrix that could as well have been measured, and intervals of measures from them.
///
/// The fractions of the cells have a posterior as in Goutte & Gaussier (2005, "A probabilistic interpretation of precision,
/// recall and F-score, with implication for evaluation"): independent gamma variables of the counts, divided by their sum,
/// which is the Bayesian bootstrap (Rubin 1981) of the examples, drawn by cells instead of rows. As the prior one more right and
/// one more wrong example are thrown in, in a random cell each draw, among the classes that occur: so the accuracy has a uniform
/// prior, and a model without a mistake on a few examples is not called certain. A measure's interval lies between
/// quantiles of its draws, and holds the measured value.
///
/// The draws follow from the seed alone.
struct ConfusionDraws {
    private let scores: [ConfusionScores]

    /// Draws of a matrix: enough for two digits of an interval's ends.
    static let usualCount = 2_000

    /// - Complexity: O(draws · (cells that are not empty + classes)).
    init(_ matrix: ConfusionMatrix, draws: Int = usualCount, seed: UInt64) {
        let classes = matrix.classes
        let cells = matrix.counts.indices.filter { matrix.counts[$0] > 0 }
        let measured = ConfusionScores(matrix)
        let present = (0..<classes).filter { measured.supports[$0] + measured.predictions[$0] > 0 }
        var random = GammaDraws(CounterRandom(seed: seed, purpose: .intervals))
        var scores: [ConfusionScores] = []
        scores.reserveCapacity(draws)
        for _ in 0..<(present.isEmpty ? 0 : draws) {
            var drawn = measured
            for k in 0..<classes { (drawn.supports[k], drawn.predictions[k], drawn.hits[k]) = (0, 0, 0) }
            func add(_ amount: Double, _ label: Int, _ predicted: Int) {
                drawn.supports[label] += amount
                drawn.predictions[predicted] += amount
                if label == predicted { drawn.hits[label] += amount }
            }
            for cell in cells {
                add(random.gamma(Double(matrix.counts[cell])), cell / classes, cell % classes)
            }
            let hit = present[random.below(present.count)]
            add(random.gamma(1), hit, hit)
            if present.count > 1 {
                let label = random.below(present.count)
                let other = (label + 1 + random.below(present.count - 1)) % present.count
                add(random.gamma(1), present[label], present[other])
            }
            scores.append(drawn)
        }
        self.scores = scores
    }

    /// The interval of `measure`, whose value of the matrix itself is `value`; nil where that is undefined.
    func interval(_ value: Double?, level: Double, _ measure: (ConfusionScores) -> Double?) -> Interval? {
        guard let value else { return nil }
        return Interval(around: value, draws: scores.compactMap(measure), level: level)
    }
}

extension Interval {
    /// Between the quantiles of `draws` that leave (1 - level)/2 out on each side, made wide enough to hold `value`.
    init?(around value: Double, draws: [Double], level: Double) {
        guard !draws.isEmpty else { return nil }
        let sorted = draws.sorted()
        func quantile(_ fraction: Double) -> Double {
            let place = fraction * Double(sorted.count - 1)
            let below = Int(place)
            let above = min(sorted.count - 1, below + 1)
            return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
        }
        self.init(low: min(value, quantile((1 - level) / 2)), high: max(value, quantile((1 + level) / 2)))
    }
}

/// Random numbers of the gamma distribution with scale 1.
struct GammaDraws {
    private var random: CounterRandom
    private var spare: Double?

    init(_ random: CounterRandom) { self.random = random }

    mutating func below(_ bound: Int) -> Int { Int(random.below(UInt32(bound))) }

    /// In (0, 1): a multiple of 2^-53 and a half of that.
    private mutating func unit() -> Double { (Double(random.next() >> 11) + 0.5) * 0x1p-53 }

    /// Standard normal: two at once by the polar method of Marsaglia & Bray (1964).
    private mutating func normal() -> Double {
        if let spare {
            self.spare = nil
            return spare
        }
        while true {
            let (x, y) = (2 * unit() - 1, 2 * unit() - 1)
            let square = x * x + y * y
            guard square < 1, square > 0 else { continue }
            let scale = (-2 * log(square) / square).squareRoot()
            spare = y * scale
            return x * scale
        }
    }

    /// Of shape 1 or more: Marsaglia & Tsang (2000, "A simple method for generating gamma variables"): with d = shape - 1/3 and
    /// c = 1/√(9 d), d (1 + c x)³ of a normal x is kept where ln u < x²/2 + d - d v + d ln v, v = (1 + c x)³.
    mutating func gamma(_ shape: Double) -> Double {
        precondition(shape >= 1, "a gamma variable of shape \(shape)")
        if shape == 1 { return -log(unit()) }
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let root = 1 + c * x
            guard root > 0 else { continue }
            let v = root * root * root
            if log(unit()) < x * x / 2 + d - d * v + d * log(v) { return d * v }
        }
    }
}

extension ConfusionMatrix {
    /// The interval of the F1 of class `k`: F1 = 2 q/(1 + q) rises with q = TP / (TP + FP + FN), and of the examples that are or
    /// are taken for the class the true positives are binomial, so Wilson's interval of q gives it.
    public func f1Interval(_ k: Int, level: Double = Interval.usualLevel) -> Interval? {
        let (supports, predictions, hits) = margins
        guard let q = Interval.wilson(hits[k], of: supports[k] + predictions[k] - hits[k], level: level) else {
            return nil
        }
        return Interval(low: 2 * q.low / (1 + q.low), high: 2 * q.high / (1 + q.high))
    }
}

extension CalibrationCurve {
    /// An interval of ``expectedError``: its upper end from Wilson's interval of each bin's fraction by the method of variance
    /// estimates recovery (Zou & Donner 2008, "Construction of confidence limits about effect measures"), error plus the
    /// root of Σ (share of the bin · what its distance may grow by)²; its lower end the mean distance that every bin's interval still
    /// leaves, as the error of some examples is on average larger than that of all: chance moves every bin away from its mean.
    public func expectedErrorInterval(level: Double = Interval.usualLevel) -> Interval? {
        guard let error = expectedError else { return nil }
        let total = Double(bins.reduce(0) { $0 + $1.count })
        var (low, above) = (0.0, 0.0)
        for bin in bins {
            let share = Double(bin.count) / total
            let interval = bin.interval(level: level)
            let distance = (bin.fractionPositive - bin.meanPredicted).magnitude
            if !interval.contains(bin.meanPredicted) {
                low +=
                    share
                    * min((interval.low - bin.meanPredicted).magnitude, (interval.high - bin.meanPredicted).magnitude)
            }
            let most = max((interval.low - bin.meanPredicted).magnitude, (interval.high - bin.meanPredicted).magnitude)
            above += share * share * (most - distance) * (most - distance)
        }
        return Interval(low: min(low, error), high: min(1, error + above.squareRoot()))
    }
}
