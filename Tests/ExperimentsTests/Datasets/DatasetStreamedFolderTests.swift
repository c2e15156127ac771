// Folders of images that are streamed: the same data set, bit for bit, as the same folder in memory.
import Engine
import Foundation
import Testing

@testable import Experiments

@Suite struct DatasetStreamedFolderTests {
    let folder: TemporaryFolder

    /// 16 images of 6x7 pixels for each of three classes, one of them broken.
    init() throws {
        folder = try TemporaryFolder()
        var random = CounterRandom(seed: 9, purpose: .benchmark)
        for name in ["a", "b", "c"] {
            for index in 0..<16 {
                let planes = (0..<3 * 42).map { _ in UInt8(random.below(256)) }
                try folder.write(
                    ImageSamples.png(channels: 3, height: 6, width: 7, planes: planes), "set/\(name)/\(index).png")
            }
        }
        let broken = ImageSamples.png(channels: 3, height: 6, width: 7, planes: [UInt8](repeating: 1, count: 126))
        try folder.write(Array(broken.dropLast(40)), "set/b/5.png")
    }

    private func load(stream: Bool, cacheBytes: Int = 10 * 126, memory: Int = .max) throws -> Dataset {
        try ImageFolder.load(
            DiskPath(folder["set"]), name: "folder", resize: nil, grey: false, stream: stream,
            cacheBytes: cacheBytes, memory: memory)
    }

    private func yaml(_ more: String) -> String {
        """
        data: {dataset: folder, path: \(SpecFile.quoted(folder["set"])), validation_fraction: 0.2\(more)}
        network: [{conv: {filters: 4, kernel: 3, activation: relu}}, flatten, {dense: {units: classes}}]
        training: {epochs: 2, batch: 8}
        augment: [{flip: horizontal}, {noise: 0.05}, {mixup: 0.3}]
        """
    }

    private func experiment(_ more: String) throws -> Experiment {
        let text = yaml(more)
        return try Experiment(spec: try SpecFile.parse(yaml: text, file: "s.yaml").spec, yaml: text)
    }

    @Test func factsAreThoseOfTheImagesInMemory() throws {
        let (plain, streamed) = (try experiment(""), try experiment(", stream: true, cache: 1"))
        guard case .streamed(let examples) = streamed.dataset.features else { throw Surprise() }
        #expect(examples.count == 47 && examples.cacheBytes == 1 << 20)
        #expect(plain.describedFacts == streamed.describedFacts)
        #expect(streamed.describedFacts.summary?.thumbnails.count == 9)
        #expect(streamed.dataset.skipped.map(\.path) == [folder["set/b/5.png"]])
        #expect(streamed.dataset.notes.isEmpty)
    }

    @Test func trainingGivesTheSameBitsThroughACacheThatIsTooSmall() throws {
        let (plain, streamed) = (try load(stream: false), try load(stream: true))
        func weights(_ dataset: Dataset, workers: Int) throws -> ([ParameterValues], Inference) {
            let spec = try SpecFile.parse(yaml: yaml(""), file: "s.yaml").spec
            let splits = try Splits(dataset, spec.data)
            let preprocessing = Preprocessing(fitting: dataset, train: splits.train, spec: spec.data)
            let network = try Network(spec.network, input: preprocessing.shape, classes: 3)
            let trainer = try Trainer(
                network, spec: spec.training,
                data: PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing),
                train: splits.train, augment: spec.augment, workers: workers)
            for _ in 0..<3 * trainer.stepsPerEpoch { #expect(trainer.advance().applied) }
            return (trainer.weights, trainer.infer(splits.test))
        }
        let wanted = try weights(plain, workers: 1)
        for workers in [1, 2] {
            let found = try weights(streamed, workers: workers)
            #expect(found.0 == wanted.0 && found.1 == wanted.1)
        }
    }

    @Test func whatWouldTakeMoreThanHalfOfTheMemoryIsStreamed() throws {
        let all = 47 * 126 + 126
        guard case .bytes = try load(stream: false, memory: 2 * all).features else { throw Surprise() }
        let large = try load(stream: false, cacheBytes: 3 << 20, memory: all)
        guard case .streamed(let examples) = large.features else { throw Surprise() }
        #expect(examples.cacheBytes == all / 2)
        #expect(large.notes.count == 1 && large.notes[0].contains("streamed through a cache of 3 MiB"))
    }

    @Test func aFileThatIsGoneEndsTheRunAndCanBeBroughtBack() throws {
        let experiment = try experiment(", stream: true")
        let path = folder["run.session"]
        let run = try TrainingRun(experiment, path: path, workers: 2, programVersion: "0", command: [])
        let (from, to) = (folder["set/c/3.png"], folder["kept.png"])
        try FileManager.default.moveItem(atPath: from, toPath: to)
        let observer = RunObserver(events: { _ in }, complaint: { _ in })
        #expect {
            try run.run(observer)
        } throws: {
            "\($0)".contains("set/c/3.png could be read when the run began but not now")
        }
        try FileManager.default.moveItem(atPath: to, toPath: from)
        let resumed = try TrainingRun(resuming: path, data: nil, workers: 1)
        let plain = try TrainingRun(
            try self.experiment(""), path: folder["plain.session"], workers: 2, programVersion: "0", command: [])
        let (finished, wanted) = (try resumed.run(observer), try plain.run(observer))
        #expect(finished.weightsSHA256 == wanted.weightsSHA256)
        #expect(finished.metrics["test/loss"] == wanted.metrics["test/loss"])
    }

    @Test func onlyFoldersAreStreamed() throws {
        var spec = DataSpec(dataset: "digits")
        spec.stream = true
        #expect(
            throws: DatasetError.settingUnused(setting: "stream", reason: "only folders of images are streamed")
        ) { try DatasetLoader.load(spec) }
    }
}
