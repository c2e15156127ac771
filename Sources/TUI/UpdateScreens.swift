// Keys of the screens: what they do to the state.

import Charts
import Engine
import Experiments

/// The selected row is one that the filter shows.
func settleSelection(_ state: inout State) -> [Command] {
    state.runs.selectedPreset = min(state.runs.selectedPreset, max(0, state.runs.shownPresets.count - 1))
    guard state.runs.selectedIndex == nil else { return [] }
    state.runs.selectedPath = state.runs.shownSessions.first?.path
    return state.runs.selectedPath.map { [.preview(path: $0)] } ?? []
}

func performInRuns(_ action: Action, _ state: inout State) -> [Command] {
    let page = 10
    switch action {
    case .up: return moveRow(by: -1, &state)
    case .down: return moveRow(by: 1, &state)
    case .pageUp: return moveRow(by: -page, &state)
    case .pageDown: return moveRow(by: page, &state)
    case .first: return moveRow(by: Int.min / 2, &state)
    case .last: return moveRow(by: Int.max / 2, &state)
    case .nextPane, .previousPane: state.runs.pane = state.runs.pane == .sessions ? .presets : .sessions
    case .filter: state.overlay = .prompt(Prompt(kind: .filter, text: state.runs.filter))
    case .nextMatch: return moveRow(by: 1, &state)
    case .previousMatch: return moveRow(by: -1, &state)
    case .undo: return [.undoTrash]
    case .open:
        guard let session = state.runs.selectedSession else { return [] }
        if case .unreadable(let reason) = session.status {
            state.notice = Notice(text: reason, role: .bad)
            return []
        }
        // The session that is open already is only shown again.
        if state.session?.path == session.path, state.session?.isLive == true {
            state.screen = .train
            return []
        }
        return open(path: session.path, name: session.name, .reading, &state) { .open(path: $0, opening: $1) }
    case .resume:
        guard let session = state.runs.selectedSession else { return [] }
        return resume(
            session.path, session.name, session.status, isOfFolds: session.head?.folds != nil, &state)
    case .trash:
        guard let session = state.runs.selectedSession else { return [] }
        if session.status == .live {
            state.notice = Notice(text: "\(session.name) is live: stop it first (Enter, S)", role: .warning)
        } else {
            state.overlay = .question(.trash(path: session.path, name: session.fileName))
        }
    case .train:
        guard let preset = state.runs.preset else { return [] }
        if let path = preset.dataPath {
            state.overlay = .prompt(Prompt(kind: .dataPath, text: path))
            return []
        }
        return train(preset, data: nil, &state)
    case .crossValidate: askForFolds(&state)
    default: break
    }
    return []
}

/// Trains a preset in a new session.
func train(_ preset: PresetRow, data: String?, _ state: inout State) -> [Command] {
    open(path: "", name: preset.name, .starting, &state) {
        .train(preset: preset.name, data: data, opening: $1)
    }
}

func open(
    path: String, name: String, _ source: Source, _ state: inout State, _ command: (String, Int) -> Command
) -> [Command] {
    state.openings += 1
    let before = state.session
    state.session = OpenSession(path: path, name: name, opening: state.openings, source: source)
    state.session?.charts.axis = before?.charts.axis ?? .epochs
    state.screen = .train
    state.isZoomed = false
    return [command(path, state.openings)]
}

private func resume(
    _ path: String, _ name: String, _ status: SessionStatus, isOfFolds: Bool, _ state: inout State
) -> [Command] {
    guard !isOfFolds else {
        state.notice = Notice(text: "A cross-validation does not go on: start it anew (K)", role: .warning)
        return []
    }
    guard status.isResumable else {
        let why = status == .live ? "is live already" : "is \(status.word), so there is nothing to resume"
        state.notice = Notice(text: "\(name) \(why)", role: .warning)
        return []
    }
    return open(path: path, name: name, .starting, &state) { .resume(path: $0, opening: $1) }
}

