// SessionReader: a session file, read only, while it is written or long after.

import Engine
import Foundation
import GRDB
import Synchronization

/// Reads one session. Each call is one short transaction or a few, so that a writer never waits long for a reader.
public final class SessionReader: Sendable {
    /// Absolute path of the session file, without symbolic links.
    public let path: String
    /// The head of the run.
    public let info: SessionInfo
    /// Version of the file's layout when it was opened.
    let version: Int
    private let run: Int
    private let database: Mutex<SessionDatabase?>

    /// Rows of events in one transaction.
    static let pageLength = 4_000

    /// Opens the session at `path`, in a read-only folder too.
    ///
    /// If its writer was killed in the middle of a transaction, that transaction is rolled back first: in place, or
    /// where the file cannot be written in a private copy. What was committed is all there either way.
    /// - Parameters:
    ///   - run: The run that is read; nil: the first. A cross-validation is run 1, its folds are 2 and up.
    ///   - patience: Seconds to wait while a writer commits.
    public init(path: String, run wanted: Int? = nil, patience: Double = 2) throws(SessionError) {
        let path = try SessionDatabase.canonical(path)
        self.path = path
        let (database, version, run, info) = try SessionRecovery.open(path) { (path) throws(SessionError) in
            let database = try SessionDatabase(path: path, readOnly: true, patience: patience)
            do throws(SessionError) {
                let (version, run, info) = try translating(path, doing: "reading it") {
                    try database.queue.read { try SessionInfo.fetch($0, path: path, run: wanted) }
                }
                return (database, version, run, info)
            } catch {
                database.close()
                throw error
            }
        }
        self.version = version
        self.run = run
        self.info = info
        self.database = Mutex(database)
    }

    deinit { close() }

    /// Closes the file; nothing can be read afterwards.
    public func close() {
        database.withLock { database in
            database?.close()
            database = nil
        }
    }

    /// The runs of the file, by number, with their names; at most the first ``mostRuns``.
    public func runs() throws(SessionError) -> [(run: Int, name: String)] {
        let rows = try read { database, _ in
            try SessionRow.fetch(
                database, path: self.path, "SELECT id, name FROM run ORDER BY id LIMIT ?", [Self.mostRuns])
        }
        var runs: [(run: Int, name: String)] = []
        for row in rows { runs.append((try row.integer(0), try row.text(1))) }
        return runs
    }

    /// Runs that are looked at: a cross-validation and as many folds as there may be.
    static let mostRuns = 1 + EventLine.mostFolds

    /// How many events of a kind say, in their field `field`, true.
    func count(_ kind: String, where field: String) throws(SessionError) -> Int {
        let rows = try read { database, run in
            try SessionRow.fetch(
                database, path: self.path,
                "SELECT count(*) FROM event WHERE run = ? AND kind = ? AND body LIKE ?",
                [run, kind, "%\"\(field)\":true%"])
        }
        return try rows.first?.integer(0) ?? 0
    }

    /// The stored checkpoints, by step.
    public func checkpoints() throws(SessionError) -> [CheckpointRow] {
        let rows = try read { database, run in
            try SessionRow.fetch(
                database, path: self.path,
                "SELECT step, best, length(bytes) FROM checkpoint WHERE run = ? ORDER BY step", [run])
        }
        var checkpoints: [CheckpointRow] = []
        for row in rows {
            checkpoints.append(
                CheckpointRow(step: try row.integer(0), best: try row.integer(1) != 0, byteCount: try row.integer(2)))
        }
        return checkpoints
    }

    /// The bytes of the checkpoint of `step`.
    public func checkpointBytes(step: Int) throws(SessionError) -> Data {
        let rows = try read { database, run in
            try SessionRow.fetch(
                database, path: self.path, "SELECT bytes FROM checkpoint WHERE run = ? AND step = ?", [run, step])
        }
        guard let row = rows.first else { throw .noCheckpoint(path: path, step: step) }
        return try row.blob(0)
    }

