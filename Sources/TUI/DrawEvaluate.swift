// The screen Evaluate: how good the model is at the moment that is looked at.

import Charts
import Engine
import Experiments

/// Splits with an evaluation that can be shown. A file may come from anywhere: one whose matrix has other classes than the
/// run is not.
func measuredSplits(_ session: OpenSession) -> [Split] {
    if session.predictsNumbers { return Split.allCases.filter { session.run.evaluations[$0]?.regression != nil } }
    let classes = session.run.head?.classes.count ?? 0
    return Split.allCases.filter { session.run.evaluations[$0]?.detail?.confusion.count == classes && classes > 0 }
}

/// The split that the screen shows: what a person chose, else the test split where it was measured, else the watched one.
func evaluatedSplit(_ session: OpenSession) -> Split? {
    let measured = measuredSplits(session)
    if let chosen = session.evaluate.split, measured.contains(chosen) { return chosen }
    return [.test, .validation, .train].first(where: measured.contains)
}

/// The evaluation that the screen shows.
func evaluation(_ session: OpenSession) -> RunEvent.Evaluated? {
    evaluatedSplit(session).flatMap { session.run.evaluations[$0] }
}

func drawEvaluate(_ state: State, _ grid: inout Grid) {
    guard let session = state.session else { return }
    if let evaluated = evaluation(session), let regression = evaluated.regression {
        return drawRegression(evaluated, regression, session, state, &grid)
    }
    guard let evaluated = evaluation(session), let detail = evaluated.detail else {
        return drawMessage(
            session.run.head?.folds == nil
                ? "Nothing was measured yet at this moment: the first epoch has not ended"
                : "All kept examples are measured together when the folds have ended", sessionBody(state), &grid)
    }
    let when = momentWords(evaluated, session)
    for pane in shownPanes(state) {
        switch pane.id {
        case .roc: drawROC(detail, session, frame(pane, "ROC, \(when)", state, &grid), state, &grid)
        case .confusion: drawConfusion(detail, session, pane, when, state, &grid)
        case .classes: drawClasses(evaluated, detail, session, frame(pane, "Classes", state, &grid), state, &grid)
        case .mistakes: drawMistakes(session, frame(pane, "Mistakes at the end", state, &grid), state, &grid)
        default: break
        }
    }
}

/// One line in the middle of `body`.
func drawMessage(_ text: String, _ body: Rect, _ grid: inout Grid) {
    let width = min(displayWidth(text), body.columns - 2)
    _ = grid.write(
        text, row: body.row + body.rows / 3, column: body.column + max(1, (body.columns - width) / 2),
        style: Style(.dim),
        maxColumns: width)
}

private func drawROC(
    _ detail: EvaluationDetail, _ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid
) {
    let names = session.run.head?.classes ?? []
    // Two classes mirror each other, so one curve says all: that of the second.
    let shown: [Int]
    if let chosen = session.evaluate.selectedClass {
        shown = [chosen]
    } else {
        shown = names.count == 2 ? [1] : Array(names.indices)
    }
    let series = shown.filter(detail.roc.indices.contains).map { index in
        let curve = detail.roc[index]
        let name = index < names.count ? names[index] : "\(index)"
        return Series(
            name: names.count > 2 && shown.count > 1 ? name : "\(name), AUC \(aucText(curve.auc))",
            x: curve.falsePositiveRates, y: curve.truePositiveRates, role: .series(index), kind: .line)
    }
    var chart = LineChart(
        series: series, x: ChartAxis(label: "false positives", unit: .fraction, range: 0...1),
        y: ChartAxis(label: "true positives", unit: .fraction, range: 0...1), glyphs: state.glyphs)
    chart.diagonal = true
    chart.draw(into: &grid, in: rect)
}

private func aucText(_ auc: Double?) -> String {
    auc.map { $0.isFinite ? Format.number($0) : "undefined" } ?? "undefined"
}

private func drawConfusion(
    _ detail: EvaluationDetail, _ session: OpenSession, _ pane: Pane, _ when: String, _ state: State,
    _ grid: inout Grid
) {
    let mode = session.evaluate.confusion
    let unit =
        switch mode {
        case .counts: "examples"
        case .byRow: "% of the true class"
        case .byColumn: "% of the predicted class"
        }
    let rect = frame(pane, "Confusion, \(unit)", state, &grid)
    var chart = ConfusionChart(
        counts: detail.confusion, names: session.run.head?.classes ?? [], mode: mode, glyphs: state.glyphs)
    if let chosen = session.evaluate.selectedClass { chart.selected = (chosen, chosen) }
    chart.draw(into: &grid, in: rect)
}

