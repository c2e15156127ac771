// Shades: levels from 0 to 8, as glyphs and as what a share becomes; and the line of numbers under a picture of values.

/// Levels of a heat map, 0 (nothing) to 8 (all).
enum Shade {
    /// The level of a share of 0 to 1. What is there at all is at least 1, so that one mistake among thousands is seen.
    static func level(_ share: Double) -> Int {
        guard share > 0 else { return 0 }
        return min(8, max(1, Int((min(share, 1) * 8).rounded())))
    }

    private static let fine: [Unicode.Scalar] = [" ", "░", "░", "▒", "▒", "▓", "▓", "█", "█"]
    private static let plain: [Unicode.Scalar] = [" ", ".", ":", "-", "=", "+", "*", "#", "@"]

    /// A glyph as dense as `level` says.
    static func glyph(_ level: Int, _ glyphs: GlyphSet) -> Unicode.Scalar {
        glyphs.pick(fine, plain)[min(8, max(0, level))]
    }
}

/// Draws an axis line with the ends of `range` and zero under it, two rows from `row` on.
func drawValueAxis(
    _ range: ClosedRange<Double>, row: Int, column: Int, columns: Int, glyphs: GlyphSet, _ grid: inout Grid
) {
    guard columns > 0 else { return }
    func mark(_ place: Int) { grid[row, column + place] = Cell(glyphs.pick("┴", "+"), Style(.axis)) }
    for place in 0..<columns { grid[row, column + place] = Cell(glyphs.pick("─", "-"), Style(.axis)) }
    mark(0)
    mark(columns - 1)
    let (low, high) = (Format.number(range.lowerBound), Format.number(range.upperBound))
    let lowEnd = grid.write(low, row: row + 1, column: column, style: Style(.dim), maxColumns: columns)
    var highStart = columns
    if lowEnd + 1 + displayWidth(high) <= columns {
        highStart -= displayWidth(high)
        grid.write(high, row: row + 1, column: column + highStart, style: Style(.dim))
    }
    let share = -range.lowerBound / (range.upperBound - range.lowerBound)
    guard share > 0, share < 1 else { return }
    let zero = min(columns - 1, Int(share * Double(columns)))
    mark(zero)
    if zero > lowEnd, zero + 1 < highStart { grid.write("0", row: row + 1, column: column + zero, style: Style(.dim)) }
}
