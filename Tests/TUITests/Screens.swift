// States of the screens that the tests draw, each reached through update(_:_:) as at run time.

import Charts
import Engine
import Experiments
import Foundation

@testable import TUI

/// The head of a run on `friedman`, which predicts a number.
func numbersHead() throws -> (head: RunEvent.Started, facts: SessionFacts) {
    let facts = try Sample.friedmanFacts.get()
    var head = Sample.head(name: "friedman-mlp", stepsPerEpoch: 45)
    head.dataset = "friedman"
    head.classes = ["y"]
    head.target = "y"
    (head.trainExamples, head.validationExamples, head.testExamples) = (1_440, 160, 400)
    if let network = facts.network {
        head.inputShape = network.input
        head.layers = network.layers.map(\.summary)
        head.parameters = network.parameterCount
    }
    return (head, facts)
}

let samplePresets = [
    PresetRow(
        name: "digits-cnn", summary: "Convolutional network on 8x8 handwritten digits",
        detail:
            "# Handwritten digits, 8x8\nname: digits-cnn\ndata: {dataset: digits, validation_fraction: 0.1}\nnetwork:\n  "
            + "- conv: {filters: 16, kernel: 3, activation: relu}\n  - max_pool: {size: 2}\n  - flatten\n  - dense: {units: "
            + "classes}\ntraining: {epochs: 10, batch: 32}\n"),
    PresetRow(name: "mnist-cnn", summary: "Convolutional network on MNIST", detail: "name: mnist-cnn\n"),
    PresetRow(name: "breast-cancer-mlp", summary: "Tumours told apart by 30 measurements", detail: "name: breast\n"),
    PresetRow(name: "iris-mlp", summary: "Three species of iris", detail: "name: iris-mlp\n"),
]

private func summary(
    _ number: Int, _ name: String, _ status: SessionStatus, hours: Double, steps: Int, metrics: [String: Double]
) -> SessionSummary {
    var unreadable = false
    if case .unreadable = status { unreadable = true }
    let head = unreadable ? nil : Sample.head(name: name)
    let file = "\(name)-2026-11-24-08170\(number).session"
    return SessionSummary(
        path: "/sessions/\(file)", fileName: file, name: unreadable ? file : name, status: status,
        createdAt: Sample.now.addingTimeInterval(-hours * 3600), head: head, step: steps, epoch: steps / 41 + 1,
        seconds: Double(steps) * 0.031, metrics: metrics, bytes: 301_056)
}

let sampleSessions = [
    summary(
        5, "digits-cnn", .live, hours: 0.001, steps: 130, metrics: ["validation/accuracy": 0.9651, "train/loss": 0.14]),
    summary(
        4, "digits-cnn", .finished(.completed), hours: 0.8, steps: 410,
        metrics: [
            "train/loss": 0.0612, "validation/accuracy": 0.9914, "validation/loss": 0.0901, "test/accuracy": 0.9778,
        ]),
    summary(3, "iris-mlp", .interrupted, hours: 5, steps: 222, metrics: ["validation/accuracy": 0.9333]),
    summary(2, "shapes-cnn", .finished(.stopped), hours: 26, steps: 90, metrics: ["validation/accuracy": 0.4127]),
    summary(1, "spirals-mlp", .finished(.diverged), hours: 70, steps: 12, metrics: [:]),
    summary(0, "notes", .unreadable("notes.session is not a session file"), hours: 99, steps: 0, metrics: [:]),
]

extension State {
    /// A window of `columns` x `rows` before anything was read.
    init(_ columns: Int, _ rows: Int, _ glyphs: GlyphSet = .braille) {
        self.init()
        self.columns = columns
        self.rows = rows
        self.glyphs = glyphs
        folder = "~/sessions"
        now = Sample.now
        runs.presets = samplePresets
    }

    /// Takes messages one after the other; returns the commands of all.
    @discardableResult
    mutating func take(_ messages: Message...) -> [Command] { messages.flatMap { update(&self, $0) } }

    /// Presses keys one after the other; returns the commands of all.
    @discardableResult
    mutating func press(_ keys: Key...) -> [Command] { keys.flatMap { update(&self, .input(.key($0))) } }

    /// Types a text.
    mutating func type(_ text: String) {
        for scalar in text.unicodeScalars { _ = update(&self, .input(.key(Key(scalar: scalar)))) }
    }

