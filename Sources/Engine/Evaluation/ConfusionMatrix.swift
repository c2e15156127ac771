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

    /// Counts `predicted` classes against the true ones, `labels`; each is at least 0 and below `classes`.
    /// - Complexity: O(n).
    public init(labels: [Int], predicted: [Int], classes: Int) {
        precondition(labels.count == predicted.count, "\(labels.count) labels, \(predicted.count) predictions")
        self.init(classes: classes)
        let size = classes * classes
        // Examples take turns among four tables: the next one need not wait until a count is back in memory.
        let tables = size <= 1 << 16 ? 4 : 1
        withUnsafeTemporaryAllocation(of: Int.self, capacity: size * tables) { sums in
            sums.initialize(repeating: 0)
            let limit = UInt(classes)
            labels.withUnsafeBufferPointer { labels in
                predicted.withUnsafeBufferPointer { predicted in
                    @inline(__always) func count(_ index: Int, _ table: Int) {
                        let (label, guess) = (UInt(bitPattern: labels[index]), UInt(bitPattern: predicted[index]))
                        precondition(label < limit && guess < limit, "a class that is none of \(classes)")
                        sums[Int(label &* limit &+ guess) &+ table] &+= 1
                    }
                    var index = 0
                    while tables == 4, index + 4 <= labels.count {
                        count(index, 0)
                        count(index + 1, size)
                        count(index + 2, 2 * size)
                        count(index + 3, 3 * size)
                        index += 4
                    }
                    while index < labels.count {
                        count(index, 0)
                        index += 1
                    }
                }
            }
            for cell in 0..<size { counts[cell] = (0..<tables).reduce(0) { $0 + sums[$1 * size + cell] } }
        }
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

    /// Counts by true class, by predicted class, and on the diagonal.
    var margins: (supports: [Int], predictions: [Int], hits: [Int]) {
        var supports = [Int](repeating: 0, count: classes)
        var predictions = supports
        for label in 0..<classes {
            for predicted in 0..<classes {
                let count = counts[label * classes + predicted]
                supports[label] += count
                predictions[predicted] += count
            }
        }
        return (supports, predictions, (0..<classes).map { self[$0, $0] })
    }

    /// The scores of each class.
    public var perClass: [ClassScores] {
        let (supports, predictions, hits) = margins
        return (0..<classes).map { k in
            ClassScores(
                support: supports[k], precision: ratio(hits[k], predictions[k]), recall: ratio(hits[k], supports[k]),
                f1: ratio(2 * hits[k], supports[k] + predictions[k]))
        }
    }

    /// Mean F1 of the classes where it is defined; nil when it is nowhere.
    public var macroF1: Double? { macro.f1 }

    /// Precision, recall and F1 over all classes.
    public struct MeanScores: Sendable, Equatable {
        public var precision: Double?
        public var recall: Double?
        public var f1: Double?
    }

    /// Means over the classes, each counting alike. Recall: of those that have examples. F1: of those that have some or were
    /// predicted. Precision: of those too, and nil where one of them was never predicted, as its precision is undefined.
    /// (scikit-learn counts what is undefined as 0.)
    public var macro: MeanScores {
        let scores = ConfusionScores(self)
        return MeanScores(precision: scores.macroPrecision, recall: scores.macroRecall, f1: scores.macroF1)
    }

    /// Means over the classes, each counting as much as it has examples. Precision is nil where a class with examples was
    /// never predicted.
    public var weighted: MeanScores {
        let scores = ConfusionScores(self)
        return MeanScores(precision: scores.weightedPrecision, recall: accuracy, f1: scores.weightedF1)
    }

    /// Scores of all decisions thrown together. Each example has one true and one predicted class, so a wrong decision is a false
    /// positive of one class and a false negative of another, and all three are the ``accuracy``.
    public var micro: MeanScores { MeanScores(precision: accuracy, recall: accuracy, f1: accuracy) }

    /// Mean recall of the classes that have examples.
    public var balancedAccuracy: Double? { macro.recall }

    /// The Matthews correlation coefficient of several classes (Gorodkin 2004, "Comparing two K-category assignments by a
    /// K-category correlation coefficient"): with true counts t, predicted counts p, hits c and all s,
    /// (c s - Σ t p) / √((s² - Σ p²)(s² - Σ t²)). Undefined where there is one true or one predicted class only.
    public var mcc: Double? { ConfusionScores(self).mcc }

    /// Cohen's kappa (1960): (accuracy - chance) / (1 - chance) with chance = Σ t p / s². Undefined where chance is always right.
    public var cohenKappa: Double? { ConfusionScores(self).cohenKappa }

    private func ratio(_ part: Int, _ whole: Int) -> Double? { whole > 0 ? Double(part) / Double(whole) : nil }
}

extension Inference {
    /// The most probable class of each example, of `classes`; the first of equals, as the confusion matrix has it.
    public func predicted(classes: Int) -> [Int] {
        precondition(
            probabilities.count == labels.count * classes, "\(probabilities.count) values, \(labels.count) labels")
        return probabilities.withUnsafeBufferPointer { probabilities in
            labels.indices.map { row in
                ConfusionMatrix.mostProbable(probabilities, row: row, classes: classes)
            }
        }
    }
}
