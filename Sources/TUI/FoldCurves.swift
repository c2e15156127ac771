// The curves of a cross-validation: each fold's own, thin, and over them their mean.

import Charts
import Engine
import Foundation

/// The measure on the kept examples over each fold's epochs; nil before the first fold has ended an epoch.
func foldCurves(_ kind: ChartKind, of run: RunState, _ view: ChartView, _ glyphs: GlyphSet) -> LineChart? {
    let metric = "test/\(kind.metric)"
    var series: [Series] = []
    for fold in run.folds {
        guard let curve = fold.curves[metric], curve.count > 0 else { continue }
        // A point an epoch: the folds' steps need not be equally many.
        let x =
            switch view.axis {
            case .epochs: (1...curve.count).map(Double.init)
            case .steps: curve.steps.map(Double.init)
            case .seconds: curve.seconds
            }
        series.append(
            Series(name: "fold \(fold.fold)", x: x, y: curve.values, role: .trace(fold.fold - 1), kind: .line))
    }
    guard !series.isEmpty else { return nil }
    let mean = meanCurve(metric, of: run, view.axis, series)
    if let mean { series.append(mean) }
    let x = foldAxis(run, view)
    var chart = LineChart(
        series: series, x: x,
        y: ChartAxis(
            label: "", unit: kind == .accuracy ? .fraction : .plain,
            isLogarithmic: kind != .accuracy && view.isLogarithmicY),
        glyphs: glyphs)
    // Markers of many curves would hide what lies between; a single point has nothing else.
    chart.marksPoints = series.allSatisfy { $0.count < 2 }
    chart.leader = mean == nil ? nil : series.count - 1
    chart.smoothing = view.smoothing
    if let cursor = view.cursor, let range = x.range { chart.cursor = view.place(of: cursor, in: range) }
    return chart
}

/// The mean over the folds that have ended, or over all while none has, as far as all of these go. Over time it would mean
/// nothing: the folds had their epochs at different moments.
private func meanCurve(_ metric: String, of run: RunState, _ axis: TimeAxis, _ series: [Series]) -> Series? {
    guard axis != .seconds else { return nil }
    let ended = run.folds.filter(\.isFinished)
    let meant = (ended.isEmpty ? run.folds : ended).compactMap { $0.curves[metric] }
    guard meant.count > 1, let shortest = meant.map(\.count).min(), shortest > 0 else { return nil }
    let values = (0..<shortest).map { epoch in
        meant.reduce(0) { $0 + $1.values[epoch] } / Double(meant.count)
    }
    let x =
        axis == .epochs ? (1...shortest).map(Double.init) : (0..<shortest).map { Double(meant[0].steps[$0]) }
    return Series(name: "mean of \(meant.count)", x: x, y: values, role: .title, kind: .line)
}

/// The time axis: of a fold's own epochs and steps, or of the seconds of all.
private func foldAxis(_ run: RunState, _ view: ChartView) -> ChartAxis {
    guard let head = run.head else { return ChartAxis(label: "", unit: .epochs) }
    // As of a single run: while all folds are young an eighth, a quarter, a half of the axis.
    let done = run.folds.map { Double($0.epoch) / Double(max(1, head.epochs)) }.max() ?? 0
    let share =
        run.folds.contains(where: \.isFinished) ? 1 : [0.125, 0.25, 0.5].first { done < $0 * 0.96 } ?? 1
    let (label, unit, end): (String, AxisUnit, Double) =
        switch view.axis {
        case .epochs: ("epoch", .epochs, max(1, Double(head.epochs) * share))
        case .steps: ("step", .steps, max(1, (Double(head.totalSteps) * share).rounded()))
        case .seconds: ("time", .seconds, max(1, run.seconds))
        }
    return view.axis(to: end, steps: Double(max(2, head.totalSteps)), label: label, unit: unit)
}

extension ChartView {
    /// The axis from its start to `end`, of which the view may show a part.
    func axis(to end: Double, steps: Double, label: String, unit: AxisUnit) -> ChartAxis {
        // A logarithmic axis begins at the first step.
        let start = isLogarithmicX ? end / steps : 0
        let shown = window ?? 0...1
        let range =
            isLogarithmicX
            ? start * pow(end / start, shown.lowerBound)...start * pow(end / start, shown.upperBound)
            : end * shown.lowerBound...end * shown.upperBound
        return ChartAxis(label: label, unit: unit, range: range, isLogarithmic: isLogarithmicX)
    }

    /// The place on an axis that the cursor's fraction stands for.
    func place(of cursor: Double, in range: ClosedRange<Double>) -> Double {
        isLogarithmicX
            ? range.lowerBound * pow(range.upperBound / range.lowerBound, cursor)
            : range.lowerBound + (range.upperBound - range.lowerBound) * cursor
    }
}
