// SessionArtifacts: what was made of a run and is kept with it, beside events and checkpoints.

import Foundation
import GRDB

/// Something that is kept with a run: its worst mistakes, an explanation, a variant.
public struct SessionArtifact: Sendable, Equatable {
    /// What it is: "mistakes".
    public var kind: String
    /// Which of its kind; a later one of the same kind and name takes its place.
    public var name: String
    /// Step of the weights it was made from; nil where that means nothing.
    public var step: Int?
    public var createdAt: Date
    public var body: Data

    public init(kind: String, name: String, step: Int?, createdAt: Date = Date(), body: Data) {
        self.kind = kind
        self.name = name
        self.step = step
        self.createdAt = createdAt
        self.body = body
    }

    /// Bytes of a body; a larger one is not written and not read.
    public static let maximumBytes = 64 << 20
}

extension SessionWriter {
    /// Stores an artifact in one transaction; the one of the same kind and name that was there before goes.
    public func storeArtifact(_ artifact: SessionArtifact) throws(SessionError) {
        precondition(
            artifact.body.count <= SessionArtifact.maximumBytes, "an artifact of \(artifact.body.count) bytes")
        try change { database, run in
            try database.execute(
                sql: "DELETE FROM artifact WHERE run = ? AND kind = ? AND name = ?",
                arguments: [run, artifact.kind, artifact.name])
            try database.execute(
                sql: "INSERT INTO artifact (run, kind, step, name, created_at, body) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    run, artifact.kind, artifact.step, artifact.name, artifact.createdAt.timeIntervalSince1970,
                    artifact.body,
                ])
        }
    }
}

extension SessionReader {
    /// The artifacts of a kind, in the order in which they were stored.
    public func artifacts(kind: String) throws(SessionError) -> [SessionArtifact] {
        let rows = try read { database, run in
            try SessionRow.fetch(
                database, path: self.path,
                "SELECT id, name, step, created_at, length(body) FROM artifact WHERE run = ? AND kind = ? ORDER BY id",
                [run, kind])
        }
        var artifacts: [SessionArtifact] = []
        for row in rows {
            let id = try row.integer(0)
            let bytes = try row.integer(4)
            // Asked before the bytes are brought to memory.
            guard bytes <= SessionArtifact.maximumBytes else {
                throw .damaged(path: path, detail: "artifact \(id) has \(bytes) bytes")
            }
            let bodies = try read { database, _ in
                try SessionRow.fetch(database, path: self.path, "SELECT body FROM artifact WHERE id = ?", [id])
            }
            // Replaced since by a newer one, which the next reading finds.
            guard let body = bodies.first else { continue }
            artifacts.append(
                SessionArtifact(
                    kind: kind, name: try row.text(1), step: try row.optionalInteger(2),
                    createdAt: Date(timeIntervalSince1970: try row.number(3)), body: try body.blob(0)))
        }
        return artifacts
    }
}
