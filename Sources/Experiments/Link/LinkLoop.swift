// LinkLoop: the poll loop of the link's thread. Everything here belongs to that thread.

import Engine
import Foundation

/// Serves clients until it is told to stop. `@unchecked Sendable`: it is made by one thread and then used by the link's
/// thread alone.
final class LinkLoop: @unchecked Sendable {
    private struct Client {
        let descriptor: Int32
        var input: LineCutter
        var output: [UInt8] = []
        /// Bytes at the front of `output` that are sent.
        var sent = 0
        /// Number of the event it needs next; nil while it follows nothing.
        var next: Int?
        var isDone = false

        var waiting: Int { output.count - sent }

        mutating func queue(_ line: String) {
            output.append(contentsOf: line.utf8)
            output.append(UInt8(ascii: "\n"))
        }
    }

    private var socket: LinkSocket
    private let paths: [String]
    private let session: String
    private let wake: Int32
    private let shared: LinkShared
    private let limits: LinkLimits
    private let onRequest: @Sendable (LinkRequest) -> String?
    private var ring: EventRing
    private var clients: [Client] = []
    private var buffer = [UInt8](repeating: 0, count: 16 << 10)

    init(
        socket: LinkSocket, paths: [String], session: String, wake: Int32, shared: LinkShared, limits: LinkLimits,
        onRequest: @escaping @Sendable (LinkRequest) -> String?
    ) {
        self.socket = socket
        self.paths = paths
        self.session = session
        self.wake = wake
        self.shared = shared
        self.limits = limits
        self.onRequest = onRequest
        ring = EventRing(capacity: limits.ringLines)
    }

    func run() {
        var listenerRests = false
        var lastLook = ContinuousClock.now
        while true {
            var polled = [pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
            // A listener that cannot accept (no descriptors left) would wake us for ever.
            polled.append(pollfd(fd: listenerRests ? -1 : socket.descriptor, events: Int16(POLLIN), revents: 0))
            for client in clients {
                let events = POLLIN | (client.waiting > 0 ? POLLOUT : 0)
                polled.append(pollfd(fd: client.descriptor, events: Int16(events), revents: 0))
            }
            let ready = poll(&polled, nfds_t(polled.count), limits.nameCheck)
            if ready < 0, errno != EINTR { break }
            if ready < 0 { continue }
            if lastLook.duration(to: .now) >= .milliseconds(Int(limits.nameCheck)) {
                lastLook = .now
                listenerRests = false
                keepName()
            }

            if polled[0].revents != 0 { while read(wake, &buffer, buffer.count) > 0 {} }
            let (events, notices, stopping) = shared.take()
            for event in events { ring.append(event.sequence, EventLine.encode(event)) }
            for index in clients.indices where polled[index + 2].revents != 0 { receive(&clients[index]) }
            for index in clients.indices where clients[index].next != nil {
                // What was recorded before comes before.
                fill(&clients[index])
                for notice in notices { clients[index].queue(notice) }
            }
            for index in clients.indices { serve(&clients[index]) }
            removeDone()
            if polled[1].revents != 0, !acceptAll() { listenerRests = true }
            shared.setClientCount(clients.count)
            if stopping { break }
        }
        for client in clients { close(client.descriptor) }
        shared.setClientCount(0)
        socket.remove()
        close(wake)
    }

    /// When a person logs out, the system may remove their runtime folder and the socket in it, while the engine goes on.
    /// Then it gets a name again, where there is a place for one.
    private func keepName() {
        if socket.isNamed { return }
        do throws(LinkError) {
            let fresh = try LinkSocket.open(atOneOf: paths, session: session)
            socket.remove()
            socket = fresh
            shared.setSocketPath(fresh.path)
        } catch {
            // No place now: the clients that are connected stay, and it is tried again.
        }
    }

    /// - Returns: false when the system has no descriptor left.
    private func acceptAll() -> Bool {
        while true {
            let descriptor = accept(socket.descriptor, nil, nil)
            if descriptor < 0 {
                if errno == EINTR || errno == ECONNABORTED { continue }
                return errno == EAGAIN || errno == EWOULDBLOCK
            }
            guard clients.count < limits.clients, LinkAddress.peerIsSameUser(descriptor) else {
                close(descriptor)
                continue
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            clients.append(Client(descriptor: descriptor, input: LineCutter(limit: limits.lineBytes)))
        }
    }

    private func receive(_ client: inout Client) {
        // One piece a round: a client that sends without end does not keep the others waiting.
        let count = recv(client.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else {
            client.isDone = true
            return
        }
        var lines: [[UInt8]] = []
        let fits = client.input.add(buffer[0..<count]) { lines.append($0) }
        for line in lines { answer(line, &client) }
        if !fits {
            client.queue(LinkNotice.refused("a line is longer than \(limits.lineBytes) bytes"))
            send(&client)
            client.isDone = true
        }
    }

    private func answer(_ line: [UInt8], _ client: inout Client) {
        do throws(LinkRequestError) {
            let request = try LinkRequest(line)
            if case .follow(let sequence) = request {
                client.next = sequence.addingReportingOverflow(1).partialValue
            } else if let refusal = onRequest(request) {
                client.queue(LinkNotice.refused(refusal))
            }
        } catch {
            client.queue(LinkNotice.refused(error.reason))
        }
    }

    /// Sends until the client has all there is, or its socket takes no more.
    private func serve(_ client: inout Client) {
        while !client.isDone {
            fill(&client)
            if client.waiting > limits.dropBytes { client.isDone = true }
            let before = client.waiting
            if before == 0 { return }
            send(&client)
            if client.waiting == before { return }
        }
    }

    private func fill(_ client: inout Client) {
        guard let next = client.next, let first = ring.first, let end = ring.end else { return }
        if next < first {
            client.queue(LinkNotice.gap)
            client.next = nil
            return
        }
        var sequence = next
        while sequence < end, client.waiting < limits.fillBytes, let line = ring[sequence] {
            client.queue(line)
            sequence += 1
        }
        client.next = sequence
    }

    private func send(_ client: inout Client) {
        let sent = client.output.withUnsafeBytes { bytes in
            Glibc.send(
                client.descriptor, bytes.baseAddress?.advanced(by: client.sent), bytes.count - client.sent,
                Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        if sent < 0 {
            if errno != EAGAIN, errno != EINTR { client.isDone = true }
            return
        }
        client.sent += sent
        if client.sent == client.output.count {
            client.output.removeAll(keepingCapacity: true)
            client.sent = 0
        }
    }

    private func removeDone() {
        for client in clients where client.isDone { close(client.descriptor) }
        clients.removeAll(where: \.isDone)
    }
}
