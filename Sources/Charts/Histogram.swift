// Histogram: how often values fall where, as bars; and the same over time, as shades.

/// Counts over equal parts of a range, as vertical bars. The highest count is named over its bar.
public struct Histogram: Sendable {
    /// From the lower edge of the first bin to the upper edge of the last one.
    public var range: ClosedRange<Double>
    /// How many values fell into each bin; negative numbers count as 0.
    public var counts: [Int]
    public var role: Role
    public var glyphs: GlyphSet

    public init(range: ClosedRange<Double>, counts: [Int], role: Role, glyphs: GlyphSet) {
        self.range = range
        self.counts = counts
        self.role = role
        self.glyphs = glyphs
    }

    private static let eighths: [Unicode.Scalar] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// Draws the bars, under them the axis where it has room. More bins than columns are added up in equal groups.
    public func draw(into grid: inout Grid, in rect: Rect) {
        guard rect.rows > 0, rect.columns > 0 else { return }
        guard let bars = Bars(counts, columns: rect.columns), bars.highest > 0 else {
            grid.write(
                "no values yet", row: rect.row, column: rect.column, style: Style(.dim), maxColumns: rect.columns)
            return
        }
        let axisRows = rect.rows >= 4 ? 2 : 0
        let nameRows = rect.rows - axisRows >= 3 ? 1 : 0
        let height = rect.rows - axisRows - nameRows
        let steps = glyphs == .ascii ? 2 : 8
        for (index, total) in bars.totals.enumerated() where total > 0 {
            // What is there at all shows.
            let filled = max(1, Int((total / bars.highest * Double(height * steps)).rounded()))
            for row in 0..<height {
                let here = min(steps, filled - row * steps)
                guard here > 0 else { break }
                let scalar: Unicode.Scalar = glyphs == .ascii ? (here == 2 ? "#" : ".") : Self.eighths[here]
                for column in bars.place(index) {
                    grid[rect.row + nameRows + height - 1 - row, rect.column + column] = Cell(scalar, Style(role))
                }
            }
        }
        if nameRows > 0 {
            let name = bars.highest < 9e18 ? Format.count(Int(bars.highest)) : Format.number(bars.highest)
            let peak = bars.place(bars.totals.firstIndex(of: bars.highest) ?? 0)
            let middle = (peak.lowerBound + peak.upperBound - displayWidth(name)) / 2
            let start = max(0, min(middle, rect.columns - displayWidth(name)))
            grid.write(
                name, row: rect.row, column: rect.column + start, style: Style(.dim), maxColumns: rect.columns - start)
        }
        if axisRows > 0 {
            drawValueAxis(
                range, row: rect.row + rect.rows - 2, column: rect.column, columns: bars.columns, glyphs: glyphs,
                &grid)
        }
    }
}

/// Bins brought to the columns of a screen.
struct Bars {
    /// The sum of each group of bins.
    let totals: [Double]
    /// Columns of all bars together.
    let columns: Int

    var highest: Double { totals.max() ?? 0 }

    /// More bins than columns are added up in equal groups, a column each; fewer are spread over all columns. Nil without
    /// bins or columns.
    init?(_ counts: [Int], columns: Int) {
        guard columns > 0, !counts.isEmpty else { return nil }
        let group = (counts.count + columns - 1) / columns
        totals = stride(from: 0, to: counts.count, by: group).map { start in
            counts[start..<min(start + group, counts.count)].reduce(0) { $0 + Double(max(0, $1)) }
        }
        self.columns = group > 1 ? totals.count : columns
    }

    /// The columns of a bar.
    func place(_ bar: Int) -> Range<Int> { bar * columns / totals.count..<(bar + 1) * columns / totals.count }
}

/// Histograms over one range at moments that follow each other: a row each, the newest at the bottom, as shades.
public struct HistogramStack: Sendable {
    /// A moment's name, and its counts over equal parts of ``range``.
    public var rows: [(label: String, counts: [Int])]
    public var range: ClosedRange<Double>
    public var glyphs: GlyphSet

    public init(rows: [(label: String, counts: [Int])], range: ClosedRange<Double>, glyphs: GlyphSet) {
        self.rows = rows
        self.range = range
        self.glyphs = glyphs
    }

    /// Draws the rows upwards from the axis; each is shaded by its own highest bin. Of more moments than rows, some in
    /// equal distances are shown, the first and the newest among them.
    public func draw(into grid: inout Grid, in rect: Rect) {
        guard rect.rows > 0, rect.columns > 0 else { return }
        let axisRows = rect.rows >= 4 ? 2 : 0
        let height = rect.rows - axisRows
        let shown = chosen(height)
        guard let newest = shown.last, !newest.counts.isEmpty else {
            grid.write(
                "no values yet", row: rect.row, column: rect.column, style: Style(.dim), maxColumns: rect.columns)
            return
        }
        let longest = shown.map { displayWidth($0.label) }.max() ?? 0
        let labels = min(longest, rect.columns / 4)
        let gutter = labels > 0 ? labels + 1 : 0
        var used = 0
        for (index, moment) in shown.enumerated() {
            let row = rect.row + height - shown.count + index
            let label = truncated(moment.label, to: labels, glyphs: glyphs)
            grid.write(
                label, row: row, column: rect.column + labels - displayWidth(label), style: Style(.dim),
                maxColumns: labels)
            guard let bars = Bars(moment.counts, columns: rect.columns - gutter) else { continue }
            used = bars.columns
            for (bin, total) in bars.totals.enumerated() {
                let level = bars.highest > 0 ? Shade.level(total / bars.highest) : 0
                let cell = Cell(Shade.glyph(level, glyphs), Style(.shade(level, good: true)))
                for column in bars.place(bin) { grid[row, rect.column + gutter + column] = cell }
            }
        }
        if axisRows > 0 {
            drawValueAxis(
                range, row: rect.row + height, column: rect.column + gutter, columns: used, glyphs: glyphs, &grid)
        }
    }

    private func chosen(_ count: Int) -> [(label: String, counts: [Int])] {
        guard rows.count > count else { return rows }
        guard count > 1 else { return Array(rows.suffix(count)) }
        return (0..<count).map { rows[$0 * (rows.count - 1) / (count - 1)] }
    }
}
