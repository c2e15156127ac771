// PlainText: --plain. Lines of text for screen readers, pipes and terminals that can do nothing else.

import Charts
import Engine
import Experiments
import Foundation

/// Prints the list of sessions, or an open session event by event until it ends.
struct PlainText {
    let folder: SessionFolder
    let options: ScreenOptions

    func run() throws -> Int32 {
        switch options.target {
        case .none: try list()
        case .session(let path), .replay(let path, _, _): try follow(path)
        }
        return 0
    }

    private func say(_ line: String) {
        print(sanitised(line))
        fflush(nil)
    }

    private func list() throws {
        let sessions = try folder.list()
        say(
            sessions.isEmpty
                ? "No session in \(folder.path)."
                : "\(counted(sessions.count, "session", "sessions")) in \(folder.path):")
        for session in sessions { say(PlainText.line(of: session, now: Date())) }
        say("Presets, trained by workbench train NAME:")
        for preset in options.presets { say("\(preset.name): \(preset.summary)") }
    }

    /// One session in a line.
    static func line(of session: SessionSummary, now: Date) -> String {
        if case .unreadable(let reason) = session.status { return "\(session.fileName): unreadable, \(reason)" }
        var facts = ["\(session.fileName): \(session.status.word)", ago(session.createdAt, now: now)]
        if let head = session.head {
            facts.append(
                head.folds.map { "\(session.foldsDone) of \($0) folds have ended" }
                    ?? "epoch \(session.epoch) of \(head.epochs)")
        }
        for split in [Split.test, .validation] {
            if let accuracy = session.metrics["\(split.rawValue)/accuracy"] {
                facts.append("\(split.rawValue) accuracy \(Format.percent(accuracy))")
            }
            for (name, measure) in [("RMSE", "rmse"), ("R2", "r2")] {
                guard let value = session.metrics["\(split.rawValue)/\(measure)"] else { continue }
                facts.append("\(split.rawValue) \(name) \(Format.number(value))")
            }
        }
        if session.seconds > 0 { facts.append("ran \(Format.duration(session.seconds))") }
        return facts.joined(separator: ", ")
    }

    private func follow(_ path: String) throws {
        let mailbox = Mailbox()
        let feed = Feed(path: path, opening: 1, origin: .file, mailbox: mailbox)
        defer { feed.close() }
        var reader = EventReader()
        while true {
            let messages = mailbox.takeAll()
            for case .feed(_, let news) in messages {
                switch news {
                case .opened(let name): say("Session \(name)")
                case .events(let events): for line in events.compactMap({ reader.line(of: $0) }) { say(line) }
                case .facts, .analyst: break
                case .live: say("Live; Ctrl-C ends the watching, the run goes on.")
                case .ended(let status):
                    if status == .interrupted { say("Interrupted; workbench resume \(path) goes on.") }
                    return
                case .failed(let reason): throw PlainFailure(description: reason)
                }
            }
            if messages.isEmpty { Thread.sleep(forTimeInterval: 0.1) }
        }
    }
}

/// A session that could not be followed.
struct PlainFailure: Error, CustomStringConvertible {
    let description: String
}

/// Says events in words; of the many steps only about fifty a run.
struct EventReader {
    private var head: RunEvent.Started?
    private var lastStep = 0

