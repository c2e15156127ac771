// update: keys and news in, state and commands out.

import Engine
import Experiments
import Testing

@testable import TUI

struct RunsUpdateTests {
    @Test func firstListSelectsTheNewest() {
        var state = State(80, 24)
        let commands = state.take(.listed(sampleSessions))
        #expect(state.runs.selectedPath == sampleSessions[0].path)
        #expect(state.runs.pane == .sessions)
        #expect(commands == [.preview(path: sampleSessions[0].path)])
    }

    @Test func anEmptyFolderFocusesOnPresets() {
        var state = State(80, 24)
        #expect(state.take(.listed([])) == [])
        #expect(state.runs.pane == .presets)
        // Later lists leave the focus alone.
        state.press(.tab)
        state.take(.listed([]))
        #expect(state.runs.pane == .sessions)
    }

    @Test func selectionStaysOnItsSessionWhenTheListChanges() {
        var state = State(80, 24)
        state.listSessions()
        let selected = state.runs.selectedPath
        state.take(.listed(Array(sampleSessions.dropFirst())))
        #expect(state.runs.selectedPath == selected)
        // It is gone: the one in its place is selected.
        state.take(.listed(Array(sampleSessions.dropFirst(2))))
        #expect(state.runs.selectedPath == sampleSessions[2].path)
    }

    @Test func movingStopsAtTheEnds() {
        var state = State(80, 24)
        state.take(.listed(sampleSessions))
        #expect(state.press(.up) == [])
        state.press(.character("G"))
        #expect(state.runs.selectedPath == sampleSessions.last?.path)
        #expect(state.press(.down, .pageDown) == [])
        #expect(state.press(.character("k")) == [.preview(path: sampleSessions[4].path)])
        state.press(.home)
        #expect(state.runs.selectedPath == sampleSessions[0].path)
    }

    @Test func enterOpensASession() {
        var state = State(80, 24)
        state.take(.listed(sampleSessions))
        #expect(state.press(.enter) == [.open(path: sampleSessions[0].path, opening: 1)])
        #expect(state.screen == .train)
        #expect(state.session?.source == .reading)
    }

    @Test func unreadableSessionsSayWhy() {
        var state = State(80, 24)
        state.take(.listed(sampleSessions))
        #expect(state.press(.end, .enter) == [.preview(path: sampleSessions[5].path)])
        #expect(state.screen == .runs)
        #expect(state.notice?.text == "notes.session is not a session file")
    }

    @Test func enterOnAPresetTrains() {
        var state = State(80, 24)
        state.take(.listed(sampleSessions))
        #expect(state.press(.tab, .down, .enter) == [.train(preset: "mnist-cnn", data: nil, opening: 1)])
        #expect(state.session?.source == .starting)
        #expect(state.screen == .train)
    }

    /// A preset that needs files asks where they are, and keeps the answer for the next time.
    @Test func aPresetThatNeedsDataAsksForThem() {
        var state = State(120, 40)
        state.runs.presets = [PresetRow(name: "mnist-cnn", summary: "", detail: "", dataPath: "data/mnist")]
        state.take(.listed([]))
        #expect(state.press(.enter).isEmpty)
        #expect(screen(state).text().contains("Data in: data/mnist"))
        for _ in "mnist" { state.press(.backspace) }
        state.type("digits")
        #expect(state.press(.enter) == [.train(preset: "mnist-cnn", data: "data/digits", opening: 1)])
        #expect(state.screen == .train)
        state.press(.character("q"))
        state.runs.pane = .presets
        state.press(.enter)
        #expect(screen(state).text().contains("Data in: data/digits"))
        state.press(.escape)
        #expect(state.overlay == nil && state.screen == .runs)
    }

    @Test func resumeOnlyWhatCanBeResumed() {
        var state = State(80, 24)
        state.take(.listed(sampleSessions))
        #expect(state.press(.character("r")) == [])
        #expect(state.notice?.role == .warning)
        state.press(.down, .down)
        #expect(state.press(.character("r")) == [.resume(path: sampleSessions[2].path, opening: 1)])
    }

