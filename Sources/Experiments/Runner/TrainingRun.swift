// TrainingRun: wires an experiment to the engine, the session file and the link.
import Engine
import Foundation

/// Why a run can't go on.
public enum ResumeError: Error, Equatable, CustomStringConvertible {
    case completed(path: String)
    /// Its folds are runs of their own, of which some may have ended and others not.
    case crossValidation(path: String)
    case otherData(path: String, recorded: DatasetFacts, found: DatasetFacts)

    public var description: String {
        switch self {
        case .completed(let path): "\(path) is complete: all its epochs are done, there is nothing to resume."
        case .crossValidation(let path):
            "\(path) is a cross-validation, which does not go on where it was left: begin it anew with `workbench cross-validate \(path)`."
        case .otherData(let path, let recorded, let found):
            "The data have changed since \(path) was begun: then \(recorded.count) examples with SHA-256 \(recorded.sha256.prefix(12))…, now \(found.count) with \(found.sha256.prefix(12))…; bring the old data back to resume."
        }
    }
}

/// Why a run can't start as was asked.
public enum StartError: Error, Equatable, CustomStringConvertible {
    case nothingFits(model: String)

    public var description: String {
        switch self {
        case .nothingFits(let model):
            "No weight array of \(model) has the name and shape of one of this network, so there is nothing to start from: give both the same layers."
        }
    }
}

/// How a run is told to the outside while it goes on.
public struct RunObserver: Sendable {
    /// Gets events when they are stored, on the recorder's thread.
    public var events: @Sendable ([NumberedEvent]) -> Void
    /// Gets sentences for a person, on any thread.
    public var complaint: @Sendable (String) -> Void

    public init(
        events: @escaping @Sendable ([NumberedEvent]) -> Void, complaint: @escaping @Sendable (String) -> Void
    ) {
        self.events = events
        self.complaint = complaint
    }
}

/// One run of the engine on one session file, from its start or from its last checkpoint.
///
/// Not Sendable: the thread that makes it runs it; `commands` may be filled from any other.
public final class TrainingRun {
    public let path: String
    public let commands = CommandQueue()
    public let experiment: Experiment
    private let trainer: Trainer
    private let writer: SessionWriter
    private let tariff: Tariff?
    /// Seconds of all workers in the parts of the run before this one.
    private let coreSecondsBefore: Double
    private let snapshot: Snapshot?
    private let bestWeights: [ParameterValues]?
    /// The session already tells how the run began.
    private let hasBegun: Bool
    /// Said at the start of a run that goes on from another one's weights.
    private let taken: String?

    /// Begins a run in a new session file at `path`.
    /// - Parameters:
    ///   - model: what the weights start from, where names and shapes are the same; nil: the seed.
    ///   - tariff: what a core costs and draws; nil: nobody said.
    /// - Throws: ``MemoryShortage``, ``SessionError``, ``BalanceError``, ``ConvolutionError``, ``StartError``.
    public init(
        _ experiment: Experiment, path: String, from model: TrainedModel? = nil, workers: Int, programVersion: String,
        command: [String], tariff: Tariff? = nil
    ) throws {
        self.experiment = experiment
        self.path = path
        self.tariff = tariff
        coreSecondsBefore = 0
        try MemoryShortage.check(experiment, workers: workers)
        trainer = try experiment.trainer(workers: workers)
        var takenHere: String?
        if let model {
            let count = trainer.load(model.weights)
            guard count > 0 else { throw StartError.nothingFits(model: model.path) }
            let all = experiment.network.parameters.count
            takenHere =
                "\(count) of \(all) weight arrays start as step \(model.step) of \(model.path) left them\(count < all ? "; the rest start anew" : "")."
        }
        writer = try SessionWriter.create(
            path: path,
            info: SessionInfo(
                experiment, experiment.describedFacts, programVersion: programVersion, command: command))
        snapshot = nil
        bestWeights = nil
        hasBegun = false
        taken = takenHere
    }