private func moveRow(by rows: Int, _ state: inout State) -> [Command] {
    if state.runs.pane == .presets {
        state.runs.selectedPreset = min(
            max(0, state.runs.selectedPreset + rows), max(0, state.runs.shownPresets.count - 1))
        return []
    }
    let shown = state.runs.shownSessions
    guard !shown.isEmpty else { return [] }
    let target = min(max(0, (state.runs.selectedIndex ?? 0) + rows), shown.count - 1)
    guard shown[target].path != state.runs.selectedPath else { return [] }
    state.runs.selectedPath = shown[target].path
    return [.preview(path: shown[target].path)]
}

/// Keys of the screens that look at the open session.
func performInSession(_ action: Action, _ state: inout State) -> [Command] {
    if let commands = performInExplain(action, &state) { return commands }
    if let commands = performInCompare(action, &state) { return commands }
    if let commands = performInEvaluate(action, &state) { return commands }
    guard var session = state.session else { return [] }
    if session.isLive, session.whole.head?.folds != nil, [.pause, .learningRate, .findRate].contains(action) {
        state.notice = Notice(text: "A cross-validation can only be stopped (S)", role: .warning)
        return []
    }
    switch action {
    case .crossValidate: askForFolds(&state)
    case .pause:
        let command: EngineCommand = session.whole.phase == .paused ? .continue : .pause
        state.session?.asked = command
        return [.steer(command)]
    case .learningRate: state.overlay = .prompt(Prompt(kind: .learningRate, text: ""))
    case .stop: state.overlay = .question(.stop)
    case .findRate:
        guard session.isLive else {
            state.notice = Notice(text: "No run is live here", role: .warning)
            return []
        }
        state.overlay = .rates
        // A person who looks back would not see what comes.
        state.session?.replay = nil
        guard !isTryingRates(session) else { return [] }
        state.session?.asked = .tryRates
        return [.steer(.tryRates)]
    case .showRates:
        if shownTrials(session) != nil {
            state.overlay = .rates
        } else {
            state.notice = Notice(text: "No learning rates were tried in this run", role: .warning)
        }
    case .resume:
        guard case .ended(let status) = session.source else { return [] }
        return resume(session.path, session.name, status, isOfFolds: session.whole.head?.folds != nil, &state)
    case .nextPane, .previousPane:
        let panes = shownPanes(state).map(\.id)
        guard let index = panes.firstIndex(where: { $0 == state.focusedPane }), !panes.isEmpty else { return [] }
        let all = state.isZoomed ? state.panes : panes
        let at = state.isZoomed ? all.firstIndex { $0 == state.focusedPane } ?? 0 : index
        state.focus[state.screen] = all[(at + (action == .nextPane ? 1 : all.count - 1)) % all.count]
    case .zoomPane: state.isZoomed.toggle()
    case .save: return save(session, state)
    case .up, .down: move(by: action == .down ? 1 : -1, &state)
    case .confusionMode:
        let all = ConfusionChart.Mode.allCases
        let mode = session.evaluate.confusion
        state.session?.evaluate.confusion = all[((all.firstIndex(of: mode) ?? 0) + 1) % all.count]
    case .augmented: toggleAugmented(session, &state)
    case .split:
        let measured = measuredSplits(session)
        guard let shown = evaluatedSplit(session), let index = measured.firstIndex(of: shown) else { return [] }
        state.session?.evaluate.split = measured[(index + 1) % measured.count]
    default:
        view(action, &session.charts, columns: state.columns)
        goTo(action, &session)
        state.session = session
    }
    return []
}

/// The rate that can be taken over: the suggestion of a live run's newest trials.
func takenRate(_ session: OpenSession) -> Double? {
    guard session.isLive, !isTryingRates(session) else { return nil }
    return session.whole.ratesTried.flatMap { RateSuggestion($0.trials) }.map(\.rate)
}

