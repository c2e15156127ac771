// evaluate: a session's model on the test split.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Measure a session's model on the test split of its data.",
        discussion: """
            Each measure has a confidence interval: between which values it may lie, as there are no more examples than \
            these. What is undefined is called so, and is null in JSON. --against also tests whether another model differs on \
            the same examples by more than chance.
            """)

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @Option(help: ArgumentHelp("Another session, whose model is compared on the same examples.", valueName: "session"))
    var against: String?
    @Option(help: "Where the data are now, if they moved.") var data: String?
    @Flag(help: "The best checkpoint instead of the last.") var best = false
    @Option(help: "A smaller variant that `compare` has kept in the session, such as prune80+cluster16.")
    var variant: String?
    @Option(help: "How often an interval should hold the true value.") var level = Interval.usualLevel
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        guard level >= 0.5, level <= 0.9999 else {
            throw ValidationError("--level \(level) is not between 0.5 and 0.9999.")
        }
        let model = try TrainedModel(session: sessionOptions.path(of: session), best: best, variant: variant)
        let workers = workerOptions.workers ?? Machine.processors
        let result: TrainedModel.Evaluation
        var comparison: TrainedModel.Comparison?
        if let against {
            let other = try TrainedModel(session: sessionOptions.path(of: against), best: best)
            (result, comparison) = try model.evaluate(against: other, data: data, workers: workers, level: level)
        } else {
            result = try model.evaluate(data: data, workers: workers, level: level)
        }
        if !json { for note in result.notes { Output.note(note) } }
        switch result.outcome {
        case .classes(let report):
            if json {
                writeJSON(result, report, comparison, step: model.step)
            } else {
                write(result, report, step: model.step)
                if let comparison { write(comparison) }
            }
        case .numbers(let scores, let intervals): tell(result, scores, intervals, step: model.step)
        }
    }

    // MARK: Numbers

    private func tell(
        _ result: TrainedModel.Evaluation, _ scores: RegressionScores, _ intervals: RegressionIntervals?, step: Int
    ) {
        let target = result.classes.first ?? ""
        let measures = [
            ("mae", "MAE", Measure(scores.mae, intervals?.mae)),
            ("rmse", "RMSE", Measure(scores.rmse, intervals?.rmse)),
            ("r2", "R2", Measure(scores.r2, intervals?.r2)),
        ]
        if json {
            let fields: [(String, Any?)] =
                [("target", target)] + measures.flatMap { Self.fields($0.0, $0.2) }
                + [("examples", result.examples), ("step", step)]
            Output.line(Output.json(fields))
            return
        }
        Output.line("\(result.examples) test examples, model at step \(step)")
        writeTable(measures.map { ($0.1, $0.2, Format.number) })
        Output.line("MAE and RMSE are in units of \(sanitised(target))")
        if scores.r2 == nil { Output.line("R2 is undefined: the true numbers are all equal") }
    }

    // MARK: JSON

    /// The fields of a measure: its value, and both ends of its interval.
    private static func fields(_ name: String, _ measure: Measure) -> [(String, Any?)] {
        [(name, measure.value), ("\(name)_low", measure.interval?.low), ("\(name)_high", measure.interval?.high)]
    }

    private func writeJSON(
        _ result: TrainedModel.Evaluation, _ report: ClassReport, _ comparison: TrainedModel.Comparison?, step: Int
    ) {
        var measures = [
            ("accuracy", report.accuracy), ("balanced_accuracy", report.balancedAccuracy),
            ("macro_precision", report.macroPrecision), ("macro_f1", report.macroF1),
            ("weighted_f1", report.weightedF1),
            ("micro_f1", report.accuracy), ("mcc", report.mcc), ("cohen_kappa", report.cohenKappa), ("auc", report.auc),
            ("average_precision", report.averagePrecision), ("log_loss", report.logLoss), ("brier", report.brier),
            ("calibration_error", report.calibrationError),
        ]
        if let topFive = report.topFive { measures.append(("top_5_accuracy", topFive)) }
        let perClass = zip(result.classes, report.perClass).map { name, scores in
            Output.Fields(
                [("class", name), ("support", scores.support)]
                    + [
                        ("precision", scores.precision), ("recall", scores.recall), ("f1", scores.f1),
                        ("auc", scores.auc),
                        ("average_precision", scores.averagePrecision),
                    ].flatMap { Self.fields($0.0, $0.1) })
        }
        var fields: [(String, Any?)] = measures.flatMap { Self.fields($0.0, $0.1) }
        fields += [
            ("level", report.level), ("examples", result.examples), ("step", step), ("classes", result.classes),
            ("confusion", report.confusion.rows), ("per_class", perClass),
        ]
        if let comparison, let against {
            let test = comparison.mcNemar
            fields += [("against", against), ("against_accuracy", comparison.second)]
            fields += Self.fields("accuracy_difference", Measure(test.difference, test.interval(level: level)))
            fields += [
                ("only_this_right", test.firstOnly), ("only_other_right", test.secondOnly), ("mcnemar_p", test.pValue),
                ("mcnemar_mid_p", test.midPValue), ("mcnemar_exact", test.isExact),
            ]
            if let areas = comparison.areas {
                fields += [("against_auc", areas.second)]
                fields += Self.fields("auc_difference", Measure(areas.difference, areas.interval(level: level)))
                fields += [("delong_p", areas.pValue)]
            }
        }
        Output.line(Output.json(fields))
    }

    // MARK: Text

    private var levelText: String { "\(Format.number(level * 100)) %" }

    private static func cell(_ text: String, _ width: Int) -> String {
        rightAligned(text, columns: width)
    }

    /// A measure a line: name, value, interval.
    private func writeTable(_ rows: [(name: String, measure: Measure, text: (Double) -> String)]) {
        let width = rows.map { displayWidth($0.name) }.max() ?? 0
        Output.line(Self.cell("", width + 12) + "  \(levelText) interval")
        for row in rows {
            let value = row.measure.value.map(row.text) ?? "undefined"
            let interval = row.measure.interval.map { "  \(row.text($0.low)) to \(row.text($0.high))" } ?? ""
            let name = leftAligned(row.name, columns: width)
            Output.line(name + Self.cell(value, 12) + interval)
        }
    }

    private func write(_ result: TrainedModel.Evaluation, _ report: ClassReport, step: Int) {
        func percent(_ value: Double) -> String { Format.percent(value) }
        func number(_ value: Double) -> String { Format.number(value) }
        Output.line("\(result.examples) test examples, model at step \(step)")
        let isMean = result.classes.count > 2
        var rows: [(name: String, measure: Measure, text: (Double) -> String)] = [
            ("accuracy", report.accuracy, percent), ("balanced accuracy", report.balancedAccuracy, percent),
            ("macro F1", report.macroF1, percent), ("weighted F1", report.weightedF1, percent),
            ("MCC", report.mcc, number), ("Cohen's kappa", report.cohenKappa, number),
            (isMean ? "macro AUC" : "AUC", report.auc, number),
            (isMean ? "mean average precision" : "average precision", report.averagePrecision, number),
            ("log loss", report.logLoss, number), ("Brier score", report.brier, number),
            ("calibration error", report.calibrationError, percent),
        ]
        if let topFive = report.topFive { rows.append(("top-5 accuracy", topFive, percent)) }
        writeTable(rows)
        Output.line("")
        let names = result.classes.map { truncated(sanitised($0), to: 16, glyphs: .ascii) }
        let width = max(8, names.map { displayWidth($0) }.max() ?? 0)
        /// 100 only where it is all.
        func tenths(_ value: Double) -> String { value < 1 && value >= 0.9995 ? "99.9" : Format.fixed(value * 100, 1) }
        /// Value and interval in percent, under one another.
        func column(_ measure: Measure) -> String {
            guard let value = measure.value else { return Self.cell("undefined", 6) + Self.cell("", 14) }
            let interval = measure.interval.map { "\(tenths($0.low))-\(tenths($0.high))" } ?? ""
            return Self.cell(tenths(value), 6) + Self.cell(interval, 11)
        }
        func padded(_ text: String) -> String { leftAligned(text, columns: 17) }
        Output.line(
            Self.cell("class, %", width) + ["precision", "recall", "F1", "AUC"].map { padded("  \($0)") }.joined()
                + "examples")
        for (name, scores) in zip(names, report.perClass) {
            let columns = [scores.precision, scores.recall, scores.f1, scores.auc].map { padded(column($0)) }
            Output.line(Self.cell(name, width) + columns.joined() + Self.cell(Format.count(scores.support), 8))
        }
        Output.line("")
        Output.line("confusion matrix: rows are true, columns predicted")
        let cellWidth = max(width, (report.confusion.counts.max() ?? 0).description.count) + 1
        Output.line(Self.cell("", width) + names.map { Self.cell($0, cellWidth) }.joined())
        for (name, row) in zip(names, report.confusion.rows) {
            Output.line(Self.cell(name, width) + row.map { Self.cell(Format.count($0), cellWidth) }.joined())
        }
    }

    private func write(_ comparison: TrainedModel.Comparison) {
        let test = comparison.mcNemar
        func points(_ value: Double) -> String { Format.number(value * 100) }
        func probability(_ value: Double) -> String { value < 0.0001 ? "p < 0.0001" : "p = \(Format.number(value))" }
        func interval(_ interval: Interval?, _ text: (Double) -> String) -> String {
            interval.map { ", \(levelText) interval \(text($0.low)) to \(text($0.high))" } ?? ""
        }
        Output.line("")
        Output.line(
            "against \(sanitised(against ?? "")): accuracy \(Format.percent(comparison.first)) and \(Format.percent(comparison.second))"
        )
        Output.line(
            "difference \(points(test.difference ?? 0)) points"
                + interval(test.interval(level: level), points))
        Output.line(
            "only this model right: \(Format.count(test.firstOnly)), only the other: \(Format.count(test.secondOnly)); McNemar's test, \(test.isExact ? "exact" : "chi-squared"): \(probability(test.pValue))"
        )
        if let areas = comparison.areas {
            Output.line(
                "AUC \(Format.number(areas.first)) and \(Format.number(areas.second)), difference \(Format.number(areas.difference))"
                    + interval(areas.interval(level: level), { Format.number($0) }) + "; DeLong's test: "
                    + (areas.pValue.map(probability) ?? "undefined"))
        }
    }
}
