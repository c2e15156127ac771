// Tests of the link between an engine and its screens.

import Engine
import Foundation
import Synchronization
import Testing

@testable import Experiments

/// Held by who has links open in this process, outside of the link's own tests, and by who counts their threads.
let runsWithLinks = Mutex(())

/// A place where one thread leaves values and another waits for them.
private final class Mailbox<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    private let arrived = DispatchSemaphore(value: 0)

    func put(_ value: Value) {
        values.withLock { $0.append(value) }
        arrived.signal()
    }
    /// The next value; throws after a time that only a hang needs.
    func next(sourceLocation: SourceLocation = #_sourceLocation) throws -> Value {
        try #require(arrived.wait(timeout: .now() + 20) == .success, "nothing came", sourceLocation: sourceLocation)
        return try #require(values.withLock { $0.isEmpty ? nil : $0.removeFirst() }, sourceLocation: sourceLocation)
    }
    func next(_ count: Int) throws -> [Value] { try (0..<count).map { _ in try next() } }
}

private func events(_ range: ClosedRange<Int>) -> [NumberedEvent] {
    range.map { .init(sequence: $0, event: sampleStep($0)) }
}

/// A client without our code: a bare socket that sends and receives lines.
private final class BareClient {
    let descriptor: Int32
    private var cutter = LineCutter(limit: 1 << 20)
    private var lines: [String] = []

    init(_ path: String) throws {
        descriptor = try #require(LinkAddress.connect(to: path))
        _ = fcntl(descriptor, F_SETFL, 0)
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }
    deinit { close(descriptor) }

    /// - Returns: false when the server has closed.
    @discardableResult
    func send(_ text: String) -> Bool {
        Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count
    }
    /// The next line; nil when the server has closed.
    func line() -> String? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while lines.isEmpty {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            _ = cutter.add(buffer[..<count]) { lines.append(String(decoding: $0, as: UTF8.self)) }
        }
        return lines.removeFirst()
    }
}

/// Waits for something that another thread does soon.
private func eventually(sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool) {
    for _ in 0..<20_000 {
        if condition() { return }
        usleep(1_000)
    }
    Issue.record("it never came to be", sourceLocation: sourceLocation)
}

@Suite(.serialized)
struct LinkTests {
    let folder: TemporaryFolder
    let socket: String
    init() throws {
        folder = try TemporaryFolder()
        socket = folder["s.sock"]
    }

    private func server(
        limits: LinkLimits = LinkLimits(), onCommand: @escaping @Sendable (EngineCommand) -> Void = { _ in }
    ) throws -> LinkServer {
        try LinkServer(socketPaths: [socket], sessionPath: "x.session", limits: limits, onCommand: onCommand)
    }

    @Test func twoClientsGetEveryEvent() throws {
        let server = try server()
        defer { server.close() }
        server.publish(events(1...3))
        let first = Mailbox<LinkMessage>()
        let second = Mailbox<LinkMessage>()
        let early = try #require(LinkClient.connect(socketPath: socket))
        let late = try #require(LinkClient.connect(socketPath: socket))
        early.follow(after: 0) { first.put($0) }
        late.follow(after: 2) { second.put($0) }
        #expect(try first.next(3) == events(1...3).map(LinkMessage.event))
        #expect(try second.next() == .event(events(3...3)[0]))
        server.publish(events(4...1_000))
        server.publish([])
        #expect(try first.next(997) == events(4...1_000).map(LinkMessage.event))
        #expect(try second.next(997) == events(4...1_000).map(LinkMessage.event))
        early.close()
        #expect(try first.next() == .closed)
        server.publish(events(1_001...1_001))
        #expect(try second.next() == .event(events(1_001...1_001)[0]))
        server.close()
        #expect(try second.next() == .closed)
        let third = Mailbox<LinkMessage>()
        late.follow(after: 0) { third.put($0) }
        #expect(try third.next() == .closed)
    }

    @Test func whatTheRingHasLostIsAGap() throws {
        var limits = LinkLimits()
        limits.ringLines = 10
        let server = try server(limits: limits)
        defer { server.close() }
        server.publish(events(1...25))
        let box = Mailbox<LinkMessage>()
        let client = try #require(LinkClient.connect(socketPath: socket))
        client.follow(after: 14) { box.put($0) }
        #expect(try box.next() == .gap)
        // After a gap nothing comes until the client says where it is now.
        server.publish(events(26...26))
        client.follow(after: 25) { box.put($0) }
        #expect(try box.next() == .event(events(26...26)[0]))
        client.follow(after: 16) { box.put($0) }
        #expect(try box.next(10) == events(17...26).map(LinkMessage.event))
    }

