// Tests of what a session tells beside its events: data, network, mistakes; of runs that really ran, and of hostile files.

import Engine
import Foundation
import GRDB
import Testing

@testable import Experiments

struct SessionMistakeTests {
    @Test func theWorstComeFirst() throws {
        let dataset = sampleImages(40, classes: 4, height: 40, width: 40)
        let indices = (0..<40).map { Int32($0) }
        // Example i is taken for class 1 with probability 0.3 + i / 100.
        let probabilities = (0..<40).flatMap { row -> [Float] in
            let p = 0.3 + Float(row) / 100
            return [(1 - p) / 3, p, (1 - p) / 3, (1 - p) / 3]
        }
        var inference = Inference(
            probabilities: probabilities, losses: [], hits: [], labels: dataset.labels)
        let mistakes = Mistake.worst(of: inference, indices: indices, in: dataset)
        #expect(mistakes.count == 24)
        #expect(mistakes.map(\.index) == Array((0..<40).reversed().filter { $0 % 4 != 1 }.prefix(24)))
        #expect(mistakes.allSatisfy { $0.predicted == 1 && $0.label == $0.index % 4 && $0.probabilities.count == 4 })
        #expect(mistakes[0].probability == Double(probabilities[39 * 4 + 1]))
        #expect(mistakes[0].thumbnail == dataset.thumbnail(of: 39) && mistakes[0].values.isEmpty)
        let body = Mistake.encoded(mistakes)
        #expect(body.count < 150_000)
        #expect(Mistake.decoded(body, classes: 4) == mistakes)
        // What is not a number was not predicted.
        inference.probabilities = probabilities.map { _ in .nan }
        #expect(Mistake.worst(of: inference, indices: indices, in: dataset).isEmpty)
    }

    @Test func rowsAreNamed() throws {
        let dataset = Dataset(
            name: "t", shape: .vector(3), classes: (0..<30).map(String.init),
            columns: [
                Column(name: "x" + String(repeating: "y", count: 90), kind: .numeric),
                Column(name: "c", kind: .category(levels: ["r", "g"])), Column(name: "z", kind: .numeric),
            ],
            features: .floats([0.1, 1, .nan, 2, .nan, .infinity]), labels: [0, 1], origin: "")
        let inference = Inference(
            probabilities: (0..<60).map { $0 % 30 == 7 ? 1 : 0 }, losses: [], hits: [], labels: [0, 1])
        let mistakes = Mistake.worst(of: inference, indices: [0, 1], in: dataset)
        #expect(mistakes.map(\.predicted) == [7, 7] && mistakes.allSatisfy { $0.probabilities.isEmpty })
        #expect(mistakes[0].values[0].number == 0.1 && mistakes[0].values[0].column.count == 64)
        #expect(mistakes[0].values[1] == .init(column: "c", text: "g"))
        #expect(mistakes[0].values[2] == .init(column: "z"))
        #expect(mistakes[1].values.dropFirst() == [.init(column: "c"), .init(column: "z")])
        #expect(Mistake.decoded(Mistake.encoded(mistakes), classes: 30) == mistakes)
    }

    @Test func hostileMistakesAreNone() {
        let good =
            #"{"index":1,"label":0,"predicted":1,"probability":0.9,"probabilities":[0.1,0.9],"values":[],"#
            + #""thumbnail":{"channels":1,"height":1,"width":1,"pixels":"AA=="}}"#
        #expect(Mistake.decoded(Data("[\(good)]".utf8), classes: 2).count == 1)
        for (from, to) in [
            ("\"label\":0", "\"label\":2"), ("\"label\":0", "\"label\":-1"), ("\"predicted\":1", "\"predicted\":7"),
            ("\"index\":1", "\"index\":-1"), ("\"index\":1", "\"index\":9223372036854775807"),
            ("\"probability\":0.9", "\"probability\":1.5"), ("[0.1,0.9]", "[0.1]"), ("[0.1,0.9]", "[0.1,9]"),
            ("\"height\":1", "\"height\":1000000000000"), ("AA==", "AAA="), ("AA==", "?"),
            ("\"values\":[]", "\"values\":[1]"),
        ] {
            #expect(good.contains(from))
            #expect(Mistake.decoded(Data("[\(good.replacing(from, with: to))]".utf8), classes: 2).isEmpty, "\(to)")
        }
        #expect(Mistake.decoded(Data(repeating: 0x5B, count: 100_000), classes: 2).isEmpty)
        #expect(Mistake.decoded(Data(count: 5 << 20), classes: 2).isEmpty)
        let many = Array(repeating: good, count: 1_000).joined(separator: ",")
        #expect(Mistake.decoded(Data("[\(many)]".utf8), classes: 2).count == 24)
    }
}