    @Test func trashAsksWithTheNameAndAnotherKey() {
        var state = State(80, 24)
        state.listSessions()
        #expect(state.press(.character("D")) == [])
        #expect(screen(state).text().contains("Move \(sampleSessions[1].fileName) to the trash?"))
        // The key that asked does not confirm.
        #expect(state.press(.character("D"), .enter) == [])
        #expect(state.overlay != nil)
        #expect(state.press(.character("n")) == [])
        #expect(state.overlay == nil)
        #expect(state.press(.character("D"), .character("y")) == [.trash(path: sampleSessions[1].path)])
        #expect(state.press(.character("u")) == [.undoTrash])
    }

    @Test func aLiveSessionIsNotTrashed() {
        var state = State(80, 24)
        state.take(.listed(sampleSessions))
        #expect(state.press(.character("D"), .character("y")) == [])
        #expect(state.overlay == nil)
    }

    @Test func filterWorksWhileTyping() {
        var state = State(80, 24)
        state.take(.listed(sampleSessions))
        state.press(.character("/"))
        state.type("IRIS")
        #expect(state.runs.shownSessions.map(\.name) == ["iris-mlp"])
        #expect(state.runs.shownPresets.map(\.name) == ["iris-mlp"])
        #expect(state.runs.selectedPath == sampleSessions[2].path)
        // Keys are text here: nothing quits.
        state.type("q")
        #expect(!state.isLeaving)
        #expect(state.runs.shownSessions.isEmpty)
        state.press(.backspace, .enter)
        #expect(state.overlay == nil)
        #expect(state.runs.filter == "IRIS")
        state.press(.escape)
        #expect(state.runs.filter == "")
        #expect(!state.isLeaving)
    }

    @Test func quitAndCtrlC() {
        var state = State(80, 24)
        state.take(.listed(sampleSessions))
        var other = state
        state.press(.character("q"))
        #expect(state.isLeaving)
        other.press(.character("?"), .control("C"))
        #expect(other.isLeaving)
        #expect(
            WorkbenchScreen.farewell(other) == [
                "digits-cnn-2026-11-24-081705.session goes on; see it again with: workbench attach digits-cnn-2026-11-24-081705.session"
            ])
    }

    @Test func aPasteIsNeverACommand() {
        var state = State(80, 24)
        state.listSessions()
        let before = state
        for scalar in "qDy\u{3}\r?".unicodeScalars { #expect(state.take(.input(.pasted(scalar))) == []) }
        state.take(.input(.pasteEnded))
        #expect(state == before)
        state.press(.character("/"))
        for scalar in "ir\u{1B}is\n".unicodeScalars { state.take(.input(.pasted(scalar))) }
        #expect(state.runs.filter == "iris")
    }

    @Test func tooSmallOnlyLeaves() {
        var state = State(40, 10)
        state.take(.listed(sampleSessions))
        #expect(state.press(.enter, .character("D"), .character("y"), .tab) == [])
        #expect(state.session == nil && state.overlay == nil)
        state.press(.character("q"))
        #expect(state.isLeaving)
    }

    @Test func hangUpEnds() {
        var state = State(80, 24)
        state.take(.input(.hangUp))
        #expect(state.isLeaving)
    }

    @Test func clicksSelect() {
        var state = State(120, 40)
        state.take(.listed(sampleSessions))
        let layout = RunsLayout(state)
        let row = layout.sessions.row + 2 + 3
        #expect(state.take(.input(.click(row: row, column: 5))) == [.preview(path: sampleSessions[3].path)])
        state.take(.input(.click(row: layout.presets.row + 2, column: 5)))
        #expect(state.runs.pane == .presets)
        #expect(state.runs.preset?.name == "mnist-cnn")
        #expect(state.take(.input(.click(row: 0, column: 0)), .input(.click(row: 39, column: 119))) == [])
    }
}

struct TrainUpdateTests {
    @Test func newsOfAnEarlierOpeningAreDropped() {
        var state = State(80, 24)
        state.attach(steps: 50)
        let before = state
        state.take(.feed(opening: state.openings - 1, .events(Sample.events())))
        #expect(state == before)
    }

