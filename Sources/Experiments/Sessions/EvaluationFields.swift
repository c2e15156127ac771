// EvaluationFields: the fields of an `evaluated` line that hold a confusion matrix, ROC curves, measures of probabilities,
// errors of numbers, and weight histograms.

import Engine

extension EventLine {
    /// Most classes of a line that is read; more are not written either.
    private static let mostClasses = 1_000
    /// Most pairs of predicted and true numbers of a line that is read; more are not written either.
    private static let mostPairs = RegressionDetail.maximumPairs
    /// Most bins of a calibration curve that is read.
    private static let mostBins = 100
    /// Counts beyond this would overflow when a screen adds them.
    private static let counts = 0...Int(Int32.max)

    static func add(_ detail: EvaluationDetail, to line: inout JSONText) {
        line.add("confusion", detail.confusion.flatMap { $0 })
        line.add("auc", detail.roc.map { $0.auc ?? .nan })
        for (index, curve) in detail.roc.enumerated() {
            line.add("roc/\(index)", zip(curve.falsePositiveRates, curve.truePositiveRates).flatMap { [$0, $1] })
            line.add("thresholds/\(index)", curve.thresholds)
        }
        if !detail.classes.isEmpty { add(detail.classes, to: &line) }
        if let summary = detail.summary { add(summary, to: &line) }
    }

    private static func add(_ classes: [EvaluationDetail.ClassDetail], to line: inout JSONText) {
        line.add("average_precision", classes.map { $0.averagePrecision ?? .nan })
        line.add("auc_low", classes.map { $0.aucLow ?? .nan })
        line.add("auc_high", classes.map { $0.aucHigh ?? .nan })
        for (index, detail) in classes.enumerated() where !detail.calibration.bins.isEmpty {
            let bins = detail.calibration.bins.map {
                "\($0.count),\($0.positives),\(JSONText.number($0.meanPredicted))"
            }
            line.add("calibration/\(index)", raw: "[\(bins.joined(separator: ","))]")
        }
    }

    private static func add(_ summary: EvaluationDetail.Summary, to line: inout JSONText) {
        line.add("log_loss", summary.logLoss)
        line.add("brier", summary.brier)
        line.add("calibration_error", summary.calibrationError)
        if let topFive = summary.topFive { line.add("top_5_accuracy", topFive) }
        guard let area = summary.macroAUC else { return }
        line.add("macro_auc", area)
        if let low = summary.macroAUCLow { line.add("macro_auc_low", low) }
        if let high = summary.macroAUCHigh { line.add("macro_auc_high", high) }
    }

    static func add(_ regression: RegressionDetail, to line: inout JSONText) {
        // As short as a 32-bit number can be: a pair takes half the bytes of two doubles.
        func text(_ value: Float) -> String { value.isFinite ? value.description : JSONText.number(Double(value)) }
        func list(_ texts: [String]) -> String { "[\(texts.joined(separator: ","))]" }
        line.add("examples", regression.scores.count)
        line.add("pairs", raw: list(regression.pairs.flatMap { [text($0.truth), text($0.prediction)] }))
        line.add(
            "residuals", raw: list([JSONText.number(regression.reach)] + regression.residuals.map(String.init)))
        line.add(
            "largest",
            raw: list(
                regression.largest.flatMap { ["\($0.index)", text($0.pair.truth), text($0.pair.prediction)] }))
    }

    static func add(_ weights: [WeightHistogram], to line: inout JSONText) {
        for weight in weights {
            let numbers = [weight.low, weight.high, weight.mean, weight.deviation].map(JSONText.number)
            line.add(
                "weights/\(weight.name)",
                raw: "[\((numbers + weight.counts.map(String.init)).joined(separator: ","))]")
        }
    }

