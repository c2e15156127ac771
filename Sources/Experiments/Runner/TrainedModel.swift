// TrainedModel: what a session's checkpoint holds, ready to run: network, weights, preprocessing.
import Engine
import Foundation

/// Why a model can't be used.
public enum ModelError: Error, Equatable, CustomStringConvertible {
    case noCheckpoint(path: String)
    case crossValidation(path: String)
    case otherData(path: String, field: String, model: String, data: String)

    public var description: String {
        switch self {
        case .noCheckpoint(let path):
            "\(path) holds no checkpoint yet, so there is no model in it; let it train a while."
        case .crossValidation(let path):
            "\(path) is a cross-validation: it says how well such a network does and keeps no single model; train one with `workbench train`."
        case .otherData(let path, let field, let model, let data):
            "The model in \(path) was trained on data with other \(field): it knows \(model), the data have \(data)."
        }
    }
}

/// A model out of a session.
public struct TrainedModel: Sendable {
    public let path: String
    public let spec: Spec
    public let preprocessing: Preprocessing
    public let network: Network
    public let weights: [ParameterValues]
    /// Steps that the weights were trained for.
    public let step: Int

    /// The model at the last checkpoint of the session at `path`, or at its best one.
    /// - Throws: ``SessionError``, ``ModelError`` when there is no checkpoint yet.
    public init(session path: String, best: Bool = false) throws {
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
        network = try Network(
            spec.network, input: preprocessing.shape,
            classes: spec.training.loss.outputs(classes: preprocessing.classes.count))
        let snapshot = try Snapshot(
            try reader.checkpointBytes(step: row.step), parameters: network.parameters, training: nil)
        weights = snapshot.modelWeights
        step = snapshot.step
        self.path = path
    }

    /// Runs the model over raw examples; `labels` count for losses and hits only.
    public func infer(_ features: FeatureStorage, labels: [Int32], workers: Int) throws -> Inference {
        try Predictor(
            network, weights: weights, loss: spec.training.loss,
            data: PreparedExamples(features, labels: labels, by: preprocessing),
            workers: workers
        ).infer()
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
            case classes(ConfusionMatrix, logLoss: Double)
            case numbers(RegressionScores)
        }
    }

    /// Measures the model on the test split of its data.
    /// - Parameter data: another place of the data; nil: where they were.
    public func evaluate(data: String?, workers: Int) throws -> Evaluation {
        var spec = spec
        if let data { spec.data.path = data }
        let dataset = try DatasetLoader.load(spec.data, for: spec.training.loss)
        try check(dataset)
        let test = try Splits(dataset, spec.data).test
        let prepared = PreparedExamples(
            dataset.features, labels: dataset.labels, targets: dataset.targets, by: preprocessing)
        let inference = try Predictor(
            network, weights: weights, loss: spec.training.loss, data: prepared, workers: workers
        ).infer(test)
        let outcome: Evaluation.Outcome
        if spec.training.loss.isRegression {
            guard
                let scores = RegressionScores(predictions: inference.probabilities, truth: inference.targets)
            else { preconditionFailure("a test split is not empty") }
            outcome = .numbers(scores)
        } else {
            let matrix = ConfusionMatrix(
                probabilities: inference.probabilities, labels: inference.labels, classes: preprocessing.classes.count)
            outcome = .classes(matrix, logLoss: inference.meanLoss)
        }
        return Evaluation(
            outcome: outcome, examples: test.count, classes: preprocessing.classes, notes: dataset.notes)
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
