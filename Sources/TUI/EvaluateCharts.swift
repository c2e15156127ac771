// The charts of the screen Evaluate: ROC, precision-recall, calibration, and what a threshold does.

import Charts
import Engine
import Experiments

/// The charts of an evaluation, in the order in which a key goes through them.
enum EvaluateChart: String, CaseIterable, Sendable {
    case roc, precisionRecall, calibration, thresholds

    var title: String {
        switch self {
        case .roc: "ROC"
        case .precisionRecall: "Precision-recall"
        case .calibration: "Calibration"
        case .thresholds: "By threshold"
        }
    }

    /// In the names of files.
    var fileName: String {
        switch self {
        case .roc: "roc"
        case .precisionRecall: "precision-recall"
        case .calibration: "calibration"
        case .thresholds: "thresholds"
        }
    }

    var pane: PaneID {
        switch self {
        case .roc: .roc
        case .precisionRecall: .precisionRecall
        case .calibration: .calibration
        case .thresholds: .thresholds
        }
    }

    init?(_ pane: PaneID) {
        guard let found = EvaluateChart.allCases.first(where: { $0.pane == pane }) else { return nil }
        self = found
    }

    /// The chart after this one, `steps` further.
    func next(_ steps: Int = 1) -> EvaluateChart {
        let all = EvaluateChart.allCases
        return all[((all.firstIndex(of: self) ?? 0) + steps) % all.count]
    }

    /// Whether a higher threshold lies further right.
    var risesWithThreshold: Bool { self == .calibration || self == .thresholds }
}

/// A chart that can be drawn, or why there is none.
enum EvaluatePicture {
    case lines(LineChart)
    case calibration(CalibrationChart)
    case nothing(String)

    /// As a chart of lines, for files.
    var line: LineChart? {
        switch self {
        case .lines(let chart): chart
        case .calibration(let chart): chart.line
        case .nothing: nil
        }
    }
}

/// The classes that curves are drawn of. Two mirror each other, so one says all; a cursor stands on one curve.
func curveClasses(_ detail: EvaluationDetail, _ session: OpenSession) -> [Int] {
    let isOne = session.evaluate.selectedClass != nil || session.evaluate.threshold != nil || detail.roc.count == 2
    return (isOne ? [session.operatingClass] : Array(detail.roc.indices)).filter(detail.roc.indices.contains)
}

/// Makes a chart of the shown evaluation.
func picture(
    _ chart: EvaluateChart, _ detail: EvaluationDetail, _ session: OpenSession, _ glyphs: GlyphSet, columns: Int = .max
) -> EvaluatePicture {
    let maker = PictureMaker(
        detail: detail, session: session, glyphs: glyphs, wide: columns >= 44, isBrief: columns < 100,
        classes: curveClasses(detail, session))
    switch chart {
    case .roc: return maker.roc
    case .precisionRecall: return maker.precisionRecall
    case .calibration: return maker.calibration
    case .thresholds: return maker.thresholds
    }
}

private struct PictureMaker {
    let detail: EvaluationDetail
    let session: OpenSession
    let glyphs: GlyphSet
    /// There is room for names of axes and intervals in the legend.
    let wide: Bool
    /// The legend of five curves has room for short names alone.
    let isBrief: Bool
    let classes: [Int]

    private var only: Int? { classes.count == 1 ? classes[0] : nil }

    private func fractions(_ label: String) -> ChartAxis { ChartAxis(label: label, unit: .fraction, range: 0...1) }

    /// A measure of a class with its interval.
    private func measure(_ name: String, _ value: Double?, _ interval: Interval?) -> String {
        guard let value, value.isFinite else { return "\(name) undefined" }
        let decimals = areaDecimals([value])
        let range = wide ? intervalText(interval, glyphs, decimals: decimals) : ""
        return "\(name) \(percentText(value, decimals: decimals))" + (range.isEmpty ? "" : " \(range)")
    }

    private var undefined: String {
        guard let only else { return "Undefined: no class has examples beside others" }
        return "Undefined: \(session.className(only)) has no examples in this split, or all of them"
    }

