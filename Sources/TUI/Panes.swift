// Panes: where the panes of each screen lie. Drawing, clicks and Tab all ask here.

import Charts
import Engine
import Experiments

/// A pane and its place, border included.
struct Pane: Equatable {
    var id: PaneID
    var rect: Rect
}

/// The names of the screens in the title bar, with the columns that they take.
func titleTabs(columns: Int) -> [(id: ScreenID, label: String, column: Int, columns: Int)] {
    var column = 12
    let isNarrow = ScreenID.allCases.reduce(column) { $0 + $1.title.count + 4 } > columns
    return ScreenID.allCases.map { id in
        let label = isNarrow ? " \(id.rawValue) \(id.title.prefix(4)) " : " \(id.rawValue) \(id.title) "
        defer { column += label.count }
        return (id, label, column, label.count)
    }
}

/// Below the header of a session, above the bottom line.
func sessionBody(_ state: State) -> Rect { Rect(row: 3, column: 0, rows: state.rows - 4, columns: state.columns) }

/// The panes that the shown screen has now; the focused one alone when it is zoomed.
func shownPanes(_ state: State) -> [Pane] {
    guard let session = state.session, session.run.head != nil else { return [] }
    let body = sessionBody(state)
    if state.isZoomed, let focused = state.focusedPane { return [Pane(id: focused, rect: body)] }
    switch state.screen {
    case .runs: return []
    case .train:
        // A table of folds has more columns than numbers of one run.
        let side =
            session.run.head?.folds == nil
            ? min(max(27, state.columns * 3 / 10), 56) : min(max(41, state.columns * 2 / 5), 68)
        let (left, right) = body.split(columns: body.columns - side)
        let (upper, lower) = left.split(rows: (left.rows + 1) / 2)
        return [Pane(id: .loss, rect: upper), Pane(id: .accuracy, rect: lower), Pane(id: .now, rect: right)]
    case .evaluate: return evaluatePanes(session, body)
    case .explain: return explainPanes(session, body)
    case .compare: return comparePanes(session, body)
    case .model:
        if body.columns >= 110 {
            let (left, right) = body.split(columns: min(body.columns * 3 / 5, 90))
            return [Pane(id: .layers, rect: left), Pane(id: .weights, rect: right)]
        }
        let rows = min(
            (session.facts?.network?.layers.count ?? session.run.head?.layers.count ?? 4) + 5, body.rows * 3 / 5)
        let (upper, lower) = body.split(rows: rows)
        return [Pane(id: .layers, rect: upper), Pane(id: .weights, rect: lower)]
    case .data:
        let (left, right) = body.split(columns: min(max(34, body.columns * 2 / 5), 64))
        let examples = Pane(id: .examples, rect: right)
        guard let findings = session.facts?.data?.summary?.findings else {
            return [Pane(id: .counts, rect: left), examples]
        }
        // As high as its sentences ask for; the counts keep half.
        let lines = findingLines(findings, columns: left.columns - 2, state.glyphs).count
        let (counts, below) = left.split(rows: left.rows - min(max(3, lines + 2), left.rows / 2))
        return [Pane(id: .counts, rect: counts), examples, Pane(id: .findings, rect: below)]
    }
}

private func evaluatePanes(_ session: OpenSession, _ body: Rect) -> [Pane] {
    if session.predictsNumbers {
        let (left, right) = body.split(columns: max(body.columns * 3 / 5, 44))
        let misses = evaluation(session)?.regression?.largest.count ?? 0
        // The table takes what its lines ask for, the bars the rest, at least half.
        let (bars, table) = right.split(rows: body.rows - min(misses + 9, body.rows / 2 + 1))
        return [
            Pane(id: .predictions, rect: left), Pane(id: .residuals, rect: bars), Pane(id: .errors, rect: table),
        ]
    }
    return classPanes(session, body)
}

/// Rows that the focused list of Model or Data has to scroll through.
func listCount(_ state: State) -> Int {
    guard let session = state.session else { return 0 }
    switch (state.screen, state.focusedPane) {
    case (.model, _): return session.facts?.network?.layers.count ?? 0
    case (.data, .findings):
        let columns = shownPanes(state).first { $0.id == .findings }?.rect.columns ?? 40
        return findingLines(session.facts?.data?.summary?.findings ?? [], columns: columns - 2, state.glyphs).count
    case (.data, .examples): return session.facts?.data?.summary?.columns.count ?? 0
    case (.data, _): return session.run.head?.classes.count ?? 0
    default: return 0
    }
}

extension Rect {
    /// The left `columns` columns, and the rest.
    func split(columns first: Int) -> (Rect, Rect) {
        let first = min(max(0, first), columns)
        return (
            Rect(row: row, column: column, rows: rows, columns: first),
            Rect(row: row, column: column + first, rows: rows, columns: columns - first)
        )
    }

    /// As many columns of the middle as give each of `parts` equally many; all of them where there are more parts.
    func evenly(_ parts: Int) -> Rect {
        guard parts > 0, parts <= columns else { return self }
        let rest = columns % parts
        return Rect(row: row, column: column + rest / 2, rows: rows, columns: columns - rest)
    }

    /// The upper `rows` rows, and the rest.
    func split(rows first: Int) -> (Rect, Rect) {
        let first = min(max(0, first), rows)
        return (
            Rect(row: row, column: column, rows: first, columns: columns),
            Rect(row: row + first, column: column, rows: rows - first, columns: columns)
        )
    }
}

/// The frame of a pane: the focused one stands out. Returns the room inside.
@discardableResult
func frame(_ pane: Pane, _ title: String, _ state: State, _ grid: inout Grid) -> Rect {
    let isFocused = pane.id == state.focusedPane
    grid.box(pane.rect, title: title, style: Style(isFocused ? .focus : .border), glyphs: state.glyphs)
    return pane.rect.inset()
}
