// Fewer points for a drawn curve: those that carry the least area go first (Visvalingam & Whyatt 1993).

enum CurveReduction {
    /// Twice the area of a triangle that is a line but for rounding. Rates are fractions of whole counts: three that are no
    /// line span at least 1 / (positives · negatives), which is far above this up to ten million examples.
    static let flat = 1e-14

    /// Indices of the points to keep, ascending: at most `maximumPoints` (2 or more), the first and the last among them.
    /// `x` and `y` never fall.
    /// - Complexity: O(n log n).
    static func indices(_ x: [Double], _ y: [Double], maximumPoints: Int) -> [Int] {
        precondition(maximumPoints >= 2, "a curve of \(maximumPoints) points")
        let corners = corners(x, y)
        return corners.count > maximumPoints ? heaviest(corners, x, y, maximumPoints) : corners
    }

    /// The points that do not lie on the line between their neighbours, and the ends.
    private static func corners(_ x: [Double], _ y: [Double]) -> [Int] {
        var kept: [Int] = []
        for index in x.indices {
            while let last = kept.last, kept.count > 1 {
                guard doubleArea(kept[kept.count - 2], last, index, x, y) <= flat else { break }
                kept.removeLast()
            }
            kept.append(index)
        }
        return kept
    }

    @inline(__always)
    private static func doubleArea(_ a: Int, _ b: Int, _ c: Int, _ x: [Double], _ y: [Double]) -> Double {
        abs((x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a]))
    }

    /// Removes the point whose triangle with its neighbours is smallest until `wanted` are left.
    private static func heaviest(_ corners: [Int], _ x: [Double], _ y: [Double], _ wanted: Int) -> [Int] {
        let count = corners.count
        var before = Array(-1..<(count - 1))
        var after = Array(1...count)
        var isGone = [Bool](repeating: false, count: count)
        var areas = [Double](repeating: .infinity, count: count)
        var heap = AreaHeap(capacity: 2 * count)
        func area(_ place: Int) -> Double {
            doubleArea(corners[before[place]], corners[place], corners[after[place]], x, y)
        }
        for place in 1..<(count - 1) {
            areas[place] = area(place)
            heap.push(areas[place], place)
        }
        var left = count
        while left > wanted, let (found, place) = heap.pop() {
            // An entry whose area is not the point's any more was replaced by a later one.
            guard !isGone[place], found == areas[place] else { continue }
            isGone[place] = true
            left -= 1
            let (previous, next) = (before[place], after[place])
            after[previous] = next
            before[next] = previous
            for neighbour in [previous, next] where neighbour > 0 && neighbour < count - 1 {
                // Never less than what has gone already: else a long slope would vanish point by point.
                areas[neighbour] = max(found, area(neighbour))
                heap.push(areas[neighbour], neighbour)
            }
        }
        return corners.indices.filter { !isGone[$0] }.map { corners[$0] }
    }
}

/// A binary heap, the smallest area first; of equal areas the earlier point, so that the result is one.
private struct AreaHeap {
    private var items: [(area: Double, place: Int)] = []

    init(capacity: Int) { items.reserveCapacity(capacity) }

    private func precedes(_ a: (area: Double, place: Int), _ b: (area: Double, place: Int)) -> Bool {
        a.area == b.area ? a.place < b.place : a.area < b.area
    }

    mutating func push(_ area: Double, _ place: Int) {
        items.append((area, place))
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard precedes(items[child], items[parent]) else { return }
            items.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> (area: Double, place: Int)? {
        guard let top = items.first, let last = items.popLast() else { return nil }
        if items.isEmpty { return top }
        items[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < items.count {
                if precedes(items[child], items[smallest]) { smallest = child }
            }
            if smallest == parent { return top }
            items.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
