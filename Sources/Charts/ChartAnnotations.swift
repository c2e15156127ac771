// ChartAnnotations: what lies under and over the curves of a chart: bands of what is uncertain, a level, single points.

/// The room between two curves over the same places, dotted.
public struct ChartBand: Sendable {
    /// Ascending places, equal ones allowed.
    public var x: [Double]
    public var low: [Double]
    public var high: [Double]
    public var role: Role

    public init(x: [Double], low: [Double], high: [Double], role: Role) {
        precondition(x.count == low.count && x.count == high.count, "\(x.count), \(low.count), \(high.count) numbers")
        self.x = x
        self.low = low
        self.high = high
        self.role = role
    }
}

/// A point that stands out: a sign over the curves.
public struct ChartSpot: Sendable {
    public var x: Double
    public var y: Double
    public var sign: Unicode.Scalar
    public var role: Role
    /// The one that a person moves.
    public var isCursor: Bool

    public init(x: Double, y: Double, sign: Unicode.Scalar, role: Role, isCursor: Bool = false) {
        self.x = x
        self.y = y
        self.sign = sign
        self.role = role
        self.isCursor = isCursor
    }
}

extension LineChart {
    /// Draws the signs over all else; the cursor's last.
    func drawSpots(_ plot: Plot, _ grid: inout Grid) {
        let canvas = DotCanvas(rows: plot.area.rows, columns: plot.area.columns, glyphs: glyphs)
        let dots = Dots(plot, canvas)
        for spot in spots.filter({ !$0.isCursor }) + spots.filter(\.isCursor) {
            guard let column = dots.column(of: spot.x), (0..<dots.width).contains(column), spot.y.isFinite else {
                continue
            }
            let y = dots.y(of: spot.y)
            guard y >= 0, y < Double(dots.height) else { continue }
            grid[plot.area.row + Int(y) / canvas.down, plot.area.column + column / canvas.across] = Cell(
                spot.sign, Style(spot.role, bold: true, reverse: spot.isCursor))
        }
    }
}

extension Pen {
    /// Dots between the two edges of a band; not on a logarithmic axis.
    mutating func draw(_ band: ChartBand, owner: Int) {
        guard !dots.horizontal.isLogarithmic, !band.x.isEmpty else { return }
        let range = dots.horizontal.range
        var next = 0
        for column in 0..<dots.width {
            let place =
                range.lowerBound + (range.upperBound - range.lowerBound) * Double(column)
                / Double(max(1, dots.width - 1))
            var (low, high) = (Double.infinity, -Double.infinity)
            func add(_ from: Double, _ to: Double) {
                guard from.isFinite, to.isFinite else { return }
                low = min(low, from)
                high = max(high, to)
            }
            // Points on this column of dots, however many, then what the edges have at its middle.
            while next < band.x.count, let at = dots.column(of: band.x[next]), at <= column {
                if at == column { add(band.low[next], band.high[next]) }
                next += 1
            }
            if next > 0, next < band.x.count, band.x[next] > band.x[next - 1] {
                let share = (place - band.x[next - 1]) / (band.x[next] - band.x[next - 1])
                if (0...1).contains(share) {
                    add(
                        band.low[next - 1] + share * (band.low[next] - band.low[next - 1]),
                        band.high[next - 1] + share * (band.high[next] - band.high[next - 1]))
                }
            }
            guard low <= high else { continue }
            let (top, bottom) = (Int(max(-1, dots.y(of: high))), Int(min(Double(dots.height), dots.y(of: low))))
            guard top <= bottom else { continue }
            for y in max(0, top)...max(0, bottom) where isDotted(column, y) { set(column, y, owner: owner) }
        }
    }

    /// A dotted horizontal line.
    mutating func drawLevel(_ value: Double, owner: Int) {
        let y = dots.y(of: value)
        guard value.isFinite, y >= 0, y < Double(dots.height) else { return }
        let pace = glyphs == .ascii ? 2 : 3
        for x in stride(from: 0, to: dots.width, by: pace) { set(x, Int(y), owner: owner) }
    }

    /// A dot of four; where cells have no finer dots one of two.
    private func isDotted(_ x: Int, _ y: Int) -> Bool {
        switch glyphs {
        case .braille: x % 2 == 0 && (y + x / 2) % 2 == 0
        case .blocks: x % 2 == 0 && y % 2 == 0
        case .ascii: (x + y) % 2 == 0
        }
    }
}
