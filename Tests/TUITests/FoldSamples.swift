// Made-up cross-validations, and the screens in their states.

import Charts
import Engine
import Experiments
import Foundation

@testable import TUI

extension Sample {
    static func foldsHead(folds: Int = 5, epochs: Int = 40, target: String? = nil) -> RunEvent.Started {
        var head = head(name: target == nil ? "penguins" : "houses", epochs: epochs, stepsPerEpoch: 9, watched: .test)
        head.dataset = "csv"
        head.classes = target.map { [$0] } ?? ["Adelie", "Chinstrap", "Gentoo"]
        head.target = target
        head.inputShape = .vector(9)
        head.layers = ["dense 64 relu", "dropout 0.2", "dense 32 relu", "dropout 0.2", "dense 3"]
        head.parameters = 2_819
        (head.trainExamples, head.validationExamples, head.testExamples) = (275, 0, 344)
        head.seed = 42
        head.folds = folds
        return head
    }

    /// Events of a cross-validation whose folds are trained two at a time.
    /// - Parameter epochs: epochs in all that are told; nil: everything, and the end.
    static func folds(
        _ head: RunEvent.Started = foldsHead(), epochs told: Int? = nil, reason: RunEvent.Finished.Reason = .completed
    ) -> [RunEvent] {
        let count = head.folds ?? 5
        var events: [RunEvent] = [.started(head)]
        events.append(
            .warned(
                RunEvent.Warned(
                    step: 0,
                    message:
                        "penguins.csv: the column 'name' holds more than 50 different texts such as 'Braund', too many for categories, so it was left out."
                )))
        var left = told ?? .max
        var seconds = 0.0
        var last: [[String: Double]] = []
        for pair in stride(from: 1, through: count, by: 2) {
            for epoch in 1...head.epochs {
                for fold in pair...min(pair + 1, count) where left > 0 {
                    left -= 1
                    seconds += 0.01
                    let measures = foldMeasures(head, fold: fold, epoch: epoch)
                    let folded = RunEvent.Folded(
                        fold: fold, folds: count, step: epoch * head.stepsPerEpoch, epoch: epoch, seconds: seconds,
                        trainLoss: 0.9 * exp(-Double(epoch) / 9) + 0.02, measures: measures, isLast: false)
                    events.append(.folded(folded))
                    if epoch == head.epochs {
                        var ended = folded
                        ended.isLast = true
                        events.append(.folded(ended))
                        last.append(measures)
                    }
                }
                if epoch % 10 == 0, left > 0 {
                    events.append(
                        .progressed(
                            RunEvent.Progressed(
                                step: events.count * 9, epoch: epoch, seconds: seconds, imagesPerSecond: 182_400,
                                busy: [0.9, 0.9], remainingSeconds: max(0, 2.5 - seconds))))
                }
            }
        }
        guard told == nil || reason == .stopped else { return events }
        var metrics: [String: Double] = [:]
        for name in Set(last.flatMap(\.keys)) {
            guard
                let summary = FoldSummary(
                    last.compactMap { $0[name] }, testShare: 0.25, within: head.target == nil ? 0...1 : nil)
            else { continue }
            metrics["test/\(name)_mean"] = summary.mean
            metrics["test/\(name)_deviation"] = summary.deviation
            metrics["test/\(name)_low"] = summary.low
            metrics["test/\(name)_high"] = summary.high
            metrics["test/\(name)_pooled"] = min(summary.mean * 1.0001, summary.high ?? 1)
        }
        let numbers = head.target == nil ? nil : regression(344, skill: 6)
        events.append(
            .evaluated(
                RunEvent.Evaluated(
                    step: 1_800, epoch: head.epochs, seconds: seconds, split: .test, loss: 0.0141,
                    accuracy: numbers == nil ? 0.9942 : nil,
                    detail: numbers == nil ? detail(head.classes.count, skill: 8) : nil, regression: numbers)))
        events.append(
            .finished(
                RunEvent.Finished(
                    step: 1_800, epoch: head.epochs, seconds: seconds, reason: reason,
                    weightsSHA256: String(repeating: "0a", count: 32), workers: 2, metrics: metrics,
                    imagesPerSecond: 180_000)))
        return events
    }

