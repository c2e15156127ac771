// ChartExport: the charts of a session as pictures, without a screen.

import Charts
import Engine
import Experiments
import Foundation

/// A chart that a session does not have.
public enum ChartExportError: Error, Equatable, CustomStringConvertible {
    case unknown(chart: String, path: String, known: [String])

    public var description: String {
        switch self {
        case .unknown(let chart, let path, let known):
            known.isEmpty
                ? "\(path) has nothing to draw yet."
                : "\(path) has no chart \(sanitised(String(chart.prefix(32)))); it has \(known.joined(separator: ", "))."
        }
    }
}

/// Charts of a session as SVG 1.1, drawn of what its last events say.
public enum ChartExport {
    /// The charts that the session at `path` has: of `loss`, `accuracy`, `rmse`, `mae`, `r2`, `rate`, `roc`, `pr`, `calibration`,
    /// `confusion`, `weights`, `scatter`, `residuals`, `folds`, `variants` those that there is something to draw of.
    /// - Throws: ``SessionError``.
    public static func names(session path: String) throws -> [String] {
        let sheet = try ChartSheet(session: path)
        return ChartSheet.all.compactMap { name, draw in draw(sheet) == nil ? nil : name }
    }

    /// The chart as a complete document in UTF-8.
    /// - Throws: ``SessionError``, ``ChartExportError``.
    public static func svg(session path: String, chart: String) throws -> Data {
        let sheet = try ChartSheet(session: path)
        guard let svg = ChartSheet.all.first(where: { $0.name == chart })?.draw(sheet) else {
            let known = ChartSheet.all.filter { $0.draw(sheet) != nil }.map(\.name)
            throw ChartExportError.unknown(chart: chart, path: path, known: known)
        }
        return Data(svg.utf8)
    }
}

/// What is drawn of a session. Each chart is nil where there is nothing to draw.
private struct ChartSheet {
    let name: String
    let run: RunState
    /// On the test split where that was measured, else on the watched one.
    let evaluated: RunEvent.Evaluated?

    static let all: [(name: String, draw: @Sendable (ChartSheet) -> String?)] = [
        ("loss", { $0.metric("loss", unit: .plain) }), ("accuracy", { $0.metric("accuracy", unit: .fraction) }),
        ("rmse", { $0.metric("rmse", unit: .plain) }), ("mae", { $0.metric("mae", unit: .plain) }),
        ("r2", { $0.metric("r2", unit: .plain) }), ("rate", { $0.rate }), ("roc", { $0.roc }),
        ("pr", { $0.precisionRecall }), ("calibration", { $0.calibration }), ("confusion", { $0.confusion }),
        ("weights", { $0.weights }), ("scatter", { $0.scatter }), ("residuals", { $0.residuals }),
        ("folds", { $0.folds }), ("variants", { $0.variants }),
    ]

    init(session path: String) throws {
        let reader = try SessionReader(path: path)
        defer { reader.close() }
        name = reader.info.name
        run = RunState(try reader.runEvents())
        evaluated = run.evaluations[.test] ?? run.evaluations[.validation] ?? run.evaluations[.train]
    }

    private func svg(_ chart: LineChart, _ title: String, width: Int = 640, height: Int = 560) -> String {
        chart.svg(width: width, height: height, title: "\(name): \(title)")
    }

    /// Where and when it was measured.
    private func moment(_ evaluated: RunEvent.Evaluated) -> String {
        "\(evaluated.split.rawValue) split, step \(Format.count(evaluated.step))"
    }

    // MARK: Over the run

    private func metric(_ metric: String, unit: AxisUnit) -> String? {
        let splits: [Split] = [.train, .validation, .test]
        let series = splits.enumerated().compactMap { index, split in
            run.curves["\(split.rawValue)/\(metric)"].map {
                Series(name: split.rawValue, x: $0.steps.map(Double.init), y: $0.values, role: .series(index))
            }
        }
        return overSteps(series, unit: unit, title: metric)
    }

    private var rate: String? {
        run.curves["learning_rate"].flatMap {
            overSteps(
                [Series(name: "learning rate", x: $0.steps.map(Double.init), y: $0.values, role: .series(0))],
                unit: .plain, title: "learning rate")
        }
    }

