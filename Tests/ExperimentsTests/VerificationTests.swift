// A recorded run computed again: identical, different with the place named, or not comparable.
import Engine
import Foundation
import GRDB
import Testing

@testable import Experiments

struct VerificationTests {
    private static let yaml = """
        name: small
        data: {dataset: digits, test_fraction: 0.2, validation_fraction: 0.1, seed: 42}
        augment: [{shift: {fraction: 0.1}}, {noise: {deviation: 0.05}}]
        network:
          - conv: {filters: 8, kernel: 3, bias: false}
          - batch_norm: {activation: relu}
          - residual: [conv: {filters: 8, kernel: 3, padding: same}, dropout: 0.2]
          - global_average_pool
          - dense: {units: classes}
        training:
          epochs: 3
          average_decay: 0.9
          schedule: {reduce_on_plateau: {patience: 0}}
          optimizer: {adamw: {learning_rate: 0.01}}
        """

    private func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("verify-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Trains into a new session; `steer` gets the queue that the run obeys.
    private func record(_ path: String, from model: String? = nil, steer: (CommandQueue) -> Void = { _ in }) throws {
        let (spec, yaml) = try SpecFile.parse(yaml: Self.yaml, file: "small.yaml")
        let run = try TrainingRun(
            try Experiment(spec: spec, yaml: yaml), path: path, from: model.map { try TrainedModel(session: $0) },
            workers: 2, programVersion: "test", command: [])
        steer(run.commands)
        _ = try run.run(RunObserver(events: { _ in }, complaint: { _ in }))
    }

    @Test func theSameRunIsIdenticalAndAnAlteredOneIsNot() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("a.session").path
        // A person's act is a part of the run.
        try record(path) { $0.push(.setLearningRate(0.003)) }
        let found = try Verification(session: path, data: nil, workers: 3)
        #expect(found.verdict == .identical)
        #expect(found.steps == 3 * 41 && found.losses > 100 && found.checkpoints >= 1)

        let queue = try DatabaseQueue(path: path)
        let last = try queue.read { try Int.fetchOne($0, sql: "SELECT max(step) FROM checkpoint") ?? 0 }
        try queue.write { database in
            var bytes = try Data.fetchOne(
                database, sql: "SELECT bytes FROM checkpoint WHERE step = ?", arguments: [last])
            let end = (bytes?.count ?? 1) - 1
            bytes?[end] ^= 1
            try database.execute(sql: "UPDATE checkpoint SET bytes = ? WHERE step = ?", arguments: [bytes, last])
        }
        try queue.close()
        guard case .different(let what) = try Verification(session: path, data: nil, workers: 1).verdict else {
            Issue.record("an altered checkpoint was taken for the same")
            return
        }
        #expect(what.contains("step \(last)"))
    }

    @Test func aRunFromAnothersWeightsIsVerifiedFromThere() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (a, b) = (folder.appendingPathComponent("a.session").path, folder.appendingPathComponent("b.session").path)
        try record(a)
        try record(b, from: a)
        try FileManager.default.removeItem(atPath: a)
        let found = try Verification(session: b, data: nil, workers: 2)
        #expect(found.verdict == .identical)
        let reader = try SessionReader(path: b)
        #expect(try reader.checkpoints().contains { $0.step == 0 })
        reader.close()
    }

    @Test func otherKernelsAreNotCompared() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("a.session").path
        try record(path)
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "UPDATE run SET kernels = 'others'") }
        try queue.close()
        guard case .notComparable(let why) = try Verification(session: path, data: nil, workers: 1).verdict else {
            Issue.record("other kernels were compared")
            return
        }
        #expect(why.contains("others"))
    }
}
