// The table of classes on Evaluate: how good the model is at each, how sure that is, and over all of them.

import Charts
import Engine
import Experiments
import Foundation

/// Precision, recall, F1 and area of each class, their means, and measures over all classes. Where there is room, intervals
/// stand behind what they belong to.
func drawClasses(
    _ evaluated: RunEvent.Evaluated, _ detail: EvaluationDetail, _ session: OpenSession, _ rect: Rect, _ state: State,
    _ grid: inout Grid
) {
    let names = session.run.head?.classes ?? []
    guard !detail.confusion.isEmpty else { return }
    let matrix = ConfusionMatrix(rows: detail.confusion)
    let table = ClassTable(detail, matrix, columns: rect.columns, glyphs: state.glyphs)
    let summary = summaryLines(evaluated, detail, matrix, columns: rect.columns - 2, state.glyphs)
    // Under a table that is cut, one line is worth more than four.
    let under = max(1, min(summary.count, rect.rows - names.count - 2))
    table.draw(table.heading, rect.row, .dim, rect, &grid)
    // The means stay at the bottom; the classes between scroll with the selection.
    let room = max(0, rect.rows - 2 - under)
    let selected = session.evaluate.selectedClass ?? (session.evaluate.threshold == nil ? nil : session.operatingClass)
    let first = max(0, min((selected ?? 0) - room / 2, names.count - room))
    for (place, index) in (first..<names.count).prefix(room).enumerated() {
        let isSelected = index == selected
        if isSelected {
            grid.fill(
                Rect(row: rect.row + 1 + place, column: rect.column, rows: 1, columns: rect.columns),
                Cell(" ", Style(.selection)))
        }
        table.draw(
            table.line(index, name: names[index]), rect.row + 1 + place, isSelected ? .selection : .text, rect, &grid)
    }
    let bottom = min(rect.row + 1 + names.count, rect.row + 1 + room)
    if bottom < rect.row + rect.rows { table.draw(table.means, bottom, .title, rect, &grid, bold: true) }
    for (index, line) in summary.prefix(under).enumerated() where bottom + 1 + index < rect.row + rect.rows {
        grid.write(
            line, row: bottom + 1 + index, column: rect.column + 1, columns: rect.columns - 2, glyphs: state.glyphs)
    }
}

/// The cells of the table: as many columns as there is room for.
private struct ClassTable {
    let detail: EvaluationDetail
    let glyphs: GlyphSet
    let scores: [ConfusionMatrix.ClassScores]
    let macroF1: Double?
    let predicted: [Int]
    let hasCounts: Bool
    let isNarrow: Bool
    /// Measures with an interval behind them, as far as there is room: the area's is worth most.
    private let ranged: Set<Measure>
    private let hasPrecisions: Bool
    private let widths: [Int]
    /// Those of areas.
    private let areaPlaces: Int
    /// Columns for the names.
    private let rowNames: Int

    private enum Measure { case precision, recall, area }

    init(_ detail: EvaluationDetail, _ matrix: ConfusionMatrix, columns: Int, glyphs: GlyphSet) {
        self.detail = detail
        self.glyphs = glyphs
        scores = matrix.perClass
        macroF1 = matrix.macroF1
        predicted = (0..<matrix.classes).map { k in (0..<matrix.classes).reduce(0) { $0 + matrix[$1, k] } }
        isNarrow = columns < 44
        areaPlaces = areaDecimals(detail.roc.map(\.auc))
        hasCounts = columns >= 50
        hasPrecisions = columns >= 100
        ranged =
            columns >= 88
            ? [.precision, .recall, .area] : columns >= 66 ? [.recall, .area] : columns >= 54 ? [.area] : []
        let measure = isNarrow ? 6 : columns < 72 ? 7 : 8
        let ranged = ranged
        let more = areaPlaces - 1
        func width(_ kind: Measure) -> Int {
            ranged.contains(kind) ? 18 + (kind == .area ? 3 * more : 0) : measure
        }
        widths =
            (hasCounts ? [7] : []) + [width(.precision), width(.recall), measure, width(.area)]
            + (hasPrecisions ? [measure] : [])
        rowNames = columns - 2 - widths.reduce(0, +)
    }

    var heading: [String] {
        let isLong = ranged.contains(.precision)
        return [rowNames < 9 ? "%" : "class, %"] + (hasCounts ? ["n"] : [])
            + [isLong ? "precision" : "prec.", isNarrow ? "rec." : "recall", "F1", "AUC"]
            + (hasPrecisions ? ["AP"] : [])
    }

