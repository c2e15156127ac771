// SessionDatabase: the schema of a session file, how it is opened, and what is checked before anything is believed.

import Foundation
import GRDB

/// The layout of a session file; docs/session-format.md explains each column.
enum SessionSchema {
    /// "WBCH", in the header of every session file.
    static let applicationID = 0x5742_4348
    /// Version of the layout. A migration is added, never edited; files above it are refused.
    static let version = 5

    /// The tables of a version.
    static func tables(version: Int) -> [String] {
        ["run", "event", "checkpoint", "artifact"] + (version > 1 ? ["block"] : [])
    }

    /// What makes a file of version 1 one of version 2, within a transaction.
    static let fromVersion1 = """
        CREATE TABLE block (
            run INTEGER NOT NULL REFERENCES run(id),
            first_seq INTEGER NOT NULL,
            last_seq INTEGER NOT NULL,
            kind TEXT NOT NULL,
            count INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (run, first_seq, kind)
        );
        PRAGMA user_version = 2;
        """

    /// What makes a file of version 2 one of version 3, which may hold events of the kind `rates_tried`.
    static let fromVersion2 = "PRAGMA user_version = 3;"

    /// What makes a file of version 3 one of version 4, which may hold events of the kinds `folded`, `explained` and
    /// `surveyed`, and runs beside the first.
    static let fromVersion3 = "PRAGMA user_version = 4;"

    /// What makes a file of version 4 one of version 5, which may hold events of the kinds `compared`, `sensed` and `decided`.
    static let fromVersion4 = "PRAGMA user_version = 5;"

    /// What brings a file of `version` to the newest one, within a transaction.
    static func migration(from version: Int) -> String {
        [fromVersion1, fromVersion2, fromVersion3, fromVersion4].dropFirst(version - 1).joined(separator: "\n")
    }

    /// The tables of version 1; a new file is made as one and migrated, so that there is one way to a layout.
    static let version1 = """
        PRAGMA application_id = 0x57424348;
        PRAGMA user_version = 1;
        CREATE TABLE run (
            id INTEGER PRIMARY KEY,
            run_id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            created_at REAL NOT NULL,
            spec_yaml TEXT NOT NULL,
            preprocessing_json TEXT NOT NULL,
            dataset_json TEXT,
            host TEXT NOT NULL,
            processor TEXT NOT NULL,
            kernels TEXT NOT NULL,
            program_version TEXT NOT NULL,
            command_json TEXT NOT NULL,
            git_commit TEXT,
            owner_pid INTEGER,
            owner_host TEXT,
            owner_since REAL
        );
        CREATE TABLE event (
            run INTEGER NOT NULL REFERENCES run(id),
            seq INTEGER NOT NULL,
            step INTEGER NOT NULL,
            kind TEXT NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (run, seq)
        ) WITHOUT ROWID;
        CREATE INDEX event_kind ON event (run, kind, seq, step);
        CREATE TABLE checkpoint (
            run INTEGER NOT NULL REFERENCES run(id),
            step INTEGER NOT NULL,
            best INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (run, step)
        );
        CREATE TABLE artifact (
            id INTEGER PRIMARY KEY,
            run INTEGER NOT NULL REFERENCES run(id),
            kind TEXT NOT NULL,
            step INTEGER,
            name TEXT NOT NULL,
            created_at REAL NOT NULL,
            body BLOB NOT NULL
        );
        CREATE INDEX artifact_kind ON artifact (run, kind, name);
        """
}

/// One connection to a session file, counted in ``OpenSessions``. Closed once, by `close`.
struct SessionDatabase: Sendable {
    let path: String
    let queue: DatabaseQueue
    private let file: FileIdentity

