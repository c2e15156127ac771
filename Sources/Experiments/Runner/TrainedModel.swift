// TrainedModel: what a session's checkpoint holds, ready to run: network, weights, preprocessing.
import Engine
import Foundation

/// Why a model can't be used.
public enum ModelError: Error, Equatable, CustomStringConvertible {
    case noCheckpoint(path: String)
    case crossValidation(path: String)
    case otherData(path: String, field: String, model: String, data: String)
    case otherExamples(first: String, second: String)
    case comparesNumbers(path: String)
    case noVariant(path: String, name: String, known: [String])
    case badVariant(path: String, name: String)

    public var description: String {
        switch self {
        case .noCheckpoint(let path):
            "\(path) holds no checkpoint yet, so there is no model in it; let it train a while."
        case .crossValidation(let path):
            "\(path) is a cross-validation: it says how well such a network does and keeps no single model; train one with `workbench train`."
        case .otherData(let path, let field, let model, let data):
            "The model in \(path) was trained on data with other \(field): it knows \(model), the data have \(data)."
        case .otherExamples(let first, let second):
            "\(first) and \(second) are tested on different examples and can't be compared one by one: train both on the same data with the same data.seed, data.test_fraction and image size."
        case .comparesNumbers(let path):
            "The model in \(path) predicts numbers; only models of classes can be compared."
        case .noVariant(let path, let name, let known):
            "\(path) holds no variant \(name) (\(known.isEmpty ? "it holds none" : "it holds \(known.joined(separator: ", "))")); `workbench compare` makes them."
        case .badVariant(let path, let name):
            "The variant \(name) in \(path) does not fit the session's network; make it again with `workbench compare`."
        }
    }
}

extension SessionReader {
    /// A variant of `network` that was kept, by its recipe's name, and the step that it was made at; nil: there is none.
    func variant(_ name: String, of network: Network) throws -> (Variant, step: Int?)? {
        let kept = try artifacts(kind: VariantFile.artifactKind).last { $0.name == name }
        return try kept.map { (try VariantFile.read($0.body, of: network).variant, $0.step) }
    }
}

/// A model out of a session.
public struct TrainedModel: Sendable {
    public let path: String
    public let spec: Spec
    public let preprocessing: Preprocessing
    public let network: Network
    public let weights: [ParameterValues]
    /// A variant that runs in bytes; nil: float32.
    public let quantized: QuantizedModel?
    /// Steps that the weights were trained for.
    public let step: Int

    /// The model at the last checkpoint of the session at `path`, or at its best one.
    /// - Parameter variant: one that was made smaller and kept in the session, by its name; nil: the model itself.
    /// - Throws: ``SessionError``, ``ModelError`` when there is no checkpoint yet.
    public init(session path: String, best: Bool = false, variant: String? = nil) throws {
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        guard let row = try best ? reader.bestCheckpoint() : reader.latestCheckpoint() else {
            if case .started(let head)? = try reader.newest("started").first?.event, head.folds != nil {
                throw ModelError.crossValidation(path: path)
            }
            throw ModelError.noCheckpoint(path: path)
        }
        spec = try SpecFile.parse(yaml: reader.info.specYAML, file: path).spec
        preprocessing = try JSONDecoder().decode(
            Preprocessing.self, from: Data(reader.info.preprocessingJSON.utf8))
        let network = try Network(
            spec.network, input: preprocessing.shape,
            classes: spec.training.loss.outputs(classes: preprocessing.classes.count))
        self.path = path
        if let variant {
            let name = try VariantRecipe(variant).name
            guard let (smaller, made) = try reader.variant(name, of: network) else {
                let known = try reader.artifacts(kind: VariantFile.artifactKind).map(\.name)
                throw ModelError.noVariant(path: path, name: name, known: known)
            }
            guard smaller.recipe.name == name else { throw ModelError.badVariant(path: path, name: name) }
            (self.network, weights, quantized) = (smaller.network, smaller.weights, smaller.quantized)
            step = made ?? row.step
            return
        }
        self.network = network
        let snapshot = try Snapshot(
            try reader.checkpointBytes(step: row.step), parameters: network.parameters, training: nil)
        weights = snapshot.modelWeights
        quantized = nil
        step = snapshot.step
    }

