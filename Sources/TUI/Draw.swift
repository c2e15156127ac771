// draw: the state as a grid. Pure. The frame round every screen: title bar, bottom line, help, too small.

import Charts
import Engine
import Experiments

/// Draws the whole screen.
func draw(_ state: State, into grid: inout Grid) {
    guard !state.isTooSmall else { return drawTooSmall(state, &grid) }
    drawTitleBar(state, &grid)
    if state.screen == .runs {
        drawRuns(state, &grid)
    } else if let session = state.session {
        drawHeader(session, state, &grid)
        if session.run.head == nil {
            drawNothingYet(session, sessionBody(state), state, &grid)
        } else {
            switch state.screen {
            case .evaluate: drawEvaluate(state, &grid)
            case .explain: drawExplain(state, &grid)
            case .compare: drawCompare(state, &grid)
            case .model: drawModel(state, &grid)
            case .data: drawData(state, &grid)
            default: drawTrain(state, &grid)
            }
        }
    }
    if case .help(let scroll) = state.overlay { drawHelp(state, scroll: scroll, &grid) }
    if state.overlay == .rates { drawRates(state, &grid) }
    if case .gallery(let view) = state.overlay { drawErrorGallery(view, state, &grid) }
    drawBottomLine(state, &grid)
}

/// The screen of `state`.
func screen(_ state: State) -> Grid {
    var grid = Grid(rows: state.rows, columns: state.columns)
    draw(state, into: &grid)
    return grid
}

private func drawTooSmall(_ state: State, _ grid: inout Grid) {
    let lines = [
        "The window is too small:", "\(state.columns)x\(state.rows), and at least",
        "\(State.leastColumns)x\(State.leastRows) is needed.", "q leaves.",
    ]
    let top = max(0, (state.rows - lines.count) / 2)
    for (index, line) in lines.enumerated() {
        let style = Style(index == 3 ? .dim : .text)
        _ = grid.write(line, row: top + index, column: max(0, (state.columns - line.count) / 2), style: style)
    }
}

private func drawTitleBar(_ state: State, _ grid: inout Grid) {
    _ = grid.write("workbench", row: 0, column: 1, style: Style(.title, bold: true))
    var column = 12
    for tab in titleTabs(columns: state.columns) {
        let isShown = tab.id == state.screen
        column =
            tab.column
            + grid.write(
                tab.label, row: 0, column: tab.column, style: Style(isShown ? .selection : .dim))
    }
    var parts: [Part] = []
    let live = state.liveNames.count
    if live > 0 { parts += [Part("\(SessionStatus.live.sign(state.glyphs)) \(live) live", .good), Part("  ")] }
    parts.append(Part(state.folder, .dim))
    let room = state.columns - column - 2
    let width = parts.reduce(0) { $0 + displayWidth($1.text) }
    if width > room { parts.removeLast() }
    grid.writeRight(parts, row: 0, end: state.columns - 1, columns: room, glyphs: state.glyphs)
}

// MARK: bottom line

private func drawBottomLine(_ state: State, _ grid: inout Grid) {
    let row = state.rows - 1
    let left = bottomText(state)
    let used = grid.write(left, row: row, column: 1, columns: state.columns - 2, glyphs: state.glyphs)
    let room = state.columns - used - 4
    var parts: [Part] = []
    var width = 0
    // What does not fit is left out from the end, but for the help, which tells of all the others, and the way back.
    let hints = keyHints(state)
    func measure(_ hint: Hint) -> Int { displayWidth(hint.key) + displayWidth(hint.word) + 3 }
    let kept: Set<Action> = [.help, .back]
    var reserved = hints.filter { kept.contains($0.action) }.reduce(0) { $0 + measure($1) }
    for hint in hints {
        if kept.contains(hint.action) { reserved -= measure(hint) }
        guard width + measure(hint) + reserved <= room + 2 else { continue }
        width += measure(hint)
        parts += [Part(hint.key, .key), Part(" \(hint.word)  ", .dim)]
    }
    guard !parts.isEmpty else { return }
    parts[parts.count - 1].text.removeLast(2)
    grid.writeRight(parts, row: row, end: state.columns - 1, columns: room, glyphs: state.glyphs)
}

/// A key and its word in the bottom line.
struct Hint {
    var key: String
    var word: String
    var action: Action
}

/// The keys that work here, most special first.
func keyHints(_ state: State) -> [Hint] {
    state.contexts.flatMap { context in
        Keymap.bindings.filter { $0.context == context }.compactMap { binding in
            guard let word = binding.hint, let key = binding.keys.first, isOffered(binding.action, state) else {
                return nil
            }
            return Hint(
                key: key.name(ascii: state.ascii), word: shownWord(word, binding.action, state), action: binding.action)
        }
    }
}

