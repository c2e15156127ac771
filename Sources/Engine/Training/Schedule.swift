// Schedule: the learning rate as a function of the step.
import Foundation

extension ScheduleSpec {
    /// The learning rate after `epochs` epochs (fractions count within one) or `step` steps of `totalSteps`, when the optimizer's
    /// own rate is `base`. What ``reduceOnPlateau(factor:patience:minimum:)`` does depends on the run: see ``Plateau``.
    func rate(base: Double, epochs: Double, totalEpochs: Int, step: Int, totalSteps: Int) -> Double {
        switch self {
        case .constant, .reduceOnPlateau: return base
        case .step(let every, let factor): return base * pow(factor, (epochs / Double(every)).rounded(.down))
        case .exponential(let factor): return base * pow(factor, epochs.rounded(.down))
        case .cosine(let length, let minimum):
            let part = min(1, epochs / Double(length ?? totalEpochs))
            return minimum + (base - minimum) * (1 + cos(Double.pi * part)) / 2
        case .oneCycle(let maximum, let warmupFraction, let initialDivisor, let finalDivisor):
            let start = maximum / initialDivisor
            // Last step of the way up, counted from 0, and of the way down.
            let (top, end) = (warmupFraction * Double(totalSteps) - 1, Double(totalSteps - 1))
            func anneal(_ from: Double, _ to: Double, _ part: Double) -> Double {
                to + (from - to) / 2 * (1 + cos(Double.pi * part))
            }
            if Double(step) <= top { return top > 0 ? anneal(start, maximum, Double(step) / top) : maximum }
            return anneal(maximum, start / finalDivisor, min(1, (Double(step) - top) / max(1, end - top)))
        }
    }
}

/// What reducing on a plateau remembers.
public struct Plateau: Sendable, Equatable {
    /// What the learning rate is multiplied by.
    public var factor = 1.0
    /// Least loss so far; nil before the first.
    public var best: Double?
    /// Epochs since then.
    public var since = 0

    public init() {}

    /// Takes the watched loss of an epoch; `base` is the learning rate without the factor.
    mutating func note(_ loss: Double, _ schedule: ScheduleSpec, base: Double) {
        guard case .reduceOnPlateau(let by, let patience, let minimum) = schedule else { return }
        if let best, !(loss < best * (1 - 1e-4)) {
            since += 1
        } else {
            (best, since) = (loss, 0)
        }
        guard since > patience else { return }
        factor = max(factor * by, min(factor, minimum / max(base, .leastNormalMagnitude)))
        since = 0
    }
}
