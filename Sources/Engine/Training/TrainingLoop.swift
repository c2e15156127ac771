// TrainingLoop: epochs, evaluation, checkpoints and a person's acts around a Trainer, told as events.
import CPrimitives

/// What the loop needs of the world.
public struct TrainingWorld {
    /// Takes an event. Returns at once.
    public var emit: (RunEvent) -> Void
    /// Takes a checkpoint with its event. Returns at once; a checkpoint that a newer one has overtaken may be dropped.
    public var checkpoint: (Snapshot, RunEvent.Checkpointed) -> Void
    /// Commands since the last call. With `wait` it returns when there is one.
    public var commands: (_ wait: Bool) -> [EngineCommand]
    /// Peak of all workers together, GFLOP/s; nil: nobody measured.
    public var peakGigaflopPerSecond: Double?
    /// Memory of this process that is really there; nil where that can't be told.
    public var residentBytes: () -> Int?

    public init(
        emit: @escaping (RunEvent) -> Void,
        checkpoint: @escaping (Snapshot, RunEvent.Checkpointed) -> Void = { _, _ in },
        commands: @escaping (_ wait: Bool) -> [EngineCommand] = { _ in [] }, peakGigaflopPerSecond: Double? = nil,
        residentBytes: @escaping () -> Int? = { nil }
    ) {
        self.emit = emit
        self.checkpoint = checkpoint
        self.commands = commands
        self.peakGigaflopPerSecond = peakGigaflopPerSecond
        self.residentBytes = residentBytes
    }
}

/// Runs a trainer to its end. All logged losses and metrics are functions of the spec and the data; only times are not.
public struct TrainingLoop {
    private let trainer: Trainer
    private let splits: Splits
    private let world: TrainingWorld
    private let logEvery: Int
    private let epochs: Int
    /// Clock of the run: nanoseconds at which the run would have started had it never paused.
    private var origin: UInt64
    private var learningRateAtStart: Float

    // Since the last `stepped` event, and of the epoch at work.
    private var interval = (steps: 0, examples: 0, loss: 0.0, hits: 0)
    private var epochSums: (loss: Double, hits: Int, examples: Int)
    private let isResumed: Bool
    private var bestScore: Double?
    private var epochsSinceBest = 0
    /// Parameters of the best epoch, for early stopping; nil: those of no epoch yet.
    private var bestWeights: [ParameterValues]?
    // Since the last `progressed` event; the time of evaluations is left out.
    private var progressAt: UInt64
    private var progressExamples = 0
    /// Nanoseconds of training, of each worker's work, and of each part of the timed steps, before the evaluations in between.
    private var progressBefore: (elapsed: UInt64, busy: [UInt64], parts: [UInt64]) = (0, [], [])
    /// How the work was divided among the parts of a step when it was timed last; empty: not yet.
    private var partShares: [Double] = []
    private let operationsPerExample: Double
    // Of this process's part of the run.
    private let beganStep: Int
    private let beganAt: UInt64
    private var trainedExamples = 0
    private var trainingNanoseconds: UInt64 = 0
    private var checkpointAt: UInt64
    private var refusedInARow = 0
    private var metrics: [String: Double] = [:]
    /// What the newest evaluation of the test split found; after ``run()`` that of the weights at the end.
    public private(set) var testInference: Inference?

    /// Nanoseconds between two `progressed` events, and how many it takes at least at the end of an epoch.
    private static let progressEvery: UInt64 = 250_000_000
    private static let progressAtLeast: UInt64 = 10_000_000
    /// Refused steps in a row after which a run counts as diverged.
    private static let refusalsBeforeDivergence = 5

    /// A loop around `trainer`, which stands at `snapshot` if the run goes on from one.
    /// - Parameter bestWeights: of the best epoch before `snapshot`.
    public init(
        _ trainer: Trainer, splits: Splits, from snapshot: Snapshot? = nil, bestWeights: [ParameterValues]? = nil,
        world: TrainingWorld
    ) {
        self.trainer = trainer
        self.splits = splits
        self.world = world
        epochs = trainer.spec.epochs
        logEvery = trainer.spec.logEvery ?? max(1, epochs * trainer.stepsPerEpoch / 2000)
        epochSums = (snapshot?.epochLossSum ?? 0, snapshot?.epochHits ?? 0, snapshot?.epochExamples ?? 0)
        isResumed = snapshot != nil
        bestScore = snapshot?.bestScore
        epochsSinceBest = snapshot?.epochsSinceBest ?? 0
        // A run that puts no best weights back must not do so because it was resumed.
        self.bestWeights = trainer.spec.earlyStopping?.restoresBest == true ? bestWeights : nil
        let now = wb_clock_ns()
        origin = now &- UInt64((snapshot?.seconds ?? 0) * 1e9)
        progressAt = now
        checkpointAt = now
        beganAt = now
        beganStep = trainer.step
        learningRateAtStart = trainer.learningRate
        operationsPerExample = trainer.network.trainingOperations
    }