    /// The detail of an `evaluated` line; nil where it has none.
    static func detail(from fields: LineFields) throws(EventLineError) -> EvaluationDetail? {
        guard fields.has("confusion") else { return nil }
        let areas = try fields.doubles("auc")
        guard areas.count <= mostClasses else {
            throw fields.wrong("auc", "a number for each of 1,000 classes or fewer")
        }
        guard areas.allSatisfy({ $0.isNaN || (0...1).contains($0) }) else {
            throw fields.wrong("auc", "numbers from 0 to 1")
        }
        let flat = try fields.integers("confusion")
        guard flat.count == areas.count * areas.count, flat.allSatisfy(counts.contains) else {
            throw fields.wrong("confusion", "\(areas.count) x \(areas.count) counts")
        }
        var curves: [ROCCurve] = []
        for (index, area) in areas.enumerated() {
            curves.append(try curve(index, area: area.isNaN ? nil : area, from: fields))
        }
        let rows = areas.indices.map { Array(flat[$0 * areas.count..<($0 + 1) * areas.count]) }
        return EvaluationDetail(
            confusion: rows, roc: curves, classes: try classes(areas.count, from: fields),
            summary: try summary(from: fields))
    }

    /// What an `evaluated` line says of each of `count` classes; empty in lines of earlier versions.
    private static func classes(
        _ count: Int, from fields: LineFields
    ) throws(EventLineError) -> [EvaluationDetail.ClassDetail] {
        guard fields.has("average_precision") else { return [] }
        func column(_ field: String) throws(EventLineError) -> [Double?] {
            let numbers = try fields.doubles(field)
            guard numbers.count == count, numbers.allSatisfy({ $0.isNaN || (0...1).contains($0) }) else {
                throw fields.wrong(field, "a number from 0 to 1 a class")
            }
            return numbers.map { $0.isNaN ? nil : $0 }
        }
        let (precisions, lows, highs) = (
            try column("average_precision"), try column("auc_low"), try column("auc_high")
        )
        var details: [EvaluationDetail.ClassDetail] = []
        for index in 0..<count {
            guard (lows[index] == nil) == (highs[index] == nil), lows[index] ?? 0 <= highs[index] ?? 0 else {
                throw fields.wrong("auc_high", "a number a class that is not below that of auc_low")
            }
            details.append(
                EvaluationDetail.ClassDetail(
                    averagePrecision: precisions[index], aucLow: lows[index], aucHigh: highs[index],
                    calibration: try calibration(index, from: fields)))
        }
        return details
    }

    private static func calibration(_ index: Int, from fields: LineFields) throws(EventLineError) -> CalibrationCurve {
        let field = "calibration/\(index)"
        guard fields.has(field) else { return .empty }
        let numbers = try fields.doubles(field)
        let expected = "count, positives and mean probability of each bin, \(mostBins) bins at most"
        guard numbers.count % 3 == 0, numbers.count <= mostBins * 3 else { throw fields.wrong(field, expected) }
        var bins: [CalibrationCurve.Bin] = []
        for first in stride(from: 0, to: numbers.count, by: 3) {
            let (count, positives, mean) = (numbers[first], numbers[first + 1], numbers[first + 2])
            guard (1...Double(counts.upperBound)).contains(count), count == count.rounded(),
                (0...count).contains(positives), positives == positives.rounded(), (0...1).contains(mean),
                bins.last.map({ $0.meanPredicted <= mean }) ?? true
            else { throw fields.wrong(field, expected) }
            bins.append(CalibrationCurve.Bin(count: Int(count), positives: Int(positives), meanPredicted: mean))
        }
        return CalibrationCurve(bins: bins)
    }

    /// The measures over all classes of an `evaluated` line; nil in lines of earlier versions.
    private static func summary(from fields: LineFields) throws(EventLineError) -> EvaluationDetail.Summary? {
        guard fields.has("log_loss") else { return nil }
        /// NaN is what a network that gives no numbers has.
        func measure(_ field: String, most: Double) throws(EventLineError) -> Double {
            let number = try fields.double(field)
            guard number.isNaN || (0...most).contains(number) else {
                throw fields.wrong(field, most == .infinity ? "a number, 0 or more" : "a number from 0 to \(Int(most))")
            }
            return number
        }
        func fraction(_ field: String) throws(EventLineError) -> Double? {
            guard fields.has(field) else { return nil }
            let number = try fields.double(field)
            guard (0...1).contains(number) else { throw fields.wrong(field, "a number from 0 to 1") }
            return number
        }
        let (area, low, high) = (
            try fraction("macro_auc"), try fraction("macro_auc_low"), try fraction("macro_auc_high")
        )
        if let low, let high, low > high { throw fields.wrong("macro_auc_high", "a number not below macro_auc_low") }
        return EvaluationDetail.Summary(
            logLoss: try measure("log_loss", most: .infinity), brier: try measure("brier", most: 2),
            calibrationError: try measure("calibration_error", most: 1), topFive: try fraction("top_5_accuracy"),
            macroAUC: area, macroAUCLow: area == nil ? nil : low, macroAUCHigh: area == nil ? nil : high)
    }

