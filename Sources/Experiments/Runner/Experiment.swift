// Experiment: a spec with everything loaded that it names: data, splits, preprocessing, network.
import Engine
import Foundation

/// A spec with its data in memory, ready to train.
public struct Experiment: Sendable {
    public let spec: Spec
    /// The spec as text, overrides applied: what the session keeps.
    public let yaml: String
    public let dataset: Dataset
    public let splits: Splits
    public let preprocessing: Preprocessing
    public let network: Network

    /// Loads what `spec` names and checks that network and augmentations fit the data.
    /// - Throws: ``DatasetError``, ``SplitError``, ``AugmentationError``, ``BalanceError``, ``NetworkError``.
    public init(spec: Spec, yaml: String) throws {
        let dataset = try DatasetLoader.load(spec.data, for: spec.training.loss)
        try self.init(spec: spec, yaml: yaml, dataset: dataset, splits: try Splits(dataset, spec.data))
    }

    /// Checks that network and augmentations of `spec` fit data that are there already; what is fitted, is on `splits.train`.
    /// - Parameter fitted: the preprocessing of a model that exists already, which must fit the data; nil: it is fitted here.
    /// - Throws: ``AugmentationError``, ``BalanceError``, ``NetworkError``.
    init(
        spec: Spec, yaml: String, dataset: Dataset, splits: Splits, preprocessing fitted: Preprocessing? = nil
    ) throws {
        self.spec = spec
        self.yaml = yaml
        self.dataset = dataset
        self.splits = splits
        preprocessing = fitted ?? Preprocessing(fitting: dataset, train: splits.train, spec: spec.data)
        try Augmentation.check(spec.augment, shape: preprocessing.shape)
        if spec.data.balance == .smote, case .image = preprocessing.shape { throw BalanceError.needsTable }
        network = try Network(
            spec.network, input: preprocessing.shape,
            classes: spec.training.loss.outputs(classes: dataset.classes.count))
    }

    /// Said when the precision that was asked for is the slower one on this processor.
    var precisionWarning: String? {
        guard spec.training.precision == .bf16 else { return nil }
        let (f32, bf16) = (Machine.measureConvolution(.f32), Machine.measureConvolution(.bf16))
        guard bf16 > 0, bf16 < f32 else { return nil }
        let times = (f32 / bf16 * 10).rounded() / 10
        return
            "precision bf16 was asked for, but on this processor float32 convolutions are \(times) times as fast: precision: f32 trains sooner."
    }

    /// All examples, preprocessed.
    public var prepared: PreparedExamples {
        PreparedExamples(dataset.features, labels: dataset.labels, targets: dataset.targets, by: preprocessing)
    }

    /// All examples and the indices of those to train on: the training split, and with SMOTE made-up ones behind all others.
    /// - Throws: ``BalanceError``.
    func training() throws(BalanceError) -> (examples: PreparedExamples, train: [Int32]) {
        guard spec.data.balance == .smote else { return (prepared, splits.train) }
        return try prepared.withSmote(
            train: splits.train, encodings: preprocessing.encodings, seed: spec.data.seed)
    }

    /// A trainer as the spec wants it.
    /// - Throws: ``BalanceError``, ``ConvolutionError``.
    public func trainer(workers: Int) throws -> Trainer {
        let (examples, train) = try training()
        return try Trainer(
            network, spec: spec.training, data: examples, train: train, balance: spec.data.balance,
            augment: spec.augment, workers: workers)
    }

    /// What identifies the data. Without a summary; a session gets ``describedFacts``.
    public var facts: DatasetFacts {
        DatasetFacts(
            name: dataset.name, origin: dataset.origin, count: dataset.count, shape: dataset.shape,
            classes: dataset.classes, sha256: dataset.sha256, skipped: dataset.skipped)
    }

    /// What a session keeps of the data, the summary included, in less than ``DatasetFacts/maximumBytes`` of JSON and
    /// ``DatasetFacts/maximumAugmentedBytes`` for what is shown of augmentations.
    public var describedFacts: DatasetFacts {
        var described = facts
        var summary = DataSummary(dataset, splits)
        summary.augmented = augmentedThumbnails(of: summary.thumbnails)
        described.summary = summary
        described.fit()
        return described
    }

