// Feed: the thread that follows one open session, from its file and from the engine's socket, and starts engines.

import Engine
import Experiments
import Foundation
import Synchronization

/// Follows one session until it ends or ``close()``; news go to the mailbox.
final class Feed: Sendable {
    /// How the session comes to be there.
    enum Origin: Sendable {
        /// It is there.
        case file
        /// An engine is started with these arguments.
        case engine(arguments: [String])
    }

    private struct Line {
        var client: LinkClient?
        var isClosed = false
        /// Events that the engine sent and that were not passed on yet.
        var waiting: [NumberedEvent] = []
        var isCut = false
    }

    let path: String
    private let opening: Int
    private let origin: Origin
    /// The run of the file that is followed; nil: the first. Of another one only the file tells.
    private let run: Int?
    private let mailbox: Mailbox
    private let line = Mutex(Line())
    private let bell = DispatchSemaphore(value: 0)

    init(path: String, opening: Int, origin: Origin, run: Int? = nil, mailbox: Mailbox) {
        self.path = path
        self.run = run
        self.opening = opening
        self.origin = origin
        self.mailbox = mailbox
        let thread = Thread { [self] in follow() }
        thread.name = "link"
        thread.start()
    }

    /// Asks the engine for something; without one nothing happens.
    func send(_ command: EngineCommand) { line.withLock { $0.client }?.send(command) }

    /// Ends the following. The engine goes on.
    func close() {
        let client = line.withLock { line in
            line.isClosed = true
            return line.client
        }
        client?.close()
        bell.signal()
    }

    private var isClosed: Bool { line.withLock { $0.isClosed } }

    private func tell(_ news: FeedNews) {
        if !isClosed { mailbox.post(.feed(opening: opening, news)) }
    }

    private func follow() {
        var log: String?
        // The engine keeps the file that it writes to; only its name goes.
        defer { if let log { unlink(log) } }
        do {
            if case .engine(let arguments) = origin {
                let file = try EngineLog.make()
                log = file
                if try !start(arguments, log: file) { return }
            }
            let reader = try SessionReader(path: path, run: run)
            tell(.opened(name: reader.info.name))
            tell(.facts(SessionFacts(reader: reader)))
            var place = Place()
            try passOn(from: reader, &place)
            while !isClosed {
                if run != nil {
                    if try followFile(reader, &place) { return }
                    continue
                }
                // Connect first, read then: nothing can happen between the two unseen.
                guard let client = LinkClient.connect(sessionPath: path) else {
                    try passOn(from: reader, &place)
                    if let status = place.ending(isLive: LinkClient.isLive(sessionPath: path)) {
                        tell(.ended(status))
                        if status == .interrupted, let reason = log.flatMap(EngineLog.reason), !isClosed {
                            mailbox.post(.noticed(Notice(text: reason, role: .bad)))
                        }
                        return
                    }
                    Thread.sleep(forTimeInterval: 0.1)
                    continue
                }
                tell(.live)
                listen(to: client, &place)
                try passOn(from: reader, &place)
                if let reason = place.reason {
                    // The mistakes came last.
                    tell(.facts(SessionFacts(reader: reader)))
                    return tell(.ended(.finished(reason)))
                }
                // The engine has gone, or was faster than its memory of events: the file has them, or will in a moment.
                if !isClosed { Thread.sleep(forTimeInterval: 0.02) }
            }
        } catch {
            tell(.failed("\(error)"))
        }
    }

    /// How far the events have been passed on.
    private struct Place {
        var sequence = 0
        var reason: RunEvent.Finished.Reason?

        /// Takes the event after the last one.
        mutating func take(_ event: RunEvent) {
            sequence += 1
            switch event {
            case .finished(let finished): reason = finished.reason
            case .resumed: reason = nil
            default: break
            }
        }

        /// How the session ended; nil: an engine is there, so it has not.
        func ending(isLive: Bool) -> SessionStatus? {
            if let reason { return .finished(reason) }
            return isLive ? nil : .interrupted
        }
    }

    /// Passes on what a fold's own run has come to, now and then; true: it has ended, and that was told.
    private func followFile(_ reader: SessionReader, _ place: inout Place) throws -> Bool {
        // Asked first: what is written until then is read.
        let isLive = LinkClient.isLive(sessionPath: path)
        try passOn(from: reader, &place)
        if let status = place.ending(isLive: isLive) {
            tell(.ended(status))
            return true
        }
        Thread.sleep(forTimeInterval: 0.3)
        return false
    }

    private func passOn(from reader: SessionReader, _ place: inout Place) throws {
        let events = try reader.runEvents(after: place.sequence)
        for event in events { place.take(event) }
        if !events.isEmpty { tell(.events(events)) }
    }

    /// Passes on what the engine sends until it ends or a part is missing.
    private func listen(to client: LinkClient, _ place: inout Place) {
        line.withLock { line in
            line.client = client
            line.waiting = []
            line.isCut = line.isClosed
        }
        client.follow(after: place.sequence) { [self] message in
            line.withLock { line in
                switch message {
                case .event(let event): line.waiting.append(event)
                // A run refuses only what this screen does not send.
                case .news: break
                case .gap, .closed: line.isCut = true
                }
            }
            bell.signal()
        }
        while true {
            bell.wait()
            let (events, isCut) = line.withLock { line in
                defer { line.waiting = [] }
                return (line.waiting, line.isCut || line.isClosed)
            }
            var fresh: [RunEvent] = []
            var isTorn = false
            for event in events where event.sequence > place.sequence {
                isTorn = event.sequence != place.sequence + 1
                if isTorn { break }
                place.take(event.event)
                fresh.append(event.event)
            }
            if !fresh.isEmpty { tell(.events(fresh)) }
            // A finished engine may stay as long as somebody listens.
            if isCut || isTorn || place.reason != nil { break }
        }
        client.close()
        line.withLock { $0.client = nil }
    }

    /// Starts an engine and waits until its session is there. False: it failed or was closed, and has been told.
    private func start(_ arguments: [String], log: String) throws -> Bool {
        // An engine that has just stopped may still hold the session for a moment.
        var patience = 50
        while LinkClient.isLive(sessionPath: path), patience > 0, !isClosed {
            Thread.sleep(forTimeInterval: 0.1)
            patience -= 1
        }
        if patience == 0 { return true }
        let engine = try EngineLauncher.launch(arguments: arguments, logPath: log)
        while !isClosed {
            if LinkClient.isLive(sessionPath: path) { return true }
            if let status = EngineLauncher.exitStatus(of: engine) {
                // A very short run may be over before anybody looked.
                if status == 0, FileManager.default.fileExists(atPath: path) { return true }
                tell(.failed(EngineLog.reason(log) ?? "the engine ended with status \(status) and said nothing"))
                return false
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
        return false
    }
}
