// Feed: following real session files and a real link server.

import Engine
import Experiments
import Foundation
import Testing

@testable import TUI

/// A folder that goes away with the test.
final class Folder {
    let path: String
    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("tui-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }
    deinit {
        // What cannot be removed stays in the temporary folder.
        do { try FileManager.default.removeItem(atPath: path) } catch {}
    }

    func session(_ name: String = "run") throws -> SessionWriter {
        let info = SessionInfo(
            name: name, specYAML: "name: \(name)", preprocessingJSON: "{}", host: "here", processor: "some",
            kernels: "none", programVersion: "0", command: ["workbench"])
        return try SessionWriter.create(path: "\(path)/\(name).session", info: info)
    }
}

/// News as they come, until `isLast` says so.
private func news(_ mailbox: Mailbox, until isLast: (FeedNews) -> Bool) -> [FeedNews] {
    var all: [FeedNews] = []
    let limit = Date().addingTimeInterval(20)
    while Date() < limit {
        for case .feed(_, let item) in mailbox.takeAll() {
            all.append(item)
            if isLast(item) { return all }
        }
        Thread.sleep(forTimeInterval: 0.01)
    }
    Issue.record("the news never ended: \(all.count) came")
    return all
}

private func isEnd(_ news: FeedNews) -> Bool {
    switch news {
    case .ended, .failed: true
    default: false
    }
}

private func events(of news: [FeedNews]) -> [RunEvent] {
    news.flatMap { item -> [RunEvent] in
        if case .events(let events) = item { return events }
        return []
    }
}

struct FeedTests {
    @Test func aFinishedSessionIsReadWhole() throws {
        let folder = try Folder()
        let writer = try folder.session()
        _ = try writer.append(Sample.events())
        writer.close()
        let mailbox = Mailbox()
        let feed = Feed(path: writer.path, opening: 1, origin: .file, mailbox: mailbox)
        let all = news(mailbox, until: isEnd)
        feed.close()
        #expect(all.first == .opened(name: "run"))
        #expect(all.last == .ended(.finished(.completed)))
        #expect(events(of: all) == Sample.events())
    }

    @Test func aLiveSessionIsFollowedWithoutGapsUntilItIsKilled() throws {
        let folder = try Folder()
        let writer = try folder.session()
        let all = Sample.events(steps: 200)
        _ = try writer.append(Array(all[0..<100]))
        let commands = DispatchSemaphore(value: 0)
        let server = try LinkServer(sessionPath: writer.path) { command in
            if command == .pause { commands.signal() }
        }
        let mailbox = Mailbox()
        let feed = Feed(path: writer.path, opening: 1, origin: .file, mailbox: mailbox)
        var heard = news(mailbox) { $0 == .live }
        for start in stride(from: 100, to: all.count, by: 7) {
            server.publish(try writer.append(Array(all[start..<min(start + 7, all.count)])))
        }
        feed.send(.pause)
        #expect(commands.wait(timeout: .now() + 10) == .success)
        // It dies without a word.
        writer.close()
        server.close()
        heard += news(mailbox, until: isEnd)
        feed.close()
        #expect(events(of: heard) == all)
        #expect(heard.last == .ended(.interrupted))
    }

    @Test func whatIsNoSessionFails() throws {
        let folder = try Folder()
        let path = "\(folder.path)/bad.session"
        try Data("hello".utf8).write(to: URL(fileURLWithPath: path))
        let mailbox = Mailbox()
        let feed = Feed(path: path, opening: 3, origin: .file, mailbox: mailbox)
        let all = news(mailbox, until: isEnd)
        feed.close()
        guard case .failed(let reason) = all.last else {
            Issue.record("\(all)")
            return
        }
        #expect(reason.contains("bad.session"))
    }

    @Test func oneFrameAsText() throws {
        let folder = try Folder()
        let writer = try folder.session("digits-cnn")
        _ = try writer.append(Sample.events())
        writer.close()
        let frame = try WorkbenchScreen.renderFrame(
            sessionPath: writer.path, columns: 100, rows: 30, glyphs: .ascii, atStep: 100)
        #expect(frame.contains("step 100/410"))
        #expect(frame.contains("epoch 3/10"))
        let end = try WorkbenchScreen.renderFrame(
            sessionPath: writer.path, columns: 100, rows: 30, glyphs: .ascii, atStep: nil)
        #expect(end.contains("step 410/410"))
        #expect(end.contains("finished"))
    }
}

struct ClerkTests {
    @Test func listTrashUndo() throws {
        let folder = try Folder()
        let writer = try folder.session("one")
        _ = try writer.append(Sample.events(steps: 50))
        writer.close()
        let mailbox = Mailbox()
        let clerk = Clerk(folder: SessionFolder(path: folder.path), mailbox: mailbox)
        func answer(_ command: Command) -> Message? {
            clerk.ask(command)
            let limit = Date().addingTimeInterval(20)
            while Date() < limit {
                if let message = mailbox.takeAll().first { return message }
                Thread.sleep(forTimeInterval: 0.01)
            }
            return nil
        }
        func names() -> [String] {
            guard case .listed(let sessions) = answer(.list) else { return ["no list"] }
            return sessions.map(\.name)
        }
        #expect(names() == ["one"])
        guard case .previewed(_, let run) = answer(.preview(path: writer.path)) else {
            Issue.record("no preview")
            return
        }
        #expect(run == RunState(Sample.events(steps: 50)))
        guard case .noticed(let trashed) = answer(.trash(path: writer.path)) else {
            Issue.record("no notice")
            return
        }
        #expect(trashed.text.contains("one.session is in the trash"))
        #expect(names() == [])
        guard case .noticed(let back) = answer(.undoTrash) else {
            Issue.record("no notice")
            return
        }
        #expect(back.text == "one.session is back")
        #expect(names() == ["one"])
        clerk.close()
    }
}
