// Commands behind a colon: reading, completing, doing.

import Charts
import Engine
import Testing

@testable import TUI

struct TypedCommandTests {
    @Test(arguments: [
        ("theme light", TypedCommand.theme(.light)), ("glyphs ascii", .glyphs(.ascii)), ("at 120", .step(120)),
        ("epoch 3", .epoch(3)), ("speed 0.5", .speed(0.5)), ("rate 5e-4", .learningRate(5e-4)),
        ("filter two words", .filter("two words")), ("evaluate", .perform(.showEvaluate)),
        ("ev", .perform(.showEvaluate)), ("quit", .perform(.leave)),
    ])
    func reads(text: String, command: TypedCommand) { #expect(TypedCommand.read(text) == .success(command)) }

    @Test(arguments: [
        ("frob", "there is no command frob"), ("s", "which: "), ("theme pink", "one of dark, light"),
        ("at", "needs a step"),
        ("at -1", "needs a step"), ("rate nan", "needs a learning rate"), ("quit now", "takes no word"),
        ("at 1e300", "needs a step"),
    ])
    func says(text: String, reason: String) {
        guard case .failure(let misread) = TypedCommand.read(text) else {
            Issue.record("\(text) was read")
            return
        }
        #expect(misread.reason.contains(reason), "\(misread.reason)")
    }

    @Test(arguments: [
        ("th", "theme "), ("theme l", "theme light"), ("theme ", "theme "), ("e", "e"), ("ev", "evaluate"),
        ("zz", "zz"),
        ("glyphs b", "glyphs b"), ("glyphs br", "glyphs braille"),
    ])
    func completes(text: String, completed: String) { #expect(TypedCommand.completed(text) == completed) }

    /// Whatever is typed: no trap, and every name is a command of its own.
    @Test func everyNameIsItself() {
        for name in TypedCommand.names {
            #expect(TypedCommand.completed(name).hasPrefix(name))
            if case .failure(let misread) = TypedCommand.read(name) {
                #expect(misread.reason.contains(name), "\(misread.reason)")
            }
        }
    }

    @Test func isTypedAndDone() {
        var state = State(120, 40)
        state.open(Sample.events(), .finished(.completed))
        state.press(.character(":"))
        state.type("ep")
        state.press(.tab)
        #expect(screen(state).text().contains(":epoch "))
        state.type("3")
        state.press(.enter)
        #expect(state.session?.run.step == 123 && state.overlay == nil)
        state.press(.character(":"))
        state.type("theme light")
        #expect(state.press(.enter) == [.setTheme(.light)])
        state.press(.character(":"))
        state.type("nonsense")
        state.press(.enter)
        #expect(screen(state).text().contains("there is no command nonsense"))
        state.press(.escape)
        state.press(.character(":"))
        state.type("rate 0.1")
        #expect(state.press(.enter) == [] && state.notice?.role == .warning)
    }
}

struct ChartViewTests {
    @Test func zoomsAroundTheCursorAndPansWithinTheRun() {
        var view = ChartView()
        view.zoom(by: 0.5)
        #expect(view.window == 0.25...0.75)
        view.pan(by: 10)
        #expect(view.window == 0.5...1)
        view.zoom(by: 2)
        #expect(view.window == nil)
        view.pan(by: -1)
        #expect(view.window == nil)
        view.cursor = 0
        view.zoom(by: 0.5)
        #expect(view.window == 0...0.5)
        for _ in 0..<100 { view.zoom(by: 0.5) }
        let window = view.window ?? 0...0
        #expect(window.upperBound - window.lowerBound > 0)
    }

    @Test func keysChangeTheView() {
        var state = State(120, 40)
        state.open(Sample.events(), .finished(.completed))
        state.press(.character("c"))
        #expect(state.session?.charts.cursor == 0.5)
        let before = state.session?.charts.cursor ?? 0
        state.press(.right, .right, .left)
        #expect((state.session?.charts.cursor ?? 0) > before)
        #expect(state.session?.replay == nil, "arrows move the cursor, not the time")
        state.press(.character("s"), .character("y"), .character("X"), .character("("))
        let text = screen(state).text()
        #expect(text.contains("log") && text.contains("smoothed 0.6") && text.contains("2x zoom"))
        state.press(.escape)
        #expect(state.session?.charts.cursor == nil && state.screen == .train)
        state.press(.character("0"))
        #expect(state.session?.charts == ChartView())
    }

    @Test func savesTheFocusedChart() throws {
        var state = State(120, 40)
        state.open(Sample.events(), .finished(.completed))
        state.press(.tab)
        let commands = state.press(.character("w"))
        guard case .save(let name, let csv, let svg)? = commands.first else {
            Issue.record("\(commands)")
            return
        }
        #expect(name == "digits-cnn-accuracy")
        #expect(csv.split(whereSeparator: \.isNewline).count > 400)
        #expect(svg.hasPrefix("<?xml") && svg.contains("<polyline"))
    }
}

struct TimelineTests {
    /// A live run can be looked at in its past; its end is live again.
    @Test func aLiveRunIsScrubbedBackAndReturns() {
        var state = State(120, 40)
        state.attach(steps: 187)
        state.press(.left, .left)
        #expect(state.session?.run.step == 185 && state.session?.whole.step == 187)
        #expect(screen(state).text().contains("live goes on"))
        // What comes meanwhile is kept, and the moment stays.
        let more = Array(Sample.events(steps: 200).dropFirst(state.session?.events.count ?? 0))
        state.feed(.events(more))
        #expect(state.session?.run.step == 185 && state.session?.whole.step == 200)
        for key in ["3", "6", "7", "2"] {
            state.press(.character(Unicode.Scalar(key) ?? "2"))
            #expect(state.session?.run.step == 185, "every screen stands at that moment")
        }
        state.press(.character("G"))
        #expect(state.session?.replay == nil && state.session?.run.step == 200)
        #expect(!screen(state).text().contains("live goes on"))
        // Stepping or playing to the end is live again, too.
        state.press(.left, .right, .right, .right, .right, .right, .right)
        #expect(state.session?.replay == nil)
        state.press(.pageUp, .character(" "))
        #expect(state.session?.replay?.isPlaying == true)
        state.take(.tick(now: Sample.now, elapsed: 3600))
        #expect(state.session?.replay == nil)
    }

    /// Any way to a moment leads to the same state: folding from the start, jumping there, coming back from the end.
    @Test func everyWayToAMomentIsTheSame() {
        let events = Sample.events()
        for step in [1, 40, 41, 42, 200, 410] {
            var forth = Replay(of: events)
            forth.seek(step: step, in: events)
            var back = Replay(of: events)
            back.move(to: events.count, in: events)
            back.seek(step: step, in: events)
            #expect(forth.run == back.run && forth.position == back.position)
        }
    }
}

struct LandmarkTests {
    /// Over a long run, jumps that start from a landmark lead where folding from the start leads.
    @Test func jumpsInALongRunAreFolds() {
        var head = Sample.head(epochs: 40, stepsPerEpoch: 1500)
        head.name = "long"
        let events = Sample.events(head)
        var session = OpenSession(path: "", name: "long", opening: 1, source: .ended(.finished(.completed)))
        session.take(events)
        #expect(events.count > 3 * Landmarks.spacing)
        var replay = session.freshReplay
        for position in [60_000, 20_000, 16_384, 16_383, 50_001, 40, events.count, 33_000] {
            replay.move(to: position, in: events)
            #expect(replay.run == RunState(events.prefix(position)), "\(position)")
        }
    }
}

struct PaneTests {
    @Test(arguments: [ScreenID.train, .evaluate, .model, .data])
    func tabGoesRoundAndZoomShowsOne(_ id: ScreenID) {
        var state = State(120, 40)
        state.open(Sample.events(), .finished(.completed))
        state.press(.character(Unicode.Scalar(UInt8(48 + id.rawValue))))
        #expect(state.screen == id)
        let panes = shownPanes(state)
        #expect(panes.count > 1)
        for (index, pane) in panes.enumerated() {
            for other in panes.dropFirst(index + 1) {
                let apart =
                    pane.rect.row + pane.rect.rows <= other.rect.row
                    || other.rect.row + other.rect.rows <= pane.rect.row
                    || pane.rect.column + pane.rect.columns <= other.rect.column
                    || other.rect.column + other.rect.columns <= pane.rect.column
                #expect(apart, "\(pane) and \(other) overlap")
            }
        }
        let first = state.focusedPane
        let start = panes.firstIndex { $0.id == first } ?? 0
        let before = panes[(start + panes.count - 1) % panes.count].id
        var seen: Set<PaneID> = []
        for _ in panes {
            seen.insert(state.focusedPane ?? .now)
            state.press(.tab)
        }
        #expect(seen == Set(panes.map(\.id)) && state.focusedPane == first)
        state.press(.backTab)
        #expect(state.focusedPane == before)
        state.press(.character("z"))
        #expect(shownPanes(state).count == 1 && shownPanes(state)[0].id == before)
        state.press(.escape)
        #expect(shownPanes(state).count == panes.count && state.screen == id)
        // A click focuses what it hits, and the title bar leads to the screens.
        state.take(.input(.click(row: panes[0].rect.row + 1, column: panes[0].rect.column + 1)))
        #expect(state.focusedPane == panes[0].id)
        let tab = titleTabs(columns: state.columns).first { $0.id == .model }
        state.take(.input(.click(row: 0, column: (tab?.column ?? 0) + 1)))
        #expect(state.screen == .model)
    }
}
