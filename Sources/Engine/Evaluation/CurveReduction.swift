// Fewer points for a drawn curve: those that carry the least area go first (Visvalingam & Whyatt 1993).

enum CurveReduction {
    /// Twice the area of a triangle that is a line but for rounding. Rates are fractions of whole counts: three that are no
    /// line span at least 1 / (positives · negatives), which is far above this up to ten million examples.
    private static let flat = 1e-14

    /// Indices of the points to keep, ascending: at most `maximumPoints` (2 or more), the first and the last among them.
    /// `x` and `y` never fall.
    /// - Complexity: O(n + maximumPoints²).
    static func indices(_ x: [Double], _ y: [Double], maximumPoints: Int) -> [Int] {
        precondition(maximumPoints >= 2, "a curve of \(maximumPoints) points")
        return x.withUnsafeBufferPointer { x in
            y.withUnsafeBufferPointer { y in
                var points = Points(x: x, y: y)
                points.keepCorners()
                // Points by the thousand go in rounds, so that the exact choice is among few.
                while points.kept.count / 4 > maximumPoints { points.thin() }
                if points.kept.count > maximumPoints { points.keepHeaviest(maximumPoints) }
                return points.kept
            }
        }
    }

    private struct Points {
        let x: UnsafeBufferPointer<Double>
        let y: UnsafeBufferPointer<Double>
        /// Indices of the points that are left.
        var kept: [Int] = []

        init(x: UnsafeBufferPointer<Double>, y: UnsafeBufferPointer<Double>) {
            self.x = x
            self.y = y
        }

        /// Twice the area of a triangle.
        @inline(__always)
        private func area(_ a: Int, _ b: Int, _ c: Int) -> Double {
            abs((x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a]))
        }

        /// Keeps the ends and the points that do not lie on the line between their neighbours.
        mutating func keepCorners() {
            kept.reserveCapacity(x.count)
            for index in x.indices {
                if kept.count > 1, area(kept[kept.count - 2], kept[kept.count - 1], index) <= flat { kept.removeLast() }
                kept.append(index)
            }
        }

        /// Drops points whose triangle with their neighbours is not much above the mean, never two side by side. More
        /// than a third of all are such points, so a round leaves at most five of six.
        mutating func thin() {
            var sum = 0.0
            for place in 1..<kept.count - 1 { sum += area(kept[place - 1], kept[place], kept[place + 1]) }
            let limit = 1.5 * sum / Double(kept.count - 2)
            var left = [kept[0]]
            left.reserveCapacity(kept.count)
            var justWent = false
            for place in 1..<kept.count - 1 {
                justWent = !justWent && area(kept[place - 1], kept[place], kept[place + 1]) <= limit
                if !justWent { left.append(kept[place]) }
            }
            left.append(kept[kept.count - 1])
            kept = left
        }

        /// Drops the point whose triangle with its neighbours is smallest until `wanted` are left.
        mutating func keepHeaviest(_ wanted: Int) {
            var areas = [Double](repeating: .infinity, count: kept.count)
            for place in 1..<kept.count - 1 { areas[place] = area(kept[place - 1], kept[place], kept[place + 1]) }
            while kept.count > wanted {
                var least = 1
                for place in 2..<max(2, kept.count - 1) where areas[place] < areas[least] { least = place }
                // A neighbour never counts less than what has gone: else a long slope would vanish point by point.
                let floor = areas[least]
                kept.remove(at: least)
                areas.remove(at: least)
                for place in [least - 1, least] where place > 0 && place < kept.count - 1 {
                    areas[place] = max(floor, area(kept[place - 1], kept[place], kept[place + 1]))
                }
            }
        }
    }
}
