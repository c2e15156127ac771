// CrossValidation: one session with a run for each fold, and before them the run that tells of all.
import Engine
import Foundation

/// Trains a network once a fold, each time without the examples of that fold, and measures it on those.
///
/// Folds of small networks are trained side by side, one worker each; those of large ones (``tooLargeForOne``) one after the other by
/// all workers. What comes out is the same either way: a fold's seeds follow from the spec and the fold alone.
///
/// Not Sendable: the thread that makes it runs it; `commands` may be filled from any other.
public final class CrossValidation {
    public let path: String
    public let commands = CommandQueue()
    public let plan: FoldPlan
    /// Folds that are trained at the same time, and workers that each of them has.
    public let sideBySide: Int
    public let workersEach: Int
    private let writer: SessionWriter

    /// Operations of one training step from which a fold gets all workers: some milliseconds of one core, beside which it costs
    /// nothing to hand out work and to wait for each other.
    static let tooLargeForOne = 2e8
    /// Bytes of a fold's own examples, likewise: side by side they would drive each other out of the caches.
    static let mostBytesForOne = 64 << 20

    /// Begins a cross-validation in a new session file at `path`.
    /// - Throws: ``MemoryShortage``, ``SessionError``.
    public init(
        _ plan: FoldPlan, path: String, workers: Int, programVersion: String, command: [String]
    ) throws {
        self.plan = plan
        self.path = path
        sideBySide = Self.sideBySide(plan, workers: workers, available: HostFacts.availableMemory)
        workersEach = max(1, workers / sideBySide)
        try MemoryShortage.check(plan.parts[0], workers: workersEach)
        func info(_ part: Experiment, _ facts: DatasetFacts) throws -> SessionInfo {
            try SessionInfo(part, facts, programVersion: programVersion, command: command)
        }
        // What the folds share, pictures of examples above all, stands with the first run alone.
        writer = try SessionWriter.create(
            path: path, info: info(plan.whole, plan.whole.describedFacts),
            others: plan.parts.map { try info($0, $0.facts) })
    }

    /// How many folds are trained at the same time.
    static func sideBySide(_ plan: FoldPlan, workers: Int, available: Int?) -> Int {
        let part = plan.parts[0]
        let training = part.spec.training
        let operations =
            part.network.trainingOperations * Double(min(training.batch, part.splits.train.count))
        let needed = part.memory(workers: 1)
        if case .streamed = part.dataset.features { return 1 }
        guard operations < tooLargeForOne, needed.data < mostBytesForOne else { return 1 }
        let count = min(workers, plan.folds)
        guard let available else { return count }
        // The program and what was read of the data are there once.
        let own = max(1, needed.total - needed.program - part.dataset.features.loadedBytes)
        return max(1, min(count, available / 2 / own))
    }

    /// Trains all folds, recording and telling everything. A stop ends it after the steps at work; folds that have ended by then are
    /// kept and summarised.
    /// - Returns: the last event.
    /// - Throws: ``SessionError`` when the end could not be stored, ``ExampleError`` when a streamed image is gone.
    public func run(_ observer: RunObserver) throws -> RunEvent.Finished {
        let commands = commands
        let recorded = RecordedRun(writer, commands: commands, observer)
        defer { recorded.close() }
        let recorder = recorded.recorder
        recorder.record(.started(started))
        recorded.warn(plan.whole.dataWarnings + plan.notes)
        let work = FoldWork(plan, workersEach: workersEach, recorder: recorder, commands: commands)
        do {
            try work.run(sideBySide: sideBySide)
        } catch {
            try recorded.finish()
            throw error
        }
        let finished = work.finish(workers: sideBySide * workersEach)
        recorder.record(.finished(finished))
        try recorded.finish()
        return finished
    }

    /// The head of the run that tells of all folds.
    private var started: RunEvent.Started {
        let (whole, part) = (plan.whole, plan.parts[0])
        let training = whole.spec.training
        let count = part.splits.train.count
        let batch = min(training.batch, count)
        return RunEvent.Started(
            name: whole.spec.name, dataset: whole.dataset.name, classes: whole.dataset.classes,
            inputShape: whole.network.input, layers: whole.network.layers.map(\.summary),
            parameters: whole.network.parameterCount, epochs: training.epochs,
            stepsPerEpoch: (count + batch - 1) / batch, batch: batch,
            shards: training.shards(of: whole.network, batch: batch), workers: sideBySide * workersEach,
            optimizer: training.optimizer.name, learningRate: Double(training.optimizer.learningRate),
            trainExamples: count, validationExamples: part.splits.validation.count,
            testExamples: whole.splits.train.count, watchedSplit: .test, seed: whole.spec.data.seed,
            kernels: Machine.kernels, target: whole.dataset.targets.map { _ in whole.dataset.classes[0] },
            estimate: part.estimate(workers: workersEach, peak: nil), folds: plan.folds)
    }
}
