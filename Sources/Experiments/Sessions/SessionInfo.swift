// SessionInfo: what is written down about a run before its first event.

import Foundation

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