/// Keys while the tried rates lie over the screen.
func lookAtRates(_ action: Action, _ state: inout State) -> [Command] {
    switch action {
    case .close: state.overlay = nil
    case .takeRate:
        guard let rate = state.session.flatMap(takenRate) else {
            state.notice = Notice(text: "There is no suggestion to take over", role: .warning)
            return []
        }
        state.overlay = nil
        state.notice = Notice(text: "Learning rate \(Format.number(rate)) from the next step on", role: .good)
        return [.steer(.setLearningRate(rate))]
    default: break
    }
    return []
}

/// Shows what the run sees of its examples, or says why there is nothing to show.
private func toggleAugmented(_ session: OpenSession, _ state: inout State) {
    let summary = session.facts?.data?.summary
    if summary?.augmented?.isEmpty == false {
        state.session?.showsAugmented.toggle()
    } else if summary?.columns.isEmpty == false {
        state.notice = Notice(text: "A table has no pictures; its rows are augmented as the spec says")
    } else if summary == nil {
        state.notice = Notice(text: "This session keeps no examples")
    } else {
        state.notice = Notice(text: "This run augments nothing: every epoch sees the examples as they are")
    }
}

/// What a key does to the way that the curves are looked at.
private func view(_ action: Action, _ charts: inout ChartView, columns: Int) {
    let column = 1 / Double(max(20, columns * 7 / 10 - 10))
    switch action {
    case .axis:
        let all = TimeAxis.allCases
        charts.axis = all[((all.firstIndex(of: charts.axis) ?? 0) + 1) % all.count]
    case .logarithmicX: charts.isLogarithmicX.toggle()
    case .logarithmicY: charts.isLogarithmicY.toggle()
    case .smoothing:
        let all = ChartView.smoothings
        charts.smoothing = all[((all.firstIndex(of: charts.smoothing) ?? 0) + 1) % all.count]
    case .zoomIn: charts.zoom(by: 0.5)
    case .zoomOut: charts.zoom(by: 2)
    case .panLeft: charts.pan(by: -0.25)
    case .panRight: charts.pan(by: 0.25)
    case .resetView: charts = ChartView(axis: charts.axis)
    case .cursor: charts.cursor = charts.cursor == nil ? 0.5 : nil
    case .cursorLeft, .cursorRight, .cursorFarLeft, .cursorFarRight:
        let steps: Double = [.cursorFarLeft, .cursorFarRight].contains(action) ? 10 : 1
        let sign: Double = [.cursorLeft, .cursorFarLeft].contains(action) ? -1 : 1
        let wanted = (charts.cursor ?? 0.5) + sign * steps * column
        // At the edge of what is shown it takes the view with it.
        if wanted < 0 { charts.pan(by: wanted) }
        if wanted > 1 { charts.pan(by: wanted - 1) }
        charts.cursor = min(1, max(0, wanted))
    default: break
    }
}

private func move(by rows: Int, _ state: inout State) {
    guard let session = state.session else { return }
    switch state.screen {
    case .evaluate:
        if session.predictsNumbers { return }
        let count = session.run.head?.classes.count ?? 0
        let index = (session.evaluate.selectedClass ?? -1) + rows
        state.session?.evaluate.selectedClass = index < 0 || count == 0 ? nil : min(index, count - 1)
    default:
        let last = max(0, listCount(state) - 1)
        state.session?.scroll = min(max(0, session.scroll + rows), last)
    }
}

