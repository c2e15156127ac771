// DatasetFacts: what a session keeps of its data set, so that it can be shown without it and resumed only with it.

import Engine
import Foundation

/// Facts that identify the data of a run, kept in its session: a run goes on only with the same examples.
public struct DatasetFacts: Sendable, Equatable, Codable {
    public var name: String
    public var origin: String
    public var count: Int
    /// Shape of an example before preprocessing.
    public var shape: TensorShape
    public var classes: [String]
    /// SHA-256 of the examples' values and labels, hexadecimal.
    public var sha256: String
    /// Files that were left out; of many a session keeps the first.
    public var skipped: [SkippedFile]
    /// How many there were in all; nil in sessions of earlier versions, which keep all.
    public var skippedCount: Int?
    /// Splits, thumbnails, columns; nil in sessions of earlier versions.
    public var summary: DataSummary?

    public init(
        name: String, origin: String, count: Int, shape: TensorShape, classes: [String], sha256: String,
        skipped: [SkippedFile], summary: DataSummary? = nil
    ) {
        self.name = name
        self.origin = origin
        self.count = count
        self.shape = shape
        self.classes = classes
        self.sha256 = sha256
        self.skipped = skipped
        skippedCount = skipped.count
        self.summary = summary
    }

    /// Bytes of JSON that a session takes of them, unless the classes' names alone take more.
    public static let maximumBytes = 150_000
    /// Bytes of JSON that augmented thumbnails may take beside them.
    public static let maximumAugmentedBytes = 110_000
    /// Files left out that a session keeps.
    private static let maximumSkipped = 50

    /// The facts as JSON, keys in alphabetical order.
    public var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            preconditionFailure("facts hold finite numbers and text only, but: \(error)")
        }
    }

    /// Drops from the summary what does not fit into ``maximumBytes``: thumbnails from the last on, then columns; and of the
    /// augmented ones what does not fit into ``maximumAugmentedBytes``, from the last on.
    mutating func fit() {
        var augmented = summary?.augmented ?? []
        summary?.augmented = nil
        fitWithoutAugmented()
        let bytes = json.utf8.count
        while !augmented.isEmpty {
            summary?.augmented = augmented
            if json.utf8.count < bytes + Self.maximumAugmentedBytes { return }
            augmented.removeLast()
        }
        summary?.augmented = nil
    }

    private mutating func fitWithoutAugmented() {
        skipped = Array(skipped.prefix(Self.maximumSkipped))
        while json.utf8.count >= Self.maximumBytes, let described = summary {
            if !described.thumbnails.isEmpty {
                summary?.thumbnails.removeLast(min(3, described.thumbnails.count))
            } else if !described.columns.isEmpty {
                summary?.columns.removeLast((described.columns.count + 3) / 4)
            } else if !skipped.isEmpty {
                skipped.removeLast((skipped.count + 1) / 2)
            } else {
                return
            }
        }
    }

    /// Reads facts of a session file, which may come from anywhere; nil when they make no sense.
    init?(json: String) {
        // Some texts of the world are too large to be facts, and a reader would only lose memory over them.
        guard json.utf8.count <= 8 << 20 else { return nil }
        do {
            self = try JSONDecoder().decode(DatasetFacts.self, from: Data(json.utf8))
        } catch {
            return nil  // The caller shows the session without them; there is nothing else to do about it.
        }
        let lengths =
            switch shape {
            case .image(let channels, let height, let width): [channels, height, width]
            case .vector(let length): [length]
            }
        // Multiplied by screens, so bounded here.
        guard lengths.allSatisfy({ (1...1_000_000).contains($0) }), (0...Int(Int32.max)).contains(count),
            (skippedCount ?? 0) >= 0, summary?.isSound(classes: classes.count) ?? true
        else { return nil }
    }
}
