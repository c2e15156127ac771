// data: what a data set holds, and what should be known of it before a model learns from it.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation

struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Look at data before they are learnt from.",
        subcommands: [DataShowCommand.self])
}

struct DataShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract:
            "Classes, splits and columns of a preset's, a spec's or a CSV file's data, and what stands out in them.")

    @OptionGroup var subject: SpecOptions
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        let (spec, _) = try subject.resolved()
        let dataset = try DatasetLoader.load(spec.data, for: spec.training.loss)
        let summary = DataSummary(dataset, try Splits(dataset, spec.data))
        let findings = summary.findings ?? []
        if json {
            Output.line(
                Output.json([
                    ("dataset", dataset.name), ("origin", dataset.origin), ("examples", dataset.count),
                    ("shape", dataset.shape.description), ("classes", dataset.classes),
                    (
                        "splits",
                        summary.splits.map { Output.Fields([("split", $0.split.rawValue), ("counts", $0.counts)]) }
                    ),
                    ("columns", dataset.columns.map(\.name)),
                    (
                        "findings",
                        findings.map {
                            Output.Fields([
                                ("kind", $0.kind.rawValue), ("serious", $0.isSerious), ("text", $0.text),
                            ])
                        }
                    ),
                ]))
            return
        }
        for note in dataset.notes { Output.note(note) }
        Output.line(
            "\(sanitised(dataset.name)): \(Format.count(dataset.count)) examples of \(dataset.shape), \(sanitised(dataset.origin))"
        )
        for split in summary.splits {
            let counts = zip(dataset.classes, split.counts).map { "\(sanitised($0)) \(Format.count($1))" }
            let name = leftAligned(split.split.rawValue, columns: 11)
            Output.line(
                "\(name) \(Format.count(split.total))"
                    + (dataset.targets == nil ? "  (\(counts.joined(separator: ", ")))" : ""))
        }
        for column in summary.columns {
            let name = leftAligned(sanitised(column.name), columns: 26)
            let missing = column.missing > 0 ? "  \(Format.count(column.missing)) missing" : ""
            switch column.content {
            case .numeric(let numbers):
                Output.line(
                    "  \(name) mean \(Format.compact(numbers.mean)), \(Format.compact(numbers.minimum)) to \(Format.compact(numbers.maximum))\(missing)"
                )
            case .category(let levels):
                let named = zip(levels.names, levels.counts).prefix(6).map { "\(sanitised($0)) \(Format.count($1))" }
                Output.line(
                    "  \(name) \(named.joined(separator: ", "))\(levels.names.count > 6 ? ", …" : "")\(missing)")
            }
        }
        if findings.isEmpty { Output.line("Nothing stands out.") }
        for finding in findings { Output.line("\(finding.isSerious ? "!" : "-") \(sanitised(finding.text))") }
    }
}
