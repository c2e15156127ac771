// ClassReport: all measures of predicted classes, each with its interval.

/// A measure and how certain it is.
public struct Measure: Sendable, Equatable {
    /// Undefined is nil.
    public var value: Double?
    /// Nil where the value is, and where nothing can be said.
    public var interval: Interval?

    public init(_ value: Double?, _ interval: Interval?) {
        self.value = value
        self.interval = value == nil ? nil : interval
    }
}

/// The measures of a model that gives each class a probability, on examples that it has not seen.
public struct ClassReport: Sendable, Equatable {
    public var confusion: ConfusionMatrix
    /// Examples measured.
    public var examples: Int
    /// The level of all intervals.
    public var level: Double

    /// Fraction of right classes; Wilson's interval. The micro F1 is the same number.
    public var accuracy: Measure
    /// Mean recall of the classes. Its interval and those of the next five are from the posterior of the matrix's cells.
    public var balancedAccuracy: Measure
    public var macroPrecision: Measure
    public var macroF1: Measure
    public var weightedF1: Measure
    public var mcc: Measure
    public var cohenKappa: Measure
    /// Of two classes the area of the second's curve, of more the mean over the classes against all others; DeLong's interval.
    public var auc: Measure
    /// As ``auc``, of precision-recall curves; interval by the infinitesimal jackknife.
    public var averagePrecision: Measure
    /// Means over the examples; normal intervals.
    public var logLoss: Measure
    public var brier: Measure
    /// Of the most probable class, 15 bins.
    public var calibrationError: Measure
    /// Nil with five classes or fewer.
    public var topFive: Measure?
    public var perClass: [OfClass]

    /// One class against all others.
    public struct OfClass: Sendable, Equatable {
        public var support: Int
        /// Fractions of those that were taken for the class, and of those that are of it; Wilson's intervals.
        public var precision: Measure
        public var recall: Measure
        public var f1: Measure
        public var auc: Measure
        public var averagePrecision: Measure
    }

    /// - Parameters:
    ///   - probabilities: (examples, classes), row-major.
    ///   - labels: a class index an example; at least one.
    ///   - seed: of the draws of the confusion matrix: the same seed gives the same intervals.
    /// - Complexity: O(classes · n log n).
    public init(
        probabilities: [Float], labels: [Int32], classes: Int, level: Double = Interval.usualLevel, seed: UInt64 = 0
    ) {
        precondition(!labels.isEmpty && classes > 0, "no examples or no classes")
        let matrix = ConfusionMatrix(probabilities: probabilities, labels: labels, classes: classes)
        confusion = matrix
        examples = labels.count
        self.level = level
        let (supports, predictions, hits) = matrix.margins
        func fraction(_ part: Int, _ whole: Int) -> Measure {
            Measure(
                whole > 0 ? Double(part) / Double(whole) : nil, Interval.wilson(part, of: whole, level: level))
        }
        accuracy = fraction(hits.reduce(0, +), labels.count)
        let measured = ConfusionScores(matrix)
        let draws = ConfusionDraws(matrix, seed: seed)
        func drawn(_ measure: (ConfusionScores) -> Double?) -> Measure {
            let value = measure(measured)
            return Measure(value, draws.interval(value, level: level, measure))
        }
        balancedAccuracy = drawn(\.macroRecall)
        macroPrecision = drawn(\.macroPrecision)
        macroF1 = drawn(\.macroF1)
        weightedF1 = drawn(\.weightedF1)
        mcc = drawn(\.mcc)
        cohenKappa = drawn(\.cohenKappa)
        /// Of values that are never negative.
        func mean(_ values: [Double]) -> Measure {
            let interval = Interval.mean(of: values, level: level)
            return Measure(
                ProbabilityScores.mean(values), interval.map { Interval(low: max(0, $0.low), high: $0.high) })
        }
        logLoss = mean(ProbabilityScores.logLosses(probabilities, labels: labels, classes: classes))
        brier = mean(ProbabilityScores.brier(probabilities, labels: labels, classes: classes))
        let top = CalibrationCurve(
            topOf: probabilities, labels: labels, classes: classes, bins: EvaluationDetail.errorBins)
        calibrationError = Measure(top.expectedError, top.expectedErrorInterval(level: level))
        topFive =
            classes > 5
            ? fraction(ProbabilityScores.topHits(5, probabilities, labels: labels, classes: classes), labels.count)
            : nil
        let areas = RankedClasses(probabilities: probabilities, labels: labels, classes: classes)
        func area(_ estimate: AreaEstimate?) -> Measure { Measure(estimate?.auc, estimate?.interval(level: level)) }
        func precision(_ estimate: PrecisionEstimate?) -> Measure {
            Measure(estimate?.averagePrecision, estimate?.interval(level: level))
        }
        auc = area(classes == 2 ? areas.areas[1] : areas.macroArea)
        averagePrecision = precision(classes == 2 ? areas.precisions[1] : areas.macroPrecision)
        perClass = (0..<classes).map { k in
            OfClass(
                support: supports[k], precision: fraction(hits[k], predictions[k]),
                recall: fraction(hits[k], supports[k]),
                f1: Measure(
                    supports[k] + predictions[k] > 0 ? Double(2 * hits[k]) / Double(supports[k] + predictions[k]) : nil,
                    matrix.f1Interval(k, level: level)),
                auc: area(areas.areas[k]), averagePrecision: precision(areas.precisions[k]))
        }
    }
}

