// export: what a session holds, as files for other programs.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation
import TUI

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Hand a session's model or curves on to other programs.",
        discussion: """
            The ending of --to says what is written: .onnx (float32, with --half half floats; a variant in bytes as quantized \
            nodes), .tflite (the same for LiteRT; of the variant dynamic only weights are bytes), .c (C99 without dependencies, with a header and an example of its use), .safetensors (weights with network, preprocessing and classes), .json (the whole session but its weights), .csv \
            (its curves), .svg (the chart that --chart names), .yaml (its spec, to train it again or on). A folder gets TensorBoard's event files: curves, pictures of the last evaluation, hyperparameters. With --raw an ONNX model takes examples as they come and does the preprocessing itself; without, its \
            metadata say how that is done. Nothing that exists is replaced without --force.
            """)

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @Option(help: ArgumentHelp("The file to write.", valueName: "file")) var to: String
    @Option(help: "A chart of the session as .svg: loss, accuracy, roc, pr, confusion, …") var chart: String?
    @Option(help: "A smaller variant that `compare` has kept in the session, such as int8.") var variant: String?
    @Flag(help: "The best checkpoint instead of the last.") var best = false
    @Flag(help: "ONNX: the preprocessing is part of the model.") var raw = false
    @Flag(help: "ONNX: weights are half floats.") var half = false
    @Flag(help: "Replace a file that exists.") var force = false
    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        let path = sessionOptions.path(of: session)
        let ending = (to as NSString).pathExtension.lowercased()
        guard variant == nil && !best || ["onnx", "tflite", "c", "safetensors"].contains(ending) else {
            throw ValidationError(
                "--\(best ? "best" : "variant") goes with a model: .onnx, .tflite, .c or .safetensors.")
        }
        if ending == "c" { return try writeC(path) }
        if ending.isEmpty || to.hasSuffix("/") { return try writeAll(TensorBoardExport.files(session: path), in: to) }
        let data = try encoded(path)
        try FileOutput.write(data, to: to, force: force)
        let hash = FileOutput.sha256(data)
        if json {
            Output.line(Output.json([("path", to), ("bytes", data.count), ("sha256", hash)]))
        } else {
            Output.line("\(sanitised(to)): \(data.count) bytes")
        }
    }

    /// NAME.c, and beside it NAME.h and NAME_main.c.
    private func writeC(_ path: String) throws {
        let name = ((to as NSString).lastPathComponent as NSString).deletingPathExtension
        let folder = (to as NSString).deletingLastPathComponent
        let files = try ModelExport.c(model(path), name: name)
        try writeAll(files, in: folder.isEmpty ? "." : folder)
    }

    /// Files in a folder, which is made where it is not there.
    private func writeAll(_ files: [(name: String, bytes: Data)], in folder: String) throws {
        let places = files.map { (folder as NSString).appendingPathComponent($0.name) }
        for place in places where !force && FileManager.default.fileExists(atPath: place) {
            throw ExportError.exists(path: place)
        }
        for (file, place) in zip(files, places) {
            do {
                try FileManager.default.createDirectory(
                    atPath: (place as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            } catch {
                throw ExportError.failed(
                    path: place, doing: "making its folder", reason: (error as NSError).localizedDescription)
            }
            try FileOutput.write(file.bytes, to: place, force: force)
            if json {
                Output.line(
                    Output.json([
                        ("path", place), ("bytes", file.bytes.count), ("sha256", FileOutput.sha256(file.bytes)),
                    ]))
            } else {
                Output.line("\(sanitised(place)): \(file.bytes.count) bytes")
            }
        }
    }

    private func encoded(_ path: String) throws -> Data {
        let ending = (to as NSString).pathExtension.lowercased()
        guard ending == "onnx" || !raw && !half else {
            throw ValidationError("--\(raw ? "raw" : "half") goes with a file .onnx.")
        }
        if let chart {
            guard ending == "svg" else { throw ValidationError("--chart goes with a file .svg.") }
            return try ChartExport.svg(session: path, chart: chart)
        }
        switch ending {
        case "svg":
            let names = try ChartExport.names(session: path).joined(separator: ", ")
            throw ValidationError("Name the chart by --chart: \(names).")
        case "yaml":
            let reader = try SessionReader(path: path)
            defer { reader.close() }
            return Data(reader.info.specYAML.utf8)
        case "json": return try SessionJSON.encode(session: path)
        case "csv": return try SessionCSV.encode(session: path)
        case "onnx": return try ModelExport.onnx(model(path), includesPreprocessing: raw, half: half)
        case "tflite":
            return try ModelExport.tflite(
                model(path), isDynamic: variant.map { try VariantRecipe($0).numbers == .dynamic } ?? false)
        case "safetensors":
            let model = try model(path)
            if model.quantized != nil {
                Output.note(
                    "\(variant ?? "") computes in bytes; the file holds the float32 weights that they stand for.")
            }
            return try ModelExport.safetensors(model, session: path, variant: variant)
        default:
            throw ExportError.unknownEnding(
                path: to, known: [".onnx", ".tflite", ".c", ".safetensors", ".json", ".csv", ".svg", ".yaml"])
        }
    }

    private func model(_ path: String) throws -> TrainedModel {
        try TrainedModel(session: path, best: best, variant: variant)
    }
}