    private var seconds: Double { Double(wb_clock_ns() &- origin) * 1e-9 }

    /// Trains until all epochs are done, a person stops it, or it diverges. `weightsSHA256` is left empty: who keeps
    /// the weights hashes them.
    /// - Throws: when a streamed example can't be decoded any more. Nothing of that step or evaluation is told, and the run
    ///   can go on from its last checkpoint.
    public mutating func run() throws(ExampleError) -> RunEvent.Finished {
        var reason = RunEvent.Finished.Reason.completed
        let standsAtEpochEnd = isResumed && trainer.step > 0 && trainer.step % trainer.stepsPerEpoch == 0
        let hasEnded = standsAtEpochEnd && settle(trainer.step / trainer.stepsPerEpoch)
        while !hasEnded, trainer.step < totalSteps {
            let epoch = trainer.epoch
            let began = wb_clock_ns()
            let result = trainer.advance()
            if let failure = trainer.failure { throw failure }
            trainingNanoseconds += wb_clock_ns() - began
            note(result)
            if !result.applied, refuse() {
                reason = .diverged
                break
            }
            let epochEnds = trainer.step % trainer.stepsPerEpoch == 0
            if interval.steps == logEvery || epochEnds { log(epoch: epoch) }
            let now = wb_clock_ns()
            if progressBefore.elapsed + now - progressAt >= Self.progressEvery { progress(epoch: epoch, now: now) }
            if epochEnds, try endEpoch(epoch) { break }
            let sinceCheckpoint = Double(wb_clock_ns() - checkpointAt) * 1e-9
            if interval.steps == 0, sinceCheckpoint >= trainer.spec.checkpointSeconds {
                checkpoint(best: false)
            }
            if obey() {
                reason = .stopped
                break
            }
        }
        if interval.steps > 0 { log(epoch: max(1, trainer.epoch)) }
        if progressExamples > 0 { progress(epoch: min(epochs, trainer.epoch), now: wb_clock_ns()) }
        return try finish(reason)
    }

    private mutating func note(_ result: Trainer.StepResult) {
        interval.steps += 1
        interval.examples += result.examples
        interval.loss += result.lossSum
        interval.hits += result.hits
        epochSums.loss += result.lossSum
        epochSums.hits += result.hits
        epochSums.examples += result.examples
        progressExamples += result.examples
        trainedExamples += result.examples
        if result.applied { refusedInARow = 0 }
    }

    /// Warns of a refused step; true when there were too many in a row.
    private mutating func refuse() -> Bool {
        refusedInARow += 1
        warn(
            "Step \(trainer.step) was refused: its loss or a gradient was not finite. The weights stand as before it.")
        return refusedInARow >= Self.refusalsBeforeDivergence
    }

    private mutating func log(epoch: Int) {
        world.emit(
            .stepped(
                RunEvent.Stepped(
                    step: trainer.step, epoch: epoch, seconds: seconds, count: interval.steps,
                    loss: interval.loss / Double(interval.examples),
                    accuracy: predictsNumbers ? .nan : Double(interval.hits) / Double(interval.examples),
                    learningRate: Double(trainer.currentRate))))
        interval = (0, 0, 0, 0)
    }

    private var totalSteps: Int { epochs * trainer.stepsPerEpoch }

    /// Adds the time since `progressAt` to what counts, up to `now`.
    private mutating func takeProgress(until now: UInt64) {
        progressBefore.elapsed += now - progressAt
        let busy = trainer.takeBusy()
        if progressBefore.busy.isEmpty { progressBefore.busy = busy.map { _ in 0 } }
        for (worker, nanoseconds) in busy.enumerated() { progressBefore.busy[worker] += nanoseconds }
        let parts = trainer.takeTimes()
        if progressBefore.parts.isEmpty { progressBefore.parts = parts.map { _ in 0 } }
        for (part, nanoseconds) in parts.enumerated() { progressBefore.parts[part] += nanoseconds }
        progressAt = now
    }

