// The four sets inside the program (CData): small, real, and there without any file.
import CData
import Engine

enum BuiltInSets {
    static let names = ["digits", "breast-cancer", "iris", "wine"]

    /// nil: no such set. The sets are of classes; where numbers are learnt, `target` names a column of them.
    static func load(
        _ name: String, target: String?, ignore: [String], for loss: LossSpec
    ) throws(DatasetError) -> Dataset? {
        let file: wb_embedded_file
        switch name {
        case "digits": file = wb_data_digits()
        case "breast-cancer": file = wb_data_breast_cancer()
        case "iris": file = wb_data_iris()
        case "wine": file = wb_data_wine()
        default: return nil
        }
        let table = try TableLoader.load(
            Array(UnsafeBufferPointer(start: file.bytes, count: file.count)), path: "built-in \(name)", name: name,
            target: target, ignore: ignore, origin: "built in",
            for: target == nil || name == "digits" ? .softmaxCrossEntropy() : loss)
        return name == "digits" ? images(of: table) : table
    }

    /// Pixels of 0 to 16 as bytes of 0 to 255.
    private static func images(of table: Dataset) -> Dataset {
        guard case .floats(let values) = table.features else { preconditionFailure("tables hold floats") }
        return Dataset(
            name: table.name, shape: .image(channels: 1, height: 8, width: 8), classes: table.classes,
            features: .bytes(values.map { UInt8(($0 * 255 / 16).rounded()) }), labels: table.labels,
            origin: table.origin)
    }
}