    /// Goes on with the run in `path` from its last checkpoint, or from its start when it was killed before the first one.
    /// - Parameter data: another place of the same data; nil: where they were.
    /// - Throws: ``SessionError``, ``ResumeError``, ``MemoryShortage``, and whatever loading the data throws.
    public init(resuming path: String, data: String?, workers: Int) throws {
        self.path = path
        let reader = try SessionReader(path: path)
        let info = reader.info
        let state = RunState(try reader.events().lazy.map(\.event))
        hasBegun = state.head != nil
        tariff = state.head?.tariff
        coreSecondsBefore = state.coreSeconds
        if state.head?.folds != nil { throw ResumeError.crossValidation(path: path) }
        if state.phase == .finished(.completed) { throw ResumeError.completed(path: path) }
        let bytes = try reader.latestCheckpoint().map { try reader.checkpointBytes(step: $0.step) }
        let best = try reader.bestCheckpoint().map { try reader.checkpointBytes(step: $0.step) }
        reader.close()

        var (spec, yaml) = try SpecFile.parse(yaml: info.specYAML, file: path)
        if let data { spec.data.path = data }
        experiment = try Experiment(spec: spec, yaml: yaml)
        if let json = info.datasetJSON {
            let recorded = try JSONDecoder().decode(DatasetFacts.self, from: Data(json.utf8))
            let found = experiment.facts
            guard recorded.sha256 == found.sha256 else {
                throw ResumeError.otherData(path: path, recorded: recorded, found: found)
            }
        }
        try MemoryShortage.check(experiment, workers: workers)
        trainer = try experiment.trainer(workers: workers)
        let parameters = experiment.network.parameters
        snapshot = try bytes.map { try Snapshot($0, parameters: parameters, training: spec.training) }
        bestWeights = try best.map { try Snapshot($0, parameters: parameters, training: nil).modelWeights }
        if let snapshot { trainer.restore(snapshot) }
        writer = try SessionWriter.open(path: path)
        taken = nil
    }

    /// Trains to the end, recording and telling everything.
    /// - Returns: the last event.
    /// - Throws: ``SessionError`` when the end could not be stored, ``ExampleError`` when a streamed image is gone: the run
    ///   stands at its last checkpoint then and can be resumed.
    public func run(_ observer: RunObserver) throws -> RunEvent.Finished {
        let commands = commands
        let recorded = RecordedRun(writer, commands: commands, observer)
        defer { recorded.close() }
        let recorder = recorded.recorder
        let peak = Machine.measurePeak() * Double(min(trainer.workers, Machine.processors))
        if hasBegun {
            recorder.record(
                .resumed(
                    RunEvent.Resumed(
                        step: trainer.step, seconds: snapshot?.seconds ?? 0, workers: trainer.workers)))
        } else {
            recorder.record(.started(experiment.started(trainer: trainer, peak: peak, tariff: tariff)))
            recorded.warn(experiment.dataWarnings)
            if let taken {
                recorded.warn([taken])
                // The seed alone would not bring this start back.
                recorder.record(trainer.snapshot(), RunEvent.Checkpointed(step: 0, seconds: 0, best: false))
            }
            if let warning = experiment.precisionWarning { recorded.warn([warning]) }
        }
        var loop = TrainingLoop(
            trainer, splits: experiment.splits, from: snapshot, bestWeights: bestWeights,
            world: TrainingWorld(
                emit: { recorder.record($0) }, checkpoint: { recorder.record($0, $1) },
                commands: { commands.take(wait: $0) }, peakGigaflopPerSecond: peak,
                residentBytes: { HostFacts.residentBytes }))
        var finished: RunEvent.Finished
        do {
            finished = try loop.run()
        } catch {
            try recorded.finish()
            throw error
        }
        let seconds = finished.seconds - (snapshot?.seconds ?? 0)
        finished.bill = tariff?.bill(coreSeconds: coreSecondsBefore + seconds * Double(trainer.workers))
        finished.weightsSHA256 = trainer.weights.sha256
        // Before the last event: who reads a finished run finds all of it.
        let test = experiment.splits.test
        let artifacts = experiment.dataset.testArtifacts(
            loop.testInference ?? trainer.infer(test), of: test, step: finished.step)
        for artifact in artifacts { recorder.record(artifact) }
        recorder.record(.finished(finished))
        try recorded.finish()
        return finished
    }
}
