// ConfusionMatrix: which classes a model takes for which, and the measures that follow from it.

/// Counts of examples by true class (row) and predicted class (column).
public struct ConfusionMatrix: Sendable, Equatable {
    public let classes: Int
    /// Row-major, (true, predicted).
    public private(set) var counts: [Int]

    public init(classes: Int) {
        self.classes = classes
        counts = Array(repeating: 0, count: classes * classes)
    }

    /// Counts the most probable class of each row of `probabilities` (examples, classes), the first of equals, against `labels`.
    public init(probabilities: [Float], labels: [Int32], classes: Int) {
        precondition(
            probabilities.count == labels.count * classes, "\(probabilities.count) values, \(labels.count) labels")
        self.init(classes: classes)
        probabilities.withUnsafeBufferPointer { probabilities in
            for (row, label) in labels.enumerated() {
                add(label: Int(label), predicted: Self.mostProbable(probabilities, row: row, classes: classes))
            }
        }
    }

    /// The most probable class of a row, the first of equals.
    @inline(__always)
    static func mostProbable(_ probabilities: UnsafeBufferPointer<Float>, row: Int, classes: Int) -> Int {
        let first = row * classes
        var best = 0
        for column in 1..<max(1, classes) where probabilities[first + column] > probabilities[first + best] {
            best = column
        }
        return best
    }

    /// The matrix of `rows`, one a true class with a count for each predicted one.
    public init(rows: [[Int]]) {
        precondition(rows.allSatisfy { $0.count == rows.count }, "a confusion matrix is square")
        classes = rows.count
        counts = rows.flatMap { $0 }
    }

    /// The count of examples of class `label` that were taken for `predicted`.
    public subscript(label: Int, predicted: Int) -> Int { counts[label * classes + predicted] }

    /// Counts one more example.
    public mutating func add(label: Int, predicted: Int) { counts[label * classes + predicted] += 1 }

    /// The rows, for printing and files.
    public var rows: [[Int]] { (0..<classes).map { Array(counts[$0 * classes..<($0 + 1) * classes]) } }
    /// Examples counted.
    public var total: Int { counts.reduce(0, +) }
    /// Fraction on the diagonal; nil without examples.
    public var accuracy: Double? {
        ratio((0..<classes).reduce(0) { $0 + self[$1, $1] }, total)
    }

    /// Precision, recall and F1 of one class against the rest. Undefined is nil, never 0.
    public struct ClassScores: Sendable, Equatable {
        /// True examples of the class.
        public var support: Int
        /// TP / (TP + FP); nil when the class was never predicted.
        public var precision: Double?
        /// TP / (TP + FN); nil when the class has no examples.
        public var recall: Double?
        /// 2·TP / (2·TP + FP + FN); nil when the class neither occurs nor was predicted.
        public var f1: Double?
    }

    /// The scores of each class.
    public var perClass: [ClassScores] {
        (0..<classes).map { k in
            let hits = self[k, k]
            let support = (0..<classes).reduce(0) { $0 + self[k, $1] }
            let predicted = (0..<classes).reduce(0) { $0 + self[$1, k] }
            return ClassScores(
                support: support, precision: ratio(hits, predicted), recall: ratio(hits, support),
                f1: ratio(2 * hits, support + predicted))
        }
    }

    /// Mean F1 of the classes where it is defined; nil when it is nowhere.
    public var macroF1: Double? {
        let defined = perClass.compactMap(\.f1)
        return defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count)
    }

    private func ratio(_ part: Int, _ whole: Int) -> Double? { whole > 0 ? Double(part) / Double(whole) : nil }
}
