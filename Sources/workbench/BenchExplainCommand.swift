// bench-explain: times of explanations, for comparison with other libraries. Not shown in the help.
import ArgumentParser
import Engine
import Experiments

struct BenchExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-explain", abstract: "Time of an explanation of a row and of an image.", shouldDisplay: false
    )

    @OptionGroup var workerOptions: WorkerOptions

    func run() throws {
        let workers = workerOptions.workers ?? Machine.processors
        for (name, run) in ExplanationBenchmark.cases {
            Output.line(Output.json([("case", name), ("peer", "workbench"), ("ms", try run(workers))]))
        }
    }
}
