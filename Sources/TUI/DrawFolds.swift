// A cross-validation on the screens: where it stands in words, and the table of its folds.

import Charts
import Engine
import Experiments
import Foundation

extension RunState {
    /// Folds that are trained now: those heard of that have not ended, or the next one.
    var foldsAtWork: [Int] {
        guard let count = head?.folds else { return [] }
        let open = folds.filter { !$0.isFinished }.map(\.fold)
        if !open.isEmpty || finished != nil { return open }
        let next = (folds.last?.fold ?? 0) + 1
        return next <= count ? [next] : []
    }

    /// "fold 3 of 5", "folds 3 and 4 of 5"; at the end "5 folds".
    var foldWords: String {
        guard let count = head?.folds else { return "" }
        let done = folds.count(where: \.isFinished)
        if finished != nil { return done == count ? "\(count) folds" : "\(done) of \(count) folds" }
        let open = foldsAtWork
        switch open.count {
        case 0: return "\(count) folds"
        case 1: return "fold \(open[0]) of \(count)"
        case 2: return "folds \(open[0]) and \(open[1]) of \(count)"
        default: return "folds \(open[0]) to \(open[open.count - 1]) of \(count)"
        }
    }
}

/// When and on what something was measured, for the titles of Evaluate.
func momentWords(_ evaluated: RunEvent.Evaluated, _ session: OpenSession) -> String {
    guard let folds = session.run.head?.folds else {
        return "\(evaluated.split.rawValue) split, epoch \(evaluated.epoch)"
    }
    let done = session.run.folds.count(where: \.isFinished)
    return done == folds ? "pooled over \(folds) folds" : "pooled over \(done) of \(folds) folds"
}

/// A column of the table of folds.
struct FoldColumn {
    var measure: String
    /// Heading, wide and narrow.
    var title: String
    var text: (Double) -> String

    /// The measures that are shown, those worth most first.
    static func all(_ run: RunState) -> [FoldColumn] {
        func percent(_ value: Double) -> String { value.isFinite ? fixed(value * 100, 2) : "-" }
        // Six characters at most, and a blank between two.
        func compact(_ value: Double) -> String { value.magnitude < 1 ? fixed(value, 4) : Format.compact(value) }
        if run.head?.target != nil {
            return [
                FoldColumn(measure: "rmse", title: "RMSE", text: compact),
                FoldColumn(measure: "r2", title: "R2", text: compact),
                FoldColumn(measure: "mae", title: "MAE", text: compact),
                FoldColumn(measure: "loss", title: "loss", text: compact),
            ]
        }
        return [
            FoldColumn(measure: "accuracy", title: "acc. %", text: percent),
            FoldColumn(measure: "macro_f1", title: "F1 %", text: percent),
            FoldColumn(measure: "loss", title: "loss", text: compact),
            FoldColumn(measure: "auc", title: "AUC", text: { $0.isFinite ? fixed($0, 4) : "-" }),
        ]
    }

    /// The order in which they stand.
    static let order = ["loss", "accuracy", "rmse", "mae", "macro_f1", "r2", "auc"]
}

/// `value` with so many decimals.
private func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite, value.magnitude < 1e12 else { return "-" }
    var scale = 1
    for _ in 0..<decimals { scale *= 10 }
    let scaled = Int((value.magnitude * Double(scale)).rounded())
    let rest = String(scaled % scale)
    let sign = value < 0 && scaled > 0 ? "-" : ""
    return sign + "\(scaled / scale)." + String(repeating: "0", count: decimals - rest.count) + rest
}

/// Mean, deviation and interval of a measure over the folds that have ended: the engine's where it has told them.
func foldSummary(_ measure: String, of run: RunState) -> FoldSummary? {
    let ended = run.folds.filter(\.isFinished)
    let values = ended.compactMap { $0.measures[measure] }
    guard values.count == ended.count, let count = run.head?.folds, count > 1 else { return nil }
    guard var summary = FoldSummary(values, testShare: 1 / Double(count - 1)) else { return nil }
    if let told = run.finished?.metrics, let mean = told["test/\(measure)_mean"] {
        summary.mean = mean
        summary.deviation = told["test/\(measure)_deviation"]
        summary.low = told["test/\(measure)_low"]
        summary.high = told["test/\(measure)_high"]
    } else if ["accuracy", "macro_f1", "auc"].contains(measure) {
        summary.low = summary.low.map { max(0, $0) }
        summary.high = summary.high.map { min(1, $0) }
    } else if measure != "r2" {
        summary.low = summary.low.map { max(0, $0) }
    }
    return summary
}

