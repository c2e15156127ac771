// Tests of the list of sessions, of names for new ones, and of the trash.

import Engine
import Foundation
import GRDB
import Testing

@testable import Experiments

struct SessionFolderTests {
    let temporary: TemporaryFolder
    let folder: SessionFolder
    init() throws {
        temporary = try TemporaryFolder()
        folder = SessionFolder(path: try SessionDatabase.canonical(temporary.path))
    }

    private func session(_ name: String, at seconds: Double, _ events: [RunEvent]) throws -> String {
        let path = "\(folder.path)/\(name).session"
        let writer = try SessionWriter.create(
            path: path, info: sampleInfo(name: name, createdAt: Date(timeIntervalSince1970: seconds)))
        defer { writer.close() }
        try writer.append(events)
        return path
    }

    @Test func rowsOfEveryKind() throws {
        let head = oneOfEach[0]
        _ = try session("finished", at: 100, [head] + (1...20).map { sampleStep($0) } + [sampleFinish(20)])
        let evaluated = RunEvent.evaluated(
            .init(step: 10, epoch: 1, seconds: 10, split: .validation, loss: 0.3, accuracy: 0.9))
        let tested = RunEvent.evaluated(
            .init(step: 10, epoch: 1, seconds: 10, split: .test, loss: 0.4, accuracy: 0.8))
        _ = try session("interrupted", at: 300, [head, sampleStep(10), evaluated, tested, sampleStep(11, loss: 0.25)])
        let live = try session("live", at: 200, [head, sampleStep(1)])
        _ = try session("fresh", at: 50, [])
        try Data("no".utf8).write(to: URL(fileURLWithPath: folder.path + "/bad.session"))
        try Data("no".utf8).write(to: URL(fileURLWithPath: folder.path + "/notes.txt"))
        let server = try LinkServer(sessionPath: live) { _ in }
        defer { server.close() }

        for _ in 0..<2 {  // The second time from what is known.
            let rows = try folder.list()
            #expect(rows.map(\.name) == ["bad", "interrupted", "live", "finished", "fresh"])
            #expect(rows.map(\.fileName).first == "bad.session")
            guard case .unreadable(let reason) = rows[0].status else {
                Issue.record("\(rows[0].status)")
                return
            }
            #expect(reason.contains("not a session"))
            #expect(rows.dropFirst().map(\.status) == [.interrupted, .live, .finished(.completed), .interrupted])
            #expect(rows[1].step == 11 && rows[1].epoch == 2 && rows[1].seconds == 11)
            #expect(
                rows[1].metrics == [
                    "train/loss": 0.25, "train/accuracy": 0.5, "validation/loss": 0.3, "validation/accuracy": 0.9,
                    "test/loss": 0.4, "test/accuracy": 0.8,
                ])
            #expect(rows[3].metrics["test/accuracy"] == 0.97 && rows[3].seconds == 20.5)
            if case .started(let started) = head { #expect(rows[3].head == started) }
            #expect(rows[4].head == nil && rows[4].step == 0)
            #expect(rows.allSatisfy { $0.bytes > 0 })
        }
    }

    @Test func whatAResumeMadeVoidIsNotShown() throws {
        let path = try session(
            "a", at: 1,
            [oneOfEach[0]] + (1...20).map { sampleStep($0) }
                + [sampleFinish(20, .stopped), .resumed(.init(step: 12, seconds: 12, workers: 1))])
        var row = SessionSummary(path: path)
        #expect(row.status == .interrupted && row.step == 12 && row.seconds == 12)
        let writer = try SessionWriter.open(path: path)
        try writer.append([sampleStep(13, loss: 0.125)])
        row = SessionSummary(path: path)
        #expect(row.step == 13 && row.metrics["train/loss"] == 0.125)
    }

    @Test func changesAreSeen() throws {
        let path = try session("a", at: 1, [oneOfEach[0], sampleStep(1)])
        #expect(try folder.list().map(\.step) == [1])
        let writer = try SessionWriter.open(path: path)
        try writer.append([sampleStep(2)])
        #expect(try folder.list().map(\.step) == [2])
        writer.close()
        unlink(path)
        #expect(try folder.list().isEmpty)
        #expect(try SessionFolder(path: folder.path + "/none").list().isEmpty)
    }

