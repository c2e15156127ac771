// FoldState: what a screen shows of one fold of a cross-validation, folded from its events.

/// One fold of a cross-validation.
public struct FoldState: Sendable, Equatable {
    /// From 1.
    public let fold: Int
    /// Over the fold's own epochs: `train/loss`, and each measure on the examples kept from it as `test/loss`,
    /// `test/accuracy`, ….
    public private(set) var curves: [String: Curve] = [:]
    /// The newest measures, by name without the split.
    public private(set) var measures: [String: Double] = [:]
    /// Epochs done.
    public private(set) var epoch = 0
    public private(set) var isFinished = false

    init(fold: Int) { self.fold = fold }

    mutating func take(_ folded: RunEvent.Folded) {
        epoch = max(epoch, folded.epoch)
        isFinished = folded.isLast
        measures = folded.measures
        // The last measures are those of an epoch that has its point already.
        if folded.isLast, curves["train/loss"]?.steps.last == folded.step { return }
        add("train/loss", folded.trainLoss, folded)
        for (name, value) in folded.measures { add("test/\(name)", value, folded) }
    }

    private mutating func add(_ name: String, _ value: Double, _ folded: RunEvent.Folded) {
        curves[name, default: Curve()].append(step: folded.step, seconds: folded.seconds, value: value)
    }
}
