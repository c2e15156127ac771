// The example that is explained: its values, or the image with what speaks for and against.

import Charts
import Engine
import Experiments

func drawInstance(_ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid) {
    let title = session.explain.row.map { "Example #\($0)" } ?? "Example"
    guard let explanation = session.explanation ?? session.plainExplanation else {
        return drawMessage(
            session.explain.row == nil
                ? "No row is selected"
                : session.explain.fraction == nil ? "Enter explains the selected row" : "Asking the model",
            frame(pane, title, state, &grid), &grid)
    }
    let truth = explanation.label.map { ", true class \(session.className($0))" } ?? ""
    let rect = frame(pane, title + truth, state, &grid)
    if let picture = explanation.picture {
        return drawPicture(picture, session.surrogate(of: explanation), rect, state, &grid)
    }
    let values = explanation.values
    guard rect.rows > 0, rect.columns > 10 else { return }
    let terms = session.surrogate(of: explanation)?.terms ?? []
    let selected = min(session.explain.column, max(0, values.count - 1))
    let first = max(0, min(selected - rect.rows / 2, values.count - rect.rows))
    let isFocused = state.focusedPane == .instance
    let summaries = session.facts?.data?.summary?.columns ?? []
    for (offset, value) in values.dropFirst(first).prefix(rect.rows).enumerated() {
        let index = first + offset
        let line = rect.row + offset
        let isSelected = isFocused && index == selected
        if isSelected {
            grid.fill(
                Rect(row: line, column: rect.column, rows: 1, columns: rect.columns), Cell(" ", Style(.selection)))
        }
        let term = terms.first { $0.feature == index }
        // A condition speaks for or against; of a number that stays one it is known what more of it would do, not whether this much
        // does it.
        let isSlope = term?.text == value.column
        let sign: Part =
            switch term?.weight {
            case let weight? where weight > 0:
                Part(isSlope ? state.glyphs.pick("↑", "^") : "+", isSelected ? .selection : .good, bold: true)
            case let weight? where weight < 0:
                Part(isSlope ? state.glyphs.pick("↓", "v") : "-", isSelected ? .selection : .bad, bold: true)
            default: Part(" ", isSelected ? .selection : .text)
            }
        grid.write([sign], row: line, column: rect.column, columns: 1, glyphs: state.glyphs)
        // A change that is asked for and not answered yet is shown as it was typed.
        let pending = session.explain.changes.first { $0.column == index }
        let text = pending?.text ?? value.text
        let role: Role =
            isSelected ? .selection : pending != nil || value.isChanged ? .warning : text.isEmpty ? .dim : .text
        var shown = [Part(text.isEmpty ? "missing" : text, role)]
        if rect.columns >= 44, summaries.indices.contains(index), let usual = usual(summaries[index]) {
            shown.append(Part(usual, isSelected ? .selection : .dim))
        }
        let width = min(rect.columns - 2, shown.reduce(0) { $0 + displayWidth($1.text) })
        grid.write(
            shown, row: line, column: rect.column + rect.columns - width - 1, columns: width, glyphs: state.glyphs)
        grid.write(
            [Part(value.column, isSelected ? .selection : .dim)], row: line, column: rect.column + 2,
            columns: rect.columns - width - 4, glyphs: state.glyphs)
    }
}

/// What the training split usually has there.
private func usual(_ column: ColumnSummary) -> String? {
    switch column.content {
    case .numeric(let numbers):
        let text = Format.compact(numbers.mean)
        return "  mean " + String(repeating: " ", count: max(0, 7 - text.count)) + text
    case .category(let levels):
        guard let first = levels.names.first else { return nil }
        return "  often " + first
    }
}

/// The image, and beside it which parts speak for the class and which against it.
private func drawPicture(
    _ picture: Explanation.Picture, _ surrogate: Surrogate?, _ rect: Rect, _ state: State, _ grid: inout Grid
) {
    let isWide = rect.columns >= rect.rows * 3
    let room = Rect(row: rect.row, column: rect.column + 1, rows: max(0, rect.rows - 1), columns: rect.columns - 2)
    let (first, second) = isWide ? room.split(columns: room.columns / 2) : room.split(rows: room.rows / 2)
    let plain = Charts.Thumbnail(
        channels: picture.channels, height: picture.height, width: picture.width, pixels: picture.pixels,
        glyphs: state.glyphs)
    plain.draw(
        into: &grid,
        in: Rect(row: first.row, column: first.column, rows: first.rows - (isWide ? 0 : 1), columns: first.columns - 1))
    guard let surrogate else { return }
    let map = SuperpixelMap(picture: picture, terms: surrogate.terms, theme: state.theme, glyphs: state.glyphs)
    map.draw(into: &grid, in: second)
    let words: [Part] =
        [
            Part(state.ascii ? "+ " : "■ ", map.supportsRole), Part("speaks for it  ", .dim),
            Part(state.ascii ? "- " : "■ ", map.opposesRole),
            Part("against it", .dim),
        ]
    grid.write(
        words, row: rect.row + rect.rows - 1, column: rect.column + 1, columns: rect.columns - 2, glyphs: state.glyphs)
}
