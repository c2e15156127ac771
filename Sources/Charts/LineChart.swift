// LineChart: curves over one axis, with ticks, units, marks and a legend.

/// One curve: points in the order of their x.
public struct Series: Sendable {
    /// How a curve is drawn.
    public enum Kind: Sendable { case line, points }
    public var name: String
    public var x: [Double]
    public var y: [Double]
    public var role: Role
    public var kind: Kind

    public init(name: String, x: [Double], y: [Double], role: Role, kind: Kind = .line) {
        precondition(x.count == y.count, "\(x.count) places for \(y.count) values")
        self.name = name
        self.x = x
        self.y = y
        self.role = role
        self.kind = kind
    }
}

/// One axis of a chart.
public struct ChartAxis: Sendable {
    public var label: String
    public var unit: AxisUnit
    /// What is shown; nil: all finite data. Points outside are counted, not drawn.
    public var range: ClosedRange<Double>?
    /// Equal distances are equal ratios; values that are not positive are off scale. Vertical axes only.
    public var isLogarithmic: Bool

    public init(label: String, unit: AxisUnit, range: ClosedRange<Double>? = nil, isLogarithmic: Bool = false) {
        self.label = label
        self.unit = unit
        self.range = range
        self.isLogarithmic = isLogarithmic
    }
}

/// A moment on the x axis.
public struct ChartMark: Sendable {
    public var x: Double
    public var label: String
    public var role: Role
    public init(x: Double, label: String, role: Role) {
        self.x = x
        self.label = label
        self.role = role
    }
}

/// Curves over one axis. Where points outnumber columns, each column shows its smallest and largest value, so that no
/// spike is lost; what is not finite leaves a gap and a mark.
public struct LineChart: Sendable {
    public var series: [Series]
    public var x: ChartAxis
    public var y: ChartAxis
    public var marks: [ChartMark]
    public var glyphs: GlyphSet

    public init(series: [Series], x: ChartAxis, y: ChartAxis, marks: [ChartMark] = [], glyphs: GlyphSet) {
        self.series = series
        self.x = x
        self.y = y
        self.marks = marks
        self.glyphs = glyphs
    }

    /// Characters of the series in ASCII, and of markers elsewhere.
    private static let plain: [Unicode.Scalar] = ["*", "o", "+", "x", "#"]
    private static let markers: [Unicode.Scalar] = ["•", "●", "◆", "▲", "■"]

    /// Draws the chart into `rect`.
    /// - Complexity: O(points + cells).
    public func draw(into grid: inout Grid, in rect: Rect) {
        let legendRows = rect.rows >= 7 ? 1 : 0
        let plotRows = rect.rows - legendRows - 2
        guard plotRows >= 2, rect.columns >= 16 else {
            guard rect.rows > 0 else { return }
            grid.write(
                "too small for a chart", row: rect.row, column: rect.column, style: Style(.dim),
                maxColumns: rect.columns)
            return
        }
        let xRange = x.range ?? Self.extent(series.map(\.x)) ?? 0...1
        let shown = series.map { Self.values($0, within: xRange) }
        let drawable = y.isLogarithmic ? shown.map { $0.filter { $0 > 0 } } : shown
        let yRange = y.range ?? Self.extent(drawable) ?? 0...1
        let limit = y.unit == .fraction && yRange.upperBound <= 1 ? 1 : Double.infinity
        let vertical =
            y.isLogarithmic
            ? VerticalScale(logarithmic: yRange, rows: plotRows)
            : VerticalScale(yRange, rows: plotRows, unit: y.unit, limit: limit)
        let ticks = vertical.ticks
        let labels = ticks.map { y.unit.label($0.value, step: vertical.step) }
        let gutter = (labels.map(displayWidth).max() ?? 0) + 1
        let plot = Rect(
            row: rect.row + legendRows, column: rect.column + gutter + 1, rows: plotRows,
            columns: rect.columns - gutter - 1)
        guard plot.columns >= 8 else {
            grid.write("too narrow", row: rect.row, column: rect.column, style: Style(.dim), maxColumns: rect.columns)
            return
        }
        let horizontal = HorizontalScale(xRange, columns: plot.columns)

        drawVerticalAxis(zip(ticks, labels).map { ($0.row, $1) }, plot, gutter: gutter, &grid)
        drawHorizontalAxis(horizontal, plot, &grid)
        let trouble = drawSeries(horizontal, vertical, plot, &grid)
        if legendRows > 0 {
            drawLegend(trouble, Rect(row: rect.row, column: plot.column, rows: 1, columns: plot.columns), &grid)
        }
    }

