// EvaluationRaster: curves and confusion matrix of an evaluation as small pictures of pixels.
import Engine

enum EvaluationRaster {
    private static let side = 400
    private static let left = 34
    private static let top = 14

    /// One curve a class.
    static func roc(_ detail: EvaluationDetail) -> Raster {
        var raster = frame(0...1, 0...1)
        raster.line(left, top + side, left + side, top, Raster.grey, isDotted: true)
        for (index, curve) in detail.roc.enumerated() {
            draw(curve.falsePositiveRates, curve.truePositiveRates, index, &raster)
        }
        return raster
    }

    /// One curve a class.
    static func precisionRecall(_ detail: EvaluationDetail) -> Raster {
        var raster = frame(0...1, 0...1)
        let total = detail.confusion.joined().reduce(0, +)
        for (index, roc) in detail.roc.enumerated() {
            let positives = detail.confusion[index].reduce(0, +)
            let curve = PrecisionRecallCurve(roc, positives: positives, negatives: total - positives)
            let steps = curve.steps
            draw(steps.recalls, steps.precisions, index, &raster)
        }
        return raster
    }

    /// Predictions over truth.
    static func predictions(_ pairs: [RegressionDetail.Pair]) -> Raster {
        let finite = pairs.filter { $0.truth.isFinite && $0.prediction.isFinite }
        let values = finite.flatMap { [Double($0.truth), Double($0.prediction)] }
        let low = values.min() ?? 0
        let high = max(values.max() ?? 1, low + max(1e-12, abs(low) * 1e-6))
        var raster = frame(low...high, low...high)
        raster.line(left, top + side, left + side, top, Raster.grey, isDotted: true)
        func place(_ value: Float) -> Int { Int(((Double(value) - low) / (high - low) * Double(side)).rounded()) }
        for pair in finite {
            raster.fill(
                x: left + place(pair.truth) - 1, y: top + side - place(pair.prediction) - 1, width: 3, height: 3,
                Raster.series[0])
        }
        return raster
    }

    /// A row a true class, a column a predicted one; as on paper, blue is right, red is wrong.
    static func confusion(_ counts: [[Int]]) -> Raster {
        let digits = counts.joined().map { Raster.textWidth("\($0)") }.max() ?? 0
        let isWritten = counts.count <= 30 && digits <= 60
        let cell = isWritten ? max(24, digits + 8) : max(4, 600 / max(1, counts.count))
        let margin = 30
        var raster = Raster(width: margin + cell * counts.count + 10, height: margin + cell * counts.count + 10)
        for (row, line) in counts.enumerated() {
            let sum = Double(line.reduce(0, +))
            if isWritten {
                raster.digits("\(row)", x: 4, y: margin + row * cell + (cell - Raster.textHeight) / 2, Raster.black)
                raster.digits(
                    "\(row)", x: margin + row * cell + (cell - Raster.textWidth("\(row)")) / 2, y: 12, Raster.black)
            }
            for (column, count) in line.enumerated() {
                let share = sum > 0 ? Double(count) / sum : 0
                let full: [Double] = row == column ? [0, 114, 178] : [192, 57, 45]
                let part = count > 0 ? 0.08 + 0.92 * share : 0
                let mixed = full.map { UInt8((247 + ($0 - 247) * part).rounded()) }
                let (x, y) = (margin + column * cell, margin + row * cell)
                raster.fill(x: x, y: y, width: cell - 1, height: cell - 1, (mixed[0], mixed[1], mixed[2]))
                guard isWritten else { continue }
                raster.digits(
                    "\(count)", x: x + (cell - 1 - Raster.textWidth("\(count)")) / 2,
                    y: y + (cell - Raster.textHeight) / 2, share > 0.55 ? (255, 255, 255) : Raster.black)
            }
        }
        return raster
    }

    private static func frame(_ x: ClosedRange<Double>, _ y: ClosedRange<Double>) -> Raster {
        var raster = Raster(width: left + side + 20, height: top + side + 24)
        for tenth in 0...10 {
            let place = side * tenth / 10
            let isEnd = tenth % 5 == 0
            raster.line(left - (isEnd ? 5 : 2), top + side - place, left, top + side - place, Raster.grey)
            raster.line(left + place, top + side, left + place, top + side + (isEnd ? 5 : 2), Raster.grey)
            guard isEnd else { continue }
            func text(_ range: ClosedRange<Double>) -> String {
                let value = range.lowerBound + (range.upperBound - range.lowerBound) * Double(tenth) / 10
                let text = "\((value * 10).rounded() / 10)"
                return text.count > 5 ? String(text.prefix { $0 != "." }.prefix(5)) : text
            }
            let (below, beside) = (text(x), text(y))
            raster.digits(
                below, x: left + place - Raster.textWidth(below) / 2, y: top + side + 8, Raster.black)
            raster.digits(
                beside, x: max(0, left - 8 - Raster.textWidth(beside)),
                y: top + side - place - Raster.textHeight / 2, Raster.black)
        }
        raster.line(left, top, left, top + side, Raster.grey)
        raster.line(left, top + side, left + side, top + side, Raster.grey)
        return raster
    }

    /// Points of fractions, joined.
    private static func draw(_ x: [Double], _ y: [Double], _ index: Int, _ raster: inout Raster) {
        func place(_ value: Double) -> Int { Int((min(max(value, 0), 1) * Double(side)).rounded()) }
        for point in x.indices.dropFirst() where (x[point] + y[point] + x[point - 1] + y[point - 1]).isFinite {
            raster.line(
                left + place(x[point - 1]), top + side - place(y[point - 1]), left + place(x[point]),
                top + side - place(y[point]), Raster.series[index % Raster.series.count], thickness: 2)
        }
    }
}