    private func overSteps(_ series: [Series], unit: AxisUnit, title: String) -> String? {
        guard !series.isEmpty else { return nil }
        var chart = LineChart(
            series: series, x: ChartAxis(label: "step", unit: .steps), y: ChartAxis(label: "", unit: unit),
            glyphs: .braille)
        if let best = run.bestCheckpoint {
            chart.marks = [ChartMark(x: Double(best.step), label: "best", role: .good)]
        }
        return svg(chart, title, width: 960, height: 480)
    }

    // MARK: Classes

    private func className(_ index: Int) -> String {
        guard let classes = run.head?.classes, classes.indices.contains(index) else { return "\(index)" }
        return classes[index]
    }

    /// Two classes mirror each other, so one says all.
    private func classes(_ detail: EvaluationDetail) -> [Int] {
        detail.roc.count == 2 ? [1] : Array(detail.roc.indices)
    }

    private func fractions(_ label: String) -> ChartAxis { ChartAxis(label: label, unit: .fraction, range: 0...1) }

    private func squares(_ series: [Series], x: String, y: String, diagonal: Bool, _ title: String) -> String? {
        guard !series.isEmpty else { return nil }
        var chart = LineChart(series: series, x: fractions(x), y: fractions(y), glyphs: .braille)
        chart.diagonal = diagonal
        chart.showsLastValues = false
        chart.marksPoints = false
        return svg(chart, title)
    }

    private var roc: String? {
        guard let evaluated, let detail = evaluated.detail else { return nil }
        let series = classes(detail).compactMap { index -> Series? in
            let curve = detail.roc[index]
            guard let area = curve.auc else { return nil }
            return Series(
                name: "\(className(index)) \(Format.number(area))", x: curve.falsePositiveRates,
                y: curve.truePositiveRates, role: .series(index))
        }
        return squares(
            series, x: "false positive rate", y: "true positive rate", diagonal: true, "ROC, \(moment(evaluated))")
    }

    private var precisionRecall: String? {
        guard let evaluated, let detail = evaluated.detail else { return nil }
        let total = detail.confusion.joined().reduce(0, +)
        let series = classes(detail).compactMap { index -> Series? in
            let positives = detail.confusion[index].reduce(0, +)
            let curve = PrecisionRecallCurve(
                detail.roc[index], positives: positives, negatives: total - positives)
            guard curve.count > 1 else { return nil }
            let steps = curve.steps
            let area = detail.classes.indices.contains(index) ? detail.classes[index].averagePrecision : nil
            return Series(
                name: className(index) + (area.map { " \(Format.number($0))" } ?? ""), x: steps.recalls,
                y: steps.precisions,
                role: .series(index))
        }
        return squares(
            series, x: "recall", y: "precision", diagonal: false, "precision-recall, \(moment(evaluated))")
    }

    /// Of the second of two classes; of more all together: each probability of each example counts once.
    private var calibration: String? {
        guard let evaluated, let detail = evaluated.detail else { return nil }
        let only = detail.roc.count == 2 && detail.classes.count == 2 ? detail.classes[1].calibration.bins : nil
        let bins = (only ?? detail.pooledCalibration).filter { $0.count > 0 }
        guard !bins.isEmpty else { return nil }
        let shown = bins.map { bin in
            let range = bin.interval()
            return CalibrationChart.Bin(
                predicted: bin.meanPredicted, observed: bin.fractionPositive, low: range.low, high: range.high,
                count: bin.count)
        }
        let chart = CalibrationChart(
            bins: shown, name: only == nil ? "all classes" : className(1), role: .series(only == nil ? 0 : 1),
            glyphs: .braille)
        return svg(chart.line, "calibration, \(moment(evaluated))")
    }

    private var confusion: String? {
        guard let evaluated, let detail = evaluated.detail, !detail.confusion.isEmpty else { return nil }
        return ConfusionChart(
            counts: detail.confusion, names: detail.confusion.indices.map(className), glyphs: .braille
        ).svg(title: "\(name): confusion, \(moment(evaluated))")
    }

    // MARK: Weights

