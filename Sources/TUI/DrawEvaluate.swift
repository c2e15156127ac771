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
        case .confusion: drawConfusion(detail, session, pane, state, &grid)
        case .classes: drawClasses(evaluated, detail, session, frame(pane, "Classes", state, &grid), state, &grid)
        case .mistakes: drawMistakes(session, pane, state, &grid)
        case .threshold: drawThreshold(evaluated, session, pane, state, &grid)
        default:
            guard let chart = EvaluateChart(pane.id) else { break }
            drawPicture(chart, detail, session, frame(pane, "\(chart.title), \(when)", state, &grid), state, &grid)
        }
    }
}

/// A sentence in the middle of `body`, in as many lines as it needs.
func drawMessage(_ text: String, _ body: Rect, _ grid: inout Grid) {
    let lines = wrapped(text, columns: body.columns - 2)
    let first = body.row + max(0, min(body.rows / 3, body.rows - lines.count))
    for (index, line) in lines.prefix(max(0, body.rows)).enumerated() {
        let width = min(displayWidth(line), body.columns - 2)
        _ = grid.write(
            line, row: first + index, column: body.column + max(1, (body.columns - width) / 2), style: Style(.dim),
            maxColumns: width)
    }
}

private func drawConfusion(
    _ detail: EvaluationDetail, _ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid
) {
    let mode = session.evaluate.confusion
    let unit =
        switch mode {
        case .counts: "examples"
        case .byRow: "% of the true class"
        case .byColumn: "% of the predicted class"
        }
    let rect = frame(pane, "Confusion, \(unit)", state, &grid)
    confusionChart(detail, session, state).draw(into: &grid, in: rect)
}

/// The matrix as it stands on the screen.
private func confusionChart(_ detail: EvaluationDetail, _ session: OpenSession, _ state: State) -> ConfusionChart {
    var chart = ConfusionChart(
        counts: detail.confusion, names: session.run.head?.classes ?? [], mode: session.evaluate.confusion,
        glyphs: state.glyphs)
    if state.focusedPane == .confusion {
        let cell = shownCell(session)
        chart.selected = (cell.label, cell.predicted)
    } else if let chosen = session.evaluate.selectedClass {
        chart.selected = (chosen, chosen)
    }
    return chart
}

/// The cell of the matrix that is drawn at a place of the screen.
func matrixCell(_ pane: Pane, row: Int, column: Int, _ state: State) -> MatrixCell? {
    guard pane.id == .confusion, let session = state.session, let detail = evaluation(session)?.detail else {
        return nil
    }
    return confusionChart(detail, session, state).cell(row: row, column: column, in: pane.rect.inset())
        .map { MatrixCell(label: $0.row, predicted: $0.column) }
}

/// The left of the bottom line: what the cursor is on.
func evaluateStatus(_ session: OpenSession, _ state: State) -> [Part] {
    guard let detail = evaluation(session)?.detail, !session.predictsNumbers else {
        return trainStatus(session, state.glyphs)
    }
    if state.focusedPane == .confusion {
        let cell = shownCell(session)
        let row = detail.confusion[cell.label]
        let (count, all) = (row[cell.predicted], row.reduce(0, +))
        return [
            Part(cellText(session, cell)),
            Part(": \(Format.count(count)) of \(Format.count(all)) \(session.className(cell.label))", .dim),
        ]
    }
    if let (curve, index, point) = session.operatingPoint {
        let praise = curve.praise(of: index, session.evaluate.costs)
        return [
            Part("\(state.glyphs.pick("≥", ">=")) \(point.thresholdText): ", .focus),
            Part(session.className(session.operatingClass)),
            Part(praise.isEmpty ? "" : "  \(praise)", .good),
        ]
    }
    return trainStatus(session, state.glyphs)
}

/// The examples that the finished model is most wrong about, or those of the cell that the matrix' cursor is on: pictures
/// side by side, or rows with their values.
private func drawMistakes(_ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid) {
    let cell = state.focusedPane == .confusion ? shownCell(session) : nil
    let view = GalleryView(cell: cell)
    let examples = galleryExamples(session, view)
    let title = cell.map { "\(cellText(session, $0)), at the end" } ?? "Mistakes at the end"
    let rect = frame(pane, title, state, &grid)
    guard let first = examples.first else { return drawMessage(emptyGallery(session, view), rect, &grid) }
    if first.thumbnail != nil {
        let pictures = examples.compactMap { example in
            example.thumbnail.map { picture in
                Gallery.Item(
                    picture: picture,
                    caption: [
                        Part(session.className(example.label)), Part(state.glyphs.arrow, .dim),
                        Part(session.className(example.predicted), example.isRight ? .good : .bad),
                    ])
            }
        }
        return Gallery(items: pictures, atLeast: 8).draw(state, rect, &grid)
    }
    for (index, example) in examples.prefix(rect.rows).enumerated() {
        grid.write(
            exampleLine(example, session, state.glyphs, isNarrow: rect.columns < 40), row: rect.row + index,
            column: rect.column + 1,
            columns: rect.columns - 2, glyphs: state.glyphs)
    }
}