    /// The newest checkpoint, of `step` or before it.
    public func latestCheckpoint(atOrBefore step: Int = .max) throws(SessionError) -> CheckpointRow? {
        try checkpoints().last { $0.step <= step }
    }

    /// The checkpoint that was best by what decided on the watched split; nil before there is one.
    public func bestCheckpoint() throws(SessionError) -> CheckpointRow? {
        try checkpoints().last { $0.best }
    }

    /// Who writes the session now; nil when nobody does. Another host's processes cannot be looked at, so its writer
    /// counts as running until it has closed the session.
    public func owner() throws(SessionError) -> SessionOwner? {
        guard let owner = try recordedOwner() else { return nil }
        if owner.host == ProcessInfo.processInfo.hostName, kill(owner.pid, 0) != 0, errno == ESRCH { return nil }
        return owner
    }

    /// The writer that wrote its name down last and has not closed the session; it may have been killed.
    func recordedOwner() throws(SessionError) -> SessionOwner? {
        let rows = try read { database, run in
            try SessionRow.fetch(
                database, path: self.path, "SELECT owner_pid, owner_host, owner_since FROM run WHERE id = ?",
                [run])
        }
        guard let cells = rows.first else { throw .damaged(path: path, detail: "it has no run") }
        guard let pid = try cells.optionalInteger(0), let host = try cells.optionalText(1) else { return nil }
        guard let pid = Int32(exactly: pid), pid > 0 else {
            throw .damaged(path: path, detail: "its owner has the process number \(pid)")
        }
        return SessionOwner(pid: pid, host: host, since: Date(timeIntervalSince1970: try cells.number(2)))
    }

    /// The newest event of a kind. What a later `resumed` made void does not count.
    func newest(_ kind: String, count: Int = 1) throws(SessionError) -> [NumberedEvent] {
        let rows = try read { database, run in
            try SessionRow.fetch(
                database, path: self.path,
                """
                WITH again AS (SELECT seq, step FROM event WHERE run = :run AND kind = 'resumed'
                    ORDER BY seq DESC LIMIT 1)
                SELECT seq, body FROM event WHERE run = :run AND kind = :kind
                    AND (seq > coalesce((SELECT seq FROM again), 0) OR step <= (SELECT step FROM again))
                ORDER BY seq DESC LIMIT :count
                """, ["run": run, "kind": kind, "count": count])
        }
        var events: [NumberedEvent] = []
        for row in rows { events.append(try Self.event(row, path: path)) }
        return events
    }

    /// The last event of the run itself: what was looked for in a finished run does not count.
    func last() throws(SessionError) -> NumberedEvent? {
        let rows = try read { database, run in
            try SessionRow.fetch(
                database, path: self.path,
                """
                SELECT seq, body FROM event WHERE run = ? AND kind NOT IN ('explained', 'surveyed', 'compared', 'sensed', 'decided')
                ORDER BY seq DESC LIMIT 1
                """, [run])
        }
        guard let row = rows.first else { return nil }
        return try Self.event(row, path: path)
    }

    /// Runs `body` with the number of the run in one transaction.
    func read<Value: Sendable>(
        _ body: (Database, _ run: Int) throws -> Value
    ) throws(SessionError) -> Value {
        guard let database = database.withLock({ $0 }) else { preconditionFailure("\(path) is closed already") }
        return try translating(path, doing: "reading it") { try database.queue.read { try body($0, run) } }
    }

    static func event(_ row: SessionRow, path: String) throws(SessionError) -> NumberedEvent {
        let sequence = try row.integer(0)
        let body = try row.text(1)
        do throws(EventLineError) {
            let event = try EventLine.decode(body)
            guard event.sequence == sequence else {
                throw EventLineError.wrong(
                    field: "seq", event: EventLine.kind(of: event.event), expected: "\(sequence)")
            }
            return event
        } catch {
            throw .damaged(path: path, detail: "event \(sequence): \(error)")
        }
    }
}
