// The screen Evaluate where numbers are predicted: predictions beside the truth, residuals, and the worst of them.

import Charts
import Engine
import Experiments

func drawRegression(
    _ evaluated: RunEvent.Evaluated, _ detail: RegressionDetail, _ session: OpenSession, _ state: State,
    _ grid: inout Grid
) {
    let target = session.run.head?.target ?? ""
    for pane in shownPanes(state) {
        switch pane.id {
        case .predictions:
            let title = "Predictions, \(momentWords(evaluated, session))"
            let (shown, all) = (detail.pairs.count, detail.scores.count)
            ScatterChart(
                x: detail.pairs.map { Double($0.truth) }, y: detail.pairs.map { Double($0.prediction) },
                xLabel: "true \(target)", yLabel: "predicted",
                note: shown < all
                    ? "\(Format.count(shown)) of \(Format.count(all)) examples"
                    : counted(all, "example", "examples"), glyphs: state.glyphs
            ).draw(into: &grid, in: frame(pane, title, state, &grid))
        case .residuals:
            let title = pane.rect.columns < 40 ? "True - predicted" : "Residuals: true - predicted"
            drawResiduals(detail, frame(pane, "\(title) \(target)", state, &grid), state, &grid)
        case .errors: drawErrors(evaluated, detail, frame(pane, "Errors of \(target)", state, &grid), state, &grid)
        default: break
        }
    }
}

/// Bars of one width, no residual in the middle: where the bins have no room, three make one.
private func drawResiduals(_ detail: RegressionDetail, _ rect: Rect, _ state: State, _ grid: inout Grid) {
    var counts = detail.residuals
    let room = Rect(row: rect.row, column: rect.column + 1, rows: rect.rows, columns: rect.columns - 2)
    if counts.count > room.columns, counts.count % 3 == 0 {
        counts = stride(from: 0, to: counts.count, by: 3).map { counts[$0..<$0 + 3].reduce(0, +) }
    }
    let reach = detail.reach > 0 ? detail.reach : 1
    Histogram(range: -reach...reach, counts: counts, role: .series(1), glyphs: state.glyphs)
        .draw(into: &grid, in: room.evenly(counts.count))
}

/// The scores, then the examples with the largest residuals.
private func drawErrors(
    _ evaluated: RunEvent.Evaluated, _ detail: RegressionDetail, _ rect: Rect, _ state: State, _ grid: inout Grid
) {
    let text = Rect(row: rect.row, column: rect.column + 1, rows: rect.rows, columns: rect.columns - 2)
    let scores = detail.scores
    var r2 = [Part("undefined: the truth is constant", .dim)]
    if let value = scores.r2 { r2 = [Part(Format.number(value), .good, bold: true)] }
    let pairs: [(String, [Part])] = [
        ("RMSE", [Part(Format.number(scores.rmse), .good, bold: true)]), ("MAE", [Part(Format.number(scores.mae))]),
        ("R2", r2), ("loss, scaled", [Part(Format.number(evaluated.loss))]),
        ("examples", [Part(Format.count(scores.count))]),
    ]
    for (index, pair) in pairs.prefix(text.rows).enumerated() {
        grid.writePair(pair.0, pair.1, row: text.row + index, in: text, glyphs: state.glyphs)
    }
    // A blank row between, where there is room for it.
    let top = pairs.count + (text.rows >= pairs.count + detail.largest.count + 2 ? 1 : 0)
    // Where there is little room the residual, which follows from the two others, is left out.
    let isNarrow = text.columns < 40
    let width = isNarrow ? 10 : 11
    func line(_ row: Int, _ name: String, _ cells: [String], _ role: Role) {
        guard row < text.rows else { return }
        let room = text.columns - cells.count * width
        grid.write([Part(name, role)], row: text.row + row, column: text.column, columns: room, glyphs: state.glyphs)
        for (place, cell) in cells.enumerated() {
            grid.writeRight(
                [Part(cell, role)], row: text.row + row, end: text.column + room + (place + 1) * width,
                columns: width - 1, glyphs: state.glyphs)
        }
    }
    guard text.rows > top + 1, !detail.largest.isEmpty else { return }
    func cells<T>(_ all: [T]) -> [T] { isNarrow ? Array(all.prefix(2)) : all }
    line(top, "largest", cells(["true", "predicted", "residual"]), .dim)
    for (index, miss) in detail.largest.enumerated() {
        let numbers = [Double(miss.pair.truth), Double(miss.pair.prediction), miss.pair.residual]
        line(top + 1 + index, "#\(miss.index)", cells(numbers.map { Format.compact($0) }), .text)
    }
}

/// The residuals where they have the focus, else the predictions beside the truth, as files.
func saveRegression(
    _ evaluated: RunEvent.Evaluated, _ detail: RegressionDetail, _ session: OpenSession, _ state: State
) -> [Command] {
    let target = session.run.head?.target ?? ""
    let name = "\(session.name)-\(evaluated.split.rawValue)"
    let moment = momentWords(evaluated, session)
    if state.focusedPane == .residuals {
        let reach = detail.reach > 0 ? detail.reach : 1
        let width = 2 * reach / Double(max(1, detail.residuals.count))
        let edges = detail.residuals.indices.map { -reach + Double($0) * width }
        let rows = zip(edges, detail.residuals).map { "\($0),\($0 + width),\($1)" }
        let chart = LineChart(
            series: [
                Series(
                    name: "examples", x: edges.map { $0 + width / 2 }, y: detail.residuals.map(Double.init),
                    role: .series(1))
            ], x: ChartAxis(label: "true - predicted \(target)", unit: .plain),
            y: ChartAxis(label: "examples", unit: .plain),
            glyphs: state.glyphs)
        return [
            .save(
                name: "\(name)-residuals",
                csv: (["from,to,examples"] + rows).map { $0 + "\r\n" }.joined(),
                svg: chart.svg(width: 640, height: 480, title: "\(session.name): residuals, \(moment)"))
        ]
    }
    let pairs = detail.pairs.map { (truth: Double($0.truth), prediction: Double($0.prediction)) }
    let ends = pairs.flatMap { [$0.truth, $0.prediction] }.filter(\.isFinite)
    let diagonal = [ends.min() ?? 0, ends.max() ?? 1]
    let chart = LineChart(
        series: [
            Series(name: "exact", x: diagonal, y: diagonal, role: .dim),
            Series(
                name: "predictions", x: pairs.map(\.truth), y: pairs.map(\.prediction), role: .series(0), kind: .points),
        ], x: ChartAxis(label: "true \(target)", unit: .plain), y: ChartAxis(label: "predicted", unit: .plain),
        glyphs: state.glyphs)
    return [
        .save(
            name: "\(name)-predictions",
            csv: (["true,predicted,residual"] + detail.pairs.map { "\($0.truth),\($0.prediction),\($0.residual)" })
                .map { $0 + "\r\n" }.joined(),
            svg: chart.svg(width: 640, height: 560, title: "\(session.name): predictions, \(moment)"))
    ]
}
