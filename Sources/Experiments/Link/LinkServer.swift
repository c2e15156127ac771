// LinkServer: the engine's end of the socket. One thread serves all clients and never waits for one of them.
//
// A client has a place in the ring of recent events, and its buffer is filled from there only while it is short. So a
// client that reads slowly (a screen that Ctrl-Z stopped) costs nothing and misses nothing in the end: when the ring has
// gone on without it, it is told of the gap and reads the session file. Dropped is only who floods us.

import Engine
import Foundation
import Synchronization

/// Serves the events of one session to the screens of this user, and takes their commands.
public final class LinkServer: Sendable {
    /// Path of the socket.
    public let socketPath: String
    private let shared: LinkShared
    /// The end of a pipe that wakes the thread; nil once closed.
    private let wake: Mutex<Int32?>
    private let ended = DispatchSemaphore(value: 0)
    private let isClosed = Mutex(false)

    /// Opens the socket of the session at `sessionPath`, which must exist. A socket that a killed engine left is replaced.
    /// - Parameter onCommand: Called on the link's thread; it must not block.
    public convenience init(
        sessionPath: String, onCommand: @escaping @Sendable (EngineCommand) -> Void
    ) throws(LinkError) {
        let name = try LinkAddress.fileName(sessionPath: sessionPath)
        var lastError: LinkError?
        for folder in LinkAddress.folders() {
            do throws(LinkError) {
                try LinkAddress.prepare(folder)
                try self.init(
                    socketPath: "\(folder)/\(name)", sessionPath: sessionPath, limits: LinkLimits(),
                    onCommand: onCommand)
                return
            } catch .badFolder(let path, let reason) {
                // The first objection tells most: later folders are second choices.
                lastError = lastError ?? .badFolder(path: path, reason: reason)
            }
        }
        throw lastError ?? .failed(doing: "choosing a folder", detail: "there is none")
    }

    /// Opens a socket at `socketPath`.
    init(
        socketPath: String, sessionPath: String, limits: LinkLimits,
        onCommand: @escaping @Sendable (EngineCommand) -> Void
    ) throws(LinkError) {
        if let other = LinkAddress.connect(to: socketPath) {
            Glibc.close(other)
            throw .taken(session: sessionPath)
        }
        // Nobody answers: what lies there was left by an engine that was killed. The session's lock, which the caller
        // holds, keeps a second engine from doing the same at this moment.
        unlink(socketPath)
        let listener = try LinkAddress.makeSocket()
        let bound = LinkAddress.withAddress(socketPath) { bind(listener, $0, $1) }
        guard bound == 0, chmod(socketPath, 0o600) == 0, listen(listener, 16) == 0 else {
            let error = LinkError.system(bound == nil ? "naming the socket" : "opening the socket")
            Glibc.close(listener)
            throw error
        }
        var pipes: [Int32] = [-1, -1]
        guard pipe(&pipes) == 0 else {
            let error = LinkError.system("making a pipe")
            Glibc.close(listener)
            unlink(socketPath)
            throw error
        }
        for descriptor in pipes {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        }
        var status = stat()
        let named = stat(socketPath, &status) == 0 ? FileIdentity(status) : nil
        self.socketPath = socketPath
        shared = LinkShared()
        wake = Mutex(pipes[1])
        let loop = LinkLoop(
            listener: listener, wake: pipes[0], shared: shared, limits: limits, onCommand: onCommand)
        let thread = Thread { [ended] in
            loop.run()
            // A session that was moved away and started again may have put its own socket here.
            var status = stat()
            if stat(socketPath, &status) == 0, FileIdentity(status) == named { unlink(socketPath) }
            ended.signal()
        }
        thread.name = "link"
        thread.start()
    }

    deinit { close() }

    /// Hands events to the clients. Never blocks: they are only put where the link's thread finds them.
    public func publish(_ events: [NumberedEvent]) {
        if events.isEmpty { return }
        if shared.add(events) { nudge() }
    }

    /// Clients that are connected.
    public var clientCount: Int { shared.clientCount }

    /// Sends what clients still want, as far as they read at once, ends the thread and removes the socket.
    public func close() {
        let first = isClosed.withLock { closed in
            defer { closed = true }
            return !closed
        }
        guard first else { return }
        shared.stop()
        nudge()
        ended.wait()
        wake.withLock { wake in
            if let descriptor = wake { Glibc.close(descriptor) }
            wake = nil
        }
    }

    private func nudge() {
        wake.withLock { wake in
            guard let wake else { return }
            // A full pipe has woken the thread already.
            var byte: UInt8 = 1
            _ = write(wake, &byte, 1)
        }
    }
}

/// How much the server keeps for its clients.
struct LinkLimits: Sendable {
    /// Events for clients that come late or read slowly.
    var ringLines = 20_000
    /// Bytes waiting for one client, above which no more events are put there.
    var fillBytes = 64 << 10
    /// Bytes waiting for one client, above which it is dropped.
    var dropBytes = 4 << 20
    /// Bytes of a client's line.
    var lineBytes = 64 << 10
    var clients = 64
}

/// What the link's thread and the others share.
final class LinkShared: Sendable {
    private struct State {
        var pending: [NumberedEvent] = []
        var stopping = false
        var clients = 0
    }
    private let state = Mutex(State())

    /// - Returns: true when the thread has to be woken.
    func add(_ events: [NumberedEvent]) -> Bool {
        state.withLock { state in
            if state.stopping { return false }
            let wasEmpty = state.pending.isEmpty
            state.pending.append(contentsOf: events)
            return wasEmpty
        }
    }

    func stop() { state.withLock { $0.stopping = true } }

    func setClientCount(_ count: Int) { state.withLock { $0.clients = count } }
    var clientCount: Int { state.withLock { $0.clients } }

    /// What has come since the last time, and whether to end.
    func take() -> (events: [NumberedEvent], stopping: Bool) {
        state.withLock { state in
            defer { state.pending = [] }
            return (state.pending, state.stopping)
        }
    }
}
