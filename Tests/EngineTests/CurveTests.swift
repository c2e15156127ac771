// The curves of a run: those of single steps share their steps and times, and nobody can tell.
import Testing

@testable import Engine

struct CurveTests {
    private func stepped(_ step: Int) -> RunEvent {
        .stepped(
            .init(
                step: step, epoch: 1, seconds: Double(step) / 2, count: 1, loss: 1 / Double(step),
                accuracy: Double(step) / 100, learningRate: 0.1))
    }

    @Test func stepsAreThreeCurves() {
        var state = RunState()
        #expect(state.curves.isEmpty)
        state.reserve(steps: 50)
        for step in 1...50 { state.apply(stepped(step)) }
        #expect(Set(state.curves.keys) == ["train/loss", "train/accuracy", "learning_rate"])
        #expect(state.curves["train/loss"]?.values == (1...50).map { 1 / Double($0) })
        #expect(state.curves["train/accuracy"]?.last == 0.5)
        #expect(state.curves["learning_rate"]?.seconds == (1...50).map { Double($0) / 2 })
        state.apply(.resumed(.init(step: 20, seconds: 10, workers: 1)))
        #expect(state.curves["train/loss"]?.steps == Array(1...20))
        #expect(state.curves["learning_rate"]?.count == 20)
        state.apply(stepped(21))
        #expect(state.curves["train/loss"]?.steps == Array(1...21))
        state.apply(.resumed(.init(step: 0, seconds: 0, workers: 1)))
        #expect(state.curves["train/loss"]?.count ?? 0 == 0)
    }

    @Test func evaluationsOfTheTrainingSplitJoinIn() {
        var state = RunState()
        for step in 1...3 { state.apply(stepped(step)) }
        state.apply(.evaluated(.init(step: 2, epoch: 1, seconds: 9, split: .train, loss: 7, accuracy: 0.5)))
        state.apply(.evaluated(.init(step: 3, epoch: 1, seconds: 9, split: .test, loss: 8, accuracy: 0.5)))
        #expect(state.curves["train/loss"]?.steps == [1, 2, 2, 3])
        #expect(state.curves["train/loss"]?.values == [1, 0.5, 7, 1 / 3.0])
        #expect(state.curves["test/loss"]?.values == [8])
    }

    @Test func firstPointsOfALongerFold() {
        var events: [RunEvent] = []
        for step in 1...300 {
            events.append(stepped(step))
            if step % 7 == 0 {
                let split = Split.allCases[step % 3]
                events.append(.evaluated(.init(step: step, epoch: 1, seconds: 1, split: split, loss: 1, accuracy: 1)))
            }
        }
        let whole = RunState(events)
        for count in [0, 1, 5, 50, 200, events.count] {
            let part = RunState(events.prefix(count))
            var again = part.withoutPoints
            #expect(again.curves.isEmpty)
            again.takePoints(of: whole, part.pointCounts)
            #expect(again == part, "\(count)")
        }
    }
}
