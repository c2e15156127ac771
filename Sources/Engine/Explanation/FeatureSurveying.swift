// FeatureSurveying: what matters over many examples: a few that show most, and what shuffling a column costs.

/// Examples whose explanations together show most of what matters (submodular pick, Ribeiro et al. 2016, algorithm 2).
public enum SubmodularPick {
    /// Which rows of `weights`, (examples, features), to show, the most telling first: each time the one that adds most importance of
    /// features not shown yet, at most `count`, and none that adds nothing. A feature's importance is the square root of the sum of its
    /// weights without their signs.
    public static func pick(_ count: Int, of weights: [[Double]]) -> [Int] {
        let features = weights.first?.count ?? 0
        let importance = (0..<features).map { feature in
            weights.reduce(0) { $0 + abs($1[feature]) }.squareRoot()
        }
        var isShown = [Bool](repeating: false, count: features)
        var picked: [Int] = []
        while picked.count < count {
            let gains = weights.map { row in
                row.indices.reduce(0) { $0 + (!isShown[$1] && row[$1] != 0 ? importance[$1] : 0) }
            }
            guard let best = gains.indices.max(by: { gains[$0] < gains[$1] || gains[$0] == gains[$1] && $0 > $1 }),
                gains[best] > 0
            else { break }
            picked.append(best)
            for feature in 0..<features where weights[best][feature] != 0 { isShown[feature] = true }
        }
        return picked
    }
}

/// What shuffling each column among the examples costs (Breiman 2001; Fisher, Rudin & Dominici 2019).
public struct PermutationImportance: Sendable, Equatable {
    /// By column: mean and population deviation over the shufflings of the accuracy that is lost, or the RMSE that is gained.
    public var means: [Double]
    public var deviations: [Double]
}

extension NetworkProbe {
    /// Measures the importance of each column of the rows `values`, (rows, columns).
    /// - Parameters:
    ///   - labels: a class index a row; where numbers are predicted `targets`, in their own units, count instead.
    ///   - shufflings: of each column, all different ones of `seed`.
    /// - Returns: Nil: `progress`, which gets the part that is done, said false.
    public func permutationImportance(
        _ values: [Float], labels: [Int32], targets: [Float]?, shufflings: Int = 5, seed: UInt64,
        progress: (Double) -> Bool
    ) -> PermutationImportance? {
        guard case .floats(let features) = preprocessing.apply(.floats(values)) else { return nil }
        let width = preprocessing.shape.count
        let count = features.count / max(1, width)
        var result = PermutationImportance(means: [], deviations: [])
        guard let whole = score(features, width, count, labels, targets, moved: 0..<0, order: [], progress) else {
            return nil
        }
        var first = 0
        for (column, encoding) in preprocessing.encodings.enumerated() {
            let part = first..<first + encoding.width
            first = part.upperBound
            var losses: [Double] = []
            for shuffling in 0..<shufflings {
                let done = Double(column * shufflings + shuffling)
                guard progress(done / Double(preprocessing.encodings.count * shufflings)) else { return nil }
                var order = Array(0..<count)
                var random = CounterRandom(seed: seed, purpose: .permutation, first: column, second: shuffling)
                random.shuffle(&order)
                guard
                    let shuffled = score(
                        features, width, count, labels, targets, moved: part, order: order,
                        { _ in progress(done / Double(preprocessing.encodings.count * shufflings)) })
                else { return nil }
                losses.append(isRegression ? shuffled - whole : whole - shuffled)
            }
            let mean = losses.reduce(0, +) / Double(max(1, losses.count))
            let squares = losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            // What is left of rounding is nothing.
            result.means.append(abs(mean) < 1e-12 ? 0 : mean)
            result.deviations.append((squares / Double(max(1, losses.count))).squareRoot())
        }
        return result
    }

    /// Accuracy, or RMSE, over rows of `features` whose part `moved` comes from the rows `order`; nil: `progress` said false.
    private func score(
        _ features: [Float], _ width: Int, _ count: Int, _ labels: [Int32], _ targets: [Float]?, moved: Range<Int>,
        order: [Int], _ progress: (Double) -> Bool
    ) -> Double? {
        var sum = 0.0
        for start in stride(from: 0, to: count, by: pieceSize) {
            let piece = min(pieceSize, count - start)
            let found = ask(piece) { range, inputs, stride in
                features.withUnsafeBufferPointer { features in
                    for (place, row) in range.enumerated() {
                        let to = inputs + place * stride
                        for feature in 0..<width { to[feature] = features[(start + row) * width + feature] }
                        for feature in moved { to[feature] = features[order[start + row] * width + feature] }
                    }
                }
            }
            for row in 0..<piece {
                let mine = found[row * predictions..<(row + 1) * predictions]
                if let targets {
                    let error = Double(mine[mine.startIndex]) - Double(targets[start + row])
                    sum += error * error
                } else {
                    let best = mine.indices.max { mine[$0] < mine[$1] || mine[$0] == mine[$1] && $0 > $1 }
                    if best.map({ $0 - mine.startIndex }) == Int(labels[start + row]) { sum += 1 }
                }
            }
            guard progress(Double(start + piece) / Double(count)) else { return nil }
        }
        return targets == nil ? sum / Double(max(1, count)) : (sum / Double(max(1, count))).squareRoot()
    }
}
