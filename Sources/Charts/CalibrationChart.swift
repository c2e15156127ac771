// CalibrationChart: how often what was called so likely came true.

/// Bins of predicted probabilities: each stands at its mean prediction, as high as it came true, with a bar for what that
/// fraction could be, and as large as it has examples. On the diagonal the two agree. Where there is room, a row under the
/// chart has the examples of each bin.
public struct CalibrationChart: Sendable {
    /// The examples of a bin.
    public struct Bin: Sendable, Equatable {
        public var predicted: Double
        public var observed: Double
        public var low: Double
        public var high: Double
        public var count: Int
        public init(predicted: Double, observed: Double, low: Double, high: Double, count: Int) {
            self.predicted = predicted
            self.observed = observed
            self.low = low
            self.high = high
            self.count = count
        }
    }
    public var bins: [Bin]
    public var name: String
    /// Said behind the name.
    public var note: String
    public var role: Role
    /// A place on the x axis with a vertical line.
    public var cursor: Double?
    public var glyphs: GlyphSet

    public init(bins: [Bin], name: String, note: String = "", role: Role, cursor: Double? = nil, glyphs: GlyphSet) {
        self.bins = bins
        self.name = name
        self.note = note
        self.role = role
        self.cursor = cursor
        self.glyphs = glyphs
    }

    private static let fine: [Unicode.Scalar] = ["∘", "•", "●"]
    private static let plain: [Unicode.Scalar] = [".", "o", "O"]
    private static let eighths: [Unicode.Scalar] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    private static let plainBars: [Unicode.Scalar] = ["_", "_", ".", "-", "=", "=", "#", "#"]

    /// The chart as one of lines: its axes, and what is written into files.
    public var line: LineChart {
        var chart = LineChart(
            series: [Series(name: name, x: bins.map(\.predicted), y: bins.map(\.observed), role: role)],
            x: ChartAxis(label: "predicted", unit: .fraction, range: 0...1),
            y: ChartAxis(label: "came true", unit: .fraction, range: 0...1), glyphs: glyphs)
        chart.bands = [
            ChartBand(x: bins.map(\.predicted), low: bins.map(\.low), high: bins.map(\.high), role: role)
        ]
        chart.diagonal = true
        chart.note = note
        return chart
    }

    /// Which of the three sizes a bin has: up to a twentieth, up to a quarter of the largest, or more.
    private func size(_ bin: Bin, largest: Int) -> Int {
        let share = Double(bin.count) / Double(largest)
        return share <= 0.05 ? 0 : share <= 0.25 ? 1 : 2
    }

    /// Bins with examples and numbers.
    private var sound: [Bin] {
        bins.filter { $0.count > 0 && $0.predicted.magnitude < 1e6 && $0.observed.magnitude < 1e6 }
    }

    /// Draws the chart into `rect`.
    public func draw(into grid: inout Grid, in rect: Rect) {
        let stripRows = rect.rows >= 12 ? 1 : 0
        let upper = Rect(row: rect.row, column: rect.column, rows: rect.rows - stripRows, columns: rect.columns)
        var axes = line
        axes.cursor = cursor
        guard let (plot, legend) = axes.drawFrame(into: &grid, in: upper) else { return }
        let shown = sound
        let (area, largest) = (plot.area, shown.map(\.count).max() ?? 1)
        var pen = Pen(plot, glyphs)
        pen.drawDiagonal(owner: 0)
        pen.show(on: &grid, plain: ["."], roles: [.axis])
        pen.clear()
        for bin in shown { pen.drawUpright(bin.predicted, from: bin.low, to: bin.high, owner: 0) }
        pen.show(on: &grid, plain: ["|"], roles: [trace])
        pen.clear()
        if glyphs != .ascii {
            pen.draw(axes.series[0].points, owner: 0, joined: true, marked: false)
            pen.show(on: &grid, plain: ["*"], roles: [role])
        }
        axes.spots = shown.map { bin in
            ChartSpot(
                x: bin.predicted, y: bin.observed,
                sign: glyphs.pick(Self.fine, Self.plain)[size(bin, largest: largest)],
                role: role)
        }
        axes.drawSpots(plot, &grid)
        if let legend { drawLegend(legend, largest: largest, &grid) }
        if stripRows > 0 { drawStrip(area, row: rect.row + rect.rows - 1, largest: largest, &grid) }
    }

    private var trace: Role { if case .series(let index) = role { .trace(index) } else { .dim } }

    /// The name, the note, what the sizes mean; what does not fit is left out from the end.
    private func drawLegend(_ rect: Rect, largest: Int, _ grid: inout Grid) {
        let signs = glyphs.pick(Self.fine, Self.plain)
        var parts: [(text: String, style: Style)] = [("\(signs[2]) \(name)", Style(role))]
        if !note.isEmpty { parts.append((note, Style(.text))) }
        parts.append(("\(glyphs.pick("┈┈", "..")) exact", Style(.dim)))
        if largest > 1 {
            parts.append(
                (
                    "\(signs[0]) to \(Format.short(Double(largest / 20))) \(signs[1]) to \(Format.short(Double(largest / 4))) \(signs[2]) to \(Format.short(Double(largest))) examples",
                    Style(.dim)
                ))
        }
        var column = rect.column
        for (index, part) in parts.enumerated() {
            let room = rect.column + rect.columns - column
            let text = index == 0 ? truncated(part.text, to: room, glyphs: glyphs) : part.text
            guard displayWidth(text) <= room else { break }
            column += grid.write(text, row: rect.row, column: column, style: part.style, maxColumns: room) + 2
        }
    }

    /// How many examples each tenth of the axis has: in numbers where they have room, else as a row of bars.
    private func drawStrip(_ area: Rect, row: Int, largest: Int, _ grid: inout Grid) {
        grid.write("n", row: row, column: area.column - 2, style: Style(.dim))
        for bin in sound {
            // A probability on the edge between two bins belongs to the lower one.
            let place = min(9, max(0, Int((bin.predicted * 10).rounded(.up)) - 1))
            let (from, to) = (place * area.columns / 10, (place + 1) * area.columns / 10)
            let level = min(7, max(0, Int((Double(bin.count) / Double(largest) * 8).rounded(.up)) - 1))
            let text = Format.short(Double(bin.count))
            if displayWidth(text) < to - from {
                grid.write(text, row: row, column: area.column + from, style: Style(.dim))
                continue
            }
            for column in from..<max(from, to - 1) {
                let sign: Unicode.Scalar = glyphs.pick(Self.eighths, Self.plainBars)[level]
                grid[row, area.column + column] = Cell(sign, Style(trace))
            }
        }
    }
}

extension Pen {
    /// A vertical line at a place between two values.
    mutating func drawUpright(_ place: Double, from low: Double, to high: Double, owner: Int) {
        guard low.isFinite, high.isFinite, let column = dots.column(of: place), (0..<dots.width).contains(column) else {
            return
        }
        let (top, bottom) = (Int(max(0, dots.y(of: high))), Int(min(Double(dots.height - 1), dots.y(of: low))))
        for y in stride(from: top, through: bottom, by: 1) { set(column, y, owner: owner) }
    }
}
