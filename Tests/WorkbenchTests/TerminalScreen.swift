// TerminalScreen: a real terminal (tmux, a private server) that the program runs in and that a test types into.
import Foundation
import Testing

/// A window of a terminal with a shell command in it.
final class TerminalScreen {
    private let socket: String
    private let program: Program
    private let statusFile: String

    /// Opens a window of `columns` x `rows` that runs `workbench arguments`, between two `stty -g` whose words are kept in
    /// `before` and `after` of the program's folder. `term` is what the program takes the terminal for.
    init(
        _ program: Program, _ arguments: [String] = [], columns: Int = 120, rows: Int = 40,
        environment: [String: String] = [:], term: String? = nil
    ) throws {
        self.program = program
        socket = "wb-test-\(UUID().uuidString.prefix(8))"
        statusFile = program.folder.appendingPathComponent("status-\(socket)").path
        let settings = program.folder.appendingPathComponent("tmux.conf")
        try Data(
            "set -g default-terminal tmux-256color\nset -g status off\nset -sg escape-time 0\n"
                .utf8
        ).write(to: settings)
        let folder = program.folder.path
        let command =
            "cd \(folder); stty -g > before; " + (term.map { "TERM=\($0) " } ?? "")
            + ([Program.path] + arguments).map { "'\($0)'" }.joined(separator: " ")
            + "; echo \\$? > \(statusFile).new; stty -g > after; mv \(statusFile).new \(statusFile); sleep 600"
        _ = try tmux(
            [
                "-f", settings.path, "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)",
                "exec sh -c \"\(command)\"",
            ],
            environment: program.environment(environment))
    }

    deinit { _ = try? tmux(["kill-server"]) }

    @discardableResult
    private func tmux(_ arguments: [String], environment: [String: String]? = nil) throws -> String {
        let output = program.folder.appendingPathComponent("tmux-\(UUID().uuidString)").path
        defer { unlink(output) }
        let client = try ChildProcess(
            ["tmux", "-u", "-L", socket] + arguments, environment: environment ?? program.environment(),
            folder: program.folder.path, output: output)
        _ = client.wait(atMost: 10)
        return String(decoding: try Data(contentsOf: URL(fileURLWithPath: output)), as: UTF8.self)
    }

    /// Presses keys by tmux's names: "Enter", "Tab", "q", "C-c".
    func press(_ keys: String...) throws {
        for key in keys {
            try tmux(["send-keys", key])
            Thread.sleep(forTimeInterval: 0.03)
        }
    }

    /// Types a text.
    func type(_ text: String) throws { try tmux(["send-keys", "-l", text]) }

    /// What the window shows now.
    var text: String { get throws { try tmux(["capture-pane", "-p"]) } }

    /// What it shows, with its colours and attributes as escape sequences.
    var styled: String { get throws { try tmux(["capture-pane", "-p", "-e"]) } }

    /// Whether the program uses the alternate screen.
    var isAlternate: Bool { get throws { try tmux(["display", "-p", "#{alternate_on}"]).hasPrefix("1") } }

    /// Waits until `wanted` is shown.
    func wait(for wanted: String, within seconds: Double = 30, sourceLocation: SourceLocation = #_sourceLocation) throws
    {
        let end = ContinuousClock.now + .seconds(seconds)
        var shown = ""
        while ContinuousClock.now < end {
            shown = try text
            if shown.contains(wanted) { return }
            Thread.sleep(forTimeInterval: 0.03)
        }
        Issue.record("\"\(wanted)\" was not shown within \(seconds) s:\n\(shown)", sourceLocation: sourceLocation)
        throw NotShown(wanted: wanted)
    }

    /// Waits until `unwanted` is no longer shown.
    func wait(gone unwanted: String, within seconds: Double = 30, sourceLocation: SourceLocation = #_sourceLocation)
        throws
    {
        let end = ContinuousClock.now + .seconds(seconds)
        var shown = ""
        while ContinuousClock.now < end {
            shown = try text
            if !shown.contains(unwanted) { return }
            Thread.sleep(forTimeInterval: 0.03)
        }
        Issue.record("\"\(unwanted)\" was still shown after \(seconds) s:\n\(shown)", sourceLocation: sourceLocation)
        throw NotShown(wanted: unwanted)
    }

    struct NotShown: Error { var wanted: String }

    func resize(columns: Int, rows: Int) throws { try tmux(["resize-window", "-x", "\(columns)", "-y", "\(rows)"]) }

    /// The terminal vanishes, as when a window is closed.
    func close() throws { try tmux(["kill-server"]) }

    /// The process that the window shows.
    var programPID: Int32 {
        get throws {
            let shell = try tmux(["display", "-p", "#{pane_pid}"]).trimmingCharacters(in: .whitespacesAndNewlines)
            let children = try String(contentsOfFile: "/proc/\(shell)/task/\(shell)/children", encoding: .utf8)
            return children.split(separator: " ").first.flatMap { Int32($0) } ?? -1
        }
    }

    /// Waits until the program has ended; its exit status.
    func exitStatus(within seconds: Double = 10, sourceLocation: SourceLocation = #_sourceLocation) throws -> Int32? {
        let file = statusFile
        eventually(
            "the program's end", within: seconds, { FileManager.default.fileExists(atPath: file) },
            sourceLocation: sourceLocation)
        let text = try String(contentsOfFile: file, encoding: .utf8)
        return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Whether the terminal's settings are what they were before.
    var isRestored: Bool {
        get throws {
            let files = ["before", "after"].map { program.folder.appendingPathComponent($0).path }
            return try String(contentsOfFile: files[0], encoding: .utf8)
                == String(contentsOfFile: files[1], encoding: .utf8) && !isAlternate
        }
    }
}
