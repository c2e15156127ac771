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
        try self.init(
            socketPaths: LinkAddress.folders().map { "\($0)/\(name)" }, sessionPath: sessionPath, limits: LinkLimits(),
            onCommand: onCommand)
    }

    /// Opens the socket of the analyst of the session at `sessionPath`, beside that of a run.
    /// - Parameter onQuestion: Called on the link's thread; it must not block.
    public convenience init(
        analystOf sessionPath: String, onQuestion: @escaping @Sendable (AnalystQuestion) -> Void
    ) throws(LinkError) {
        let name = try LinkAddress.fileName(sessionPath: sessionPath, role: .analyst)
        try self.init(
            socketPaths: LinkAddress.folders().map { "\($0)/\(name)" }, sessionPath: sessionPath, limits: LinkLimits()
        ) { request in
            guard case .question(let question) = request else { return "no run goes on here that could be steered" }
            onQuestion(question)
            return nil
        }
    }

    /// Opens a socket at one of `socketPaths`.
    convenience init(
        socketPaths: [String], sessionPath: String, limits: LinkLimits,
        onCommand: @escaping @Sendable (EngineCommand) -> Void
    ) throws(LinkError) {
        try self.init(socketPaths: socketPaths, sessionPath: sessionPath, limits: limits) { request in
            guard case .command(let command) = request else { return "a run that goes on explains nothing" }
            onCommand(command)
            return nil
        }
    }

    /// - Parameter onRequest: Called on the link's thread with all but `follow`; it must not block. What it returns is
    ///   why the request is refused.
    private init(
        socketPaths: [String], sessionPath: String, limits: LinkLimits,
        onRequest: @escaping @Sendable (LinkRequest) -> String?
    ) throws(LinkError) {
        let socket = try LinkSocket.open(atOneOf: socketPaths, session: sessionPath)
        var pipes: [Int32] = [-1, -1]
        guard pipe(&pipes) == 0 else {
            let error = LinkError.system("making a pipe")
            socket.remove()
            throw error
        }
        for descriptor in pipes {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        }
        shared = LinkShared(socketPath: socket.path)
        wake = Mutex(pipes[1])
        let loop = LinkLoop(
            socket: socket, paths: socketPaths, session: sessionPath, wake: pipes[0], shared: shared, limits: limits,
            onRequest: onRequest)
        let thread = Thread { [ended] in
            // Told to the system itself: Foundation's name needs the thread's handle, which the thread that starts this one
            // may not have stored yet.
            if let name = fopen("/proc/thread-self/comm", "w") {
                fputs("link", name)
                fclose(name)
            }
            loop.run()
            ended.signal()
        }
        thread.start()
    }

    deinit { close() }

    /// Hands events to the clients. Never blocks: they are only put where the link's thread finds them.
    public func publish(_ events: [NumberedEvent]) {
        if events.isEmpty { return }
        if shared.add(events) { nudge() }
    }

    /// Tells all clients that follow something that is no event. Never blocks.
    public func tell(_ news: AnalystNews) {
        if shared.add(LinkNotice.line(of: news)) { nudge() }
    }

    /// Where the socket is now.
    public var socketPath: String { shared.socketPath }

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
    /// Milliseconds between looks whether the socket still has its name.
    var nameCheck: Int32 = 2_000
}

/// What the link's thread and the others share.
final class LinkShared: Sendable {
    private struct State {
        var pending: [NumberedEvent] = []
        var notices: [String] = []
        var stopping = false
        var clients = 0
        var socketPath: String
    }
    private let state: Mutex<State>

    init(socketPath: String) { state = Mutex(State(socketPath: socketPath)) }

    /// - Returns: true when the thread has to be woken.
    func add(_ events: [NumberedEvent]) -> Bool {
        state.withLock { state in
            if state.stopping { return false }
            let wasEmpty = state.pending.isEmpty && state.notices.isEmpty
            state.pending.append(contentsOf: events)
            return wasEmpty
        }
    }

    /// - Returns: true when the thread has to be woken.
    func add(_ notice: String) -> Bool {
        state.withLock { state in
            if state.stopping { return false }
            let wasEmpty = state.pending.isEmpty && state.notices.isEmpty
            state.notices.append(notice)
            return wasEmpty
        }
    }

    func stop() { state.withLock { $0.stopping = true } }

    func setClientCount(_ count: Int) { state.withLock { $0.clients = count } }
    var clientCount: Int { state.withLock { $0.clients } }

    func setSocketPath(_ path: String) { state.withLock { $0.socketPath = path } }
    var socketPath: String { state.withLock { $0.socketPath } }

    /// What has come since the last time, and whether to end.
    func take() -> (events: [NumberedEvent], notices: [String], stopping: Bool) {
        state.withLock { state in
            defer { (state.pending, state.notices) = ([], []) }
            return (state.pending, state.notices, state.stopping)
        }
    }
}
