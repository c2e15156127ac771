// analyse: the engine that a screen starts to have predictions explained. Hidden: people use `explain`.
import ArgumentParser
import Engine
import Experiments

struct AnalyseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "analyse", abstract: "Answer a screen's questions about a session's model.", shouldDisplay: false)

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @Option(help: "Where the data are now, if they moved.") var data: String?
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions

    func run() throws {
        let analyst = try Analyst(
            session: sessionOptions.path(of: session), data: data, workers: workerOptions.workers ?? Machine.processors)
        try analyst.run()
    }
}