private func isOffered(_ action: Action, _ state: State) -> Bool {
    switch (action, state.screen) {
    case (.resume, .runs):
        state.runs.selectedSession.map { $0.status.isResumable && $0.head?.folds == nil } ?? false
    case (.pause, _), (.learningRate, _), (.findRate, _): state.session?.whole.head?.folds == nil
    case (.crossValidate, .runs): state.runs.preset != nil
    case (.resume, _): state.session?.isResumable == true
    case (.open, .runs): state.runs.selectedSession != nil
    case (.trash, .runs): state.runs.selectedSession.map { $0.status != .live } ?? false
    case (.train, .runs): state.runs.preset != nil
    case (.play, _), (.faster, _), (.stepForward, _): state.session?.hasTimeline == true
    case (.toEnd, _): state.session?.replay != nil
    case (.showRates, _): state.session?.whole.ratesTried != nil
    case (.takeRate, _): state.session.flatMap(takenRate) != nil
    case (.split, _): state.session.map { $0.run.evaluations.count > 1 } ?? false
    case (.confusionMode, _), (.up, .evaluate), (.nextChart, _), (.thresholdCursor, _):
        state.session.map { !$0.predictsNumbers } ?? false
    case (.nextBest, _), (.costs, _): state.session?.evaluate.threshold != nil
    default: true
    }
}

private func shownWord(_ word: String, _ action: Action, _ state: State) -> String {
    switch action {
    case .back where state.screen == .runs: "quit"
    case .open where state.runs.selectedSession?.status == .live: "attach"
    case .toEnd where state.session?.isLive == true: "live"
    case .pause where state.session?.whole.phase == .paused: "continue"
    case .play where state.session?.replay?.isPlaying == true: "hold"
    default: word
    }
}

private func bottomText(_ state: State) -> [Part] {
    switch state.overlay {
    case .question(let question): return [Part(question.text, .warning, bold: true)]
    case .prompt(let prompt):
        // Of a long text the end is shown, where the typing goes on.
        let room = max(10, state.columns - displayWidth(prompt.label) - 30)
        let text = prompt.text.count > room ? (state.ascii ? "~" : "…") + prompt.text.suffix(room) : prompt.text
        var parts = [
            Part(prompt.kind == .command ? ":" : "\(prompt.label): ", .title), Part(text),
            Part(state.ascii ? "_" : "▏", .focus),
        ]
        if let complaint = prompt.complaint {
            parts.append(Part("  \(complaint)", .warning))
        } else if prompt.kind == .command {
            parts.append(Part("  \(TypedCommand.candidates(prompt.text).joined(separator: " "))", .dim))
        }
        return parts
    case .help, .rates, nil: break
    case .gallery(let view): return state.session.map { galleryStatus($0, view) } ?? []
    }
    if let notice = state.notice { return [Part(notice.text, notice.role)] }
    switch state.screen {
    case .runs: return runsStatus(state)
    case .evaluate: return state.session.map { evaluateStatus($0, state) } ?? []
    default: return state.session.map { trainStatus($0, state.glyphs) } ?? []
    }
}

private func runsStatus(_ state: State) -> [Part] {
    if let failure = state.runs.failure { return [Part(failure, .bad)] }
    guard let sessions = state.runs.sessions else { return [Part("Reading the folder", .dim)] }
    var text = counted(sessions.count, "session", "sessions")
    if !state.runs.filter.isEmpty {
        text = "\(Format.count(state.runs.shownSessions.count)) of \(text) with \"\(state.runs.filter)\""
    }
    return [Part(text, .dim)]
}

// MARK: help

/// One line of the help screen.
enum HelpLine: Equatable {
    case heading(String)
    case key(String, String)
    case blank
}

/// The help, most special keys first, all of it.
func helpLines(_ state: State) -> [HelpLine] {
    var lines: [HelpLine] = []
    let here = state.contexts(of: state.screen).filter { $0 != .global }
    let order = here + [.global] + Context.allCases.filter { $0 != .global && !here.contains($0) }
    for context in order {
        if !lines.isEmpty { lines.append(.blank) }
        lines.append(.heading(context.title))
        lines += Keymap.rows(of: context, ascii: state.ascii).map { .key($0.keys, $0.help) }
    }
    return lines
}

private func helpRect(_ state: State) -> Rect {
    let columns = min(state.columns - 4, 100)
    let rows = min(state.rows - 3, helpLines(state).count + 2)
    return Rect(
        row: 1 + (state.rows - 2 - rows) / 2, column: (state.columns - columns) / 2, rows: rows, columns: columns)
}

/// Lines of the help that are seen at once.
func helpPage(_ state: State) -> Int { helpRect(state).rows - 2 }

private func drawHelp(_ state: State, scroll: Int, _ grid: inout Grid) {
    let rect = helpRect(state)
    let lines = helpLines(state)
    let page = rect.rows - 2
    grid.fill(rect, .blank)
    grid.box(rect, title: "Keys", style: Style(.focus), glyphs: state.glyphs)
    let first = min(scroll, max(0, lines.count - page))
    for (index, line) in lines.dropFirst(first).prefix(page).enumerated() {
        let row = rect.row + 1 + index
        switch line {
        case .blank: break
        case .heading(let text):
            _ = grid.write(text, row: row, column: rect.column + 2, style: Style(.title, bold: true))
        case .key(let keys, let help):
            _ = grid.write(keys, row: row, column: rect.column + 4, style: Style(.key), maxColumns: 14)
            grid.write(
                [Part(help)], row: row, column: rect.column + 19, columns: rect.columns - 21, glyphs: state.glyphs)
        }
    }
    if lines.count > page {
        let place = " \(first + 1)-\(min(lines.count, first + page)) of \(lines.count) "
        grid.writeRight(
            [Part(place, .dim)], row: rect.row + rect.rows - 1, end: rect.column + rect.columns - 2,
            columns: rect.columns - 4, glyphs: state.glyphs)
    }
}
