// Tests of the analyst: questions over the socket, answers in the session.

import Engine
import Foundation
import Synchronization
import Testing

@testable import Experiments

struct AnalystTests {
    private let folder = NSTemporaryDirectory() + "analyst-\(UUID().uuidString)"

    /// A finished session of iris.
    private func session() throws -> String {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/iris.session"
        let yaml = try #require(Presets.named("iris-mlp")?.yaml)
        let (spec, text) = try SpecFile.parse(
            yaml: yaml, file: "iris", overrides: [(key: "training.epochs", value: "3")])
        let run = try TrainingRun(
            Experiment(spec: spec, yaml: text), path: path, workers: 1, programVersion: "0", command: [])
        _ = try run.run(RunObserver(events: { _ in }, complaint: { _ in }))
        return path
    }

    private final class Heard: Sendable {
        let messages = Mutex<[LinkMessage]>([])
        var all: [LinkMessage] { messages.withLock { $0 } }
        var news: [AnalystNews] { all.compactMap { if case .news(let news) = $0 { news } else { nil } } }
        var events: [RunEvent] { all.compactMap { if case .event(let event) = $0 { event.event } else { nil } } }
    }

    private func wait(_ what: String, _ isSo: () -> Bool) {
        for _ in 0..<1_000 where !isSo() { Thread.sleep(forTimeInterval: 0.01) }
        #expect(isSo(), "\(what)")
    }

    @Test func answersAndKeeps() throws {
        let path = try session()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let before = try SessionReader(path: path).runEvents().count
        let analyst = try Analyst(session: path, data: nil, workers: 2)
        let ended = DispatchSemaphore(value: 0)
        nonisolated(unsafe) let moved = analyst
        Thread.detachNewThread {
            do { try moved.run(patience: 0.5) } catch { Issue.record("\(error)") }
            ended.signal()
        }
        // A run is not there, an analyst is.
        #expect(!LinkClient.isLive(sessionPath: path))
        let client = try #require(LinkClient.connect(sessionPath: path, role: .analyst))
        let heard = Heard()
        client.follow(after: before) { message in heard.messages.withLock { $0.append(message) } }
        client.send(.pause)
        wait("the refusal of what no analyst does") {
            heard.news.contains { if case .failed(let reason) = $0 { reason.contains("no run") } else { false } }
        }
        let settings = LIMESettings(samples: 500, features: 3, repeats: 2)
        let row = Int(try Explainer(session: path, data: nil, workers: 1).splits.test[0])
        client.ask(.explain(row: row, changes: [], settings: settings))
        wait("the first answer") { heard.events.count == 1 }
        client.ask(.explain(row: row, changes: [ValueChange(column: 0, text: "9.5")], settings: settings))
        wait("the second answer") { heard.events.count == 2 }
        client.ask(.explain(row: 150, changes: [], settings: settings))
        wait("the refusal of a row that is not there") {
            heard.news.contains { if case .failed(let reason) = $0 { reason.contains("150") } else { false } }
        }
        client.ask(.cancel)
        client.close()
        ended.wait()

        let reader = try SessionReader(path: path)
        let state = RunState(try reader.runEvents())
        #expect(state.phase == .finished(.completed) && state.explanations.count == 2)
        #expect(heard.events == state.explanations.map { .explained($0) })
        #expect(state.explanations.map(\.row) == [row, row])
        #expect(state.explanations[1].values[0].text == "9.5" && state.explanations[1].values[0].isChanged)
        #expect(state.explanations[0].surrogates[0].terms.count == 3)
        // The list of sessions still says how the run ended.
        #expect(SessionSummary(path: path).status == .finished(.completed))
    }

    @Test func sessionsWithoutPredictionsGetThem() throws {
        let path = try session()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let kept = SessionFacts(reader: try SessionReader(path: path)).predictions
        let writer = try SessionWriter.open(path: path)
        try writer.change { database, run in
            try database.execute(sql: "DELETE FROM artifact WHERE kind = 'predictions'")
        }
        writer.close()
        #expect(SessionFacts(reader: try SessionReader(path: path)).predictions == nil)
        try Analyst(session: path, data: nil, workers: 1).run(patience: 0.1)
        let again = SessionFacts(reader: try SessionReader(path: path)).predictions
        #expect(kept != nil && again == kept)
    }

    @Test func questionsComeBackFromTheirLines() throws {
        let settings = LIMESettings(
            samples: 700, features: 4, kernelWidth: 3, discretizer: .decile, selection: .forward, seed: .max, repeats: 7
        )
        let questions: [AnalystQuestion] = [
            .cancel, .predictions, .survey(rows: 40, settings: settings),
            .explain(row: 7, changes: [], settings: LIMESettings()),
            .explain(
                row: 7, changes: [ValueChange(column: 2, text: "a \"\u{1B}\n"), ValueChange(column: 3, text: "")],
                settings: settings),
        ]
        for question in questions {
            #expect(try LinkRequest(Array(LinkRequest(question).line.utf8)) == .question(question))
        }
        for line in [
            #"{"command":"explain"}"#, #"{"command":"survey","rows":0,"samples":1}"#,
            #"{"command":"explain","row":1,"columns":[1],"values":[],"samples":5,"features":1,"discretizer":"quartile","selection":"auto","seed":1,"repeats":1}"#,
            #"{"command":"explain","row":1,"columns":[],"values":[],"samples":500000000,"features":1,"discretizer":"quartile","selection":"auto","seed":1,"repeats":1}"#,
        ] {
            #expect(throws: LinkRequestError.self) { try LinkRequest(Array(line.utf8)) }
        }
    }

    @Test func newerQuestionsTakeThePlaceOfOlderOnes() {
        let queue = QuestionQueue()
        let settings = LIMESettings()
        queue.push(.explain(row: 1, changes: [], settings: settings))
        queue.push(.survey(rows: 5, settings: settings))
        queue.push(.explain(row: 2, changes: [], settings: settings))
        #expect(queue.isOver(yieldsToNext: true) && !queue.isOver(yieldsToNext: false))
        #expect(queue.next(seconds: 0) == .survey(rows: 5, settings: settings))
        #expect(queue.next(seconds: 0) == .explain(row: 2, changes: [], settings: settings))
        #expect(queue.next(seconds: 0) == nil)
        queue.push(.explain(row: 3, changes: [], settings: settings))
        queue.push(.cancel)
        #expect(queue.isOver(yieldsToNext: false))
        #expect(queue.next(seconds: 0) == .cancel && queue.next(seconds: 0) == nil)
    }
}
