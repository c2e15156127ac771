// RunOnTerminal: a run of this process shown on stderr as a progress bar, or on stdout as JSON lines.
import Charts
import Engine
import Experiments
import Foundation
import Synchronization

/// Drives a run to its end. One Ctrl-C (or SIGTERM) stores a checkpoint and stops, a second one ends at once.
struct RunOnTerminal {
    var json: Bool
    var silent: Bool

    func drive(_ run: TrainingRun) throws {
        let signals = StopSignals(run.commands)
        defer { signals.end() }
        let view = ProgressView(path: run.path, shows: !silent && !json)
        let json = json && !silent
        let path = run.path
        let finished = try run.run(
            RunObserver(
                events: { events in
                    if json { for event in events { Output.line(Self.line(event, session: path)) } }
                    view.show(events)
                },
                complaint: { Output.error($0) }))
        if finished.reason == .diverged {
            throw WorkFailed(
                description:
                    "The run diverged at step \(finished.step): loss or gradients were not finite. Its last finite checkpoint is in \(run.path); try a smaller learning rate."
            )
        }
    }

    /// The event as it stands in the session; the last one also says which session that is.
    private static func line(_ event: NumberedEvent, session: String) -> String {
        let line = EventLine.encode(event)
        guard case .finished = event.event else { return line }
        return line.dropLast() + "," + Output.json([("session", session)]).dropFirst()
    }
}

/// Turns signals into commands. SIGHUP is ignored: a run outlives its terminal.
final class StopSignals {
    private let sources: [any DispatchSourceSignal]

    /// - Parameter what: is being done when the first signal comes, for a person.
    init(_ commands: CommandQueue, stopping what: String = "the checkpoint is being stored") {
        signal(SIGHUP, SIG_IGN)
        let count = Counter()
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global(qos: .userInitiated))
            source.setEventHandler {
                if count.next() > 1 { _exit(128 + number) }
                Output.raw("\n")
                Output.note("Stopping: \(what). Once more to end at once.")
                commands.push(.stop)
            }
            source.resume()
            return source
        }
    }

    func end() { for source in sources { source.cancel() } }

    private final class Counter: Sendable {
        private let value = Mutex(0)
        func next() -> Int {
            value.withLock {
                $0 += 1
                return $0
            }
        }
    }
}

/// A progress bar on a terminal, a line an epoch elsewhere.
private final class ProgressView: Sendable {
    private let path: String
    private let shows: Bool
    private let state = Mutex((run: RunState(), lineOpen: false))

    init(path: String, shows: Bool) {
        self.path = path
        self.shows = shows
    }

    func show(_ events: [NumberedEvent]) {
        guard shows else { return }
        state.withLock { state in
            for event in events {
                state.run.apply(event.event)
                switch event.event {
                case .started(let head): say(&state.lineOpen, opening(head))
                case .resumed(let resumed): say(&state.lineOpen, "Going on from step \(Format.count(resumed.step)).")
                case .evaluated(let evaluated): say(&state.lineOpen, epochLine(state.run, evaluated))
                case .ratesTried(let tried):
                    say(
                        &state.lineOpen,
                        "Learning rates were tried: \(RateSuggestion(tried.trials)?.sentence ?? RateSuggestion.none)")
                case .warned(let warned): say(&state.lineOpen, "! \(warned.message)")
                case .finished(let finished): say(&state.lineOpen, closing(finished, state.run.head?.tariff))
                default: break
                }
            }
            if Output.errorIsTerminal, case .running = state.run.phase { bar(&state) }
        }
    }

    private func say(_ lineOpen: inout Bool, _ text: String) {
        if lineOpen { Output.raw("\r\u{1b}[K") }
        lineOpen = false
        Output.note(text)
    }

