// Bands around curves: how certain each point is.

/// An interval in each direction around the point of a curve.
public struct RateRectangle: Sendable, Equatable {
    public var x: Interval
    public var y: Interval
    public init(x: Interval, y: Interval) {
        self.x = x
        self.y = y
    }
}

extension ROCCurve {
    /// Around each point the Wilson intervals of its two rates, false positives in `x` and true positives in `y` (pointwise
    /// confidence bounds, Macskassy & Provost 2005, "Confidence bands for ROC curves"). Each covers its own rate at
    /// `level`; together they are no band that holds the whole curve so often.
    ///
    /// `positives` and `negatives` are the examples that the curve was made of; its points may have been made fewer.
    public func bands(
        positives: Int, negatives: Int, level: Double = Interval.usualLevel
    ) -> [RateRectangle] {
        (0..<count).map { i in
            RateRectangle(
                x: Self.interval(falsePositiveRates[i], of: negatives, level),
                y: Self.interval(truePositiveRates[i], of: positives, level))
        }
    }

    /// Wilson's interval of a rate among `count` examples; all rates where there are none.
    static func interval(_ rate: Double, of count: Int, _ level: Double) -> Interval {
        let count = Double(max(0, count))
        return Interval.wilson(hits: min(1, max(0, rate)) * count, of: count, level: level)
            ?? Interval(low: 0, high: 1)
    }
}

extension PrecisionRecallCurve {
    /// Around each point the Wilson intervals of recall in `x`, a fraction of the `positives` examples, and precision in `y`, a
    /// fraction of those that are taken for positive. Where none is, any precision would do.
    public func bands(positives: Int, level: Double = Interval.usualLevel) -> [RateRectangle] {
        (0..<count).map { i in
            let hits = recalls[i] * Double(positives)
            let taken = precisions[i] > 0 ? (hits / precisions[i]).rounded() : 0
            return RateRectangle(
                x: ROCCurve.interval(recalls[i], of: positives, level),
                y: ROCCurve.interval(precisions[i], of: Int(min(taken, 1e15)), level))
        }
    }
}
