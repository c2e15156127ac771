// The two charts of a run, and the small ones.

import Charts
import Engine
import Foundation

/// What a chart shows.
enum ChartKind {
    case loss, accuracy, rmse

    /// What tells how good a run is, beside the loss: numbers have no accuracy.
    static func quality(of run: RunState) -> ChartKind { run.head?.target == nil ? .accuracy : .rmse }

    var title: String {
        switch self {
        case .loss: "Loss"
        case .accuracy: "Accuracy"
        case .rmse: "RMSE"
        }
    }

    /// Of two values the one that is worth more.
    func isBetter(_ value: Double, than other: Double) -> Bool { self == .accuracy ? value > other : value < other }

    func text(_ value: Double) -> String { self == .accuracy ? Format.percent(value) : Format.number(value) }

    var metric: String {
        switch self {
        case .loss: "loss"
        case .accuracy: "accuracy"
        case .rmse: "rmse"
        }
    }
}

/// The end of the time axis: an eighth, a quarter, a half or all of the run, so that a young curve can be seen.
private func axisEnd(of run: RunState, _ axis: TimeAxis) -> Double {
    let done = run.fractionDone
    let share = done >= 1 ? 1 : [0.125, 0.25, 0.5].first { done < $0 * 0.96 } ?? 1
    guard let head = run.head else { return 1 }
    switch axis {
    case .epochs: return max(1e-9, Double(head.epochs) * share)
    case .steps: return max(1, (Double(head.totalSteps) * share).rounded())
    case .seconds: return max(1, run.seconds)
    }
}

private func places(_ curve: Curve, _ axis: TimeAxis, stepsPerEpoch: Int) -> [Double] {
    switch axis {
    case .epochs: curve.steps.map { Double($0) / Double(max(1, stepsPerEpoch)) }
    case .steps: curve.steps.map(Double.init)
    case .seconds: curve.seconds
    }
}

/// The time axis of `run` as `view` shows it.
private func timeAxis(_ run: RunState, _ view: ChartView) -> ChartAxis {
    let end = axisEnd(of: run, view.axis)
    let (label, unit): (String, AxisUnit) =
        switch view.axis {
        case .epochs: ("epoch", .epochs)
        case .steps: ("step", .steps)
        case .seconds: ("time", .seconds)
        }
    return view.axis(to: end, steps: Double(max(2, run.head?.totalSteps ?? 2)), label: label, unit: unit)
}

/// The curves of `kind`, train and what else was measured, over one time axis; nil before the first value.
func curves(_ kind: ChartKind, of run: RunState, _ view: ChartView, _ glyphs: GlyphSet) -> LineChart? {
    if run.head?.folds != nil { return foldCurves(kind, of: run, view, glyphs) }
    let perEpoch = run.head?.stepsPerEpoch ?? 1
    var series: [Series] = []
    for (index, split) in Split.allCases.enumerated() {
        guard let curve = run.curves["\(split.rawValue)/\(kind.metric)"], curve.count > 0 else { continue }
        // The test split is measured once, at the end: a value for the side, not a curve.
        if split == .test, run.head?.watchedSplit != .test { continue }
        let x = places(curve, view.axis, stepsPerEpoch: perEpoch)
        series.append(
            Series(name: split.rawValue, x: x, y: curve.values, role: .series(min(index, 1)), kind: .line))
    }
    guard !series.isEmpty else { return nil }
    let x = timeAxis(run, view)
    var chart = LineChart(
        series: series, x: x,
        y: ChartAxis(
            label: "", unit: kind == .accuracy ? .fraction : .plain,
            isLogarithmic: kind != .accuracy && view.isLogarithmicY),
        marks: chartMarks(run, view.axis, perEpoch), glyphs: glyphs)
    chart.smoothing = view.smoothing
    if let cursor = view.cursor, let range = x.range { chart.cursor = view.place(of: cursor, in: range) }
    return chart
}

/// The curves of `kind` in a pane.
func drawChart(
    _ kind: ChartKind, of run: RunState, _ view: ChartView, in rect: Rect, border: Role = .border, _ glyphs: GlyphSet,
    _ grid: inout Grid
) {
    var notes: [String] = []
    if run.head?.folds != nil { notes.append("kept examples") }
    if kind == .rmse, let target = run.head?.target { notes.append("in units of \(target)") }
    if kind != .accuracy, view.isLogarithmicY { notes.append("log") }
    if view.smoothing > 0 { notes.append("smoothed \(Format.number(view.smoothing))") }
    if let window = view.window {
        notes.append("\(Format.number(1 / (window.upperBound - window.lowerBound)))x zoom")
    }
    let title = kind.title + (notes.isEmpty ? "" : " (\(notes.joined(separator: ", ")))")
    grid.box(rect, title: title, style: Style(border), glyphs: glyphs)
    let inner = rect.inset()
    guard let chart = curves(kind, of: run, view, glyphs) else {
        _ = grid.write("no values yet", row: inner.row + inner.rows / 2, column: inner.column + 2, style: Style(.dim))
        return
    }
    chart.draw(into: &grid, in: inner)
}

private func chartMarks(_ run: RunState, _ axis: TimeAxis, _ perEpoch: Int) -> [ChartMark] {
    run.marks.compactMap { mark in
        let x: Double
        switch axis {
        case .epochs: x = Double(mark.step) / Double(max(1, perEpoch))
        case .steps: x = Double(mark.step)
        case .seconds: x = mark.seconds
        }
        switch mark.kind {
        case .paused: return ChartMark(x: x, label: "paused", role: .dim)
        case .continued: return nil
        case .learningRate(let rate): return ChartMark(x: x, label: "rate \(Format.number(rate))", role: .key)
        case .triedRates: return ChartMark(x: x, label: "rates tried", role: .key)
        case .resumed: return ChartMark(x: x, label: "resumed", role: .warning)
        case .warned: return ChartMark(x: x, label: "warning", role: .warning)
        case .best: return ChartMark(x: x, label: "best", role: .good)
        }
    }
}

/// A label and a sparkline of the newest values in one row of `rect`.
func drawSparkline(
    _ label: String, _ values: [Double], row: Int, in rect: Rect, _ glyphs: GlyphSet, _ grid: inout Grid
) {
    var column = rect.column
    if !label.isEmpty {
        column += grid.write(label + " ", row: row, column: column, style: Style(.dim), maxColumns: rect.columns)
    }
    let width = rect.column + rect.columns - column
    guard width > 0 else { return }
    Sparkline(values: values, role: .series(0), glyphs: glyphs)
        .draw(into: &grid, in: Rect(row: row, column: column, rows: 1, columns: width))
}
