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

    /// Loads what `spec` names and checks that the network fits the data.
    /// - Throws: ``DatasetError``, ``SplitError``, ``NetworkError``.
    public init(spec: Spec, yaml: String) throws {
        self.spec = spec
        self.yaml = yaml
        dataset = try DatasetLoader.load(spec.data)
        splits = try Splits(dataset, spec.data)
        preprocessing = Preprocessing(fitting: dataset, train: splits.train, spec: spec.data)
        network = try Network(
            spec.network, input: preprocessing.shape,
            classes: spec.training.loss.outputs(classes: dataset.classes.count))
    }

    /// All examples, preprocessed.
    public var prepared: PreparedExamples {
        PreparedExamples(dataset.features, labels: dataset.labels, by: preprocessing)
    }

    /// What identifies the data. Without a summary; a session gets ``describedFacts``.
    public var facts: DatasetFacts {
        DatasetFacts(
            name: dataset.name, origin: dataset.origin, count: dataset.count, shape: dataset.shape,
            classes: dataset.classes, sha256: dataset.sha256, skipped: dataset.skipped)
    }

    /// What a session keeps of the data, the summary included, in less than ``DatasetFacts/maximumBytes`` of JSON.
    public var describedFacts: DatasetFacts {
        var described = facts
        described.summary = DataSummary(dataset, splits)
        described.fit()
        return described
    }

    /// What training it with `workers` workers keeps in memory.
    public func memory(workers: Int) -> MemoryEstimate {
        let (raw, prepared) = (dataset.features.bytes, dataset.count * preprocessing.shape.count)
        // Bytes of images are shared until the engine takes its copy; rows of tables become features before.
        let copies = if case .bytes = dataset.features { prepared } else { prepared * 4 * 2 }
        return MemoryEstimate(
            network, spec: spec.training, trainExamples: splits.train.count, dataBytes: raw, preparedBytes: copies,
            workers: workers)
    }

    /// What the run will ask of a machine with `peak` GFLOP/s of all workers together; nil: nobody measured.
    public func estimate(workers: Int, peak: Double?) -> TrainingEstimate {
        TrainingEstimate(
            network, memory: memory(workers: workers), batch: spec.training.batch, trainExamples: splits.train.count,
            watched: splits[splits.watched].count, workers: workers, peak: peak)
    }

    /// The head of a run's events.
    /// - Parameter peak: GFLOP/s of all workers together; nil: nobody measured.
    public func started(trainer: Trainer, peak: Double? = nil, tariff: Tariff? = nil) -> RunEvent.Started {
        RunEvent.Started(
            name: spec.name, dataset: dataset.name, classes: dataset.classes, inputShape: network.input,
            layers: network.layers.map(\.summary), parameters: network.parameterCount, epochs: spec.training.epochs,
            stepsPerEpoch: trainer.stepsPerEpoch, batch: trainer.batch, shards: spec.training.shards,
            workers: trainer.workers, optimizer: spec.training.optimizer.name,
            learningRate: Double(spec.training.optimizer.learningRate), trainExamples: splits.train.count,
            validationExamples: splits.validation.count, testExamples: splits.test.count,
            watchedSplit: splits.watched, seed: spec.training.seed, kernels: Machine.kernels,
            estimate: estimate(workers: trainer.workers, peak: peak), tariff: tariff)
    }
}

extension FeatureStorage {
    /// Bytes of all values.
    var bytes: Int {
        switch self {
        case .bytes(let values): values.count
        case .floats(let values): values.count * 4
        }
    }
}

extension Dataset {
    /// SHA-256 of values and labels.
    var sha256: String {
        let values =
            switch features {
            case .bytes(let bytes): bytes.withUnsafeBytes { SHA256.hex($0) }
            case .floats(let floats): floats.withUnsafeBytes { SHA256.hex($0) }
            }
        let labels = labels.withUnsafeBytes { SHA256.hex($0) }
        return SHA256.hex(Array((values + labels).utf8))
    }
}
