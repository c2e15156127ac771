// FineTuning: some epochs of ordinary training for a network that was made smaller, which keep it so.

/// How a smaller network is trained on.
public struct FineTuning: Sendable, Equatable {
    /// Passes over the training split, at least 1.
    public var epochs: Int
    /// Weights are pruned little by little over the first two thirds of the steps (Zhu & Gupta 2017) instead of all at once.
    public var isGradual = false

    /// For variants that are nothing without training, where nothing else is said.
    public static let usual = FineTuning(epochs: 2)

    public init(epochs: Int, isGradual: Bool = false) {
        precondition(epochs >= 1, "\(epochs) epochs")
        self.epochs = epochs
        self.isGradual = isGradual
    }

    /// How often gradual pruning takes weights out.
    private static let cuts = 20
    /// What part of the steps it takes; the rest recovers.
    private static let cutting = 2.0 / 3

    /// `spec` for fine-tuning: its optimizer, batch and loss; the rate falls from its own to 0 along half a cosine, as nothing shall
    /// be left that a step could still shake.
    public func training(_ spec: TrainingSpec) -> TrainingSpec {
        var tuned = spec
        tuned.epochs = epochs
        tuned.schedule = .cosine()
        tuned.warmupSteps = 0
        tuned.averageDecay = 0
        tuned.earlyStopping = nil
        return tuned
    }

    /// Trains until all epochs are done.
    /// - Parameters:
    ///   - trainer: of the smaller network, with a spec of ``training(_:)`` and with its weights.
    ///   - ties: what must hold.
    ///   - pruning: what to take out in the end, where it is gradual and done on the way; nil: ties are all.
    ///   - skipping: arrays that gradual pruning leaves alone.
    ///   - rounding: what arrays are rounded to in each step, while what the optimizer moves is not; nil: they are not.
    ///   - progress: told the fraction that is done; what it throws ends the training.
    /// - Returns: whether all steps could be applied; a diverged network is of no use.
    /// - Throws: ``ExampleError`` when a streamed example can't be decoded.
    public func run(
        _ trainer: Trainer, ties: WeightTies, pruning: VariantRecipe.Pruning? = nil,
        skipping: Set<String> = [], rounding: ((ParameterValues) -> ParameterValues)? = nil,
        progress: (Double) throws -> Void = { _ in }
    ) throws -> Bool {
        let total = epochs * trainer.stepsPerEpoch
        let every = max(1, Int(Double(total) * Self.cutting) / Self.cuts)
        var refused = 0
        var cut = 0
        if pruning == nil { trainer.tie(ties) }
        for step in 0..<total {
            if let pruning, step % every == 0, cut <= Self.cuts {
                trainer.tie(masks(trainer, pruning, skipping, time: Double(cut) / Double(Self.cuts)).joined(ties))
                cut += 1
            }
            let isApplied = rounding.map { advance(trainer, $0) } ?? trainer.advance().applied
            refused = isApplied ? 0 : refused + 1
            if let failure = trainer.failure { throw failure }
            if refused == 5 { return false }
            if step % 64 == 0 { try progress(Double(step) / Double(total)) }
        }
        // A run with very few steps has not come to the last cut.
        if let pruning, cut <= Self.cuts { trainer.tie(masks(trainer, pruning, skipping, time: 1).joined(ties)) }
        try progress(1)
        return true
    }

    /// A step whose gradient is that of rounded weights, and whose change falls to the weights themselves.
    private func advance(_ trainer: Trainer, _ rounding: (ParameterValues) -> ParameterValues) -> Bool {
        let exact = trainer.weights
        let rounded = exact.map(rounding)
        trainer.load(rounded)
        let isApplied = trainer.advance().applied
        var moved = trainer.weights
        for (index, array) in moved.enumerated() where rounded[index].values != exact[index].values {
            for place in array.values.indices {
                moved[index].values[place] =
                    exact[index].values[place] + (array.values[place] - rounded[index].values[place])
            }
        }
        trainer.load(moved)
        return isApplied
    }

    private func masks(
        _ trainer: Trainer, _ pruning: VariantRecipe.Pruning, _ skipping: Set<String>, time: Double
    ) -> WeightTies {
        let weights = trainer.weights.filter { !skipping.contains($0.name) }
        func fraction(_ percent: Int) -> Double { Pruning.gradualFraction(time, to: Double(percent) / 100) }
        switch pruning {
        case .global(let percent):
            return WeightTies(Pruning.global(trainer.network, weights, fraction: fraction(percent)))
        case .layerwise(let percent):
            return WeightTies(Pruning.layerwise(trainer.network, weights, fraction: fraction(percent)))
        case .twoOfFour: return WeightTies(Pruning.twoOfFour(trainer.network, weights))
        }
    }
}