    /// The errors of predicted numbers of an `evaluated` line; nil where it has none.
    static func regression(
        of split: Split, from fields: LineFields
    ) throws(EventLineError) -> RegressionDetail? {
        func name(_ measure: String) -> String { "\(split.rawValue)/\(measure)" }
        guard fields.has(name("rmse")) else { return nil }
        let scores = RegressionScores(
            count: try fields.integer("examples", in: 1...counts.upperBound), mae: try fields.double(name("mae")),
            rmse: try fields.double(name("rmse")), r2: fields.has(name("r2")) ? try fields.double(name("r2")) : nil)
        let numbers = try fields.doubles("pairs")
        guard numbers.count % 2 == 0, numbers.count <= mostPairs * 2 else {
            throw fields.wrong("pairs", "pairs of numbers, \(mostPairs) at most")
        }
        let pairs = stride(from: 0, to: numbers.count, by: 2).map {
            RegressionDetail.Pair(truth: Float(numbers[$0]), prediction: Float(numbers[$0 + 1]))
        }
        let bins = try fields.doubles("residuals")
        guard let reach = bins.first, reach.isFinite, reach >= 0, (2...1 + mostClasses).contains(bins.count),
            bins.dropFirst().allSatisfy({ $0 >= 0 && $0 <= Double(counts.upperBound) && $0 == $0.rounded() })
        else { throw fields.wrong("residuals", "the largest residual and the counts of the bins") }
        let worst = try fields.doubles("largest")
        guard worst.count % 3 == 0, worst.count <= mostPairs * 3,
            stride(from: 0, to: worst.count, by: 3).allSatisfy({
                worst[$0] >= 0 && worst[$0] <= Double(counts.upperBound) && worst[$0] == worst[$0].rounded()
            })
        else { throw fields.wrong("largest", "place, truth and prediction of examples") }
        return RegressionDetail(
            scores: scores, pairs: pairs, reach: reach, residuals: bins.dropFirst().map { Int($0) },
            largest: stride(from: 0, to: worst.count, by: 3).map {
                RegressionDetail.Miss(
                    index: Int(worst[$0]),
                    pair: RegressionDetail.Pair(truth: Float(worst[$0 + 1]), prediction: Float(worst[$0 + 2])))
            })
    }

    private static func curve(_ index: Int, area: Double?, from fields: LineFields) throws(EventLineError) -> ROCCurve {
        let points = try fields.doubles("roc/\(index)")
        guard points.count % 2 == 0, points.allSatisfy({ (0...1).contains($0) }) else {
            throw fields.wrong("roc/\(index)", "pairs of numbers from 0 to 1")
        }
        let thresholds = try fields.doubles("thresholds/\(index)")
        guard thresholds.count * 2 == points.count, !thresholds.contains(where: \.isNaN) else {
            throw fields.wrong("thresholds/\(index)", "a number a point")
        }
        return ROCCurve(
            falsePositiveRates: stride(from: 0, to: points.count, by: 2).map { points[$0] },
            truePositiveRates: stride(from: 1, to: points.count, by: 2).map { points[$0] },
            thresholds: thresholds, auc: area)
    }

    /// The histograms of an `evaluated` line, in its order.
    static func weights(from fields: LineFields) throws(EventLineError) -> [WeightHistogram] {
        var weights: [WeightHistogram] = []
        for field in fields.names where field.hasPrefix("weights/") {
            let numbers = try fields.doubles(field)
            let bins = numbers.dropFirst(4)
            guard !bins.isEmpty, numbers.prefix(4).allSatisfy(\.isFinite), numbers[0] <= numbers[1],
                bins.allSatisfy({ $0 >= 0 && $0 <= Double(counts.upperBound) && $0 == $0.rounded() })
            else { throw fields.wrong(field, "low, high, mean, deviation and the counts of the bins") }
            weights.append(
                WeightHistogram(
                    name: String(field.dropFirst("weights/".count)), low: numbers[0], high: numbers[1],
                    counts: bins.map { Int($0) }, mean: numbers[2], deviation: numbers[3]))
        }
        return weights
    }
}