    /// Opens the file at `path` (see ``canonical(_:)``).
    /// - Parameter patience: Seconds to wait for somebody else's transaction.
    init(path: String, readOnly: Bool, patience: Double) throws(SessionError) {
        let status = try Self.status(path)
        var configuration = Configuration()
        configuration.readonly = readOnly
        configuration.busyMode = .timeout(patience)
        configuration.foreignKeysEnabled = false
        configuration.label = "session"
        configuration.prepareDatabase { database in
            // The file may come from anywhere: nothing in its schema may run, and pages are checked as they are read.
            try database.execute(sql: "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
        }
        self.path = path
        file = FileIdentity(status)
        OpenSessions.begin(file)
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
        } catch {
            OpenSessions.end(file)
            throw SessionError(error, path: path, doing: "opening it")
        }
    }

    /// Closes the connection; every statement has been finished by then.
    func close() {
        do {
            try queue.close()
        } catch {
            // Only unfinished statements or a second close could do this; both are bugs of this folder.
            assertionFailure("closing \(path): \(error)")
        }
        OpenSessions.end(file)
    }

    /// The absolute path without symbolic links. The file must be there: SQLite would make one.
    static func canonical(_ path: String) throws(SessionError) -> String {
        guard let resolved = realpath(path, nil) else { throw .system(path, doing: "finding it") }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// The status of a regular file that is not empty.
    static func status(_ path: String) throws(SessionError) -> stat {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .system(path, doing: "looking at it") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        guard status.st_size > 0 else { throw .empty(path: path) }
        return status
    }

    /// Checks that this is a session of a version that is known here, with all its tables.
    /// - Returns: the version.
    static func validate(_ database: Database, path: String) throws -> Int {
        let application = try Int.fetchOne(database, sql: "PRAGMA application_id")
        guard application == SessionSchema.applicationID else { throw SessionError.notASession(path: path) }
        let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard version <= SessionSchema.version else {
            throw SessionError.newer(path: path, version: version, known: SessionSchema.version)
        }
        guard version >= 1 else {
            throw SessionError.damaged(path: path, detail: "its file version is \(version)")
        }
        let tables = try Set(String.fetchAll(database, sql: "SELECT name FROM sqlite_master WHERE type = 'table'"))
        for table in SessionSchema.tables(version: version) where !tables.contains(table) {
            throw SessionError.lacksTable(path: path, table: table)
        }
        return version
    }
}

/// The cells of one row. GRDB's own subscripts trap on a value of another type, and a damaged file has such.
struct SessionRow: Sendable {
    private let cells: [DatabaseValue]
    private let path: String

    /// The rows of a query on the session at `path`.
    static func fetch(
        _ database: Database, path: String, _ sql: String, _ arguments: StatementArguments = StatementArguments()
    ) throws -> [SessionRow] {
        let statement = try database.cachedStatement(sql: sql)
        let rows = try Row.fetchCursor(statement, arguments: arguments)
        return try Array(rows.map { row in SessionRow(cells: Array(row.databaseValues), path: path) })
    }

    private func value(_ column: Int) throws(SessionError) -> DatabaseValue.Storage {
        guard column < cells.count else { throw .damaged(path: path, detail: "a row is too short") }
        return cells[column].storage
    }

    private func wrong(_ column: Int, _ expected: String) -> SessionError {
        .damaged(path: path, detail: "a cell (column \(column + 1) of a row) is not \(expected)")
    }

    func text(_ column: Int) throws(SessionError) -> String {
        guard case .string(let text) = try value(column) else { throw wrong(column, "text") }
        return text
    }

    func optionalText(_ column: Int) throws(SessionError) -> String? {
        if case .null = try value(column) { return nil }
        return try text(column)
    }

    func integer(_ column: Int) throws(SessionError) -> Int {
        guard case .int64(let integer) = try value(column) else { throw wrong(column, "a whole number") }
        return Int(integer)
    }

    func number(_ column: Int) throws(SessionError) -> Double {
        switch try value(column) {
        case .double(let number): return number
        case .int64(let integer): return Double(integer)
        default: throw wrong(column, "a number")
        }
    }

    func optionalInteger(_ column: Int) throws(SessionError) -> Int? {
        if case .null = try value(column) { return nil }
        return try integer(column)
    }

    func blob(_ column: Int) throws(SessionError) -> Data {
        guard case .blob(let data) = try value(column) else { throw wrong(column, "a block of bytes") }
        return data
    }
}
