// Folds: every example is in the test part of one of K turns. A function of labels, K and the seed alone.

/// The parts of a K-fold cross-validation.
public struct Folds: Sendable, Equatable {
    /// K.
    public let count: Int
    /// The turn in which each example is in the test part, from 0.
    public let foldOfExample: [Int]
    /// Classes with fewer examples than there are folds, ascending: in some turns nothing of them is tested. Where there are some,
    /// it should be told.
    public let rareClasses: [Int]

    /// Stratified folds as scikit-learn's `StratifiedKFold` makes them: the examples, put in order by class (classes by their first
    /// example), are dealt to the folds in turn, which says how many of each class a fold has; in the data's order the first
    /// examples of a class then go to the first fold, and so on, or, with a seed, to folds in a random order.
    /// - Parameters:
    ///   - labels: a class index an example; for numbers to predict, all 0: that gives plain folds.
    ///   - seed: shuffles the folds within each class; nil: examples stay in blocks.
    /// - Throws: ``FoldsError``.
    public init(stratified labels: [Int32], count: Int, seed: UInt64? = nil) throws(FoldsError) {
        guard count >= 2 else { throw .tooFew(count: count) }
        var order: [Int32] = []
        var members: [Int32: [Int]] = [:]
        for (index, label) in labels.enumerated() {
            if members[label] == nil { order.append(label) }
            members[label, default: []].append(index)
        }
        let most = members.values.map(\.count).max() ?? 0
        guard count <= most else { throw .tooMany(count: count, largestClass: most, classes: order.count) }
        var folds = [Int](repeating: 0, count: labels.count)
        var dealt = 0
        for label in order {
            let own = members[label] ?? []
            // Place i of all, by class, is dealt to fold i % count.
            var sizes = [Int](repeating: own.count / count, count: count)
            for extra in 0..<own.count % count { sizes[(dealt + extra) % count] += 1 }
            dealt += own.count
            var turns = sizes.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element) }
            if let seed {
                var random = CounterRandom(seed: seed, purpose: .folds, first: Int(label))
                random.shuffle(&turns)
            }
            for (index, fold) in zip(own, turns) { folds[index] = fold }
        }
        self.count = count
        foldOfExample = folds
        rareClasses = order.filter { (members[$0]?.count ?? 0) < count }.map(Int.init).sorted()
    }

    /// Plain folds of `examples` examples, shuffled by `seed`: sizes differ by one at most.
    /// - Throws: ``FoldsError``.
    public init(examples: Int, count: Int, seed: UInt64) throws(FoldsError) {
        try self.init(stratified: Array(repeating: 0, count: examples), count: count, seed: seed)
    }

    /// Examples that are tested in turn `fold`, ascending.
    public func test(_ fold: Int) -> [Int32] {
        foldOfExample.indices.filter { foldOfExample[$0] == fold }.map(Int32.init)
    }

    /// Examples that train in turn `fold`, ascending.
    public func train(_ fold: Int) -> [Int32] {
        foldOfExample.indices.filter { foldOfExample[$0] != fold }.map(Int32.init)
    }
}

/// Folds that can't be made.
public enum FoldsError: Error, Equatable, CustomStringConvertible {
    case tooFew(count: Int)
    case tooMany(count: Int, largestClass: Int, classes: Int)

    public var description: String {
        switch self {
        case .tooFew(let count): "\(count) folds are too few to test on one and train on the others: take 2 or more."
        case .tooMany(let count, let largest, let classes):
            classes > 1
                ? "\(count) folds are more than the examples of every class, of which the largest has \(largest): take fewer folds or bring more data."
                : "\(count) folds are more than the \(largest) examples: take fewer folds or bring more data."
        }
    }
}