    private func opening(_ head: RunEvent.Started) -> String {
        """
        \(head.name): \(head.dataset), \(Format.count(head.trainExamples)) training, \
        \(Format.count(head.validationExamples)) validation, \(Format.count(head.testExamples)) test examples; \
        \(Format.count(head.parameters)) parameters; \(head.workers) workers
        session \(path)
        """ + (expectation(head).map { "\n\($0)" } ?? "")
    }

    private func time(_ seconds: Double) -> String { seconds < 0.1 ? "under 0.1s" : Format.duration(seconds) }

    /// What the run will ask of the machine, as far as it can be told beforehand.
    private func expectation(_ head: RunEvent.Started) -> String? {
        guard let estimate = head.estimate else { return nil }
        var text = "estimated: "
        if let seconds = estimate.secondsPerEpoch {
            let whole = seconds * Double(head.epochs)
            text +=
                "\(time(seconds)) an epoch, \(time(whole)) in all, give or take a factor of 2; "
            if let bill = head.tariff?.bill(coreSeconds: whole * Double(head.workers)), !bill.words(head.tariff).isEmpty
            {
                text += "\(bill.words(head.tariff)); "
            }
        }
        return text + "\(Format.bytes(estimate.memory.total)) of memory"
    }

    private func epochLine(_ run: RunState, _ evaluated: RunEvent.Evaluated) -> String {
        let epochs = run.head?.epochs ?? 0
        let train = run.curves["train/loss"]?.last ?? .nan
        var line = "epoch \(evaluated.epoch)/\(epochs)  train loss \(Format.number(train))"
        line += "  \(evaluated.split.rawValue) loss \(Format.number(evaluated.loss))"
        if let accuracy = evaluated.accuracy { line += "  accuracy \(Format.percent(accuracy))" }
        if let scores = evaluated.regression?.scores {
            line += "  RMSE \(Format.number(scores.rmse))  R2 \(scores.r2.map { Format.number($0) } ?? "undefined")"
        }
        return line
    }

    private func closing(_ finished: RunEvent.Finished, _ tariff: Tariff?) -> String {
        let how =
            switch finished.reason {
            case .completed: "Done"
            case .stopped: "Stopped; `workbench resume` goes on"
            case .diverged: "Diverged"
            }
        let accuracy = finished.metrics["test/accuracy"].map { ", test accuracy \(Format.percent($0))" }
        let error = finished.metrics["test/rmse"].map { ", test RMSE \(Format.number($0))" }
        let bill = finished.bill.map { ", \($0.words(tariff))" } ?? ""
        return
            "\(how) after \(Format.duration(finished.seconds))\(accuracy ?? error ?? ""), \(Format.count(Int(finished.imagesPerSecond))) examples/s\(bill)."
    }

    private func bar(_ state: inout (run: RunState, lineOpen: Bool)) {
        let run = state.run
        guard let head = run.head else { return }
        let width = 24
        let filled = Int(run.fractionDone * Double(width))
        var text = "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "]"
        text += " epoch \(run.epoch)/\(head.epochs)"
        if let loss = run.curves["train/loss"]?.last { text += "  loss \(Format.number(loss))" }
        if let progress = run.progress {
            text += "  \(Format.count(Int(progress.imagesPerSecond)))/s"
            if let fraction = progress.work?.peakFraction { text += "  \(Format.wholePercent(fraction)) of peak" }
            if let rest = progress.remainingSeconds { text += "  \(Format.duration(rest)) left" }
            if let bill = run.bill?.words(head.tariff), !bill.isEmpty { text += "  \(bill)" }
        }
        Output.raw("\r\(text)\u{1b}[K")
        state.lineOpen = true
    }
}

extension Bill {
    /// "0.0123 EUR, 1.5 Wh"; what is not known is left out.
    fileprivate func words(_ tariff: Tariff?) -> String {
        let currency = tariff?.currency ?? ""
        return [
            cost.map { Format.amount($0) + (currency.isEmpty ? "" : " \(currency)") },
            wattHours.map { "\(Format.amount($0)) Wh" },
        ].compactMap { $0 }.joined(separator: ", ")
    }
}
