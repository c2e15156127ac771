// FoldWork: the folds of a cross-validation at work, on one thread or several, and what they come to.
import Engine
import Foundation
import Synchronization

/// What a fold came to.
struct FoldOutcome: Sendable {
    var fold: Int
    var step: Int
    var weightsSHA256: String
    var measures: [String: Double]
    /// On the examples that were kept from it.
    var inference: Inference
}

/// The folds at work, on one thread or several.
final class FoldWork: Sendable {
    private struct State {
        var next = 0
        var running = 0
        var outcomes: [FoldOutcome] = []
        var isStopped = false
        var diverged: Int?
        var failure: (any Error)?
        var refused = false
        /// Steps done, examples a second and how busy its workers are, of each fold that was heard of.
        var steps: [Int: Int] = [:]
        var speeds: [Int: (imagesPerSecond: Double, busy: [Double])] = [:]
        var trained = 0
        var toldAt = ContinuousClock.now
    }
    private let plan: FoldPlan
    private let workersEach: Int
    private let recorder: Recorder
    private let commands: CommandQueue
    private let state = Mutex(State())
    private let began = ContinuousClock.now

    init(_ plan: FoldPlan, workersEach: Int, recorder: Recorder, commands: CommandQueue) {
        self.plan = plan
        self.workersEach = workersEach
        self.recorder = recorder
        self.commands = commands
    }

    private var seconds: Double { (ContinuousClock.now - began) / .seconds(1) }

