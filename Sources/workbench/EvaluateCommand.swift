// evaluate: a session's model on the test split.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Measure a session's model on the test split of its data.")

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @Option(help: "Where the data are now, if they moved.") var data: String?
    @Flag(help: "The best checkpoint instead of the last.") var best = false
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        let model = try TrainedModel(session: sessionOptions.path(of: session), best: best)
        let result = try model.evaluate(data: data, workers: workerOptions.workers ?? Machine.processors)
        if !json { for note in result.notes { Output.note(note) } }
        switch result.outcome {
        case .classes(let confusion, let logLoss): tell(result, confusion, logLoss, step: model.step)
        case .numbers(let scores): tell(result, scores, step: model.step)
        }
    }

    private func tell(_ result: TrainedModel.Evaluation, _ scores: RegressionScores, step: Int) {
        let target = result.classes.first ?? ""
        if json {
            Output.line(
                Output.json([
                    ("target", target), ("mae", scores.mae), ("rmse", scores.rmse), ("r2", scores.r2),
                    ("examples", result.examples), ("step", step),
                ]))
            return
        }
        Output.line("\(result.examples) test examples, model at step \(step)")
        let r2 = scores.r2.map { Format.number($0) } ?? "undefined, the true numbers are all equal"
        Output.line(
            "RMSE \(Format.number(scores.rmse))   MAE \(Format.number(scores.mae))   R2 \(r2)   in units of \(sanitised(target))"
        )
    }

    private func tell(_ result: TrainedModel.Evaluation, _ confusion: ConfusionMatrix, _ logLoss: Double, step: Int) {
        if json {
            let perClass = zip(result.classes, confusion.perClass).map { name, scores in
                Output.Fields([
                    ("class", name), ("support", scores.support), ("precision", scores.precision),
                    ("recall", scores.recall), ("f1", scores.f1),
                ])
            }
            Output.line(
                Output.json([
                    ("accuracy", confusion.accuracy), ("macro_f1", confusion.macroF1),
                    ("log_loss", logLoss), ("examples", result.examples), ("step", step),
                    ("classes", result.classes), ("confusion", confusion.rows), ("per_class", perClass),
                ]))
            return
        }
        func percent(_ value: Double?) -> String { value.map { Format.percent($0) } ?? "undefined" }
        Output.line("\(result.examples) test examples, model at step \(step)")
        Output.line(
            "accuracy \(percent(confusion.accuracy))   macro F1 \(percent(confusion.macroF1))   log loss \(Format.number(logLoss))"
        )
        Output.line("")
        let names = result.classes.map { truncated(sanitised($0), to: 16, glyphs: .ascii) }
        let width = max(6, names.map { displayWidth($0) }.max() ?? 0)
        func cell(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - displayWidth(text))) + text
        }
        Output.line(cell("class", width) + "  precision     recall         F1  examples")
        for (name, scores) in zip(names, confusion.perClass) {
            let columns = [scores.precision, scores.recall, scores.f1].map { cell(percent($0), 11) }.joined()
            Output.line(cell(name, width) + columns + cell(Format.count(scores.support), 10))
        }
        Output.line("")
        Output.line("confusion matrix: rows are true, columns predicted")
        let cellWidth = max(width, (confusion.counts.max() ?? 0).description.count) + 1
        Output.line(cell("", width) + names.map { cell($0, cellWidth) }.joined())
        for (name, row) in zip(names, confusion.rows) {
            Output.line(cell(name, width) + row.map { cell(Format.count($0), cellWidth) }.joined())
        }
    }
}
