// verify: computes a recorded run again and compares it bit for bit.
import ArgumentParser
import Charts
import Engine
import Experiments
import Foundation
import TUI

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compute a session's run again and compare: identical, different, or not comparable.",
        discussion: "Nothing is written. Exit code 0: identical; 1: different or not comparable.")

    @Argument(help: "The session: a file, or its name in the sessions folder.") var session: String
    @Option(help: "Where the data are now, if they moved.") var data: String?
    @OptionGroup var workerOptions: WorkerOptions
    @OptionGroup var sessionOptions: SessionOptions
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        let path = sessionOptions.path(of: session)
        let shows = isatty(2) != 0 && !json
        let found = try Verification(
            session: path, data: data, workers: workerOptions.workers ?? Machine.processors
        ) { done, total in
            if shows { Output.raw("\rverify: step \(done) of \(total) ") }
        }
        if shows { Output.raw("\r\u{1B}[K") }
        var reason: String?
        switch found.verdict {
        case .identical: break
        case .different(let what), .notComparable(let what): reason = what
        }
        if json {
            var fields: [(String, Any)] = [
                ("verdict", found.verdict.word), ("steps", found.steps), ("weights_sha256", found.weightsSHA256),
                ("losses", found.losses), ("checkpoints", found.checkpoints), ("session", path),
            ]
            if let reason { fields.append(("reason", reason)) }
            Output.line(Output.json(fields))
        } else {
            let compared =
                "\(Format.count(found.steps)) steps, \(Format.count(found.losses)) losses, \(found.checkpoints) checkpoints"
            Output.line(
                reason.map { "\(found.verdict.word): \(sanitised($0))" }
                    ?? "identical: \(compared), weights \(found.weightsSHA256.prefix(12))…")
        }
        if found.verdict != .identical { throw ExitCode(1) }
    }
}
