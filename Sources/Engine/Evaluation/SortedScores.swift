// SortedScores: the scores of both sides, each sorted as whole numbers, and the walk over them from the largest down.

/// Double scores of positive and negative examples, each side sorted on its own: a key needs no room for the label then.
///
/// Unsafe pointers: buffers that change places after each pass of the sort.
final class SortedScores {
    private let memory: UnsafeMutableBufferPointer<UInt64>
    private let spare: UnsafeMutableBufferPointer<UInt64>
    let positives: Int
    let negatives: Int

    /// Sorts `scores`; nil where one is not a number.
    /// - Complexity: O(n) for scores of few equal leading bits, O(n log n) at worst.
    init?(_ scores: [Double], labels: [Bool]) {
        precondition(scores.count == labels.count, "\(scores.count) scores, \(labels.count) labels")
        let count = scores.count
        let keys = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: count)
        var isNumber = true
        var (front, back) = (0, count)
        scores.withUnsafeBufferPointer { scores in
            labels.withUnsafeBufferPointer { labels in
                for index in 0..<count {
                    let score = scores[index]
                    isNumber = isNumber && score == score
                    // Positives from the front, negatives from the back, without a branch that can't be foretold.
                    let isPositive = labels[index]
                    keys.initializeElement(at: isPositive ? front : back - 1, to: Self.descending(score))
                    front += isPositive ? 1 : 0
                    back -= isPositive ? 0 : 1
                }
            }
        }
        memory = keys
        spare = .allocate(capacity: count)
        positives = front
        negatives = count - front
        guard isNumber else { return nil }
        sort(0..<front)
        sort(front..<count)
    }

    deinit {
        memory.deallocate()
        spare.deallocate()
    }

    /// Whole numbers that rise as scores fall. Both zeros are one score.
    @inline(__always)
    private static func descending(_ score: Double) -> UInt64 {
        let bits = (score + 0).bitPattern
        return bits >> 63 == 0 ? ~bits & 0x7FFF_FFFF_FFFF_FFFF : bits
    }

    @inline(__always)
    private static func score(_ descending: UInt64) -> Double {
        Double(bitPattern: descending >> 63 == 0 ? ~descending & 0x7FFF_FFFF_FFFF_FFFF : descending)
    }

    /// Radix sort by the 33 leading bits in which the keys differ, 11 bits a pass; what is equal in these is in runs,
    /// mostly of one, that are sorted by themselves.
    private func sort(_ range: Range<Int>) {
        var keys = UnsafeMutableBufferPointer(rebasing: memory[range])
        guard keys.count > 1024 else {
            keys.sort()
            return
        }
        var (least, most) = (UInt64.max, UInt64.min)
        for key in keys {
            least = min(least, key)
            most = max(most, key)
        }
        let width = UInt64(UInt64.bitWidth - (most - least).leadingZeroBitCount)
        let low = width > 33 ? width - 33 : 0
        let size = 2048
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 3 * size) { places in
            places.initialize(repeating: 0)
            for key in keys {
                let bits = (key &- least) >> low
                places[Int(bits & 2047)] &+= 1
                places[size + Int(bits >> 11 & 2047)] &+= 1
                places[2 * size + Int(bits >> 22)] &+= 1
            }
            var (from, to) = (keys, UnsafeMutableBufferPointer(rebasing: spare[range]))
            var isMoved = false
            for pass in 0..<3 {
                let digits = UnsafeMutableBufferPointer(rebasing: places[pass * size..<(pass + 1) * size])
                let shift = low + UInt64(11 * pass)
                let mask: UInt64 = pass == 2 ? .max : 2047
                if Int(digits[Int((from[0] &- least) >> shift & mask)]) == keys.count { continue }
                var start: Int32 = 0
                for digit in digits.indices {
                    let count = digits[digit]
                    digits[digit] = start
                    start &+= count
                }
                for key in from {
                    let digit = Int((key &- least) >> shift & mask)
                    to[Int(digits[digit])] = key
                    digits[digit] &+= 1
                }
                (from, to) = (to, from)
                isMoved.toggle()
            }
            if isMoved { _ = keys.update(fromContentsOf: from) }
        }
        guard low > 0 else { return }
        var first = 0
        while first < keys.count {
            var end = first + 1
            while end < keys.count, (keys[end] &- least) >> low == (keys[first] &- least) >> low { end += 1 }
            if end - first == 2 {
                if keys[first] > keys[end - 1] { keys.swapAt(first, end - 1) }
            } else if end - first > 2 {
                keys[first..<end].sort()
            }
            first = end
        }
    }

    /// Calls `body` for each distinct score, the largest first, with the positives and negatives that have it.
    @inline(__always)
    func forEachScore(_ body: (_ score: Double, _ positives: Int, _ negatives: Int) -> Void) {
        let keys = UnsafeBufferPointer(memory)
        let count = keys.count
        var (p, n) = (0, positives)
        while p < positives || n < count {
            // A side that is at its end has no smaller key.
            let key = min(p < positives ? keys[p] : .max, n < count ? keys[n] : .max)
            let (p0, n0) = (p, n)
            while p < positives, keys[p] == key { p += 1 }
            while n < count, keys[n] == key { n += 1 }
            body(Self.score(key), p - p0, n - n0)
        }
    }

    /// The curve with a point a score.
    var curve: ROCCurve {
        guard positives > 0, negatives > 0 else { return .undefined }
        let (m, n) = (Double(positives), Double(negatives))
        var halfPairs = 0
        var thresholds: [Double] = []
        var y: [Double] = []
        let capacity = positives + negatives + 1
        let x = [Double](unsafeUninitializedCapacity: capacity) { xs, count in
            y = [Double](unsafeUninitializedCapacity: capacity) { ys, yCount in
                thresholds = [Double](unsafeUninitializedCapacity: capacity) { ts, tCount in
                    xs.initializeElement(at: 0, to: 0)
                    ys.initializeElement(at: 0, to: 0)
                    ts.initializeElement(at: 0, to: .infinity)
                    var (point, hits, misses) = (1, 0, 0)
                    forEachScore { score, positives, negatives in
                        halfPairs += negatives * (2 * hits + positives)
                        hits += positives
                        misses += negatives
                        xs.initializeElement(at: point, to: Double(misses) / n)
                        ys.initializeElement(at: point, to: Double(hits) / m)
                        ts.initializeElement(at: point, to: score)
                        point += 1
                    }
                    (count, yCount, tCount) = (point, point, point)
                }
            }
        }
        return ROCCurve(
            falsePositiveRates: x, truePositiveRates: y, thresholds: thresholds,
            auc: Double(halfPairs) / Double(2 * negatives * positives))
    }

    /// What was counted, with the points of the curve.
    var counting: ROCCounting {
        var counting = ROCCounting(keepsCorners: false)
        forEachScore { counting.pass(positives: $1, negatives: $2, score: $0) }
        return counting
    }
}
