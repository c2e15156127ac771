// The counting behind an ROC curve: scores sorted as bit patterns, points and area in whole numbers.

/// Sorts scores with their labels and places, largest first.
///
/// Unsafe pointers: two buffers that change places after each pass of the sort.
final class ScoreSorter {
    private var keys: UnsafeMutableBufferPointer<UInt64>
    private var spare: UnsafeMutableBufferPointer<UInt64>

    init(count: Int) {
        precondition(count <= Int32.max, "\(count) examples")
        keys = .allocate(capacity: count)
        spare = .allocate(capacity: count)
        keys.initialize(repeating: 0)
        spare.initialize(repeating: 0)
    }

    deinit {
        keys.deallocate()
        spare.deallocate()
    }

    /// Sorts and counts as many examples as the sorter was made for; `example` gives the score and the label of each. Nil
    /// where a score is not a number.
    func counting(keepsCorners: Bool, _ example: (Int) -> (score: Float, isPositive: Bool)) -> ROCCounting? {
        let filled = keys
        for index in filled.indices {
            let (score, isPositive) = example(index)
            if score.isNaN { return nil }
            filled[index] = UInt64(Self.descending(score)) << 32 | UInt64(index) << 1 | (isPositive ? 1 : 0)
        }
        sort()
        let sorted = keys
        var counting = ROCCounting(keepsCorners: keepsCorners)
        for index in sorted.indices {
            let key = sorted[index]
            let isLast = index + 1 == sorted.count || sorted[index + 1] >> 32 != key >> 32
            counting.pass(
                positive: key & 1 == 1, lastOfScore: isLast,
                score: isLast ? Double(Self.score(UInt32(truncatingIfNeeded: key >> 32))) : 0)
        }
        return counting
    }

    /// Sorts and counts the examples by the probability of class `k` against all others.
    func counting(
        class k: Int, of classes: Int, probabilities: [Float], labels: [Int32], keepsCorners: Bool
    ) -> ROCCounting? {
        probabilities.withUnsafeBufferPointer { probabilities in
            labels.withUnsafeBufferPointer { labels in
                counting(keepsCorners: keepsCorners) { (probabilities[$0 * classes + k], labels[$0] == Int32(k)) }
            }
        }
    }

    /// Calls `body` with the places of each distinct score of the sorted examples, the largest first, and how many of them are
    /// positive.
    @inline(__always)
    private func forEachScore(_ body: (_ places: Range<Int>, _ positives: Int) -> Void) {
        var first = 0
        while first < keys.count {
            var (end, positives) = (first, 0)
            while end < keys.count, keys[end] >> 32 == keys[first] >> 32 {
                positives += Int(keys[end] & 1)
                end += 1
            }
            body(first..<end, positives)
            first = end
        }
    }

    /// Writes a value for each of the examples in `places`, in the order that they were given in.
    @inline(__always)
    private func write(
        _ positive: Double, _ negative: Double, _ places: Range<Int>, _ values: UnsafeMutableBufferPointer<Double>
    ) {
        for place in places {
            let key = keys[place]
            values[Int(key >> 1 & 0x7FFF_FFFF)] = key & 1 == 1 ? positive : negative
        }
    }

    /// Of the examples counted last, with the area `estimate`: (placement - area) / (examples on the same side), in the order
    /// that they were given in.
    func writeInfluences(on estimate: AreaEstimate, to influences: UnsafeMutableBufferPointer<Double>) {
        let sides = estimate.sides[0]
        let (m, n) = (Double(sides.positives), Double(sides.negatives))
        var (positives, negatives) = (0, 0)
        forEachScore { places, hits in
            let misses = places.count - hits
            // Negatives with a smaller score and half of the equal ones; positives with a larger one and half of the equal.
            write(
                (1 - (Double(negatives) + Double(misses) / 2) / n - estimate.auc) / m,
                ((Double(positives) + Double(hits) / 2) / m - estimate.auc) / n, places, influences)
            positives += hits
            negatives += misses
        }
    }

    /// Of the examples counted last, which `positives` of are positive: how the average precision changes with the weight of
    /// each, in the order that they were given in.
    func writePrecisionInfluences(positives: Int, to influences: UnsafeMutableBufferPointer<Double>) {
        var groups: [PrecisionInfluences.Group] = []
        forEachScore { groups.append(.init(positives: $1, negatives: $0.count - $1)) }
        let ofScores = PrecisionInfluences(groups, positives: positives).ofScores
        var score = 0
        forEachScore { places, _ in
            write(ofScores[score].positive, ofScores[score].negative, places, influences)
            score += 1
        }
    }

    /// Whole numbers that rise as scores fall. Both zeros are one score.
    private static func descending(_ score: Float) -> UInt32 {
        let bits = (score + 0).bitPattern
        return bits >> 31 == 0 ? ~bits & 0x7FFF_FFFF : bits
    }

    private static func score(_ descending: UInt32) -> Float {
        Float(bitPattern: descending >> 31 == 0 ? ~descending & 0x7FFF_FFFF : descending)
    }