struct CellExampleTests {
    @Test func everyCellHasItsTellingOnes() {
        let dataset = sampleImages(90, classes: 3, height: 4, width: 4)
        // Every tenth example of a class is right; the others are taken for the next one.
        let probabilities = (0..<90).flatMap { row -> [Float] in
            let taken = row / 3 % 10 == 0 ? row % 3 : (row % 3 + 1) % 3
            let p = 0.4 + Float(row) / 200
            return (0..<3).map { $0 == taken ? p : (1 - p) / 2 }
        }
        let inference = Inference(probabilities: probabilities, losses: [], hits: [], labels: dataset.labels)
        let cells = Mistake.cells(of: inference, indices: (0..<90).map { Int32($0) }, in: dataset)
        let places = cells.map { [$0.label, $0.predicted] }
        #expect(places.first == [0, 0] && places == places.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) })
        func cell(_ label: Int, _ predicted: Int) -> [Int] {
            cells.filter { $0.label == label && $0.predicted == predicted }.map(\.index)
        }
        #expect(cell(0, 0) == [0, 30, 60])
        #expect(cell(1, 2) == [88, 85, 82, 79, 76, 73])
        #expect(cell(1, 0).isEmpty && cell(0, 2).isEmpty)
        #expect(cells.allSatisfy { $0.thumbnail != nil && $0.isRight == ($0.label == $0.predicted) })
        let body = Mistake.encoded(cells)
        #expect(Mistake.decoded(body, classes: 3, maximum: Mistake.maximumCellExamples) == cells)
        #expect(Mistake.decoded(body, classes: 2, maximum: Mistake.maximumCellExamples).isEmpty)
    }

    /// Of too many, and of too large ones, those of the fullest cells go.
    @Test func theyAreBounded() {
        let classes = 16
        let count = classes * classes * 2
        func cells(_ side: Int) -> [Mistake] {
            let dataset = sampleImages(count, classes: classes, height: side, width: side)
            let probabilities = (0..<count).flatMap { row -> [Float] in
                let taken = row / classes % classes
                return (0..<classes).map { $0 == taken ? 0.5 + Float(row) / 4000 : 0.001 }
            }
            return Mistake.cells(
                of: Inference(probabilities: probabilities, losses: [], hits: [], labels: dataset.labels),
                indices: (0..<Int32(count)).map { $0 }, in: dataset)
        }
        let small = cells(2)
        #expect(small.count == 240 && Set(small.map { $0.label * classes + $0.predicted }).count == 240)
        // With one example a cell, right ones go before wrong ones.
        #expect(small.allSatisfy { !$0.isRight })
        let large = cells(32)
        #expect(large.count > 100 && large.count < 240)
        #expect(Mistake.encoded(large).count <= Mistake.maximumCellBytes)
    }
}

struct PredictionListTests {
    private let inference = Inference(
        probabilities: [0.7, 0.2, 0.1, 0.25, 0.25, 0.5, .nan, 0, 0, 0.4, 0.4, 0.2], losses: [], hits: [],
        labels: [0, 1, 2, 1])

