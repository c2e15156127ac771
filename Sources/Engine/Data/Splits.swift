// Splits: which examples train, which validate, which test. Stratified by class, and a function of the seed alone.

/// Indices of the examples of each split, ascending.
public struct Splits: Sendable, Equatable {
    public var train: [Int32]
    public var validation: [Int32]
    public var test: [Int32]

    /// Splits that are known already; each ascending.
    public init(train: [Int32], validation: [Int32] = [], test: [Int32]) {
        self.train = train
        self.validation = validation
        self.test = test
    }

    /// Splits of which `test` and all others, `rest`, are known: `fraction` of each class of the rest validates.
    /// - Throws: ``SplitError`` when the training split, or a validation split that was asked for, would be empty.
    public init(
        _ dataset: Dataset, test: [Int32], rest: [Int32], validation fraction: Double, seed: UInt64
    ) throws(SplitError) {
        self.test = test
        (validation, train) = Self.take(fraction, of: rest, dataset, seed: seed, stream: 1)
        if train.isEmpty { throw .empty("training", examples: dataset.count) }
        if validation.isEmpty, fraction > 0 { throw .empty("validation", examples: dataset.count) }
    }

    /// Splits `dataset` as `spec` says: an official test part is the test split, else `testFraction` of each class is;
    /// `validationFraction` of each class of the rest validates. Numbers to predict are of one class: drawn from all alike.
    /// - Throws: ``SplitError`` when a split that was asked for, or the training split, would be empty.
    public init(_ dataset: Dataset, _ spec: DataSpec) throws(SplitError) {
        var rest = Array(Int32(0)..<Int32(dataset.count))
        if let official = dataset.officialTest {
            test = official.map(Int32.init)
            rest.removeAll { official.contains(Int($0)) }
        } else {
            (test, rest) = Self.take(spec.testFraction, of: rest, dataset, seed: spec.seed, stream: 0)
        }
        (validation, train) = Self.take(spec.validationFraction, of: rest, dataset, seed: spec.seed, stream: 1)
        if train.isEmpty { throw .empty("training", examples: dataset.count) }
        if test.isEmpty { throw .empty("test", examples: dataset.count) }
        if validation.isEmpty, spec.validationFraction > 0 { throw .empty("validation", examples: dataset.count) }
    }

    /// The indices of one split.
    public subscript(split: Split) -> [Int32] {
        switch split {
        case .train: train
        case .validation: validation
        case .test: test
        }
    }

    /// The split that curves watch: validation, or test when there is no validation split.
    public var watched: Split { validation.isEmpty ? .test : .validation }

    /// Takes `fraction` of each class, rounded so that the whole comes to the nearest count (largest remainders).
    private static func take(_ fraction: Double, of indices: [Int32], _ dataset: Dataset, seed: UInt64, stream: Int)
        -> (taken: [Int32], left: [Int32])
    {
        guard fraction > 0 else { return ([], indices) }
        var byClass = [[Int32]](repeating: [], count: dataset.classes.count)
        for index in indices { byClass[Int(dataset.labels[Int(index)])].append(index) }
        let wanted = Int((Double(indices.count) * fraction).rounded())
        var counts = byClass.map { Int((Double($0.count) * fraction).rounded(.down)) }
        let remainders = byClass.indices.sorted {
            let a = Double(byClass[$0].count) * fraction - Double(counts[$0])
            let b = Double(byClass[$1].count) * fraction - Double(counts[$1])
            return a == b ? $0 < $1 : a > b
        }
        var missing = wanted - counts.reduce(0, +)
        for label in remainders where missing > 0 && counts[label] < byClass[label].count {
            counts[label] += 1
            missing -= 1
        }
        var taken: [Int32] = []
        var left: [Int32] = []
        for label in byClass.indices {
            var members = byClass[label]
            var random = CounterRandom(seed: seed, purpose: .split, first: label, second: stream)
            random.shuffle(&members)
            taken += members[..<counts[label]]
            left += members[counts[label]...]
        }
        return (taken.sorted(), left.sorted())
    }
}

/// A split that would be empty.
public enum SplitError: Error, Equatable, CustomStringConvertible {
    case empty(String, examples: Int)
    public var description: String {
        switch self {
        case .empty(let split, let examples):
            "The \(split) split would be empty with \(examples) examples: change data.test_fraction or data.validation_fraction, or bring more data."
        }
    }
}
