// Program: the built program, run as a person or a script runs it.
import Foundation
import Testing

/// What a command left behind.
struct Outcome {
    var status: Int32
    var output: String
    var error: String

    /// The objects of a `--json` output, a line each.
    var objects: [[String: Any]] {
        output.split(separator: "\n").compactMap {
            (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
        }
    }

    /// The last object, such as the `finished` event.
    var last: [String: Any] { objects.last ?? [:] }
}

/// The program under test, with a folder of its own.
final class Program {
    /// A folder that goes when the test ends.
    let folder: URL
    /// Where its sessions go.
    var sessions: URL { folder.appendingPathComponent("sessions") }

    /// The program that `bin/test` names, else the one that was built with the tests.
    static let path: String = {
        if let named = ProcessInfo.processInfo.environment["WORKBENCH_BINARY"] { return named }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.appendingPathComponent(".build/debug/workbench").path
    }()

    init() throws {
        // Short, so that a socket's path fits beside it.
        folder = URL(fileURLWithPath: "/tmp/wb-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: sessions, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// The environment of a person without settings of their own, sessions in ``sessions``.
    func environment(_ changes: [String: String] = [:]) -> [String: String] {
        var environment = ProcessInfo.processInfo.environment
        for name in ["NO_COLOR", "COLORTERM", "LC_CTYPE", "TMUX"] { environment[name] = nil }
        environment["LC_ALL"] = "C.UTF-8"
        environment["WORKBENCH_SESSIONS"] = sessions.path
        return environment.merging(changes) { _, new in new }
    }

    /// Starts `workbench arguments` in ``folder``.
    func start(
        _ arguments: [String], _ changes: [String: String] = [:], output: String? = nil, error: String? = nil
    ) throws -> ChildProcess {
        try ChildProcess(
            [Program.path] + arguments, environment: environment(changes), folder: folder.path, output: output,
            error: error)
    }

    /// Runs `workbench arguments` to its end.
    func run(_ arguments: String..., environment changes: [String: String] = [:]) throws -> Outcome {
        try run(arguments, changes)
    }

    func run(_ arguments: [String], _ changes: [String: String] = [:]) throws -> Outcome {
        // Files, not pipes: a long output can't block the program.
        let files = ["out", "err"].map { folder.appendingPathComponent("\($0)-\(UUID().uuidString)").path }
        defer { for file in files { unlink(file) } }
        let status = try start(arguments, changes, output: files[0], error: files[1]).wait()
        let texts = try files.map { String(decoding: try Data(contentsOf: URL(fileURLWithPath: $0)), as: UTF8.self) }
        return Outcome(status: status, output: texts[0], error: texts[1])
    }

    /// Writes a file into ``folder`` and returns its path.
    @discardableResult
    func write(_ name: String, _ bytes: Data) throws -> String {
        let url = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try bytes.write(to: url)
        return url.path
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, Data(text.utf8)) }
}

/// Waits until `condition` holds, at most `seconds`.
func eventually(
    _ what: String, within seconds: Double = 30, _ condition: () throws -> Bool,
    sourceLocation: SourceLocation = #_sourceLocation
) rethrows {
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if try condition() { return }
        Thread.sleep(forTimeInterval: 0.02)
    }
    Issue.record("\(what) did not come within \(seconds) s", sourceLocation: sourceLocation)
}
