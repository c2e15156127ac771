// compare: a session's model beside smaller variants of it.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Make a session's model smaller in several ways and measure what that costs.",
        discussion: """
            Variants: \(VariantRecipe.known). The first line is the model itself. Sizes are those of the file that is really \
            written; accuracy is that of the test split with Wilson's interval at 95 %, and p of McNemar's test against the model; times \
            are measured on this machine, in turns. Variants are kept in the session, for evaluate and predict with --variant.
            """)

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @Option(help: ArgumentHelp("Variants, separated by commas.", valueName: "names"))
    var variants: String?
    @Option(help: "Where the data are now, if they moved.") var data: String?
    @Option(help: ArgumentHelp("Train variants that have lost weights on for so many epochs.", valueName: "epochs"))
    var fineTune: Int?
    @Flag(help: "Fine-tuning takes weights out little by little instead of all at once.") var gradual = false
    @Option(
        help: ArgumentHelp(
            "Name the smallest variant that loses at most so many points of accuracy; without --variants, search for it.",
            valueName: "points"))
    var budget: Double?
    @Flag(help: "The best checkpoint instead of the last.") var best = false
    @Flag(inversion: .prefixedNo, help: "Keep the variants in the session.") var keep = true
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "One JSON object a line on stdout for each variant.") var json = false

    /// What is compared where nothing is said.
    private static let usual = "f16,int8,prune80,channels50,cluster16"

    private func recipes() throws -> [VariantRecipe] {
        if variants == nil, budget != nil { return [] }
        var recipes: [VariantRecipe] = []
        for name in (variants ?? Self.usual).split(separator: ",", omittingEmptySubsequences: false) {
            let recipe = try VariantRecipe(String(name).trimmingCharacters(in: .whitespaces))
            if !recipes.contains(recipe) { recipes.append(recipe) }
        }
        return recipes
    }

    func validate() throws {
        do throws(any Error) {
            _ = try recipes()
        } catch let error as VariantError {
            throw ValidationError(error.description)
        }
        if let fineTune, !(1...1000).contains(fineTune) {
            throw ValidationError("--fine-tune \(fineTune) is not between 1 and 1000 epochs.")
        }
        if gradual, fineTune == nil { throw ValidationError("--gradual is a way of --fine-tune EPOCHS.") }
        if let budget, !(0...100).contains(budget) {
            throw ValidationError("--budget \(budget) is not between 0 and 100 points.")
        }
    }

    func run() throws {
        let path = sessionOptions.path(of: session)
        let workers = workerOptions.workers ?? Machine.processors
        let maker = try VariantMaker(session: path, best: best, data: data, workers: workers)
        for note in maker.notes { Output.note(note) }
        let comparison = try Comparison(
            maker, tuning: fineTune.map { FineTuning(epochs: $0, isGradual: gradual) })
        for recipe in try recipes() { try comparison.add(recipe, progress: progress(of: recipe.name)) }
        if let budget, variants == nil {
            try comparison.search(losingAtMost: budget) { progress(of: $0.name) }
        }
        try comparison.time(progress: progress(of: "timing"))
        if keep {
            do {
                for name in try comparison.keep(recording: true) {
                    Output.note("\(name) is too large to be kept in the session.")
                }
            } catch {
                Output.note("The variants are not kept in the session: \(error)")
            }
        }
        if json {
            for line in comparison.lines { Output.line(Output.json(Self.fields(line))) }
        } else {
            write(comparison.lines, examples: maker.testCount, workers: workers)
        }
        guard let budget else { return }
        let chosen = comparison.smallest(losingAtMost: budget)
        if json {
            Output.line(
                Output.json([
                    ("budget", budget), ("chosen", chosen?.variant ?? comparison.lines[0].variant),
                    ("bytes", chosen?.bytes ?? comparison.lines[0].bytes), ("lost_points", chosen?.lostPoints ?? 0),
                ]))
        } else if let chosen {
            Output.line(
                "smallest that loses at most \(Format.number(budget)) points on these examples: \(chosen.variant), \(Format.bytes(chosen.bytes)), \(Format.number(chosen.lostPoints)) points lost"
            )
        } else {
            Output.line("none of them loses at most \(Format.number(budget)) points: keep the baseline")
        }
    }

    /// A line on a terminal that changes, else one when it begins.
    private func progress(of name: String) -> (Double) -> Void {
        if !Output.errorIsTerminal { Output.note("\(name)…") }
        return { fraction in
            guard Output.errorIsTerminal else { return }
            Output.raw(fraction < 1 ? "\r\u{1b}[K\(name) \(Format.wholePercent(fraction))" : "\r\u{1b}[K")
        }
    }

    private static func fields(_ line: VariantLine) -> [(String, Any?)] {
        [
            ("variant", line.variant), ("bytes", line.bytes), ("gzip_bytes", line.gzipBytes),
            ("parameters", line.parameters), ("nonzero_weights", line.nonzeroWeights), ("macs", line.multiplyAdds),
            ("accuracy", line.accuracy), ("accuracy_low", line.accuracyInterval.low),
            ("accuracy_high", line.accuracyInterval.high), ("macro_f1", line.macroF1), ("auc", line.auc),
            ("agreement", line.agreement), ("lost_points", line.lostPoints), ("mcnemar_p", line.mcNemarP),
            ("p50_us", line.median * 1e6), ("p95_us", line.percentile95 * 1e6),
            ("images_per_s", line.imagesPerSecond), ("speedup", line.speedup), ("note", line.note),
        ]
    }

    private func write(_ lines: [VariantLine], examples: Int, workers: Int) {
        func percent(_ value: Double) -> String {
            let hundredths = Int((value * 10_000).rounded())
            let rest = hundredths % 100
            return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
        }
        func signed(_ value: Double) -> String {
            let hundredths = Int((value * 100).rounded())
            let rest = hundredths.magnitude % 100
            return "\(hundredths < 0 ? "-" : "")\(hundredths.magnitude / 100).\(rest < 10 ? "0" : "")\(rest)"
        }
        let base = lines[0]
        var rows = [
            [
                "variant", "bytes", "of it", "gzip", "parameters", "MACs", "accuracy %", "95 % interval", "macro F1",
                "agree %", "lost", "p", "p50 us", "p95 us", "images/s", "times",
            ]
        ]
        for line in lines {
            rows.append([
                line.variant, Format.count(line.bytes), percent(Double(line.bytes) / Double(base.bytes)) + " %",
                Format.count(line.gzipBytes), Format.count(line.parameters), Format.short(Double(line.multiplyAdds)),
                percent(line.accuracy), "\(percent(line.accuracyInterval.low))-\(percent(line.accuracyInterval.high))",
                line.macroF1.map(percent) ?? "-", percent(line.agreement), signed(line.lostPoints),
                line.variant == base.variant ? "" : line.mcNemarP < 0.0001 ? "<0.0001" : Format.number(line.mcNemarP),
                Format.number(line.median * 1e6), Format.number(line.percentile95 * 1e6),
                Format.short(line.imagesPerSecond), signed(line.speedup),
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { displayWidth($0[column]) }.max() ?? 0 }
        Output.line(
            "\(Format.count(examples)) test examples; times are those of single examples and of batches of \(Comparison.batch), on \(workers) workers"
        )
        for row in rows {
            let cells = zip(row, widths).enumerated().map { column, cell in
                column == 0 ? leftAligned(cell.0, columns: cell.1) : rightAligned(cell.0, columns: cell.1)
            }
            Output.line(cells.joined(separator: "  "))
        }
        for line in lines where !line.note.isEmpty { Output.line("\(line.variant): \(line.note)") }
    }
}
