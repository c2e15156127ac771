// The gallery of a cell of the confusion matrix: its examples one by one, over the whole screen.

import Charts
import Engine
import Experiments

/// What the gallery shows.
struct GalleryView: Sendable, Equatable {
    /// The cell; nil: the worst mistakes, of the picked class where one is picked.
    var cell: MatrixCell?
    /// The example that is looked at.
    var selected = 0
}

/// The examples that the session keeps of it: the most confident mistakes first, of right ones the least sure.
func galleryExamples(_ session: OpenSession, _ view: GalleryView) -> [Mistake] {
    guard let facts = session.facts else { return [] }
    guard let cell = view.cell else {
        guard let chosen = session.evaluate.selectedClass else { return facts.mistakes }
        let own = facts.mistakes.filter { $0.label == chosen }
        guard own.isEmpty else { return own }
        // The worst of all may be of other classes.
        return facts.cellExamples.filter { $0.label == chosen && !$0.isRight }.sorted {
            $0.probability > $1.probability
        }
    }
    // Sessions of earlier versions keep the worst mistakes alone.
    let kept = facts.cellExamples.isEmpty ? facts.mistakes : facts.cellExamples
    return kept.filter { $0.label == cell.label && $0.predicted == cell.predicted }
        .sorted { cell.label == cell.predicted ? $0.probability < $1.probability : $0.probability > $1.probability }
}

/// "3 taken for 5", "3, right".
func cellText(_ session: OpenSession, _ cell: MatrixCell) -> String {
    cell.label == cell.predicted
        ? "\(session.className(cell.label)), right"
        : "\(session.className(cell.label)) taken for \(session.className(cell.predicted))"
}

/// Why there is nothing to show.
func emptyGallery(_ session: OpenSession, _ view: GalleryView) -> String {
    if session.whole.finished == nil { return "Kept when the run ends" }
    guard let cell = view.cell else { return "None" }
    if session.facts?.cellExamples.isEmpty != false { return "This session keeps no examples of its cells" }
    let count = testCount(session, cell)
    return count == 0 ? "At the end there are none in the test split" : "Of these no example is kept"
}

/// How many examples of the test split are in a cell at the end of the run.
private func testCount(_ session: OpenSession, _ cell: MatrixCell) -> Int? {
    guard let counts = session.whole.evaluations[.test]?.detail?.confusion, counts.indices.contains(cell.label),
        counts.indices.contains(cell.predicted)
    else { return nil }
    return counts[cell.label][cell.predicted]
}

/// Keys while the gallery is open.
func lookAtGallery(_ action: Action, _ view: GalleryView, _ state: inout State) {
    guard let session = state.session, action != .close else {
        state.overlay = nil
        return
    }
    let examples = galleryExamples(session, view)
    let perRow = examples.first?.thumbnail == nil ? 1 : GalleryLayout(examples, state).perRow
    var view = view
    switch action {
    case .cellUp where view.selected >= perRow: view.selected -= perRow
    case .cellDown where view.selected + perRow < examples.count: view.selected += perRow
    case .cellLeft: view.selected -= 1
    case .cellRight: view.selected += 1
    case .first: view.selected = 0
    case .last: view.selected = examples.count - 1
    default: break
    }
    view.selected = min(max(0, view.selected), max(0, examples.count - 1))
    state.overlay = .gallery(view)
}

/// The left of the bottom line while the gallery is open.
func galleryStatus(_ session: OpenSession, _ view: GalleryView) -> [Part] {
    let count = galleryExamples(session, view).count
    return [Part("\(min(view.selected + 1, count)) of \(count)", .dim)]
}

/// Where pictures lie: as large as lets all be seen, else the smallest.
private struct GalleryLayout {
    let pictures: Rect
    let facts: Rect
    let cells: (rows: Int, columns: Int)
    let width: Int
    let perRow: Int
    let rows: Int

