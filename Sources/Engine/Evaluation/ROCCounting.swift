// The counting behind an ROC curve: scores sorted as bit patterns, points and area in whole numbers.

/// Sorts scores with their labels, largest first.
///
/// Unsafe pointers: two buffers that change places after each pass of the sort.
final class ScoreSorter {
    private var keys: UnsafeMutableBufferPointer<UInt64>
    private var spare: UnsafeMutableBufferPointer<UInt64>

    init(count: Int) {
        keys = .allocate(capacity: count)
        spare = .allocate(capacity: count)
        keys.initialize(repeating: 0)
        spare.initialize(repeating: 0)
    }

    deinit {
        keys.deallocate()
        spare.deallocate()
    }

    /// The curve of as many examples as the sorter was made for; `example` gives the score and the label of each.
    func curve(keepsCorners: Bool, _ example: (Int) -> (score: Float, isPositive: Bool)) -> ROCCurve {
        let filled = keys
        for index in filled.indices {
            let (score, isPositive) = example(index)
            if score.isNaN { return .undefined }
            filled[index] = UInt64(Self.descending(score)) << 1 | (isPositive ? 1 : 0)
        }
        sort()
        let sorted = keys
        var counting = ROCCounting(keepsCorners: keepsCorners)
        for index in sorted.indices {
            let key = sorted[index]
            let isLast = index + 1 == sorted.count || sorted[index + 1] >> 1 != key >> 1
            counting.pass(
                positive: key & 1 == 1, lastOfScore: isLast,
                score: isLast ? Double(Self.score(UInt32(truncatingIfNeeded: key >> 1))) : 0)
        }
        return counting.curve
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
            for shift: UInt64 in [1, 12, 23] {
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
    /// A point of the curve: negatives and positives passed, and the score that they had at least.
    private typealias Point = (x: Int, y: Int, threshold: Double)
    private var points: [Point] = []
    /// The newest point, not yet among `points`: the next one may go on in its direction.
    private var newest: Point = (0, 0, .infinity)
    /// From the point before to the newest; none at the start, where no point may go.
    private var direction = (x: 0, y: 0)

    init(keepsCorners: Bool) { self.keepsCorners = keepsCorners }

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
}