    @Test func rowsAreThoseOfTheSplit() throws {
        let list = PredictionList(inference, indices: [7, 3, 9, 4], classes: 3)
        #expect(list.count == 3 && list.total == 4 && list.classes == 3)
        #expect(list[0] == .init(index: 7, label: 0, predicted: 0, prediction: 0.7, truth: 0.7))
        #expect(list[1] == .init(index: 3, label: 1, predicted: 2, prediction: 0.5, truth: 0.25))
        #expect(list[2] == .init(index: 4, label: 1, predicted: 0, prediction: 0.4, truth: 0.4))
        let body = list.encoded()
        #expect(body.count == 12 + 3 * 20)
        #expect(try #require(PredictionList(body, classes: 3)) == list)
        #expect(PredictionList((0..<3).map { list[$0] }, classes: 3, total: 4) == list)
        #expect(PredictionList(body, classes: 4) == nil)
        let none = PredictionList([], classes: 2)
        #expect(PredictionList(none.encoded(), classes: 2) == none)
    }

    @Test func numbersArePredictedToo() {
        let numbers = Inference(
            probabilities: [1.5, .infinity, -3e9], losses: [], hits: [], labels: [0, 0, 0], targets: [2, 3, -4])
        let list = PredictionList(numbers, indices: [5, 6, 7], classes: nil)
        #expect(list.count == 2 && list.total == 3 && list.classes == nil)
        #expect(list[1] == .init(index: 7, label: 0, predicted: 0, prediction: -3e9, truth: -4))
        #expect(PredictionList(list.encoded(), classes: 1) == list)
    }

    @Test func aLongSplitIsCut() {
        let count = PredictionList.maximumCount + 10
        let long = Inference(
            probabilities: Array(repeating: 0.5, count: count * 2), losses: [], hits: [],
            labels: Array(repeating: 1, count: count))
        let list = PredictionList(long, indices: (0..<Int32(count)).map { $0 }, classes: 2)
        #expect(list.count == PredictionList.maximumCount && list.total == count)
        #expect(PredictionList(list.encoded(), classes: 2) == list)
    }

    @Test func hostileBytesAreNone() {
        let good = PredictionList(inference, indices: [7, 3, 9, 4], classes: 3).encoded()
        for length in [0, 1, 11, 12, 60, 71, 73, 80] {
            var body = good
            body.append(Data(count: 20))
            #expect(PredictionList(body.prefix(length), classes: 3) == nil, "\(length)")
        }
        /// `good` with another number of 32 bits at a place.
        func with(_ value: UInt32, at word: Int) -> Data {
            var body = good
            withUnsafeBytes(of: value.littleEndian) { body.replaceSubrange(word * 4..<word * 4 + 4, with: $0) }
            return body
        }
        #expect(PredictionList(with(3, at: 0), classes: 3) != nil)
        for (word, value) in [
            (0, 2), (0, 4), (0, .max), (0, 1 << 30), (1, 2), (1, .max), (2, 2), (2, .max), (3, 1 << 31), (6, 3),
            (6, .max), (9, 3), (12, Float.nan.bitPattern), (12, Float(1.5).bitPattern), (15, Float(-0.1).bitPattern),
        ] as [(Int, UInt32)] {
            #expect(PredictionList(with(value, at: word), classes: 3) == nil, "\(value) at \(word)")
        }
    }
}

struct SessionArtifactTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test func aNewOneTakesTheOldOnesPlace() throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        let reader = try SessionReader(path: path)
        #expect(try reader.artifacts(kind: "mistakes").isEmpty)
        func artifact(_ name: String, _ byte: UInt8, step: Int? = 3) -> SessionArtifact {
            SessionArtifact(
                kind: "mistakes", name: name, step: step, createdAt: Date(timeIntervalSince1970: 1_000),
                body: Data(repeating: byte, count: 5_000))
        }
        try writer.storeArtifact(artifact("test", 1))
        try writer.storeArtifact(artifact("validation", 2, step: nil))
        try writer.storeArtifact(SessionArtifact(kind: "other", name: "test", step: nil, body: Data()))
        #expect(try reader.artifacts(kind: "mistakes") == [artifact("test", 1), artifact("validation", 2, step: nil)])
        try writer.storeArtifact(artifact("test", 3, step: 9))
        #expect(
            try reader.artifacts(kind: "mistakes") == [
                artifact("validation", 2, step: nil), artifact("test", 3, step: 9),
            ])
        #expect(try reader.artifacts(kind: "other").first?.body == Data())
        // Events go on counting.
        #expect(try writer.append([sampleStep(1)]).first?.sequence == 1)
    }

    @Test func badCellsAreErrors() throws {
        for change in [
            "body = 'text'", "name = x'00'", "step = 'x'", "created_at = 'soon'", "body = zeroblob(70000000)",
        ] {
            let path = folder["\(UUID().uuidString).session"]
            let writer = try SessionWriter.create(path: path, info: sampleInfo())
            try writer.storeArtifact(.init(kind: "mistakes", name: "test", step: 1, body: Data("[]".utf8)))
            writer.close()
            let queue = try DatabaseQueue(path: path)
            try queue.write { try $0.execute(sql: "UPDATE artifact SET \(change)") }
            try queue.close()
            let reader = try SessionReader(path: path)
            #expect(throws: SessionError.self, "\(change)") { try reader.artifacts(kind: "mistakes") }
            #expect(SessionFacts(reader: reader).mistakes.isEmpty)
        }
    }
}