    /// Sorts by the 32 bits of the score; among equals any order will do. Radix sort, 11 bits a pass.
    private func sort() {
        if keys.count < 512 {
            keys.sort()
            return
        }
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 2048) { places in
            for shift: UInt64 in [32, 43, 54] {
                let (from, to) = (keys, spare)
                places.initialize(repeating: 0)
                for key in from { places[Int(key >> shift & 2047)] += 1 }
                if places[Int(from[0] >> shift & 2047)] == from.count { continue }
                var start = 0
                for digit in places.indices {
                    let size = places[digit]
                    places[digit] = start
                    start += size
                }
                for key in from {
                    let digit = Int(key >> shift & 2047)
                    to[places[digit]] = key
                    places[digit] += 1
                }
                (keys, spare) = (to, from)
            }
        }
    }
}

/// Counts examples that pass from the largest score to the smallest.
///
/// The area is a whole number of half pairs: each negative has below it, on the curve, the positives of larger scores
/// and half of those of its own, so the area is exactly the count of ordered pairs.
struct ROCCounting {
    /// Only points where the direction changes are kept: the others lie on the line between their neighbours.
    let keepsCorners: Bool
    private var negatives = 0
    private var positives = 0
    private var halfPairs = 0
    /// Sums behind the variance of the area: over positives of the squares of twice the negatives that come before them (of
    /// equals half), over negatives of the squares of twice the positives that come after.
    private var squaresOfPositives = 0.0
    private var squaresOfNegatives = 0.0
    /// Over positives, the precision at their score.
    private var precisions = 0.0
    /// A point of the curve: negatives and positives passed, and the score that they had at least.
    private typealias Point = (x: Int, y: Int, threshold: Double)
    private var points: [Point] = []
    /// The newest point, not yet among `points`: the next one may go on in its direction.
    private var newest: Point = (0, 0, .infinity)
    /// From the point before to the newest; none at the start, where no point may go.
    private var direction = (x: 0, y: 0)

    init(keepsCorners: Bool) { self.keepsCorners = keepsCorners }

    /// Takes all examples of the next score.
    @inline(__always)
    mutating func pass(positives: Int, negatives: Int, score: Double) {
        self.positives += positives
        self.negatives += negatives
        addPoint(score)
    }

    /// Takes the next example; after the last one of a score there is a point.
    @inline(__always)
    mutating func pass(positive: Bool, lastOfScore: Bool, score: Double) {
        if positive { positives += 1 } else { negatives += 1 }
        if lastOfScore { addPoint(score) }
    }

    @inline(__always)
    private mutating func addPoint(_ score: Double) {
        let (dx, dy) = (negatives - newest.x, positives - newest.y)
        halfPairs += dx * (positives + newest.y)
        let (before, after) = (Double(negatives + newest.x), Double(positives + newest.y))
        squaresOfPositives += Double(dy) * before * before
        squaresOfNegatives += Double(dx) * after * after
        precisions += Double(dy) * Double(positives) / Double(positives + negatives)
        let goesOn = direction.x * dy == direction.y * dx && direction != (0, 0)
        if keepsCorners, goesOn {
            direction = (direction.x + dx, direction.y + dy)
        } else {
            points.append(newest)
            direction = (dx, dy)
        }
        newest = (negatives, positives, score)
    }

    /// The curve of all that has passed.
    var curve: ROCCurve {
        guard negatives > 0, positives > 0 else { return .undefined }
        let (n, p) = (Double(negatives), Double(positives))
        let all = points + [newest]
        return ROCCurve(
            falsePositiveRates: all.map { Double($0.x) / n }, truePositiveRates: all.map { Double($0.y) / p },
            thresholds: all.map(\.threshold), auc: Double(halfPairs) / Double(2 * negatives * positives))
    }

    /// The area with its variance; nil where it is undefined.
    var estimate: AreaEstimate? {
        guard negatives > 0, positives > 0 else { return nil }
        let (m, n) = (Double(positives), Double(negatives))
        let auc = Double(halfPairs) / Double(2 * negatives * positives)
        // Positives by how far they are from the best place, negatives by their place: sums of squares less the square of
        // the sum, without a difference where all are equal.
        func variance(_ squares: Double, _ mean: Double, _ count: Double, others: Double) -> Double {
            guard count > 1 else { return 0 }
            let sum = squares / (4 * others * others)
            let spread = sum - count * mean * mean
            return spread > 1e-12 * sum ? spread / (count * (count - 1)) : 0
        }
        let variance =
            positives > 1 && negatives > 1
            ? variance(squaresOfPositives, 1 - auc, m, others: n) + variance(squaresOfNegatives, auc, n, others: m) : 0
        return AreaEstimate(
            auc: auc, variance: variance, sides: [AreaEstimate.Sides(positives: positives, negatives: negatives)])
    }

    /// Σ (recall - recall before) · precision over all scores, falling; nil without positives.
    var averagePrecision: Double? { positives > 0 ? precisions / Double(positives) : nil }
}
