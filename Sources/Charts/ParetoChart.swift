// ParetoChart: what is paid and what is got for it; points that no other beats in both are the front.

/// Named points over a cost (smaller is better) and a worth (larger is better).
public struct ParetoChart: Sendable {
    /// One choice.
    public struct Point: Sendable {
        public var name: String
        public var cost: Double
        public var worth: Double
        public var isSelected: Bool
        public init(name: String, cost: Double, worth: Double, isSelected: Bool = false) {
            self.name = name
            self.cost = cost
            self.worth = worth
            self.isSelected = isSelected
        }
    }
    public var points: [Point]
    public var costLabel: String
    public var worthLabel: String
    public var glyphs: GlyphSet

    /// What a point of less cost is: "smaller".
    public var lessWord: String

    public init(points: [Point], costLabel: String, worthLabel: String, lessWord: String, glyphs: GlyphSet) {
        self.lessWord = lessWord
        self.points = points
        self.costLabel = costLabel
        self.worthLabel = worthLabel
        self.glyphs = glyphs
    }

    /// Places of the points that none beats: none costs less and is worth as much, or costs as much and is worth more. Cheapest
    /// first; points that are not finite are none of them.
    public var front: [Int] {
        let order = points.indices.filter { points[$0].cost.isFinite && points[$0].worth.isFinite }.sorted {
            (points[$0].cost, points[$1].worth, $0) < (points[$1].cost, points[$0].worth, $1)
        }
        var best = -Double.infinity
        return order.filter { index in
            guard points[index].worth > best else { return false }
            best = points[index].worth
            return true
        }
    }

    /// Draws the chart into `rect`: the front as full points with names, others as small ones.
    public func draw(into grid: inout Grid, in rect: Rect) {
        let finite = points.filter { $0.cost.isFinite && $0.worth.isFinite }
        guard let low = finite.map(\.cost).min(), let high = finite.map(\.cost).max(),
            let least = finite.map(\.worth).min(), let most = finite.map(\.worth).max()
        else { return }
        func wide(_ low: Double, _ high: Double) -> ClosedRange<Double> {
            let margin = high > low ? (high - low) * 0.06 : max(high.magnitude * 0.05, 1e-3)
            return (low - margin)...(high + margin)
        }
        let axes = LineChart(
            series: [], x: ChartAxis(label: costLabel, unit: .plain, range: 0...wide(low, high).upperBound),
            y: ChartAxis(label: worthLabel, unit: .plain, range: wide(least, most)), glyphs: glyphs)
        guard let (plot, legend) = axes.drawFrame(into: &grid, in: rect) else { return }
        let area = plot.area
        let canvas = DotCanvas(rows: area.rows, columns: area.columns, glyphs: glyphs)
        let dots = Dots(plot, canvas)
        let front = front
        func place(_ point: Point) -> (row: Int, column: Int)? {
            guard let column = dots.column(of: point.cost), (0..<canvas.width).contains(column) else { return nil }
            let row = Int(dots.y(of: point.worth))
            guard (0..<canvas.height).contains(row) else { return nil }
            return (area.row + row / canvas.down, area.column + column / canvas.across)
        }
        // What is drawn later lies on top: the front, then the selected one.
        let order =
            points.indices.filter { !front.contains($0) } + front.filter { !points[$0].isSelected }
            + points.indices.filter { points[$0].isSelected }
        for index in order {
            guard let (row, column) = place(points[index]) else { continue }
            let isFront = front.contains(index)
            let selected = points[index].isSelected
            let glyph: Unicode.Scalar =
                selected ? glyphs.pick("◆", "@") : isFront ? glyphs.pick("●", "o") : glyphs.pick("○", ".")
            grid[row, column] = Cell(
                glyph, Style(selected ? .focus : isFront ? .good : .dim, bold: selected))
        }
        // Names where nothing else is written yet: the selected one's first, then those of the front.
        var taken = Set(points.compactMap(place).map { $0.row * 10_000 + $0.column })
        for index in points.indices.filter({ points[$0].isSelected }) + front.filter({ !points[$0].isSelected }) {
            guard let (row, column) = place(points[index]) else { continue }
            let width = displayWidth(points[index].name)
            let end = area.column + area.columns
            for start in [column + 2, column - width - 1] where start >= area.column && start + width <= end {
                let cells = (start - 1...start + width).map { row * 10_000 + $0 }
                guard taken.isDisjoint(with: cells.filter { $0 != row * 10_000 + column }) else { continue }
                taken.formUnion(cells)
                grid.write(
                    points[index].name, row: row, column: start,
                    style: Style(points[index].isSelected ? .text : .dim), maxColumns: width)
                break
            }
        }
        guard let legend else { return }
        let text =
            "\(worthLabel)   \(glyphs.pick("◆", "@")) selected   \(glyphs.pick("●", "o")) none is \(lessWord) and better"
        grid.write(
            truncated(text, to: legend.columns, glyphs: glyphs), row: legend.row, column: legend.column,
            style: Style(.dim), maxColumns: legend.columns)
    }
}
