// What matters to the model over many examples: importance of each column, and weights of explanations.

import Charts
import Engine
import Experiments
import Foundation

func drawSurvey(_ session: OpenSession, _ rect: Rect, _ state: State, _ grid: inout Grid) {
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
    drawLines(
        below,
        Rect(
            row: rect.row + rect.rows - below.count, column: rect.column + 1, rows: below.count,
            columns: rect.columns - 2), state, &grid)
}
