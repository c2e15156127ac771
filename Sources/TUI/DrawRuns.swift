// The screen Runs: sessions, presets, and a look at the selected one.

import Charts
import Engine
import Experiments

/// Where the panes of Runs lie, and which rows they begin with.
struct RunsLayout {
    let sessions: Rect
    let presets: Rect
    let preview: Rect
    let firstSession: Int
    let firstPreset: Int

    init(_ state: State) {
        let body = Rect(row: 1, column: 0, rows: state.rows - 2, columns: state.columns)
        let presetRows = state.runs.shownPresets.count + 2
        if state.columns >= 100 {
            let right = min(state.columns * 2 / 5, 84)
            let left = state.columns - right
            let lower = min(max(presetRows, 5), body.rows * 2 / 5)
            sessions = Rect(row: 1, column: 0, rows: body.rows - lower, columns: left)
            presets = Rect(row: 1 + sessions.rows, column: 0, rows: lower, columns: left)
            preview = Rect(row: 1, column: left, rows: body.rows, columns: right)
        } else {
            let lower = min(max(presetRows, 9), body.rows / 2)
            let left = state.columns * 2 / 5
            sessions = Rect(row: 1, column: 0, rows: body.rows - lower, columns: state.columns)
            presets = Rect(row: 1 + sessions.rows, column: 0, rows: lower, columns: left)
            preview = Rect(row: presets.row, column: left, rows: lower, columns: state.columns - left)
        }
        firstSession = RunsLayout.first(showing: state.runs.selectedIndex ?? 0, of: sessions.rows - 3)
        firstPreset = RunsLayout.first(showing: state.runs.selectedPreset, of: presets.rows - 2)
    }

    private static func first(showing selected: Int, of rows: Int) -> Int { max(0, selected - max(1, rows) + 1) }
}

func drawRuns(_ state: State, _ grid: inout Grid) {
    let layout = RunsLayout(state)
    drawSessions(state, layout, &grid)
    drawPresets(state, layout, &grid)
    drawPreview(state, layout.preview, &grid)
}

private func border(_ focused: Bool) -> Style { Style(focused ? .focus : .border) }

private func drawSessions(_ state: State, _ layout: RunsLayout, _ grid: inout Grid) {
    let rect = layout.sessions
    let focused = state.runs.pane == .sessions
    grid.box(rect, title: "Sessions", style: border(focused), glyphs: state.glyphs)
    let inner = rect.inset()
    let shown = state.runs.shownSessions
    guard !shown.isEmpty else { return drawNoSessions(state, inner, &grid) }
    let columns = SessionColumns(width: inner.columns)
    columns.write(columns.titles, row: inner.row, column: inner.column, role: .dim, &grid, state.glyphs)
    for (index, session) in shown.enumerated().dropFirst(layout.firstSession).prefix(inner.rows - 1) {
        let row = inner.row + 1 + index - layout.firstSession
        let isSelected = session.path == state.runs.selectedPath
        let cells = columns.texts(of: session, state)
        let role: Role? = isSelected && focused ? .selection : nil
        if role != nil {
            grid.fill(
                Rect(row: row, column: inner.column, rows: 1, columns: inner.columns), Cell(" ", Style(.selection)))
        }
        if isSelected {
            _ = grid.write(state.glyphs.pointer, row: row, column: inner.column, style: Style(role ?? .focus))
        }
        columns.write(cells, row: row, column: inner.column, role: role ?? .text, &grid, state.glyphs)
        if role == nil {
            let label = "\(session.status.sign(state.glyphs)) \(session.status.word)"
            _ = grid.write(label, row: row, column: inner.column + 2, style: Style(session.status.role))
        }
    }
}