    private static func extent(_ lists: [[Double]]) -> ClosedRange<Double>? {
        var (low, high) = (Double.infinity, -Double.infinity)
        for list in lists {
            for value in list where value.isFinite {
                low = min(low, value)
                high = max(high, value)
            }
        }
        return low <= high ? low...high : nil
    }

    private static func values(_ series: Series, within range: ClosedRange<Double>) -> [Double] {
        guard let first = series.x.first, let last = series.x.last, first < range.lowerBound || last > range.upperBound
        else { return series.y }
        return zip(series.x, series.y).lazy.filter { range.contains($0.0) }.map(\.1)
    }

    private func drawVerticalAxis(_ ticks: [(row: Int, label: String)], _ plot: Rect, gutter: Int, _ grid: inout Grid) {
        let axis = plot.column - 1
        for row in plot.row..<plot.row + plot.rows { grid[row, axis] = Cell(glyphs.pick("│", "|"), Style(.axis)) }
        for (above, label) in ticks {
            let row = plot.row + plot.rows - 1 - above
            grid[row, axis] = Cell(glyphs.pick("┤", "+"), Style(.axis))
            let start = axis - 1 - displayWidth(label)
            grid.write(label, row: row, column: start, style: Style(.dim))
            guard glyphs != .ascii, above > 0 else { continue }
            for column in stride(from: plot.column + 3, to: plot.column + plot.columns, by: 4) {
                grid[row, column] = Cell("·", Style(.axis))
            }
        }
    }

    private func drawHorizontalAxis(_ scale: HorizontalScale, _ plot: Rect, _ grid: inout Grid) {
        let row = plot.row + plot.rows
        grid[row, plot.column - 1] = Cell(glyphs.pick("└", "+"), Style(.axis))
        for column in plot.column..<plot.column + plot.columns {
            grid[row, column] = Cell(glyphs.pick("─", "-"), Style(.axis))
        }
        // The axis' own name stands at the right end; ticks whose labels would touch it go without.
        let name = truncated(x.label, to: plot.columns / 3, glyphs: glyphs)
        let nameStart = plot.columns - displayWidth(name)
        grid.write(name, row: row + 1, column: plot.column + nameStart, style: Style(.dim))
        for (column, label) in scale.ticks(x.unit, gap: 3) {
            grid[row, plot.column + column] = Cell(glyphs.pick("┬", "+"), Style(.axis))
            let width = displayWidth(label)
            let start = max(0, min(column - width / 2, plot.columns - width))
            guard start + width < nameStart || name.isEmpty else { continue }
            grid.write(label, row: row + 1, column: plot.column + start, style: Style(.dim))
        }
        drawMarks(scale, row: row, plot, &grid)
    }

    /// Marks stand on the axis, with their label behind them where it has room.
    private func drawMarks(_ scale: HorizontalScale, row: Int, _ plot: Rect, _ grid: inout Grid) {
        let places = marks.filter { scale.range.contains($0.x) }
            .map { (column: Int(scale.column(of: $0.x).rounded()), mark: $0) }.sorted { $0.column < $1.column }
        var free = 0
        for (index, place) in places.enumerated() {
            grid[row, plot.column + place.column] = Cell(glyphs.pick("▲", "^"), Style(place.mark.role, bold: true))
            guard place.column >= free else { continue }
            let end = index + 1 < places.count ? places[index + 1].column : plot.columns
            let width = displayWidth(place.mark.label)
            if place.column + 2 + width <= end {
                grid.write(
                    place.mark.label, row: row, column: plot.column + place.column + 1, style: Style(place.mark.role))
                free = place.column + 1 + width
            } else if place.column - width - 1 >= free, index + 1 == places.count {
                grid.write(
                    place.mark.label, row: row, column: plot.column + place.column - width,
                    style: Style(place.mark.role))
                free = place.column + 1
            } else {
                free = place.column + 1
            }
        }
    }

    /// What could not be drawn.
    private struct Trouble {
        var notFinite = 0
        var offScale = 0
    }

