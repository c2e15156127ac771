// The pane of the threshold: what the cursor stands on, in counts and measures, and which thresholds are best.

import Charts
import Engine
import Experiments

/// Lines of the pane and how they lie.
enum ThresholdPane {
    /// Rows, border included, in which everything has room.
    static let fullRows = 20
}

func drawThreshold(
    _ evaluated: RunEvent.Evaluated, _ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid
) {
    let name = session.className(session.operatingClass)
    let rect = frame(pane, "Threshold, \(name)", state, &grid)
    let text = Rect(row: rect.row, column: rect.column + 1, rows: rect.rows, columns: rect.columns - 2)
    guard let curve = session.operatingCurve else {
        return drawParagraph(
            "Undefined: \(name) has no examples in this split, or all of them.", text, state, &grid)
    }
    guard let (_, index, point) = session.operatingPoint else {
        drawParagraph(
            "c puts a cursor on the curves: what a threshold makes of \(name) against the rest.", text, state, &grid)
        let rows = min(3, text.rows - 4)
        return drawBests(
            curve, session, Rect(row: text.row + 3, column: text.column, rows: rows + 1, columns: text.columns), state,
            &grid)
    }
    // A wide and low pane has the matrix beside the measures, any other above them.
    if text.rows < 13, text.columns >= 42 {
        let (left, right) = text.split(columns: 20)
        drawCounts(point, name, left, state, &grid)
        drawMeasures(
            measures(point, session, state.glyphs),
            Rect(row: right.row, column: right.column + 1, rows: right.rows, columns: right.columns - 1), state, &grid)
        return
    }
    let isFull = text.rows >= 13
    let (upper, rest) = text.split(rows: isFull ? 5 : 3)
    drawCounts(point, name, upper, state, &grid)
    let all = measures(point, session, state.glyphs)
    let (middle, lower) = rest.split(rows: min(all.count + (isFull ? 1 : 0), rest.rows))
    drawMeasures(all, middle, state, &grid)
    guard lower.rows >= 4 else { return }
    let (bests, note) = lower.split(rows: 4)
    drawBests(curve, session, bests, state, &grid, current: index)
    guard note.rows >= 3, evaluated.split == .test else { return }
    drawParagraph(
        "Best of the test split flatters the model: choose on validation.",
        Rect(row: note.row + 1, column: note.column, rows: note.rows - 1, columns: note.columns), state, &grid)
}

