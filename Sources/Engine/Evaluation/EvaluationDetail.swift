// EvaluationDetail: what a screen shows of an evaluation beside loss and accuracy, small enough to be a part of its event.

/// The confusion matrix and the ROC curves of one evaluation.
public struct EvaluationDetail: Sendable, Equatable {
    /// Examples by true class (row) and predicted class (column).
    public var confusion: [[Int]]
    /// One curve a class, each class against all others: at most ``maximumPoints(classes:)`` points, rates rounded to 4
    /// decimals, thresholds to 6; the areas are exact.
    public var roc: [ROCCurve]

    public init(confusion: [[Int]], roc: [ROCCurve]) {
        precondition(
            confusion.count == roc.count && confusion.allSatisfy { $0.count == roc.count },
            "\(confusion.count) rows, \(roc.count) curves")
        self.confusion = confusion
        self.roc = roc
    }

    /// More classes have no detail: an event would be as large as a checkpoint.
    public static let maximumClasses = 100

    /// Points of a curve: 40 for up to 20 classes, fewer for more, so that all curves together stay below 1,200.
    public static func maximumPoints(classes: Int) -> Int { classes <= 20 ? 40 : max(12, 800 / classes) }

    /// The detail of `inference`; nil without examples and with more than ``maximumClasses`` classes.
    /// - Parameter each: calls what it is given with 0, 1, … below a count, in any order, on threads of its choice, and
    ///   returns when all calls have.
    /// - Complexity: O(classes · n log n): 2 to 3 ms on one thread for 10,000 examples of 10 classes.
    public init?(
        _ inference: Inference, classes: Int,
        each: (_ count: Int, _ body: @escaping (Int) -> Void) -> Void = { count, body in
            for index in 0..<count { body(index) }
        }
    ) {
        guard !inference.labels.isEmpty, (1...Self.maximumClasses).contains(classes) else { return nil }
        confusion =
            ConfusionMatrix(
                probabilities: inference.probabilities, labels: inference.labels, classes: classes
            ).rows
        let points = Self.maximumPoints(classes: classes)
        roc = Array(repeating: .undefined, count: classes)
        roc.withUnsafeMutableBufferPointer { roc in
            // Each call writes the place of its own class.
            let places = roc
            each(classes) { k in
                places[k] = ROCCurve(
                    class: k, of: classes, probabilities: inference.probabilities, labels: inference.labels,
                    keepsCorners: true
                ).simplified(maximumPoints: points).rounded(places: 4, thresholdPlaces: 6)
            }
        }
    }
}
