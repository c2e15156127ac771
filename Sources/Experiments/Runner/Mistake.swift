// Mistake: an example that a model takes for another class, with all that a screen needs to show it without the data.

import Engine
import Foundation

/// A wrong classification.
public struct Mistake: Sendable, Equatable, Codable {
    /// The example's place in the data set, from 0.
    public var index: Int
    /// Index of its true class.
    public var label: Int
    /// Index of the class it was taken for.
    public var predicted: Int
    /// Probability of `predicted`, 0 to 1.
    public var probability: Double
    /// Probabilities of all classes; empty when there are more than 20.
    public var probabilities: [Float]
    /// The image; nil for tables.
    public var thumbnail: Thumbnail?
    /// The row, at most the first 64 columns; empty for images.
    public var values: [Value]

    public init(
        index: Int, label: Int, predicted: Int, probability: Double, probabilities: [Float] = [],
        thumbnail: Thumbnail? = nil, values: [Value] = []
    ) {
        self.index = index
        self.label = label
        self.predicted = predicted
        self.probability = probability
        self.probabilities = probabilities
        self.thumbnail = thumbnail
        self.values = values
    }

    /// One value of a row.
    public struct Value: Sendable, Equatable, Codable {
        /// Name of the column; at most 64 characters of it.
        public var column: String
        /// Of a numeric column; nil when it is missing.
        public var number: Double?
        /// Level of a categorical column (at most 64 characters); nil when it is missing.
        public var text: String?
        public init(column: String, number: Double? = nil, text: String? = nil) {
            self.column = column
            self.number = number
            self.text = text
        }
    }

    /// Mistakes that a session keeps of a split.
    public static let maximumCount = 24
    /// Classes up to which all probabilities are kept.
    public static let maximumProbabilities = 20
    /// Kind of the artifact that holds the mistakes of a session; its name is that of the split.
    public static let artifactKind = "mistakes"

    /// Whether it is none: what is kept of the cells of a confusion matrix are right ones too.
    public var isRight: Bool { label == predicted }
}

extension Mistake {
    /// The examples `indices` of `dataset` that `inference` is wrong about with the highest probabilities, the worst first.
    public static func worst(of inference: Inference, indices: [Int32], in dataset: Dataset) -> [Mistake] {
        let classes = dataset.classes.count
        precondition(
            inference.probabilities.count == indices.count * classes,
            "\(inference.probabilities.count) probabilities for \(indices.count) examples")
        var wrong = answers(inference, classes: classes).filter { $0.predicted != Int(inference.labels[$0.row]) }
        wrong.sort { ($1.probability, $0.row) < ($0.probability, $1.row) }
        return wrong.prefix(maximumCount).map { Mistake($0, of: inference, indices: indices, in: dataset) }
    }

    /// What was said of a row.
    struct Answer {
        var row: Int
        var predicted: Int
        var probability: Float
    }

    /// The most probable class of each row, as the confusion matrix has it: of equal ones the first. Without numbers nothing
    /// was predicted.
    static func answers(_ inference: Inference, classes: Int) -> [Answer] {
        inference.labels.indices.compactMap { row in
            let probabilities = inference.probabilities[row * classes..<(row + 1) * classes]
            guard probabilities.allSatisfy(\.isFinite), let largest = probabilities.max(),
                let place = probabilities.firstIndex(of: largest)
            else { return nil }
            return Answer(row: row, predicted: place - row * classes, probability: largest)
        }
    }

    /// With all that is to be shown of the example.
    init(_ answer: Answer, of inference: Inference, indices: [Int32], in dataset: Dataset) {
        let (row, classes) = (answer.row, dataset.classes.count)
        let index = Int(indices[row])
        self.init(
            index: index, label: Int(inference.labels[row]), predicted: answer.predicted,
            probability: Double(answer.probability),
            probabilities: classes <= Self.maximumProbabilities
                ? Array(inference.probabilities[row * classes..<(row + 1) * classes]) : [],
            thumbnail: dataset.thumbnail(of: index), values: dataset.namedValues(of: index))
    }

    /// Mistakes as the body of an artifact: a JSON array.
    static func encoded(_ mistakes: [Mistake]) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return try encoder.encode(mistakes)
        } catch {
            preconditionFailure("mistakes hold finite numbers and text only, but: \(error)")
        }
    }

    /// Reads the body of an artifact, which may come from anywhere; empty when it makes no sense.
    /// - Parameters:
    ///   - classes: how many the data have; every mistake names only those.
    ///   - maximum: how many are taken.
    static func decoded(_ body: Data, classes: Int, maximum: Int = maximumCount) -> [Mistake] {
        guard body.count <= 4 << 20 else { return [] }
        let mistakes: [Mistake]
        do {
            mistakes = try JSONDecoder().decode([Mistake].self, from: body)
        } catch {
            return []  // The session is shown without them; there is nothing else to do about it.
        }
        let areSound = mistakes.allSatisfy { mistake in
            (0...Int(Int32.max)).contains(mistake.index) && (0..<classes).contains(mistake.label)
                && (0..<classes).contains(mistake.predicted) && (0...1).contains(mistake.probability)
                && (mistake.probabilities.isEmpty || mistake.probabilities.count == classes)
                && mistake.probabilities.allSatisfy { (0...1).contains($0) }
        }
        return areSound ? Array(mistakes.prefix(maximum)) : []
    }
}

extension Dataset {
    /// The values of a table's row by column, at most the first 64; empty for images.
    fileprivate func namedValues(of index: Int) -> [Mistake.Value] {
        guard case .floats(let values) = features else { return [] }
        return columns.prefix(DataSummary.maximumColumns).enumerated().map { place, column in
            let name = String(column.name.prefix(ColumnSummary.maximumName))
            let value = values[index * shape.count + place]
            switch column.kind {
            case .numeric:
                // As a person would write it: 0.1, not the 0.10000000149 that a float of it is.
                return Mistake.Value(column: name, number: value.isFinite ? Double("\(value)") : nil)
            case .category(let levels):
                let level = value >= 0 && value < Float(levels.count) ? levels[Int(value)] : nil
                return Mistake.Value(column: name, text: level.map { String($0.prefix(ColumnSummary.maximumName)) })
            }
        }
    }
}
