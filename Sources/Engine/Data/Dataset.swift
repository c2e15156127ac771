// Dataset: labelled examples in memory, as they came, before any preprocessing.

/// What a table's column holds.
public enum ColumnKind: Sendable, Equatable, Codable {
    /// A number; missing values are NaN.
    case numeric
    /// An index into `levels`; missing values are NaN.
    case category(levels: [String])
}

/// One input column of a table.
public struct Column: Sendable, Equatable, Codable {
    public var name: String
    public var kind: ColumnKind
    public init(name: String, kind: ColumnKind) {
        self.name = name
        self.kind = kind
    }
}

/// Example-major values. Images are (C, H, W), 0 to 255; table rows hold one value a column (see ``ColumnKind``).
public enum FeatureStorage: Sendable, Equatable {
    case bytes([UInt8])
    case floats([Float])
    /// Images that are decoded when they are wanted.
    case streamed(StreamedExamples)

    /// Number of values.
    public var count: Int {
        switch self {
        case .bytes(let values): values.count
        case .floats(let values): values.count
        case .streamed(let examples): examples.count * examples.exampleBytes
        }
    }
}

extension FeatureStorage {
    /// The values of the examples `indices` alone, each of `size` values, in that order; nil where they are decoded when wanted.
    public func copy(of indices: some Sequence<Int32>, size: Int) -> FeatureStorage? {
        func rows<Value>(_ values: [Value]) -> [Value] {
            indices.flatMap { values[Int($0) * size..<(Int($0) + 1) * size] }
        }
        switch self {
        case .bytes(let values): return .bytes(rows(values))
        case .floats(let values): return .floats(rows(values))
        case .streamed: return nil
        }
    }
}

/// A file of an image folder that could not be used, and why.
public struct SkippedFile: Sendable, Equatable, Codable {
    public var path: String
    public var reason: String
    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }
}

/// Labelled examples, with the names of classes and columns.
public struct Dataset: Sendable {
    public var name: String
    /// Shape of one example. For tables `.vector(columns.count)`.
    public var shape: TensorShape
    /// Class names; a label is an index into them. Where numbers are predicted: the name of that number alone.
    public var classes: [String]
    /// Input columns of a table; empty for images.
    public var columns: [Column]
    /// `count * shape.count` values.
    public var features: FeatureStorage
    /// One class index an example; 0 where numbers are predicted.
    public var labels: [Int32]
    /// The number to predict of each example, finite and in its own units; nil: classes are.
    public var targets: [Float]?
    /// Examples that the set's makers set aside for testing: indices `officialTest` (a suffix, by construction); nil: none.
    public var officialTest: Range<Int>?
    /// Files that were left out.
    public var skipped: [SkippedFile]
    /// Where the examples come from, in a few words for a person ("built in", "4 IDX files in data/mnist").
    public var origin: String
    /// Name of the label column, for tables.
    public var target: String?
    /// What a person should know of how it was loaded, in sentences.
    public var notes: [String]

    public init(
        name: String, shape: TensorShape, classes: [String], columns: [Column] = [], features: FeatureStorage,
        labels: [Int32], targets: [Float]? = nil, officialTest: Range<Int>? = nil, skipped: [SkippedFile] = [],
        origin: String, target: String? = nil, notes: [String] = []
    ) {
        precondition(
            features.count == labels.count * shape.count,
            "\(features.count) values do not make \(labels.count) examples of \(shape)")
        precondition(
            targets == nil || targets?.count == labels.count && classes.count == 1,
            "\(targets?.count ?? 0) numbers named \(classes) for \(labels.count) examples")
        self.name = name
        self.shape = shape
        self.classes = classes
        self.columns = columns
        self.features = features
        self.labels = labels
        self.targets = targets
        self.officialTest = officialTest
        self.skipped = skipped
        self.origin = origin
        self.target = target
        self.notes = notes
    }

    /// Number of examples.
    public var count: Int { labels.count }
}