struct SessionFactsTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private let digits = """
        name: small
        data: {dataset: digits, test_fraction: 0.2, validation_fraction: 0.1, seed: 42}
        network:
          - conv: {filters: 4, kernel: 3, activation: relu}
          - flatten
          - dense: {units: classes}
        training: {epochs: 1, batch: 64, optimizer: {adam: {learning_rate: 0.001}}}

        """

    private func run(_ yaml: String, stops: Bool = false, path: String) throws -> Experiment {
        let (spec, text) = try SpecFile.parse(yaml: yaml, file: "test")
        let experiment = try Experiment(spec: spec, yaml: text)
        let run = try TrainingRun(
            experiment, path: path, workers: 1, programVersion: "0.1", command: ["workbench", "x"])
        if stops { run.commands.push(.stop) }
        let finished = try runsWithLinks.withLock { _ in
            try run.run(RunObserver(events: { _ in }, complaint: { _ in }))
        }
        #expect(finished.reason == (stops ? .stopped : .completed))
        return experiment
    }

    @Test func aRunKeepsWhatScreensNeed() throws {
        let path = folder["a.session"]
        let experiment = try run(digits, path: path)
        let reader = try SessionReader(path: path)
        let facts = SessionFacts(reader: reader)
        #expect(facts.name == "small" && facts.command == ["workbench", "x"] && facts.specYAML == experiment.yaml)
        #expect(facts.network == experiment.network)
        #expect(facts.data == experiment.describedFacts)
        #expect(facts.data?.summary?.thumbnails.count == 30)
        #expect(facts.data?.summary?.splits.map(\.total).reduce(0, +) == experiment.dataset.count)
        #expect(facts.mistakes.count == 24)
        let state = RunState(try reader.events().map(\.event))
        #expect(facts.mistakesStep == state.step)
        let confusion = try #require(state.evaluations[.test]?.detail?.confusion)
        for mistake in facts.mistakes {
            #expect(experiment.splits.test.contains(Int32(mistake.index)))
            #expect(Int(experiment.dataset.labels[mistake.index]) == mistake.label)
            #expect(confusion[mistake.label][mistake.predicted] > 0)
            #expect(mistake.thumbnail == experiment.dataset.thumbnail(of: mistake.index))
            #expect(mistake.probabilities.max() == Float(mistake.probability))
        }
        #expect(zip(facts.mistakes, facts.mistakes.dropFirst()).allSatisfy { $0.probability >= $1.probability })
        // The cells hold as many as there are, up to six, and the predictions are those of the confusion matrix.
        for (label, row) in confusion.enumerated() {
            for (predicted, count) in row.enumerated() {
                let examples = facts.cellExamples.filter { $0.label == label && $0.predicted == predicted }
                #expect(examples.count == min(count, 6))
            }
        }
        let list = try #require(facts.predictions)
        #expect(list.count == list.total && list.total == experiment.splits.test.count && list.classes == 10)
        var counted = Array(repeating: Array(repeating: 0, count: 10), count: 10)
        for place in 0..<list.count { counted[list[place].label][list[place].predicted] += 1 }
        #expect(counted == confusion)
    }

    @Test func predictedNumbersAreKept() throws {
        let path = folder["numbers.session"]
        let preset = try #require(Presets.named("friedman-mlp"))
        let experiment = try run(
            preset.yaml.replacing("epochs: ", with: "epochs: 1 #"), path: path)
        let reader = try SessionReader(path: path)
        let facts = SessionFacts(reader: reader)
        let list = try #require(facts.predictions)
        #expect(list.classes == nil && list.count == experiment.splits.test.count)
        #expect(facts.cellExamples.isEmpty && facts.mistakes.isEmpty)
        let largest = try #require(RunState(try reader.events().map(\.event)).evaluations[.test]?.regression?.largest)
        let row = try #require((0..<list.count).map { list[$0] }.first { $0.index == largest[0].index })
        #expect(row.prediction == largest[0].pair.prediction && row.truth == largest[0].pair.truth)
    }

    @Test func aStoppedRunHasMistakesToo() throws {
        let path = folder["a.session"]
        _ = try run(
            "data: {dataset: iris, test_fraction: 0.4, validation_fraction: 0}\nnetwork:\n  - dense: {units: classes}\n"
                + "training: {epochs: 9}\n", stops: true, path: path)
        let reader = try SessionReader(path: path)
        let facts = SessionFacts(reader: reader)
        #expect(!facts.mistakes.isEmpty && facts.mistakesStep == 1)
        #expect(facts.mistakes[0].thumbnail == nil)
        #expect(facts.mistakes[0].values.count == 4 && facts.mistakes[0].values.allSatisfy { $0.number != nil })
        #expect(facts.data?.summary?.columns.count == 4)
        #expect(facts.network?.layers.map(\.activationBytes) == [12])
        #expect(facts.network?.layers.map(\.parameterBytes) == [60])
        let first = try reader.artifacts(kind: Mistake.artifactKind)
        reader.close()
        // Going on to the end puts the new ones in their place.
        let again = try TrainingRun(resuming: path, data: nil, workers: 1)
        _ = try runsWithLinks.withLock { _ in try again.run(RunObserver(events: { _ in }, complaint: { _ in })) }
        let second = try SessionReader(path: path).artifacts(kind: Mistake.artifactKind)
        #expect(second.count == 2 && second[0] != first[0])
    }

    @Test func whatCannotBeReadIsMissing() throws {
        let path = folder["a.session"]
        var info = sampleInfo()
        info.specYAML = digits
        func facts(_ change: (inout SessionInfo) -> Void) throws -> SessionFacts {
            unlink(path)
            var changed = info
            change(&changed)
            try SessionWriter.create(path: path, info: changed).close()
            let reader = try SessionReader(path: path)
            defer { reader.close() }
            return SessionFacts(reader: reader)
        }
        func shape(_ text: String, classes: String = #"["a","b"]"#) -> String {
            #"{"rawShape":\#(text),"shape":\#(text),"classes":\#(classes),"scale":[1],"shift":[0],"columns":[],"encodings":[],"grey":false}"#
        }
        let image = #"{"image":{"channels":1,"height":8,"width":8}}"#
        #expect(try facts { $0.preprocessingJSON = shape(image) }.network?.parameterCount == 40 + 2 * 144 + 2)
        for hostile in [
            "", "{", "[]", shape(#"{"vector":{"_0":8}}"#), shape(#"{"vector":{"_0":-8}}"#), shape(image, classes: "[]"),
            shape(#"{"image":{"channels":1000000,"height":1000000,"width":1000000}}"#),
            shape(#"{"image":{"channels":9223372036854775807,"height":8,"width":8}}"#),
            shape(#"{"image":{"channels":0,"height":8,"width":8}}"#), String(repeating: "[", count: 1 << 20),
        ] {
            let facts = try facts { $0.preprocessingJSON = hostile }
            #expect(facts.network == nil && facts.data == nil && facts.mistakes.isEmpty, "\(hostile.prefix(200))")
            #expect(facts.name == "digits-cnn")
        }
        for yaml in ["", "network: 7", "{", String(repeating: "x", count: 2 << 20)] {
            #expect(
                try facts {
                    $0.preprocessingJSON = shape(image)
                    $0.specYAML = yaml
                }.network == nil)
        }
    }
}