private func drawNoSessions(_ state: State, _ inner: Rect, _ grid: inout Grid) {
    let lines: [String]
    if state.runs.sessions == nil {
        lines = ["Reading the folder"]
    } else if !state.runs.filter.isEmpty {
        lines = ["No session has \"\(state.runs.filter)\" in its name, state or data set.", "Esc clears the filter."]
    } else {
        lines = [
            "No session yet.", "",
            "A session is one file that keeps a training run: its curves, its network and its weights.",
            "Select a preset below and press Enter: it trains here and now, and you watch it.",
            "Or leave with q and train your own table: workbench train FILE.csv --target COLUMN",
        ]
    }
    var row = inner.row + (inner.rows > lines.count + 2 ? 1 : 0)
    for line in lines {
        let pieces = line.isEmpty ? [""] : wrapped(line, columns: inner.columns - 4)
        for piece in pieces where row < inner.row + inner.rows {
            let isFirst = line == lines[0]
            _ = grid.write(piece, row: row, column: inner.column + 2, style: Style(isFirst ? .title : .text))
            row += 1
        }
    }
}

/// The columns of the list of sessions, as many as fit.
private struct SessionColumns {
    private enum Column: Int, CaseIterable {
        case state, name, dataset, when, epochs, loss, score, speed, time

        /// Title, width and whether it is aligned at the right; the name takes what is left.
        var look: (title: String, width: Int, isRight: Bool) {
            switch self {
            case .state: ("state", 13, false)
            case .name: ("name", 14, false)
            case .dataset: ("data set", 14, false)
            case .when: ("when", 11, true)
            case .epochs: ("epochs", 8, true)
            case .loss: ("train loss", 11, true)
            case .score: ("score", 13, true)
            case .speed: ("examples/s", 11, true)
            case .time: ("time", 9, true)
            }
        }
        /// What is shown first when there is little room.
        static let byWorth: [Column] = [.state, .name, .score, .epochs, .when, .time, .dataset, .loss, .speed]
    }
    /// Columns in their order, with their widths.
    private let columns: [(column: Column, width: Int)]

    init(width: Int) {
        var shown: Set<Column> = []
        var used = 2
        for column in Column.byWorth {
            guard used + column.look.width + 1 <= width else { break }
            used += column.look.width + 1
            shown.insert(column)
        }
        columns = Column.allCases.filter(shown.contains).map { column in
            (column, column.look.width + (column == .name ? width - used : 0))
        }
    }

    var titles: [String] { columns.map { $0.column.look.title } }

    func write(_ cells: [String], row: Int, column: Int, role: Role, _ grid: inout Grid, _ glyphs: GlyphSet) {
        var at = column + 2
        for (cell, (column, width)) in zip(cells, columns) {
            let text = truncated(cell, to: width, glyphs: glyphs)
            let indent = column.look.isRight ? width - displayWidth(text) : 0
            _ = grid.write(text, row: row, column: at + indent, style: Style(role), maxColumns: width - indent)
            at += width + 1
        }
    }

    func texts(of session: SessionSummary, _ state: State) -> [String] {
        columns.map { text(of: session, $0.column, state) }
    }

    private func text(of session: SessionSummary, _ column: Column, _ state: State) -> String {
        switch column {
        case .state: return "\(session.status.sign(state.glyphs)) \(session.status.word)"
        case .name: return session.name
        case .dataset: return session.head?.dataset ?? ""
        case .when: return ago(session.createdAt, now: state.now)
        case .epochs:
            guard let head = session.head else { return "" }
            if let folds = head.folds {
                return session.foldsDone == folds ? "\(folds) folds" : "\(session.foldsDone)/\(folds) cv"
            }
            return "\(min(head.epochs, session.step / max(1, head.stepsPerEpoch)))/\(head.epochs)"
        case .loss: return session.metrics["train/loss"].map { Format.number($0) } ?? ""
        case .score:
            if let score = foldScore(session, state.glyphs) { return score }
            // R2 and not RMSE: it can be compared from row to row, and is as good the larger it is.
            for (split, sign) in [("test", " test"), ("validation", "  val")] {
                if let accuracy = session.metrics["\(split)/accuracy"] { return Format.percent(accuracy) + sign }
                if let r2 = session.metrics["\(split)/r2"] { return "R2 \(Format.compact(r2))\(sign)" }
                if let error = session.metrics["\(split)/rmse"] { return "RMSE \(Format.compact(error))" }
            }
            return ""
        case .speed: return session.metrics["images_per_s"].map { Format.rate($0) } ?? ""
        case .time: return session.seconds > 0 ? Format.duration(session.seconds) : ""
        }
    }
}

