// Tests of cross-validations: their folds, what leaks (nothing), and the session that they leave.

import Engine
import Foundation
import GRDB
import Synchronization
import Testing

@testable import Experiments

@Suite struct CrossValidationTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func plan(
        _ preset: String, folds: Int, shuffles: Bool = true, _ overrides: [(key: String, value: String)] = []
    ) throws -> FoldPlan {
        let yaml = try #require(Presets.named(preset)).yaml
        let (spec, text) = try SpecFile.parse(yaml: yaml, file: preset, overrides: overrides)
        return try FoldPlan(spec: spec, yaml: text, folds: folds, shuffles: shuffles)
    }

    private let short: [(key: String, value: String)] = [("training.epochs", "4")]

    /// Runs a cross-validation to its end; what was told meanwhile.
    private func run(
        _ plan: FoldPlan, workers: Int = 1, path: String? = nil, stopAfter folds: Int = .max
    ) throws -> (path: String, finished: RunEvent.Finished, told: [NumberedEvent]) {
        let path = path ?? folder["\(UUID().uuidString).session"]
        let validation = try CrossValidation(plan, path: path, workers: workers, programVersion: "0", command: [])
        let told = Mutex<[NumberedEvent]>([])
        let commands = validation.commands
        let finished = try validation.run(
            RunObserver(
                events: { events in
                    let ended = told.withLock { told in
                        told += events
                        return told.count { if case .folded(let folded) = $0.event { folded.isLast } else { false } }
                    }
                    if ended >= folds { commands.push(.stop) }
                }, complaint: { Issue.record("\($0)") }))
        return (path, finished, told.withLock { $0 })
    }

    // MARK: folds

    @Test(arguments: [2, 3, 5, 10], [true, false])
    func foldsAreDisjointAndCoverEverything(count: Int, shuffles: Bool) throws {
        let plan = try plan("iris-mlp", folds: count, shuffles: shuffles)
        let all = (0..<150).map(Int32.init)
        #expect(plan.parts.flatMap(\.splits.test).sorted() == all)
        for part in plan.parts {
            #expect((part.splits.train + part.splits.test).sorted() == all)
            #expect(part.splits.validation.isEmpty, "nothing watches a validation split")
            let labels = part.splits.test.map { part.dataset.labels[Int($0)] }
            let counts = (0..<3).map { label in labels.count { $0 == label } }
            #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1, "\(counts)")
        }
        let again = try self.plan("iris-mlp", folds: count, shuffles: shuffles)
        #expect(again.parts.map(\.splits) == plan.parts.map(\.splits))
        let other = try self.plan("iris-mlp", folds: count, shuffles: shuffles, [("data.seed", "7")])
        #expect((other.parts.map(\.splits) == plan.parts.map(\.splits)) == !shuffles)
    }

    /// What is kept from a fold leaves no trace in its preprocessing.
    @Test func preprocessingIsFittedOnTheTrainingPartAlone() throws {
        let plan = try plan("iris-mlp", folds: 5)
        guard case .floats(let values) = plan.whole.dataset.features else { throw Surprise() }
        for part in plan.parts {
            for column in 0..<4 {
                let seen = part.splits.train.map { Double(values[Int($0) * 4 + column]) }
                let mean = seen.reduce(0, +) / Double(seen.count)
                guard case .standardised(let fitted, _) = part.preprocessing.encodings[column] else { throw Surprise() }
                #expect(abs(Double(fitted) - mean) < 1e-5)
            }
        }
        let means = Set(plan.parts.map { "\($0.preprocessing.encodings)" })
        #expect(means.count == 5, "each fold has its own")
    }

    @Test func targetsAreScaledByTheTrainingPartAlone() throws {
        let plan = try plan("friedman-mlp", folds: 4, [("data.examples", "80")])
        let targets = try #require(plan.whole.dataset.targets)
        for part in plan.parts {
            let seen = part.splits.train.map { Double(targets[Int($0)]) }
            let scaling = try #require(part.preprocessing.target)
            #expect(abs(scaling.mean - seen.reduce(0, +) / Double(seen.count)) < 1e-4)
        }
    }

    /// Early stopping looks at a part of the training part, never at what was kept.
    @Test func validationComesOutOfTheTrainingPart() throws {
        let stopping = [(key: "training.early_stopping", value: "{patience: 2}")]
        for part in try plan("iris-mlp", folds: 5, stopping).parts {
            #expect(!part.splits.validation.isEmpty)
            #expect(
                (part.splits.train + part.splits.validation + part.splits.test).sorted()
                    == (0..<150).map(Int32.init))
            #expect(part.splits.watched == .validation)
        }
        let none = try plan("iris-mlp", folds: 5, stopping + [("data.validation_fraction", "0")])
        #expect(none.notes.contains { $0.contains("a tenth of each fold's training part") })
        #expect(none.parts.allSatisfy { !$0.splits.validation.isEmpty })
    }

    /// What a set's makers set aside for testing takes no part, and that is said; pictures are cut as tables are.
    @Test func anOfficialTestPartStaysOut() throws {
        func word(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt32(value).bigEndian, Array.init) }
        for (name, count) in [("train", 12), ("t10k", 4)] {
            let pixels = (0..<count * 16).map { UInt8($0 % 251) }
            try folder.write(word(0x803) + word(count) + word(4) + word(4) + pixels, "\(name)-images-idx3-ubyte")
            let labels = (0..<count).map { UInt8($0 % 2) }
            try folder.write(word(0x801) + word(count) + labels, "\(name)-labels-idx1-ubyte")
        }
        let yaml = """
            data: {dataset: mnist, path: \(SpecFile.quoted(folder.path))}
            network: [flatten, {dense: {units: classes}}]
            training: {epochs: 2, batch: 4}

            """
        let (spec, text) = try SpecFile.parse(yaml: yaml, file: "pictures")
        let plan = try FoldPlan(spec: spec, yaml: text, folds: 3)
        #expect(plan.parts.flatMap(\.splits.test).sorted() == (0..<12).map(Int32.init))
        #expect(plan.notes.contains { $0.hasPrefix("The 4 examples that mnist sets aside") }, "\(plan.notes)")
        let (_, _, told) = try run(plan, workers: 2)
        let state = RunState(told.map(\.event))
        #expect(state.head?.testExamples == 12)
        #expect(ConfusionMatrix(rows: state.evaluations[.test]?.detail?.confusion ?? []).total == 12)
        let warned = state.marks.contains {
            if case .warned(let text) = $0.kind { text.contains("set") } else { false }
        }
        #expect(warned)
    }

    /// Large networks and streamed pictures are trained one fold after the other, by all workers; small ones side by side.
    @Test func howManyFoldsAtATime() throws {
        let small = try plan("iris-mlp", folds: 5)
        #expect([1, 2, 3, 16].map { CrossValidation.sideBySide(small, workers: $0, available: nil) } == [1, 2, 3, 5])
        #expect(CrossValidation.sideBySide(small, workers: 4, available: 1) == 1, "there is no memory for two")
        let large = try plan("iris-mlp", folds: 5, [("network.0.dense.units", "400000")])
        #expect(CrossValidation.sideBySide(large, workers: 4, available: nil) == 1)
    }

    @Test func foldsThatCanNotBe() throws {
        #expect(throws: FoldError.number(1)) { try plan("iris-mlp", folds: 1) }
        #expect(throws: FoldError.number(1_001)) { try plan("iris-mlp", folds: 1_001) }
        #expect(throws: (any Error).self) { try plan("iris-mlp", folds: 151) }
    }

    // MARK: results

    @Test func resultsDoNotDependOnHowManyRunAtATime() throws {
        let plan = try plan("iris-mlp", folds: 3, short + [("data.balance", "oversample")])
        let runs = try [1, 2, 3].map { try run(plan, workers: $0) }
        func measures(_ told: [NumberedEvent]) -> [String: [String: Double]] {
            var found: [String: [String: Double]] = [:]
            for case .folded(let folded) in told.map(\.event) {
                found["\(folded.fold) \(folded.epoch) \(folded.isLast)"] =
                    folded.measures.merging(["train": folded.trainLoss]) { $1 }
            }
            return found
        }
        #expect(measures(runs[0].told).count == 3 * 5)
        for other in runs.dropFirst() {
            #expect(other.finished.metrics == runs[0].finished.metrics)
            #expect(other.finished.weightsSHA256 == runs[0].finished.weightsSHA256)
            #expect(measures(other.told) == measures(runs[0].told))
        }
        let hashes = try (2...4).map { run in
            try runs.map { try RunState(SessionReader(path: $0.path, run: run).runEvents()).finished?.weightsSHA256 }
        }
        for fold in hashes { #expect(Set(fold).count == 1 && fold[0]?.isEmpty == false) }
        #expect(Set(hashes.map { $0[0] }).count == 3, "each fold has weights of its own")
    }

    /// The means are those of what the folds told, the pooled accuracy that of all kept examples.
    @Test func metricsFollowFromTheFolds() throws {
        let plan = try plan("iris-mlp", folds: 5, [("training.epochs", "12")])
        let (path, finished, told) = try run(plan, workers: 2)
        let state = RunState(told.map(\.event))
        let accuracies = state.folds.compactMap { $0.measures["accuracy"] }
        #expect(accuracies.count == 5 && state.folds.allSatisfy(\.isFinished))
        let summary = try #require(FoldSummary(accuracies, testShare: 0.25, within: 0...1))
        for (name, value) in [
            ("mean", summary.mean), ("deviation", summary.deviation), ("low", summary.low), ("high", summary.high),
        ] { #expect(abs((finished.metrics["test/accuracy_\(name)"] ?? -1) - (value ?? -2)) < 1e-12, "\(name)") }
        let detail = try #require(state.evaluations[.test]?.detail)
        let matrix = ConfusionMatrix(rows: detail.confusion)
        #expect(matrix.total == 150)
        #expect(finished.metrics["test/accuracy_pooled"] == matrix.accuracy)
        #expect(abs((matrix.accuracy ?? 0) - summary.mean) < 1e-9, "folds of one size")
        for name in ["loss", "macro_f1", "auc"] { #expect(finished.metrics["test/\(name)_mean"] != nil) }
        let facts = SessionFacts(reader: try SessionReader(path: path))
        #expect(facts.mistakes.count == min(Mistake.maximumCount, 150 - (0..<3).reduce(0) { $0 + matrix[$1, $1] }))
        // Each cell of the pooled matrix has its examples, and each example what was said of it.
        #expect(
            Set(facts.cellExamples.map { $0.label * 3 + $0.predicted })
                == Set((0..<9).filter { matrix[$0 / 3, $0 % 3] > 0 }))
        #expect(facts.predictions?.count == 150)
        #expect(state.fractionDone == 1)
    }

    @Test func numbers() throws {
        let plan = try plan("friedman-mlp", folds: 4, [("data.examples", "200"), ("training.epochs", "5")])
        let (_, finished, told) = try run(plan, workers: 2)
        let state = RunState(told.map(\.event))
        #expect(state.head?.target == "y")
        #expect(state.evaluations[.test]?.regression?.scores.count == 200)
        for name in ["rmse", "mae", "r2", "loss"] {
            #expect(finished.metrics["test/\(name)_mean"] != nil && finished.metrics["test/\(name)_deviation"] != nil)
        }
        #expect(finished.metrics["test/accuracy_mean"] == nil)
        #expect(finished.metrics["test/rmse_pooled"] == state.evaluations[.test]?.regression?.scores.rmse)
    }

    @Test func balancesAndEarlyStopping() throws {
        let plan = try plan(
            "iris-mlp", folds: 3,
            [
                ("training.epochs", "30"), ("data.balance", "smote"), ("training.class_weights", "balanced"),
                ("training.early_stopping", "{patience: 1}"),
            ])
        let (_, finished, told) = try run(plan, workers: 2)
        let state = RunState(told.map(\.event))
        #expect(finished.reason == .completed && state.folds.count == 3)
        #expect(state.folds.contains { $0.epoch < 30 }, "one stopped early at least")
        #expect(state.folds.allSatisfy { $0.curves["test/accuracy"]?.count == $0.epoch })
    }

    /// The pooled predictions stand in the order of the data set.
    @Test func poolsInTheOrderOfTheData() {
        func inference(_ values: [Float]) -> Inference {
            Inference(
                probabilities: values.flatMap { [$0, 1 - $0] }, losses: values.map(Double.init),
                hits: values.map { $0 > 0.5 }, labels: values.map { Int32($0 * 10) })
        }
        let (examples, pooled) = FoldPooling.pool(
            [([0, 3], inference([0.1, 0.4])), ([1, 2], inference([0.2, 0.3]))], width: 2)
        #expect(examples == [0, 1, 2, 3])
        #expect(pooled.losses == [0.1, 0.2, 0.3, 0.4].map { Double(Float($0)) })
        #expect(
            pooled.probabilities
                == [0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6].enumerated().map { index, _ in
                    let value = [Float(0.1), 0.2, 0.3, 0.4][index / 2]
                    return index % 2 == 0 ? value : 1 - value
                })
    }

    // MARK: the session

    @Test func theSessionReadsBackAndLists() throws {
        let plan = try plan("iris-mlp", folds: 3, short)
        let (path, finished, told) = try run(plan, workers: 2)
        let reader = try SessionReader(path: path)
        #expect(try reader.events() == told)
        #expect(told.map(\.sequence) == Array(1...told.count))
        let runs = try reader.runs()
        #expect(runs.map(\.run) == [1, 2, 3, 4])
        #expect(runs.map(\.name) == ["iris-mlp", "fold 1 of 3", "fold 2 of 3", "fold 3 of 3"])
        #expect(reader.info.name == "iris-mlp")
        #expect(try reader.checkpoints().isEmpty)
        for fold in 1...3 {
            let own = try SessionReader(path: path, run: fold + 1)
            let events = try own.runEvents()
            let state = RunState(events)
            #expect(state.phase == .finished(.completed) && state.head?.name == "fold \(fold) of 3")
            #expect(state.head?.seed == FoldPlan.seed(1, fold: fold))
            #expect(state.curves["train/loss"] != nil && state.evaluations[.test] != nil)
            #expect(own.info.specYAML != reader.info.specYAML)
            let part = plan.parts[fold - 1]
            #expect(
                try JSONDecoder().decode(Preprocessing.self, from: Data(own.info.preprocessingJSON.utf8))
                    == part.preprocessing)
            // The kept weights give what was told of the fold.
            let row = try #require(try own.latestCheckpoint())
            let weights = try Snapshot(
                try own.checkpointBytes(step: row.step), parameters: part.network.parameters, training: nil
            ).modelWeights
            let found = try Predictor(part.network, weights: weights, data: part.prepared, workers: 1)
                .infer(part.splits.test)
            let known = RunState(told.map(\.event)).folds[fold - 1].measures
            #expect(found.accuracy == known["accuracy"] && found.meanLoss == known["loss"])
        }
        #expect(throws: SessionError.noRun(path: reader.path, run: 5)) { try SessionReader(path: path, run: 5) }
        let summary = SessionSummary(path: path)
        #expect(summary.status == .finished(.completed) && summary.foldsDone == 3 && summary.fractionDone == 1)
        #expect(summary.metrics["test/accuracy_mean"] == finished.metrics["test/accuracy_mean"])
        #expect(try integrity(path) == "ok")
        #expect(throws: ResumeError.crossValidation(path: path)) {
            _ = try TrainingRun(resuming: path, data: nil, workers: 1)
        }
        #expect(throws: ModelError.crossValidation(path: path)) { _ = try TrainedModel(session: path) }
        guard case .notComparable = try Verification(session: path, data: nil, workers: 1).verdict else {
            throw Surprise()
        }
    }

    @Test func aStopKeepsWhatIsDone() throws {
        let plan = try plan("iris-mlp", folds: 5, [("training.epochs", "400")])
        let (path, finished, told) = try run(plan, workers: 1, stopAfter: 2)
        #expect(finished.reason == .stopped)
        let state = RunState(told.map(\.event))
        let done = state.folds.count(where: \.isFinished)
        #expect(done >= 2 && done < 5)
        #expect(state.phase == .finished(.stopped))
        #expect(finished.metrics["test/accuracy_mean"] != nil)
        let kept = plan.parts.prefix(done).reduce(0) { $0 + $1.splits.test.count }
        #expect(ConfusionMatrix(rows: state.evaluations[.test]?.detail?.confusion ?? []).total == kept)
        #expect(SessionSummary(path: path).status == .finished(.stopped))
        #expect(SessionSummary(path: path).foldsDone == done)
    }

    @Test func onlyAStopIsObeyed() throws {
        let plan = try plan("iris-mlp", folds: 2, short)
        let path = folder["refuses.session"]
        let validation = try CrossValidation(plan, path: path, workers: 1, programVersion: "0", command: [])
        validation.commands.push(.pause)
        validation.commands.push(.setLearningRate(1))
        let finished = try validation.run(RunObserver(events: { _ in }, complaint: { _ in }))
        #expect(finished.reason == .completed)
        #expect(finished.metrics == (try run(plan)).finished.metrics)
        let warnings = RunState(try SessionReader(path: path).runEvents()).marks.filter { mark in
            if case .warned(let text) = mark.kind { text.contains("can only be stopped") } else { false }
        }
        #expect(warnings.count == 1)
    }

    /// A file may come from anywhere: the first run opens, and of the others no more are looked at than there may be.
    @Test func aFileOfManyRuns() throws {
        let path = folder["many.session"]
        let writer = try SessionWriter.create(
            path: path, info: sampleInfo(),
            others: (0..<5).map { index in
                var info = sampleInfo(name: "fold \(index + 1)")
                info.runID = "\(index)"
                return info
            })
        try writer.append(batches: [
            (nil, [sampleStep(1)]), (4, [sampleStep(1), sampleStep(2)]), (nil, [sampleStep(2)]),
        ])
        try writer.append(batches: [(4, [sampleStep(3)])])
        writer.close()
        #expect(try SessionReader(path: path).events().map(\.sequence) == [1, 2])
        #expect(try SessionReader(path: path, run: 4).events().map(\.sequence) == [1, 2, 3])
        #expect(try SessionReader(path: path, run: 3).events().isEmpty)
        // Another process goes on with it: numbers follow.
        let again = try SessionWriter.open(path: path)
        try again.append(batches: [(4, [sampleStep(4)]), (nil, [sampleStep(3)])])
        again.close()
        #expect(try SessionReader(path: path, run: 4).events().map(\.sequence) == [1, 2, 3, 4])
        #expect(try SessionReader(path: path).events().map(\.sequence) == [1, 2, 3])
        let queue = try DatabaseQueue(path: path)
        try queue.write { database in
            try database.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
                    INSERT INTO run (id, run_id, name, created_at, spec_yaml, preprocessing_json, host, processor, kernels,
                        program_version, command_json)
                    SELECT i, 'x' || i, '', 0, '', '', '', '', '', '', '[]' FROM n
                    """)
        }
        try queue.close()
        let reader = try SessionReader(path: path)
        #expect(reader.info == sampleInfo())
        #expect(try reader.runs().count == SessionReader.mostRuns)
        #expect(SessionSummary(path: path).step == 3)
    }
}
