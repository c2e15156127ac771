// What to train: a preset or a file, and what the command line changes in it.
import ArgumentParser
import Engine
import Experiments
import Foundation

/// Arguments of the commands that train.
struct SpecOptions: ParsableArguments {
    @Argument(help: "A preset's name, a FILE.yaml, or a FILE.csv (then --target names the label column).")
    var spec: String
    @Option(
        help:
            "Data set instead of the spec's: a built-in one, or mnist, idx, cifar10, npz, npy, csv, folder with --data."
    )
    var dataset: String?
    @Option(help: "File or folder of the data.")
    var data: String?
    @Option(help: "Label column of a CSV file (default: the last).")
    var target: String?
    @Option(parsing: .singleValue, help: "Column of a CSV file to leave out; may be repeated.")
    var ignore: [String] = []
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: "KEY=VALUE of the spec, such as training.batch=64; may be repeated.")
    var overrides: [String] = []
    @Option(help: "Passes over the training split.") var epochs: Int?
    @Option(help: "Examples a step.") var batch: Int?
    @Option(help: "Pieces that a batch is cut into; a part of the result.") var shards: Int?
    @Option(help: "Seed of weights, order and dropout.") var seed: UInt64?

    /// The spec with all that the options change in it.
    /// - Parameter known: the text of the spec, with how messages call it, where it is known already.
    func resolved(_ known: (file: String, yaml: String)? = nil) throws -> (spec: Spec, yaml: String) {
        var changes: [(key: String, value: String)] = []
        if let dataset { changes.append(("data.dataset", dataset)) }
        if let data { changes.append(("data.path", data)) }
        if let target { changes.append(("data.target", SpecFile.quoted(target))) }
        if !ignore.isEmpty {
            changes.append(("data.ignore", "[" + ignore.map(SpecFile.quoted).joined(separator: ", ") + "]"))
        }
        if let epochs { changes.append(("training.epochs", "\(epochs)")) }
        if let batch { changes.append(("training.batch", "\(batch)")) }
        if let shards { changes.append(("training.shards", "\(shards)")) }
        if let seed { changes.append(("training.seed", "\(seed)")) }
        for override in overrides {
            guard let equals = override.firstIndex(of: "=") else {
                throw ValidationError("--set \(override) has no value: write KEY=VALUE, such as training.batch=64.")
            }
            changes.append((String(override[..<equals]), String(override[override.index(after: equals)...])))
        }
        let (file, text) = try known ?? SpecFile.resolve(self.spec)
        let (spec, yaml) = try SpecFile.parse(yaml: text, file: file, overrides: changes)
        // A session is resumed and evaluated from any folder, so it keeps where its data are from the root on.
        guard let path = spec.data.path, !path.hasPrefix("/"), FileManager.default.fileExists(atPath: path) else {
            return (spec, yaml)
        }
        let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
        changes.append(("data.path", SpecFile.quoted(absolute)))
        return try SpecFile.parse(yaml: text, file: file, overrides: changes)
    }
}