/// The right side of Train for a cross-validation: a line a fold, then what they say together, then what happened.
func drawFolds(_ session: OpenSession, _ rect: Rect, _ border: Role, _ state: State, _ grid: inout Grid) {
    let run = session.run
    guard let head = run.head, let count = head.folds else { return }
    let summaryRows = 6
    let wanted = count + summaryRows + 3
    // Where there is room for more than the folds, the newest events are told below.
    let left = rect.rows - wanted
    let tableRows = left >= 5 ? wanted : rect.rows
    let table = Rect(row: rect.row, column: rect.column, rows: tableRows, columns: rect.columns)
    let title = rect.columns >= 44 ? "Folds, on the examples kept from each" : "Folds, on kept examples"
    grid.box(table, title: title, style: Style(border), glyphs: state.glyphs)
    FoldTable(run, table.inset(), state).draw(into: &grid)
    guard left >= 5 else { return }
    let below = Rect(row: rect.row + tableRows, column: rect.column, rows: left, columns: rect.columns)
    grid.box(below, title: "About", style: Style(.border), glyphs: state.glyphs)
    drawAbout(session, head, below.inset(), state, &grid)
}

private struct FoldTable {
    private let run: RunState
    private let rect: Rect
    private let state: State
    private let count: Int
    private let columns: [FoldColumn]
    private let cell: Int
    private static let label = 9
    private static let epoch = 8

    init(_ run: RunState, _ rect: Rect, _ state: State) {
        self.run = run
        self.rect = rect
        self.state = state
        count = run.head?.folds ?? 0
        let room = rect.columns - 1 - Self.label - Self.epoch
        let all = FoldColumn.all(run)
        let shown = Array(all.prefix(max(1, min(all.count, room / 7))))
        columns = FoldColumn.order.compactMap { name in shown.first { $0.measure == name } }
        cell = min(11, room / max(1, columns.count))
    }

    func draw(into grid: inout Grid) {
        line(0, [Part("fold", .dim)], [Part("epoch", .dim)], columns.map { Part($0.title, .dim) }, &grid)
        let rows = max(1, rect.rows - 7)
        // Of many folds the newest are seen.
        let last = run.foldsAtWork.last ?? run.folds.last?.fold ?? 1
        let first = max(0, min(last - rows, count - rows))
        for (place, index) in (first..<count).prefix(rows).enumerated() { drawFold(index + 1, 1 + place, &grid) }
        drawSummary(2 + min(rows, count), &grid)
    }

    private func drawFold(_ number: Int, _ row: Int, _ grid: inout Grid) {
        let fold = run.folds.first { $0.fold == number }
        let isAtWork = run.foldsAtWork.contains(number) && run.finished == nil
        let sign: Part
        if fold?.isFinished == true {
            sign = Part(state.ascii ? "+" : "✓", .good)
        } else if isAtWork {
            sign = Part(state.ascii ? "*" : "●", .good)
        } else {
            sign = Part(fold == nil ? " " : state.ascii ? "#" : "■", .dim)
        }
        let isOver = fold?.isFinished == true
        let epochs = run.head?.epochs ?? 0
        line(
            row, [sign, Part(" "), Part("\(number)", .series(number - 1), bold: true)],
            [Part(fold.map { isOver ? "\($0.epoch)" : "\($0.epoch)/\(epochs)" } ?? "-", .dim)],
            columns.map { column in
                Part(fold?.measures[column.measure].map(column.text) ?? "-", isOver ? .text : .dim)
            }, &grid)
    }

    private func drawSummary(_ top: Int, _ grid: inout Grid) {
        let summaries = columns.map { foldSummary($0.measure, of: run) }
        let done = run.folds.count(where: \.isFinished)
        func cells(_ value: (FoldSummary) -> Double?, _ role: Role, bold: Bool = false) -> [Part] {
            zip(columns, summaries).map { column, summary in
                Part(summary.flatMap(value).map(column.text) ?? "-", role, bold: bold)
            }
        }
        let of = done == count || done == 0 ? [] : [Part("of \(done)", .dim)]
        line(top, [Part("mean", .title, bold: true)], of, cells({ $0.mean }, .good, bold: true), &grid)
        line(top + 1, [Part(state.ascii ? "+- dev." : "± dev.")], [], cells({ $0.deviation }, .text), &grid)
        line(top + 2, [Part("95% from")], [], cells({ $0.low }, .text), &grid)
        line(top + 3, [Part("to")], [], cells({ $0.high }, .text), &grid)
        let metrics = run.finished?.metrics ?? [:]
        guard run.finished != nil else { return }
        line(
            top + 4, [Part("pooled", .dim)], [],
            columns.map { Part(metrics["test/\($0.measure)_pooled"].map($0.text) ?? "-", .dim) }, &grid)
    }

