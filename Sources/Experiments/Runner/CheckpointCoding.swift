// CheckpointCoding: a snapshot as safetensors bytes and back. Whole numbers and exact doubles travel as text beside the tensors.
import Engine
import Foundation

/// A checkpoint that can't be gone on from.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
    case lacks(String)
    case shape(String, got: [Int], wanted: [Int])

    public var description: String {
        switch self {
        case .lacks(let what): "The checkpoint lacks \(what), so the run can't go on from it."
        case .shape(let name, let got, let wanted):
            "The checkpoint's \(name) has the shape \(got), but the network needs \(wanted)."
        }
    }
}

extension Snapshot {
    /// The snapshot as a safetensors file: weights under their names, moments under `first/` and `second/`,
    /// their moving average under `average/`.
    public var encoded: Data {
        func records(_ values: [ParameterValues], _ prefix: String) -> [TensorRecord] {
            values.map { TensorRecord(name: prefix + $0.name, shape: $0.shape, values: $0.values) }
        }
        var metadata = [
            "step": "\(step)", "seconds": "\(seconds)", "learning_rate": "\(learningRate)",
            "epoch_loss_sum": "\(epochLossSum)", "epoch_hits": "\(epochHits)", "epoch_examples": "\(epochExamples)",
        ]
        metadata["best_score"] = bestScore.map { "\($0)" }
        metadata["epochs_since_best"] = "\(epochsSinceBest)"
        if plateau != Plateau() {
            metadata["plateau_factor"] = "\(plateau.factor)"
            metadata["plateau_best"] = plateau.best.map { "\($0)" }
            metadata["plateau_since"] = "\(plateau.since)"
        }
        return SafeTensors(
            tensors: records(weights, "") + records(average, "average/") + records(first, "first/")
                + records(second, "second/"), metadata: metadata
        ).encoded()
    }

    /// Reads what ``encoded`` wrote, for a network with `parameters`.
    /// - Parameter training: the spec of a run that goes on from here, which needs moments and average; nil: they stay out.
    /// - Throws: ``SafeTensorsError``, ``CheckpointError``.
    public init(_ data: Data, parameters: [ParameterShape], training: TrainingSpec?) throws {
        let file = try SafeTensors(data)
        let byName = Dictionary(file.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        func number<T: LosslessStringConvertible>(_ key: String) throws -> T {
            guard let value = file.metadata[key].flatMap(T.init) else { throw CheckpointError.lacks("\"\(key)\"") }
            return value
        }
        func values(_ prefix: String, trained: Bool = true) throws -> [ParameterValues] {
            try parameters.filter { $0.isTrained || !trained }.map { shape in
                guard let record = byName[prefix + shape.name] else {
                    throw CheckpointError.lacks("the tensor \(prefix + shape.name)")
                }
                guard record.shape == shape.shape else {
                    throw CheckpointError.shape(shape.name, got: record.shape, wanted: shape.shape)
                }
                return ParameterValues(name: shape.name, shape: shape.shape, values: record.values)
            }
        }
        self.init()
        step = try number("step")
        seconds = try number("seconds")
        learningRate = try number("learning_rate")
        epochLossSum = try number("epoch_loss_sum")
        epochHits = try number("epoch_hits")
        epochExamples = try number("epoch_examples")
        // "best_accuracy" is what the first version of the program wrote.
        bestScore = (file.metadata["best_score"] ?? file.metadata["best_accuracy"]).flatMap(Double.init)
        epochsSinceBest = file.metadata["epochs_since_best"].flatMap { Int($0) } ?? 0
        plateau.factor = file.metadata["plateau_factor"].flatMap(Double.init) ?? 1
        plateau.best = file.metadata["plateau_best"].flatMap(Double.init)
        plateau.since = file.metadata["plateau_since"].flatMap { Int($0) } ?? 0
        weights = try values("", trained: false)
        let hasAverage = parameters.contains { byName["average/" + $0.name] != nil }
        if hasAverage || (training?.averageDecay ?? 0) > 0 { average = try values("average/") }
        guard let training else { return }
        first = try values("first/")
        second = training.optimizer.usesSecondMoment ? try values("second/") : []
    }
}

extension [ParameterValues] {
    /// SHA-256 of the values, little-endian float32 in the network's order, hexadecimal.
    public var sha256: String {
        var bytes = Data()
        for parameter in self { parameter.values.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return bytes.withUnsafeBytes { SHA256.hex($0) }
    }
}
