// Bars: progress, a gauge, a curve in one row.

/// How much of something is done.
public struct ProgressBar: Sendable {
    /// 0 to 1.
    public var fraction: Double
    public var glyphs: GlyphSet
    public init(fraction: Double, glyphs: GlyphSet) {
        self.fraction = fraction
        self.glyphs = glyphs
    }

    private static let eighths: [Unicode.Scalar] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]

    /// Fills the first row of `rect`.
    public func draw(into grid: inout Grid, in rect: Rect) {
        let share = fraction.isFinite ? min(1, max(0, fraction)) : 0
        if glyphs == .ascii {
            let filled = Int((share * Double(rect.columns)).rounded(.down))
            for column in 0..<rect.columns {
                grid[rect.row, rect.column + column] =
                    column < filled ? Cell("#", Style(.bar)) : Cell("-", Style(.axis))
            }
            return
        }
        let eighths = Int((share * Double(rect.columns) * 8).rounded(.down))
        for column in 0..<rect.columns {
            let here = min(8, max(0, eighths - column * 8))
            grid[rect.row, rect.column + column] =
                here == 8
                ? Cell("█", Style(.bar)) : here == 0 ? Cell("░", Style(.axis)) : Cell(Self.eighths[here], Style(.bar))
        }
    }
}

/// A small gauge from 0 to 1.
public struct Meter: Sendable {
    /// 0 to 1.
    public var fraction: Double
    public var glyphs: GlyphSet
    public init(fraction: Double, glyphs: GlyphSet) {
        self.fraction = fraction
        self.glyphs = glyphs
    }

    /// Fills the first row of `rect`.
    public func draw(into grid: inout Grid, in rect: Rect) {
        let share = fraction.isFinite ? min(1, max(0, fraction)) : 0
        let filled = Int((share * Double(rect.columns)).rounded())
        for column in 0..<rect.columns {
            grid[rect.row, rect.column + column] =
                column < filled
                ? Cell(glyphs.pick("■", "="), Style(share > 0.5 ? .good : .warning))
                : Cell(glyphs.pick("·", "."), Style(.axis))
        }
    }
}

/// A curve in one row: the newest values, the last one rightmost.
public struct Sparkline: Sendable {
    public var values: [Double]
    public var role: Role
    public var glyphs: GlyphSet
    public init(values: [Double], role: Role, glyphs: GlyphSet) {
        self.values = values
        self.role = role
        self.glyphs = glyphs
    }

    private static let levels: [Unicode.Scalar] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    private static let plain: [Unicode.Scalar] = ["_", ".", "-", "=", "*", "#"]

    /// Fills the first row of `rect`. More values than columns are averaged, fewer leave the left empty.
    public func draw(into grid: inout Grid, in rect: Rect) {
        guard rect.columns > 0, !values.isEmpty else { return }
        var shown: [Double] = []
        if values.count <= rect.columns {
            shown = values
        } else {
            for column in 0..<rect.columns {
                let from = column * values.count / rect.columns
                let part = values[from..<max(from + 1, (column + 1) * values.count / rect.columns)]
                shown.append(part.reduce(0, +) / Double(part.count))
            }
        }
        let finite = shown.filter(\.isFinite)
        guard let low = finite.min(), let high = finite.max() else { return }
        let levels = glyphs.pick(Self.levels, Self.plain)
        let start = rect.column + rect.columns - shown.count
        for (index, value) in shown.enumerated() {
            guard value.isFinite else {
                grid[rect.row, start + index] = Cell(glyphs.pick("×", "!"), Style(.bad))
                continue
            }
            let share = high > low ? (value - low) / (high - low) : 0.5
            let level = min(levels.count - 1, Int(share * Double(levels.count)))
            grid[rect.row, start + index] = Cell(levels[level], Style(role))
        }
    }
}
