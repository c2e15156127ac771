// train and resume: a run in this process, told as a progress bar or as JSON lines.
import ArgumentParser
import Engine
import Experiments
import Foundation
import TUI

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Train a preset, a spec file or a CSV file.")

    @OptionGroup var subject: SpecOptions
    @Option(help: "A session whose weights the run starts from.") var from: String?
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions
    @OptionGroup var tariffOptions: TariffOptions
    @Option(help: "The session file to make (default: a new name in the sessions folder).")
    var session: String?
    @Flag(help: "One JSON object a line for each event, on stdout.") var json = false
    @Flag(help: "Leave it running in the background and say its session.") var detach = false
    @Flag(help: "Watch it on the screen.") var view = false
    @Flag(help: .hidden) var engine = false

    func run() throws {
        let tariff = try tariffOptions.tariff()
        if detach || view {
            let name = try subject.resolved().spec.name
            let path = session ?? sessionOptions.folder.newSessionPath(name: name)
            try Background.start(arguments: backgroundArguments(session: path), session: path)
            if detach {
                Output.line(json ? Output.json([("session", path)]) : path)
                return
            }
            let screen = try ScreenArguments.parse([])
            throw ExitCode(
                try WorkbenchScreen.run(options: screen.options(sessionOptions, .session(path: path))))
        }
        let (spec, yaml) = try subject.resolved()
        let folder = sessionOptions.folder
        let path = session ?? folder.newSessionPath(name: spec.name)
        if session == nil {
            try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        }
        let experiment = try Experiment(spec: spec, yaml: yaml)
        let run = try TrainingRun(
            experiment, path: path, from: from.map { try TrainedModel(session: sessionOptions.path(of: $0)) },
            workers: workerOptions.workers ?? Machine.processors,
            programVersion: programVersion, command: CommandLine.arguments, tariff: tariff)
        try RunOnTerminal(json: json, silent: engine).drive(run)
    }

    /// The same command for a background process that shows nothing.
    private func backgroundArguments(session: String) -> [String] {
        var arguments = CommandLine.arguments.dropFirst().filter { !["--detach", "--view", "--json"].contains($0) }
        if self.session == nil { arguments += ["--session", session] }
        return arguments + ["--engine"]
    }
}

struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on with an interrupted or stopped run, from its last checkpoint.")

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @Option(help: "Where the data are now, if they moved.") var data: String?
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "One JSON object a line for each event, on stdout.") var json = false
    @Flag(help: .hidden) var engine = false

    func run() throws {
        let run = try TrainingRun(
            resuming: sessionOptions.path(of: session), data: data,
            workers: workerOptions.workers ?? Machine.processors)
        try RunOnTerminal(json: json, silent: engine).drive(run)
    }
}

/// Starts an engine in the background and waits until its session is there.
enum Background {
    static func start(arguments: [String], session: String) throws {
        let log = (NSTemporaryDirectory() as NSString).appendingPathComponent("workbench-\(UUID().uuidString).log")
        let pid = try EngineLauncher.launch(arguments: arguments, logPath: log)
        defer { unlink(log) }
        while !FileManager.default.fileExists(atPath: session) {
            if kill(pid, 0) != 0 {
                let said = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
                let sentence = said.split(separator: "\n").first.map(String.init) ?? "The engine ended before it began."
                throw BackgroundError(
                    description: sentence.hasPrefix("workbench: ") ? String(sentence.dropFirst(11)) : sentence)
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }
}

/// What a background engine said before it ended.
struct BackgroundError: Error, CustomStringConvertible {
    var description: String
}