private func drawParagraph(_ text: String, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    for (index, line) in wrapped(text, columns: rect.columns).prefix(rect.rows).enumerated() {
        grid.write(
            [Part(line, .dim)], row: rect.row + index, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
    }
}

/// The matrix of the class against the rest, two by two.
private func drawCounts(_ point: OperatingPoint, _ name: String, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    let names = max(5, min(rect.columns - 16, max(displayWidth(name), 4) + 1, rect.columns / 3))
    let width = max(6, min(14, (rect.columns - names) / 2))
    let hasTitle = rect.rows > 3
    if hasTitle {
        grid.write(
            [Part(state.glyphs.pick("true ↓  predicted →", "true v  predicted >"), .dim)], row: rect.row,
            column: rect.column, columns: rect.columns, glyphs: state.glyphs)
    }
    let top = rect.row + (hasTitle ? 1 : 0)
    func cell(_ count: Int, of all: Int, good: Bool, _ column: Int, _ row: Int) {
        let share = all > 0 ? Double(count) / Double(all) : 0
        let level = count == 0 ? 0 : min(8, max(1, Int((share * 8).rounded())))
        let style = Style(.heat(level, good: good))
        let place = Rect(row: row, column: rect.column + names + column * width, rows: 1, columns: width)
        grid.fill(place, Cell(" ", style))
        let text = Format.count(count)
        grid.write(
            text, row: row, column: place.column + max(0, (width - displayWidth(text)) / 2), style: style,
            maxColumns: width)
    }
    for (column, label) in [name, "rest"].enumerated() {
        let shown = truncated(
            hasTitle ? label : state.glyphs.pick("→ ", "> ") + label, to: width - 1, glyphs: state.glyphs)
        grid.write(
            shown, row: top, column: rect.column + names + column * width + max(0, (width - displayWidth(shown)) / 2),
            style: Style(.dim))
    }
    for (row, label) in [name, "rest"].enumerated() {
        grid.write([Part(label)], row: top + 1 + row, column: rect.column, columns: names - 1, glyphs: state.glyphs)
    }
    cell(point.truePositives, of: point.positives, good: true, 0, top + 1)
    cell(point.falseNegatives, of: point.positives, good: false, 1, top + 1)
    cell(point.falsePositives, of: point.negatives, good: false, 0, top + 2)
    cell(point.trueNegatives, of: point.negatives, good: true, 1, top + 2)
}

private typealias Measure = (label: String, value: [Part])

/// What follows from the counts, the most asked for first.
private func measures(_ point: OperatingPoint, _ session: OpenSession, _ glyphs: GlyphSet) -> [Measure] {
    let costs = session.evaluate.costs
    func fraction(_ label: String, _ hits: Int, _ count: Int) -> Measure {
        guard count > 0 else { return (label, [Part("undefined", .dim)]) }
        return (
            label,
            [
                Part(percentText(Double(hits) / Double(count)), .text, bold: true),
                Part(" " + intervalText(Interval.wilson(hits, of: count), glyphs), .dim),
            ]
        )
    }
    return [
        ("threshold", [Part(point.thresholdText, .focus, bold: true)]),
        fraction("precision", point.truePositives, point.taken),
        fraction("recall", point.truePositives, point.positives),
        fraction("accuracy", point.truePositives + point.trueNegatives, point.total),
        ("F1", [Part(percentText(point.f1), .text, bold: true)]),
        (
            "cost \(Format.number(costs.falsePositive)) FP, \(Format.number(costs.falseNegative)) FN",
            [Part(Format.number(point.cost(costs)), .text, bold: true)]
        ),
        fraction("specificity", point.trueNegatives, point.negatives),
        ("TPR - FPR", [Part(percentText(point.youden), .text, bold: true)]),
    ]
}

private func drawMeasures(_ measures: [Measure], _ rect: Rect, _ state: State, _ grid: inout Grid) {
    for (index, measure) in measures.prefix(rect.rows).enumerated() {
        grid.writePair(measure.label, measure.value, row: rect.row + index, in: rect, glyphs: state.glyphs)
    }
}

/// The best thresholds, a row each; the one under the cursor stands out.
private func drawBests(
    _ curve: OperatingCurve, _ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid,
    current: Int? = nil
) {
    guard rect.rows > 1 else { return }
    grid.write([Part("best by", .dim)], row: rect.row, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
    grid.writeRight(
        [Part("threshold", .dim)], row: rect.row, end: rect.column + rect.columns, columns: rect.columns - 8,
        glyphs: state.glyphs)
    for (row, best) in OperatingCurve.Best.allCases.enumerated() where row + 1 < rect.rows {
        let index = curve.best(best, session.evaluate.costs)
        let point = curve.points[index]
        let value =
            switch best {
            case .f1: percentText(point.f1)
            case .youden: percentText(point.youden)
            case .cost: Format.number(point.cost(session.evaluate.costs))
            }
        let isHere = index == current
        let label = "\(best.sign) \(best.rawValue) \(value)"
        grid.write(
            [Part(label, isHere ? .good : .text)], row: rect.row + 1 + row, column: rect.column,
            columns: rect.columns - 10, glyphs: state.glyphs)
        grid.writeRight(
            [Part(point.thresholdText, isHere ? .good : .text, bold: isHere)], row: rect.row + 1 + row,
            end: rect.column + rect.columns, columns: 10, glyphs: state.glyphs)
    }
}