    @Test func pauseAndContinue() {
        var state = State(80, 24)
        state.attach(steps: 50)
        #expect(state.press(.character("p")) == [.steer(.pause)])
        #expect(screen(state).text().contains("pausing"))
        state.feed(.events([.steered(RunEvent.Steered(step: 50, seconds: 2, act: .paused))]))
        #expect(screen(state).text().contains("paused"))
        #expect(keyHints(state).contains { $0.word == "continue" })
        #expect(state.press(.character("p")) == [.steer(.continue)])
    }

    @Test func ratesAreTriedAndTakenOver() {
        var state = State(120, 40)
        state.attach(steps: 20)
        #expect(state.press(.character("F")) == [.steer(.tryRates)])
        #expect(state.overlay == .rates)
        // Nothing to take over yet, and one trial at a time.
        #expect(state.press(.character("L")).isEmpty && state.overlay == .rates)
        state.press(.escape)
        #expect(state.overlay == nil)
        #expect(state.press(.character("F")).isEmpty)
        let run = state.session?.whole ?? RunState()
        let tried = RunEvent.RatesTried(step: run.step, seconds: run.seconds, trials: Sample.trials)
        // A person's act in between does not answer it.
        state.feed(.events([.steered(.init(step: run.step, seconds: run.seconds, act: .learningRate(0.1)))]))
        #expect(state.session?.asked != nil)
        state.feed(.events([.ratesTried(tried)]))
        #expect(state.session?.asked == nil && state.overlay == .rates)
        guard let suggested = RateSuggestion(Sample.trials)?.rate else {
            Issue.record("the sample has no suggestion")
            return
        }
        #expect(state.press(.character("L")) == [.steer(.setLearningRate(suggested))])
        #expect(state.overlay == nil)
        // Afterwards they can be looked at, but not taken over.
        state.feed(.ended(.interrupted))
        #expect(state.press(.character("F")).isEmpty && state.overlay == .rates)
        #expect(state.press(.character("L")).isEmpty && state.overlay == .rates)
        state.press(.character("q"))
        #expect(state.overlay == nil && state.screen == .train)
    }

    @Test func ratesThatNobodyTried() {
        var state = State(120, 40)
        state.open(Sample.events(), .finished(.completed))
        state.press(.character("F"))
        #expect(state.overlay == nil && state.notice?.role == .warning)
        // The run ended while they were tried.
        state = State(120, 40)
        state.attach(steps: 20)
        state.press(.character("F"))
        state.feed(.ended(.interrupted))
        #expect(state.overlay == nil && state.session?.asked == nil)
    }

    @Test func learningRateIsTypedAndChecked() {
        var state = State(80, 24)
        state.attach(steps: 50)
        state.press(.character("L"))
        state.type("0,5")
        #expect(state.press(.enter) == [])
        #expect(screen(state).text().contains("a number greater than 0"))
        state.press(.backspace, .backspace, .backspace)
        state.type("5e-4")
        #expect(state.press(.enter) == [.steer(.setLearningRate(0.0005))])
        #expect(state.overlay == nil)
        for bad in ["-1", "0", "nan", "inf", ""] {
            state.press(.character("L"))
            state.type(bad)
            #expect(state.press(.enter) == [])
            state.press(.escape)
        }
    }

    @Test func stopAsks() {
        var state = State(80, 24)
        state.attach(steps: 50)
        #expect(state.press(.character("S"), .character("n")) == [])
        #expect(state.press(.character("S"), .character("y")) == [.steer(.stop)])
        // A question whose run has ended goes away.
        state.press(.character("S"))
        state.feed(.ended(.finished(.completed)))
        #expect(state.overlay == nil)
    }

    @Test func backSaysThatTheRunGoesOn() {
        var state = State(80, 24)
        state.attach(steps: 50)
        #expect(state.press(.character("q")) == [.list])
        #expect(state.screen == .runs)
        #expect(state.notice?.text == "digits-cnn goes on")
        #expect(!state.isLeaving)
        state.press(.character("2"))
        #expect(state.screen == .train)
    }

    @Test func trainScreenNeedsASession() {
        var state = State(80, 24)
        state.press(.character("2"))
        #expect(state.screen == .runs)
        #expect(state.notice != nil)
    }

