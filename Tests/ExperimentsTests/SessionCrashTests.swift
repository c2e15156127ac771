// Tests of sessions whose writer was killed, and of files that were flipped or cut.

import Engine
import Foundation
import GRDB
import Testing

@testable import Experiments

struct SessionCrashTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// A session whose writer was stopped inside a transaction: pages of it are in the file, the journal is hot.
    private func interruptedSession(_ name: String = "hot.session") throws -> (path: String, events: [NumberedEvent]) {
        let source = folder["source.session"]
        let writer = try SessionWriter.create(path: source, info: sampleInfo())
        let stored = try writer.append((1...500).map { sampleStep($0) })
        writer.close()
        let queue = try DatabaseQueue(path: source)
        try queue.inDatabase { connection in
            // A tiny cache: SQLite writes pages of the open transaction to the file.
            try connection.execute(sql: "PRAGMA cache_size = 2; BEGIN; UPDATE event SET body = 'lost', step = 1")
            try connection.execute(sql: "DELETE FROM event WHERE seq % 2")
            try FileManager.default.copyItem(atPath: source, toPath: folder[name])
            try FileManager.default.copyItem(atPath: source + "-journal", toPath: folder[name] + "-journal")
            try connection.execute(sql: "ROLLBACK")
        }
        try queue.close()
        // The test would show nothing if the file were whole without its journal.
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: source))
                != Data(contentsOf: URL(fileURLWithPath: folder[name])))
        return (folder[name], stored)
    }

    @Test func aReaderRollsBackWhatAKillLeft() throws {
        let (path, stored) = try interruptedSession()
        let reader = try SessionReader(path: path)
        #expect(try reader.events(after: 0) == stored)
        reader.close()
        #expect(!FileManager.default.fileExists(atPath: path + "-journal"))
        #expect(try integrity(path) == "ok")
    }

    @Test func aWriterRollsBackWhatAKillLeft() throws {
        let (path, stored) = try interruptedSession()
        let writer = try SessionWriter.open(path: path)
        #expect(try writer.append([sampleStep(501)]).first?.sequence == 501)
        #expect(try SessionReader(path: path).events(after: 0).dropLast() == stored[...])
    }

    @Test func aCopyIsRolledBackWhereTheFileCannotBe() throws {
        let (path, stored) = try interruptedSession()
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        chmod(path, 0o400)
        chmod(folder.path, 0o500)
        // Root may write all the same, unless the file is immutable.
        let isImmutable = try geteuid() == 0 && changeAttributes("+i", path)
        defer {
            if isImmutable { #expect(throws: Never.self) { try changeAttributes("-i", path) } }
            chmod(folder.path, 0o700)
        }
        guard isImmutable || geteuid() != 0 else {
            // Root on a file system without immutable files (tmpfs, say): at least the copy can be shown to work.
            try SessionRecovery.openCopy(of: path) { (copy) throws(SessionError) in
                #expect(try SessionReader(path: copy).events(after: 0) == stored)
            }
            return
        }
        #expect(
            throws: SessionError.readOnly(
                path: path, detail: geteuid() == 0 ? "Operation not permitted" : "Permission denied")
        ) {
            try SessionWriter.open(path: path)
        }
        let reader = try SessionReader(path: path)
        #expect(reader.path == path)
        #expect(try reader.events(after: 0) == stored)
        #expect(SessionSummary(path: path).status == .interrupted)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        #expect(FileManager.default.fileExists(atPath: path + "-journal"))
    }

    /// - Returns: false where the file system has no such thing.
    @discardableResult
    private func changeAttributes(_ change: String, _ path: String) throws -> Bool {
        let chattr = try EngineLauncher.launch(executable: "/usr/bin/chattr", name: "chattr", [change, path], nil)
        while EngineLauncher.exitStatus(of: chattr) == nil { usleep(1_000) }
        return EngineLauncher.exitStatus(of: chattr) == 0
    }

    @Test func trashTakesTheJournalAlong() throws {
        let (path, stored) = try interruptedSession()
        let sessions = SessionFolder(path: folder.path)
        // Moved without being read first: the journal is still needed.
        let summary = SessionSummary(
            path: path, fileName: "hot.session", name: "hot", status: .interrupted, createdAt: Date())
        let trashed = try sessions.moveToTrash(summary)
        #expect(try SessionReader(path: trashed).events(after: 0) == stored)
        let restored = try sessions.restore(trashed)
        #expect(restored == path)
        #expect(try SessionReader(path: restored).events(after: 0) == stored)
    }

    /// A small session of every kind of row, and everything that a reader can ask of it.
    private func readEverything(_ path: String) throws(SessionError) {
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        _ = try reader.events(after: 0)
        var state = RunState()
        try reader.fold(into: &state)
        _ = try reader.artifacts(kind: Mistake.artifactKind)
        _ = SessionFacts(reader: reader)
        for row in try reader.checkpoints() { _ = try reader.checkpointBytes(step: row.step) }
        _ = try reader.recordedOwner()
        _ = try reader.newest("stepped")
        _ = try reader.last()
    }

    @Test func flipsAndCutsAreSentences() throws {
        let source = folder["source.session"]
        let writer = try SessionWriter.create(path: source, info: sampleInfo())
        try writer.append(oneOfEach)
        try writer.pack()
        try writer.append(oneOfEach)
        try writer.storeArtifact(
            .init(kind: Mistake.artifactKind, name: "test", step: 1, body: Mistake.encoded([])))
        try writer.storeCheckpoint(
            step: 4, best: true, bytes: Data(repeating: 7, count: 5_000), and: oneOfEach[10])
        writer.close()
        try readEverything(source)
        let whole = try Data(contentsOf: URL(fileURLWithPath: source))
        let path = folder["flipped.session"]
        let url = URL(fileURLWithPath: path)
        var generator = SystemRandomNumberGenerator()
        var refused = 0
        var checked = 0
        func check(_ data: Data) throws {
            try data.write(to: url)
            do throws(SessionError) {
                try readEverything(path)
            } catch {
                refused += 1
                #expect("\(error)".hasSuffix(".") && !"\(error)".contains("\n"), "\(error)")
            }
            _ = SessionSummary(path: path)
            checked += 1
            // A writer waits for the disk several times: not for each.
            guard checked % 4 == 0 else { return }
            do throws(SessionError) {
                try SessionWriter.open(path: path).append([sampleStep(1)])
            } catch {
                #expect("\(error)".hasSuffix("."))
            }
            unlink(path + "-journal")
        }
        for index in 0..<600 {
            var flipped = whole
            // The first flips go through the header and the schema, which are most delicate.
            let place = index < 200 ? index : Int.random(in: 0..<whole.count, using: &generator)
            flipped[place] = .random(in: 0...255, using: &generator)
            try check(flipped)
        }
        for _ in 0..<200 { try check(whole.prefix(Int.random(in: 0..<whole.count, using: &generator))) }
        #expect(refused > 200)
    }

    @Test func journalsThatWereCutAreSentences() throws {
        let (path, _) = try interruptedSession()
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let journal = try Data(contentsOf: URL(fileURLWithPath: path + "-journal"))
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            let copy = folder["cut.session"]
            try whole.write(to: URL(fileURLWithPath: copy))
            try journal.prefix(Int.random(in: 0...journal.count, using: &generator))
                .write(to: URL(fileURLWithPath: copy + "-journal"))
            do throws(SessionError) {
                try readEverything(copy)
            } catch {
                #expect("\(error)".hasSuffix("."), "\(error)")
            }
            unlink(copy + "-journal")
        }
    }

    // MARK: - Real kills

    private func said(_ log: String) -> String {
        String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
    }

    @Test(.enabled(if: SessionChild.path == nil), .serialized, arguments: 0..<12)
    func killedAtAnyMoment(_ round: Int) throws {
        let path = folder["killed.session"]
        var arguments = CommandLine.arguments
        var executable = [CChar](repeating: 0, count: 4_096)
        let length = readlink("/proc/self/exe", &executable, executable.count - 1)
        arguments[0] = String(decoding: executable.prefix(max(0, length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        while let filter = arguments.firstIndex(of: "--filter"), filter + 1 < arguments.count {
            arguments.removeSubrange(filter...filter + 1)
        }
        arguments += ["--filter", "childWriter"]
        let log = folder["child.log"]
        let child = try EngineLauncher.launch(
            executable: "/usr/bin/env", name: "env", ["WORKBENCH_TEST_SESSION_CHILD=\(path)"] + arguments, log)
        let acknowledged = path + ".acknowledged"
        var waited = 0
        while !FileManager.default.fileExists(atPath: acknowledged), EngineLauncher.exitStatus(of: child) == nil {
            usleep(1_000)
            waited += 1
            try #require(waited < 60_000, "the child does not start: \(said(log))")
        }
        usleep(.random(in: 0..<150_000))
        kill(child, SIGKILL)
        while EngineLauncher.exitStatus(of: child) == nil { usleep(1_000) }
        try #require(
            EngineLauncher.exitStatus(of: child) == 128 + SIGKILL,
            "the child ended by itself: \(said(log))")

        let lines = try String(contentsOfFile: acknowledged, encoding: .utf8).split(separator: "\n")
        let last = lines.last.flatMap { Int($0) } ?? 0
        let reader = try SessionReader(path: path)
        // `events` itself refuses gaps.
        let events = try reader.events(after: 0)
        #expect(events.count >= last)
        #expect(try reader.owner() == nil)
        for row in try reader.checkpoints() {
            let bytes = try reader.checkpointBytes(step: row.step)
            #expect(bytes == Data(repeating: UInt8(truncatingIfNeeded: row.step), count: 400_000))
        }
        reader.close()
        #expect(SessionSummary(path: path).status == .interrupted)
        let writer = try SessionWriter.open(path: path)
        #expect(try writer.append([sampleStep(1)]).first?.sequence == events.count + 1)
        writer.close()
        #expect(try integrity(path) == "ok")
    }
}

/// The other half of `killedAtAnyMoment`, in a process that is started again to be killed.
struct SessionChild {
    /// The session that the child writes.
    static let path = ProcessInfo.processInfo.environment["WORKBENCH_TEST_SESSION_CHILD"]

    /// Not a test: this process, started again to be killed, writes as fast as it can.
    @Test(.enabled(if: SessionChild.path != nil)) func childWriter() throws {
        let path = try #require(Self.path)
        let exists = FileManager.default.fileExists(atPath: path)
        let writer =
            exists ? try SessionWriter.open(path: path) : try SessionWriter.create(path: path, info: sampleInfo())
        // What was acknowledged: a line is written here after the transaction is on the disk.
        let acknowledged = open(path + ".acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        for step in 1...100_000 {
            let last: Int
            if step % 5 == 0 {
                let bytes = Data(repeating: UInt8(truncatingIfNeeded: step), count: 400_000)
                let event = RunEvent.checkpointed(.init(step: step, seconds: 0, best: step % 10 == 0))
                last = try writer.storeCheckpoint(step: step, best: step % 10 == 0, bytes: bytes, and: event).sequence
            } else {
                last = try writer.append((0..<20).map { _ in sampleStep(step) }).last?.sequence ?? 0
            }
            if step % 7 == 0 { try writer.pack() }
            let line = "\(last)\n"
            write(acknowledged, line, line.utf8.count)
        }
    }
}
