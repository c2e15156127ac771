// import: a model that was trained elsewhere becomes a session.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make a session of a model that was trained elsewhere.",
        discussion: """
            Reads .onnx (feed-forward networks as PyTorch, Keras and tf2onnx write them) and .safetensors (its own, or with \
            --network SPEC.yaml the weights of any program). The model is measured on the data at once; then it can be evaluated, \
            explained, compared, trained on and exported like any other. Images reach it as byte / 255, or with --mean and --std as \
            (byte / 255 - mean) / std; tables with columns standardised on the training split.
            """)

    @Argument(help: "The model: a file .onnx or .safetensors.") var model: String
    @Option(help: "The data that it is for: digits, mnist, … or files, as in a spec.") var dataset: String?
    @Option(help: "Where the data are.") var data: String?
    @Option(help: "Label column of a table.") var target: String?
    @Option(help: ArgumentHelp("A spec with the network of a .safetensors file.", valueName: "spec")) var network:
        String?
    @Option(help: "Mean of the pixels that it was trained with, one number or one a channel by commas.") var mean:
        String?
    @Option(help: "Their deviation.") var std: String?
    @Option(help: "The session file to make (default: the model's name in the sessions folder).") var session: String?
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        var imported = try read()
        if mean != nil || std != nil {
            imported.pixels = (try numbers(mean ?? "0", "mean"), try numbers(std ?? "1", "std"))
        }
        let name = ((model as NSString).lastPathComponent as NSString).deletingPathExtension
        let path = session ?? sessionOptions.path(of: name + ".session")
        if FileManager.default.fileExists(atPath: path) { throw ExportError.exists(path: path) }
        let finished = try imported.makeSession(
            at: path, on: ImportedData(dataset: dataset, path: data, target: target),
            workers: workerOptions.workers ?? Machine.processors, programVersion: programVersion,
            command: ["workbench"] + CommandLine.arguments.dropFirst())
        for note in imported.notes { Output.note(note) }
        let accuracy = finished.metrics["test/accuracy"]
        if json {
            Output.line(
                Output.json([
                    ("session", path), ("test_accuracy", accuracy), ("test_loss", finished.metrics["test/loss"]),
                    ("weights_sha256", finished.weightsSHA256),
                ]))
        } else {
            let said =
                accuracy.map { "test accuracy \(Format.percent($0))" }
                ?? finished.metrics["test/rmse"].map { "test RMSE \(Format.number($0))" } ?? "imported"
            Output.line("\(sanitised(path)): \(said)")
        }
    }

    private func read() throws -> ImportedModel {
        switch (model as NSString).pathExtension.lowercased() {
        case "onnx": return try ONNXImport.read(model)
        case "safetensors":
            guard let network else { return try ModelFile.read(model) }
            guard let yaml = FileManager.default.contents(atPath: network) else {
                throw ImportError.unreadable(path: network, reason: "there is no such file")
            }
            return try ModelFile.read(model, network: (network, String(decoding: yaml, as: UTF8.self)))
        default: throw ImportError.unknownEnding(path: model)
        }
    }

    private func numbers(_ text: String, _ name: String) throws -> [Float] {
        let values = text.split(separator: ",").map { Float($0.trimmingCharacters(in: .whitespaces)) }
        let known = values.compactMap { $0 }
        guard !values.isEmpty, known.count == values.count else {
            throw ValidationError("--\(name) \(sanitised(text)): give numbers, by commas.")
        }
        return known
    }
}