    /// The line of an event, nil for one that is not worth a line.
    mutating func line(of event: RunEvent) -> String? {
        switch event {
        case .started(let started):
            head = started
            return
                "Started \(started.name) on \(started.dataset), \(started.epochs) epochs of \(started.stepsPerEpoch) steps, "
                + "network \(started.layers.joined(separator: ", ")), \(Format.count(started.parameters)) parameters"
        case .stepped(let stepped):
            guard stepped.step - lastStep >= max(1, (head?.totalSteps ?? 0) / 50) else { return nil }
            lastStep = stepped.step
            return "Step \(stepped.step), epoch \(stepped.epoch), \(Format.duration(stepped.seconds)): train loss "
                + Format.number(stepped.loss)
                + (stepped.accuracy.isNaN ? "" : ", train accuracy \(Format.percent(stepped.accuracy))")
        case .progressed: return nil
        case .evaluated(let evaluated):
            let split = evaluated.split.rawValue
            var facts = ["Epoch \(evaluated.epoch): \(split) loss \(Format.number(evaluated.loss))"]
            if let accuracy = evaluated.accuracy { facts.append("\(split) accuracy \(Format.percent(accuracy))") }
            if let scores = evaluated.regression?.scores {
                facts.append("\(split) RMSE \(Format.number(scores.rmse))")
                facts.append("R2 \(scores.r2.map { Format.number($0) } ?? "undefined")")
            }
            return facts.joined(separator: ", ")
        case .checkpointed(let checkpointed):
            return "Checkpoint at step \(checkpointed.step)\(checkpointed.best ? ", the best so far" : "")"
        case .steered(let steered):
            switch steered.act {
            case .paused: return "Paused at step \(steered.step)"
            case .continued: return "Continued at step \(steered.step)"
            case .learningRate(let rate): return "Learning rate \(Format.number(rate)) from step \(steered.step) on"
            }
        case .ratesTried(let tried):
            let suggested = RateSuggestion(tried.trials).map { "suggested \(Format.number($0.rate))" }
            return
                "\(tried.trials.count) learning rates tried after step \(tried.step), \(suggested ?? "no suggestion")"
        case .folded(let folded):
            guard folded.isLast else { return nil }
            let measures = folded.measures.sorted { $0.key < $1.key }.map { "\($0.key) \(Format.number($0.value))" }
            return (["Fold \(folded.fold) of \(folded.folds) has ended"] + measures).joined(separator: ", ")
        case .explained(let explanation): return line(of: explanation)
        case .surveyed(let survey):
            let first = survey.features.prefix(3).map { "\($0.name) \(Format.number($0.importance))" }
            return "What matters over \(survey.examples) examples: \(first.joined(separator: ", "))"
        case .compared(let line):
            let facts = [
                "\(Format.bytes(line.bytes)) stored", "accuracy \(Format.percent(line.accuracy))",
                "\(Format.number(line.lostPoints)) points lost", "\(Format.rate(line.imagesPerSecond)) images/s",
            ]
            return
                "Variant \(line.variant): \((facts + (line.note.isEmpty ? [] : [line.note])).joined(separator: ", "))"
        case .sensed(let found):
            let layers = found.layers.map { layer in
                let lost = zip(found.treatments, layer.lostPoints).map { "\($0) \(Format.number($1))" }
                return "layer \(layer.number) \(layer.name): \(lost.joined(separator: " "))"
            }
            return "Points lost with one layer smaller: \(layers.joined(separator: "; "))"
        case .decided(let choice): return "Variant \(choice.variant) \(choice.act.rawValue)"
        case .resumed(let resumed):
            lastStep = resumed.step
            return "Resumed from step \(resumed.step)"
        case .warned(let warned): return "Warning at step \(warned.step): \(warned.message)"
        case .finished(let finished):
            let metrics = finished.metrics.sorted { $0.key < $1.key }.map { "\($0.key) \(Format.number($0.value))" }
            return (["Ended, \(finished.reason.rawValue), after \(Format.duration(finished.seconds))"] + metrics)
                .joined(separator: ", ")
        }
    }

    private func line(of explanation: Explanation) -> String {
        let row = explanation.row.map { "row \($0)" } ?? "an example"
        guard let surrogate = explanation.surrogates.first else { return "Explained \(row)" }
        let name =
            head?.classes.indices.contains(surrogate.classIndex) == true
            ? head?.classes[surrogate.classIndex] ?? "" : "\(surrogate.classIndex)"
        let terms = surrogate.terms.prefix(5).map { "\($0.text) \(Format.number($0.weight))" }
        return
            (["Explained \(row): \(name) \(Format.number(surrogate.modelPrediction)), fit \(surrogate.fit.rawValue)"]
            + terms)
            .joined(separator: ", ")
    }
}
