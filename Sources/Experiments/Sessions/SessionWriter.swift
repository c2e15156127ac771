// SessionWriter: the only way into a session file.
//
// Why a rollback journal and not WAL: no side files to lose, opens read-only from any folder, works on network homes.
// While a run goes on the journal is truncated after each transaction, not deleted (one directory operation less a
// transaction); `close` deletes it. After a kill an empty journal, or one that rolls the last transaction back, may lie
// beside the file; the next one who opens the file deals with it.

import Engine
import Foundation
import GRDB
import Synchronization

/// Writes one session. Every call is one transaction, on the disk before it returns; calls from several threads queue.
public final class SessionWriter: Sendable {
    /// Absolute path of the session file, without symbolic links.
    public let path: String
    /// The head of the session.
    public let info: SessionInfo
    private let lock: SessionLock
    private let run: Int

    private struct State: Sendable {
        /// nil once closed.
        var database: SessionDatabase?
        /// Number of the next event of each run; of one that is not here the file is asked.
        var nextSequences: [Int: Int]
        /// Number of the last event that is in a block.
        var packed: Int
    }
    private let state: Mutex<State>

    /// Readers hold the file for milliseconds; one that is stopped in the middle is waited for this many seconds.
    private static let patience = 10.0

    /// Makes a session file and opens it for writing. Folders on the way are made too.
    /// - Parameter others: heads of the runs beside the first, which get the numbers 2, 3, ….
    public static func create(
        path: String, info: SessionInfo, others: [SessionInfo] = []
    ) throws(SessionError) -> SessionWriter {
        // Made under another name and linked to its own when it is whole: nobody ever sees half a session there.
        let url = URL(fileURLWithPath: path)
        let folder = url.deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .failed(path: path, doing: "making its folder", detail: error.localizedDescription)
        }
        var status = stat()
        if lstat(path, &status) == 0 { throw .exists(path: path) }
        let draft = "\(folder)/.\(url.lastPathComponent).\(getpid()).new"
        unlink(draft)
        defer { unlink(draft) }
        guard access(folder, W_OK) == 0 else {
            throw .failed(path: path, doing: "making it", detail: String(cString: strerror(errno)))
        }
        try write([info] + others, toNewFile: draft, of: path)
        if link(draft, path) != 0 {
            // Some file systems have no hard links.
            guard [EPERM, EOPNOTSUPP, ENOSYS, EMLINK].contains(errno) else { throw .system(path, doing: "naming it") }
            guard rename(draft, path) == 0 else { throw .system(path, doing: "naming it") }
        }
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor >= 0 {
            fsync(descriptor)
            Glibc.close(descriptor)
        }
        return try open(path: path)
    }

    private static func write(_ infos: [SessionInfo], toNewFile draft: String, of path: String) throws(SessionError) {
        try translating(path, doing: "making it") {
            let queue = try DatabaseQueue(path: draft)
            try queue.write { database in
                try database.execute(sql: SessionSchema.version1)
                try database.execute(sql: SessionSchema.migration(from: 1))
                for (index, info) in infos.enumerated() { try insert(info, run: index + 1, database) }
            }
            try queue.close()
        }
    }

    private static func insert(_ info: SessionInfo, run: Int, _ database: Database) throws {
        let command = try JSONEncoder().encode(info.command)
        try database.execute(
            sql: """
                INSERT INTO run (id, run_id, name, created_at, spec_yaml, preprocessing_json, dataset_json,
                    host, processor, kernels, program_version, command_json, git_commit)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                run, info.runID, info.name, info.createdAt.timeIntervalSince1970, info.specYAML,
                info.preprocessingJSON, info.datasetJSON, info.host, info.processor, info.kernels,
                info.programVersion, String(decoding: command, as: UTF8.self), info.gitCommit,
            ])
    }

    /// Opens a session to go on with it. A transaction that a kill has cut is rolled back.
    public static func open(path: String) throws(SessionError) -> SessionWriter {
        let path = try SessionDatabase.canonical(path)
        _ = try SessionDatabase.status(path)
        guard let lock = try SessionLock.take(path) else { throw .held(by: currentOwner(of: path), path: path) }
        do throws(SessionError) {
            return try SessionWriter(path: path, lock: lock)
        } catch {
            lock.release()
            throw error
        }
    }

    /// Who holds the session; nil when that cannot be read just now, which is no reason to fail differently.
    static func currentOwner(of path: String) -> SessionOwner? {
        do throws(SessionError) {
            let reader = try SessionReader(path: path)
            defer { reader.close() }
            return try reader.recordedOwner()
        } catch {
            return nil
        }
    }

    private init(path: String, lock: SessionLock) throws(SessionError) {
        self.path = path
        self.lock = lock
        let database = try SessionDatabase(path: path, readOnly: false, patience: Self.patience)
        let last: Int
        let packed: Int
        do throws(SessionError) {
            (run, info, last, packed) = try translating(path, doing: "opening it for writing") {
                try database.queue.writeWithoutTransaction { connection in
                    let (version, run, info) = try SessionInfo.fetch(connection, path: path)
                    // Each transaction is on the disk when it returns, and a cache that is too small does not lock
                    // readers out before the transaction ends.
                    try connection.execute(sql: "PRAGMA synchronous = FULL; PRAGMA cache_spill = OFF")
                    _ = try String.fetchOne(connection, sql: "PRAGMA journal_mode = TRUNCATE")
                    if version < SessionSchema.version {
                        try connection.inTransaction {
                            try connection.execute(sql: SessionSchema.migration(from: version))
                            return .commit
                        }
                    }
                    try connection.execute(
                        sql: "UPDATE run SET owner_pid = ?, owner_host = ?, owner_since = ?",
                        arguments: [getpid(), ProcessInfo.processInfo.hostName, Date().timeIntervalSince1970])
                    let last = try Int.fetchOne(
                        connection, sql: "SELECT max(seq) FROM event WHERE run = ?", arguments: [run])
                    let packed = try Int.fetchOne(
                        connection, sql: "SELECT max(last_seq) FROM block WHERE run = ?", arguments: [run])
                    return (run, info, last ?? 0, packed ?? 0)
                }
            }
            guard (0..<Int.max / 2).contains(last) else {
                throw .damaged(path: path, detail: "its last event has the number \(last)")
            }
        } catch {
            database.close()
            throw error
        }
        state = Mutex(
            State(database: database, nextSequences: [run: last + 1], packed: min(max(0, packed), last)))
    }

    deinit { close() }

    /// Appends `events` in one transaction; all are stored, or none.
    /// - Returns: The events with the numbers they got, without gaps.
    @discardableResult
    public func append(_ events: [RunEvent]) throws(SessionError) -> [NumberedEvent] {
        try append(batches: [(nil, events)])
    }

    /// Appends events of several runs in one transaction (nil: the first run); all are stored, or none.
    /// - Returns: Those of the first run with the numbers they got, without gaps.
    @discardableResult
    public func append(batches: [(run: Int?, events: [RunEvent])]) throws(SessionError) -> [NumberedEvent] {
        if batches.allSatisfy(\.events.isEmpty) { return [] }
        return try transaction { database, sequences in
            var first: [NumberedEvent] = []
            for (run, events) in batches where !events.isEmpty {
                let stored = try self.insert(events, of: run ?? self.run, &sequences, database)
                if run == nil || run == self.run { first += stored }
            }
            return first
        }
    }

    /// Stores a checkpoint and its event in one transaction, and drops old checkpoints: the newest best one, the
    /// last two, and one of step 0, which a run that did not start by itself begins with, stay. The same step again replaces what was stored for it.
    /// - Parameter run: whose it is; nil: the first one's.
    @discardableResult
    public func storeCheckpoint(
        step: Int, best: Bool, bytes: Data, of run: Int? = nil, and event: RunEvent
    ) throws(SessionError) -> NumberedEvent {
        let run = run ?? self.run
        let stored = try transaction { database, sequences in
            try database.execute(
                sql: """
                    INSERT INTO checkpoint (run, step, best, bytes) VALUES (?, ?, ?, ?)
                    ON CONFLICT (run, step) DO UPDATE SET bytes = excluded.bytes, best = max(best, excluded.best)
                    """,
                arguments: [run, step, best ? 1 : 0, bytes])
            try database.execute(
                sql: """
                    DELETE FROM checkpoint WHERE run = :run AND step > 0
                    AND step NOT IN (SELECT step FROM checkpoint WHERE run = :run ORDER BY step DESC LIMIT 2)
                    AND step NOT IN (SELECT step FROM checkpoint WHERE run = :run AND best ORDER BY step DESC LIMIT 1)
                    """, arguments: ["run": run])
            return try self.insert([event], of: run, &sequences, database)
        }
        return stored[0]
    }

    /// Number of the next event, and of the last one that is in a block.
    var progress: (next: Int, packed: Int) { state.withLock { ($0.nextSequences[run, default: 1], $0.packed) } }

    func packed(through sequence: Int) { state.withLock { $0.packed = sequence } }

    /// Runs `body` in a transaction that changes nothing.
    func read<Value: Sendable>(_ body: (Database, _ run: Int) throws -> Value) throws(SessionError) -> Value {
        guard let database = state.withLock({ $0.database }) else { preconditionFailure("\(path) is closed already") }
        return try translating(path, doing: "reading it") { try database.queue.read { try body($0, run) } }
    }

    /// Changes something else than events, in one transaction.
    func change(_ body: (Database, _ run: Int) throws -> Void) throws(SessionError) {
        _ = try transaction { database, _ in
            try body(database, self.run)
            return []
        }
    }

    /// Closes the file, deletes the journal and gives the right to write back. A second call does nothing.
    public func close() {
        state.withLock { state in
            guard let database = state.database else { return }
            do {
                try database.queue.writeWithoutTransaction { connection in
                    try connection.execute(
                        sql: "UPDATE run SET owner_pid = NULL, owner_host = NULL, owner_since = NULL")
                    _ = try String.fetchOne(connection, sql: "PRAGMA journal_mode = DELETE")
                }
            } catch {
                // A full disk, say. Everything appended is stored; the owner's name is only a note (the lock tells),
                // and an empty journal beside the file harms nobody.
            }
            database.close()
            state.database = nil
            lock.release()
        }
    }

    private func transaction(
        _ body: (Database, _ nextSequences: inout [Int: Int]) throws -> [NumberedEvent]
    ) throws(SessionError) -> [NumberedEvent] {
        let result: Result<[NumberedEvent], SessionError> = state.withLock { state in
            guard let database = state.database else { preconditionFailure("\(path) is closed already") }
            do throws(SessionError) {
                var sequences = state.nextSequences
                let stored = try translating(path, doing: "writing to it") {
                    try database.queue.write { connection in try body(connection, &sequences) }
                }
                state.nextSequences = sequences
                return .success(stored)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func insert(
        _ events: [RunEvent], of run: Int, _ sequences: inout [Int: Int], _ database: Database
    ) throws -> [NumberedEvent] {
        let first =
            try sequences[run]
            ?? (Int.fetchOne(database, sql: "SELECT max(seq) FROM event WHERE run = ?", arguments: [run]) ?? 0) + 1
        sequences[run] = first + events.count
        let statement = try database.cachedStatement(
            sql: "INSERT INTO event (run, seq, step, kind, body) VALUES (?, ?, ?, ?, ?)")
        return try events.enumerated().map { index, event in
            let numbered = NumberedEvent(sequence: first + index, event: event)
            try statement.execute(arguments: [
                run, numbered.sequence, EventLine.step(of: event), EventLine.kind(of: event),
                EventLine.encode(numbered),
            ])
            return numbered
        }
    }
}
