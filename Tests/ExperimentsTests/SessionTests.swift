// Tests of session files: writing, reading, one writer at a time, and everything that is not a session.

import Engine
import Foundation
import GRDB
import Testing

@testable import Experiments

/// A folder that goes when the test ends.
final class TemporaryFolder {
    let path: String
    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("wb-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }
    deinit { _ = try? FileManager.default.removeItem(atPath: path) }  // Left over at worst.
    subscript(name: String) -> String { "\(path)/\(name)" }
}

func sampleInfo(name: String = "digits-cnn", createdAt: Date = Date(timeIntervalSince1970: 1_790_000_000.25))
    -> SessionInfo
{
    SessionInfo(
        runID: "0A", name: name, createdAt: createdAt, specYAML: "name: digits-cnn\n", preprocessingJSON: "{}",
        datasetJSON: nil, host: "here", processor: "x", kernels: "oneDNN", programVersion: "0.1",
        command: ["workbench", "train", "digits \"cnn\""], gitCommit: "abc")
}

func sampleStep(_ step: Int, loss: Double = 0.5) -> RunEvent {
    .stepped(
        .init(
            step: step, epoch: (step - 1) / 10 + 1, seconds: Double(step), count: 1, loss: loss,
            accuracy: 0.5, learningRate: 0.001))
}

func sampleFinish(_ step: Int, _ reason: RunEvent.Finished.Reason = .completed) -> RunEvent {
    .finished(
        .init(
            step: step, epoch: 2, seconds: Double(step) + 0.5, reason: reason, weightsSHA256: "ff", workers: 2,
            metrics: ["train/loss": 0.1, "test/accuracy": 0.97], imagesPerSecond: 100))
}

/// `PRAGMA integrity_check` of a file that nobody has open.
func integrity(_ path: String) throws -> String? {
    let queue = try DatabaseQueue(path: path)
    defer { #expect(throws: Never.self) { try queue.close() } }
    return try queue.read { try String.fetchOne($0, sql: "PRAGMA integrity_check") }
}

struct SessionTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test func everythingComesBack() throws {
        let path = folder["new/folder/a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        let stored = try writer.append(Array(oneOfEach.prefix(10)))
        #expect(stored.map(\.sequence) == Array(1...10))
        let reader = try SessionReader(path: path)
        #expect(reader.info == sampleInfo())
        #expect(try reader.events(after: 0) == stored)
        // The reader sees what comes while it is open.
        let more = try writer.append(Array(oneOfEach.dropFirst(10)))
        #expect(try reader.events(after: 10) == more)
        #expect(try reader.events(after: 5).map(\.sequence) == Array(6...oneOfEach.count))
        #expect(try reader.events(after: 1_000).isEmpty)
        let owner = try #require(try reader.owner())
        #expect(owner.pid == getpid())
        #expect(owner.host == ProcessInfo.processInfo.hostName)
        writer.close()
        writer.close()
        #expect(try reader.owner() == nil)
        reader.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder["new/folder"]) == ["a.session"])
        #expect(try integrity(path) == "ok")
    }

