// LineChartCSV: the numbers of a chart as a table.

extension LineChart {
    /// The points as comma-separated values (RFC 4180: lines end in CR LF, fields are quoted where they must be).
    ///
    /// The first column is x, then comes one a series, then one a smoothed series. Rows are the union of all places in
    /// ascending order; a place that a series has twice has two rows. A field is empty where a series has no point. Numbers
    /// have all their digits ("nan", "inf" and "-inf" for those that have none).
    /// - Complexity: O(points · log points).
    public func csv() -> String {
        let columns = series.indices.map { index in
            let points = series[index].points
            let smooth = isSmoothed(index) ? series[index].smoothedPoints(weight: smoothing).y : nil
            return Column(points: points, order: Self.order(points), smoothed: smooth)
        }
        var header = [x.label.isEmpty ? "x" : x.label] + series.map(\.name)
        for index in series.indices where isSmoothed(index) {
            header.append("\(series[index].name) (smoothed \(Self.text(smoothing)))")
        }
        var out = header.map(Self.quoted).joined(separator: ",") + "\r\n"
        var next = Array(repeating: 0, count: columns.count)
        while true {
            var place: Double?
            for (column, at) in zip(columns, next) where at < column.order.count {
                let candidate = column.points.x[column.order[at]]
                if place.map({ Self.precedes(candidate, $0) }) ?? true { place = candidate }
            }
            guard let place else { return out }
            var fields = [Self.text(place)]
            var smoothed: [String] = []
            for (index, column) in columns.enumerated() {
                var (value, smooth) = ("", "")
                if next[index] < column.order.count {
                    let point = column.order[next[index]]
                    if !Self.precedes(place, column.points.x[point]) {
                        value = Self.text(column.points.y[point])
                        smooth = column.smoothed.map { Self.text($0[point]) } ?? ""
                        next[index] += 1
                    }
                }
                fields.append(value)
                if column.smoothed != nil { smoothed.append(smooth) }
            }
            out += (fields + smoothed).joined(separator: ",") + "\r\n"
        }
    }

    private struct Column {
        let points: Points
        /// Indices of the points in ascending order of their places.
        let order: [Int]
        let smoothed: [Double]?
    }

    /// Numbers ascend, and what is no number comes last.
    private static func precedes(_ a: Double, _ b: Double) -> Bool { a < b || (b.isNaN && !a.isNaN) }

    private static func order(_ points: Points) -> [Int] {
        if points.isSorted { return Array(0..<points.count) }
        return (0..<points.count).sorted { a, b in
            let (left, right) = (points.x[a], points.x[b])
            if precedes(left, right) { return true }
            return precedes(right, left) ? false : a < b
        }
    }

    private static func text(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15 ? String(Int(value)) : "\(value)"
    }

    private static func quoted(_ field: String) -> String { CSV.quoted(field) }
}
