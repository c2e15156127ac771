// explain: why a session's model predicts what it predicts.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation

extension LIMESettings.Discretizer: ExpressibleByArgument {}
extension LIMESettings.FeatureSelection: ExpressibleByArgument {}

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say which features made a session's model predict what it did.",
        discussion: """
            LIME (Ribeiro, Singh & Guestrin 2016): the network is asked about thousands of perturbations of one example, and a \
            weighted linear model of a few features stands for it there. It is made with several seeds, so that the spread of \
            each weight is known, and it says how well it fits. Where ranges of few columns fit badly, and neither --discretizer nor \
            --selection is given, the linear model takes all columns as numbers, if that fits better, and the --features that \
            weigh most are shown. --global looks at many test examples instead.
            """)

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @Option(help: "The example: its place in the data set, from 0.") var row: Int?
    @Option(help: "New examples instead: an image, a folder of images, an IDX or a CSV file, or -.") var file: String?
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "What if: a column of the row has another value; nothing: missing.", valueName: "column=value"))
    var changes: [String] = []
    @Option(help: "Perturbations a seed (default: 5,000; images 1,000); doubled until the ranking is stable.")
    var samples: Int?
    @Option(help: "Features that are shown (default: 5).") var features: Int?
    @Option(help: "Width of the kernel (default: 0.75 times the root of the columns; images 0.25).")
    var kernelWidth: Double?
    @Option(help: "Seed of the perturbations.") var seed: UInt64 = 1
    @Option(help: "Seeds that it is made with, from --seed on.") var repeats = 5
    @Option(help: "How columns of numbers become ranges: quartile (the default), decile, entropy or none.")
    var discretizer: LIMESettings.Discretizer?
    @Option(help: "How features are chosen: auto (the default), highest, forward or none (all of them).")
    var selection: LIMESettings.FeatureSelection?
    @Option(help: "Where the data are now, if they moved.") var data: String?
    @Flag(help: "The best checkpoint instead of the last.") var best = false
    @Option(help: "A smaller variant that `compare` has kept in the session, such as prune80+cluster16.")
    var variant: String?
    @Flag(help: "Explain the row with kernels of several widths.") var sweep = false
    @Flag(help: "What matters over many test examples, and which of them show most of it.") var global = false
    @Option(help: "Test examples that --global explains (default: 40).") var rows: Int?
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "JSON on stdout, an object a line.") var json = false

    func validate() throws {
        let subjects = [row != nil, file != nil, global].count { $0 }
        guard subjects == 1 else {
            throw ValidationError("Say what to explain: one of --row, --file and --global.")
        }
        if row == nil, sweep || !changes.isEmpty {
            throw ValidationError("--\(sweep ? "sweep" : "set") goes with --row.")
        }
        if rows != nil, !global { throw ValidationError("--rows goes with --global; one example is --row.") }
        func check(_ name: String, _ value: Int?, _ range: ClosedRange<Int>) throws {
            guard let value, !range.contains(value) else { return }
            throw ValidationError("--\(name) \(value) is not between \(range.lowerBound) and \(range.upperBound).")
        }
        try check("samples", samples, 50...1_000_000)
        try check("features", features, 1...1_000)
        try check("repeats", repeats, 1...100)
        try check("rows", rows, 1...100_000)
        if let kernelWidth, !(kernelWidth > 0 && kernelWidth.isFinite) {
            throw ValidationError("--kernel-width \(kernelWidth) is not a number above 0.")
        }
    }

    func run() throws {
        let model = try TrainedModel(session: sessionOptions.path(of: session), best: best, variant: variant)
        let explainer = try Explainer(model, data: data, workers: workerOptions.workers ?? Machine.processors)
        var settings = explainer.defaultSettings
        if let samples { settings.samples = samples }
        if let features { settings.features = features }
        settings.kernelWidth = kernelWidth
        if let discretizer { settings.discretizer = discretizer }
        if let selection { settings.selection = selection }
        settings.seed = seed
        settings.repeats = repeats
        // Who names a method gets that method.
        let isFree = discretizer == nil && selection == nil
        let meter = ProgressMeter()
        if !json { for note in explainer.dataset.notes { Output.note(note) } }
        if global {
            let survey = try explainer.survey(rows: rows ?? 40, settings: settings, progress: meter.show)
            meter.clear()
            if let survey { tell(survey, explainer) }
        } else if let file {
            let input = try PredictionInput(path: file, for: model.preprocessing)
            for skipped in input.skipped { Output.note("\(skipped.path) was skipped: \(skipped.reason)") }
            let found = try explainer.explain(
                input, byBestFit: isFree, settings: settings, progress: meter.show)
            meter.clear()
            for (index, explanation) in found.enumerated() {
                if index > 0, !json { Output.line("") }
                tell(explanation, explainer, name: input.names[index])
            }
        } else if let row {
            let changes = try changes.map { try change($0, explainer.dataset.columns) }
            if sweep {
                let trials = try explainer.kernelWidthSweep(
                    row: row, changes: changes, settings: settings, progress: meter.show)
                meter.clear()
                if let trials { tell(trials, explainer, row: row) }
                return
            }
            let explain = isFree ? explainer.explainByBestFit : explainer.explain
            let found = try explain(row, changes, settings, meter.show)
            meter.clear()
            if let found { tell(found, explainer, name: "row \(row)") }
        }
    }

    /// Column and value of "COLUMN=VALUE"; a column's name may have an equals sign itself.
    private func change(_ text: String, _ columns: [Column]) throws -> (column: Int, text: String) {
        let fitting = columns.indices.filter { text.hasPrefix(columns[$0].name + "=") }
        guard let column = fitting.max(by: { columns[$0].name.count < columns[$1].name.count }) else {
            guard let sign = text.firstIndex(of: "=") else {
                throw ValidationError("--set '\(text)' is not COLUMN=VALUE.")
            }
            throw ExplainError.noSuchColumn(String(text[..<sign]), columns: columns.map(\.name))
        }
        return (column, String(text.dropFirst(columns[column].name.count + 1)))
    }

    // MARK: One explanation

    private func tell(_ explanation: Explanation, _ explainer: Explainer, name: String) {
        let classes = explainer.dataset.classes
        let isRegression = explainer.dataset.targets != nil
        let first = explanation.surrogates[0]
        guard !json else {
            var fields: [(String, Any?)] = [
                ("row", explanation.row), ("input", explanation.row == nil ? name : nil),
                ("class", isRegression ? nil : classes[first.classIndex]),
                ("label", explanation.label.map { classes[$0] }),
                ("predicted", isRegression ? Double(explanation.probabilities[0]) : classes[first.classIndex]),
                ("probability", isRegression ? nil : Double(explanation.probabilities[first.classIndex])),
            ]
            fields += fieldsOf(first)
            fields += [
                ("samples", explanation.settings.samples), ("kernel_width", explanation.settings.kernelWidth),
                ("seed", Int(exactly: explanation.settings.seed) ?? "\(explanation.settings.seed)"),
                ("repeats", explanation.settings.repeats), ("discretizer", explanation.settings.discretizer.rawValue),
                ("selection", explanation.settings.selection.rawValue),
                ("step", explanation.step),
            ]
            if !isRegression {
                fields.append(
                    (
                        "probabilities",
                        Output.Fields(zip(classes, explanation.probabilities).map { ($0, Double($1)) })
                    ))
                fields.append(
                    (
                        "classes",
                        explanation.surrogates.map {
                            Output.Fields([("class", classes[$0.classIndex])] + fieldsOf($0))
                        }
                    ))
            }
            let changed = explanation.values.filter(\.isChanged)
            if !changed.isEmpty { fields.append(("set", Output.Fields(changed.map { ($0.column, $0.text) }))) }
            Output.line(Output.json(fields))
            return
        }
        if isRegression {
            let truth = explanation.row.flatMap { row in explainer.dataset.targets.map { Double($0[row]) } }
            Output.line(
                sanitised(name) + ": \(sanitised(classes[0])) \(Format.number(Double(explanation.probabilities[0])))"
                    + (truth.map { " (true: \(Format.number($0)))" } ?? ""))
        } else {
            let probability = Format.percent(Double(explanation.probabilities[first.classIndex]))
            let label = explanation.label.map { " (true: \(sanitised(classes[$0])))" } ?? ""
            Output.line("\(sanitised(name)): \(sanitised(classes[first.classIndex])) \(probability)\(label)")
        }
        for value in explanation.values where value.isChanged {
            Output.line(
                "what if \(sanitised(value.column)) = \(value.text.isEmpty ? "missing" : sanitised(value.text))")
        }
        // With two classes the second surrogate is the first with its signs turned.
        let shown = classes.count == 2 ? Array(explanation.surrogates.prefix(1)) : explanation.surrogates
        for surrogate in shown {
            Output.line("")
            if !isRegression {
                // A weight of a number that stays one is a slope: what more of it would do.
                let isSlope = explanation.settings.discretizer == .none && !explanation.values.isEmpty
                let name = sanitised(classes[surrogate.classIndex])
                Output.line(isSlope ? "what more of each does to \(name):" : "for and against \(name):")
            }
            for line in bars(read(surrogate.terms.prefix(Self.mostBars), explanation)) {
                Output.line(line)
            }
            if surrogate.terms.count > Self.mostBars {
                Output.line("  and \(surrogate.terms.count - Self.mostBars) features with smaller weights")
            }
            if explanation.settings.discretizer == .none, !explanation.values.isEmpty {
                Output.line("  weight of a number: what one standard deviation more changes")
            }
            Output.line(sentence(surrogate, explanation.settings, isRegression: isRegression))
            if surrogate.fit == .poor {
                Output.line(
                    "Warning: the surrogate does not describe the network here; rest no conclusion on these weights. "
                        + "Try another --kernel-width (--sweep shows several)"
                        + (explanation.values.isEmpty
                            ? " or more --features." : ", more --features, or --discretizer none --selection none."))
            }
        }
    }

    /// The terms as a person reads them: a number that stays a number with its value.
    private func read(_ terms: some Sequence<Surrogate.Term>, _ explanation: Explanation) -> [Surrogate.Term] {
        terms.map { term in
            var term = term
            if explanation.values.indices.contains(term.feature), explanation.values[term.feature].column == term.text {
                term.text += " = \(explanation.values[term.feature].text)"
            }
            return term
        }
    }

    private func fieldsOf(_ surrogate: Surrogate) -> [(String, Any?)] {
        let terms = surrogate.terms.map {
            Output.Fields([("feature", $0.text), ("weight", $0.weight), ("low", $0.low), ("high", $0.high)])
        }
        return [
            ("explanation", terms), ("r_squared", surrogate.rSquared), ("intercept", surrogate.intercept),
            ("local_prediction", surrogate.localPrediction), ("model_prediction", surrogate.modelPrediction),
            ("fit", surrogate.fit.rawValue), ("agreement", surrogate.agreement),
        ]
    }

    /// A line a feature: weight, a bar of its sign, what it is, how far the seeds are apart.
    private func bars(_ terms: [Surrogate.Term]) -> [String] {
        let largest = terms.map { abs($0.weight) }.max() ?? 0
        // As the screen has them: under one another, the largest with three digits that count.
        let decimals = Format.decimals(upTo: largest)
        func number(_ value: Double) -> String {
            (value < 0 ? "-" : "+")
                + (decimals.map { Format.fixed(abs(value), $0) } ?? Format.number(abs(value)))
        }
        let names = terms.map { truncated(sanitised($0.text), to: 48, glyphs: .ascii) }
        let width = names.map { displayWidth($0) }.max() ?? 0
        let weights = terms.map { number($0.weight) }
        let weightWidth = weights.map(\.count).max() ?? 0
        return terms.indices.map { index in
            let term = terms[index]
            let length = largest > 0 ? Int((abs(term.weight) / largest * Double(Self.barWidth)).rounded()) : 0
            let bar = String(repeating: term.weight < 0 ? "-" : "+", count: max(1, length))
            return "  " + rightAligned(weights[index], columns: weightWidth) + "  "
                + leftAligned(names[index], columns: width) + "  " + leftAligned(bar, columns: Self.barWidth)
                + (repeats > 1 ? "  \(number(term.low)) to \(number(term.high))" : "")
        }
    }

    private static let barWidth = 20
    private static let mostBars = 15

    private func sentence(_ surrogate: Surrogate, _ settings: LIMESettings, isRegression: Bool) -> String {
        let says = isRegression ? "" : " of probability"
        let seeds =
            settings.repeats == 1
            ? "one seed"
            : "\(settings.repeats) seeds, the first feature the same in \(Format.percent(surrogate.agreement))"
        return
            "fit: \(surrogate.fit.rawValue). R2 \(String(format: "%.2f", surrogate.rSquared)); at the example the surrogate says "
            + "\(Format.number(surrogate.localPrediction))\(says), the network \(Format.number(surrogate.modelPrediction)); "
            + "\(seeds), \(Format.count(settings.samples)) samples each, kernel width "
            + "\(Format.number(settings.kernelWidth ?? 0))"
    }

    // MARK: Several widths, many examples

    private func tell(_ trials: [KernelWidthTrial], _ explainer: Explainer, row: Int) {
        let classes = explainer.dataset.classes
        let isRegression = explainer.dataset.targets != nil
        guard !json else {
            let widths = trials.map { Output.Fields([("kernel_width", $0.width)] + fieldsOf($0.surrogate)) }
            Output.line(
                Output.json([
                    ("row", row),
                    ("class", isRegression ? nil : trials.first.map { classes[$0.surrogate.classIndex] }),
                    ("sweep", widths),
                ]))
            return
        }
        Output.line("kernel width      R2   fit   first feature")
        for trial in trials {
            let first = trial.surrogate.terms.first
            Output.line(
                String(format: "%12.3f  %6.2f   ", trial.width, trial.surrogate.rSquared)
                    + trial.surrogate.fit.rawValue + "  "
                    + (first.map { String(format: "%+.3f ", $0.weight) + sanitised($0.text) } ?? ""))
        }
    }

    private func tell(_ survey: FeatureSurvey, _ explainer: Explainer) {
        let importanceName = explainer.dataset.targets == nil ? "accuracy lost" : "RMSE gained"
        guard !json else {
            let features = survey.features.map {
                Output.Fields([
                    ("feature", $0.name), ("mean_weight", $0.meanWeight), ("importance", $0.importance),
                    ("importance_deviation", $0.importanceDeviation),
                ])
            }
            Output.line(
                Output.json([
                    ("features", features), ("picked", survey.picked), ("rows", survey.rows),
                    ("examples", survey.examples), ("step", survey.step),
                ]))
            return
        }
        Output.line(
            "\(survey.rows) explained test examples, importance on \(survey.examples), model at step \(survey.step)")
        let names = survey.features.map { truncated(sanitised($0.name), to: 32, glyphs: .ascii) }
        let width = max(7, names.map { displayWidth($0) }.max() ?? 0)
        func padded(_ text: String) -> String { leftAligned(text, columns: width) }
        Output.line(padded("feature") + "  mean weight  \(importanceName) when shuffled")
        let order = survey.features.indices.sorted {
            let (a, b) = (survey.features[$0], survey.features[$1])
            return a.importance == b.importance ? a.meanWeight > b.meanWeight : a.importance > b.importance
        }
        for index in order {
            let feature = survey.features[index]
            Output.line(
                padded(names[index]) + String(format: "  %11.4f  ", feature.meanWeight)
                    + "\(Format.number(feature.importance)) ± \(Format.number(feature.importanceDeviation))")
        }
        Output.line("")
        Output.line(
            "examples that show most of it: rows \(survey.picked.map(String.init).joined(separator: ", "))")
    }
}

/// How far a long work is, on stderr, where that is a terminal.
private final class ProgressMeter {
    private var shown = -1
    private let isTerminal = Output.errorIsTerminal

    /// Shows that the part `done` is done; the work always goes on.
    func show(_ done: Double) -> Bool {
        let percent = Int(done * 100)
        if isTerminal, percent != shown {
            shown = percent
            Output.raw("\rexplaining \(percent)% ")
        }
        return true
    }

    /// Takes the line away.
    func clear() {
        if isTerminal, shown >= 0 { Output.raw("\r\u{1b}[K") }
        shown = -1
    }
}