    @Test func manyPagesOfEvents() throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        let stored = try writer.append((1...9_001).map { sampleStep($0) })
        #expect(try SessionReader(path: path).events(after: 0) == stored)
        #expect(try SessionReader(path: path).events(after: 4_001).first?.sequence == 4_002)
    }

    @Test func resumedWriterGoesOnCounting() throws {
        let path = folder["a.session"]
        let first = try SessionWriter.create(path: path, info: sampleInfo())
        try first.append([sampleStep(1), sampleStep(2)])
        first.close()
        let second = try SessionWriter.open(path: path)
        let event = RunEvent.resumed(.init(step: 2, seconds: 2, workers: 1))
        #expect(try second.append([event]) == [.init(sequence: 3, event: event)])
        #expect(try second.append([]).isEmpty)
    }

    @Test func checkpointsAreThinned() throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        for step in 1...6 {
            let best = step == 2 || step == 1
            let event = RunEvent.checkpointed(.init(step: step, seconds: 1, best: best))
            let stored = try writer.storeCheckpoint(
                step: step, best: best, bytes: Data(repeating: UInt8(step), count: 100_000), and: event)
            #expect(stored == .init(sequence: step, event: event))
        }
        // The same step again, no longer best: it stays the best one.
        let again = RunEvent.checkpointed(.init(step: 6, seconds: 2, best: false))
        try writer.storeCheckpoint(step: 6, best: false, bytes: Data([9]), and: again)
        let reader = try SessionReader(path: path)
        #expect(
            try reader.checkpoints() == [
                .init(step: 2, best: true, byteCount: 100_000), .init(step: 5, best: false, byteCount: 100_000),
                .init(step: 6, best: false, byteCount: 1),
            ])
        #expect(try reader.checkpointBytes(step: 5) == Data(repeating: 5, count: 100_000))
        #expect(try reader.checkpointBytes(step: 6) == Data([9]))
        #expect(try reader.latestCheckpoint()?.step == 6)
        #expect(try reader.latestCheckpoint(atOrBefore: 4)?.step == 2)
        #expect(try reader.latestCheckpoint(atOrBefore: 1) == nil)
        #expect(try reader.bestCheckpoint()?.step == 2)
        #expect(throws: SessionError.noCheckpoint(path: reader.path, step: 3)) { try reader.checkpointBytes(step: 3) }
        #expect(try reader.events(after: 0).count == 7)
    }

    @Test func theSecondWriterIsToldWhoHoldsIt() throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        do throws(SessionError) {
            _ = try SessionWriter.open(path: path)
            Issue.record("two writers")
        } catch .held(by: let owner?, path: _) {
            #expect(owner.pid == getpid())
            let sentence = "\(SessionError.held(by: owner, path: path))"
            #expect(sentence.contains("\(getpid())") && sentence.contains(owner.host))
        }
        // The failed try must not have cost the first its lock (see SessionLock).
        #expect(throws: SessionError.self) { try SessionWriter.open(path: path) }
        try writer.append([sampleStep(1)])
        writer.close()
        try SessionWriter.open(path: path).append([sampleStep(2)])
        // Let go by deinit, too.
        try SessionWriter.open(path: path).close()
    }

    /// The trap that SessionLock describes: a descriptor of the file is closed while SQLite holds a lock.
    @Test func aFailedWriterDropsNobodysLock() throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        defer { writer.close() }
        let canonical = try SessionDatabase.canonical(path)
        let database = try SessionDatabase(path: canonical, readOnly: false, patience: 1)
        defer { database.close() }
        try database.queue.inDatabase { connection in
            try connection.execute(sql: "BEGIN IMMEDIATE")
            for _ in 0..<3 { #expect(throws: SessionError.self) { try SessionWriter.open(path: path) } }
            #expect(posixLocks(on: path) > 0)
            try connection.execute(sql: "ROLLBACK")
        }
    }

    /// Locks of this process on the file as the kernel lists them; ours on one byte is an OFDLCK, SQLite's are POSIX.
    private func posixLocks(on path: String) -> Int {
        var status = stat()
        guard stat(path, &status) == 0, let text = try? String(contentsOfFile: "/proc/locks", encoding: .utf8) else {
            return 0
        }
        return text.split(separator: "\n").count { $0.contains("POSIX") && $0.contains(":\(status.st_ino) ") }
    }

    @Test func aNameThatIsTakenIsRefused() throws {
        let path = folder["a.session"]
        try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: SessionError.exists(path: path)) { try SessionWriter.create(path: path, info: sampleInfo()) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.session"])
    }

    @Test func whatIsNoSession() throws {
        let path = try SessionDatabase.canonical(folder.path) + "/a.session"
        let url = URL(fileURLWithPath: path)
        func expect(_ error: SessionError, _ said: String, sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(throws: error, sourceLocation: sourceLocation) { try SessionReader(path: path) }
            #expect(throws: error, sourceLocation: sourceLocation) { try SessionWriter.open(path: path) }
            #expect("\(error)".contains(said) && "\(error)".hasSuffix("."), "\(error)", sourceLocation: sourceLocation)
            #expect(SessionSummary(path: path).status == .unreadable("\(error)"), sourceLocation: sourceLocation)
            unlink(path)
        }
        expect(.missing(path: path), "no session")
        try Data().write(to: url)
        expect(.empty(path: path), "empty")
        try Data("hello, world, this is certainly not a data base\n".utf8).write(to: url)
        expect(.notASession(path: path), "not a session")
        try Data((0..<9_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }).write(to: url)
        expect(.notASession(path: path), "not a session")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        expect(.notAFile(path: path), "not a file")
        rmdir(path)
        #expect(mkfifo(path, 0o600) == 0)
        expect(.notAFile(path: path), "not a file")

        func database(_ sql: String) throws {
            try SessionWriter.create(path: path, info: sampleInfo()).close()
            let queue = try DatabaseQueue(path: path)
            try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
            try queue.close()
        }
        try database("PRAGMA application_id = 7")
        expect(.notASession(path: path), "not a session")
        try database("PRAGMA user_version = 9")
        expect(.newer(path: path, version: 9, known: 5), "version 9, this one reads up to 5")
        try database("PRAGMA user_version = 0")
        expect(.damaged(path: path, detail: "its file version is 0"), "damaged")
        try database("DROP TABLE event")
        expect(.lacksTable(path: path, table: "event"), "\"event\" is missing")
        try database("DELETE FROM run")
        expect(.damaged(path: path, detail: "it has no run"), "damaged")
        try database("ALTER TABLE run DROP COLUMN host")
        expect(.damaged(path: path, detail: "no such column: host"), "damaged")
    }

    @Test func badCellsAreErrors() throws {
        let path = folder["a.session"]
        let writer = try SessionWriter.create(path: path, info: sampleInfo())
        try writer.append([sampleStep(1), sampleStep(2), sampleStep(3)])
        writer.close()
        for sql in [
            "UPDATE event SET body = x'00ff' WHERE seq = 2", "UPDATE event SET body = '{}' WHERE seq = 2",
            "UPDATE event SET body = replace(body, '\"seq\":2', '\"seq\":7') WHERE seq = 2",
            "DELETE FROM event WHERE seq = 2",
        ] {
            let copy = folder["copy-\(UUID().uuidString).session"]
            try FileManager.default.copyItem(atPath: path, toPath: copy)
            let queue = try DatabaseQueue(path: copy)
            try queue.write { try $0.execute(sql: sql) }
            try queue.close()
            let reader = try SessionReader(path: copy)
            #expect(throws: SessionError.self, "\(sql)") { try reader.events(after: 0) }
        }
    }

    @Test func aFolderThatCannotBeMadeIsOneSentence() throws {
        try Data("x".utf8).write(to: URL(fileURLWithPath: folder["file"]))
        #expect(throws: SessionError.self) {
            try SessionWriter.create(path: folder["file/below/a.session"], info: sampleInfo())
        }
        // Nobody can write here, root neither.
        #expect(throws: SessionError.self) { try SessionWriter.create(path: "/proc/a.session", info: sampleInfo()) }
    }
}