    @Test func axisAndScale() {
        var state = State(80, 24)
        state.attach(steps: 50)
        state.press(.character("x"))
        #expect(state.session?.charts.axis == .steps)
        state.press(.character("x"), .character("x"), .character("y"))
        #expect(state.session?.charts.axis == .epochs)
        #expect(state.session?.charts.isLogarithmicY == true)
    }

    @Test func anEngineThatDiesLeavesAnInterruptedRun() {
        var state = State(80, 24)
        state.attach(steps: 50)
        #expect(state.session?.isLive == true)
        #expect(state.take(.feed(opening: state.openings, .ended(.interrupted))) == [.list])
        #expect(screen(state).text().contains("interrupted: r resumes"))
        let path = state.session?.path ?? ""
        #expect(state.press(.character("r")) == [.resume(path: path, opening: state.openings)])
    }

    @Test func failureIsShown() {
        var state = State(80, 24)
        state.press(.tab, .enter)
        state.feed(.failed("there is no data in data/mnist: workbench data fetch mnist brings it"))
        #expect(screen(state).text().contains("there is no data in data/mnist"))
    }

    @Test func liveKeysDoNothingOnAnEndedRun() {
        var state = State(80, 24)
        state.open(Sample.events(), .finished(.completed))
        #expect(state.press(.character("p"), .character("L"), .character("S")) == [])
        #expect(state.overlay == nil)
        // A finished run cannot be resumed.
        #expect(state.press(.character("r")) == [])
    }
}

struct ReplayTests {
    @Test func replayEndsWhereTheRunEnded() {
        var state = State(80, 24)
        let events = Sample.events()
        state.open(events, .finished(.completed))
        let whole = state.session?.run
        state.press(.character(" "))
        #expect(state.session?.replay?.isPlaying == true)
        #expect(state.session?.run.step == 0)
        var ticks = 0
        while state.session?.replay?.isPlaying == true, ticks < 10_000 {
            state.take(.tick(now: Sample.now, elapsed: 0.1))
            ticks += 1
        }
        #expect(state.session?.run == whole)
        // Space at the end begins anew.
        state.press(.character(" "))
        #expect(state.session?.run.step == 0)
    }

    @Test func everyMomentIsTheFoldOfItsEvents() {
        let events = Sample.events()
        var replay = Replay(of: events)
        for count in [1, 200, 90, 400, 7, events.count] {
            replay.move(to: count, in: events)
            #expect(replay.run == RunState(events.prefix(count)))
        }
        replay.move(to: -5, in: events)
        #expect(replay.position == 1)
    }

    @Test func stepsEpochsAndSpeed() {
        var state = State(80, 24)
        state.open(Sample.events(), .finished(.completed))
        state.press(.left)
        #expect(state.session?.run.step == 410)
        #expect(state.session?.run.finished == nil)
        state.press(.left)
        #expect(state.session?.run.step == 409)
        state.press(.right)
        #expect(state.session?.run.step == 410)
        state.press(.pageUp)
        #expect(state.session?.run.epoch == 9)
        state.press(.character("g"))
        #expect(state.session?.run.step == 0)
        let speed = state.session?.replay?.speed ?? 0
        state.press(.character("]"), .character("]"), .character("["))
        #expect(state.session?.replay?.speed == speed * 2)
        state.press(.character("G"))
        #expect(state.session?.replay == nil)
    }

    @Test func seekToAStep() {
        let events = Sample.events()
        var replay = Replay(of: events)
        replay.seek(step: 100, in: events)
        #expect(replay.run.step == 100)
        replay.seek(step: 1_000_000, in: events)
        #expect(replay.run == RunState(events))
        replay.seek(step: 0, in: events)
        #expect(replay.run.step == 0)
        // What was asked about the finished run lies behind its end, not at its start.
        let asked = events + [.explained(Sample.explanation(row: 3, label: 1))]
        replay = Replay(of: asked)
        replay.seek(step: 100, in: asked)
        #expect(replay.run.step == 100 && replay.run.explanations.isEmpty)
    }

    @Test func emptySessionsDoNotReplay() {
        var state = State(80, 24)
        state.open([], .interrupted)
        state.press(.character(" "), .left, .right, .character("g"), .pageDown)
        #expect(state.session?.replay == nil)
        #expect(screen(state).text().contains("Nothing was recorded"))
    }
}
