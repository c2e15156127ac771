// WeightBars: what speaks for and what against, as bars to both sides of a line, with how far each can be trusted.

/// A term a row: its text, a bar to the right of a common line (positive) or to the left of it, its number. What is shaded at
/// a bar's end lies between its smallest and its largest value.
public struct WeightBars: Sendable {
    /// One row.
    public struct Term: Sendable {
        public var text: String
        public var weight: Double
        public var low: Double
        public var high: Double
        public init(text: String, weight: Double, low: Double, high: Double) {
            self.text = text
            self.weight = weight
            self.low = low
            self.high = high
        }
    }
    public var terms: [Term]
    public var glyphs: GlyphSet

    public init(terms: [Term], glyphs: GlyphSet) {
        self.terms = terms
        self.glyphs = glyphs
    }

    /// Draws as many rows as have room; the last one then says how many more there are.
    public func draw(into grid: inout Grid, in rect: Rect) {
        guard rect.rows > 0, rect.columns >= 12, !terms.isEmpty else { return }
        let longest = terms.map { displayWidth($0.text) }.max() ?? 0
        // Where texts would be cut and there is room below, each has a line of its own above its bar.
        let isTall = longest > max(rect.columns / 3, rect.columns - 30) && rect.rows >= 2 * terms.count
        let lines = isTall ? 2 : 1
        let isCut = terms.count * lines > rect.rows
        let shown = Array(terms.prefix(isCut ? rect.rows - 1 : terms.count))
        let decimals = Format.decimals(upTo: shown.map(\.weight.magnitude).max() ?? 0)
        func number(_ value: Double) -> String {
            guard let decimals, value.isFinite else { return Format.number(value) }
            return Format.fixed(value, decimals)
        }
        let numbers = shown.map { ($0.weight > 0 ? "+" : "") + number($0.weight) }
        // What is counted has no spread.
        let spreads = shown.map { $0.low == $0.high ? "" : "\(number($0.low)) to \(number($0.high))" }
        let numberColumns = numbers.map(displayWidth).max() ?? 0
        let spreadColumns = rect.columns >= (isTall ? 48 : 72) ? (spreads.map(displayWidth).max() ?? 0) + 2 : 0
        let beside = min(longest, max(rect.columns / 3, rect.columns - numberColumns - spreadColumns - 16))
        let textColumns = isTall ? rect.columns : beside
        let indent = isTall ? 0 : textColumns + 1
        let bars = Rect(
            row: rect.row, column: rect.column + indent, rows: shown.count,
            columns: max(0, rect.columns - indent - numberColumns - spreadColumns - 2))
        // All rows share one scale, and those that are not shown have no part in it: they are the smallest.
        let most = shown.map { max($0.high, $0.weight, 0) }.filter(\.isFinite).max() ?? 0
        let least = shown.map { min($0.low, $0.weight, 0) }.filter(\.isFinite).min() ?? 0
        let span = most - least
        let zero = span > 0 ? Int((-least / span * Double(bars.columns - 1)).rounded()) : 0
        for (index, term) in shown.enumerated() {
            let text = truncated(term.text, to: textColumns, glyphs: glyphs)
            grid.write(
                text, row: rect.row + index * lines, column: rect.column, style: Style(.text), maxColumns: textColumns)
            let row = rect.row + index * lines + lines - 1
            if bars.columns > 2 {
                grid[row, bars.column + zero] = Cell(glyphs.pick("│", "|"), Style(.axis))
                drawBar(term, row: row, bars, zero: zero, span: span, &grid)
            }
            let end = rect.column + rect.columns - spreadColumns
            grid.write(
                numbers[index], row: row, column: end - displayWidth(numbers[index]),
                style: Style(term.weight < 0 ? .bad : .good), maxColumns: numberColumns)
            if spreadColumns > 0 {
                grid.write(
                    spreads[index], row: row, column: rect.column + rect.columns - displayWidth(spreads[index]),
                    style: Style(.dim), maxColumns: spreadColumns)
            }
        }
        if isCut {
            let more = "\(glyphs.pick("…", "...")) \(terms.count - shown.count) more"
            grid.write(
                more, row: rect.row + rect.rows - 1, column: rect.column, style: Style(.dim), maxColumns: rect.columns)
        }
    }

    private func drawBar(
        _ term: Term, row: Int, _ bars: Rect, zero: Int, span: Double, _ grid: inout Grid
    ) {
        guard span > 0, term.weight.isFinite, term.low.isFinite, term.high.isFinite else { return }
        let isPositive = term.weight >= 0
        func length(_ value: Double) -> Int {
            Int((max(0, isPositive ? value : -value) / span * Double(bars.columns - 1)).rounded())
        }
        let sure = length(isPositive ? term.low : term.high)
        let reach = max(length(isPositive ? term.high : term.low), term.weight == 0 ? 0 : 1)
        for step in 1...max(1, reach) where step <= reach {
            let column = isPositive ? bars.column + zero + step : bars.column + zero - step
            guard (bars.column..<bars.column + bars.columns).contains(column) else { break }
            let cell: Unicode.Scalar =
                step <= max(sure, reach == 1 ? 1 : 0) ? glyphs.pick("█", "#") : glyphs.pick("▒", "-")
            grid[row, column] = Cell(cell, Style(isPositive ? .good : .bad))
        }
    }
}
