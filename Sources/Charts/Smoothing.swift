// Smoothing: the debiased exponential moving average that TensorBoard draws.

/// The average of the values so far, each older one worth less by `weight`.
///
/// TensorBoard divides a biased mean m by 1 − weightᵗ (as Adam does: Kingma & Ba 2015, section 3). The same numbers follow
/// from moving the mean towards each value by the share (1 − weight) / (1 − weightᵗ); written so, a constant stays exactly
/// what it is and the first value is kept.
struct MovingAverage: Sendable {
    let weight: Double
    private var mean = 0.0
    /// weight to the power of the values so far; 0 once it no longer counts.
    private var power = 1.0

    /// Weights outside of 0..<1 are taken as the nearest that is allowed; 0 smooths nothing.
    init(weight: Double) { self.weight = MovingAverage.clamped(weight) }

    static func clamped(_ weight: Double) -> Double { weight > 0 ? min(weight, 0.99999) : 0 }

    /// The average with `value` in it; a value that is not finite is left out and given back.
    mutating func add(_ value: Double) -> Double {
        guard value.isFinite else { return value }
        var share = 1 - weight
        if power > 0 {
            power *= weight
            share /= 1 - power
            if power < 1e-18 { power = 0 }
        }
        let difference = value - mean
        mean = difference.isFinite ? mean + share * difference : mean * (1 - share) + value * share
        return mean
    }
}

/// The debiased exponential moving average of `values`, as TensorBoard's smoothing.
///
/// The first value is kept and a constant stays exactly constant; values that are not finite come back as they are and do
/// not touch the average.
/// - Parameter weight: 0 (nothing happens) up to, not including, 1; other numbers are taken as the nearest allowed one.
/// - Complexity: O(values).
public func smoothed(_ values: [Double], weight: Double) -> [Double] {
    var average = MovingAverage(weight: weight)
    return values.map { average.add($0) }
}