    /// The list with sessions, the second of which (finished) is selected and looked at.
    mutating func listSessions() {
        take(.listed(sampleSessions))
        press(.down)
        take(.previewed(path: sampleSessions[1].path, RunState(Sample.events())))
    }

    /// A run of `steps` steps that an engine is at work on.
    mutating func attach(steps: Int, head: RunEvent.Started = Sample.head()) {
        take(.listed(sampleSessions))
        press(.enter)
        feed(.opened(name: head.name), .events(Sample.events(head, steps: steps)), .live)
    }

    /// A session that has ended.
    mutating func open(_ events: [RunEvent], _ status: SessionStatus) {
        take(.listed(sampleSessions))
        press(.down, .enter)
        feed(.opened(name: "digits-cnn"), .events(events), .ended(status))
    }

    /// A finished session of a preset with everything that its file holds, on a screen.
    mutating func openWithFacts(_ preset: String, screen: Unicode.Scalar) {
        do {
            let facts = try
                ([
                    "digits-cnn": Sample.digitsFacts, "shapes-cnn": Sample.augmentedFacts,
                ][preset] ?? Sample.cancerFacts).get()
            var head = Sample.head(name: preset)
            head.classes = facts.data?.classes ?? []
            head.dataset = facts.data?.name ?? ""
            if let network = facts.network {
                head.inputShape = network.input
                head.layers = network.layers.map(\.summary)
            }
            open(Sample.events(head), .finished(.completed))
            feed(.facts(facts))
            press(.character(screen))
        } catch {
            preconditionFailure("the sample session of \(preset): \(error)")
        }
    }

    /// An interrupted session with one evaluation, on Evaluate.
    mutating func openMeasured(_ detail: EvaluationDetail) {
        var head = Sample.head()
        head.classes = (0..<detail.roc.count).map { "class \($0)" }
        let evaluated = RunEvent.Evaluated(
            step: 41, epoch: 1, seconds: 1.3, split: .validation, loss: 0.3,
            accuracy: ConfusionMatrix(rows: detail.confusion).accuracy, detail: detail)
        open([.started(head), .evaluated(evaluated)], .interrupted)
        press(.character("3"))
    }

    /// A finished session that predicts a number, on a screen; with `examples` in its validation split.
    mutating func openNumbers(screen: Unicode.Scalar, examples: Int = 160, epochs: Int? = nil) {
        do {
            let (head, facts) = try numbersHead()
            open(
                Sample.numbers(head, examples: examples, epochs: epochs),
                epochs == nil ? .finished(.completed) : .interrupted)
            feed(.facts(facts), .opened(name: "friedman-mlp"))
            press(.character(screen))
        } catch {
            preconditionFailure("the sample session of friedman-mlp: \(error)")
        }
    }

    /// The list with a session that predicts a number, which is looked at.
    mutating func listNumbers() {
        do {
            let head = try numbersHead().head
            var numbers = sampleSessions[1]
            numbers.path = "/sessions/friedman-mlp.session"
            (numbers.name, numbers.fileName, numbers.head) = ("friedman-mlp", "friedman-mlp.session", head)
            numbers.step = head.totalSteps
            numbers.metrics = [
                "train/loss": 0.0512, "validation/loss": 0.061, "validation/rmse": 1.05, "validation/r2": 0.9461,
                "test/loss": 0.0588, "test/rmse": 1.006, "test/mae": 0.795, "test/r2": 0.9527,
            ]
            take(.listed([numbers] + sampleSessions), .previewed(path: numbers.path, RunState(Sample.numbers(head))))
        } catch {
            preconditionFailure("the sample session of friedman-mlp: \(error)")
        }
    }

    mutating func feed(_ news: FeedNews...) {
        for item in news { take(.feed(opening: openings, item)) }
    }

    /// Tries rates on the attached run: the engine answers with an event.
    mutating func tryRates(_ trials: [Trainer.RateTrial]) {
        press(.character("F"))
        let run = session?.whole ?? RunState()
        feed(
            .events([
                .ratesTried(RunEvent.RatesTried(step: run.step, seconds: run.seconds + 0.5, trials: trials))
            ]))
    }

    /// Pauses the attached run: the act comes back from the engine as an event.
    mutating func pauseAttached() {
        press(.character("p"))
        let run = session?.whole ?? RunState()
        feed(.events([.steered(RunEvent.Steered(step: run.step, seconds: run.seconds, act: .paused))]))
    }
}