/// Areas and average precisions of each class against all others, and their means.
struct RankedClasses {
    private(set) var areas: [AreaEstimate?] = []
    private(set) var precisions: [PrecisionEstimate?] = []
    /// Nil where one of the classes has none.
    let macroArea: AreaEstimate?
    let macroPrecision: PrecisionEstimate?

    init(probabilities: [Float], labels: [Int32], classes: Int) {
        let count = labels.count
        var sums = [Double](repeating: 0, count: count)
        var precisionSums = sums
        var influences = sums
        let sorter = ScoreSorter(count: count)
        for k in 0..<classes {
            let counting = sorter.counting(
                class: k, of: classes, probabilities: probabilities, labels: labels, keepsCorners: true)
            let estimate = counting?.estimate
            areas.append(estimate)
            if let estimate {
                influences.withUnsafeMutableBufferPointer { sorter.writeInfluences(on: estimate, to: $0) }
                for row in 0..<count { sums[row] += influences[row] }
            }
            guard let average = counting?.averagePrecision else {
                precisions.append(nil)
                continue
            }
            let positives = labels.count { $0 == Int32(k) }
            influences.withUnsafeMutableBufferPointer {
                sorter.writePrecisionInfluences(positives: positives, to: $0)
            }
            for row in 0..<count { precisionSums[row] += influences[row] }
            precisions.append(
                PrecisionEstimate(
                    averagePrecision: average, squares: influences.reduce(0) { $0 + $1 * $1 }, count: count,
                    positives: [positives]))
        }
        macroArea = AreaEstimate.macro(areas, influences: sums, labels: labels)
        let defined = precisions.compactMap { $0 }
        guard defined.count == classes else {
            macroPrecision = nil
            return
        }
        let number = Double(classes)
        macroPrecision = PrecisionEstimate(
            averagePrecision: defined.reduce(0) { $0 + $1.averagePrecision } / number,
            squares: precisionSums.reduce(0) { $0 + $1 * $1 } / (number * number), count: count,
            positives: defined.flatMap(\.positives))
    }
}

extension ClassReport {
    /// The area under the ROC curve: of the second of two classes, with more the mean over each against the rest; nil where it is
    /// undefined.
    public static func area(probabilities: [Float], labels: [Int32], classes: Int) -> Double? {
        let areas = RankedClasses(probabilities: probabilities, labels: labels, classes: classes)
        return (classes == 2 ? areas.areas[1] : areas.macroArea)?.auc
    }
}