    /// Trains the folds, `sideBySide` at a time, and returns when all have ended.
    func run(sideBySide: Int) throws {
        let ended = DispatchSemaphore(value: 0)
        for index in 0..<sideBySide {
            let thread = Thread { [self] in
                while let fold = take() { train(fold) }
                ended.signal()
            }
            thread.name = "folds \(index + 1)"
            thread.stackSize = 8 << 20
            thread.start()
        }
        for _ in 0..<sideBySide { ended.wait() }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// The next fold, from 1; nil when none is left, or no more shall begin.
    private func take() -> Int? {
        if !takeCommands().isEmpty { return nil }
        return state.withLock { state in
            guard state.next < plan.folds, state.failure == nil, state.diverged == nil else { return nil }
            state.next += 1
            return state.next
        }
    }

    /// Hears what a person wants: all folds stop, or none does anything else than it did.
    private func takeCommands() -> [EngineCommand] {
        let fresh = commands.take(wait: false)
        let (ends, refuses) = state.withLock { state in
            state.isStopped = state.isStopped || fresh.contains(.stop)
            let refuses = !state.refused && fresh.contains { $0 != .stop }
            state.refused = state.refused || refuses
            return (state.isStopped || state.failure != nil || state.diverged != nil, refuses)
        }
        if refuses {
            recorder.record(
                .warned(
                    RunEvent.Warned(
                        step: 0,
                        message:
                            "A cross-validation can only be stopped: what changes one fold would not be true of the others."
                    )))
        }
        return ends ? [.stop] : []
    }

    private func train(_ fold: Int) {
        do {
            let outcome = try outcome(of: fold)
            state.withLock { state in
                if let outcome { state.outcomes.append(outcome) }
                state.speeds[fold] = nil
            }
        } catch {
            state.withLock { $0.failure = $0.failure ?? error }
        }
    }

    /// Trains a fold to its end; nil: it was stopped before, or diverged.
    private func outcome(of fold: Int) throws -> FoldOutcome? {
        let part = plan.parts[fold - 1]
        let run = fold + 1
        let trainer = try part.trainer(workers: workersEach)
        recorder.record(.started(part.started(trainer: trainer)), run: run)
        if fold == 1, let warning = part.precisionWarning {
            recorder.record(.warned(RunEvent.Warned(step: 0, message: warning)))
        }
        var epochLoss = EpochLoss(
            batch: trainer.batch, stepsPerEpoch: trainer.stepsPerEpoch, trainer.trainCount)
        var newest: (snapshot: Snapshot, event: RunEvent.Checkpointed)?
        var kept: Inference?
        var isStopping = false
        var loop = TrainingLoop(
            trainer, splits: part.splits,
            world: TrainingWorld(
                emit: { [self] event in
                    switch event {
                    case .progressed(let progressed):
                        note(progressed, of: fold, examples: trainer.batch)
                        return
                    case .stepped(let stepped): epochLoss.add(stepped)
                    case .evaluated(let evaluated)
                    where evaluated.split == part.splits.watched && !isStopping
                        && evaluated.step % trainer.stepsPerEpoch == 0:
                        recorder.record(event, run: run)
                        let measures: [String: Double]
                        if evaluated.split == .test {
                            measures = FoldMeasures.all(
                                evaluated.loss, evaluated.accuracy, evaluated.detail, evaluated.regression)
                        } else {
                            let found = trainer.infer(part.splits.test)
                            measures = FoldMeasures.all(found, trainer, part)
                        }
                        tell(fold, evaluated.step, evaluated.epoch, epochLoss.mean, measures)
                        return
                    default: break
                    }
                    recorder.record(event, run: run)
                },
                checkpoint: { snapshot, event in newest = (snapshot, event) },
                commands: { [self] _ in
                    let found = takeCommands()
                    isStopping = isStopping || !found.isEmpty
                    return found
                }))
        var finished = try loop.run()
        kept = loop.testInference
        finished.weightsSHA256 = trainer.weights.sha256
        if let newest { recorder.record(newest.snapshot, newest.event, run: run) }
        recorder.record(.finished(finished), run: run)
        state.withLock { $0.trained += finished.step * trainer.batch }
        if finished.reason == .diverged {
            state.withLock { $0.diverged = $0.diverged ?? fold }
            recorder.record(
                .warned(
                    RunEvent.Warned(
                        step: 0,
                        message:
                            "Fold \(fold) diverged at step \(finished.step): loss or gradients were not finite; try a smaller learning rate."
                    )))
        }
        guard finished.reason == .completed else { return nil }
        let inference = kept ?? trainer.infer(part.splits.test)
        let measures = FoldMeasures.all(inference, trainer, part)
        tell(fold, finished.step, finished.epoch, epochLoss.mean, measures, isLast: true)
        return FoldOutcome(
            fold: fold, step: finished.step, weightsSHA256: finished.weightsSHA256, measures: measures,
            inference: inference)
    }

    private func tell(
        _ fold: Int, _ step: Int, _ epoch: Int, _ trainLoss: Double, _ measures: [String: Double], isLast: Bool = false
    ) {
        recorder.record(
            .folded(
                RunEvent.Folded(
                    fold: fold, folds: plan.folds, step: step, epoch: epoch, seconds: seconds, trainLoss: trainLoss,
                    measures: measures, isLast: isLast)))
    }

    /// A screen needs to see that something goes on, no more.
    private static let progressEvery = Duration.milliseconds(500)

    private func note(_ progressed: RunEvent.Progressed, of fold: Int, examples batch: Int) {
        let now = ContinuousClock.now
        let seconds = seconds
        let told: RunEvent.Progressed? = state.withLock { state in
            state.steps[fold] = progressed.step
            state.speeds[fold] = (progressed.imagesPerSecond, progressed.busy)
            guard now - state.toldAt >= Self.progressEvery else { return nil }
            state.toldAt = now
            let steps = state.steps.values.reduce(0, +)
            let part = plan.parts[0]
            let perEpoch = (part.splits.train.count + batch - 1) / batch
            let share = Double(steps) / Double(max(1, perEpoch * part.spec.training.epochs * plan.folds))
            let speeds = state.speeds.sorted { $0.key < $1.key }.map(\.value)
            return RunEvent.Progressed(
                step: steps, epoch: progressed.epoch, seconds: seconds,
                imagesPerSecond: speeds.reduce(0) { $0 + $1.imagesPerSecond }, busy: speeds.flatMap(\.busy),
                remainingSeconds: share > 0 ? max(0, seconds / share - seconds) : nil)
        }
        if let told { recorder.record(.progressed(told)) }
    }

    /// The pooled evaluation and the worst mistakes, recorded, and the last event.
    func finish(workers: Int) -> RunEvent.Finished {
        let (outcomes, isStopped, diverged, trained) = state.withLock { state in
            (state.outcomes.sorted { $0.fold < $1.fold }, state.isStopped, state.diverged, state.trained)
        }
        let step = state.withLock { state in
            state.steps.merging(outcomes.map { ($0.fold, $0.step) }) { _, last in last }.values.reduce(0, +)
        }
        let epochs = plan.whole.spec.training.epochs
        var metrics: [String: Double] = [:]
        let share =
            outcomes.reduce(0.0) { sum, outcome in
                let splits = plan.parts[outcome.fold - 1].splits
                return sum + Double(splits.test.count) / Double(splits.train.count + splits.validation.count)
            } / Double(max(1, outcomes.count))
        for name in Set(outcomes.flatMap(\.measures.keys)) {
            let values = outcomes.compactMap { $0.measures[name] }
            // A mean over some of the folds would be another measure than that over all.
            guard values.count == outcomes.count,
                let summary = FoldSummary(
                    values, testShare: share, within: FoldMeasures.bounds(of: name))
            else { continue }
            metrics["test/\(name)_mean"] = summary.mean
            metrics["test/\(name)_deviation"] = summary.deviation
            metrics["test/\(name)_low"] = summary.low
            metrics["test/\(name)_high"] = summary.high
        }
        if let pooled = evaluate(outcomes, step: step, epoch: epochs) {
            for (name, value) in pooled { metrics["test/\(name)_pooled"] = value }
        }
        let seconds = seconds
        let reason: RunEvent.Finished.Reason =
            diverged != nil ? .diverged : isStopped && outcomes.count < plan.folds ? .stopped : .completed
        return RunEvent.Finished(
            step: step, epoch: epochs, seconds: seconds, reason: reason,
            weightsSHA256: SHA256.hex(Array(outcomes.map(\.weightsSHA256).joined().utf8)), workers: workers,
            metrics: metrics, imagesPerSecond: seconds > 0 ? Double(trained) / seconds : 0)
    }

    /// What the models say of the examples that were kept from them, all together: recorded, and its measures.
    private func evaluate(_ outcomes: [FoldOutcome], step: Int, epoch: Int) -> [String: Double]? {
        guard !outcomes.isEmpty else { return nil }
        let dataset = plan.whole.dataset
        let isRegression = plan.whole.spec.training.loss.isRegression
        let (examples, pooled) = FoldPooling.pool(
            outcomes.map { (plan.parts[$0.fold - 1].splits.test, $0.inference) },
            width: isRegression ? 1 : dataset.classes.count)
        let detail = isRegression ? nil : EvaluationDetail(pooled, classes: dataset.classes.count)
        let regression = isRegression ? RegressionDetail(pooled, examples: examples) : nil
        let accuracy = isRegression ? nil : pooled.accuracy
        recorder.record(
            .evaluated(
                RunEvent.Evaluated(
                    step: step, epoch: epoch, seconds: seconds, split: .test, loss: pooled.meanLoss,
                    accuracy: accuracy, detail: detail, regression: regression)))
        for artifact in dataset.testArtifacts(pooled, of: examples, step: step) { recorder.record(artifact) }
        return FoldMeasures.all(pooled.meanLoss, accuracy, detail, regression)
    }
}

/// The mean training loss over the examples of the epoch at work, out of the means over some steps each.
private struct EpochLoss {
    private let batch: Int
    private let stepsPerEpoch: Int
    private let count: Int
    private var sum = 0.0
    private var examples = 0
    private var epoch = 0

    init(batch: Int, stepsPerEpoch: Int, _ count: Int) {
        self.batch = batch
        self.stepsPerEpoch = stepsPerEpoch
        self.count = count
    }

    /// Takes `stepped`, which lies within one epoch.
    mutating func add(_ stepped: RunEvent.Stepped) {
        if stepped.epoch != epoch { (sum, examples, epoch) = (0, 0, stepped.epoch) }
        // The last batch of an epoch may be smaller.
        let isEnd = stepped.step % stepsPerEpoch == 0
        let seen = stepped.count * batch - (isEnd ? batch * stepsPerEpoch - count : 0)
        sum += stepped.loss * Double(seen)
        examples += seen
    }

    var mean: Double { examples > 0 ? sum / Double(examples) : .nan }
}
