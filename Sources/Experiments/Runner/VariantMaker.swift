// VariantMaker: makes smaller variants of a session's model, fine-tuned on its training split, and measures them on its test
// split.
import Engine
import Foundation

/// Why variants can't be made.
public enum ComparisonError: Error, Equatable, CustomStringConvertible {
    case diverged(variant: String)

    public var description: String {
        switch self {
        case .diverged(let variant):
            "Fine-tuning \(variant) diverged: loss or gradients were not finite; leave --fine-tune out, or take less out of the network."
        }
    }
}

/// A session's model with its data, from which variants are made.
///
/// Not Sendable: one thread owns it.
public final class VariantMaker {
    public let model: TrainedModel
    /// What should be known of how the data were read, in sentences.
    public let notes: [String]
    private let dataset: Dataset
    private let splits: Splits
    private let workers: Int
    /// The test split alone, and where it lies in there.
    let test: PreparedExamples
    let testIndices: [Int32]

    /// The model at the last checkpoint of the session at `path`, or at its best one.
    /// - Parameter data: another place of the data; nil: where they were.
    /// - Throws: ``SessionError``, ``ModelError``, ``DatasetError``, ``SplitError``.
    public convenience init(session path: String, best: Bool = false, data: String? = nil, workers: Int) throws {
        let model = try TrainedModel(session: path, best: best)
        if model.spec.training.loss.isRegression { throw ModelError.comparesNumbers(path: path) }
        let (dataset, splits) = try model.load(data: data)
        try self.init(model, dataset, splits, workers: workers)
    }

    /// A model with its data, which have been read.
    /// - Throws: ``ModelError`` where it predicts numbers.
    init(_ model: TrainedModel, _ dataset: Dataset, _ splits: Splits, workers: Int) throws(ModelError) {
        if model.spec.training.loss.isRegression { throw ModelError.comparesNumbers(path: model.path) }
        self.model = model
        (self.dataset, self.splits) = (dataset, splits)
        notes = dataset.notes
        self.workers = workers
        // Every network that is asked keeps a copy of what it is asked about.
        let test = splits.test
        if let features = dataset.features.copy(of: test, size: dataset.shape.count) {
            let labels = test.map { dataset.labels[Int($0)] }
            self.test = PreparedExamples(features, labels: labels, by: model.preprocessing)
            testIndices = Array(Int32(0)..<Int32(test.count))
        } else {
            self.test = PreparedExamples(dataset.features, labels: dataset.labels, by: model.preprocessing)
            testIndices = test
        }
    }

    /// The model as it is.
    public var baseline: Variant { Variant(VariantRecipe(), model.network, model.weights) }

    /// A variant. What is taken out is taken out first and the rest trained on; then weights are made to share values and trained on
    /// as long again; numbers are rounded last, activations calibrated on ``QuantizationSettings/usualExamples`` training examples.
    /// - Parameters:
    ///   - tuning: how it is trained on; nil: not.
    ///   - progress: told the fraction of the training that is done; what it throws ends it.
    /// - Throws: ``NetworkError``, ``ComparisonError``, ``BalanceError``, ``ConvolutionError``, ``ExampleError``.
    public func make(
        _ recipe: VariantRecipe, tuning: FineTuning? = nil, progress: @escaping (Double) throws -> Void = { _ in }
    ) throws -> Variant {
        try recipe.check(model.network)
        let tuning = tuning ?? (recipe.needsTraining ? .usual : nil)
        var (network, weights) = (model.network, model.weights)
        if let channels = recipe.channels {
            let pruning = try ChannelPruning(network, weights, percent: channels)
            (network, weights) = (pruning.network, pruning.weights)
        }
        let isGradual = tuning?.isGradual == true && recipe.pruning != nil
        let kept = network.weightNames(of: recipe.kept)
        let apart = kept.union(network.weightNames(of: recipe.layerPruning.keys))
        var masks: Pruning.Masks = [:]
        if let pruning = recipe.pruning, !isGradual {
            masks = Pruning.masks(network, weights.filter { !apart.contains($0.name) }, pruning)
        }
        for (layer, percent) in recipe.layerPruning {
            let names = network.weightNames(of: [layer])
            let own = Pruning.layerwise(
                network, weights.filter { names.contains($0.name) }, fraction: Double(percent) / 100)
            masks.merge(own) { _, new in new }
        }
        weights = Pruning.apply(masks, to: weights)
        var ties = WeightTies(masks)
        let loses = recipe.channels != nil || recipe.prunes || recipe.learnsRounding
        let stages = Double(max(1, recipe.stagesOfTraining))
        if let tuning, loses {
            weights = try tune(
                network, weights, tuning, ties, pruning: isGradual ? recipe.pruning : nil, skipping: apart, recipe
            ) { try progress($0 / stages) }
        }
        if let clusters = recipe.clusters {
            if recipe.prunes {
                // As the training left it, which may have chosen the zeros itself.
                let names = Set(network.parameters.filter(\.isWeight).map(\.name))
                var masks: Pruning.Masks = [:]
                for array in weights where names.contains(array.name) && !kept.contains(array.name) {
                    masks[array.name] = array.values.map { $0 != 0 }
                }
                ties = WeightTies(masks)
            }
            let shared = SharedWeights.all(
                network, weights.filter { !kept.contains($0.name) }, clusters: clusters)
            weights = weights.map { array in
                shared[array.name].map { ParameterValues(name: array.name, shape: array.shape, values: $0.values) }
                    ?? array
            }
            if let tuning {
                weights = try tune(
                    network, weights, tuning, WeightTies(shared).joined(ties), pruning: nil, skipping: [], recipe
                ) {
                    try progress(1 - (1 - $0) / stages)
                }
            }
        }
        guard recipe.numbers == .int8 else { return Variant(recipe, network, weights) }
        let quantized = try QuantizedModel(
            network, weights: weights, calibration: prepared, examples: observed,
            keeping: Set(recipe.kept.map { $0 - 1 }))
        return Variant(recipe, network, quantized: quantized)
    }

