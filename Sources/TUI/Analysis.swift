// Analysis: the thread that follows the analyst of one open session, whom it starts when there is none.

import Engine
import Experiments
import Foundation
import Synchronization

/// Asks the analyst of one session until ``close()``; answers go to the mailbox.
final class Analysis: Sendable {
    private struct Line {
        var client: LinkClient?
        var isClosed = false
        /// Asked before there was a connection.
        var waiting: [AnalystQuestion] = []
        var news: [LinkMessage] = []
    }

    let path: String
    let opening: Int
    /// Another place of the data; nil: where they were.
    let data: String?
    private let mailbox: Mailbox
    private let line = Mutex(Line())
    private let bell = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - sequence: number of the last event that the screen has.
    ///   - data: another place of the data; nil: where they were.
    init(path: String, opening: Int, after sequence: Int, data: String?, mailbox: Mailbox) {
        self.path = path
        self.opening = opening
        self.data = data
        self.mailbox = mailbox
        let thread = Thread { [self] in follow(after: sequence) }
        thread.name = "analysis"
        thread.start()
    }

    /// Asks; the answer comes by and by.
    func ask(_ question: AnalystQuestion) {
        let client = line.withLock { line -> LinkClient? in
            if line.client == nil { line.waiting.append(question) }
            return line.client
        }
        client?.ask(question)
    }

    /// Whether the analyst has gone, so that another is needed.
    var isClosed: Bool { line.withLock { $0.isClosed } }

    /// Ends the following; the analyst ends when nobody is left.
    func close() {
        let client = line.withLock { line in
            line.isClosed = true
            return line.client
        }
        client?.close()
        bell.signal()
    }

    private func tell(_ news: FeedNews) { mailbox.post(.feed(opening: opening, news)) }

    private func follow(after sequence: Int) {
        var engine: (process: pid_t, log: String)?
        defer {
            line.withLock { $0.isClosed = true }
            if let engine { unlink(engine.log) }
        }
        do {
            guard let client = try connect(&engine) else { return }
            line.withLock { $0.client = client }
            client.follow(after: sequence) { [self] message in
                line.withLock { $0.news.append(message) }
                bell.signal()
            }
            for question in line.withLock({ $0.waiting }) { client.ask(question) }
            listen(after: sequence, client)
            guard !isClosed else { return }
            // One that failed says why before it ends.
            var patience = 100
            while let engine, EngineLauncher.exitStatus(of: engine.process) == nil, patience > 0 {
                Thread.sleep(forTimeInterval: 0.02)
                patience -= 1
            }
            tell(.analyst(.failed(engine.flatMap { EngineLog.reason($0.log) } ?? "The analyst has gone; ask again.")))
        } catch {
            tell(.analyst(.failed("\(error)")))
        }
    }

    /// The analyst that is there, or one that is started; nil: closed meanwhile, or it failed and has been told.
    private func connect(_ engine: inout (process: pid_t, log: String)?) throws -> LinkClient? {
        if let client = LinkClient.connect(sessionPath: path, role: .analyst) { return client }
        let file = try EngineLog.make()
        let process = try EngineLauncher.launch(
            arguments: ["analyse", path] + (data.map { ["--data", $0] } ?? []), logPath: file)
        engine = (process, file)
        while !isClosed {
            if let client = LinkClient.connect(sessionPath: path, role: .analyst) { return client }
            if let status = EngineLauncher.exitStatus(of: process) {
                tell(.analyst(.failed(EngineLog.reason(file) ?? "the analyst ended with status \(status)")))
                return nil
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return nil
    }

    private func listen(after sequence: Int, _ client: LinkClient) {
        var last = sequence
        while true {
            bell.wait()
            let (messages, isClosed) = line.withLock { line in
                defer { line.news = [] }
                return (line.news, line.isClosed)
            }
            if isClosed { return }
            for message in messages {
                switch message {
                case .event(let event) where event.sequence == last + 1:
                    last += 1
                    tell(.events([event.event]))
                case .event: break
                case .news(.facts): readFacts()
                case .news(let news): tell(.analyst(news))
                case .gap:
                    last = readEvents(after: last)
                    client.follow(after: last) { [self] message in
                        line.withLock { $0.news.append(message) }
                        bell.signal()
                    }
                case .closed: return
                }
            }
        }
    }

    private func readFacts() {
        do throws(SessionError) {
            let reader = try SessionReader(path: path)
            defer { reader.close() }
            tell(.facts(SessionFacts(reader: reader)))
        } catch {
            tell(.analyst(.failed("\(error)")))
        }
    }

    private func readEvents(after sequence: Int) -> Int {
        do throws(SessionError) {
            let reader = try SessionReader(path: path)
            defer { reader.close() }
            let events = try reader.runEvents(after: sequence)
            tell(.events(events))
            return sequence + events.count
        } catch {
            tell(.analyst(.failed("\(error)")))
            return sequence
        }
    }
}
