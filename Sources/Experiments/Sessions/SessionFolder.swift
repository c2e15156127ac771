// SessionFolder: the folder of a person's sessions: listing, naming, the trash.

import Foundation
import Synchronization

/// A folder with session files (`*.session`).
public struct SessionFolder: Sendable {
    /// Path of the folder, as it was given.
    public let path: String
    private let known = KnownSummaries()

    public init(path: String) { self.path = path }

    /// The folder that is meant: `explicit` (the option `--sessions`), else `$WORKBENCH_SESSIONS`, else `./sessions` if
    /// there is one, else `workbench/sessions` in the user's data folder (`$XDG_DATA_HOME` or `~/.local/share`).
    public static func resolve(explicit: String?) -> SessionFolder {
        resolve(explicit: explicit, environment: ProcessInfo.processInfo.environment)
    }

    static func resolve(explicit: String?, environment: [String: String]) -> SessionFolder {
        if let explicit { return SessionFolder(path: explicit) }
        if let path = environment["WORKBENCH_SESSIONS"], !path.isEmpty { return SessionFolder(path: path) }
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: "sessions", isDirectory: &isFolder), isFolder.boolValue {
            return SessionFolder(path: "sessions")
        }
        if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") {
            return SessionFolder(path: data + "/workbench/sessions")
        }
        return SessionFolder(path: NSHomeDirectory() + "/.local/share/workbench/sessions")
    }

    /// All sessions, newest first; none when there is no such folder. A file that cannot be read is a row that says why.
    ///
    /// A file is read again only when it has changed, and never waited for longer than 0.2 s.
    public func list() throws(SessionError) -> [SessionSummary] {
        var status = stat()
        if stat(path, &status) != 0, errno == ENOENT { return [] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw .failed(path: path, doing: "listing it", detail: error.localizedDescription)
        }
        let paths = names.filter { $0.hasSuffix(".session") && !$0.hasPrefix(".") }.map { absolute($0) }
        known.keep(Set(paths))
        return paths.map { known.summary($0) }.sorted { ($0.createdAt, $0.path) > ($1.createdAt, $1.path) }
    }

    /// A path for a new session of the run `name`, like `cifar-cnn-2026-11-24-081703.session`; no file has it yet.
    public func newSessionPath(name: String, at date: Date = Date()) -> String {
        var seconds = time_t(date.timeIntervalSince1970)
        var local = tm()
        localtime_r(&seconds, &local)
        func digits(_ number: Int32, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let day = "\(digits(local.tm_year + 1900, 4))-\(digits(local.tm_mon + 1, 2))-\(digits(local.tm_mday, 2))"
        let time = digits(local.tm_hour, 2) + digits(local.tm_min, 2) + digits(local.tm_sec, 2)
        return free(absolute("\(Self.slug(name))-\(day)-\(time).session"))
    }

    /// Moves a session to the folder's trash, `.trash`. One that is being written is refused.
    /// - Returns: Where it is now, for ``restore(_:)``.
    @discardableResult
    public func moveToTrash(_ summary: SessionSummary) throws(SessionError) -> String {
        let path = summary.path
        let trash = absolute(".trash")
        if mkdir(trash, 0o755) != 0, errno != EEXIST { throw .system(trash, doing: "making the trash") }
        let source = try SessionDatabase.canonical(path)
        guard let lock = try SessionLock.take(source) else {
            throw .held(by: SessionWriter.currentOwner(of: source), path: path)
        }
        defer { lock.release() }
        return try Self.move(path, into: trash)
    }

    /// Brings a session back from the trash.
    /// - Returns: Where it is now: its old name, or one like it when that has been taken since.
    @discardableResult
    public func restore(_ trashedPath: String) throws(SessionError) -> String {
        try Self.move(trashedPath, into: absolute(""))
    }

    /// Moves a session and the journal that may belong to it: without it, a cut transaction could not be rolled back.
    private static func move(_ path: String, into folder: String) throws(SessionError) -> String {
        let target = Self.free((folder as NSString).appendingPathComponent((path as NSString).lastPathComponent))
        // The journal first: alone in the new place it is nobody's, and the session without it would be damaged only if
        // we were killed between the two, with a writer killed in mid-transaction before.
        let hasJournal = rename(path + "-journal", target + "-journal") == 0
        guard rename(path, target) == 0 else {
            let code = errno
            if hasJournal { rename(target + "-journal", path + "-journal") }
            throw .system(path, doing: "moving it", code: code)
        }
        return target
    }

    private func absolute(_ name: String) -> String {
        URL(fileURLWithPath: path).appendingPathComponent(name).path
    }

    /// `path`, or one with a number before the extension that no file has.
    private func free(_ path: String) -> String { Self.free(path) }

    private static func free(_ path: String) -> String {
        var status = stat()
        let stem = (path as NSString).deletingPathExtension
        var candidate = path
        var number = 2
        while lstat(candidate, &status) == 0 {
            candidate = "\(stem)-\(number).session"
            number += 1
        }
        return candidate
    }

    /// A name that is safe as a part of a file's: letters, digits, `-`, `_` and `.`, not hidden, at most 64 characters.
    static func slug(_ name: String) -> String {
        let safe = name.lowercased().unicodeScalars.map { scalar in
            switch scalar {
            case "a"..."z", "0"..."9", "_", ".", "-": Character(scalar)
            default: Character("-")
            }
        }
        let trimmed = String(safe.prefix(64)).drop { $0 == "." || $0 == "-" }
        return trimmed.isEmpty ? "run" : String(trimmed)
    }
}

/// Summaries of files by size and time of change, so that a list that is asked for every second reads only what is new.
private final class KnownSummaries: Sendable {
    private struct Known {
        var file: FileIdentity
        var bytes: Int
        var changed: Int
        /// A file that changed a moment ago may change again within one tick of its time stamp.
        var isSettled: Bool
        var summary: SessionSummary
    }
    private let known = Mutex<[String: Known]>([:])

    /// Forgets all but `paths`.
    func keep(_ paths: Set<String>) {
        known.withLock { known in known = known.filter { paths.contains($0.key) } }
    }

    /// The summary of the session at `path`, read anew if it has changed; whether it is live is always asked.
    func summary(_ path: String) -> SessionSummary {
        var summary = unlessChanged(path)
        if LinkClient.isLive(sessionPath: path) { summary.status = .live }
        return summary
    }

    private func unlessChanged(_ path: String) -> SessionSummary {
        var status = stat()
        guard stat(path, &status) == 0 else { return SessionSummary.read(path).summary }
        let changed = status.st_mtim.tv_sec &* 1_000_000_000 &+ status.st_mtim.tv_nsec
        let old = known.withLock { $0[path] }
        if let old, old.isSettled, old.file == FileIdentity(status), old.bytes == Int(status.st_size),
            old.changed == changed
        {
            return old.summary
        }
        let (summary, wasBusy) = SessionSummary.read(path)
        if wasBusy, let old { return old.summary }
        if case .unreadable = summary.status { return summary }
        known.withLock { known in
            known[path] = Known(
                file: FileIdentity(status), bytes: Int(status.st_size), changed: changed,
                isSettled: !wasBusy && time(nil) - status.st_mtim.tv_sec > 1, summary: summary)
        }
        return summary
    }
}
