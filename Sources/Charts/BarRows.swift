// BarRows: named numbers as horizontal bars.

/// A bar a row, with its name before and its number behind it. Negative values go to the left of a common zero.
public struct BarRows: Sendable {
    /// The name, the length of the bar, the text behind it, the bar's role.
    public var rows: [(label: String, value: Double, text: String, role: Role)]
    public var glyphs: GlyphSet

    public init(rows: [(label: String, value: Double, text: String, role: Role)], glyphs: GlyphSet) {
        self.rows = rows
        self.glyphs = glyphs
    }

    private static let eighths: [Unicode.Scalar] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"]

    /// Draws as many rows as have room; the last one then says how many more there are. Lengths are comparable over all
    /// rows, shown or not.
    public func draw(into grid: inout Grid, in rect: Rect) {
        guard rect.rows > 0, rect.columns > 0, !rows.isEmpty else { return }
        let isCut = rows.count > rect.rows
        let shown = rows.prefix(isCut ? rect.rows - 1 : rect.rows)
        // Texts are worth more than names, and names more than bars.
        let texts = shown.map { displayWidth($0.text) }.max() ?? 0
        let labels = min(
            shown.map { displayWidth($0.label) }.max() ?? 0, max(0, rect.columns - texts - 1), rect.columns / 3)
        let start = rect.column + labels + (labels > 0 ? 1 : 0)
        let room = rect.column + rect.columns - start - (texts > 0 ? texts + 1 : 0)
        for (index, row) in shown.enumerated() {
            let at = rect.row + index
            let label = truncated(row.label, to: labels, glyphs: glyphs)
            grid.write(label, row: at, column: rect.column, style: Style(.text), maxColumns: labels)
            if room > 0 { drawBar(row.value, row.role, Rect(row: at, column: start, rows: 1, columns: room), &grid) }
            let text = truncated(row.text, to: rect.columns, glyphs: glyphs)
            grid.write(text, row: at, column: rect.column + rect.columns - displayWidth(text), style: Style(.text))
        }
        if isCut {
            let more = "\(glyphs.pick("…", "...")) \(rows.count - shown.count) more"
            grid.write(
                more, row: rect.row + rect.rows - 1, column: rect.column, style: Style(.dim), maxColumns: rect.columns)
        }
    }

    /// A bar from the common zero of all rows.
    private func drawBar(_ value: Double, _ role: Role, _ rect: Rect, _ grid: inout Grid) {
        let finite = rows.map(\.value).filter(\.isFinite)
        guard value.isFinite else {
            grid[rect.row, rect.column] = Cell(glyphs.pick("×", "!"), Style(.bad, bold: true))
            return
        }
        // Halved, so that the difference of the largest numbers is one.
        let (low, high) = (min(0, finite.min() ?? 0) / 2, max(0, finite.max() ?? 0) / 2)
        let negative = high > low ? Int((-low / (high - low) * Double(rect.columns)).rounded(.up)) : 0
        let zero = min(negative, high > 0 ? rect.columns - 1 : rect.columns)
        if value < 0 {
            let length = value / 2 / low * Double(zero)
            let halves = max(1, Int((length * 2).rounded()))
            for column in 0..<halves / 2 {
                grid[rect.row, rect.column + zero - 1 - column] = Cell(glyphs.pick("█", "#"), Style(role))
            }
            if halves % 2 == 1, zero > halves / 2 {
                grid[rect.row, rect.column + zero - 1 - halves / 2] = Cell(glyphs.pick("▐", "-"), Style(role))
            }
            return
        }
        guard value > 0, high > 0 else { return }
        let room = rect.columns - zero
        let steps = glyphs == .ascii ? 2 : 8
        let filled = max(1, Int((value / 2 / high * Double(room * steps)).rounded()))
        for column in 0..<room {
            let here = min(steps, filled - column * steps)
            guard here > 0 else { break }
            let scalar: Unicode.Scalar = glyphs == .ascii ? (here == 2 ? "#" : "-") : Self.eighths[here]
            grid[rect.row, rect.column + zero + column] = Cell(scalar, Style(role))
        }
    }
}
