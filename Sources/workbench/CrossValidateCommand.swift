// cross-validate: a network trained once a fold and measured on what was kept from it.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation
import Synchronization

struct CrossValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cross-validate",
        abstract: "Train once a fold, each time measured on the examples that were kept from it.",
        discussion: """
            The examples are cut into folds in which each class has its share, shuffled by data.seed. For each fold a network is \
            trained on all others, preprocessing fitted on those alone. A session in place of a spec: what it was trained by. The interval is that of Nadeau & Bengio (2003) at 95 %: \
            folds share training examples, so it is wider than the usual one of a mean. All folds go into one session.
            """)

    @OptionGroup var subject: SpecOptions
    @Option(help: "How many folds (2 to \(FoldPlan.range.upperBound)).") var folds = 5
    @Flag(inversion: .prefixedNo, help: "Shuffle the examples before they are cut; the seed is data.seed.")
    var shuffle = true
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions
    @Option(help: "The session file to make (default: a new name in the sessions folder).")
    var session: String?
    @Flag(help: "One JSON object a line on stdout: each fold, then the whole.") var json = false
    @Flag(help: .hidden) var engine = false

    /// The spec of a session that is named in place of a preset or a file: what was trained once is cross-validated.
    private func specOfSession() throws -> (file: String, yaml: String)? {
        guard subject.spec.hasSuffix(".session") else { return nil }
        let reader = try SessionReader(path: sessionOptions.path(of: subject.spec))
        defer { reader.close() }
        return (subject.spec, reader.info.specYAML)
    }

    func validate() throws {
        guard FoldPlan.range.contains(folds) else {
            throw ValidationError("--folds \(folds) is not between 2 and \(FoldPlan.range.upperBound).")
        }
    }

    func run() throws {
        let (spec, yaml) = try subject.resolved(specOfSession())
        let folder = sessionOptions.folder
        let path = session ?? folder.newSessionPath(name: spec.name)
        if session == nil {
            try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        }
        let plan = try FoldPlan(spec: spec, yaml: yaml, folds: folds, shuffles: shuffle)
        let run = try CrossValidation(
            plan, path: path, workers: workerOptions.workers ?? Machine.processors, programVersion: programVersion,
            command: CommandLine.arguments)
        let signals = StopSignals(run.commands, stopping: "folds that have ended are kept")
        defer { signals.end() }
        let view = FoldsView(run, seed: shuffle ? spec.data.seed : nil, json: json, isSilent: engine)
        let finished = try run.run(RunObserver(events: { view.show($0) }, complaint: { Output.error($0) }))
        view.end(finished)
        if finished.reason == .diverged {
            throw WorkFailed(
                description:
                    "A fold diverged: loss or gradients were not finite. What was computed is in \(path); try a smaller learning rate."
            )
        }
    }
}

/// What a cross-validation looks like on stdout and stderr.
private final class FoldsView: Sendable {
    private struct State {
        var run = RunState()
        var lineOpen = false
    }
    private let path: String
    private let folds: Int
    private let atOnce: Int
    private let workersEach: Int
    /// nil: the examples were taken in their order.
    private let seed: UInt64?
    private let json: Bool
    private let isSilent: Bool
    private let state = Mutex(State())

    init(_ run: CrossValidation, seed: UInt64?, json: Bool, isSilent: Bool) {
        path = run.path
        folds = run.plan.folds
        atOnce = run.sideBySide
        workersEach = run.workersEach
        self.seed = seed
        self.json = json
        self.isSilent = isSilent
    }

    func show(_ events: [NumberedEvent]) {
        guard !isSilent else { return }
        state.withLock { state in
            for event in events {
                state.run.apply(event.event)
                switch event.event {
                case .started(let head): say(opening(head), &state)
                case .warned(let warned): say("! \(warned.message)", &state)
                case .folded(let folded) where folded.isLast:
                    if json { Output.line(line(of: folded)) }
                    say(sentence(folded, state.run), &state)
                default: break
                }
            }
            if !json, Output.errorIsTerminal, case .running = state.run.phase { bar(&state) }
        }
    }

    /// What was found: a line of JSON or a table.
    func end(_ finished: RunEvent.Finished) {
        guard !isSilent else { return }
        let run = state.withLock { state in
            say("", &state)
            return state.run
        }
        if json {
            Output.line(line(of: finished, run))
        } else {
            table(finished, run)
        }
    }

    private func say(_ text: String, _ state: inout State) {
        if json { return }
        if state.lineOpen { Output.raw("\r\u{1b}[K") }
        state.lineOpen = false
        if !text.isEmpty { Output.note(text) }
    }

    private var shuffling: String { seed.map { "shuffled with seed \($0)" } ?? "in the order of the data" }

    private func opening(_ head: RunEvent.Started) -> String {
        let way =
            atOnce > 1
            ? "\(atOnce) folds at a time, \(workersEach) \(workersEach == 1 ? "worker" : "workers") each"
            : "one fold after the other, \(workersEach) \(workersEach == 1 ? "worker" : "workers")"
        return """
            \(head.name): \(head.dataset), \(Format.count(head.testExamples)) examples in \(folds) folds, \(shuffling); \
            \(Format.count(head.parameters)) parameters; \(way)
            session \(path)
            """
    }

