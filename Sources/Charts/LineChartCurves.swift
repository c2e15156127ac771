// LineChartCurves: the points of a chart as dots.

extension LineChart {
    /// Characters of the series in ASCII, and of markers elsewhere.
    static let plain: [Unicode.Scalar] = ["*", "o", "+", "x", "#"]
    static let markers: [Unicode.Scalar] = ["•", "●", "◆", "▲", "■"]

    /// Whether the points of a series are so few, or so meant, that each gets a marker.
    func isSparse(_ index: Int, _ plot: Plot) -> Bool {
        series[index].kind == .points
            || marksPoints && plot.curves[index].visibleCount(in: plot.horizontal.range) * 3 <= plot.area.columns
    }

    /// Whether a series is drawn raw and smoothed.
    func isSmoothed(_ index: Int) -> Bool { smoothing > 0 && series[index].kind == .line }

    /// The role of what lies behind a smoothed series.
    private func traceRole(_ index: Int) -> Role {
        if case .series(let number) = series[index].role { return .trace(number) }
        return .dim
    }

    /// Draws every series and the diagonal; the raw curves of smoothed series lie behind all others.
    func drawCurves(_ plot: Plot, _ grid: inout Grid) -> Trouble {
        var pen = Pen(plot, glyphs)
        var trouble = Trouble()
        let limits = plot.vertical.values(rows: plot.area.rows)
        if diagonal { pen.drawDiagonal(owner: series.count) }
        for (index, points) in plot.curves.enumerated() {
            trouble.add(points, plot.horizontal, limits: limits, asked: x.range)
            pen.findGaps(points)
            guard isSmoothed(index) else { continue }
            pen.draw(points, owner: index, joined: true, marked: false)
        }
        let roles = series.indices.map(traceRole) + [.axis]
        pen.show(on: &grid, plain: ["."], roles: roles)
        pen.clear()
        for (index, points) in plot.curves.enumerated() {
            let shown = isSmoothed(index) ? series[index].smoothedPoints(weight: smoothing) : points
            pen.draw(shown, owner: index, joined: series[index].kind == .line, marked: isSparse(index, plot))
        }
        pen.show(on: &grid, plain: Self.plain, roles: series.map(\.role))
        pen.showMarkers(on: &grid, roles: series.map(\.role))
        return trouble
    }
}
