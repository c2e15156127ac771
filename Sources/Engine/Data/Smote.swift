// Smote: made-up examples of the smaller classes of a table, between those that are there.

extension PreparedExamples {
    /// Neighbours among which the other parent of a made-up example is drawn.
    static let smoteNeighbours = 5

    /// These examples with made-up ones behind them, until every class that `train` has any of has as many as its largest
    /// (SMOTE: Chawla, Bowyer, Hall & Kegelmeyer 2002, "SMOTE: Synthetic minority over-sampling technique", k = 5). The made-up
    /// ones are for training only: no split knows their indices.
    ///
    /// A class goes through its examples in random order, again and again. Each gives one new example at a random place on
    /// the straight line to one of its 5 nearest neighbours of the class, in the features as the first layer gets them (a
    /// class of fewer than 6 has fewer). A category takes the level of the nearer parent, so that it stays one.
    /// Everything follows from `seed`, the class and the number of the new example.
    /// - Parameter encodings: of the columns, ``Preprocessing/encodings``.
    /// - Returns: all examples, and the indices of those to train on: `train`, then the made-up ones by class.
    /// - Throws: ``BalanceError``.
    /// - Complexity: O(n² · features) for each class of n examples but the largest.
    public func withSmote(
        train: [Int32], encodings: [ColumnEncoding], seed: UInt64
    ) throws(BalanceError) -> (examples: PreparedExamples, train: [Int32]) {
        guard case .floats(var values) = features else { throw .needsTable }
        var members = [[Int32]](repeating: [], count: classes)
        for example in train { members[Int(labels[Int(example)])].append(example) }
        let wanted = members.map(\.count).max() ?? 0
        var allLabels = labels
        for (label, parents) in members.enumerated() where !parents.isEmpty && parents.count < wanted {
            guard parents.count > 1 else { throw .classTooSmall(classNames[label]) }
            let made = SmoteClass(parents, of: values, width: shape.count, encodings: encodings)
                .examples(wanted - parents.count, seed: seed, label: label)
            values += made
            allLabels += Array(repeating: Int32(label), count: wanted - parents.count)
        }
        let all = PreparedExamples(self, features: .floats(values), labels: allLabels)
        return (all, train + (Int32(count)..<Int32(all.count)))
    }
}

/// One class that gets made-up examples.
private struct SmoteClass {
    /// The class's examples, row by row.
    private let rows: [Float]
    private let count: Int
    private let width: Int
    /// Features that are a category together.
    private let categories: [Range<Int>]

    init(_ members: [Int32], of values: [Float], width: Int, encodings: [ColumnEncoding]) {
        rows = members.flatMap { values[Int($0) * width..<(Int($0) + 1) * width] }
        count = members.count
        self.width = width
        var categories: [Range<Int>] = []
        var place = 0
        for encoding in encodings {
            if case .oneHot = encoding { categories.append(place..<place + encoding.width) }
            place += encoding.width
        }
        self.categories = categories
    }

    func examples(_ wanted: Int, seed: UInt64, label: Int) -> [Float] {
        var order = Array(0..<count)
        var random = CounterRandom(seed: seed, purpose: .smote, first: label)
        random.shuffle(&order)
        var made: [Float] = []
        made.reserveCapacity(wanted * width)
        var neighbours: [Int: [Int]] = [:]
        for number in 0..<wanted {
            let base = order[number % count]
            let near = neighbours[base] ?? nearest(base)
            neighbours[base] = near
            var draw = CounterRandom(seed: seed, purpose: .smote, first: label, second: number + 1)
            let other = near[Int(draw.below(UInt32(near.count)))]
            let way = draw.unit()
            let start = made.count
            for feature in 0..<width {
                let (a, b) = (rows[base * width + feature], rows[other * width + feature])
                made.append(a + way * (b - a))
            }
            let parent = way < 0.5 ? base : other
            for category in categories {
                for feature in category { made[start + feature] = rows[parent * width + feature] }
            }
        }
        return made
    }

    /// The nearest other examples, the nearest first; of equally near ones the first.
    private func nearest(_ base: Int) -> [Int] {
        var best: [(distance: Float, index: Int)] = []
        let most = min(PreparedExamples.smoteNeighbours, count - 1)
        rows.withUnsafeBufferPointer { rows in
            for other in 0..<count where other != base {
                var distance: Float = 0
                for feature in 0..<width {
                    let difference = rows[base * width + feature] - rows[other * width + feature]
                    distance += difference * difference
                }
                if best.count == most, let last = best.last, distance >= last.distance { continue }
                let place = best.firstIndex { $0.distance > distance } ?? best.count
                best.insert((distance, other), at: place)
                if best.count > most { best.removeLast() }
            }
        }
        return best.map(\.index)
    }
}