    @Test func aServerThatResumedKnowsNothingOfBefore() throws {
        let server = try server()
        defer { server.close() }
        let box = Mailbox<LinkMessage>()
        let client = try #require(LinkClient.connect(socketPath: socket))
        client.follow(after: 3) { box.put($0) }
        server.publish(events(500...501))
        #expect(try box.next() == .gap)
    }

    @Test func ringKeepsToItsBytes() {
        var ring = EventRing(capacity: 5, byteCapacity: 100)
        let line = { (sequence: Int) in String(repeating: "x", count: [10, 40, 90, 300][sequence % 4]) }
        for sequence in 7..<200 {
            ring.append(sequence, line(sequence))
            let kept = (0..<5).map { sequence - $0 }.filter { $0 >= 7 }.reduce(into: (lines: [Int](), bytes: 0)) {
                guard $0.lines.count == sequence - $1, $0.bytes + line($1).count <= 100 || $1 == sequence else {
                    return
                }
                $0.lines.append($1)
                $0.bytes += line($1).count
            }
            #expect(ring.end == sequence + 1)
            #expect(ring.first == kept.lines.last)
            for sequence in kept.lines { #expect(ring[sequence] == line(sequence)) }
            #expect(kept.lines.last.flatMap { ring[$0 - 1] } == nil)
        }
    }

    @Test func ringKeepsTheNewest() {
        var ring = EventRing(capacity: 3)
        #expect(ring.first == nil && ring.end == nil && ring[1] == nil)
        for number in 5...11 {
            ring.append(number, "\(number)")
            #expect(ring.first == max(5, number - 2) && ring.end == number + 1)
            for kept in max(5, number - 2)...number { #expect(ring[kept] == "\(kept)") }
            #expect(ring[max(5, number - 2) - 1] == nil && ring[number + 1] == nil)
        }
        ring.append(20, "20")
        #expect(ring.first == 20 && ring[20] == "20" && ring[11] == nil)
    }

    @Test func aClientThatReadsSlowlyMissesNothingAndHoldsNobody() throws {
        let server = try server()
        defer { server.close() }
        let slow = try BareClient(socket)
        slow.send("{\"command\":\"follow\",\"after\":0}\n")
        eventually { server.clientCount == 1 }
        let box = Mailbox<LinkMessage>()
        let quick = try #require(LinkClient.connect(socketPath: socket))
        quick.follow(after: 0) { box.put($0) }
        // About 2.5 MB, far more than a socket holds.
        server.publish(events(1...15_000))
        #expect(try box.next(15_000).last == .event(events(15_000...15_000)[0]))
        for sequence in 1...15_000 {
            let line = try #require(slow.line())
            guard try EventLine.decode(line).sequence == sequence else {
                Issue.record("\(line) instead of \(sequence)")
                return
            }
        }
    }

    @Test func aClientThatFloodsIsDropped() throws {
        var limits = LinkLimits()
        limits.dropBytes = 64 << 10
        let server = try server(limits: limits)
        defer { server.close() }
        let client = try BareClient(socket)
        eventually { server.clientCount == 1 }
        // Each bad line has an answer, and the client reads none.
        while client.send(String(repeating: "?\n", count: 1_000)) {}
        eventually { server.clientCount == 0 }
        // The server lives.
        let other = try BareClient(socket)
        other.send("{}\n")
        #expect(other.line()?.contains("\"command\\\" is missing") == true)
    }

    @Test func commandsArrive() throws {
        let box = Mailbox<EngineCommand>()
        let server = try server { box.put($0) }
        defer { server.close() }
        let client = try #require(LinkClient.connect(socketPath: socket))
        let all: [EngineCommand] = [
            .pause, .continue, .setLearningRate(0.01), .tryRates(from: 1e-5, to: 3, steps: 50), .stop,
        ]
        for command in all { client.send(command) }
        #expect(try box.next(all.count) == all)
        client.close()
        client.send(.stop)
        let bare = try BareClient(socket)
        bare.send("{\"command\":\"learning")
        bare.send("_rate\",\"value\":3}\r\n{\"command\":\"pause\"}\n")
        #expect(try box.next(2) == [.setLearningRate(3), .pause])
    }

    @Test func badLinesAreAnswered() throws {
        let server = try server { _ in Issue.record("a command came through") }
        defer { server.close() }
        let client = try BareClient(socket)
        for (line, answer) in [
            ("nonsense", "no JSON object"), ("{\"command\":\"fly\"}", "\\\"fly\\\" is unknown"),
            ("{\"command\":\"learning_rate\",\"value\":-1}", "above 0"), ("{\"command\":\"follow\"}", "after"),
            ("{\"command\":\"learning_rate\",\"value\":\"nan\"}", "above 0"), ("[]", "no JSON object"),
            ("{\"command\":\"try_rates\",\"from\":1,\"to\":0.1,\"steps\":20}", "the second the larger"),
            ("{\"command\":\"try_rates\",\"from\":1,\"to\":2,\"steps\":2000000}", "whole number in 10...10000"),
            ("{\"command\":7}", "missing"), ("{\"command\":\"\\u001b[2J\"}", "unknown"),
        ] {
            client.send(line + "\n")
            let said = try #require(client.line(), "\(line)")
            #expect(said.hasPrefix("{\"link\":\"error\",\"message\":\"") && said.contains(answer), "\(said)")
            #expect(!said.unicodeScalars.contains("\u{1B}"))
        }
        // A line without end is refused and the connection closed.
        client.send(String(repeating: "x", count: 70_000))
        #expect(client.line()?.contains("longer than 65536 bytes") == true)
        #expect(client.line() == nil)
    }

    @Test func theSocketIsOursAloneAndGoesAway() throws {
        let server = try server()
        var status = stat()
        #expect(stat(socket, &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(throws: LinkError.taken(session: "x.session")) { try self.server() }
        #expect(stat(socket, &status) == 0)
        server.close()
        #expect(stat(socket, &status) != 0)
        server.publish(events(1...1))
        #expect(LinkClient.connect(socketPath: socket) == nil)
    }

    @Test func aSocketThatAKillLeftIsReplaced() throws {
        // Bound and closed without being removed: what a killed engine leaves.
        let left = try LinkAddress.makeSocket()
        #expect(LinkAddress.withAddress(socket) { bind(left, $0, $1) } == 0)
        close(left)
        #expect(LinkClient.connect(socketPath: socket) == nil)
        let server = try server()
        defer { server.close() }
        #expect(LinkClient.connect(socketPath: socket) != nil)
    }

    @Test func aSocketOfAnotherServerIsNotRemoved() throws {
        let first = try server()
        unlink(socket)
        let second = try server()
        first.close()
        #expect(LinkClient.connect(socketPath: socket) != nil)
        second.close()
    }

    @Test func aSocketThatLostItsNameGetsAnother() throws {
        var limits = LinkLimits()
        limits.nameCheck = 5
        let places = [folder["run/workbench/s.sock"], folder["tmp/s.sock"]]
        try FileManager.default.createDirectory(atPath: folder["run"], withIntermediateDirectories: false)
        let server = try LinkServer(socketPaths: places, sessionPath: "x", limits: limits) { _ in }
        defer { server.close() }
        #expect(server.socketPath == places[0])
        let box = Mailbox<LinkMessage>()
        let client = try #require(LinkClient.connect(socketPath: places[0]))
        client.follow(after: 0) { box.put($0) }
        eventually { server.clientCount == 1 }
        // The system removes the folders of a person who has logged out.
        try FileManager.default.removeItem(atPath: folder["run"])
        eventually { server.socketPath == places[1] }
        #expect(LinkClient.connect(socketPath: places[1]) != nil)
        // Who was connected has not noticed.
        server.publish(events(1...1))
        #expect(try box.next() == .event(events(1...1)[0]))
    }

    @Test func threadsAndDescriptorsAreGivenBack() throws {
        try runsWithLinks.withLock { _ in try countThreadsAndDescriptors() }
    }

    private func countThreadsAndDescriptors() throws {
        func threads() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count { task in
                let name = FileManager.default.contents(atPath: "/proc/self/task/\(task)/comm") ?? Data()
                return String(decoding: name, as: UTF8.self).hasPrefix("link")
            }
        }
        func sockets() throws -> Int {
            let own = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
            return own.count { name in
                var status = stat()
                return fstat(Int32(name) ?? -1, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
            }
        }
        eventually { (try? threads()) == 0 }
        let before = try sockets()
        for _ in 0..<30 {
            let server = try server()
            let clients = (0..<3).compactMap { _ in LinkClient.connect(socketPath: socket) }
            #expect(clients.count == 3)
            for client in clients { client.follow(after: 0) { _ in } }
            clients[0].close()
            server.publish(events(1...10))
            eventually { server.clientCount == 2 }
            // The kernel's list may miss a thread while others come and go.
            eventually { ((try? threads()) ?? 0) >= 1 }
            server.close()
        }
        // Clients that are let go of without a close.
        eventually { (try? threads()) == 0 }
        eventually { (try? sockets()) == before }
    }

    @Test func closingFromTheHandlerDoesNotHang() throws {
        let server = try server()
        defer { server.close() }
        let box = Mailbox<LinkMessage>()
        let client = try #require(LinkClient.connect(socketPath: socket))
        client.follow(after: 0) { message in
            if case .event = message { client.close() }
            box.put(message)
        }
        server.publish(events(1...1))
        #expect(try box.next() == .event(events(1...1)[0]))
        #expect(try box.next() == .closed)
    }

    @Test func foldersAreChecked() throws {
        let safe = folder["safe"]
        try LinkAddress.prepare(safe)
        var status = stat()
        #expect(lstat(safe, &status) == 0 && status.st_mode & 0o777 == 0o700)
        // One that is ours but open is closed.
        chmod(safe, 0o777)
        try LinkAddress.prepare(safe)
        #expect(lstat(safe, &status) == 0 && status.st_mode & 0o777 == 0o700)
        #expect(symlink(safe, folder["link"]) == 0)
        #expect(throws: LinkError.badFolder(path: folder["link"], reason: "it is a symbolic link")) {
            try LinkAddress.prepare(folder["link"])
        }
        try Data().write(to: URL(fileURLWithPath: folder["file"]))
        #expect(throws: LinkError.badFolder(path: folder["file"], reason: "it is not a folder")) {
            try LinkAddress.prepare(folder["file"])
        }
        if geteuid() == 0 {
            chown(safe, 12_345, 12_345)
            #expect(throws: LinkError.badFolder(path: safe, reason: "it belongs to another user")) {
                try LinkAddress.prepare(safe)
            }
        }
    }

    @Test func longPathsHaveShortSockets() throws {
        let long = folder[String(repeating: "a", count: 200) + ".session"]
        try Data([1]).write(to: URL(fileURLWithPath: long))
        #expect(symlink(long, folder["other"]) == 0)
        let server = try LinkServer(sessionPath: long) { _ in }
        defer { server.close() }
        #expect(server.socketPath.utf8.count < 108)
        #expect(LinkClient.isLive(sessionPath: long))
        // By any name of the file.
        #expect(LinkClient.isLive(sessionPath: folder["other"]))
        #expect(LinkClient.connect(sessionPath: folder["other"]) != nil)
        server.close()
        #expect(!LinkClient.isLive(sessionPath: long))
        #expect(!LinkClient.isLive(sessionPath: folder["missing"]))
        #expect(LinkAddress.folders(environment: ["XDG_RUNTIME_DIR": "/run/x"]).first == "/run/x/workbench")
        #expect(LinkAddress.folders(environment: [:]).last == "/tmp/workbench-\(geteuid())")
    }

    // MARK: - Engines

    private func launch(_ script: String, log: String?) throws -> pid_t {
        try EngineLauncher.launch(executable: "/bin/sh", name: "sh", ["-c", script], log)
    }

    @Test func anEngineIsOnItsOwn() throws {
        let log = folder["log"]
        try Data("before\n".utf8).write(to: URL(fileURLWithPath: log))
        let script = """
            read -r line; echo "in $?"; echo oops >&2; cut -d' ' -f1,5,6 /proc/$$/stat
            grep -E 'SigBlk|SigIgn' /proc/self/status; exit 3
            """
        let process = try launch(script, log: log)
        eventually { EngineLauncher.exitStatus(of: process) != nil }
        #expect(EngineLauncher.exitStatus(of: process) == 3)
        let said = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
        // Input is at its end; process group and session are its own; no signal is blocked or ignored.
        #expect(said.prefix(4) == ["before", "in 1", "oops", "\(process) \(process) \(process)"])
        // (Bits 31 and 32 are glibc's own signals.)
        let masks = said.dropFirst(4).compactMap { UInt64($0.suffix(16), radix: 16) }
        #expect(masks.count == 2 && masks.allSatisfy { $0 & 0x7FFF_FFFF == 0 }, "\(said)")
        #expect(said.count == 6)
        // Waited for: no zombie is left.
        #expect(kill(process, 0) != 0)
    }

    @Test func anEngineThatWasKilledIsKnown() throws {
        let process = try launch("sleep 100", log: nil)
        #expect(EngineLauncher.exitStatus(of: process) == nil)
        kill(process, SIGTERM)
        eventually { EngineLauncher.exitStatus(of: process) != nil }
        #expect(EngineLauncher.exitStatus(of: process) == 128 + SIGTERM)
    }

    @Test func aLogThatCannotBeIsAnError() {
        #expect(throws: LinkError.self) { try launch("true", log: folder["missing/log"]) }
    }
}
