// Keys of the two screens: what they do to the state.

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
    case .up: return move(by: -1, &state)
    case .down: return move(by: 1, &state)
    case .pageUp: return move(by: -page, &state)
    case .pageDown: return move(by: page, &state)
    case .first: return move(by: Int.min / 2, &state)
    case .last: return move(by: Int.max / 2, &state)
    case .nextPane, .previousPane: state.runs.pane = state.runs.pane == .sessions ? .presets : .sessions
    case .filter: state.overlay = .prompt(Prompt(kind: .filter, text: state.runs.filter))
    case .undo: return [.undoTrash]
    case .open:
        guard let session = state.runs.selectedSession else { return [] }
        if case .unreadable(let reason) = session.status {
            state.notice = Notice(text: reason, role: .bad)
            return []
        }
        // The session that is open already is only shown again.
        if state.train?.path == session.path, state.train?.isLive == true {
            state.screen = .train
            return []
        }
        return open(path: session.path, name: session.name, .reading, &state) { .open(path: $0, opening: $1) }
    case .resume:
        guard let session = state.runs.selectedSession else { return [] }
        return resume(session.path, session.name, session.status, &state)
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

private func open(
    path: String, name: String, _ source: Source, _ state: inout State, _ command: (String, Int) -> Command
) -> [Command] {
    state.openings += 1
    let before = state.train
    state.train = TrainState(path: path, name: name, opening: state.openings, source: source)
    state.train?.axis = before?.axis ?? .epochs
    state.screen = .train
    return [command(path, state.openings)]
}

private func resume(_ path: String, _ name: String, _ status: SessionStatus, _ state: inout State) -> [Command] {
    guard status.isResumable else {
        let why = status == .live ? "is live already" : "is \(status.word), so there is nothing to resume"
        state.notice = Notice(text: "\(name) \(why)", role: .warning)
        return []
    }
    return open(path: path, name: name, .starting, &state) { .resume(path: $0, opening: $1) }
}

private func move(by rows: Int, _ state: inout State) -> [Command] {
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

func performInTrain(_ action: Action, _ state: inout State) -> [Command] {
    guard var train = state.train else { return [] }
    switch action {
    case .axis:
        let all = TimeAxis.allCases
        train.axis = all[((all.firstIndex(of: train.axis) ?? 0) + 1) % all.count]
    case .logarithmic: train.logarithmic.toggle()
    case .pause:
        let command: EngineCommand = train.whole.phase == .paused ? .continue : .pause
        train.asked = command
        state.train = train
        return [.steer(command)]
    case .learningRate: state.overlay = .prompt(Prompt(kind: .learningRate, text: ""))
    case .stop: state.overlay = .question(.stop)
    case .resume:
        guard case .ended(let status) = train.source else { return [] }
        return resume(train.path, train.name, status, &state)
    default: replay(action, &train)
    }
    state.train = train
    return []
}

private func replay(_ action: Action, _ train: inout TrainState) {
    guard case .ended = train.source, !train.events.isEmpty else { return }
    let events = train.events
    var replay = train.replay ?? Replay(of: events)
    let isNew = train.replay == nil
    switch action {
    case .play:
        // At the end it begins anew.
        if !replay.isPlaying, replay.position == events.count { replay.move(to: 1, in: events) }
        replay.isPlaying.toggle()
    case .slower: replay.speed = max(Replay.speeds.lowerBound, replay.speed / 2)
    case .faster: replay.speed = min(Replay.speeds.upperBound, replay.speed * 2)
    case .stepBack, .stepForward, .epochBack, .epochForward:
        // Without a replay the screen shows the end.
        if isNew { replay.move(to: events.count, in: events) }
        replay.isPlaying = false
        if action == .stepBack { replay.step(by: -1, in: events) }
        if action == .stepForward { replay.step(by: 1, in: events) }
        if action == .epochBack { replay.epoch(by: -1, in: events) }
        if action == .epochForward { replay.epoch(by: 1, in: events) }
    case .toStart:
        replay.isPlaying = false
        replay.move(to: 1, in: events)
    case .toEnd:
        train.replay = nil
        return
    default: return
    }
    train.replay = replay
}

/// A click focuses; on a row it selects.
func click(row: Int, column: Int, _ state: inout State) -> [Command] {
    guard state.overlay == nil, !state.isTooSmall, state.screen == .runs else { return [] }
    let layout = RunsLayout(state)
    if layout.presets.contains(row: row, column: column) {
        state.runs.pane = .presets
        let index = layout.firstPreset + row - layout.presets.row - 1
        if state.runs.shownPresets.indices.contains(index) { state.runs.selectedPreset = index }
    } else if layout.sessions.contains(row: row, column: column) {
        state.runs.pane = .sessions
        let index = layout.firstSession + row - layout.sessions.row - 2
        if row >= layout.sessions.row + 2, state.runs.shownSessions.indices.contains(index) {
            return move(by: index - (state.runs.selectedIndex ?? 0), &state)
        }
    }
    return []
}

/// The wheel scrolls the help and moves the selection.
func wheel(up: Bool, _ state: inout State) -> [Command] {
    if case .help = state.overlay { return perform(up ? .up : .down, &state) }
    guard state.overlay == nil, state.screen == .runs else { return [] }
    return perform(up ? .up : .down, &state)
}
