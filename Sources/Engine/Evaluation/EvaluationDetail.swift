// EvaluationDetail: what a screen shows of an evaluation beside loss and accuracy, small enough to be a part of its event.

/// The confusion matrix, the ROC curves and the measures of probabilities of one evaluation.
public struct EvaluationDetail: Sendable, Equatable {
    /// Examples by true class (row) and predicted class (column).
    public var confusion: [[Int]]
    /// One curve a class, each class against all others: at most ``maximumPoints(classes:)`` points, rates rounded to 4
    /// decimals, thresholds to 6; the areas are exact.
    public var roc: [ROCCurve]
    /// What else there is to say of each class against all others; empty in sessions of earlier versions.
    public var classes: [ClassDetail]
    /// Measures over all classes; nil in sessions of earlier versions.
    public var summary: Summary?

    /// One class against all others. Undefined is nil. Rounded to 5 decimals.
    public struct ClassDetail: Sendable, Equatable {
        /// Area under the steps of the precision-recall curve; nil when the class has no examples.
        public var averagePrecision: Double?
        /// Interval of the area under the ROC curve, at ``Interval/usualLevel``; nil where the area is.
        public var aucLow: Double?
        public var aucHigh: Double?
        /// ``calibrationBins`` bins; empty with more than ``maximumCalibratedClasses`` classes.
        public var calibration: CalibrationCurve

        public init(
            averagePrecision: Double? = nil, aucLow: Double? = nil, aucHigh: Double? = nil,
            calibration: CalibrationCurve = .empty
        ) {
            self.averagePrecision = averagePrecision
            self.aucLow = aucLow
            self.aucHigh = aucHigh
            self.calibration = calibration
        }
    }

    /// Measures over all classes, rounded to 6 decimals.
    public struct Summary: Sendable, Equatable {
        /// Mean of ``ProbabilityScores/logLosses(_:labels:classes:)``.
        public var logLoss: Double
        /// Mean of ``ProbabilityScores/brier(_:labels:classes:)``.
        public var brier: Double
        /// Expected calibration error of the most probable class, ``errorBins`` bins.
        public var calibrationError: Double
        /// Fraction of examples whose class is among the five most probable; nil with five classes or fewer.
        public var topFive: Double?
        /// Mean area under the ROC curves with its interval at ``Interval/usualLevel``; nil where one of the areas is undefined.
        public var macroAUC: Double?
        public var macroAUCLow: Double?
        public var macroAUCHigh: Double?

        public init(
            logLoss: Double, brier: Double, calibrationError: Double, topFive: Double? = nil, macroAUC: Double? = nil,
            macroAUCLow: Double? = nil, macroAUCHigh: Double? = nil
        ) {
            self.logLoss = logLoss
            self.brier = brier
            self.calibrationError = calibrationError
            self.topFive = topFive
            self.macroAUC = macroAUC
            self.macroAUCLow = macroAUCLow
            self.macroAUCHigh = macroAUCHigh
        }
    }

    public init(confusion: [[Int]], roc: [ROCCurve], classes: [ClassDetail] = [], summary: Summary? = nil) {
        precondition(
            confusion.count == roc.count && confusion.allSatisfy { $0.count == roc.count },
            "\(confusion.count) rows, \(roc.count) curves")
        precondition(classes.isEmpty || classes.count == roc.count, "\(classes.count) classes, \(roc.count) curves")
        self.confusion = confusion
        self.roc = roc
        self.classes = classes
        self.summary = summary
    }

    /// More classes have no detail: an event would be as large as a checkpoint.
    public static let maximumClasses = 100
    /// More classes have no calibration curves.
    public static let maximumCalibratedClasses = 20
    /// Bins of a class's calibration curve.
    public static let calibrationBins = 10
    /// Bins of the calibration error (Guo et al. 2017 use as many).
    public static let errorBins = 15

    /// Points of a curve: 40 for up to 20 classes, fewer for more, so that all curves together stay below 1,200.
    public static func maximumPoints(classes: Int) -> Int { classes <= 20 ? 40 : max(12, 800 / classes) }

    /// The detail of `inference`; nil without examples and with more than ``maximumClasses`` classes.
    /// - Parameter each: calls what it is given with 0, 1, … below a count, in any order, on threads of its choice, and
    ///   returns when all calls have.
    /// - Complexity: O(classes · n log n): 4 ms on one thread for 10,000 examples of 10 classes.
    public init?(
        _ inference: Inference, classes: Int,
        each: (_ count: Int, _ body: @escaping (Int) -> Void) -> Void = { count, body in
            for index in 0..<count { body(index) }
        }
    ) {
        guard !inference.labels.isEmpty, (1...Self.maximumClasses).contains(classes) else { return nil }
        let (probabilities, labels) = (inference.probabilities, inference.labels)
        confusion = ConfusionMatrix(probabilities: probabilities, labels: labels, classes: classes).rows
        let points = Self.maximumPoints(classes: classes)
        let areas = OneVersusRest(probabilities: probabilities, labels: labels, classes: classes, each: each) {
            $0.curve.simplified(maximumPoints: points).rounded(places: 4, thresholdPlaces: 6)
        }
        roc = areas.curves
        self.classes = (0..<classes).map { k in
            let interval = areas.estimates[k]?.interval()
            return ClassDetail(
                averagePrecision: areas.averagePrecisions[k]?.rounded(places: 5),
                aucLow: interval?.low.rounded(places: 5), aucHigh: interval?.high.rounded(places: 5),
                calibration: classes > Self.maximumCalibratedClasses
                    ? .empty
                    : CalibrationCurve(
                        class: k, of: classes, probabilities: probabilities, labels: labels, bins: Self.calibrationBins
                    ).rounded(places: 4))
        }
        func mean(_ values: [Double]) -> Double { (ProbabilityScores.mean(values) ?? .nan).rounded(places: 6) }
        let top = CalibrationCurve(topOf: probabilities, labels: labels, classes: classes, bins: Self.errorBins)
        let macro = areas.macro?.interval()
        summary = Summary(
            logLoss: mean(ProbabilityScores.logLosses(probabilities, labels: labels, classes: classes)),
            brier: mean(ProbabilityScores.brier(probabilities, labels: labels, classes: classes)),
            calibrationError: (top.expectedError ?? .nan).rounded(places: 6),
            topFive: classes > 5
                ? (Double(ProbabilityScores.topHits(5, probabilities, labels: labels, classes: classes))
                    / Double(labels.count)).rounded(places: 6) : nil,
            macroAUC: areas.macro?.auc.rounded(places: 6), macroAUCLow: macro?.low.rounded(places: 6),
            macroAUCHigh: macro?.high.rounded(places: 6))
    }
}