    /// All examples, preprocessed.
    private var prepared: PreparedExamples {
        PreparedExamples(dataset.features, labels: dataset.labels, targets: dataset.targets, by: model.preprocessing)
    }

    /// Training examples that activations are observed on, from all over the split: it may be sorted by class.
    private var observed: [Int32] {
        let (train, count) = (splits.train, min(splits.train.count, QuantizationSettings.usualExamples))
        return (0..<count).map { train[$0 * train.count / count] }
    }

    private func tune(
        _ network: Network, _ weights: [ParameterValues], _ tuning: FineTuning, _ ties: WeightTies,
        pruning: VariantRecipe.Pruning?, skipping: Set<String>, _ recipe: VariantRecipe,
        progress: @escaping (Double) throws -> Void
    ) throws -> [ParameterValues] {
        var examples = prepared
        var train = splits.train
        let spec = model.spec
        if spec.data.balance == .smote {
            (examples, train) = try examples.withSmote(
                train: train, encodings: model.preprocessing.encodings, seed: spec.data.seed)
        }
        var training = tuning.training(spec.training)
        if recipe.distils {
            let logits = try Predictor(
                model.network, weights: model.weights, loss: .meanSquaredError, data: examples, workers: workers
            ).infer().probabilities
            examples = examples.taught(logits)
            (training.loss, training.classWeights) = (.meanSquaredError, .none)
        }
        let trainer = try Trainer(
            network, spec: training, data: examples, train: train, balance: spec.data.balance,
            augment: spec.augment, workers: workers)
        trainer.load(weights)
        var rounding: ((ParameterValues) -> ParameterValues)?
        if recipe.learnsRounding {
            let names = Set(network.parameters.filter(\.isWeight).map(\.name)).subtracting(
                network.weightNames(of: recipe.kept))
            rounding = { names.contains($0.name) ? recipe.rounded($0) : $0 }
        }
        guard
            try tuning.run(
                trainer, ties: ties, pruning: pruning, skipping: skipping, rounding: rounding, progress: progress)
        else {
            throw ComparisonError.diverged(variant: recipe.name)
        }
        return trainer.weights
    }

    /// What `variant` says of the test split.
    /// - Throws: ``ConvolutionError``, ``ExampleError``.
    public func infer(_ variant: Variant) throws -> Inference {
        try TrainedModel(model, as: variant).infer(test, testIndices, workers: workers)
    }

    /// What `network` with `weights` says of the first `examples` of the test split.
    func infer(_ network: Network, _ weights: [ParameterValues], examples: Int) throws -> Inference {
        try Predictor(network, weights: weights, loss: model.spec.training.loss, data: test, workers: workers)
            .infer(Array(testIndices.prefix(examples)))
    }

    /// The network of `variant` with examples of the test split, to be timed.
    func probe(_ variant: Variant, batch: Int) -> SpeedProbe {
        SpeedProbe(
            variant.planned(model.spec.training.loss, like: timed, workers: workers), data: timed, batch: batch)
    }

    /// A few examples of the test split.
    private lazy var timed: PreparedExamples = {
        let places = splits.test.prefix(512)
        let size = dataset.shape.count
        guard let features = dataset.features.copy(of: places, size: size) else {
            // Decoding is not what is timed: noise does as well.
            var random = CounterRandom(seed: 0, purpose: .benchmark)
            let bytes = (0..<64 * size).map { _ in UInt8(truncatingIfNeeded: random.next32() >> 24) }
            return PreparedExamples(
                .bytes(bytes), labels: Array(repeating: 0, count: 64), by: model.preprocessing)
        }
        return PreparedExamples(features, labels: places.map { dataset.labels[Int($0)] }, by: model.preprocessing)
    }()

    /// Examples of the test split.
    public var testCount: Int { testIndices.count }

    var classes: Int { model.preprocessing.classes.count }
}