    private func sentence(_ folded: RunEvent.Folded, _ run: RunState) -> String {
        var text = "fold \(folded.fold) of \(folds)  train loss \(Format.number(folded.trainLoss))"
        for measure in Measure.shown(run.head) {
            guard let value = folded.measures[measure.name] else { continue }
            text += "  \(measure.title) \(measure.text(value))"
        }
        return text
    }

    private func bar(_ state: inout State) {
        let run = state.run
        let width = 24
        let filled = Int(run.fractionDone * Double(width))
        var text = "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "]"
        text += " \(run.folds.count(where: \.isFinished)) of \(folds) folds done"
        if let progress = run.progress {
            text += "  \(Format.count(Int(progress.imagesPerSecond)))/s"
            if let rest = progress.remainingSeconds { text += "  \(Format.duration(rest)) left" }
        }
        Output.raw("\r\(text)\u{1b}[K")
        state.lineOpen = true
    }

    // MARK: JSON

    private func line(of folded: RunEvent.Folded) -> String {
        var fields: [(String, Any?)] = [
            ("event", "folded"), ("fold", folded.fold), ("folds", folded.folds), ("step", folded.step),
            ("epoch", folded.epoch), ("seconds", folded.seconds), ("train_loss", folded.trainLoss),
        ]
        for (name, value) in folded.measures.sorted(by: { $0.key < $1.key }) { fields.append((name, value)) }
        return Output.json(fields)
    }

    private func line(of finished: RunEvent.Finished, _ run: RunState) -> String {
        var fields: [(String, Any?)] = [("event", "finished"), ("reason", finished.reason.rawValue)]
        for (name, value) in finished.metrics.sorted(by: { $0.key < $1.key }) {
            fields.append((String(name.dropFirst("test/".count)), value))
        }
        fields += [
            ("folds", folds), ("folds_done", run.folds.count(where: \.isFinished)),
            ("examples", run.head?.testExamples),
            ("shuffled", seed != nil), ("seed", seed.map { Int(truncatingIfNeeded: $0) }),
            ("seconds", finished.seconds),
            ("workers", finished.workers), ("session", path),
        ]
        return Output.json(fields)
    }

    // MARK: the table

    private func table(_ finished: RunEvent.Finished, _ run: RunState) {
        let measures = Measure.shown(run.head).filter { measure in
            run.folds.contains { $0.measures[measure.name] != nil }
        }
        let done = run.folds.filter(\.isFinished)
        guard !done.isEmpty else { return Output.line("No fold has ended.") }
        func metric(_ name: String, _ kind: String) -> Double? { finished.metrics["test/\(name)_\(kind)"] }
        var rows = [["fold", "epochs"] + measures.map(\.title)]
        for fold in done {
            rows.append(
                ["\(fold.fold)", "\(fold.epoch)"]
                    + measures.map { measure in fold.measures[measure.name].map(measure.text) ?? "undefined" })
        }
        for (label, kind) in [("mean", "mean"), ("deviation", "deviation"), ("low", "low"), ("high", "high")] {
            rows.append(
                [label, ""] + measures.map { measure in metric(measure.name, kind).map(measure.text) ?? "-" })
        }
        rows.append(
            ["pooled", ""] + measures.map { measure in metric(measure.name, "pooled").map(measure.text) ?? "-" })
        let widths = rows[0].indices.map { column in rows.map { displayWidth($0[column]) }.max() ?? 0 }
        for row in rows {
            let cells = zip(row, widths).map { rightAligned($0, columns: $1) }
            Output.line(cells.joined(separator: "  "))
        }
        Output.line("")
        for measure in measures {
            guard let mean = metric(measure.name, "mean") else { continue }
            var text = "\(measure.title) \(measure.text(mean))"
            if let deviation = metric(measure.name, "deviation") { text += " ± \(measure.text(deviation))" }
            if let low = metric(measure.name, "low"), let high = metric(measure.name, "high") {
                text += ", 95 % interval \(measure.text(low)) to \(measure.text(high))"
            }
            Output.line(text)
        }
        let units = run.head?.target.map { "; MAE and RMSE in units of \(sanitised($0)), loss scaled" } ?? ""
        let kept = done.count < folds ? "\(done.count) of \(folds) folds" : "\(folds) folds"
        Output.line(
            "\(kept), \(shuffling); \(Format.count(run.head?.testExamples ?? 0)) examples; \(Format.duration(finished.seconds))\(units)"
        )
        Output.note("session \(path)")
    }
}

/// A measure with the name that a person knows it by.
private struct Measure {
    var name: String
    var title: String
    var isFraction: Bool

    func text(_ value: Double) -> String { isFraction ? Format.percent(value) : Format.number(value) }

    /// Those of classes, or of numbers.
    static func shown(_ head: RunEvent.Started?) -> [Measure] {
        head?.target == nil
            ? [
                Measure(name: "loss", title: "loss", isFraction: false),
                Measure(name: "accuracy", title: "accuracy", isFraction: true),
                Measure(name: "macro_f1", title: "macro F1", isFraction: true),
                Measure(name: "auc", title: "AUC", isFraction: false),
            ]
            : [
                Measure(name: "loss", title: "loss", isFraction: false),
                Measure(name: "rmse", title: "RMSE", isFraction: false),
                Measure(name: "mae", title: "MAE", isFraction: false),
                Measure(name: "r2", title: "R2", isFraction: false),
            ]
    }
}