    /// `model` made smaller.
    init(_ model: TrainedModel, as variant: Variant) {
        (path, spec, preprocessing, step) = (model.path, model.spec, model.preprocessing, model.step)
        (network, weights, quantized) = (variant.network, variant.weights, variant.quantized)
    }

    /// Runs the model over the examples `indices` of `data`; nil: over all.
    /// - Throws: ``ConvolutionError``, ``ExampleError``.
    func infer(_ data: PreparedExamples, _ indices: [Int32]? = nil, workers: Int) throws -> Inference {
        let loss = spec.training.loss
        if let quantized {
            return try QuantizedNetwork(quantized, like: data, loss: loss, workers: workers).infer(data, indices)
        }
        let predictor = try Predictor(network, weights: weights, loss: loss, data: data, workers: workers)
        return try indices.map { try predictor.infer($0) } ?? predictor.infer()
    }

    /// Runs the model over raw examples; `labels` count for losses and hits only.
    public func infer(_ features: FeatureStorage, labels: [Int32], workers: Int) throws -> Inference {
        try infer(PreparedExamples(features, labels: labels, by: preprocessing), workers: workers)
    }

    /// A model measured on a test split.
    public struct Evaluation: Sendable {
        public var outcome: Outcome
        public var examples: Int
        /// Where numbers are predicted: the name of that number alone.
        public var classes: [String]
        /// What should be known of how the data were read, in sentences.
        public var notes: [String]

        /// What was found.
        public enum Outcome: Sendable {
            case classes(ClassReport)
            /// Without intervals where a prediction is not finite.
            case numbers(RegressionScores, RegressionIntervals?)
        }
    }

    /// Two models on the same examples.
    public struct Comparison: Sendable {
        /// Accuracies of both.
        public var first: Double
        public var second: Double
        public var mcNemar: McNemarTest
        /// Of the second of two classes; nil with more, and where an area is undefined.
        public var areas: PairedAreaTest?
    }

    /// Examples that a model is tested on, and what it says of them.
    private struct Tested {
        var dataset: Dataset
        var indices: [Int32]
        var inference: Inference
    }

    /// The data that the model was trained on, and their splits.
    /// - Parameter data: another place of the data; nil: where they were.
    /// - Throws: ``DatasetError``, ``SplitError``, ``ModelError`` where they are not such as the model knows.
    func load(data: String?) throws -> (dataset: Dataset, splits: Splits) {
        var spec = spec
        if let data { spec.data.path = data }
        let dataset = try DatasetLoader.load(spec.data, for: spec.training.loss)
        try check(dataset)
        return (dataset, try Splits(dataset, spec.data))
    }

    private func test(data: String?, workers: Int) throws -> Tested {
        let (dataset, splits) = try load(data: data)
        let test = splits.test
        let prepared = PreparedExamples(
            dataset.features, labels: dataset.labels, targets: dataset.targets, by: preprocessing)
        let inference = try infer(prepared, test, workers: workers)
        return Tested(dataset: dataset, indices: test, inference: inference)
    }

    /// Measures the model on the test split of its data.
    /// - Parameters:
    ///   - data: another place of the data; nil: where they were.
    ///   - level: of the intervals.
    public func evaluate(data: String?, workers: Int, level: Double = Interval.usualLevel) throws -> Evaluation {
        let tested = try test(data: data, workers: workers)
        return Evaluation(
            outcome: outcome(of: tested.inference, level: level), examples: tested.indices.count,
            classes: preprocessing.classes, notes: tested.dataset.notes)
    }

