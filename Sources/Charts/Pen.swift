// Pen: draws the points of curves on a canvas of dots.

/// Where a chart's points are on a canvas of dots.
struct Dots {
    let horizontal: HorizontalScale
    let vertical: VerticalScale
    let width: Int
    let height: Int
    private let across: Double
    private let down: Double
    private let rows: Double

    init(_ plot: LineChart.Plot, _ canvas: DotCanvas) {
        horizontal = plot.horizontal
        vertical = plot.vertical
        width = canvas.width
        height = canvas.height
        rows = Double(plot.area.rows)
        down = Double(canvas.down)
        across = Double(canvas.width - 1) / Double(max(1, plot.area.columns - 1))
    }

    /// A number of dots that is far outside of any screen, and still an Int.
    private static let far = -1e9...1e9

    private static func bounded(_ value: Double) -> Double { min(max(value, far.lowerBound), far.upperBound) }

    /// The column of dots that shows `place`; -1 and `width` stand for left and right of the chart, nil for nowhere: what
    /// is not finite, or not positive on a logarithmic axis.
    func column(of place: Double) -> Int? {
        if place < horizontal.range.lowerBound {
            return horizontal.isLogarithmic && place <= 0 || place == -.infinity ? nil : -1
        }
        if place > horizontal.range.upperBound { return place == .infinity ? nil : width }
        return place.isNaN ? nil : Int((horizontal.column(of: place) * across).rounded())
    }

    /// Dots from the left to `place`, which `column` shows: a whole number within the chart.
    func x(of place: Double, in column: Int) -> Double {
        (0..<width).contains(column) ? Double(column) : Self.bounded(horizontal.column(of: place) * across)
    }

    /// Whole dots from the top; a value that is not positive is far below a logarithmic axis.
    func y(of value: Double) -> Double {
        let above = vertical.row(of: value)
        guard !above.isNaN else { return Self.far.upperBound }
        // The middle of the lowest row is row 0; dots count from the top edge.
        let dot = Self.bounded(((rows - 0.5 - above) * down).rounded(.down))
        // What stands on the edge itself is on the chart.
        return dot == Double(height) && above >= -0.5 - 1e-9
            ? dot - 1 : dot == -1 && above <= rows - 0.5 + 1e-9 ? 0 : dot
    }
}

/// Draws curves on a canvas.
struct Pen {
    private let area: Rect
    let dots: Dots
    let glyphs: GlyphSet
    private var canvas: DotCanvas
    /// The owner of the marker in each cell, -1 without one.
    private var markers: [Int16]
    /// Columns of cells with points that are not finite.
    private var gaps: Set<Int> = []

    init(_ plot: LineChart.Plot, _ glyphs: GlyphSet) {
        area = plot.area
        self.glyphs = glyphs
        canvas = DotCanvas(rows: area.rows, columns: area.columns, glyphs: glyphs)
        markers = Array(repeating: -1, count: area.rows * area.columns)
        dots = Dots(plot, canvas)
    }

    /// An empty canvas; markers and gaps stay.
    mutating func clear() { canvas = DotCanvas(rows: area.rows, columns: area.columns, glyphs: glyphs) }

    /// Sets one dot.
    mutating func set(_ x: Int, _ y: Int, owner: Int) { canvas.set(x, y, owner: owner) }

    /// y = x, dotted; only where both axes are of one kind, for only there it is straight.
    mutating func drawDiagonal(owner: Int) {
        guard dots.horizontal.isLogarithmic == dots.vertical.isLogarithmic else { return }
        let range = dots.horizontal.range
        canvas.clippedLine(
            from: (0, dots.y(of: range.lowerBound)), to: (Double(dots.width - 1), dots.y(of: range.upperBound)),
            owner: owner, pace: glyphs == .ascii ? 2 : 3)
    }

