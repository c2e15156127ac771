// LineChart: curves over one axis, with ticks, units, marks and a legend. This file has what a chart is and its axes;
// LineChartCurves draws the points, LineChartLegend what is read off them.

/// One axis of a chart.
public struct ChartAxis: Sendable {
    public var label: String
    public var unit: AxisUnit
    /// What is shown; nil: all finite data. Less than the data is a zoom: curves are cut at the edges, and the other axis
    /// follows what is left.
    public var range: ClosedRange<Double>?
    /// Equal distances are equal ratios; what is not positive is off scale.
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
    /// The series that the legend names first, whatever lies over what; nil: they come in their order.
    public var leader: Int?
    /// Weight of the exponential moving average, 0 (none) up to, not including, 1; see ``smoothed(_:weight:)``. Lines are
    /// then drawn twice: the raw one faint behind the smoothed one.
    public var smoothing = 0.0
    /// A place on the x axis: a vertical line stands there, and the legend shows the values at it instead of the last ones.
    public var cursor: Double?
    /// Whether y = x is drawn behind the curves: chance in a ROC chart, perfection in a calibration chart.
    public var diagonal = false
    /// Whether the points of a line get markers where they are few.
    public var marksPoints = true
    /// Whether the legend shows the last value of each curve where no cursor is.
    public var showsLastValues = true
    /// What is uncertain about the curves, behind them.
    public var bands: [ChartBand] = []
    /// A dotted line behind the curves.
    public var level: Double?
    /// Points that stand out, over the curves.
    public var spots: [ChartSpot] = []
    /// Said at the end of the legend, where it has room.
    public var note = ""

    public init(series: [Series], x: ChartAxis, y: ChartAxis, marks: [ChartMark] = [], glyphs: GlyphSet) {
        self.series = series
        self.x = x
        self.y = y
        self.marks = marks
        self.glyphs = glyphs
    }

    /// Draws the chart into `rect`.
    /// - Complexity: O(cells) once the series are summarised, which their first drawing does in O(points).
    public func draw(into grid: inout Grid, in rect: Rect) {
        guard let (plot, legend) = drawFrame(into: &grid, in: rect) else { return }
        let trouble = drawCurves(plot, &grid)
        drawSpots(plot, &grid)
        if let legend { drawLegend(plot, trouble, legend, &grid) }
    }

    /// Draws the axes. Nil where there is no room for a chart, which is said there.
    /// - Returns: the plot, and the row for a legend where there is room for one.
    func drawFrame(into grid: inout Grid, in rect: Rect) -> (plot: Plot, legend: Rect?)? {
        let legendRows = rect.rows >= 7 ? 1 : 0
        let plotRows = rect.rows - legendRows - 2
        guard plotRows >= 2, rect.columns >= 16 else {
            guard rect.rows > 0 else { return nil }
            grid.write(
                "too small for a chart", row: rect.row, column: rect.column, style: Style(.dim),
                maxColumns: rect.columns)
            return nil
        }
        let curves = series.map(\.points)
        let xRange = horizontalRange(curves)
        let vertical = verticalScale(verticalRange(curves, within: xRange), rows: plotRows)
        let labels = vertical.ticks.map { y.unit.label($0.value, step: vertical.step) }
        let gutter = (labels.map(displayWidth).max() ?? 0) + 1
        let area = Rect(
            row: rect.row + legendRows, column: rect.column + gutter + 1, rows: plotRows,
            columns: rect.columns - gutter - 1)
        guard area.columns >= 8 else {
            grid.write("too narrow", row: rect.row, column: rect.column, style: Style(.dim), maxColumns: rect.columns)
            return nil
        }
        let plot = Plot(
            area: area, vertical: vertical,
            horizontal: HorizontalScale(xRange, columns: area.columns, isLogarithmic: x.isLogarithmic), curves: curves)

        drawVerticalAxis(zip(vertical.ticks, labels).map { ($0.row, $1) }, area, &grid)
        drawHorizontalAxis(plot, &grid)
        drawCursor(plot, &grid)
        return (
            plot,
            legendRows > 0 ? Rect(row: rect.row, column: area.column, rows: 1, columns: area.columns) : nil
        )
    }

    /// Where a chart's curves are drawn, and by which scales.
    struct Plot {
        let area: Rect
        let vertical: VerticalScale
        let horizontal: HorizontalScale
        /// The points of each series.
        let curves: [Points]
    }

    private func drawVerticalAxis(_ ticks: [(row: Int, label: String)], _ area: Rect, _ grid: inout Grid) {
        let axis = area.column - 1
        for row in area.row..<area.row + area.rows { grid[row, axis] = Cell(glyphs.pick("│", "|"), Style(.axis)) }
        for (above, label) in ticks {
            let row = area.row + area.rows - 1 - above
            grid[row, axis] = Cell(glyphs.pick("┤", "+"), Style(.axis))
            let start = axis - 1 - displayWidth(label)
            grid.write(label, row: row, column: start, style: Style(.dim))
            guard glyphs != .ascii, above > 0 else { continue }
            for column in stride(from: area.column + 3, to: area.column + area.columns, by: 4) {
                grid[row, column] = Cell("·", Style(.axis))
            }
        }
    }

