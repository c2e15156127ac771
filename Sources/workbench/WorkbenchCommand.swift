// The command line: arguments and wiring only. `workbench` alone opens the screen.
import ArgumentParser
import Experiments
import Foundation
import TUI

/// Version of the program, as sessions record it.
let programVersion = "0.1.0"

/// Options of every command that looks for sessions.
struct SessionOptions: ParsableArguments {
    @Option(help: "Folder of the sessions (else $WORKBENCH_SESSIONS, ./sessions, or the user's data folder).")
    var sessions: String?

    var folder: SessionFolder { SessionFolder.resolve(explicit: sessions) }

    /// The path of a session that a person named: a file, or a file's name in the folder with or without its ending.
    func path(of name: String) -> String {
        let manager = FileManager.default
        if manager.fileExists(atPath: name) { return name }
        for candidate in [name, name + ".session"] {
            let path = (folder.path as NSString).appendingPathComponent(candidate)
            if manager.fileExists(atPath: path) { return path }
        }
        return name
    }
}

/// Threads that compute.
struct WorkerOptions: ParsableArguments {
    @Option(help: "Threads that compute (1 to 256; default: one a processor). Any number gives the same weights.")
    var workers: Int?

    func validate() throws {
        if let workers, !(1...256).contains(workers) {
            throw ValidationError("--workers \(workers) is not between 1 and 256.")
        }
    }
}

/// `workbench`: the screen, and the parent of all other commands.
@main
struct WorkbenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workbench", abstract: "Deep learning on small networks, from the terminal.",
        discussion: "Without a command it opens the screen: sessions and presets, live curves, keys under `?`.",
        version: programVersion,
        subcommands: [
            TrainCommand.self, AttachCommand.self, ResumeCommand.self, VerifyCommand.self, ReplayCommand.self,
            PredictCommand.self,
            EvaluateCommand.self, CompareCommand.self, ExportCommand.self, ImportCommand.self, ExplainCommand.self,
            CrossValidateCommand.self,
            FindRateCommand.self,
            SessionsCommand.self, DataCommand.self, BenchCommand.self, DoctorCommand.self, AnalyseCommand.self,
        ])

    @OptionGroup var sessionOptions: SessionOptions
    @OptionGroup var screen: ScreenArguments

    func run() throws {
        throw ExitCode(try WorkbenchScreen.run(options: screen.options(sessionOptions, .none)))
    }

    static func main() {
        // A reader that went away must not end a run: writing to it fails instead.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            end(with: error)
        }
    }

    /// Prints what `error` says and ends: 0 after help, 1 when the work failed, 2 for wrong use.
    private static func end(with error: any Error) -> Never {
        if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
        if let failure = error as? WorkFailed {
            Output.error(failure.description)
            Foundation.exit(1)
        }
        let parserCode = exitCode(for: error)
        if parserCode == .success {
            print(fullMessage(for: error))
            Foundation.exit(0)
        }
        if parserCode == .validationFailure {
            Output.error(message(for: error))
            Output.note("See `workbench --help`, or `workbench help COMMAND`.")
        } else {
            Output.error("\(error)")
        }
        Foundation.exit(2)
    }
}

/// The work was asked for rightly and failed: exit code 1.
struct WorkFailed: Error, CustomStringConvertible {
    var description: String
}

/// Options of the commands that open the screen.
struct ScreenArguments: ParsableArguments {
    @Option(help: "dark, light, mono or safe (for colour-blind eyes).")
    var theme: String?
    @Option(help: "braille, blocks or ascii (default: what the locale can show).")
    var glyphs: String?
    @Flag(help: "Plain lines instead of a screen, for screen readers and logs.")
    var plain = false
    @Flag(help: "Leave the mouse to the terminal.")
    var noMouse = false
}
