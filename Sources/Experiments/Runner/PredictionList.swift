// PredictionList: what the finished model says of every example of the test split, small enough to be kept in a session.

import Engine
import Foundation

/// The predictions of a split, a row an example, in the order of the split.
public struct PredictionList: Sendable, Equatable {
    /// Examples of the split: more than there are rows where ``maximumCount`` cut it, or where the model gave no number.
    public let total: Int
    /// Classes that were told apart; nil where a number is predicted.
    public let classes: Int?
    private var indices: [Int32] = []
    private var labels: [Int32] = []
    private var predicted: [Int32] = []
    /// Probability of the predicted class, or the predicted number.
    private var predictions: [Float] = []
    /// Probability of the true class, or the true number.
    private var truths: [Float] = []

    /// One example.
    public struct Row: Sendable, Equatable {
        /// Its place in the data set, from 0.
        public var index: Int
        /// Index of its true class; 0 where a number is predicted.
        public var label: Int
        /// Index of the most probable class; 0 where a number is predicted.
        public var predicted: Int
        /// Probability of `predicted`, 0 to 1; where a number is predicted, that number in the target's units.
        public var prediction: Float
        /// Probability of `label`, 0 to 1; where a number is predicted, the true one.
        public var truth: Float

        public init(index: Int, label: Int, predicted: Int, prediction: Float, truth: Float) {
            self.index = index
            self.label = label
            self.predicted = predicted
            self.prediction = prediction
            self.truth = truth
        }
    }

    /// Rows that are kept; of a larger split the first.
    public static let maximumCount = 200_000
    /// Kind of the artifact that holds the predictions of a session; its name is that of the split.
    public static let artifactKind = "predictions"

    /// A list of rows that are known.
    /// - Parameter total: examples of the split; nil: as many as rows.
    public init(_ rows: [Row], classes: Int?, total: Int? = nil) {
        precondition(rows.count <= Self.maximumCount && rows.count <= total ?? .max, "\(rows.count) rows")
        self.total = total ?? rows.count
        self.classes = classes
        for row in rows { add(row) }
    }

    /// What `inference` says of the examples `indices`. Those of which it says no finite number are left out.
    /// - Parameter classes: how many the data have; nil where a number is predicted.
    public init(_ inference: Inference, indices: [Int32], classes: Int?) {
        total = indices.count
        self.classes = classes
        let width = classes ?? 1
        precondition(
            inference.probabilities.count == indices.count * width,
            "\(inference.probabilities.count) predictions for \(indices.count) examples")
        for (place, index) in indices.enumerated() where count < Self.maximumCount {
            let values = inference.probabilities[place * width..<(place + 1) * width]
            guard values.allSatisfy(\.isFinite), let largest = values.max() else { continue }
            var row = Row(index: Int(index), label: 0, predicted: 0, prediction: largest, truth: 0)
            if classes == nil {
                row.truth = inference.targets[place]
                guard row.truth.isFinite else { continue }
            } else {
                row.label = Int(inference.labels[place])
                row.truth = values[values.startIndex + row.label]
                // As the confusion matrix has it: of equal ones the first.
                row.predicted = (values.firstIndex(of: largest) ?? values.startIndex) - values.startIndex
            }
            add(row)
        }
    }

    private mutating func add(_ row: Row) {
        indices.append(Int32(row.index))
        labels.append(Int32(row.label))
        predicted.append(Int32(row.predicted))
        predictions.append(row.prediction)
        truths.append(row.truth)
    }

    /// How many rows there are.
    public var count: Int { indices.count }
    public var isEmpty: Bool { indices.isEmpty }

    /// The row at a place below ``count``.
    public subscript(place: Int) -> Row {
        Row(
            index: Int(indices[place]), label: Int(labels[place]), predicted: Int(predicted[place]),
            prediction: predictions[place], truth: truths[place])
    }
}

/// The bytes of an artifact: little-endian numbers of 32 bits. A head of three (rows, examples of the split, classes or 0),
/// then five columns, one after the other.
extension PredictionList {
    private static let headCount = 3
    private static let columnCount = 5

    /// The list as the body of an artifact.
    func encoded() -> Data {
        var words = [UInt32(count), UInt32(total), UInt32(classes ?? 0)]
        for column in [indices, labels, predicted] { words += column.map(UInt32.init(bitPattern:)) }
        for column in [predictions, truths] { words += column.map(\.bitPattern) }
        return words.map(\.littleEndian).withUnsafeBytes { Data($0) }
    }

    /// Reads the body of an artifact, which may come from anywhere; nil when it makes no sense.
    /// - Parameter classes: how many the data have; every row names only those.
    init?(_ body: Data, classes: Int) {
        let words = body.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count & ~3, by: 4).map {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self))
            }
        }
        guard body.count % 4 == 0, words.count >= Self.headCount else { return nil }
        let (rows, total, told) = (Int(words[0]), Int(words[1]), Int(words[2]))
        guard rows <= Self.maximumCount, rows <= total, total <= Int(Int32.max), told == 0 || told == classes,
            words.count == Self.headCount + rows * Self.columnCount
        else { return nil }
        func column(_ number: Int) -> ArraySlice<UInt32> {
            words[(Self.headCount + number * rows)..<(Self.headCount + (number + 1) * rows)]
        }
        self.total = total
        self.classes = told == 0 ? nil : told
        indices = column(0).map(Int32.init(bitPattern:))
        labels = column(1).map(Int32.init(bitPattern:))
        predicted = column(2).map(Int32.init(bitPattern:))
        predictions = column(3).map(Float.init(bitPattern:))
        truths = column(4).map(Float.init(bitPattern:))
        let known = Int32(max(1, told))
        let range: ClosedRange<Float> =
            told == 0 ? -.greatestFiniteMagnitude...(.greatestFiniteMagnitude) : 0...1
        // What is no number is in no range.
        guard indices.allSatisfy({ $0 >= 0 }), (labels + predicted).allSatisfy({ (0..<known).contains($0) }),
            (predictions + truths).allSatisfy(range.contains)
        else { return nil }
    }
}