    /// Draws points, `joined` by a line, and with markers where `marked`.
    ///
    /// Points on one column of dots are a vertical line from the smallest to the largest, joined to their neighbours at
    /// the first and the last one. A line breaks at what is not finite, and is cut at the edges of the chart.
    mutating func draw(_ points: Points, owner: Int, joined: Bool, marked: Bool) {
        let range = dots.horizontal.range
        var previous: (x: Double, y: Double)?
        points.forEachStretch(in: range, spot: dots.column) { stretch, column in
            guard let column, let last = stretch.last else {
                previous = nil
                return
            }
            let (first, isInside) = (stretch.lowerBound, column >= 0 && column < dots.width)
            if joined {
                if let previous, points.y[first].isFinite {
                    canvas.clippedLine(
                        from: previous, to: (dots.x(of: points.x[first], in: column), dots.y(of: points.y[first])),
                        owner: owner)
                }
                if isInside, let extent = points.envelope.extent(of: stretch, in: points.y).range {
                    canvas.vertical(
                        column, Int(dots.y(of: extent.upperBound)), Int(dots.y(of: extent.lowerBound)), owner: owner)
                }
                previous =
                    points.y[last].isFinite
                    ? (dots.x(of: points.x[last], in: column), dots.y(of: points.y[last])) : nil
            }
            guard marked, isInside else { return }
            mark(points, stretch, column: column / canvas.across, owner: owner)
        }
    }

    /// Marks the cells of a stretch of points; looks no further once all between the lowest and the highest are marked.
    private mutating func mark(_ points: Points, _ stretch: Range<Int>, column: Int, owner: Int) {
        let limits = dots.vertical.values(rows: area.rows)
        guard let extent = points.envelope.extent(of: stretch, in: points.y).range, extent.overlaps(limits) else {
            return
        }
        func row(_ value: Double) -> Int { Int(dots.y(of: value)) / canvas.down }
        let shown = extent.clamped(to: limits)
        var open = row(shown.lowerBound) - row(shown.upperBound) + 1
        var marked = Array(repeating: false, count: area.rows)
        for index in stretch where limits.contains(points.y[index]) {
            let row = row(points.y[index])
            if marked[row] { continue }
            marked[row] = true
            markers[row * area.columns + column] = Int16(owner)
            open -= 1
            if open == 0 { return }
        }
    }

    /// Remembers the columns of points that are not finite.
    mutating func findGaps(_ points: Points) {
        let range = dots.horizontal.range
        let visible = points.visible(in: range)
        guard points.envelope.extent(of: visible, in: points.y).notFinite > 0 else { return }
        points.forEachStretch(in: range, spot: dots.column) { stretch, column in
            guard let column, column >= 0, column < dots.width else { return }
            if points.envelope.extent(of: stretch, in: points.y).notFinite > 0 { gaps.insert(column / canvas.across) }
        }
    }

    /// Shows the canvas; the n-th owner's cells get the n-th role, and in ASCII the n-th of `plain`.
    func show(on grid: inout Grid, plain: [Unicode.Scalar], roles: [Role]) {
        for row in 0..<area.rows {
            for column in 0..<area.columns {
                guard let (scalar, owner) = canvas.cell(row, column, plain: plain) else { continue }
                grid[area.row + row, area.column + column] = Cell(scalar, Style(roles[owner]))
            }
        }
    }

    /// Shows markers, and the marks of what is not finite at the top edge.
    func showMarkers(on grid: inout Grid, roles: [Role]) {
        let scalars = glyphs.pick(LineChart.markers, LineChart.plain)
        for row in 0..<area.rows {
            for column in 0..<area.columns {
                let owner = Int(markers[row * area.columns + column])
                guard owner >= 0 else { continue }
                grid[area.row + row, area.column + column] = Cell(
                    scalars[owner % scalars.count], Style(roles[owner], bold: true))
            }
        }
        for column in gaps {
            grid[area.row, area.column + column] = Cell(glyphs.pick("×", "!"), Style(.bad, bold: true))
        }
    }
}