    /// Measures the model and `other` on the same examples.
    /// - Throws: ``ModelError/otherExamples(first:second:)`` where the test splits of their data are not the same.
    public func evaluate(
        against other: TrainedModel, data: String?, workers: Int, level: Double = Interval.usualLevel
    ) throws -> (Evaluation, Comparison) {
        for model in [self, other] where model.spec.training.loss.isRegression {
            throw ModelError.comparesNumbers(path: model.path)
        }
        let (mine, theirs) = (
            try test(data: data, workers: workers), try other.test(data: data, workers: workers)
        )
        guard preprocessing.classes == other.preprocessing.classes, Self.areSame(mine, theirs) else {
            throw ModelError.otherExamples(first: path, second: other.path)
        }
        let classes = preprocessing.classes.count
        func hits(_ inference: Inference) -> [Bool] {
            zip(inference.predicted(classes: classes), inference.labels).map { $0 == Int($1) }
        }
        func scores(_ inference: Inference) -> [Double] {
            stride(from: 1, to: inference.probabilities.count, by: 2).map { Double(inference.probabilities[$0]) }
        }
        let (first, second) = (hits(mine.inference), hits(theirs.inference))
        let comparison = Comparison(
            first: Double(first.count { $0 }) / Double(first.count),
            second: Double(second.count { $0 }) / Double(second.count),
            mcNemar: McNemarTest(first: first, second: second),
            areas: classes == 2
                ? PairedAreaTest(
                    first: scores(mine.inference), second: scores(theirs.inference),
                    labels: mine.inference.labels.map { $0 == 1 }) : nil)
        let evaluation = Evaluation(
            outcome: outcome(of: mine.inference, level: level), examples: mine.indices.count,
            classes: preprocessing.classes, notes: mine.dataset.notes)
        return (evaluation, comparison)
    }

    private func outcome(of inference: Inference, level: Double) -> Evaluation.Outcome {
        if spec.training.loss.isRegression {
            guard let scores = RegressionScores(predictions: inference.probabilities, truth: inference.targets) else {
                preconditionFailure("a test split is not empty")
            }
            return .numbers(
                scores,
                RegressionIntervals(predictions: inference.probabilities, truth: inference.targets, level: level))
        }
        return .classes(
            ClassReport(
                probabilities: inference.probabilities, labels: inference.labels, classes: preprocessing.classes.count,
                level: level))
    }

    /// Whether the examples are the same, in the same order.
    private static func areSame(_ first: Tested, _ second: Tested) -> Bool {
        guard first.inference.labels == second.inference.labels, first.dataset.shape == second.dataset.shape else {
            return false
        }
        let size = first.dataset.shape.count
        func rows<Value>(_ a: [Value], _ b: [Value], _ isSame: (Value, Value) -> Bool) -> Bool {
            zip(first.indices, second.indices).allSatisfy { i, j in
                (0..<size).allSatisfy { isSame(a[Int(i) * size + $0], b[Int(j) * size + $0]) }
            }
        }
        switch (first.dataset.features, second.dataset.features) {
        case (.bytes(let a), .bytes(let b)): return rows(a, b, ==)
        // Missing values are equal, too.
        case (.floats(let a), .floats(let b)): return rows(a, b) { $0 == $1 || $0.isNaN && $1.isNaN }
        case (.streamed(let a), .streamed(let b)): return first.indices == second.indices && a.sha256 == b.sha256
        default: return false
        }
    }

    /// Refuses data that the preprocessing was not made for.
    private func check(_ dataset: Dataset) throws(ModelError) {
        func list(_ names: [String]) -> String {
            names.count > 5
                ? "\(names.prefix(5).joined(separator: ", ")), … (\(names.count))" : names.joined(separator: ", ")
        }
        if dataset.classes != preprocessing.classes {
            throw .otherData(
                path: path, field: spec.training.loss.isRegression ? "targets" : "classes",
                model: list(preprocessing.classes), data: list(dataset.classes))
        }
        if dataset.columns != preprocessing.columns {
            throw .otherData(
                path: path, field: "columns", model: list(preprocessing.columns.map(\.name)),
                data: list(dataset.columns.map(\.name)))
        }
        if dataset.shape != preprocessing.rawShape {
            throw .otherData(
                path: path, field: "shapes", model: "\(preprocessing.rawShape)", data: "\(dataset.shape)")
        }
    }
}
