// DataSummary: what a screen shows of the data of a run, small enough to be kept in its session.

import Engine

/// The splits, and what the examples look like.
public struct DataSummary: Sendable, Equatable, Codable {
    /// Train, validation where there is one, test.
    public var splits: [SplitCounts]
    /// Images: the first few training examples of the classes, at most 3 a class and 30 in all: one of each class, then
    /// the second ones, then the third ones. Empty for tables.
    public var thumbnails: [LabelledThumbnail]
    /// Tables: the first 64 input columns as the training split has them. Empty for images.
    public var columns: [ColumnSummary]
    /// The number to predict as the training split has it; nil where classes are predicted, and in earlier versions.
    public var target: ColumnSummary.Numbers?
    /// Images of a run that augments: what its first epochs see of the first few of `thumbnails`. Nil in sessions of earlier
    /// versions, and where nothing is augmented.
    public var augmented: [AugmentedThumbnails]?
    /// What a person should know of the data, the serious first; nil in sessions of earlier versions.
    public var findings: [DataFinding]?

    public init(
        splits: [SplitCounts], thumbnails: [LabelledThumbnail], columns: [ColumnSummary],
        target: ColumnSummary.Numbers? = nil
    ) {
        self.splits = splits
        self.thumbnails = thumbnails
        self.columns = columns
        self.target = target
    }

    /// Examples of each class in a split.
    public struct SplitCounts: Sendable, Equatable, Codable {
        public var split: Split
        /// In the order of the classes.
        public var counts: [Int]
        public init(split: Split, counts: [Int]) {
            self.split = split
            self.counts = counts
        }
        /// Examples of the split.
        public var total: Int { counts.reduce(0, +) }
    }

    /// What the first epochs of a run see of an image.
    public struct AugmentedThumbnails: Sendable, Equatable, Codable {
        /// The example's place in the data set, from 0.
        public var index: Int
        /// Of epoch 1, 2, 3, …; at most 4.
        public var epochs: [Thumbnail]
        /// With mixup: what was mixed into each of `epochs`; empty without.
        public var mixed: [Partner]
        public init(index: Int, epochs: [Thumbnail], mixed: [Partner] = []) {
            self.index = index
            self.epochs = epochs
            self.mixed = mixed
        }

        /// An example that is mixed into another one.
        public struct Partner: Sendable, Equatable, Codable {
            /// Index of its class.
            public var label: Int
            /// Its share of the mix, 0 to 1.
            public var share: Float
            public init(label: Int, share: Float) {
                self.label = label
                self.share = share
            }
        }
    }

    /// Images whose augmented versions are kept, and epochs of them.
    static let augmentedExamples = 6
    static let augmentedEpochs = 4
    /// Findings that are kept, and characters of each.
    static let maximumFindings = 20
    static let maximumFindingText = 600

    /// An example of an image set.
    public struct LabelledThumbnail: Sendable, Equatable, Codable {
        /// Its place in the data set, from 0.
        public var index: Int
        /// Index of its class.
        public var label: Int
        public var image: Thumbnail
        public init(index: Int, label: Int, image: Thumbnail) {
            self.index = index
            self.label = label
            self.image = image
        }
    }
}

/// One input column of a table over the training split.
public struct ColumnSummary: Sendable, Equatable {
    /// At most 64 characters of it.
    public var name: String
    /// Examples without a value, or with one that is not finite.
    public var missing: Int
    public var content: Content

    public init(name: String, missing: Int, content: Content) {
        self.name = name
        self.missing = missing
        self.content = content
    }

    /// What the column holds.
    public enum Content: Sendable, Equatable {
        case numeric(Numbers)
        case category(Levels)
    }

    /// The values of a numeric column. Without any, all counts and numbers are 0.
    public struct Numbers: Sendable, Equatable, Codable {
        public var minimum: Double
        public var maximum: Double
        public var mean: Double
        /// Population deviation.
        public var deviation: Double
        /// Values in 16 bins of equal width from `minimum` to `maximum`, which belongs to the last.
        public var counts: [Int]
        public init(minimum: Double, maximum: Double, mean: Double, deviation: Double, counts: [Int]) {
            self.minimum = minimum
            self.maximum = maximum
            self.mean = mean
            self.deviation = deviation
            self.counts = counts
        }
    }

    /// The most frequent levels of a categorical column.
    public struct Levels: Sendable, Equatable, Codable {
        /// At most 20, the most frequent first; at most 64 characters of each.
        public var names: [String]
        /// Examples of each.
        public var counts: [Int]
        /// Examples of all other levels.
        public var others: Int
        public init(names: [String], counts: [Int], others: Int) {
            self.names = names
            self.counts = counts
            self.others = others
        }
    }

    /// Bins of a numeric column.
    public static let bins = 16
    /// Levels that are named.
    public static let maximumLevels = 20
}

extension ColumnSummary: Codable {
    private enum CodingKeys: String, CodingKey { case name, missing, numeric, category }

    /// Beside `name` and `missing` there is either `numeric` or `category`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(missing, forKey: .missing)
        switch content {
        case .numeric(let numbers): try container.encode(numbers, forKey: .numeric)
        case .category(let levels): try container.encode(levels, forKey: .category)
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        missing = try container.decode(Int.self, forKey: .missing)
        if let numbers = try container.decodeIfPresent(Numbers.self, forKey: .numeric) {
            content = .numeric(numbers)
        } else {
            content = .category(try container.decode(Levels.self, forKey: .category))
        }
    }
}

extension DataSummary {
    /// Whether everything fits together for `classes` classes, so that a screen may add, divide and index without fear:
    /// a session file may come from anywhere.
    func isSound(classes: Int) -> Bool {
        func sound(_ count: Int) -> Bool { (0...Int(Int32.max)).contains(count) }
        func sound(_ numbers: ColumnSummary.Numbers) -> Bool {
            [numbers.minimum, numbers.maximum, numbers.mean, numbers.deviation].allSatisfy(\.isFinite)
                && numbers.minimum <= numbers.maximum && numbers.deviation >= 0
                && numbers.counts.count == ColumnSummary.bins && numbers.counts.allSatisfy(sound)
        }
        return splits.count <= Split.allCases.count
            && splits.allSatisfy { $0.counts.count == classes && $0.counts.allSatisfy(sound) }
            && thumbnails.allSatisfy { sound($0.index) && (0..<classes).contains($0.label) }
            && (augmented ?? []).allSatisfy { example in
                sound(example.index) && example.epochs.count <= Self.augmentedEpochs
                    && (example.mixed.isEmpty || example.mixed.count == example.epochs.count)
                    && example.mixed.allSatisfy {
                        (0..<classes).contains($0.label) && (0...1).contains($0.share)
                    }
            }
            && (findings ?? []).count <= Self.maximumFindings
            && (findings ?? []).allSatisfy { $0.text.count <= Self.maximumFindingText }
            && columns.allSatisfy { column in
                guard sound(column.missing) else { return false }
                switch column.content {
                case .numeric(let numbers): return sound(numbers)
                case .category(let levels):
                    return levels.names.count == levels.counts.count && levels.counts.allSatisfy(sound)
                        && sound(levels.others)
                }
            } && target.map(sound) ?? true
    }
}
