// LinkClient: a screen's end of the socket.

import Engine
import Foundation
import Synchronization

/// What a client hears.
public enum LinkMessage: Sendable, Equatable {
    /// The next event; numbers have no gaps between a `follow` and a `gap`.
    case event(NumberedEvent)
    /// What an analyst tells beside events, or why it refused a line.
    case news(AnalystNews)
    /// The engine no longer keeps the next event. Read the session file to its end and follow again.
    case gap
    /// The engine has gone, or `close` was called. The last message.
    case closed
}

/// A connection to the engine of a running session.
public final class LinkClient: Sendable {
    private let connection: LinkConnection

    private init(_ descriptor: Int32) { connection = LinkConnection(descriptor) }

    deinit { connection.close() }

    /// Connects to the engine of the session at `sessionPath`, without waiting.
    /// - Returns: nil when no engine of this user runs it.
    public static func connect(sessionPath: String, role: LinkRole = .run) -> LinkClient? {
        descriptor(sessionPath: sessionPath, role: role).map(LinkClient.init)
    }

    /// An engine answers for the session at `sessionPath`. Quick and without waiting.
    public static func isLive(sessionPath: String) -> Bool {
        guard let descriptor = descriptor(sessionPath: sessionPath, role: .run) else { return false }
        Glibc.close(descriptor)
        return true
    }

    /// Connects to the socket at `socketPath`.
    static func connect(socketPath: String) -> LinkClient? {
        LinkAddress.connect(to: socketPath).map(LinkClient.init)
    }

    private static func descriptor(sessionPath: String, role: LinkRole) -> Int32? {
        let name: String
        do throws(LinkError) {
            name = try LinkAddress.fileName(sessionPath: sessionPath, role: role)
        } catch {
            return nil  // The session is not there, so nobody runs it.
        }
        for folder in LinkAddress.folders() {
            let path = "\(folder)/\(name)"
            var status = stat()
            guard lstat(path, &status) == 0, LinkAddress.objection(to: folder) == nil else { continue }
            if let descriptor = LinkAddress.connect(to: path) { return descriptor }
        }
        return nil
    }

    /// Asks for the events after number `sequence` and all that follow. Later calls, after a `gap`, replace the handler.
    /// - Parameter onMessage: Called on the client's own thread, in order.
    public func follow(after sequence: Int, onMessage: @escaping @Sendable (LinkMessage) -> Void) {
        connection.follow(after: sequence, onMessage: onMessage)
    }

    /// Sends a command; if the engine has gone, `closed` tells.
    public func send(_ command: EngineCommand) {
        connection.send(LinkRequest(command))
    }

    /// Asks an analyst; if it has gone, `closed` tells.
    public func ask(_ question: AnalystQuestion) {
        connection.send(LinkRequest(question))
    }

    /// Ends the connection. The handler hears `closed` and then nothing more.
    public func close() { connection.close() }
}

/// The socket of a client and the thread that reads it. The thread keeps this alive, not the ``LinkClient``.
private final class LinkConnection: Sendable {
    private struct State {
        /// nil once closed. The thread, where there is one, closes it; else `close` does.
        var descriptor: Int32?
        var handler: (@Sendable (LinkMessage) -> Void)?
        var isReading = false
    }
    private let state: Mutex<State>

    init(_ descriptor: Int32) { state = Mutex(State(descriptor: descriptor)) }

    func follow(after sequence: Int, onMessage: @escaping @Sendable (LinkMessage) -> Void) {
        let (descriptor, start) = state.withLock { state -> (Int32?, Bool) in
            state.handler = onMessage
            let start = !state.isReading && state.descriptor != nil
            if start { state.isReading = true }
            return (state.descriptor, start)
        }
        guard let descriptor else {
            onMessage(.closed)
            return
        }
        send(LinkRequest(followAfter: sequence))
        guard start else { return }
        let thread = Thread {
            // Named from within: Foundation gives the name to the system only there.
            Thread.current.name = "link-client"
            self.read(descriptor)
        }
        thread.start()
    }

    func send(_ request: LinkRequest) {
        let bytes = Array((request.line + "\n").utf8)
        state.withLock { state in
            guard let descriptor = state.descriptor else { return }
            let sent = Glibc.send(
                descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            // Half a line, or an engine that has not read for so long that a few bytes do not fit: no use any more.
            if sent != bytes.count { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    func close() {
        state.withLock { state in
            guard let descriptor = state.descriptor else { return }
            // Wakes the reading thread, which closes the descriptor: closed here, its number might be somebody else's
            // file by the time the thread reads again.
            shutdown(descriptor, Int32(SHUT_RDWR))
            if !state.isReading {
                Glibc.close(descriptor)
                state.descriptor = nil
            }
        }
    }

    private func read(_ descriptor: Int32) {
        var cutter = LineCutter(limit: 16 << 20)
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        reading: while true {
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, -1) < 0, errno != EINTR { break }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { break }
            var messages: [LinkMessage] = []
            let fits = cutter.add(buffer[0..<count]) { line in
                if let message = Self.message(line) { messages.append(message) }
            }
            for message in messages { state.withLock { $0.handler }?(message) }
            if !fits { break reading }
        }
        let handler = state.withLock { state in
            Glibc.close(descriptor)
            state.descriptor = nil
            defer { state.handler = nil }
            return state.handler
        }
        handler?(.closed)
    }

    /// What a line means; nil for notices that need no answer.
    private static func message(_ line: [UInt8]) -> LinkMessage? {
        let text = String(decoding: line, as: UTF8.self)
        if text == LinkNotice.gap { return .gap }
        do throws(EventLineError) {
            return .event(try EventLine.decode(text))
        } catch .missing(field: "event", event: "") {
            return LinkNotice.news(text).map(LinkMessage.news)
        } catch {
            // An event of a newer engine, or none. The session file has it too, and says what is wrong with it.
            return .gap
        }
    }
}
