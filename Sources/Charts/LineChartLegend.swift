// LineChartLegend: what is read off a chart: its legend, its cursor, the values there.

/// The value of a series at a place.
public struct ChartReading: Sendable, Equatable {
    public var name: String
    /// The place of the point that was read.
    public var x: Double
    public var y: Double
    /// The smoothed value, where the chart smooths.
    public var smoothed: Double?

    public init(name: String, x: Double, y: Double, smoothed: Double? = nil) {
        self.name = name
        self.x = x
        self.y = y
        self.smoothed = smoothed
    }
}

extension LineChart {
    /// What each series shows at the nearest point at or before `x`. Series that begin later are left out.
    /// - Complexity: O(series · log points) once the series are summarised.
    public func readings(at x: Double) -> [ChartReading] {
        series.indices.compactMap { reading($0, at: x, series[$0].points) }
    }

    /// The reading of one series at `place`, or at its last point.
    func reading(_ index: Int, at place: Double?, _ points: Points) -> ChartReading? {
        let found = place.map(points.index(at:)) ?? (points.count > 0 ? points.count - 1 : nil)
        guard let point = found else { return nil }
        let smooth = isSmoothed(index) ? series[index].smoothedPoints(weight: smoothing).y[point] : nil
        return ChartReading(name: series[index].name, x: points.x[point], y: points.y[point], smoothed: smooth)
    }

    /// A dotted vertical line; curves are drawn over it.
    func drawCursor(_ plot: Plot, _ grid: inout Grid) {
        guard let cursor, plot.horizontal.range.contains(cursor) else { return }
        let area = plot.area
        let column = area.column + Int(plot.horizontal.column(of: cursor).rounded())
        for row in area.row..<area.row + area.rows {
            grid[row, column] = Cell(glyphs.pick("┊", ":"), Style(.focus))
        }
        let foot = area.row + area.rows
        if grid[foot, column].scalar != glyphs.pick("▲", "^") {
            grid[foot, column] = Cell(glyphs.pick("┴", "|"), Style(.focus, bold: true))
        }
    }

    /// One series in the legend.
    private struct Entry {
        var sample: String
        var name: String
        var value = ""
        var smoothed = ""
        var role: Role
        var width: Int { displayWidth(sample + name + value + smoothed) + 1 }
    }

    private static let gap = 3

    /// The legend: how each curve looks, its name, its value at the cursor or its last one, and behind `~` the smoothed
    /// one. What has no room goes in this order: the smoothed values, then the values, then series; with a cursor names
    /// are cut first, for there the values are what one came for.
    func drawLegend(_ plot: Plot, _ trouble: Trouble, _ rect: Rect, _ grid: inout Grid) {
        var column = rect.column
        let end = rect.column + rect.columns
        if let cursor {
            let text = x.label.isEmpty ? x.unit.reading(cursor) : "\(x.label) \(x.unit.reading(cursor))"
            column += grid.write(
                truncated(text, to: rect.columns / 3, glyphs: glyphs), row: rect.row, column: column,
                style: Style(.focus, bold: true))
            column += Self.gap
        }
        var entries = fitted(ordered(entries(plot)), to: end - column)
        var gap = Self.gap
        // All curves with short samples are worth more than some with long ones.
        if width(entries, gap: gap) > end - column {
            gap = 2
            for index in entries.indices { entries[index].sample = String(entries[index].sample.suffix(1)) }
        }
        for entry in entries {
            guard column + entry.width <= end else { break }
            column += grid.write(
                entry.sample + " ", row: rect.row, column: column, style: Style(entry.role, bold: true))
            column += grid.write(entry.name, row: rect.row, column: column, style: Style(.text))
            column += grid.write(entry.value + entry.smoothed, row: rect.row, column: column, style: Style(entry.role))
            column += gap
        }
        let missing = trouble.note
        if !missing.isEmpty, column + displayWidth(missing) <= end {
            grid.write(missing, row: rect.row, column: end - displayWidth(missing), style: Style(.bad))
        } else if !note.isEmpty, column + displayWidth(note) <= end {
            grid.write(note, row: rect.row, column: end - displayWidth(note), style: Style(.dim))
        }
    }

    private func ordered(_ entries: [Entry]) -> [Entry] {
        guard let leader, entries.indices.contains(leader) else { return entries }
        return [entries[leader]] + entries[..<leader] + entries[(leader + 1)...]
    }

    private func entries(_ plot: Plot) -> [Entry] {
        series.indices.map { index in
            var entry = Entry(sample: legendSample(index, plot), name: series[index].name, role: series[index].role)
            // Every ROC curve ends at 100 %: that is no news.
            if diagonal || !showsLastValues, cursor == nil { return entry }
            if let reading = reading(index, at: cursor, plot.curves[index]) {
                entry.value = " " + text(reading.y)
                if let smoothed = reading.smoothed { entry.smoothed = " ~" + text(smoothed) }
            } else if cursor != nil {
                entry.value = " -"
            }
            return entry
        }
    }

    /// A value as the legend shows it.
    func text(_ value: Double) -> String { y.unit == .fraction ? Format.percent(value) : Format.number(value) }

    private func width(_ entries: [Entry], gap: Int) -> Int { entries.reduce(-gap) { $0 + $1.width + gap } }

    private func fitted(_ entries: [Entry], to columns: Int) -> [Entry] {
        func width(_ entries: [Entry]) -> Int { self.width(entries, gap: Self.gap) }
        if width(entries) <= columns { return entries }
        var entries = entries
        for index in entries.indices { entries[index].smoothed = "" }
        if width(entries) <= columns { return entries }
        if cursor != nil {
            let surplus = width(entries) - columns
            let names = entries.reduce(0) { $0 + displayWidth($1.name) }
            let room = (names - surplus) / max(1, entries.count)
            if room >= 3 {
                for index in entries.indices {
                    entries[index].name = truncated(entries[index].name, to: room, glyphs: glyphs)
                }
                return entries
            }
        }
        for index in entries.indices { entries[index].value = "" }
        return entries
    }

    /// How a curve looks, in one or two cells.
    private func legendSample(_ index: Int, _ plot: Plot) -> String {
        if glyphs == .ascii { return String(Self.plain[index % Self.plain.count]) }
        if isSparse(index, plot) { return "─\(Self.markers[index % Self.markers.count])" }
        return glyphs == .braille ? "⠒⠒" : "▄▄"
    }
}
