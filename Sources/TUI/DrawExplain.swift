// The screen Explain: why the model says what it says of one example, and what matters to it over many.

import Charts
import Engine
import Experiments

/// The panes that the screen may have for a session, in the order of Tab.
func explainPanes(_ session: OpenSession?) -> [PaneID] {
    session?.isTable == true ? [.rows, .instance, .why, .survey] : [.rows, .instance, .why]
}

/// Where they lie.
func explainPanes(_ session: OpenSession, _ body: Rect) -> [Pane] {
    let isTable = explainPanes(session).contains(.survey)
    if body.columns >= 110 {
        let (left, rest) = body.split(columns: 32)
        let (middle, right) = rest.split(columns: min(64, rest.columns * 2 / 5))
        var panes = [Pane(id: .rows, rect: left), Pane(id: .instance, rect: middle)]
        if isTable, body.rows >= 46 {
            let (upper, lower) = right.split(rows: body.rows / 2)
            panes += [Pane(id: .why, rect: upper), Pane(id: .survey, rect: lower)]
        } else {
            panes.append(Pane(id: isTable && session.explain.showsSurvey ? .survey : .why, rect: right))
        }
        return panes
    }
    let (left, right) = body.split(columns: min(28, body.columns / 3))
    // An image wants room, a surrogate of superpixels has few lines.
    let (upper, lower) = right.split(rows: isTable ? max(12, body.rows * 3 / 5) : max(10, body.rows * 2 / 5))
    return [
        Pane(id: .rows, rect: left), Pane(id: .instance, rect: lower),
        Pane(id: isTable && session.explain.showsSurvey ? .survey : .why, rect: upper),
    ]
}

func drawExplain(_ state: State, _ grid: inout Grid) {
    guard let session = state.session else { return }
    for pane in shownPanes(state) {
        switch pane.id {
        case .rows: drawRows(session, frame(pane, rowsTitle(session), state, &grid), state, &grid)
        case .instance: drawInstance(session, pane, state, &grid)
        case .why: drawWhy(session, pane, state, &grid)
        case .survey: drawSurvey(session, frame(pane, "What matters", state, &grid), state, &grid)
        default: break
        }
    }
}

private func rowsTitle(_ session: OpenSession) -> String {
    switch session.explain.filter {
    case .wrong: session.predictsNumbers ? "Largest errors" : "Wrong ones"
    case .unsure: "Least sure"
    case .all: "Test split"
    case .ofClass(let label): session.className(label)
    }
}

private func drawRows(_ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    guard !session.isFolds else { return drawMessage("No model is kept", rect, &grid) }
    guard let list = session.facts?.predictions else {
        let text: String
        switch session.source {
        case .ended: text = session.explain.fraction == nil ? "No predictions are kept" : "Predicting the test split"
        default: text = "They are kept when the run ends"
        }
        return drawMessage(text, rect, &grid)
    }
    let rows = session.explain.shown
    guard !rows.isEmpty, rect.rows > 1 else { return drawMessage("None", rect, &grid) }
    let selected = session.selectedPlace ?? 0
    let room = rect.rows - 1
    let first = firstRow(session, rect)
    let explained = Set(session.run.explanations.compactMap(\.row))
    for (offset, place) in rows.dropFirst(first).prefix(room).enumerated() {
        let line = rect.row + offset
        let row = list[place]
        let isSelected = first + offset == selected
        if isSelected {
            grid.fill(
                Rect(row: line, column: rect.column, rows: 1, columns: rect.columns), Cell(" ", Style(.selection)))
        }
        let (parts, value) = rowParts(row, isSelected: isSelected, columns: rect.columns - 8, session, state)
        let mark = explained.contains(row.index) ? (state.ascii ? "*" : "•") : " "
        grid.write(
            [Part(mark, isSelected ? .selection : .good)], row: line, column: rect.column, columns: 1,
            glyphs: state.glyphs)
        grid.write(
            parts, row: line, column: rect.column + 1, columns: rect.columns - displayWidth(value) - 3,
            glyphs: state.glyphs)
        grid.writeRight(
            [Part(value, isSelected ? .selection : .dim)], row: line, end: rect.column + rect.columns - 1,
            columns: rect.columns - 2, glyphs: state.glyphs)
    }
    grid.write(
        [Part("\(Format.count(selected + 1)) of \(Format.count(rows.count))", .dim)], row: rect.row + rect.rows - 1,
        column: rect.column + 1, columns: rect.columns - 2, glyphs: state.glyphs)
}

/// The first row that a list in `rect` shows.
private func firstRow(_ session: OpenSession, _ rect: Rect) -> Int {
    let room = rect.rows - 1
    return max(0, min((session.selectedPlace ?? 0) - room / 2, session.explain.shown.count - room))
}

/// The place among the shown rows that is drawn in a row of the screen; nil: none.
func listedPlace(_ session: OpenSession, _ pane: Pane, at row: Int) -> Int? {
    let rect = pane.rect.inset()
    guard (rect.row..<rect.row + rect.rows - 1).contains(row) else { return nil }
    let place = firstRow(session, rect) + row - rect.row
    return session.explain.shown.indices.contains(place) ? place : nil
}

/// A row's place, its true class and what it was taken for, and how sure the model is; the two names share the room.
private func rowParts(
    _ row: PredictionList.Row, isSelected: Bool, columns: Int, _ session: OpenSession, _ state: State
) -> (parts: [Part], value: String) {
    func part(_ text: String, _ role: Role) -> Part { Part(text, isSelected ? .selection : role) }
    let place = "#\(row.index) "
    if session.predictsNumbers {
        let (truth, prediction) = (Double(row.truth), Double(row.prediction))
        return (
            [
                part(place, .dim), part(Format.compact(truth), .text), part(state.ascii ? ">" : "→", .dim),
                part(Format.compact(prediction), .text),
            ], (prediction > truth ? "+" : "") + Format.compact(prediction - truth)
        )
    }
    let value = sureness(Double(row.prediction))
    guard row.label != row.predicted else {
        return ([part(place, .dim), part(session.className(row.label), .text)], value)
    }
    let arrow = state.ascii ? ">" : "→"
    let room = max(4, columns - place.count - 1)
    let (truth, taken) = (session.className(row.label), session.className(row.predicted))
    // The shorter name leaves its room to the longer one.
    let first = min(displayWidth(truth), max(room / 2, room - displayWidth(taken)))
    return (
        [
            part(place, .dim), part(truncated(truth, to: first, glyphs: state.glyphs), .text), part(arrow, .dim),
            part(truncated(taken, to: room - first, glyphs: state.glyphs), .bad),
        ], value
    )
}
