// SessionInfo: what is written down about a run before its first event.

import Foundation
import GRDB

/// The head of a session: what to train, where and by what it was started. It does not change.
public struct SessionInfo: Codable, Sendable, Equatable {
    /// A UUID.
    public var runID: String
    public var name: String
    public var createdAt: Date
    /// The spec, whole, as YAML.
    public var specYAML: String
    /// The preprocessing that was fitted on the training split.
    public var preprocessingJSON: String
    /// What a reader needs to know of the data set: classes, columns, counts, origin.
    public var datasetJSON: String?
    public var host: String
    /// Processor model and its features.
    public var processor: String
    /// oneDNN version and instruction set.
    public var kernels: String
    public var programVersion: String
    /// Arguments of the program, the program's name first.
    public var command: [String]
    public var gitCommit: String?

    public init(
        runID: String = UUID().uuidString, name: String, createdAt: Date = Date(), specYAML: String,
        preprocessingJSON: String, datasetJSON: String? = nil, host: String, processor: String, kernels: String,
        programVersion: String, command: [String], gitCommit: String? = nil
    ) {
        self.runID = runID
        self.name = name
        self.createdAt = createdAt
        self.specYAML = specYAML
        self.preprocessingJSON = preprocessingJSON
        self.datasetJSON = datasetJSON
        self.host = host
        self.processor = processor
        self.kernels = kernels
        self.programVersion = programVersion
        self.command = command
        self.gitCommit = gitCommit
    }

    /// What is kept of the data set, read anew from ``datasetJSON``; nil when there is none or it makes no sense.
    public var facts: DatasetFacts? { datasetJSON.flatMap(DatasetFacts.init(json:)) }
}

extension SessionInfo {
    /// A run of a session (nil: the first) and its number, once the file has turned out to be a session; and the file's
    /// version.
    static func fetch(
        _ database: Database, path: String, run: Int? = nil
    ) throws -> (version: Int, run: Int, info: SessionInfo) {
        let version = try SessionDatabase.validate(database, path: path)
        let rows = try SessionRow.fetch(
            database, path: path,
            """
            SELECT id, run_id, name, created_at, spec_yaml, preprocessing_json, dataset_json, host,
                processor, kernels, program_version, command_json, git_commit
            FROM run WHERE :run IS NULL OR id = :run ORDER BY id LIMIT 1
            """, ["run": run])
        guard let cells = rows.first else {
            if let run { throw SessionError.noRun(path: path, run: run) }
            throw SessionError.damaged(path: path, detail: "it has no run")
        }
        let info = SessionInfo(
            runID: try cells.text(1), name: try cells.text(2),
            createdAt: Date(timeIntervalSince1970: try cells.number(3)), specYAML: try cells.text(4),
            preprocessingJSON: try cells.text(5), datasetJSON: try cells.optionalText(6), host: try cells.text(7),
            processor: try cells.text(8), kernels: try cells.text(9), programVersion: try cells.text(10),
            command: try JSONDecoder().decode([String].self, from: Data(cells.text(11).utf8)),
            gitCommit: try cells.optionalText(12))
        return (version, try cells.integer(0), info)
    }
}

/// A stored checkpoint, without its bytes.
public struct CheckpointRow: Sendable, Equatable {
    public var step: Int
    /// It was the best one when it was stored.
    public var best: Bool
    public var byteCount: Int

    public init(step: Int, best: Bool, byteCount: Int) {
        self.step = step
        self.best = best
        self.byteCount = byteCount
    }
}