    private func line(_ row: Int, _ label: [Part], _ epoch: [Part], _ cells: [Part], _ grid: inout Grid) {
        guard row < rect.rows else { return }
        let row = rect.row + row
        grid.write(label, row: row, column: rect.column + 1, columns: Self.label, glyphs: state.glyphs)
        let start = rect.column + 1 + Self.label + Self.epoch
        grid.writeRight(epoch, row: row, end: start - 2, columns: Self.epoch, glyphs: state.glyphs)
        for (place, part) in cells.enumerated() {
            grid.writeRight(
                [part], row: row, end: start + (place + 1) * cell - 1, columns: cell, glyphs: state.glyphs)
        }
    }
}

/// What was done, how the interval is meant, and what a person should know.
private func drawAbout(
    _ session: OpenSession, _ head: RunEvent.Started, _ rect: Rect, _ state: State, _ grid: inout Grid
) {
    let run = session.run
    let text = Rect(row: rect.row, column: rect.column + 1, rows: rect.rows, columns: rect.columns - 2)
    var lines: [(String, Role)] = [
        ("\(counted(head.testExamples, "example", "examples")), data seed \(head.seed)", .text)
    ]
    if let progress = run.progress, run.finished == nil {
        lines.append(("\(Format.rate(progress.imagesPerSecond)) examples/s", .text))
    }
    for mark in run.marks {
        if case .warned(let message) = mark.kind { lines.append((message, .warning)) }
    }
    if !session.isLive { lines.append((":fold 3 shows a fold's own run", .dim)) }
    lines.append(("interval: Nadeau & Bengio 2003, for folds share training examples", .dim))
    if head.target != nil { lines.append(("RMSE and MAE in units of \(head.target ?? ""); loss is scaled", .dim)) }
    var row = text.row
    for (line, role) in lines {
        for piece in wrapped(line, columns: text.columns) where row < text.row + text.rows {
            grid.write([Part(piece, role)], row: row, column: text.column, columns: text.columns, glyphs: state.glyphs)
            row += 1
        }
    }
}

// MARK: the list of sessions

/// The score of a cross-validation in the list, "97.42±0.80 cv"; nil of any other session, and before a fold has ended.
func foldScore(_ session: SessionSummary, _ glyphs: GlyphSet) -> String? {
    guard session.head?.folds != nil else { return nil }
    let sign = glyphs == .ascii ? "+-" : "±"
    func deviation(_ name: String, _ scale: Double, _ decimals: Int) -> String {
        session.metrics["test/\(name)_deviation"].map { sign + fixed($0 * scale, decimals) } ?? ""
    }
    if let accuracy = session.metrics["test/accuracy_mean"] {
        return fixed(accuracy * 100, 1) + deviation("accuracy", 100, 1) + " % cv"
    }
    if let r2 = session.metrics["test/r2_mean"] { return "R2 \(fixed(r2, 2))\(deviation("r2", 1, 3))" }
    return ""
}

/// What a cross-validation found, for the preview.
func foldLines(_ session: SessionSummary, isCompact: Bool, _ glyphs: GlyphSet) -> [[Part]] {
    let isOfNumbers = session.head?.target != nil
    let sign = glyphs == .ascii ? "+-" : "±"
    func percent(_ value: Double) -> String { fixed(value * 100, 2) }
    func number(_ value: Double) -> String { value.magnitude < 1 ? fixed(value, 4) : Format.number(value) }
    let measures: [(String, String, (Double) -> String)] =
        isOfNumbers
        ? [("rmse", "RMSE", number), ("r2", "R2", number)]
        : [("accuracy", "accuracy", percent), ("macro_f1", "macro F1", percent), ("auc", "AUC", number)]
    var lines: [[Part]] = []
    for (name, title, words) in measures.prefix(isCompact ? 1 : 3) {
        guard let mean = session.metrics["test/\(name)_mean"] else { continue }
        var parts = [Part(title.padding(toLength: 11, withPad: " ", startingAt: 0), .dim), Part(words(mean), .good)]
        if let deviation = session.metrics["test/\(name)_deviation"] {
            parts.append(Part(" \(sign) \(words(deviation))"))
        }
        if name == "accuracy" || name == "macro_f1" { parts.append(Part(" %", .dim)) }
        if let low = session.metrics["test/\(name)_low"], let high = session.metrics["test/\(name)_high"] {
            parts.append(Part("  [\(words(low)), \(words(high))]", .dim))
        }
        lines.append(parts)
    }
    if lines.isEmpty, let folds = session.head?.folds {
        lines.append([Part("\(session.foldsDone) of \(folds) folds have ended", .dim)])
    }
    return lines
}