    /// Leaves out what happened since the last ``takeProgress(until:)``: it was no training.
    private mutating func dropProgress() {
        progressAt = wb_clock_ns()
        _ = trainer.takeBusy()
        _ = trainer.takeTimes()
    }

    private mutating func progress(epoch: Int, now: UInt64) {
        takeProgress(until: now)
        let elapsed = Double(max(1, progressBefore.elapsed))
        let done = trainer.step - beganStep
        let perStep = Double(now - beganAt) * 1e-9 / Double(max(1, done))
        world.emit(
            .progressed(
                RunEvent.Progressed(
                    step: trainer.step, epoch: epoch, seconds: seconds,
                    imagesPerSecond: Double(progressExamples) / (elapsed * 1e-9),
                    busy: progressBefore.busy.map { min(1, Double($0) / elapsed) },
                    remainingSeconds: done > 0 ? perStep * Double(totalSteps - trainer.step) : nil,
                    work: work(elapsed: elapsed))))
        progressBefore = (0, [], [])
        progressExamples = 0
    }

    /// What the machine gave in `elapsed` nanoseconds. Parts are known of the timed steps only, which stand for the others;
    /// how much was worked at all is known of all steps.
    private mutating func work(elapsed: Double) -> RunEvent.Work {
        let timed = Double(progressBefore.parts.reduce(0, +))
        if timed > 0 { partShares = progressBefore.parts.map { Double($0) / timed } }
        let worked = min(
            1, Double(progressBefore.busy.reduce(0, +)) / (elapsed * Double(max(1, progressBefore.busy.count))))
        let speed = Double(progressExamples) * operationsPerExample / elapsed
        return RunEvent.Work(
            shares: partShares.isEmpty ? [] : partShares.map { $0 * worked } + [1 - worked], gigaflopPerSecond: speed,
            peakFraction: world.peakGigaflopPerSecond.map { speed / $0 }, residentBytes: world.residentBytes())
    }

    /// Evaluates and keeps; true when training has gone on long enough without a new best.
    private mutating func endEpoch(_ epoch: Int) throws(ExampleError) -> Bool {
        noteTrainingMetrics()
        epochSums = (0, 0, 0)
        takeProgress(until: wb_clock_ns())
        let weights = trainer.weights
        let found = try evaluate(splits.watched, epoch: epoch, weights: weights)
        trainer.note(watchedLoss: found.meanLoss)
        // Larger is better.
        let score = trainer.spec.monitor == .loss ? -found.meanLoss : found.accuracy
        let best = score > bestScore ?? -.infinity
        epochsSinceBest = best ? 0 : epochsSinceBest + 1
        if best {
            bestScore = score
            if trainer.spec.earlyStopping?.restoresBest == true { bestWeights = weights }
        }
        checkpoint(best: best)
        let ends = settle(epoch)
        // The time of an evaluation is not a pause in training.
        dropProgress()
        return ends
    }

    /// After an epoch: stops early, and puts the best weights back where training ends; true when it ends before its last
    /// epoch. A run that was killed behind its last checkpoint does this again when it is resumed.
    private mutating func settle(_ epoch: Int) -> Bool {
        let stops = trainer.spec.earlyStopping.map { epochsSinceBest >= $0.patience && epoch < epochs } ?? false
        if stops { warn("Training stopped early after epoch \(epoch): no new best in \(epochsSinceBest) epochs.") }
        if stops || epoch == epochs, let bestWeights, epochsSinceBest > 0 {
            trainer.load(bestWeights)
            warn("The weights of epoch \(epoch - epochsSinceBest), the best one, were put back.")
            checkpoint(best: false)
        }
        return stops
    }

    private var predictsNumbers: Bool { trainer.spec.loss.isRegression }

    /// Means over the epoch at work.
    private mutating func noteTrainingMetrics() {
        let examples = Double(max(1, epochSums.examples))
        metrics["train/loss"] = epochSums.loss / examples
        if !predictsNumbers { metrics["train/accuracy"] = Double(epochSums.hits) / examples }
    }

    private func warn(_ message: String) {
        world.emit(.warned(RunEvent.Warned(step: trainer.step, message: message)))
    }

