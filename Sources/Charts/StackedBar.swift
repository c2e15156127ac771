// StackedBar: what a whole is made of, in one row, with a legend that also tells the parts apart without colour.

/// Parts of a whole side by side. Each part has a glyph of its own beside its colour.
public struct StackedBar: Sendable {
    /// One part.
    public struct Part: Sendable {
        public var name: String
        /// Of the whole, 0 to 1; not a number: not known yet.
        public var fraction: Double
        public var role: Role
        public init(_ name: String, _ fraction: Double, _ role: Role) {
            self.name = name
            self.fraction = fraction
            self.role = role
        }
    }

    public var parts: [Part]
    public var glyphs: GlyphSet

    public init(parts: [Part], glyphs: GlyphSet) {
        self.parts = parts
        self.glyphs = glyphs
    }

    private static let fine: [Unicode.Scalar] = ["▞", "█", "▓", "▚", "▒", "░"]
    private static let plain: [Unicode.Scalar] = ["+", "#", "=", "%", "o", "."]

    /// What part `index` is drawn with.
    public func glyph(_ index: Int) -> Unicode.Scalar {
        let all = glyphs.pick(Self.fine, Self.plain)
        return all[index % all.count]
    }

    private var shares: [Double] { parts.map { $0.fraction.isFinite ? min(1, max(0, $0.fraction)) : 0 } }

    /// Fills the first row of `rect`; what is left of the whole stays empty.
    public func draw(into grid: inout Grid, in rect: Rect) {
        var sum = 0.0
        var from = 0
        for (index, share) in shares.enumerated() {
            sum += share
            let to = min(rect.columns, Int((sum * Double(rect.columns)).rounded()))
            for column in from..<max(from, to) {
                grid[rect.row, rect.column + column] = Cell(glyph(index), Style(parts[index].role))
            }
            from = max(from, to)
        }
    }

    /// Whole percents of the parts; they sum to what the parts together come to (the largest remainders are rounded up).
    public var percents: [Int] {
        let exact = shares.map { $0 * 100 }
        var whole = exact.map { Int($0.rounded(.down)) }
        let missing = Int(exact.reduce(0, +).rounded()) - whole.reduce(0, +)
        let order = exact.indices.sorted { (exact[$1] - Double(whole[$1]), $0) < (exact[$0] - Double(whole[$0]), $1) }
        for index in order.prefix(max(0, missing)) { whole[index] += 1 }
        return whole
    }

    /// Rows that the legend takes in so many columns.
    public func legendRows(columns: Int) -> Int { (parts.count + perRow(columns) - 1) / perRow(columns) }

    private func perRow(_ columns: Int) -> Int { max(1, min(parts.count, (columns + 1) / (entryColumns + 1))) }

    /// Glyph, name, percent: "█ forward 31 %".
    private var entryColumns: Int { (parts.map { displayWidth($0.name) }.max() ?? 0) + 7 }

    /// Draws the legend, row after row, its columns evenly apart.
    public func drawLegend(into grid: inout Grid, in rect: Rect) {
        let perRow = perRow(rect.columns)
        let pitch = perRow > 1 ? (rect.columns - entryColumns) / (perRow - 1) : 0
        for (index, (part, percent)) in zip(parts, percents).enumerated() where index / perRow < rect.rows {
            let row = rect.row + index / perRow
            let column = rect.column + index % perRow * pitch
            grid[row, column] = Cell(glyph(index), Style(part.role))
            grid.write(part.name, row: row, column: column + 2, style: Style(.dim), maxColumns: entryColumns - 7)
            let text = part.fraction.isNaN ? "-" : "\(percent) %"
            let start = max(column + 2, column + entryColumns - displayWidth(text))
            grid.write(text, row: row, column: start, style: Style(.text))
        }
    }
}