    private static func foldMeasures(_ head: RunEvent.Started, fold: Int, epoch: Int) -> [String: Double] {
        let progress = Double(epoch) / 8 * (1 + 0.2 * noise(fold))
        let jitter = noise(fold * 97 + epoch)
        let loss = 1.1 * exp(-progress) + 0.03 + 0.02 * noise(fold * 13) + 0.01 * jitter
        if head.target != nil {
            return [
                "loss": loss, "rmse": 42_000 * loss + 9_000, "mae": 33_000 * loss + 6_000, "r2": 1 - 0.6 * loss,
            ]
        }
        let accuracy = min(1, 1 - 0.6 * exp(-progress * 1.2) - 0.01 * noise(fold * 7).magnitude + 0.004 * jitter)
        return [
            "loss": loss, "accuracy": accuracy, "macro_f1": accuracy - 0.004, "auc": min(1, accuracy + 0.01),
            "brier": loss / 3,
        ]
    }
}

extension State {
    /// A cross-validation that an engine is at work on.
    mutating func attachFolds(epochs: Int, head: RunEvent.Started = Sample.foldsHead()) {
        take(.listed(sampleSessions))
        press(.enter)
        feed(.opened(name: head.name), .events(Sample.folds(head, epochs: epochs)), .live)
    }

    /// One that has ended, on a screen.
    mutating func openFolds(_ events: [RunEvent], _ status: SessionStatus, screen: Unicode.Scalar = "2") {
        open(events, status)
        feed(.opened(name: "penguins"))
        press(.character(screen))
    }

    /// The list with cross-validations, the first of which is looked at.
    mutating func listFolds() {
        func row(_ name: String, _ head: RunEvent.Started, _ status: SessionStatus, done: Int) -> SessionSummary {
            var row = sampleSessions[1]
            row.path = "/sessions/\(name).session"
            (row.name, row.fileName, row.head, row.status) = (name, "\(name).session", head, status)
            row.foldsDone = done
            row.metrics = [:]
            for event in Sample.folds(head) {
                if case .finished(let finished) = event, status == .finished(.completed) {
                    row.metrics = finished.metrics
                }
            }
            return row
        }
        let rows = [
            row("penguins", Sample.foldsHead(), .finished(.completed), done: 5),
            row("houses", Sample.foldsHead(target: "price"), .finished(.completed), done: 5),
            row("titanic", Sample.foldsHead(folds: 10), .live, done: 3),
        ]
        take(.listed(rows + sampleSessions), .previewed(path: rows[0].path, RunState(Sample.folds())))
    }
}

let foldScenes: [Scene] = [
    Scene(name: "folds-runs") { $0.listFolds() },
    Scene(name: "folds-asked") {
        $0.listSessions()
        $0.press(.tab, .character("K"))
    },
    Scene(name: "folds-begun") { $0.attachFolds(epochs: 0) },
    Scene(name: "folds-running") { $0.attachFolds(epochs: 106) },
    Scene(name: "folds-finished") { $0.openFolds(Sample.folds(), .finished(.completed)) },
    Scene(name: "folds-many") {
        $0.openFolds(Sample.folds(Sample.foldsHead(folds: 30, epochs: 8), epochs: 190), .interrupted)
    },
    Scene(name: "folds-stopped") { $0.openFolds(Sample.folds(epochs: 100, reason: .stopped), .finished(.stopped)) },
    Scene(name: "folds-replay") {
        $0.openFolds(Sample.folds(), .finished(.completed))
        $0.press(.character("g"), .pageDown, .pageDown, .right)
    },
    Scene(name: "folds-numbers") {
        $0.openFolds(Sample.folds(Sample.foldsHead(target: "price")), .finished(.completed))
    },
    Scene(name: "folds-evaluate") { $0.openFolds(Sample.folds(), .finished(.completed), screen: "3") },
    Scene(name: "folds-evaluate-numbers") {
        $0.openFolds(Sample.folds(Sample.foldsHead(target: "price")), .finished(.completed), screen: "3")
    },
    Scene(name: "folds-evaluate-nothing") {
        $0.attachFolds(epochs: 30)
        $0.press(.character("3"))
    },
]
