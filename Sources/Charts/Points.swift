// Points: finding points by their place, and stretches of them that fall on one dot.

extension Points {
    var count: Int { y.count }

    /// The first index from `start` on whose place fulfils `condition`, which must stay true once it is; sorted points only.
    func firstIndex(from start: Int = 0, to end: Int? = nil, where condition: (Double) -> Bool) -> Int {
        var (low, high) = (start, end ?? count)
        while low < high {
            let middle = (low + high) / 2
            if condition(x[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The indices of the points in `range`; all of them where the points are not sorted.
    func visible(in range: ClosedRange<Double>) -> Range<Int> {
        guard isSorted else { return 0..<count }
        let first = firstIndex { $0 >= range.lowerBound }
        return first..<firstIndex(from: first) { $0 > range.upperBound }
    }

    /// How many points lie in `range`.
    func visibleCount(in range: ClosedRange<Double>) -> Int {
        isSorted ? visible(in: range).count : x.lazy.filter(range.contains).count
    }

    /// From the smallest to the largest finite place, of the positive ones where `positive`; nil without any.
    func placeRange(positive: Bool) -> ClosedRange<Double>? {
        if isSorted {
            let first = positive ? firstIndex { $0 > 0 } : 0
            return first < count ? x[first]...x[count - 1] : nil
        }
        var extent = Extent()
        for place in x where !positive || place > 0 { extent.add(place) }
        return extent.range
    }

    /// From the smallest to the largest finite value at places in `range`, of the positive ones where `positive`; nil
    /// without any. Where a line crosses the range without a point in it: the values on its way.
    func valueRange(in range: ClosedRange<Double>, positive: Bool) -> ClosedRange<Double>? {
        var extent = Extent()
        if isSorted {
            let visible = visible(in: range)
            extent = envelope.extent(of: visible, in: y)
            if positive, extent.low <= 0 { extent.low = envelope.lowestPositive(of: visible, in: y) }
            if visible.isEmpty, visible.lowerBound > 0, visible.lowerBound < count {
                let (before, after) = (visible.lowerBound - 1, visible.lowerBound)
                for place in [range.lowerBound, range.upperBound] {
                    let share = (place - x[before]) / (x[after] - x[before])
                    let value = y[before] + share * (y[after] - y[before])
                    if !positive || value > 0 { extent.add(value) }
                }
            }
        } else {
            for (place, value) in zip(x, y) where range.contains(place) && (!positive || value > 0) {
                extent.add(value)
            }
        }
        return extent.range
    }

    /// The index of the last point whose place is not beyond `place`; nil without one.
    func index(at place: Double) -> Int? {
        if place.isNaN { return nil }
        if isSorted {
            let next = firstIndex { $0 > place }
            return next > 0 ? next - 1 : nil
        }
        var best: Int?
        for index in x.indices where x[index] <= place {
            if let known = best, x[index] < x[known] { continue }
            best = index
        }
        return best
    }

    /// Calls `body` with stretches of neighbours, in order, that fall on the same dot by `spot`.
    ///
    /// Points on both sides of `range` come too, a stretch of one each, when they are sorted; else all that are outside.
    /// - Complexity: O(dots · log points) for sorted points, else O(points).
    func forEachStretch(in range: ClosedRange<Double>, spot: (Double) -> Int?, body: (Range<Int>, Int?) -> Void) {
        let visible = visible(in: range)
        var index = isSorted ? max(0, visible.lowerBound - 1) : 0
        let end = isSorted ? min(count, visible.upperBound + 1) : count
        while index < end {
            let dot = spot(x[index])
            var next = index + 1
            if isSorted {
                // Gallop, then halve: neighbours on one dot are few in a short curve and thousands in a long one.
                var (step, known) = (1, index)
                while next < end, spot(x[next]) == dot {
                    known = next
                    next += step
                    step *= 2
                }
                next = firstIndex(from: known + 1, to: min(next, end)) { spot($0) != dot }
            } else {
                while next < end, spot(x[next]) == dot { next += 1 }
            }
            body(index..<next, dot)
            index = next
        }
    }
}
