// SessionError: everything that can be wrong with a session file, one sentence each.

import Foundation
import GRDB

/// Who writes, or last wrote, a session.
public struct SessionOwner: Codable, Sendable, Equatable {
    public var pid: Int32
    public var host: String
    /// When the writer opened the session.
    public var since: Date

    public init(pid: Int32, host: String, since: Date) {
        self.pid = pid
        self.host = host
        self.since = since
    }
}

/// What is wrong with a session file.
public enum SessionError: Error, Equatable, CustomStringConvertible {
    case missing(path: String)
    case exists(path: String)
    case notAFile(path: String)
    case empty(path: String)
    /// A file, but no session: another program's, or none that is known.
    case notASession(path: String)
    case newer(path: String, version: Int, known: Int)
    case lacksTable(path: String, table: String)
    case damaged(path: String, detail: String)
    /// Another writer holds it; `by` is nil while that one has not yet written its name down.
    case held(by: SessionOwner?, path: String)
    case readOnly(path: String, detail: String)
    /// A transaction of somebody else did not end in time.
    case busy(path: String)
    case full(path: String)
    /// Its writer was killed inside a transaction that has to be rolled back before anybody can read.
    case interrupted(path: String)
    case noCheckpoint(path: String, step: Int)
    /// A session of one training has run 1 only; that of a cross-validation one more for each fold.
    case noRun(path: String, run: Int)
    /// A system call or SQLite failed otherwise.
    case failed(path: String, doing: String, detail: String)

    public var description: String {
        switch self {
        case .missing(let path): "There is no session \(shown(path))."
        case .exists(let path): "\(shown(path)) exists already; choose another name or remove it first."
        case .notAFile(let path): "\(shown(path)) is not a file, so it cannot be a session."
        case .empty(let path): "\(shown(path)) is empty, so it is not a session."
        case .notASession(let path): "\(shown(path)) is not a session file of workbench."
        case .newer(let path, let version, let known):
            "\(shown(path)) was made by a newer version of workbench (file version \(version), this one reads up to \(known)); update workbench to open it."
        case .lacksTable(let path, let table):
            "\(shown(path)) is damaged: the table \"\(table)\" is missing; restore it from a copy."
        case .damaged(let path, let detail):
            "\(shown(path)) is damaged (\(shownDetail(detail))); restore it from a copy."
        case .held(let owner?, let path):
            "\(shown(path)) is being written by process \(owner.pid) on \(shownDetail(owner.host)); attach to watch it, or stop that process first."
        case .held(nil, let path): "\(shown(path)) is being written by another process; stop that one first."
        case .readOnly(let path, let detail): "\(shown(path)) cannot be written (\(detail)); it can still be read."
        case .busy(let path): "\(shown(path)) is busy: another process holds it locked; try again in a moment."
        case .full(let path): "No space is left on the disk of \(shown(path)); free some and go on."
        case .interrupted(let path):
            "\(shown(path)) holds a transaction that was cut short, and it cannot be rolled back here; copy the file and its -journal to a folder that can be written."
        case .noCheckpoint(let path, let step): "\(shown(path)) has no checkpoint of step \(step)."
        case .noRun(let path, let run): "\(shown(path)) has no run \(run)."
        case .failed(let path, let doing, let detail): "\(shown(path)): \(doing) failed (\(shownDetail(detail)))."
        }
    }

    // A path or a text from a file may hold characters that steer a terminal.
    private func shown(_ path: String) -> String { JSONText.quoted(path) }
    private func shownDetail(_ text: String) -> String { String(JSONText.quoted(text).dropFirst().dropLast()) }

    /// The error of a failed system call on `path`.
    static func system(_ path: String, doing: String, code: Int32 = errno) -> SessionError {
        let detail = String(cString: strerror(code))
        return switch code {
        case ENOENT, ENOTDIR: .missing(path: path)
        case EEXIST: .exists(path: path)
        case EISDIR: .notAFile(path: path)
        case EACCES, EPERM, EROFS: .readOnly(path: path, detail: detail)
        case ENOSPC, EDQUOT: .full(path: path)
        default: .failed(path: path, doing: doing, detail: detail)
        }
    }

    /// What an error of SQLite means for the session at `path`.
    init(_ error: any Error, path: String, doing: String) {
        if let error = error as? SessionError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self = .damaged(path: path, detail: "\(error)")
            return
        }
        let detail = error.message ?? "\(error.resultCode)"
        if error.extendedResultCode == .SQLITE_READONLY_ROLLBACK {
            self = .interrupted(path: path)
            return
        }
        switch error.resultCode {
        case .SQLITE_NOTADB: self = .notASession(path: path)
        // A schema that makes no sense is a plain SQLITE_ERROR on use: "no such column".
        case .SQLITE_CORRUPT, .SQLITE_ERROR, .SQLITE_MISMATCH, .SQLITE_CONSTRAINT:
            self = .damaged(path: path, detail: detail)
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .busy(path: path)
        case .SQLITE_FULL: self = .full(path: path)
        case .SQLITE_READONLY: self = .readOnly(path: path, detail: detail)
        default: self = .failed(path: path, doing: doing, detail: detail)
        }
    }
}

/// Runs `body`, whose errors are those of SQLite, and turns them into session errors.
func translating<Result>(
    _ path: String, doing: String, _ body: () throws -> Result
) throws(SessionError) -> Result {
    do {
        return try body()
    } catch {
        throw SessionError(error, path: path, doing: doing)
    }
}
