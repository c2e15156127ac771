// Cross-validation by keyboard.
import Engine
import Experiments
import Testing

@testable import TUI

struct FoldTests {
    @Test func theKeyAsksAndStarts() {
        var state = State(120, 40)
        state.take(.listed([]))
        #expect(state.press(.character("K")).isEmpty)
        #expect(state.overlay == .prompt(Prompt(kind: .folds, text: "5")))
        let commands = state.press(.enter)
        #expect(
            commands == [
                .crossValidate(subject: "digits-cnn", name: "digits-cnn", folds: 5, data: nil, opening: 1)
            ])
        #expect(state.screen == .train && state.session?.source == .starting)
    }

    @Test func aNumberThatIsNoneIsSaid() {
        var state = State(120, 40)
        state.take(.listed([]))
        for text in ["1", "x", "", "2.5", "1001"] {
            state.press(.character("K"), .backspace)
            state.type(text)
            #expect(state.press(.enter).isEmpty)
            guard case .prompt(let prompt) = state.overlay else {
                Issue.record("\(text) was taken")
                return
            }
            #expect(prompt.complaint == "a whole number, 2 to 1,000")
            state.press(.escape)
        }
        state.press(.character("K"), .backspace)
        state.type("10")
        guard case .crossValidate(_, _, 10, nil, _)? = state.press(.enter).first else {
            Issue.record("10 folds")
            return
        }
    }

    /// Where a preset needs files, these are asked for next.
    @Test func dataAreAskedFor() {
        var state = State(120, 40)
        state.take(.listed([]))
        state.runs.presets[0].dataPath = "data/x"
        #expect(state.press(.character("K"), .enter).isEmpty)
        guard case .prompt(let prompt) = state.overlay else {
            Issue.record("data")
            return
        }
        #expect(prompt.kind == .dataPath && prompt.folds == 5 && prompt.text == "data/x")
        #expect(
            state.press(.enter) == [
                .crossValidate(subject: "digits-cnn", name: "digits-cnn", folds: 5, data: "data/x", opening: 1)
            ])
    }

    /// A session is cross-validated by what it was trained by: from the list, and from its own screens by a typed command.
    @Test func aSessionIsCrossValidated() {
        var state = State(120, 40)
        state.listSessions()
        state.press(.character("K"))
        let path = sampleSessions[1].path
        #expect(
            state.press(.enter) == [
                .crossValidate(subject: path, name: "digits-cnn", folds: 5, data: nil, opening: 1)
            ])
        state = State(120, 40)
        state.open(Sample.events(), .finished(.completed))
        state.press(.character(":"))
        state.type("cross-validate 10")
        #expect(
            state.press(.enter) == [
                .crossValidate(subject: path, name: "digits-cnn", folds: 10, data: nil, opening: 2)
            ])
        #expect(TypedCommand.read("cross-validate") == .success(.crossValidate(folds: 5)))
        guard case .failure = TypedCommand.read("cross-validate 1") else {
            Issue.record("1 fold")
            return
        }
    }

    @Test func onlyAStopIsOffered() {
        var state = State(120, 40)
        state.attachFolds(epochs: 106)
        for key in ["p", "L", "F"] as [Unicode.Scalar] {
            #expect(state.press(.character(key)).isEmpty)
            #expect(state.notice?.text.contains("only be stopped") == true && state.overlay == nil)
        }
        #expect(keyHints(state).allSatisfy { !["pause", "rate", "find rate"].contains($0.word) })
        state.press(.character("S"))
        #expect(state.press(.character("y")) == [.steer(.stop)])
        state.feed(.ended(.interrupted))
        #expect(state.press(.character("r")).isEmpty)
        #expect(state.notice?.text.contains("start it anew") == true)
    }

    @Test func wordsOfWhereItStands() {
        func words(_ epochs: Int?) -> String { RunState(Sample.folds(epochs: epochs)).foldWords }
        #expect(words(0) == "fold 1 of 5")
        #expect(words(1) == "fold 1 of 5")
        #expect(words(2) == "folds 1 and 2 of 5")
        #expect(words(80) == "fold 3 of 5")
        #expect(words(82) == "folds 3 and 4 of 5")
        #expect(words(nil) == "5 folds")
        let stopped = RunState(Sample.folds(epochs: 100, reason: .stopped))
        #expect(stopped.foldWords == "2 of 5 folds")
    }

    /// Page keys go from the end of one fold to that of the next, arrows from epoch to epoch.
    @Test func replayGoesByFolds() {
        let events = Sample.folds()
        var replay = Replay(of: events)
        var done: [Int] = []
        for _ in 0..<5 {
            replay.epoch(by: 1, in: events)
            done.append(replay.run.folds.count(where: \.isFinished))
        }
        #expect(done == [1, 2, 3, 4, 5])
        replay.epoch(by: -1, in: events)
        #expect(replay.run.folds.count(where: \.isFinished) == 4)
        replay.move(to: 1, in: events)
        replay.step(by: 1, in: events)
        #expect(replay.run.folds.map(\.epoch) == [1])
        replay.step(by: 1, in: events)
        #expect(replay.run.folds.map(\.epoch) == [1, 1])
    }

    @Test func aFoldIsLookedAt() {
        var state = State(120, 40)
        state.openFolds(Sample.folds(), .finished(.completed))
        let path = state.session?.path ?? ""
        state.press(.character(":"))
        state.type("fold 3")
        #expect(state.press(.enter) == [.openFold(path: path, fold: 3, opening: 2)])
        #expect(state.session?.fold == 3)
        state.feed(.opened(name: "fold 3 of 5"), .events(Sample.events()), .ended(.finished(.stopped)))
        #expect(state.session?.isResumable == false)
        state.press(.character(":"))
        state.type("fold 4")
        #expect(state.press(.enter) == [.openFold(path: path, fold: 4, opening: 3)])
        state.openFolds(Sample.folds(), .finished(.completed))
        state.press(.character(":"))
        state.type("fold 6")
        #expect(state.press(.enter).isEmpty && state.notice?.text == "There are 5 folds")
    }

    /// The mean is over folds that have ended, and nowhere past the shortest of them.
    @Test func meanOfTheCurves() throws {
        let run = RunState(Sample.folds())
        let chart = try #require(foldCurves(.loss, of: run, ChartView(), .braille))
        #expect(chart.series.map(\.name) == (1...5).map { "fold \($0)" } + ["mean of 5"])
        let mean = chart.series[5]
        for epoch in [0, 20, 39] {
            let plain = chart.series[..<5].reduce(0) { $0 + $1.y[epoch] } / 5
            #expect(abs(mean.y[epoch] - plain) < 1e-12)
        }
        #expect(mean.x == (1...40).map(Double.init))
        var seconds = ChartView()
        seconds.axis = .seconds
        #expect(foldCurves(.loss, of: run, seconds, .braille)?.series.count == 5)
        let young = RunState(Sample.folds(epochs: 106))
        #expect(foldCurves(.loss, of: young, ChartView(), .braille)?.series.last?.name == "mean of 2")
    }
}