    /// The cursor and the best thresholds, where one class is shown.
    private func spots(_ place: (OperatingPoint) -> (x: Double, y: Double)?) -> [ChartSpot] {
        guard let only, let curve = OperatingCurve(detail, class: only) else { return [] }
        var spots: [ChartSpot] = []
        for best in OperatingCurve.Best.allCases.reversed() {
            let point = curve.points[curve.best(best, session.evaluate.costs)]
            if let at = place(point) {
                spots.append(ChartSpot(x: at.x, y: at.y, sign: best.sign, role: .good))
            }
        }
        if let cursor = session.operatingPoint?.point, let at = place(cursor) {
            spots.append(ChartSpot(x: at.x, y: at.y, sign: glyphs.pick("◆", "@"), role: .focus, isCursor: true))
        }
        return spots
    }

    /// What the letters on the curves mean.
    private var key: String { "best: F F1, Y Youden, C cost" }

    var roc: EvaluatePicture {
        let series = classes.filter { detail.roc[$0].count > 0 }.map { index in
            let curve = detail.roc[index]
            let range =
                detail.classes.indices.contains(index)
                ? interval(detail.classes[index].aucLow, detail.classes[index].aucHigh) : nil
            let name = session.className(index)
            return Series(
                name: only == nil ? name : "\(name), \(measure("AUC", curve.auc, range))", x: curve.falsePositiveRates,
                y: curve.truePositiveRates, role: .series(index), kind: .line)
        }
        guard !series.isEmpty else { return .nothing(undefined) }
        var chart = LineChart(
            series: series, x: fractions(wide ? "false positives" : "FPR"), y: fractions("true positives"),
            glyphs: glyphs)
        chart.diagonal = true
        if let only, let curve = OperatingCurve(detail, class: only) {
            let ranges = curve.points.map { Interval.wilson($0.truePositives, of: $0.positives) }
            chart.bands = [
                ChartBand(
                    x: curve.points.map { Double($0.falsePositives) / Double($0.negatives) },
                    low: ranges.map { $0?.low ?? .nan }, high: ranges.map { $0?.high ?? .nan }, role: .series(only))
            ]
            chart.spots = spots { (1 - $0.specificity, $0.recall) }
            chart.note = key
            chart.marksPoints = false
        }
        return .lines(chart)
    }

    /// Between two kept thresholds the counts grow evenly, so that precision follows a hyperbola and no straight line
    /// (Davis & Goadrich 2006, "The relationship between precision-recall and ROC curves").
    private func precisionRecallPoints(_ curve: OperatingCurve) -> (x: [Double], y: [Double]) {
        var (x, y): ([Double], [Double]) = ([], [])
        for (from, to) in zip(curve.points, curve.points.dropFirst()) {
            let pieces = max(1, min(8, to.taken - from.taken))
            for piece in 0...pieces where piece > 0 || from.taken == 0 {
                let share = Double(piece) / Double(pieces)
                let hits = Double(from.truePositives) + share * Double(to.truePositives - from.truePositives)
                let taken = Double(from.taken) + share * Double(to.taken - from.taken)
                // Where nothing is taken precision is undefined; next to it, it is that of the first ones taken.
                let precision = taken > 0 ? hits / taken : to.precision
                guard let precision else { continue }
                x.append(hits / Double(from.positives))
                y.append(precision)
            }
        }
        return (x, y)
    }

    var precisionRecall: EvaluatePicture {
        var series: [Series] = []
        for index in classes {
            guard let curve = OperatingCurve(detail, class: index) else { continue }
            let points = precisionRecallPoints(curve)
            let name = session.className(index)
            let precision = detail.classes.indices.contains(index) ? detail.classes[index].averagePrecision : nil
            let isKnown = only != nil && !detail.classes.isEmpty
            series.append(
                Series(
                    name: isKnown ? "\(name), \(measure("AP", precision, nil))" : name, x: points.x, y: points.y,
                    role: .series(index), kind: .line))
        }
        guard !series.isEmpty else { return .nothing(undefined) }
        var chart = LineChart(series: series, x: fractions("recall"), y: fractions("precision"), glyphs: glyphs)
        chart.showsLastValues = false
        chart.marksPoints = false
        if let only, let curve = OperatingCurve(detail, class: only), let first = curve.points.first {
            let prevalence = Double(first.positives) / Double(first.total)
            chart.level = prevalence
            let ranges = curve.points.filter { $0.taken > 0 }.map {
                (place: $0.recall, range: Interval.wilson($0.truePositives, of: $0.taken))
            }
            chart.bands = [
                ChartBand(
                    x: ranges.map(\.place), low: ranges.map { $0.range?.low ?? .nan },
                    high: ranges.map { $0.range?.high ?? .nan }, role: .series(only))
            ]
            chart.spots = spots { point in point.precision.map { (point.recall, $0) } }
            chart.note = "\(glyphs.pick("┈┈", "..")) no skill \(percentText(prevalence))"
        }
        return .lines(chart)
    }