/// Goes to a moment of the run. A live run goes on meanwhile; its end is to be live again.
func goTo(_ action: Action, _ session: inout OpenSession) {
    guard session.hasTimeline else { return }
    let events = session.events
    var replay = session.replay ?? session.freshReplay
    // Without a replay the screen shows the end.
    if session.replay == nil, action != .play { replay.move(to: events.count, in: events) }
    switch action {
    case .play:
        // At the end it begins anew.
        if !replay.isPlaying, replay.position == events.count { replay.move(to: 1, in: events) }
        replay.isPlaying.toggle()
    case .slower: replay.speed = max(Replay.speeds.lowerBound, replay.speed / 2)
    case .faster: replay.speed = min(Replay.speeds.upperBound, replay.speed * 2)
    case .stepBack, .stepForward, .epochBack, .epochForward:
        replay.isPlaying = false
        if action == .stepBack { replay.step(by: -1, in: events) }
        if action == .stepForward { replay.step(by: 1, in: events) }
        if action == .epochBack { replay.epoch(by: -1, in: events) }
        if action == .epochForward { replay.epoch(by: 1, in: events) }
    case .toStart:
        replay.isPlaying = false
        replay.move(to: 1, in: events)
    case .toEnd:
        session.replay = nil
        return
    default: return
    }
    session.replay = session.isLive && replay.position == events.count ? nil : replay
}

/// The focused chart, or that of the loss, as files.
private func save(_ session: OpenSession, _ state: State) -> [Command] {
    let kind: ChartKind = state.focusedPane == .accuracy ? .quality(of: session.run) : .loss
    guard let chart = curves(kind, of: session.run, session.charts, state.glyphs) else { return [] }
    return [
        .save(
            name: "\(session.name)-\(kind.metric)", csv: chart.csv(),
            svg: chart.svg(
                width: 960, height: 480,
                title: "\(session.name): \(kind == .rmse ? kind.title : kind.title.lowercased())"))
    ]
}

/// A click on a name in the title bar shows that screen, on a pane it focuses, on a row it selects.
func click(row: Int, column: Int, _ state: inout State) -> [Command] {
    guard state.overlay == nil, !state.isTooSmall else { return [] }
    if row == 0 {
        let hit = titleTabs(columns: state.columns).first { ($0.column..<$0.column + $0.columns).contains(column) }
        return hit.map { show($0.id, &state) } ?? []
    }
    guard state.screen == .runs else {
        if let pane = shownPanes(state).first(where: { $0.rect.contains(row: row, column: column) }) {
            let cell = matrixCell(pane, row: row, column: column, state)
            state.focus[state.screen] = pane.id
            if let cell { state.session?.evaluate.cell = cell }
            if pane.id == .rows { selectRow(pane, at: row, &state) }
            if pane.id == .variants { selectVariant(pane, at: row, &state) }
        }
        return []
    }
    let layout = RunsLayout(state)
    if layout.presets.contains(row: row, column: column) {
        state.runs.pane = .presets
        let index = layout.firstPreset + row - layout.presets.row - 1
        if state.runs.shownPresets.indices.contains(index) { state.runs.selectedPreset = index }
    } else if layout.sessions.contains(row: row, column: column) {
        state.runs.pane = .sessions
        let index = layout.firstSession + row - layout.sessions.row - 2
        if row >= layout.sessions.row + 2, state.runs.shownSessions.indices.contains(index) {
            return moveRow(by: index - (state.runs.selectedIndex ?? 0), &state)
        }
    }
    return []
}

/// The wheel scrolls the help and lists, and zooms the charts around the pointer.
func wheel(up: Bool, row: Int, column: Int, _ state: inout State) -> [Command] {
    if case .help = state.overlay { return perform(up ? .up : .down, &state) }
    guard state.overlay == nil, !state.isTooSmall else { return [] }
    guard state.screen == .train else { return perform(up ? .up : .down, &state) }
    guard
        let pane = shownPanes(state).first(where: { $0.rect.contains(row: row, column: column) }), pane.id != .now,
        var charts = state.session?.charts
    else { return [] }
    let cursor = charts.cursor
    charts.cursor = min(1, max(0, Double(column - pane.rect.column - 5) / Double(max(1, pane.rect.columns - 7))))
    charts.zoom(by: up ? 0.5 : 2)
    charts.cursor = cursor
    state.session?.charts = charts
    return []
}
