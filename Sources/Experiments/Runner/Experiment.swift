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
        dataset = try DatasetLoader.load(spec.data, for: spec.training.loss)
        splits = try Splits(dataset, spec.data)
        preprocessing = Preprocessing(fitting: dataset, train: splits.train, spec: spec.data)
        network = try Network(
            spec.network, input: preprocessing.shape,
            classes: spec.training.loss.outputs(classes: dataset.classes.count))
    }

    /// All examples, preprocessed.
    public var prepared: PreparedExamples {
        PreparedExamples(dataset.features, labels: dataset.labels, targets: dataset.targets, by: preprocessing)
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

    /// The head of a run's events.
    public func started(trainer: Trainer) -> RunEvent.Started {
        RunEvent.Started(
            name: spec.name, dataset: dataset.name, classes: dataset.classes, inputShape: network.input,
            layers: network.layers.map(\.summary), parameters: network.parameterCount, epochs: spec.training.epochs,
            stepsPerEpoch: trainer.stepsPerEpoch, batch: trainer.batch, shards: spec.training.shards,
            workers: trainer.workers, optimizer: spec.training.optimizer.name,
            learningRate: Double(spec.training.optimizer.learningRate), trainExamples: splits.train.count,
            validationExamples: splits.validation.count, testExamples: splits.test.count,
            watchedSplit: splits.watched, seed: spec.training.seed, kernels: Machine.kernels,
            target: dataset.targets.map { _ in dataset.classes[0] })
    }
}

extension Dataset {
    /// SHA-256 of values and labels, and of the numbers to predict where there are any.
    var sha256: String {
        let values =
            switch features {
            case .bytes(let bytes): bytes.withUnsafeBytes { SHA256.hex($0) }
            case .floats(let floats): floats.withUnsafeBytes { SHA256.hex($0) }
            }
        let labels = labels.withUnsafeBytes { SHA256.hex($0) }
        let targets = targets.map { $0.withUnsafeBytes { SHA256.hex($0) } } ?? ""
        return SHA256.hex(Array((values + labels + targets).utf8))
    }
}