/// Precision, recall and F1 of each class, their means, and the accuracy.
private func drawClasses(
    _ evaluated: RunEvent.Evaluated, _ detail: EvaluationDetail, _ session: OpenSession, _ rect: Rect, _ state: State,
    _ grid: inout Grid
) {
    let names = session.run.head?.classes ?? []
    guard !detail.confusion.isEmpty else { return }
    let matrix = ConfusionMatrix(rows: detail.confusion)
    let width = rect.columns < 44 ? 6 : 8
    let texts = rect.columns - 2 - 4 * width
    func line(_ cells: [String], _ row: Int, _ role: Role, bold: Bool = false) {
        guard row < rect.row + rect.rows else { return }
        for (place, cell) in cells.dropFirst().enumerated() {
            grid.writeRight(
                [Part(cell, role, bold: bold)], row: row, end: rect.column + 1 + texts + (place + 1) * width,
                columns: width, glyphs: state.glyphs)
        }
        grid.write(
            [Part(cells[0], role, bold: bold)], row: row, column: rect.column + 1, columns: max(0, texts),
            glyphs: state.glyphs)
    }
    func percent(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "-" }
        return String(Int((value * 1000).rounded()) / 10) + "." + String(Int((value * 1000).rounded()) % 10)
    }
    line(["class, %", "prec.", width > 6 ? "recall" : "rec.", "F1", "AUC"], rect.row, .dim)
    // The means stay at the bottom; the classes between scroll with the selection.
    let room = max(0, rect.rows - 3)
    let selected = session.evaluate.selectedClass
    let first = max(0, min((selected ?? 0) - room / 2, names.count - room))
    for (place, index) in (first..<names.count).prefix(room).enumerated() {
        let scores = matrix.perClass[index]
        let auc = index < detail.roc.count ? detail.roc[index].auc : nil
        let isSelected = index == selected
        if isSelected {
            grid.fill(
                Rect(row: rect.row + 1 + place, column: rect.column, rows: 1, columns: rect.columns),
                Cell(" ", Style(.selection)))
        }
        line(
            [names[index], percent(scores.precision), percent(scores.recall), percent(scores.f1), percent(auc)],
            rect.row + 1 + place, isSelected ? .selection : .text)
    }
    let bottom = min(rect.row + 1 + names.count, rect.row + 1 + room)
    let aucs = detail.roc.compactMap(\.auc).filter(\.isFinite)
    let meanAUC = aucs.count == detail.roc.count && !aucs.isEmpty ? aucs.reduce(0, +) / Double(aucs.count) : nil
    line([texts >= 10 ? "macro mean" : "mean", "", "", percent(matrix.macroF1), percent(meanAUC)], bottom, .title)
    let total = detail.confusion.reduce(0) { $0 + $1.reduce(0, +) }
    let summary = [
        Part("accuracy ", .dim), Part(evaluated.accuracy.map { Format.percent($0) } ?? "-", .good, bold: true),
        Part(
            "\(state.glyphs.dot)loss \(Format.number(evaluated.loss))\(state.glyphs.dot)\(Format.count(total)) examples",
            .dim),
    ]
    if bottom + 1 < rect.row + rect.rows {
        grid.write(summary, row: bottom + 1, column: rect.column + 1, columns: rect.columns - 2, glyphs: state.glyphs)
    }
}

/// The examples that the finished model is most wrong about: pictures side by side, or rows with their values.
private func drawMistakes(_ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    let mistakes = (session.facts?.mistakes ?? []).filter {
        session.evaluate.selectedClass == nil || $0.label == session.evaluate.selectedClass
    }
    let names = session.run.head?.classes ?? []
    func name(_ index: Int) -> String { names.indices.contains(index) ? names[index] : "\(index)" }
    guard let first = mistakes.first else {
        let text = session.whole.finished == nil ? "They are kept when the run ends" : "None"
        return drawMessage(text, rect, &grid)
    }
    if first.thumbnail != nil {
        let pictures = mistakes.compactMap { mistake in
            mistake.thumbnail.map { picture in
                Gallery.Item(
                    picture: picture,
                    caption: [
                        Part(name(mistake.label)), Part(state.glyphs.arrow, .dim), Part(name(mistake.predicted), .bad),
                    ])
            }
        }
        return Gallery(items: pictures, atLeast: 8).draw(state, rect, &grid)
    }
    for (index, mistake) in mistakes.prefix(rect.rows).enumerated() {
        var parts = [
            Part("#\(mistake.index) ", .dim), Part(name(mistake.label)), Part(state.glyphs.arrow, .dim),
            Part(name(mistake.predicted), .bad), Part(" \(Format.percent(mistake.probability))  ", .dim),
        ]
        parts += mistake.values.map { value in
            Part("\(value.column) \(value.text ?? value.number.map { Format.compact($0) } ?? "-")  ", .dim)
        }
        grid.write(
            parts, row: rect.row + index, column: rect.column + 1, columns: rect.columns - 2, glyphs: state.glyphs)
    }
}
