// SessionRecovery: opening a session whose writer was killed in the middle of a transaction.

import Foundation
import GRDB

enum SessionRecovery {
    /// Runs `opening` on the session at `path`. SQLite refuses a read-only connection while a hot journal lies beside the
    /// file; then the cut transaction is rolled back in place, or in a copy where the file cannot be written.
    static func open<Opened>(
        _ path: String, _ opening: (String) throws(SessionError) -> Opened
    ) throws(SessionError) -> Opened {
        do throws(SessionError) {
            return try opening(path)
        } catch .interrupted {
            do throws(SessionError) {
                try rollBack(path)
            } catch .held, .busy {
                // Somebody has just opened it for writing and rolls it back himself.
                throw .busy(path: path)
            } catch {
                return try openCopy(of: path, opening)
            }
            return try opening(path)
        }
    }

    /// Rolls back what a killed writer left, where the file is; the journal is gone afterwards.
    static func rollBack(_ path: String) throws(SessionError) {
        guard let lock = try SessionLock.take(path) else { throw .held(by: nil, path: path) }
        defer { lock.release() }
        try rollBack(unlocked: path)
    }

    private static func rollBack(unlocked path: String) throws(SessionError) {
        let database = try SessionDatabase(path: path, readOnly: false, patience: 1)
        defer { database.close() }
        // The first read of a connection that may write rolls back.
        _ = try translating(path, doing: "rolling back") {
            try database.queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") }
        }
    }

    /// Opens a private copy of a session and its journal, and removes the copy's names: it lasts as long as it is open.
    private static func openCopy<Opened>(
        of path: String, _ opening: (String) throws(SessionError) -> Opened
    ) throws(SessionError) -> Opened {
        var template = Array("\(NSTemporaryDirectory())/workbench-copy-XXXXXX".utf8CString)
        let folder: String? = template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = mkdtemp(start) else { return nil }
            return String(cString: made)
        }
        guard let folder else { throw .system(path, doing: "copying it") }
        let copy = folder + "/copy.session"
        defer {
            unlink(copy)
            unlink(copy + "-journal")
            rmdir(folder)
        }
        try copyFile(path, to: copy, isSession: true)
        try copyFile(path + "-journal", to: copy + "-journal", isSession: false)
        try rollBack(unlocked: copy)
        return try opening(copy)
    }

    private static func copyFile(_ source: String, to target: String, isSession: Bool) throws(SessionError) {
        let input = Glibc.open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw .system(source, doing: "copying it") }
        var status = stat()
        let known = fstat(input, &status) == 0
        defer {
            // See SessionLock: a descriptor of a session is closed only when that drops nobody's lock.
            if isSession, known { OpenSessions.close(input, of: FileIdentity(status)) } else { close(input) }
        }
        let output = Glibc.open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw .system(target, doing: "copying to it") }
        defer { close(output) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = read(input, buffer.baseAddress, buffer.count)
            if count == 0 { return }
            guard count > 0 else { throw .system(source, doing: "copying it") }
            var written = 0
            while written < count {
                let part = write(output, buffer.baseAddress?.advanced(by: written), count - written)
                guard part > 0 else { throw .system(target, doing: "copying to it") }
                written += part
            }
        }
    }
}