    private var weights: String? {
        guard let newest = run.weightHistograms.last, !newest.histograms.isEmpty else { return nil }
        let panels = newest.histograms.map {
            HistogramSheet.Panel(
                name: $0.name, note: "mean \(Format.number($0.mean)), deviation \(Format.number($0.deviation))",
                range: min($0.low, $0.high)...max($0.low, $0.high), counts: $0.counts)
        }
        return HistogramSheet(panels: panels).svg(title: "\(name): weights, step \(Format.count(newest.step))")
    }

    // MARK: Numbers

    private var scatter: String? {
        guard let evaluated, let detail = evaluated.regression else { return nil }
        let pairs = detail.pairs.map { (truth: Double($0.truth), prediction: Double($0.prediction)) }
        let ends = pairs.flatMap { [$0.truth, $0.prediction] }.filter(\.isFinite)
        let diagonal = [ends.min() ?? 0, ends.max() ?? 1]
        var chart = LineChart(
            series: [
                Series(name: "exact", x: diagonal, y: diagonal, role: .dim),
                Series(
                    name: "predictions", x: pairs.map(\.truth), y: pairs.map(\.prediction), role: .series(0),
                    kind: .points),
            ], x: ChartAxis(label: "true \(target)", unit: .plain), y: ChartAxis(label: "predicted", unit: .plain),
            glyphs: .braille)
        chart.showsLastValues = false
        return svg(chart, "predictions, \(moment(evaluated))")
    }

    private var residuals: String? {
        guard let evaluated, let detail = evaluated.regression, !detail.residuals.isEmpty else { return nil }
        let reach = detail.reach > 0 ? detail.reach : 1
        let panel = HistogramSheet.Panel(
            name: "true - predicted \(target)", note: moment(evaluated), range: -reach...reach,
            counts: detail.residuals)
        return HistogramSheet(panels: [panel]).svg(title: "\(name): residuals, \(moment(evaluated))")
    }

    private var target: String { run.head?.target ?? "value" }

    // MARK: Folds and variants

    private var folds: String? {
        let isRegression = run.head?.target != nil
        let metric = isRegression ? "test/rmse" : "test/accuracy"
        let series = run.folds.compactMap { fold -> Series? in
            guard let curve = fold.curves[metric], curve.count > 0 else { return nil }
            return Series(
                name: "fold \(fold.fold)", x: (1...curve.count).map(Double.init), y: curve.values,
                role: .series(fold.fold - 1))
        }
        guard !series.isEmpty else { return nil }
        let chart = LineChart(
            series: series, x: ChartAxis(label: "epoch", unit: .epochs),
            y: ChartAxis(label: "", unit: isRegression ? .plain : .fraction), glyphs: .braille)
        return svg(chart, "\(isRegression ? "RMSE" : "accuracy") on each fold's own examples", width: 960, height: 480)
    }

    /// Each variant a point, and a line through those that none beats.
    private var variants: String? {
        let lines = run.variants.shown
        guard !lines.isEmpty else { return nil }
        let points = lines.map {
            ParetoChart.Point(name: $0.variant, cost: Double($0.bytes) / 1024, worth: $0.accuracy)
        }
        let front = ParetoChart(
            points: points, costLabel: "", worthLabel: "", lessWord: "", glyphs: .braille
        ).front
        var series = [
            Series(name: "none better", x: front.map { points[$0].cost }, y: front.map { points[$0].worth }, role: .dim)
        ]
        for (index, point) in points.enumerated() {
            series.append(
                Series(name: point.name, x: [point.cost], y: [point.worth], role: .series(index), kind: .points))
        }
        let worths = points.map(\.worth).filter(\.isFinite)
        let (low, high) = (worths.min() ?? 0, worths.max() ?? 1)
        let margin = max((high - low) * 0.06, 1e-3)
        let chart = LineChart(
            series: series,
            x: ChartAxis(label: "KiB", unit: .plain, range: 0...max(1, (points.map(\.cost).max() ?? 1) * 1.05)),
            y: ChartAxis(label: "accuracy", unit: .fraction, range: (low - margin)...(high + margin)),
            glyphs: .braille)
        return svg(chart, "accuracy over size", width: 960, height: 560)
    }
}