    init(_ examples: [Mistake], _ state: State) {
        let body = sessionBody(state)
        let inside = Rect(row: body.row + 1, column: body.column + 2, rows: body.rows - 3, columns: body.columns - 4)
        let (left, right) = inside.split(columns: inside.columns - min(44, inside.columns * 2 / 5))
        pictures = left
        facts = Rect(row: right.row, column: right.column + 2, rows: right.rows, columns: right.columns - 2)
        let first = examples.first?.thumbnail
        func layout(_ rows: Int) -> (cells: (rows: Int, columns: Int), width: Int, perRow: Int, rows: Int) {
            let cells = Charts.Thumbnail.cells(
                height: first?.height ?? 1, width: first?.width ?? 1, maxRows: max(1, rows),
                maxColumns: max(2, rows * 2))
            let width = max(12, cells.columns + 2)
            return (cells, width, max(1, left.columns / width), max(1, left.rows / (cells.rows + 2)))
        }
        let sizes = stride(from: min(20, left.rows - 1), through: min(4, left.rows - 1), by: -1).map(layout)
        let chosen = sizes.first { $0.perRow * $0.rows >= examples.count } ?? sizes.last ?? layout(1)
        (cells, width, perRow, rows) = (chosen.cells, chosen.width, chosen.perRow, chosen.rows)
    }
}

func drawErrorGallery(_ view: GalleryView, _ state: State, _ grid: inout Grid) {
    guard let session = state.session else { return }
    let examples = galleryExamples(session, view)
    let body = sessionBody(state)
    grid.fill(body, .blank)
    let title = view.cell.map { cellText(session, $0) } ?? "The worst mistakes"
    grid.box(body, title: "\(title), test split at the end of the run", style: Style(.focus), glyphs: state.glyphs)
    let inside = Rect(row: body.row + 1, column: body.column + 2, rows: body.rows - 3, columns: body.columns - 4)
    grid.write(
        galleryNote(session, view, examples), row: body.row + body.rows - 2, column: inside.column,
        columns: inside.columns, glyphs: state.glyphs)
    guard examples.indices.contains(view.selected) else {
        return drawMessage(emptyGallery(session, view), inside, &grid)
    }
    if examples[0].thumbnail == nil {
        drawRows(examples, view, session, inside, state, &grid)
    } else {
        drawPictures(examples, view, session, state, &grid)
    }
}

/// How many there are, in which order, and that they belong to the end.
private func galleryNote(_ session: OpenSession, _ view: GalleryView, _ examples: [Mistake]) -> [Part] {
    var parts: [Part] = []
    if let cell = view.cell {
        let order = cell.label == cell.predicted ? "least sure" : "most confident"
        if let count = testCount(session, cell), count > examples.count {
            parts.append(Part("the \(examples.count) \(order) of \(Format.count(count))", .dim))
        } else {
            parts.append(Part("all, the \(order) first", .dim))
        }
    } else {
        parts.append(Part("the most confident first", .dim))
    }
    if let replay = session.replay, replay.position < session.events.count {
        let epoch = evaluation(session).map { "epoch \($0.epoch)" } ?? "an earlier moment"
        parts.append(Part("   the end's, while the matrix shows \(epoch)", .warning))
    } else if let split = evaluatedSplit(session), split != .test {
        parts.append(Part("   of the test split, while the matrix shows \(split.rawValue)", .warning))
    }
    return parts
}

// MARK: pictures

private func drawPictures(
    _ examples: [Mistake], _ view: GalleryView, _ session: OpenSession, _ state: State, _ grid: inout Grid
) {
    let layout = GalleryLayout(examples, state)
    let firstRow = max(0, view.selected / layout.perRow - layout.rows + 1)
    for (index, example) in examples.enumerated() {
        let row = index / layout.perRow - firstRow
        guard (0..<layout.rows).contains(row), let picture = example.thumbnail else { continue }
        let place = Rect(
            row: layout.pictures.row + row * (layout.cells.rows + 2),
            column: layout.pictures.column + index % layout.perRow * layout.width, rows: layout.cells.rows,
            columns: layout.cells.columns)
        Charts.Thumbnail(
            channels: picture.channels, height: picture.height, width: picture.width, pixels: picture.pixels,
            glyphs: state.glyphs
        ).draw(into: &grid, in: place)
        let isSelected = index == view.selected
        if isSelected {
            grid.fill(
                Rect(row: place.row + place.rows, column: place.column, rows: 1, columns: layout.width - 2),
                Cell(" ", Style(.selection)))
        }
        let caption =
            "\(isSelected ? state.glyphs.pointer : "")#\(example.index) \(sureness(example.probability))"
        grid.write(
            [Part(caption, isSelected ? .selection : .dim)], row: place.row + place.rows, column: place.column,
            columns: layout.width - 1, glyphs: state.glyphs)
    }
    drawFacts(examples[view.selected], session, layout.facts, state, &grid)
}