    @Test func aBusyFileIsStillListed() throws {
        let path = try session("a", at: 1, [oneOfEach[0], sampleStep(1)])
        _ = try session("b", at: 2, [oneOfEach[0], sampleStep(1)])
        let busy = try SessionDatabase(path: path, readOnly: false, patience: 1)
        defer { busy.close() }
        try busy.queue.inDatabase { connection in
            try connection.execute(sql: "BEGIN EXCLUSIVE")
            #expect(throws: SessionError.busy(path: path)) { try SessionReader(path: path, patience: 0.05) }
            // Nothing is known of it yet but its name.
            #expect(try folder.list().map(\.fileName).sorted() == ["a.session", "b.session"])
            try connection.execute(sql: "ROLLBACK")
            #expect(try folder.list().map(\.step) == [1, 1])
            try connection.execute(sql: "BEGIN EXCLUSIVE")
            // What was known is shown.
            #expect(try folder.list().map(\.step) == [1, 1])
            try connection.execute(sql: "ROLLBACK")
        }
    }

    @Test func hundredsOfSessions() throws {
        let first = try session(
            "s0", at: 0, [oneOfEach[0]] + (1...2_000).map { sampleStep($0) } + [sampleFinish(2_000)])
        for number in 1..<300 {
            let path = "\(folder.path)/s\(number).session"
            try FileManager.default.copyItem(atPath: first, toPath: path)
            // Not changed just now, as most sessions of a folder.
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: path)
        }
        let clock = ContinuousClock()
        var counts: [Int] = []
        let time = try clock.measure { counts.append(try folder.list().count) }
        let again = try clock.measure { counts.append(try folder.list().count) }
        #expect(counts == [300, 300])
        print("listing 300 sessions of 2,000 events: \(time), again: \(again)")
    }

    @Test func namesForNewSessions() throws {
        let date = Date(timeIntervalSince1970: 1_795_508_223)
        let path = folder.newSessionPath(name: "cifar-cnn", at: date)
        #expect(path.hasPrefix(folder.path + "/cifar-cnn-2026-11-24-") && path.hasSuffix(".session"))
        try Data().write(to: URL(fileURLWithPath: path))
        #expect(folder.newSessionPath(name: "cifar-cnn", at: date) == path.dropLast(8) + "-2.session")
        #expect(SessionFolder.slug("../../etc/Passwd\u{1B}[31m é") == "etc-passwd--31m--")
        #expect(SessionFolder.slug("...") == "run" && SessionFolder.slug("") == "run")
        #expect(SessionFolder.slug(String(repeating: "a", count: 500)).count == 64)
    }

    @Test func theFolderThatIsMeant() throws {
        let environment = ["WORKBENCH_SESSIONS": "/w", "XDG_DATA_HOME": "/data"]
        #expect(SessionFolder.resolve(explicit: "/x", environment: environment).path == "/x")
        #expect(SessionFolder.resolve(explicit: nil, environment: environment).path == "/w")
    }

    @Test func trashAndBack() throws {
        let path = try session("a", at: 1, [sampleStep(1)])
        let row = try #require(folder.list().first)
        let trashed = try folder.moveToTrash(row)
        #expect(trashed == folder.path + "/.trash/a.session")
        #expect(try folder.list().isEmpty)
        // The name has been taken since.
        _ = try session("a", at: 2, [])
        let restored = try folder.restore(trashed)
        #expect(restored == folder.path + "/a-2.session")
        #expect(try folder.list().count == 2)
        _ = try folder.moveToTrash(SessionSummary(path: path))
        #expect(try folder.moveToTrash(SessionSummary(path: restored)).hasSuffix(".trash/a-2.session"))
        #expect(throws: SessionError.self) { try folder.restore(folder.path + "/.trash/none.session") }
    }

    @Test func whatIsBeingWrittenIsNotMoved() throws {
        let path = try session("a", at: 1, [])
        let writer = try SessionWriter.open(path: path)
        defer { writer.close() }
        do throws(SessionError) {
            _ = try folder.moveToTrash(SessionSummary(path: path))
            Issue.record("moved under the writer's feet")
        } catch .held(by: let owner?, path: _) {
            #expect(owner.pid == getpid())
        }
        #expect(try folder.list().count == 1)
    }

    @Test func unreadableFilesCanBeThrownAway() throws {
        let path = folder.path + "/bad.session"
        try Data("no".utf8).write(to: URL(fileURLWithPath: path))
        let row = try #require(folder.list().first)
        try folder.moveToTrash(row)
        #expect(try folder.list().isEmpty)
    }
}