private func drawPresets(_ state: State, _ layout: RunsLayout, _ grid: inout Grid) {
    let rect = layout.presets
    let focused = state.runs.pane == .presets
    grid.box(rect, title: "Train a preset", style: border(focused), glyphs: state.glyphs)
    let inner = rect.inset()
    let shown = state.runs.shownPresets
    let nameWidth = min(20, (shown.map { displayWidth($0.name) }.max() ?? 0) + 2)
    for (index, preset) in shown.enumerated().dropFirst(layout.firstPreset).prefix(inner.rows) {
        let row = inner.row + index - layout.firstPreset
        let isSelected = index == state.runs.selectedPreset
        let isMarked = isSelected && focused
        if isMarked {
            grid.fill(
                Rect(row: row, column: inner.column, rows: 1, columns: inner.columns), Cell(" ", Style(.selection)))
        }
        if isSelected {
            let style = Style(isMarked ? .selection : .focus)
            _ = grid.write(state.glyphs.pointer, row: row, column: inner.column, style: style)
        }
        let name = [Part(preset.name, isMarked ? .selection : .text)]
        grid.write(name, row: row, column: inner.column + 2, columns: nameWidth, glyphs: state.glyphs)
        let room = inner.columns - nameWidth - 3
        if room >= 14 {
            let summary = [Part(preset.summary, isMarked ? .selection : .dim)]
            grid.write(summary, row: row, column: inner.column + 2 + nameWidth, columns: room, glyphs: state.glyphs)
        }
    }
}

// MARK: preview

private func drawPreview(_ state: State, _ rect: Rect, _ grid: inout Grid) {
    if state.runs.pane == .presets, let preset = state.runs.preset {
        grid.box(rect, title: preset.name, style: Style(.border), glyphs: state.glyphs)
        drawPreset(preset, rect.inset(), state, &grid)
        return
    }
    guard let session = state.runs.selectedSession else {
        grid.box(rect, title: "", style: Style(.border), glyphs: state.glyphs)
        return
    }
    grid.box(rect, title: session.fileName, style: Style(.border), glyphs: state.glyphs)
    let inner = rect.inset()
    if case .unreadable(let reason) = session.status {
        for (index, line) in wrapped(reason, columns: inner.columns - 2).prefix(inner.rows).enumerated() {
            _ = grid.write(line, row: inner.row + index, column: inner.column + 1, style: Style(.bad))
        }
        return
    }
    let preview = state.runs.preview.flatMap { $0.path == session.path ? $0.run : nil }
    drawSession(session, preview, inner, state, &grid)
}

private func drawPreset(_ preset: PresetRow, _ inner: Rect, _ state: State, _ grid: inout Grid) {
    var row = inner.row
    for line in wrapped(preset.summary, columns: inner.columns - 2) where row < inner.row + inner.rows {
        _ = grid.write(line, row: row, column: inner.column + 1, style: Style(.text))
        row += 1
    }
    row += inner.rows > 10 ? 1 : 0
    for line in preset.detail.split(separator: "\n", omittingEmptySubsequences: false)
    where row < inner.row + inner.rows {
        let isComment = line.drop { $0 == " " }.first == "#"
        let part = [Part(String(line), isComment ? .border : .dim)]
        grid.write(part, row: row, column: inner.column + 1, columns: inner.columns - 2, glyphs: state.glyphs)
        row += 1
    }
}

