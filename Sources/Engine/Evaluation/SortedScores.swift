// SortedScores: the scores of both sides, each sorted as whole numbers, and the walk over them from the largest down.
import Glibc

/// Double scores of positive and negative examples, each side sorted on its own: a key needs no room for the label then.
///
/// Unsafe pointers: buffers that change places after each pass of the sort.
final class SortedScores {
    /// Keys of the positives, the end mark, keys of the negatives, the end mark.
    private let memory: UnsafeMutableBufferPointer<UInt64>
    let positives: Int
    let negatives: Int
    /// Larger than the key of any number.
    private static let end = UInt64.max

    /// Sorts `scores`; nil where one is not a number.
    /// - Complexity: O(n) for scores that differ in few leading bits, O(n log n) at worst.
    init?(_ scores: [Double], labels: [Bool]) {
        precondition(scores.count == labels.count, "\(scores.count) scores, \(labels.count) labels")
        let keys = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: scores.count + 2)
        Self.adviseHugePages(keys)
        var isNumber = true
        var (front, back) = (0, keys.count - 1)
        var (least, most) = (UInt64.max, UInt64.min)
        scores.withUnsafeBufferPointer { scores in
            labels.withUnsafeBufferPointer { labels in
                for index in 0..<scores.count {
                    let score = scores[index]
                    isNumber = isNumber && score == score
                    let key = Self.descending(score)
                    least = min(least, key)
                    most = max(most, key)
                    // Positives from the front, negatives from the back, without a branch that can't be foretold.
                    let isPositive = labels[index]
                    keys.initializeElement(at: isPositive ? front : back &- 1, to: key)
                    front &+= isPositive ? 1 : 0
                    back &-= isPositive ? 0 : 1
                }
            }
        }
        keys.initializeElement(at: front, to: Self.end)
        keys.initializeElement(at: keys.count - 1, to: Self.end)
        memory = keys
        positives = front
        negatives = scores.count - front
        guard isNumber else { return nil }
        let spare = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: max(positives, negatives))
        defer { spare.deallocate() }
        Self.adviseHugePages(spare)
        Self.sort(UnsafeMutableBufferPointer(rebasing: keys[..<front]), spare, least, most)
        Self.sort(UnsafeMutableBufferPointer(rebasing: keys[(front + 1)..<(keys.count - 1)]), spare, least, most)
    }

    deinit { memory.deallocate() }

    /// Asks for huge pages behind a large buffer that is not written yet: a million scores take ten thousand small ones.
    private static func adviseHugePages<Value>(_ buffer: UnsafeMutableBufferPointer<Value>) {
        let page = 1 << 21
        let bytes = UnsafeMutableRawBufferPointer(buffer)
        guard bytes.count >= 2 * page, let start = bytes.baseAddress else { return }
        let skipped = (page - Int(bitPattern: start) & (page - 1)) & (page - 1)
        // Advice that is not taken costs time only.
        madvise(start + skipped, (bytes.count - skipped) & ~(page - 1), MADV_HUGEPAGE)
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
    private static func sort(
        _ sorted: UnsafeMutableBufferPointer<UInt64>, _ spare: UnsafeMutableBufferPointer<UInt64>, _ least: UInt64,
        _ most: UInt64
    ) {
        var keys = sorted
        guard keys.count > 1024 else {
            keys.sort()
            return
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
            var (from, to) = (keys, UnsafeMutableBufferPointer(rebasing: spare[..<keys.count]))
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
        var (p, n) = (0, positives + 1)
        while true {
            let (positive, negative) = (keys[p], keys[n])
            let key = min(positive, negative)
            if key == Self.end { break }
            let (p0, n0) = (p, n)
            // Which side comes next can't be foretold, but that few scores are equal mostly can.
            p &+= positive == key ? 1 : 0
            n &+= negative == key ? 1 : 0
            while keys[p] == key { p &+= 1 }
            while keys[n] == key { n &+= 1 }
            body(Self.score(key), p &- p0, n &- n0)
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
                    for buffer in [xs, ys, ts] { Self.adviseHugePages(buffer) }
                    xs.initializeElement(at: 0, to: 0)
                    ys.initializeElement(at: 0, to: 0)
                    ts.initializeElement(at: 0, to: .infinity)
                    var (point, hits, misses) = (1, 0, 0)
                    forEachScore { score, positives, negatives in
                        halfPairs &+= negatives &* (2 &* hits &+ positives)
                        hits &+= positives
                        misses &+= negatives
                        xs.initializeElement(at: point, to: Double(misses) / n)
                        ys.initializeElement(at: point, to: Double(hits) / m)
                        ts.initializeElement(at: point, to: score)
                        point &+= 1
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