    var calibration: EvaluatePicture {
        guard detail.classes.count == detail.roc.count, !detail.classes.isEmpty else {
            return .nothing("Sessions of earlier versions keep no calibration")
        }
        guard detail.classes.count <= EvaluationDetail.maximumCalibratedClasses else {
            return .nothing(
                "Calibration is kept for up to \(EvaluationDetail.maximumCalibratedClasses) classes")
        }
        let bins = only.map { detail.classes[$0].calibration.bins } ?? detail.pooledCalibration
        guard !bins.isEmpty else { return .nothing("Undefined: no probabilities were measured") }
        let shown = bins.map { bin in
            let range = bin.interval()
            return CalibrationChart.Bin(
                predicted: bin.meanPredicted, observed: bin.fractionPositive, low: range.low, high: range.high,
                count: bin.count)
        }
        // That of the bins that are shown; the one of all probabilities is that of the most probable class.
        let error = CalibrationCurve(bins: bins).expectedError
        let name = only.map { session.className($0) } ?? "all classes"
        let chart = CalibrationChart(
            bins: shown, name: name, note: "ECE \(percentText(error)) %", role: .series(only ?? 0),
            cursor: session.operatingPoint?.point.place, glyphs: glyphs)
        return .calibration(chart)
    }

    var thresholds: EvaluatePicture {
        let x = ChartAxis(label: "threshold", unit: .plain, range: 0...1)
        guard let only else {
            let series = classes.compactMap { index in
                OperatingCurve(detail, class: index).map {
                    curve(session.className(index), $0, .series(index)) { $0.f1 }
                }
            }
            guard !series.isEmpty else { return .nothing(undefined) }
            var chart = LineChart(series: series, x: x, y: fractions("F1"), glyphs: glyphs)
            chart.showsLastValues = false
            return .lines(chart)
        }
        guard let points = OperatingCurve(detail, class: only) else { return .nothing(undefined) }
        let costs = session.evaluate.costs
        let worst = points.points.map { $0.cost(costs) }.max() ?? 0
        var series = [
            curve(isBrief ? "prec." : "precision", points, .series(0)) { $0.precision },
            curve("recall", points, .series(1)) { $0.recall },
            curve("F1", points, .series(2)) { $0.f1 },
            curve(isBrief ? "spec." : "specificity", points, .series(3)) { $0.specificity },
        ]
        if worst > 0 {
            series.append(
                curve(isBrief ? "cost" : "cost, of \(Format.number(worst))", points, .series(5)) {
                    $0.cost(costs) / worst
                })
        }
        var chart = LineChart(series: series, x: x, y: fractions(""), glyphs: glyphs)
        chart.showsLastValues = false
        chart.marksPoints = false
        chart.marks = OperatingCurve.Best.allCases.map { best in
            ChartMark(x: points.points[points.best(best, costs)].place, label: best.rawValue, role: .good)
        }
        if let cursor = session.operatingPoint?.point { chart.cursor = cursor.place }
        return .lines(chart)
    }

    /// A measure over the thresholds, from the lowest up; where it is undefined it has no point.
    private func curve(
        _ name: String, _ curve: OperatingCurve, _ role: Role, _ measure: (OperatingPoint) -> Double?
    ) -> Series {
        var (x, y): ([Double], [Double]) = ([], [])
        // Below the lowest score everything is taken, as at it.
        if let last = curve.points.last, last.place > 0, let value = measure(last) {
            x.append(0)
            y.append(value)
        }
        for point in curve.points.reversed() where point.threshold.isFinite {
            guard let value = measure(point) else { continue }
            x.append(point.place)
            y.append(value)
        }
        return Series(name: name, x: x, y: y, role: role)
    }
}

