// The screen Explain: why the model says what it says of one example, and what matters to it over many.

import Charts
import Engine
import Experiments
import Foundation

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

// MARK: rows

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

// MARK: the example

private func drawInstance(_ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid) {
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
        let sign: Part =
            switch term?.weight {
            case let weight? where weight > 0: Part("+", isSelected ? .selection : .good, bold: true)
            case let weight? where weight < 0: Part("-", isSelected ? .selection : .bad, bold: true)
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

// MARK: why

private func drawWhy(_ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid) {
    let explanation = session.explanation
    let surrogate = explanation.flatMap(session.surrogate)
    let title: String
    if let surrogate {
        title =
            session.predictsNumbers
            ? "Why \(Format.compact(surrogate.modelPrediction))" : "Why \(session.className(surrogate.classIndex))"
    } else {
        title = "Why"
    }
    let rect = frame(pane, title, state, &grid)
    guard rect.rows > 2, rect.columns > 12 else { return }
    let inner = Rect(row: rect.row, column: rect.column + 1, rows: rect.rows, columns: rect.columns - 2)
    var lines: [[Part]] = []
    if session.isFolds {
        lines = wrapped(foldsHaveNoModel + ".", columns: inner.columns).map { [Part($0, .dim)] }
        return write(lines, inner, state, &grid)
    }
    if let failure = session.explain.failure {
        lines += wrapped(failure, columns: inner.columns).map { [Part($0, .bad)] }
        lines += wrapped("If the data have moved: `:data-in PATH` says where they are.", columns: inner.columns)
            .map { [Part($0, .dim)] }
    }
    if let fraction = session.explain.fraction {
        let bar = Rect(
            row: inner.row + inner.rows - 1, column: inner.column + 15, rows: 1, columns: max(4, inner.columns - 16))
        ProgressBar(fraction: fraction, glyphs: state.glyphs).draw(into: &grid, in: bar)
        grid.write(
            [Part("asking the model", .dim)], row: bar.row, column: inner.column, columns: 15, glyphs: state.glyphs)
    }
    guard let explanation, let surrogate else {
        if lines.isEmpty, session.explain.fraction == nil {
            let isOver = if case .ended = session.source { true } else { false }
            let asks =
                isOver
                ? "Enter explains the selected row: the model is asked about \(Format.count(session.explainSettings.samples)) variations of it, and a linear model of its answers says what matters there (LIME)."
                : "Predictions are explained when the run has ended."
            lines = wrapped(asks, columns: inner.columns).map { [Part($0, .dim)] }
        }
        return write(lines, inner, state, &grid)
    }
    lines += predictionLines(explanation, surrogate, session, inner.columns, state)
    lines += fidelityLines(explanation, surrogate, inner.columns, state)
    write(lines, inner, state, &grid)
    let (_, rest) = inner.split(
        rows: min(inner.rows, lines.count + (inner.rows - lines.count > surrogate.terms.count + 1 ? 1 : 0)))
    let bars = Rect(
        row: rest.row, column: rest.column, rows: rest.rows - (session.explain.fraction == nil ? 0 : 1),
        columns: rest.columns)
    WeightBars(
        terms: surrogate.terms.map { term in
            // A number that stays a number is read with its value.
            let value = explanation.values.indices.contains(term.feature) ? explanation.values[term.feature] : nil
            let text = value?.column == term.text ? "\(term.text) = \(value?.text ?? "")" : term.text
            return WeightBars.Term(text: text, weight: term.weight, low: term.low, high: term.high)
        },
        glyphs: state.glyphs
    ).draw(into: &grid, in: bars)
}

private func write(_ lines: [[Part]], _ rect: Rect, _ state: State, _ grid: inout Grid) {
    for (index, line) in lines.prefix(rect.rows).enumerated() {
        grid.write(line, row: rect.row + index, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
    }
}

/// What the model says, and what it said of the row as it is.
private func predictionLines(
    _ explanation: Explanation, _ surrogate: Surrogate, _ session: OpenSession, _ columns: Int, _ state: State
) -> [[Part]] {
    if session.predictsNumbers {
        var line = [Part("predicted ", .dim), Part(Format.number(surrogate.modelPrediction), .title, bold: true)]
        if let before = session.plainExplanation?.probabilities.first, !session.explain.changes.isEmpty {
            line.append(Part("  was \(Format.number(Double(before)))", .warning))
        }
        return [line]
    }
    let order = explanation.probabilities.indices.sorted {
        (explanation.probabilities[$1], $0) < (explanation.probabilities[$0], $1)
    }
    var line: [Part] = []
    for (place, index) in order.prefix(3).enumerated() {
        if place > 0 { line.append(Part("   ")) }
        let isTrue = index == explanation.label
        line.append(Part(session.className(index), index == surrogate.classIndex ? .title : .text, bold: place == 0))
        line.append(Part(" \(Format.percent(Double(explanation.probabilities[index])))", isTrue ? .good : .dim))
    }
    var lines = [line]
    if !session.explain.changes.isEmpty, let before = session.plainExplanation?.probabilities,
        before.indices.contains(surrogate.classIndex)
    {
        lines.append([
            Part("\(session.className(surrogate.classIndex)) was ", .dim),
            Part(Format.percent(Double(before[surrogate.classIndex])), .warning, bold: true),
            Part(" before the change", .dim),
        ])
    }
    return lines
}

/// How far the bars may be believed.
private func fidelityLines(
    _ explanation: Explanation, _ surrogate: Surrogate, _ columns: Int, _ state: State
) -> [[Part]] {
    let role: Role =
        switch surrogate.fit {
        case .good: .good
        case .fair: .text
        case .poor: .warning
        }
    let isNumber = explanation.label == nil && explanation.probabilities.count == 1
    func says(_ value: Double) -> String { isNumber ? Format.number(value) : Format.fixed(value, 3) }
    let repeats = explanation.settings.repeats
    let same = Int((surrogate.agreement * Double(repeats)).rounded())
    var facts: [[Part]] = [
        [Part("fit ", .dim), Part(surrogate.fit.rawValue, role, bold: true)],
        [Part("R2 \(Format.fixed(surrogate.rSquared, 2))", .dim)],
        [
            Part(
                "surrogate \(says(surrogate.localPrediction)), model \(says(surrogate.modelPrediction))",
                .dim)
        ],
    ]
    if explanation.settings.discretizer == .none, !explanation.values.isEmpty {
        facts.append([Part("weight: one standard deviation more", .dim)])
    }
    if repeats > 1 {
        facts.append([
            Part("first feature the same in \(same) of \(repeats) seeds", same == repeats ? .dim : .warning)
        ])
    }
    var lines = filled(facts, between: state.glyphs.dot, columns: columns)
    if surrogate.fit == .poor {
        lines += wrapped(
            "The linear model does not follow the network here: do not trust these bars. A narrower kernel (W) may fit.",
            columns: columns
        ).map { [Part($0, .warning)] }
    }
    return lines
}

/// Facts one after the other, in as few lines as have room for them.
private func filled(_ facts: [[Part]], between: String, columns: Int) -> [[Part]] {
    var lines: [[Part]] = []
    var used = 0
    for fact in facts {
        let width = fact.reduce(0) { $0 + displayWidth($1.text) }
        if let last = lines.indices.last, used + displayWidth(between) + width <= columns {
            lines[last] += [Part(between, .dim)] + fact
            used += displayWidth(between) + width
        } else {
            lines.append(fact)
            used = width
        }
    }
    return lines
}

// MARK: what matters

private func drawSurvey(_ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    guard let survey = session.run.survey else {
        let text =
            session.explain.fraction == nil ? "i looks for what matters over many rows" : "Looking over many rows"
        if let fraction = session.explain.fraction, rect.rows > 4 {
            ProgressBar(fraction: fraction, glyphs: state.glyphs).draw(
                into: &grid,
                in: Rect(row: rect.row + rect.rows - 1, column: rect.column + 1, rows: 1, columns: rect.columns - 2))
        }
        return drawMessage(text, rect, &grid)
    }
    // Of accuracies the points, of numbers their own units.
    func amount(_ value: Double) -> String {
        session.predictsNumbers ? Format.compact(value) : String(format: "%.2f", value * 100)
    }
    let wide = rect.columns >= 60
    let widths = (text: min(26, rect.columns / 3), number: wide ? 16 : 8)
    let barColumns = max(0, (rect.columns - 2 - widths.text - widths.number * (wide ? 2 : 1)) / (wide ? 2 : 1) - 2)
    func heading(_ text: String, _ column: Int, _ columns: Int) {
        grid.write([Part(text, .dim)], row: rect.row, column: column, columns: columns, glyphs: state.glyphs)
    }
    let firstBar = rect.column + 2 + widths.text
    let secondBar = firstBar + barColumns + 8
    heading("column", rect.column + 1, widths.text)
    let loss = session.predictsNumbers ? "RMSE gained" : "accuracy points lost"
    heading(
        displayWidth(loss) + 14 < barColumns + widths.number ? "\(loss) when shuffled" : loss, firstBar,
        barColumns + widths.number)
    if wide { heading("mean |weight|", secondBar + 10, barColumns) }
    let features = survey.features.sorted {
        ($1.importance, $1.meanWeight, $0.name) < ($0.importance, $0.meanWeight, $1.name)
    }
    let most = features.map(\.importance.magnitude).max() ?? 0
    let heaviest = features.map(\.meanWeight).max() ?? 0
    let picked = survey.picked.prefix(6).map { "#\($0)" }.joined(separator: " ")
    var facts = [[Part("\(Format.count(survey.examples)) shuffled, \(Format.count(survey.rows)) explained", .dim)]]
    if !picked.isEmpty { facts.append([Part("most telling \(picked)", .dim)]) }
    let below = filled(facts, between: state.glyphs.dot, columns: rect.columns - 2)
    let room = max(0, rect.rows - 1 - below.count)
    for (place, feature) in features.prefix(room).enumerated() {
        let row = rect.row + 1 + place
        grid.write([Part(feature.name)], row: row, column: rect.column + 1, columns: widths.text, glyphs: state.glyphs)
        func bar(_ share: Double, _ role: Role, _ column: Int) {
            guard share > 0, barColumns > 0 else { return }
            let cells = max(1, Int((share * Double(barColumns)).rounded()))
            for offset in 0..<min(cells, barColumns) {
                grid[row, column + offset] = Cell(state.glyphs.pick("█", "#"), Style(role))
            }
        }
        bar(most > 0 ? feature.importance / most : 0, .series(0), firstBar)
        let value = amount(feature.importance)
        let spread = wide ? (state.ascii ? " +-" : " ±") + amount(feature.importanceDeviation) : ""
        grid.write(
            [Part(value), Part(spread, .dim)], row: row, column: firstBar + barColumns + 1, columns: widths.number,
            glyphs: state.glyphs)
        if wide {
            bar(heaviest > 0 ? feature.meanWeight / heaviest : 0, .series(1), secondBar + 10)
            grid.write(
                [Part(Format.compact(feature.meanWeight), .dim)], row: row, column: secondBar + 11 + barColumns,
                columns: 8, glyphs: state.glyphs)
        }
    }
    write(
        below,
        Rect(
            row: rect.row + rect.rows - below.count, column: rect.column + 1, rows: below.count,
            columns: rect.columns - 2), state, &grid)
}
