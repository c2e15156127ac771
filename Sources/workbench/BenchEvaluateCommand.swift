// bench evaluate: time of measures and explanations.
import ArgumentParser
import Charts
import Experiments

struct BenchEvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Time of measures and explanations on random inputs, best of five; Benchmarks/evaluate compares.")

    @Flag(help: "One JSON object a line on stdout.") var json = false

    func run() throws {
        for benchmark in EvaluationBenchmark.all {
            let milliseconds = try benchmark.milliseconds()
            if json {
                Output.line(Output.json([("case", benchmark.name), ("ms", milliseconds)]))
            } else {
                let name = leftAligned(benchmark.name, columns: 64)
                Output.line("\(name)\(Format.number(milliseconds)) ms")
            }
        }
    }
}