extension EvaluationDetail {
    /// The bins of all classes put together: each probability of each example counts once.
    var pooledCalibration: [CalibrationCurve.Bin] {
        var sums: [Int: (count: Int, positives: Int, predicted: Double)] = [:]
        for bin in classes.flatMap(\.calibration.bins) {
            let sum = sums[bin.tenth, default: (0, 0, 0)]
            sums[bin.tenth] = (
                sum.count + bin.count, sum.positives + bin.positives,
                sum.predicted + bin.meanPredicted * Double(bin.count)
            )
        }
        return sums.sorted { $0.key < $1.key }.map { _, sum in
            CalibrationCurve.Bin(
                count: sum.count, positives: sum.positives, meanPredicted: sum.predicted / Double(sum.count))
        }
    }
}

/// Draws a chart of the shown evaluation in a pane.
func drawPicture(
    _ chart: EvaluateChart, _ detail: EvaluationDetail, _ session: OpenSession, _ rect: Rect, _ state: State,
    _ grid: inout Grid
) {
    switch picture(chart, detail, session, state.glyphs, columns: rect.columns) {
    case .lines(let lines): lines.draw(into: &grid, in: rect)
    case .calibration(let calibration): calibration.draw(into: &grid, in: rect)
    case .nothing(let text): drawMessage(text, rect, &grid)
    }
}

/// The shown chart as files: the curves as they are drawn, and of one class all that its thresholds are made of.
func saveEvaluation(_ session: OpenSession, _ state: State) -> [Command] {
    let shown = state.focusedPane.flatMap { EvaluateChart($0) } ?? session.evaluate.chart
    guard let evaluated = evaluation(session), let detail = evaluated.detail,
        let chart = picture(shown, detail, session, state.glyphs).line
    else { return [] }
    let classes = curveClasses(detail, session)
    let only = classes.count == 1 ? classes[0] : nil
    var csv = chart.csv()
    if let only, shown != .calibration, let curve = OperatingCurve(detail, class: only) {
        csv = curve.csv(session.evaluate.costs)
    } else if shown == .calibration, let only {
        csv = detail.classes[only].calibration.csv
    }
    let name = "\(session.name)-\(evaluated.split.rawValue)-\(shown.fileName)"
    let title =
        "\(session.name): \(shown.title.lowercased() == "roc" ? "ROC" : shown.title.lowercased()), "
        + (only.map { "\(session.className($0)), " } ?? "")
        + momentWords(evaluated, session)
    return [
        .save(
            name: only == nil ? name : "\(name)-class-\(only ?? 0)", csv: csv,
            svg: chart.svg(width: shown == .thresholds ? 960 : 640, height: 560, title: title))
    ]
}

extension OperatingCurve {
    /// A row a kept threshold; what is undefined is empty.
    func csv(_ costs: ErrorCosts) -> String {
        var rows = [
            "threshold,true positives,false positives,false negatives,true negatives,recall,false positive rate,"
                + "precision,F1,Youden,accuracy,cost"
        ]
        for point in points {
            let counts = [point.truePositives, point.falsePositives, point.falseNegatives, point.trueNegatives]
            let measures: [Double?] = [
                point.recall, 1 - point.specificity, point.precision, point.f1, point.youden, point.accuracy,
                point.cost(costs),
            ]
            rows.append(
                (["\(point.threshold)"] + counts.map(String.init) + measures.map { $0.map { "\($0)" } ?? "" })
                    .joined(separator: ","))
        }
        return rows.map { $0 + "\r\n" }.joined()
    }
}

extension CalibrationCurve {
    /// A row a bin, with the interval of how often it came true.
    fileprivate var csv: String {
        let rows = bins.map { bin in
            let range = bin.interval()
            return "\(bin.meanPredicted),\(bin.fractionPositive),\(range.low),\(range.high),\(bin.count)"
        }
        return (["predicted,came true,low,high,examples"] + rows).map { $0 + "\r\n" }.joined()
    }
}
