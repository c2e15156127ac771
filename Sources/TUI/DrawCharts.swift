// The two charts of a run, and the small ones.

import Charts
import Engine

/// What a chart shows.
enum ChartKind {
    case loss, accuracy

    var title: String {
        switch self {
        case .loss: "Loss"
        case .accuracy: "Accuracy"
        }
    }

    var metric: String {
        switch self {
        case .loss: "loss"
        case .accuracy: "accuracy"
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

private func chartAxis(_ axis: TimeAxis, end: Double) -> ChartAxis {
    switch axis {
    case .epochs: ChartAxis(label: "epoch", unit: .epochs, range: 0...end)
    case .steps: ChartAxis(label: "step", unit: .steps, range: 0...end)
    case .seconds: ChartAxis(label: "time", unit: .seconds, range: 0...end)
    }
}

/// A titled pane with the curves of `kind`, train and what else was measured, over one time axis.
func drawChart(
    _ kind: ChartKind, of run: RunState, axis: TimeAxis, logarithmic: Bool, in rect: Rect, _ glyphs: GlyphSet,
    _ grid: inout Grid
) {
    grid.box(rect, title: logarithmic ? "\(kind.title) (log)" : kind.title, style: Style(.border), glyphs: glyphs)
    let perEpoch = run.head?.stepsPerEpoch ?? 1
    var series: [Series] = []
    for (index, split) in Split.allCases.enumerated() {
        guard let curve = run.curves["\(split.rawValue)/\(kind.metric)"], curve.count > 0 else { continue }
        // The test split is measured once, at the end: a value for the side, not a curve.
        if split == .test, run.head?.watchedSplit != .test { continue }
        let x = places(curve, axis, stepsPerEpoch: perEpoch)
        series.append(
            Series(name: split.rawValue, x: x, y: curve.values, role: .series(min(index, 1)), kind: .line))
    }
    let inner = rect.inset()
    guard !series.isEmpty else {
        _ = grid.write("no values yet", row: inner.row + inner.rows / 2, column: inner.column + 2, style: Style(.dim))
        return
    }
    let end = axisEnd(of: run, axis)
    let chart = LineChart(
        series: series, x: chartAxis(axis, end: end),
        y: ChartAxis(label: "", unit: kind == .loss ? .plain : .fraction, isLogarithmic: logarithmic),
        marks: chartMarks(run, axis, perEpoch), glyphs: glyphs)
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
