// WeightSharing: the weights of a layer take a few values that they share (Han, Mao & Dally 2016, "Deep compression", section 3).

/// Weights of one array that share values.
public struct SharedWeights: Sendable, Equatable {
    /// The values, ascending.
    public var palette: [Float]
    /// Which of them each weight has.
    public var indices: [UInt8]

    /// The weights.
    public var values: [Float] { indices.map { palette[Int($0)] } }

    /// Groups `values` by k-means into at most `clusters` values, 2 to 256, which begin at equal distances from the smallest to the
    /// largest ("linear initialisation": large weights, which matter most, get values of their own). Weights that are zero
    /// stay zero, which then is one of the values.
    ///
    /// A value that no weight is nearest to moves into the group with the largest error, so that none is wasted; so the error
    /// is never larger than that of plain k-means from the same start.
    /// - Complexity: O(n log n), then O(clusters · log n) a round.
    public init(_ values: [Float], clusters: Int) {
        precondition(VariantRecipe.clusterRange.contains(clusters), "\(clusters) clusters")
        let hasZero = values.contains(0)
        let sorted = values.filter { $0 != 0 }.sorted()
        var centres: [Float] = []
        if !sorted.isEmpty { centres = Self.centres(sorted, count: hasZero ? clusters - 1 : clusters) }
        if hasZero { centres.append(0) }
        let palette = Array(Set(centres.map { $0 == 0 ? 0 : $0 })).sorted()
        let zero = hasZero ? palette.firstIndex(of: 0) : nil
        // A weight that is not zero must not be taken for one that was pruned, which is held at zero.
        let places = palette.indices.filter { $0 != zero }
        let found = places.map { palette[$0] }
        indices = values.map { value in
            if value == 0, let zero { return UInt8(zero) }
            return UInt8(places[Self.nearest(value, found)])
        }
        self.palette = palette
    }

    /// The place of the centre nearest to `value`, the lower of two at the same distance. `centres` ascends.
    private static func nearest(_ value: Float, _ centres: [Float]) -> Int {
        var (low, high) = (0, centres.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if Double(value) <= (Double(centres[middle]) + Double(centres[middle + 1])) / 2 {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low
    }

    private static func centres(_ sorted: [Float], count: Int) -> [Float] {
        let (least, most) = (Double(sorted[0]), Double(sorted[sorted.count - 1]))
        var centres = (0..<count).map {
            count == 1 ? (least + most) / 2 : least + (most - least) * Double($0) / Double(count - 1)
        }
        var sums = [0.0]
        var squares = [0.0]
        for value in sorted {
            sums.append(sums[sums.count - 1] + Double(value))
            squares.append(squares[squares.count - 1] + Double(value) * Double(value))
        }
        /// Sum of squared distances from the mean of the values of `range`.
        func error(_ range: Range<Int>) -> Double {
            guard range.count > 1 else { return 0 }
            let sum = sums[range.upperBound] - sums[range.lowerBound]
            return squares[range.upperBound] - squares[range.lowerBound] - sum * sum / Double(range.count)
        }
        /// The stretch of the sorted values that is nearest to each centre.
        func groups() -> [Range<Int>] {
            var first = 0
            return centres.indices.map { index in
                var end = sorted.count
                if index + 1 < centres.count {
                    let border = (centres[index] + centres[index + 1]) / 2
                    var (low, high) = (first, sorted.count)
                    while low < high {
                        let middle = (low + high) / 2
                        if Double(sorted[middle]) <= border { low = middle + 1 } else { high = middle }
                    }
                    end = low
                }
                defer { first = end }
                return first..<end
            }
        }
        // Each round lowers the error or ends; the bound is for rounding that would turn in circles.
        for _ in 0..<1_000 {
            let groups = groups()
            var moved = false
            for (index, group) in groups.enumerated() where !group.isEmpty {
                let mean = (sums[group.upperBound] - sums[group.lowerBound]) / Double(group.count)
                if mean != centres[index] {
                    centres[index] = mean
                    moved = true
                }
            }
            if moved { continue }
            // At rest: an idle centre splits the worst group, if that has two values to be told apart.
            guard let idle = groups.firstIndex(where: \.isEmpty),
                let worst = groups.max(by: { error($0) < error($1) }),
                sorted[worst.lowerBound] < sorted[worst.upperBound - 1]
            else { break }
            let keeper = groups.firstIndex(of: worst) ?? 0
            centres[keeper] = Double(sorted[worst.lowerBound])
            centres[idle] = Double(sorted[worst.upperBound - 1])
            centres.sort()
        }
        let found = groups()
        return zip(centres, found).compactMap { $1.isEmpty ? nil : Float($0) }
    }
}

extension SharedWeights {
    /// The weights of each layer of `network` with at most `clusters` values, by the name of the array. Layers with no more
    /// weights than that are left alone.
    public static func all(_ network: Network, _ weights: [ParameterValues], clusters: Int) -> [String: SharedWeights] {
        let names = Set(network.parameters.filter { $0.isWeight && $0.count > clusters }.map(\.name))
        var shared: [String: SharedWeights] = [:]
        for array in weights where names.contains(array.name) {
            shared[array.name] = SharedWeights(array.values, clusters: clusters)
        }
        return shared
    }
}
