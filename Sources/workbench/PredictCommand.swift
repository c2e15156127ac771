// predict: a session's model on new files.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation

struct PredictCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "predict", abstract: "Run a session's model on new files.",
        discussion: """
            Images (PNG, JPEG, a folder of them, IDX) for a model of images, CSV for a model of tables; - reads standard \
            input. Preprocessing is part of the model: images are resized and made grey, columns are found by name.
            """)

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @Argument(help: "An image, a folder of images, an IDX or a CSV file, or - for standard input.") var input: String
    @Flag(help: "The best checkpoint instead of the last.") var best = false
    @Option(help: "A smaller variant that `compare` has kept in the session, such as prune80+cluster16.")
    var variant: String?
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "One JSON object a line for each example, on stdout.") var json = false

    func run() throws {
        let model = try TrainedModel(session: sessionOptions.path(of: session), best: best, variant: variant)
        let input = try PredictionInput(path: input, for: model.preprocessing)
        for skipped in input.skipped { Output.note("\(skipped.path) was skipped: \(skipped.reason)") }
        let inference = try model.infer(
            input.features, labels: Array(repeating: 0, count: input.count),
            workers: workerOptions.workers ?? Machine.processors)
        if model.spec.training.loss.isRegression {
            for (name, number) in zip(input.names, inference.probabilities) {
                // As many digits as tell the number from its neighbours: it may be taken on by another program.
                Output.line(
                    json ? Output.json([("input", name), ("prediction", number)]) : "\(sanitised(name))\t\(number)")
            }
            return
        }
        let classes = model.preprocessing.classes
        for (index, name) in input.names.enumerated() {
            let row = inference.probabilities[index * classes.count..<(index + 1) * classes.count]
            let ranked = zip(classes, row).sorted { $0.1 > $1.1 }
            guard let first = ranked.first else { continue }
            if json {
                let all = Output.Fields(zip(classes, row).map { ($0, Double($1)) })
                Output.line(
                    Output.json([
                        ("input", name), ("label", first.0), ("probability", Double(first.1)), ("probabilities", all),
                    ]))
            } else {
                let next = ranked.dropFirst().prefix(2).map { "\($0.0) \(Format.percent(Double($0.1)))" }
                let columns = [name, first.0, Format.percent(Double(first.1)), next.joined(separator: ", ")]
                Output.line(columns.map { sanitised($0) }.joined(separator: "\t"))
            }
        }
    }
}