private func drawSession(
    _ session: SessionSummary, _ run: RunState?, _ inner: Rect, _ state: State, _ grid: inout Grid
) {
    let text = Rect(row: inner.row, column: inner.column + 1, rows: inner.rows, columns: inner.columns - 2)
    let dot = state.glyphs.dot
    var lines: [[Part]] = []
    var status = [Part("\(session.status.sign(state.glyphs)) \(session.status.word)", session.status.role)]
    status.append(Part("\(dot)\(ago(session.createdAt, now: state.now))\(dot)\(Format.bytes(session.bytes))", .dim))
    lines.append(status)
    let isCompact = inner.rows < 16
    if let head = run?.head ?? session.head {
        lines.append([Part(head.dataset), Part("\(dot)\(head.inputShape)\(dot)\(aim(of: head))", .dim)])
        if !isCompact {
            let parts = [head.trainExamples, head.validationExamples, head.testExamples].map { Format.count($0) }
            if let folds = head.folds {
                lines.append([Part("\(folds) folds of \(counted(head.testExamples, "example", "examples"))", .dim)])
            } else {
                lines.append([Part("train \(parts[0])\(dot)validation \(parts[1])\(dot)test \(parts[2])", .dim)])
            }
            lines.append([])
        }
        lines +=
            head.folds == nil
            ? metricLines(session, isCompact: isCompact, dot) : foldLines(session, isCompact: isCompact, state.glyphs)
        if !isCompact { lines.append([]) }
        let network = head.layers.joined(separator: state.glyphs.arrow)
        lines += wrapped(network, columns: text.columns).prefix(isCompact ? 1 : 4).map { [Part($0)] }
        if !isCompact {
            let parameters = "\(Format.count(head.parameters)) parameters"
            let optimizer = "\(head.optimizer) \(Format.number(head.learningRate))"
            lines.append([Part("\(parameters)\(dot)\(optimizer)\(dot)batch \(head.batch)", .dim)])
        }
    }
    for (index, line) in lines.prefix(text.rows).enumerated() {
        grid.write(line, row: text.row + index, column: text.column, columns: text.columns, glyphs: state.glyphs)
    }
    let used = lines.count + (isCompact ? 0 : 1)
    let rest = Rect(row: inner.row + used, column: inner.column, rows: inner.rows - used, columns: inner.columns)
    guard let run else { return }
    if rest.rows >= 12 {
        let chart = Rect(row: rest.row, column: rest.column, rows: min(rest.rows / 2, 20), columns: rest.columns)
        let below = Rect(
            row: chart.row + chart.rows, column: chart.column, rows: min(rest.rows - chart.rows, 20),
            columns: chart.columns)
        drawChart(.loss, of: run, ChartView(), in: chart, state.glyphs, &grid)
        drawChart(.quality(of: run), of: run, ChartView(), in: below, state.glyphs, &grid)
    } else if rest.rows >= 6 {
        drawChart(.loss, of: run, ChartView(), in: rest, state.glyphs, &grid)
    } else if rest.rows >= 1, let loss = run.curves["train/loss"] {
        drawSparkline("loss", loss.values, row: rest.row, in: text, state.glyphs, &grid)
    }
}

private func metricLines(_ session: SessionSummary, isCompact: Bool, _ dot: String) -> [[Part]] {
    var lines: [[Part]] = []
    for split in Split.allCases {
        let loss = session.metrics["\(split.rawValue)/loss"]
        let accuracy = session.metrics["\(split.rawValue)/accuracy"]
        let (error, r2) = (session.metrics["\(split.rawValue)/rmse"], session.metrics["\(split.rawValue)/r2"])
        guard loss != nil || accuracy != nil || error != nil, !(isCompact && split == .train) else { continue }
        let name = split.rawValue.padding(toLength: 11, withPad: " ", startingAt: 0)
        var parts = [Part(name, .dim)]
        if let accuracy { parts.append(Part(Format.percent(accuracy), split == .test ? .good : .text)) }
        if let error { parts.append(Part("RMSE \(Format.number(error))", split == .test ? .good : .text)) }
        if let r2 { parts.append(Part("\(dot)R2 \(Format.number(r2))", split == .test ? .good : .text)) }
        // In units of its own, beside two measures that say more: left out for numbers.
        if let loss, error == nil {
            parts.append(Part("\(accuracy == nil ? "" : dot)loss \(Format.number(loss))", .dim))
        }
        lines.append(parts)
    }
    return lines
}
