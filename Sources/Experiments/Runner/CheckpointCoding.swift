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
    /// The snapshot as a safetensors file: weights under their names, moments under `first/` and `second/`.
    public var encoded: Data {
        func records(_ values: [ParameterValues], _ prefix: String) -> [TensorRecord] {
            values.map { TensorRecord(name: prefix + $0.name, shape: $0.shape, values: $0.values) }
        }
        var metadata = [
            "step": "\(step)", "seconds": "\(seconds)", "learning_rate": "\(learningRate)",
            "epoch_loss_sum": "\(epochLossSum)", "epoch_hits": "\(epochHits)", "epoch_examples": "\(epochExamples)",
        ]
        metadata["best_accuracy"] = bestAccuracy.map { "\($0)" }
        return SafeTensors(
            tensors: records(weights, "") + records(first, "first/") + records(second, "second/"), metadata: metadata
        ).encoded()
    }

    /// Reads what ``encoded`` wrote, for a network with `parameters`.
    /// - Throws: ``SafeTensorsError``, ``CheckpointError``.
    public init(_ data: Data, parameters: [ParameterShape], needsSecond: Bool) throws {
        let file = try SafeTensors(data)
        let byName = Dictionary(file.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        func number<T: LosslessStringConvertible>(_ key: String) throws -> T {
            guard let value = file.metadata[key].flatMap(T.init) else { throw CheckpointError.lacks("\"\(key)\"") }
            return value
        }
        func values(_ prefix: String) throws -> [ParameterValues] {
            try parameters.map { shape in
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
        bestAccuracy = file.metadata["best_accuracy"].flatMap(Double.init)
        weights = try values("")
        first = try values("first/")
        second = needsSecond ? try values("second/") : []
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
