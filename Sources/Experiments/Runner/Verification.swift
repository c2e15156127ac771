// Verification: does a recorded run come out the same again, bit for bit?
import Engine
import Foundation

/// What computing a session's run once more has shown.
public struct Verification: Sendable, Equatable {
    public enum Verdict: Sendable, Equatable {
        /// Every recorded loss, every kept checkpoint and the weights at the end are the same to the last bit.
        case identical
        /// The first thing that is not, in a few words: the step, and the tensor where one is known.
        case different(String)
        /// What differs so that nothing can be said: the data, the kernels, the spec's version.
        case notComparable(String)

        /// One word, as `--json` says it.
        public var word: String {
            switch self {
            case .identical: "identical"
            case .different: "different"
            case .notComparable: "not comparable"
            }
        }
    }
    public var verdict: Verdict
    /// Steps that were computed again.
    public var steps: Int
    /// Of the weights that came out.
    public var weightsSHA256: String
    /// Recorded losses and kept checkpoints that were compared.
    public var losses: Int
    public var checkpoints: Int

    /// Computes the run of the session at `path` again from its start, with what a person did to it at the same steps, and
    /// compares. Nothing is written.
    /// - Parameters:
    ///   - data: another place of the data; nil: where they were.
    ///   - progress: gets steps done and steps in all, some times a second.
    /// - Throws: ``SessionError``, and whatever loading the data throws.
    public init(
        session path: String, data: String?, workers: Int, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws {
        let reader = try SessionReader(path: path)
        let info = reader.info
        let events = try reader.events().map(\.event)
        let kept = try reader.checkpoints().map { (step: $0.step, bytes: try reader.checkpointBytes(step: $0.step)) }
        reader.close()
        self.init(verdict: .identical, steps: 0, weightsSHA256: "", losses: 0, checkpoints: 0)

        if case .started(let head)? = events.first, head.folds != nil {
            verdict = .notComparable(
                "it is a cross-validation: `workbench cross-validate \(path)` computes it again, and the same SHA-256 of the weights says that it is the same"
            )
            return
        }
        guard info.kernels == Machine.kernels else {
            verdict = .notComparable("it was computed by \(info.kernels), here computes \(Machine.kernels)")
            return
        }
        var (spec, yaml) = try SpecFile.parse(yaml: info.specYAML, file: path)
        if let data { spec.data.path = data }
        let experiment = try Experiment(spec: spec, yaml: yaml)
        if let json = info.datasetJSON {
            let recorded = try JSONDecoder().decode(DatasetFacts.self, from: Data(json.utf8))
            if recorded.sha256 != experiment.facts.sha256 {
                verdict = .notComparable(
                    "the data have changed: then SHA-256 \(recorded.sha256.prefix(12))…, now \(experiment.facts.sha256.prefix(12))…"
                )
                return
            }
        }
        let trainer = try experiment.trainer(workers: workers)
        let parameters = experiment.network.parameters
        if let first = kept.first(where: { $0.step == 0 }) {
            trainer.restore(try Snapshot(first.bytes, parameters: parameters, training: spec.training))
        }
        let script = Script(events, kept: kept.map(\.step))
        guard script.last > 0 else {
            verdict = .notComparable("it holds no step that could be compared")
            return
        }
        var bytes = Dictionary(kept.map { ($0.step, $0.bytes) }, uniquingKeysWith: { $1 })
        bytes[0] = nil
        try replay(script, trainer, experiment, bytes, parameters, progress)
        if let finished = script.finished, verdict == .identical, finished.weightsSHA256 != weightsSHA256 {
            verdict = .different("the weights at the end, step \(finished.step)")
        }
    }

    private init(verdict: Verdict, steps: Int, weightsSHA256: String, losses: Int, checkpoints: Int) {
        self.verdict = verdict
        self.steps = steps
        self.weightsSHA256 = weightsSHA256
        self.losses = losses
        self.checkpoints = checkpoints
    }

    private mutating func replay(
        _ script: Script, _ trainer: Trainer, _ experiment: Experiment, _ kept: [Int: Data],
        _ parameters: [ParameterShape], _ progress: (Int, Int) -> Void
    ) throws {
        var found: Verdict = .identical
        var (compared, checked) = (0, 0)
        var failure: (any Error)?
        var due = script.commands
        let training = experiment.spec.training
        // Not escaping: the loop lives and ends within this function.
        try withoutActuallyEscaping(progress) { progress in
            var loop = TrainingLoop(
                trainer, splits: experiment.splits,
                world: TrainingWorld(
                    emit: { event in
                        guard case .stepped(let e) = event, let recorded = script.losses[e.step], found == .identical
                        else { return }
                        compared += 1
                        if recorded.loss.bitPattern != e.loss.bitPattern || recorded.count != e.count {
                            found = .different("the loss at step \(e.step): recorded \(recorded.loss), now \(e.loss)")
                        }
                    },
                    commands: { _ in
                        let step = trainer.step
                        if step % 50 == 0 { progress(step, script.last) }
                        if let data = kept[step], found == .identical {
                            do {
                                checked += 1
                                let old = try Snapshot(data, parameters: parameters, training: training)
                                if let name = Self.firstDifference(old, trainer.snapshot()) {
                                    found = .different("\(name) at step \(step)")
                                }
                            } catch {
                                failure = error
                            }
                        }
                        if found != .identical || failure != nil { return [.stop] }
                        let now = due[step] ?? []
                        due[step] = nil
                        return step >= script.last && !script.isComplete ? now + [.stop] : now
                    }))
            _ = try loop.run()
        }
        if let failure { throw failure }
        verdict = found
        steps = trainer.step
        losses = compared
        checkpoints = checked
        weightsSHA256 = trainer.weights.sha256
    }

    /// Name of the first tensor in which two snapshots differ.
    private static func firstDifference(_ old: Snapshot, _ new: Snapshot) -> String? {
        for (kind, a, b) in [
            ("", old.weights, new.weights), ("average of ", old.average, new.average),
            ("first moment of ", old.first, new.first), ("second moment of ", old.second, new.second),
        ] {
            for (x, y) in zip(a, b) where !same(x.values, y.values) { return kind + x.name }
        }
        return nil
    }

    /// The same bits; NaN equals NaN.
    private static func same(_ a: [Float], _ b: [Float]) -> Bool {
        a.count == b.count
            && a.withUnsafeBytes { a in b.withUnsafeBytes { b in a.elementsEqual(b) } }
    }
}

/// What is known of a recorded run: its losses, and what a person did to it when.
private struct Script {
    /// By the step at which they were told. Of a part that was computed twice, after a crash, what came last.
    var losses: [Int: (loss: Double, count: Int)] = [:]
    var commands: [Int: [EngineCommand]] = [:]
    var finished: RunEvent.Finished?
    /// Last step that can be compared.
    var last = 0
    /// It ran to its own end, be it an early one.
    var isComplete: Bool { finished?.reason == .completed }

    init(_ events: [RunEvent], kept: [Int]) {
        for event in events {
            switch event {
            case .stepped(let e):
                losses[e.step] = (e.loss, e.count)
                last = max(last, e.step)
            case .steered(let e):
                switch e.act {
                case .paused: commands[e.step, default: []].append(.pause)
                case .continued: commands[e.step, default: []].append(.continue)
                case .learningRate(let rate): commands[e.step, default: []].append(.setLearningRate(rate))
                }
            case .resumed(let e):
                // What was computed after the checkpoint that the run went on from was computed again.
                losses = losses.filter { $0.key <= e.step }
                commands = commands.filter { $0.key < e.step }
                finished = nil
                last = e.step
            case .finished(let e):
                finished = e
                last = e.step
            default: break
            }
        }
        // A pause that nobody ended, before a kill: the run is not held here for ever.
        for step in Array(commands.keys) where commands[step]?.last == .pause { commands[step]?.append(.continue) }
        last = max(last, kept.max() ?? 0)
    }
}