    private func drawHorizontalAxis(_ plot: Plot, _ grid: inout Grid) {
        let (area, scale) = (plot.area, plot.horizontal)
        let row = area.row + area.rows
        grid[row, area.column - 1] = Cell(glyphs.pick("└", "+"), Style(.axis))
        for column in area.column..<area.column + area.columns {
            grid[row, column] = Cell(glyphs.pick("─", "-"), Style(.axis))
        }
        // The axis' own name stands at the right end; ticks whose labels would touch it go without.
        let name = truncated(x.label, to: area.columns / 2, glyphs: glyphs)
        let nameStart = area.columns - displayWidth(name)
        grid.write(name, row: row + 1, column: area.column + nameStart, style: Style(.dim))
        for (column, _, label) in scale.ticks(x.unit, gap: 3) {
            grid[row, area.column + column] = Cell(glyphs.pick("┬", "+"), Style(.axis))
            let width = displayWidth(label)
            let start = max(0, min(column - width / 2, area.columns - width))
            guard start + width < nameStart || name.isEmpty else { continue }
            grid.write(label, row: row + 1, column: area.column + start, style: Style(.dim))
        }
        drawMarks(plot, &grid)
    }

    /// Marks stand on the axis, with their label behind them where it has room.
    private func drawMarks(_ plot: Plot, _ grid: inout Grid) {
        let (area, scale) = (plot.area, plot.horizontal)
        let row = area.row + area.rows
        let places = marks.filter { scale.range.contains($0.x) }
            .map { (column: Int(scale.column(of: $0.x).rounded()), mark: $0) }.sorted { $0.column < $1.column }
        var free = 0
        for (index, place) in places.enumerated() {
            grid[row, area.column + place.column] = Cell(glyphs.pick("▲", "^"), Style(place.mark.role, bold: true))
            guard place.column >= free else { continue }
            let end = index + 1 < places.count ? places[index + 1].column : area.columns
            let width = displayWidth(place.mark.label)
            var start: Int?
            if place.column + 2 + width <= end {
                start = place.column + 1
            } else if place.column - width - 1 >= free, index + 1 == places.count {
                start = place.column - width
            }
            if let start {
                grid.write(place.mark.label, row: row, column: area.column + start, style: Style(place.mark.role))
            }
            free = max(place.column + 1, (start ?? 0) + width)
        }
    }
}

/// The scales that the data ask for.
extension LineChart {
    /// What the x axis shows.
    func horizontalRange(_ curves: [Points]) -> ClosedRange<Double> {
        let isLogarithmic = x.isLogarithmic
        let data = curves.compactMap { $0.placeRange(positive: isLogarithmic) }
        guard let asked = x.range else { return Self.union(data) ?? (isLogarithmic ? 1...10 : 0...1) }
        let range = asked.clamped(to: Self.sane)
        guard isLogarithmic, range.lowerBound <= 0 else { return range }
        guard range.upperBound > 0 else { return 1...10 }
        let lowest = data.map(\.lowerBound).min() ?? range.upperBound / 1000
        return min(lowest, range.upperBound)...range.upperBound
    }

    /// What the y axis shows of the points within `range`.
    func verticalRange(_ curves: [Points], within range: ClosedRange<Double>) -> ClosedRange<Double> {
        let data = curves.compactMap { $0.valueRange(in: range, positive: y.isLogarithmic) }
        return y.range?.clamped(to: Self.sane) ?? Self.union(data) ?? (y.isLogarithmic ? 0.1...1 : 0...1)
    }

    /// A scale of the y axis that shows `range`.
    func verticalScale(_ range: ClosedRange<Double>, rows: Int) -> VerticalScale {
        if y.isLogarithmic { return VerticalScale(logarithmic: range, rows: rows) }
        // Fractions of all that there can be take the whole height.
        if y.unit == .fraction, y.range == 0...1 { return VerticalScale(fractionsIn: rows) }
        let limit = y.unit == .fraction && range.upperBound <= 1 ? 1 : Double.infinity
        return VerticalScale(range, rows: rows, unit: y.unit, limit: limit)
    }

    /// Numbers that an axis can show: their differences are numbers too.
    private static let sane = -1e300...1e300

    private static func union(_ ranges: [ClosedRange<Double>]) -> ClosedRange<Double>? {
        guard let low = ranges.map(\.lowerBound).min(), let high = ranges.map(\.upperBound).max() else { return nil }
        return (low...high).clamped(to: sane)
    }
}