/// What the model says of the example: the probabilities of all classes where they are kept.
private func drawFacts(
    _ example: Mistake, _ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid
) {
    grid.writePair("example", [Part("#\(example.index)")], row: rect.row, in: rect, glyphs: state.glyphs)
    grid.writePair(
        "true", [Part(session.className(example.label), .good, bold: true)], row: rect.row + 1, in: rect,
        glyphs: state.glyphs)
    grid.writePair(
        "taken for",
        [
            Part(session.className(example.predicted), example.isRight ? .good : .bad, bold: true),
            Part(" \(Format.percent(example.probability))", .dim),
        ], row: rect.row + 2, in: rect, glyphs: state.glyphs)
    let bars = Rect(row: rect.row + 4, column: rect.column, rows: rect.rows - 4, columns: rect.columns)
    guard !example.probabilities.isEmpty, bars.rows > 1 else { return }
    let rows = example.probabilities.enumerated().map { index, probability in
        let role: Role = index == example.label ? .good : index == example.predicted ? .bad : .dim
        return (
            label: session.className(index), value: Double(probability), text: percentText(Double(probability)),
            role: role
        )
    }
    // Where not all have room, the most probable and the true one are worth most.
    let order =
        rows.count <= bars.rows
        ? Array(rows.indices)
        : rows.indices.sorted { a, b in
            if (a == example.label) != (b == example.label) { return a == example.label }
            return rows[a].value > rows[b].value
        }
    BarRows(rows: order.map { rows[$0] }, glyphs: state.glyphs).draw(into: &grid, in: bars)
}

// MARK: tables

/// How far a value is from what the training split has.
struct Unusual: Equatable {
    /// In deviations of the column from its mean; nil for a rare level.
    var deviations: Double?
    /// Worth a mark.
    var isMarked: Bool

    /// Deviations beyond which a value is marked, and the share of the training rows below which a level is.
    static let deviations = 2.0
    static let share = 0.05

    /// Judges a value; nil where nothing is known of its column, or it is missing.
    init?(_ value: Mistake.Value, in columns: [ColumnSummary]) {
        guard let column = columns.first(where: { $0.name == value.column }) else { return nil }
        switch column.content {
        case .numeric(let numbers):
            guard let number = value.number, numbers.deviation > 0 else { return nil }
            let distance = (number - numbers.mean) / numbers.deviation
            guard distance.isFinite else { return nil }
            deviations = distance
            isMarked = distance.magnitude > Unusual.deviations
        case .category(let levels):
            guard let text = value.text else { return nil }
            let total = levels.counts.reduce(0, +) + levels.others
            let count = levels.names.firstIndex(of: text).map { levels.counts[$0] } ?? 0
            deviations = nil
            isMarked = total > 0 && Double(count) < Unusual.share * Double(total)
        }
    }

    /// "▲ +3.1", "▼ -2.4", "◆ rare"; empty where it is usual.
    func mark(_ glyphs: GlyphSet) -> String {
        guard isMarked else { return "" }
        guard let deviations else { return glyphs.pick("◆ rare", "* rare") }
        return "\(deviations > 0 ? glyphs.pick("▲", "^") : glyphs.pick("▼", "v")) \(distance)"
    }

    /// "+0.6": how far a number is from the mean, marked or not; empty for levels.
    var distance: String {
        guard let deviations else { return "" }
        let tenths = min(9999, (deviations.magnitude * 10).rounded()) / 10
        return tenths == 0 ? "0" : "\(deviations < 0 ? "-" : "+")\(Format.number(tenths))"
    }

    /// What the marks mean.
    static func meaning(_ glyphs: GlyphSet) -> String {
        glyphs.pick(
            "▲ ▼ above 2 deviations from the training mean  ◆ under 5 % of training rows",
            "^ v above 2 deviations from the training mean  * under 5 % of training rows")
    }
}

private func text(of value: Mistake.Value) -> String {
    value.text ?? value.number.map { Format.compact($0) } ?? "missing"
}