    private func drawSeries(
        _ horizontal: HorizontalScale, _ vertical: VerticalScale, _ plot: Rect, _ grid: inout Grid
    ) -> Trouble {
        var canvas = DotCanvas(rows: plot.rows, columns: plot.columns, glyphs: glyphs)
        var trouble = Trouble()
        var markers: [(row: Int, column: Int, owner: Int)] = []
        var gaps: Set<Int> = []
        let dotsAcross = Double(plot.columns * canvas.across - 1) / Double(max(1, plot.columns - 1))
        for (owner, curve) in series.enumerated() {
            let isSparse = curve.y.count * 3 <= plot.columns || curve.kind == .points
            var column = Column()
            var previous: (x: Int, y: Int)?
            func flush() {
                guard let x = column.x else { return }
                if let previous, curve.kind == .line {
                    canvas.line(previous.x, previous.y, x, column.first, owner: owner)
                }
                canvas.vertical(x, column.low, column.high, owner: owner)
                previous = (x, column.last)
                column = Column()
            }
            for (place, value) in zip(curve.x, curve.y) where horizontal.range.contains(place) {
                let x = Int((horizontal.column(of: place) * dotsAcross).rounded())
                guard value.isFinite else {
                    trouble.notFinite += 1
                    gaps.insert(min(plot.columns - 1, x / canvas.across))
                    flush()
                    previous = nil
                    continue
                }
                let above = vertical.row(of: value)
                guard above >= -0.5, above <= Double(plot.rows) - 0.5 else {
                    trouble.offScale += 1
                    flush()
                    previous = nil
                    continue
                }
                // The middle of the lowest row is row 0; dots count from the top edge.
                let fromTop = (Double(plot.rows) - 0.5 - above) * Double(canvas.down)
                let y = min(plot.rows * canvas.down - 1, max(0, Int(fromTop)))
                if column.x != x { flush() }
                column.add(x, y)
                if isSparse { markers.append((y / canvas.down, min(plot.columns - 1, x / canvas.across), owner)) }
            }
            flush()
        }
        for row in 0..<plot.rows {
            for column in 0..<plot.columns {
                guard let (scalar, owner) = canvas.cell(row, column, plain: Self.plain) else { continue }
                grid[plot.row + row, plot.column + column] = Cell(scalar, Style(series[owner].role))
            }
        }
        for marker in markers {
            let scalar = glyphs.pick(Self.markers, Self.plain)[marker.owner % Self.plain.count]
            grid[plot.row + marker.row, plot.column + marker.column] = Cell(
                scalar, Style(series[marker.owner].role, bold: true))
        }
        for column in gaps {
            grid[plot.row, plot.column + column] = Cell(glyphs.pick("×", "!"), Style(.bad, bold: true))
        }
        return trouble
    }

    /// The points of one column of dots.
    private struct Column {
        var x: Int?
        var (first, last, low, high) = (0, 0, 0, 0)

        mutating func add(_ x: Int, _ y: Int) {
            if self.x == nil {
                self.x = x
                (first, last, low, high) = (y, y, y, y)
            } else {
                last = y
                low = min(low, y)
                high = max(high, y)
            }
        }
    }

    private func drawLegend(_ trouble: Trouble, _ rect: Rect, _ grid: inout Grid) {
        var notes: [String] = []
        if trouble.notFinite > 0 { notes.append("\(Format.count(trouble.notFinite)) not finite") }
        if trouble.offScale > 0 { notes.append("\(Format.count(trouble.offScale)) off scale") }
        var column = rect.column
        let end = rect.column + rect.columns
        let samples = series.indices.map { legendSample($0, columns: rect.columns) }
        let values = series.map { curve in
            curve.y.last.map { " " + (y.unit == .fraction ? Format.percent($0) : Format.number($0)) } ?? ""
        }
        // Names are worth more than values: where both have no room, the names stand alone.
        let texts = series.indices.map { samples[$0] + series[$0].name + values[$0] }
        let full = texts.reduce(0) { $0 + displayWidth($1) + 4 } - 3
        let showsValues = full <= rect.columns
        for (index, curve) in series.enumerated() {
            let last = showsValues ? values[index] : ""
            guard column + displayWidth(samples[index] + curve.name + last) + 1 <= end else { break }
            column += grid.write(
                samples[index] + " ", row: rect.row, column: column, style: Style(curve.role, bold: true))
            column += grid.write(curve.name, row: rect.row, column: column, style: Style(.text))
            column += grid.write(last, row: rect.row, column: column, style: Style(curve.role))
            column += 3
        }
        let note = notes.joined(separator: ", ")
        if !note.isEmpty, column + displayWidth(note) <= end {
            grid.write(note, row: rect.row, column: end - displayWidth(note), style: Style(.bad))
        }
    }

    /// How a curve looks, in one or two cells.
    private func legendSample(_ index: Int, columns: Int) -> String {
        if glyphs == .ascii { return String(Self.plain[index % Self.plain.count]) }
        if series[index].y.count * 3 <= columns || series[index].kind == .points {
            return "─\(Self.markers[index % Self.markers.count])"
        }
        return glyphs == .braille ? "⠒⠒" : "▄▄"
    }
}