    /// What training it with `workers` workers keeps in memory.
    public func memory(workers: Int) -> MemoryEstimate {
        let prepared = dataset.count * preprocessing.shape.count
        // Bytes of images are shared until the engine takes its copy; rows of tables become features before; of what is
        // streamed a part is kept.
        let copies =
            switch dataset.features {
            case .bytes: prepared
            case .floats: prepared * 4 * 2
            case .streamed(let examples): min(examples.cacheBytes, prepared)
            }
        return MemoryEstimate(
            network, spec: spec.training, trainExamples: splits.train.count, dataBytes: dataset.features.loadedBytes,
            preparedBytes: copies, workers: workers)
    }

    /// What the run will ask of a machine with `peak` GFLOP/s of all workers together; nil: nobody measured.
    public func estimate(workers: Int, peak: Double?) -> TrainingEstimate {
        TrainingEstimate(
            network, memory: memory(workers: workers), batch: spec.training.batch, trainExamples: splits.train.count,
            watched: splits[splits.watched].count, workers: workers, peak: peak)
    }

    /// What the first epochs see of the first of `thumbnails`; nil where nothing is augmented or no images are.
    private func augmentedThumbnails(
        of thumbnails: [DataSummary.LabelledThumbnail]
    ) -> [DataSummary.AugmentedThumbnails]? {
        guard case .image(let channels, let height, let width) = dataset.shape,
            let preview = AugmentationPreview(spec, dataset, train: splits.train, preprocessing: preprocessing)
        else { return nil }
        var shown = thumbnails.prefix(DataSummary.augmentedExamples).map {
            DataSummary.AugmentedThumbnails(index: $0.index, epochs: [])
        }
        do throws(ExampleError) {
            for epoch in 1...min(DataSummary.augmentedEpochs, spec.training.epochs) {
                let images = try preview.images(shown.map(\.index), epoch: epoch)
                for (place, image) in images.enumerated() {
                    shown[place].epochs.append(
                        Thumbnail(image.pixels[...], channels: channels, height: height, width: width))
                    guard spec.augment.contains(where: { $0.name == "mixup" }) else { continue }
                    // Without a partner nothing of its own class is mixed in.
                    let label = Int(dataset.labels[image.partner ?? shown[place].index])
                    shown[place].mixed.append(
                        DataSummary.AugmentedThumbnails.Partner(label: label, share: image.partnerShare))
                }
            }
        } catch {
            return nil  // The run itself says so when it needs the image.
        }
        return shown
    }

    /// The head of a run's events.
    /// - Parameter peak: GFLOP/s of all workers together; nil: nobody measured.
    public func started(trainer: Trainer, peak: Double? = nil, tariff: Tariff? = nil) -> RunEvent.Started {
        RunEvent.Started(
            name: spec.name, dataset: dataset.name, classes: dataset.classes, inputShape: network.input,
            layers: network.layers.map(\.summary), parameters: network.parameterCount, epochs: spec.training.epochs,
            stepsPerEpoch: trainer.stepsPerEpoch, batch: trainer.batch, shards: trainer.shards,
            workers: trainer.workers, optimizer: spec.training.optimizer.name,
            learningRate: Double(spec.training.optimizer.learningRate), trainExamples: splits.train.count,
            validationExamples: splits.validation.count, testExamples: splits.test.count,
            watchedSplit: splits.watched, seed: spec.training.seed, kernels: Machine.kernels,
            target: dataset.targets.map { _ in dataset.classes[0] },
            estimate: estimate(workers: trainer.workers, peak: peak), tariff: tariff)
    }
}

extension FeatureStorage {
    /// Bytes of the values that are in memory from the start.
    var loadedBytes: Int {
        switch self {
        case .bytes(let values): values.count
        case .floats(let values): values.count * 4
        case .streamed: 0
        }
    }
}

extension Dataset {
    /// SHA-256 of values and labels, and of the numbers to predict where there are any.
    var sha256: String {
        let values =
            switch features {
            case .bytes(let bytes): bytes.withUnsafeBytes { SHA256.hex($0) }
            case .floats(let floats): floats.withUnsafeBytes { SHA256.hex($0) }
            case .streamed(let examples): examples.sha256
            }
        let labels = labels.withUnsafeBytes { SHA256.hex($0) }
        let targets = targets.map { $0.withUnsafeBytes { SHA256.hex($0) } } ?? ""
        return SHA256.hex(Array((values + labels + targets).utf8))
    }
}