/// An example of a table in a line: what it is taken for, then its unusual values, then the others.
func exampleLine(
    _ example: Mistake, _ session: OpenSession, _ glyphs: GlyphSet, isNarrow: Bool = false
) -> [Part] {
    let columns = session.facts?.data?.summary?.columns ?? []
    var parts = [
        Part("#\(example.index) ", .dim), Part(session.className(example.label)), Part(glyphs.arrow, .dim),
        Part(session.className(example.predicted), example.isRight ? .good : .bad),
        Part(" \(isNarrow ? sureness(example.probability) : Format.percent(example.probability))  ", .dim),
    ]
    for (value, unusual) in judged(example, columns) {
        let mark = unusual?.mark(glyphs) ?? ""
        parts.append(
            Part(
                "\(value.column) \(text(of: value))\(mark.isEmpty ? "" : " \(mark)")  ", mark.isEmpty ? .dim : .warning)
        )
    }
    return parts
}

/// The values with what is unusual about them, the most unusual first.
private func judged(_ example: Mistake, _ columns: [ColumnSummary]) -> [(Mistake.Value, Unusual?)] {
    func rank(_ unusual: Unusual?) -> Double {
        guard let unusual, unusual.isMarked else { return 0 }
        return unusual.deviations?.magnitude ?? Unusual.deviations
    }
    let all = example.values.map { ($0, Unusual($0, in: columns)) }
    return all.enumerated().sorted { a, b in
        let (left, right) = (rank(a.element.1), rank(b.element.1))
        return left != right ? left > right : a.offset < b.offset
    }.map(\.element)
}

private func drawRows(
    _ examples: [Mistake], _ view: GalleryView, _ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid
) {
    let columns = session.facts?.data?.summary?.columns ?? []
    let listRows = min(examples.count, max(3, rect.rows / 2 - 2))
    let (list, lower) = rect.split(rows: listRows)
    let first = max(0, min(view.selected - listRows / 2, examples.count - listRows))
    for (place, index) in (first..<examples.count).prefix(listRows).enumerated() {
        let row = list.row + place
        var parts = exampleLine(examples[index], session, state.glyphs)
        if index == view.selected {
            grid.fill(
                Rect(row: row, column: list.column - 1, rows: 1, columns: list.columns + 2),
                Cell(" ", Style(.selection)))
            for part in parts.indices { parts[part].style = Style(.selection) }
        }
        grid.write(parts, row: row, column: list.column, columns: list.columns, glyphs: state.glyphs)
    }
    guard lower.rows >= 4 else { return }
    let example = examples[view.selected]
    let values = judged(example, columns)
    let across = max(1, lower.columns / 38)
    let width = lower.columns / across
    let shown = min(values.count, (lower.rows - 3) * across)
    let rows = max(1, (shown + across - 1) / across)
    var heading = [
        Part("#\(example.index)", .title, bold: true), Part("  value and deviations from the training mean", .dim),
    ]
    if shown < values.count { heading.append(Part("; \(values.count - shown) usual columns more", .dim)) }
    grid.write(heading, row: lower.row + 1, column: lower.column, columns: lower.columns, glyphs: state.glyphs)
    for (place, entry) in values.prefix(shown).enumerated() {
        let (value, unusual) = entry
        let mark = unusual?.mark(state.glyphs) ?? ""
        let cell = Rect(
            row: lower.row + 2 + place % rows, column: lower.column + place / rows * width, rows: 1, columns: width - 3)
        let role: Role = mark.isEmpty ? .text : .warning
        grid.writePair(
            value.column, [Part(text(of: value), role, bold: !mark.isEmpty)], row: cell.row,
            in: Rect(row: cell.row, column: cell.column, rows: 1, columns: cell.columns - 8), glyphs: state.glyphs)
        let behind = mark.isEmpty ? Part(unusual?.distance ?? "", .dim) : Part(mark, .warning)
        grid.writeRight([behind], row: cell.row, end: cell.column + cell.columns, columns: 8, glyphs: state.glyphs)
    }
    grid.write(
        [Part(Unusual.meaning(state.glyphs), .dim)], row: lower.row + lower.rows - 1, column: lower.column,
        columns: lower.columns, glyphs: state.glyphs)
}
