// ScatterChart: points in a plane. Few of them are dots; where they outnumber the cells, shades say how many lie where.

/// Points of two quantities of the same kind, such as what was predicted over what is true: both axes show the same range, so
/// that y = x, which is drawn behind the points, means that the two agree.
public struct ScatterChart: Sendable {
    /// The places of the points on the x axis; one for each of ``y``.
    public var x: [Double]
    public var y: [Double]
    /// What the axes count, with the unit: the x axis' name stands at its end, that of the y axis above it.
    public var xLabel: String
    public var yLabel: String
    /// What is to be said of the points, in a few words, behind the y axis' name.
    public var note: String
    public var role: Role
    public var glyphs: GlyphSet

    public init(
        x: [Double], y: [Double], xLabel: String, yLabel: String, note: String = "", role: Role = .series(0),
        glyphs: GlyphSet
    ) {
        precondition(x.count == y.count, "\(x.count) places for \(y.count) values")
        self.x = x
        self.y = y
        self.xLabel = xLabel
        self.yLabel = yLabel
        self.note = note
        self.role = role
        self.glyphs = glyphs
    }

    /// Draws the chart into `rect`. Points that are not finite are counted in words.
    /// - Complexity: O(points + cells).
    public func draw(into grid: inout Grid, in rect: Rect) {
        let range = range
        let axes = LineChart(
            series: [], x: ChartAxis(label: xLabel, unit: .plain, range: range),
            y: ChartAxis(label: yLabel, unit: .plain, range: range), glyphs: glyphs)
        guard let (plot, legend) = axes.drawFrame(into: &grid, in: rect) else { return }
        let area = plot.area
        var canvas = DotCanvas(rows: area.rows, columns: area.columns, glyphs: glyphs)
        let dots = Dots(plot, canvas)
        var pen = Pen(plot, glyphs)
        pen.drawDiagonal(owner: 0)
        pen.show(on: &grid, plain: ["."], roles: [.axis])

        var counts = [Int](repeating: 0, count: area.rows * area.columns)
        var notFinite = 0
        for (place, value) in zip(x, y) {
            guard place.isFinite, value.isFinite, let column = dots.column(of: place), column < canvas.width else {
                notFinite += 1
                continue
            }
            let row = Int(dots.y(of: value))
            guard column >= 0, (0..<canvas.height).contains(row) else { continue }
            canvas.set(column, row, owner: 0)
            counts[row / canvas.down * area.columns + column / canvas.across] += 1
        }
        let isDense = x.count > counts.count
        let highest = counts.max() ?? 0
        for row in 0..<area.rows {
            for column in 0..<area.columns {
                let count = counts[row * area.columns + column]
                guard count > 0 else { continue }
                if isDense {
                    let level = Shade.level(Double(count) / Double(highest))
                    grid[area.row + row, area.column + column] = Cell(
                        Shade.glyph(level, glyphs), Style(.shade(level, good: true)))
                } else if let (scalar, _) = canvas.cell(row, column, plain: LineChart.plain) {
                    grid[area.row + row, area.column + column] = Cell(scalar, Style(role))
                }
            }
        }
        guard let legend else { return }
        drawLegend(isDense ? highest : nil, notFinite, legend, &grid)
    }

    /// All finite numbers of both axes; 0 to 1 without any.
    private var range: ClosedRange<Double> {
        let finite = zip(x, y).filter { $0.isFinite && $1.isFinite }.flatMap { [$0, $1] }
        guard let low = finite.min(), let high = finite.max() else { return 0...1 }
        return (low...high).clamped(to: -1e300...1e300)
    }

    /// The y axis' name, what the diagonal and the shades mean, and what is missing; what does not fit is left out from the
    /// end.
    private func drawLegend(_ highest: Int?, _ notFinite: Int, _ rect: Rect, _ grid: inout Grid) {
        var parts: [(text: String, style: Style)] = [(yLabel, Style(.dim))]
        if notFinite > 0 { parts.append(("\(Format.count(notFinite)) not finite", Style(.bad))) }
        if !note.isEmpty { parts.append((note, Style(.text))) }
        parts.append(("\(glyphs.pick("┈┈", "..")) exact", Style(.dim)))
        if let highest {
            let (few, many) = (Shade.glyph(1, glyphs), Shade.glyph(8, glyphs))
            parts.append(("\(few) 1 to \(many) \(Format.count(highest)) a cell", Style(.dim)))
        }
        var column = rect.column
        for (index, part) in parts.enumerated() {
            let room = rect.column + rect.columns - column
            let width = displayWidth(part.text)
            guard index == 0 || width <= room else { break }
            grid.write(part.text, row: rect.row, column: column, style: part.style, maxColumns: room)
            column += width + 3
        }
    }
}