    func line(_ index: Int, name: String) -> [String] {
        let score = scores[index]
        let area = index < detail.roc.count ? detail.roc[index].auc : nil
        let more = detail.classes.indices.contains(index) ? detail.classes[index] : nil
        func with(_ value: Double?, _ kind: Measure, _ interval: @autoclosure () -> Interval?) -> String {
            let decimals = kind == .area ? areaPlaces : 1
            let text = percentText(value, decimals: decimals)
            guard value != nil, ranged.contains(kind) else { return text }
            return "\(text) \(intervalText(interval(), glyphs, decimals: decimals))"
        }
        // Products of counts and a fraction made of them are whole again.
        func hits(_ value: Double?, of count: Int) -> Interval? {
            value.flatMap { Interval.wilson(min(count, Int(($0 * Double(count)).rounded())), of: count) }
        }
        return [name] + (hasCounts ? [Format.count(score.support)] : [])
            + [
                with(score.precision, .precision, hits(score.precision, of: predicted[index])),
                with(score.recall, .recall, hits(score.recall, of: score.support)), percentText(score.f1),
                with(area?.isFinite == true ? area : nil, .area, interval(more?.aucLow, more?.aucHigh)),
            ] + (hasPrecisions ? [percentText(more?.averagePrecision)] : [])
    }

    var means: [String] {
        let areas = detail.roc.compactMap(\.auc).filter(\.isFinite)
        let mean = areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)
        let range = intervalText(
            interval(detail.summary?.macroAUCLow, detail.summary?.macroAUCHigh), glyphs, decimals: areaPlaces)
        let precisions = detail.classes.compactMap(\.averagePrecision)
        let precision = precisions.isEmpty ? nil : precisions.reduce(0, +) / Double(precisions.count)
        let area =
            percentText(mean, decimals: areaPlaces)
            + (ranged.contains(.area) && !range.isEmpty ? " \(range)" : "")
        return [rowNames < 10 ? "mean" : "macro mean"] + (hasCounts ? [""] : []) + ["", "", percentText(macroF1), area]
            + (hasPrecisions ? [percentText(precision)] : [])
    }

    func draw(
        _ cells: [String], _ row: Int, _ role: Role, _ rect: Rect, _ grid: inout Grid, bold: Bool = false
    ) {
        guard row < rect.row + rect.rows else { return }
        var end = rect.column + 1 + rowNames
        for (cell, width) in zip(cells.dropFirst(), widths) {
            end += width
            grid.writeRight([Part(cell, role, bold: bold)], row: row, end: end, columns: width, glyphs: glyphs)
        }
        grid.write(
            [Part(cells[0], role, bold: bold)], row: row, column: rect.column + 1, columns: max(0, rowNames),
            glyphs: glyphs)
    }
}

/// Measures over all classes, the most telling first, in lines of at most `columns`.
private func summaryLines(
    _ evaluated: RunEvent.Evaluated, _ detail: EvaluationDetail, _ matrix: ConfusionMatrix, columns: Int,
    _ glyphs: GlyphSet
) -> [[Part]] {
    let total = matrix.total
    let hits = (0..<matrix.classes).reduce(0) { $0 + matrix[$1, $1] }
    let range = intervalText(Interval.wilson(hits, of: total), glyphs)
    let count = "\(Format.count(total)) examples"
    var lines: [[Part]] = []
    var accuracy = [
        Part("accuracy ", .dim), Part(evaluated.accuracy.map { Format.percent($0) } ?? "-", .good, bold: true),
    ]
    var used = accuracy.reduce(0) { $0 + displayWidth($1.text) }
    for text in [" \(range)", "\(glyphs.dot)\(count)"] where used + displayWidth(text) <= columns {
        accuracy.append(Part(text, .dim))
        used += displayWidth(text)
    }
    lines.append(accuracy)
    var facts = ["loss \(Format.number(evaluated.loss))"]
    if let summary = detail.summary {
        facts.append("log loss \(Format.number(summary.logLoss))")
        facts.append("Brier \(Format.number(summary.brier))")
        facts.append("ECE \(percentText(summary.calibrationError)) %")
        if let five = summary.topFive { facts.append("top 5 \(percentText(five)) %") }
    }
    facts.append("MCC \(matrix.mcc.map { Format.number($0) } ?? "undefined")")
    facts.append("kappa \(matrix.cohenKappa.map { Format.number($0) } ?? "undefined")")
    var line = ""
    for fact in facts {
        let joined = line.isEmpty ? fact : line + glyphs.dot + fact
        if displayWidth(joined) <= columns || line.isEmpty {
            line = joined
        } else {
            lines.append([Part(line, .dim)])
            line = fact
        }
    }
    lines.append([Part(line, .dim)])
    return lines
}
