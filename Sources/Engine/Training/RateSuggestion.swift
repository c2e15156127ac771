// RateSuggestion: what trials of growing learning rates say about a good one.
import Foundation

extension [Trainer.RateTrial] {
    /// Weight of the past in ``smoothedLosses``: about the last ten trials count.
    static var smoothing: Double { 0.9 }

    /// The losses as an exponential moving average with bias correction: without that the first ones would hang towards 0
    /// (Kingma & Ba 2015, section 3). What is not finite leaves the average as it was.
    public var smoothedLosses: [Double] {
        var smooth = RateSmoothing()
        return map { smooth.add($0.loss) }
    }
}

/// The moving average of losses, as it grows.
struct RateSmoothing {
    private var sum = 0.0
    private var weight = 0.0

    mutating func add(_ loss: Double) -> Double {
        if loss.isFinite {
            let past = [Trainer.RateTrial].smoothing
            sum = past * sum + (1 - past) * loss
            weight = past * weight + (1 - past)
        }
        return weight > 0 ? sum / weight : loss
    }
}

/// A learning rate that trials speak for (Smith 2017, "Cyclical learning rates for training neural networks", section 3.3):
/// while the rate grows, the loss first stands, then falls, then rises.
///
/// Two rules are common, and both are told: the rate at which the smoothed loss falls most steeply over the logarithm of
/// the rate, and a tenth of the rate at its minimum. The average lags some ten trials behind, so both are rather too large
/// than too small; therefore the smaller of the two is suggested: a rate that is too small costs time, one that is too
/// large costs the run.
public struct RateSuggestion: Sendable, Equatable {
    /// Which rule gave the smaller rate.
    public enum Rule: String, Sendable {
        case steepest
        case tenthOfMinimum = "tenth_of_minimum"
    }
    /// Where the smoothed loss falls most steeply. This and the other are rounded to two digits.
    public var steepest: Double
    /// A tenth of the rate at the minimum of the smoothed loss.
    public var tenthOfMinimum: Double

    public var rule: Rule { steepest <= tenthOfMinimum ? .steepest : .tenthOfMinimum }
    /// The smaller of the two.
    public var rate: Double { min(steepest, tenthOfMinimum) }

    /// Nil where the loss did not fall by more than its own noise: the trials then say nothing.
    public init?(_ trials: [Trainer.RateTrial]) {
        let losses = trials.smoothedLosses
        // The first trials are what the average begins with, not yet one.
        let first = Swift.max(2, trials.count / 10)
        guard trials.count >= 10, let lowest = losses.indices.dropFirst(first).min(by: { losses[$0] < losses[$1] }),
            lowest > first
        else { return nil }
        let fall = losses[first] - losses[lowest]
        let noise = Self.deviation(trials[...lowest], losses)
        let past = [Trainer.RateTrial].smoothing
        // An average of independent values with this weight has this part of their variance, and wanders by some two and a
        // half of its deviations up and down.
        guard fall > 0.02 * abs(losses[first]), fall > 5 * noise * ((1 - past) / (1 + past)).squareRoot() else {
            return nil
        }
        let reach = Swift.max(1, trials.count / 20)
        var steepest: (slope: Double, index: Int)?
        for index in first...lowest {
            let (low, high) = (Swift.max(0, index - reach), Swift.min(losses.count - 1, index + reach))
            let slope = (losses[high] - losses[low]) / log(trials[high].rate / trials[low].rate)
            if slope < steepest?.slope ?? 0 { steepest = (slope, index) }
        }
        guard let steepest else { return nil }
        self.steepest = Self.rounded(trials[steepest.index].rate)
        tenthOfMinimum = Self.rounded(trials[lowest].rate / 10)
    }

    /// Two digits: more are not known.
    private static func rounded(_ rate: Double) -> Double {
        guard rate > 0, rate.isFinite else { return rate }
        let unit = pow(10, log10(rate).rounded(.down) - 1)
        // Divided by a whole power of ten where it can be, so that 0.0057 is 0.0057.
        return unit < 1 ? (rate / unit).rounded() / (1 / unit).rounded() : (rate / unit).rounded() * unit
    }

    /// Deviation of the losses from their average.
    private static func deviation(_ trials: ArraySlice<Trainer.RateTrial>, _ smoothed: [Double]) -> Double {
        let squares = trials.indices.lazy.map { trials[$0].loss - smoothed[$0] }.filter(\.isFinite).map { $0 * $0 }
        let count = squares.count
        return count > 0 ? (squares.reduce(0, +) / Double(count)).squareRoot() : 0
    }
}