    /// - Parameter weights: those that are at work, to be described in the event; nil: not.
    @discardableResult
    private mutating func evaluate(
        _ split: Split, epoch: Int, weights: [ParameterValues]? = nil
    ) throws(ExampleError) -> Inference {
        let inference = trainer.infer(splits[split])
        if let failure = trainer.failure { throw failure }
        if split == .test { testInference = inference }
        let regression = predictsNumbers ? RegressionDetail(inference, examples: splits[split]) : nil
        metrics["\(split.rawValue)/loss"] = inference.meanLoss
        if !predictsNumbers { metrics["\(split.rawValue)/accuracy"] = inference.accuracy }
        for (name, value) in regression?.scores.named ?? [] { metrics["\(split.rawValue)/\(name)"] = value }
        world.emit(
            .evaluated(
                RunEvent.Evaluated(
                    step: trainer.step, epoch: epoch, seconds: seconds, split: split, loss: inference.meanLoss,
                    accuracy: predictsNumbers ? nil : inference.accuracy, detail: trainer.detail(of: inference),
                    regression: regression,
                    weights: weights.map(WeightHistogram.all) ?? [])))
        return inference
    }

    private mutating func checkpoint(best: Bool) {
        var snapshot = trainer.snapshot()
        snapshot.seconds = seconds
        snapshot.epochLossSum = epochSums.loss
        snapshot.epochHits = epochSums.hits
        snapshot.epochExamples = epochSums.examples
        snapshot.bestScore = bestScore
        snapshot.epochsSinceBest = epochsSinceBest
        world.checkpoint(
            snapshot, RunEvent.Checkpointed(step: trainer.step, seconds: snapshot.seconds, best: best))
        checkpointAt = wb_clock_ns()
    }

    /// Carries out a person's commands; true when the run shall stop.
    private mutating func obey() -> Bool {
        var commands = world.commands(false)
        var pausedAt: UInt64?
        while true {
            for command in commands {
                switch command {
                case .stop:
                    if let pausedAt { resume(from: pausedAt) }
                    return true
                case .pause where pausedAt == nil:
                    if interval.steps > 0 { log(epoch: trainer.epoch) }
                    checkpoint(best: false)
                    steer(.paused)
                    pausedAt = wb_clock_ns()
                case .continue:
                    if let since = pausedAt {
                        resume(from: since)
                        pausedAt = nil
                        steer(.continued)
                    }
                case .setLearningRate(let rate):
                    trainer.learningRate = Float(rate)
                    steer(.learningRate(rate))
                case .tryRates(let least, let most, let steps):
                    tryRates(from: least, to: most, steps: steps, pausedAt: pausedAt)
                case .pause: break
                }
            }
            guard pausedAt != nil else { return false }
            commands = world.commands(true)
        }
    }

    /// Tries learning rates between two steps; the run then goes on as if nothing had been.
    private mutating func tryRates(from least: Double, to most: Double, steps: Int, pausedAt: UInt64?) {
        takeProgress(until: pausedAt ?? wb_clock_ns())
        let trials = trainer.tryRates(from: least, to: most, steps: steps)
        dropProgress()
        // What a pause leaves out is counted from its begin.
        if let pausedAt { progressAt = pausedAt }
        world.emit(
            .ratesTried(
                RunEvent.RatesTried(
                    step: trainer.step, seconds: pausedAt.map { Double($0 &- origin) * 1e-9 } ?? seconds, trials: trials
                )))
    }

    private mutating func resume(from since: UInt64) {
        let now = wb_clock_ns()
        origin += now - since
        progressAt += now - since
        checkpointAt = now
    }

    private func steer(_ act: RunEvent.Steered.Act) {
        world.emit(.steered(RunEvent.Steered(step: trainer.step, seconds: seconds, act: act)))
    }

    private mutating func finish(_ reason: RunEvent.Finished.Reason) throws(ExampleError) -> RunEvent.Finished {
        let epoch = min(epochs, max(1, (trainer.step + trainer.stepsPerEpoch - 1) / trainer.stepsPerEpoch))
        if reason != .completed {
            if epochSums.examples > 0 { noteTrainingMetrics() }
            let weights = trainer.weights
            try evaluate(splits.watched, epoch: epoch, weights: weights)
            checkpoint(best: false)
        }
        if splits.watched != .test { try evaluate(.test, epoch: epoch) }
        return RunEvent.Finished(
            step: trainer.step, epoch: epoch, seconds: seconds, reason: reason, weightsSHA256: "",
            workers: trainer.workers, metrics: metrics,
            imagesPerSecond: trainingNanoseconds > 0
                ? Double(trainedExamples) / (Double(trainingNanoseconds) * 1e-9) : 0)
    }
}
