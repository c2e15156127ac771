// ConfusionChart: which class was taken for which. This file draws it; ConfusionLayout finds out what has room.

/// A confusion matrix: rows are true classes, columns predicted ones. Numbers stand on a background as strong as their
/// share of the row (of the column, by column); what is right and what is wrong have two colours. With more classes than
/// numbers have room for, shades alone are drawn, and where even those have none, a part around the selected cell.
public struct ConfusionChart: Sendable {
    /// What the numbers are.
    public enum Mode: Sendable, CaseIterable {
        /// How many examples.
        case counts
        /// Whole percents of the true class: the diagonal is the recall.
        case byRow
        /// Whole percents of the predicted class: the diagonal is the precision.
        case byColumn
    }
    /// Examples by true class, then by predicted class. Missing fields and negative numbers count as 0.
    public var counts: [[Int]]
    /// A name for each class; classes without one are named by their number.
    public var names: [String]
    public var mode: Mode
    public var selected: (row: Int, column: Int)?
    public var glyphs: GlyphSet

    public init(
        counts: [[Int]], names: [String], mode: Mode = .counts, selected: (row: Int, column: Int)? = nil,
        glyphs: GlyphSet
    ) {
        self.counts = counts
        self.names = names
        self.mode = mode
        self.selected = selected
        self.glyphs = glyphs
    }

    /// Rows and columns in which everything has room: names on both axes (their numbers where names are long), numbers in
    /// full, large cells for four classes or fewer.
    public static func size(classes: Int, names: [String], counts: [[Int]] = []) -> (rows: Int, columns: Int) {
        let chart = ConfusionChart(counts: counts, names: names, glyphs: .ascii)
        return ConfusionLayout.wanted(chart, classes: classes)
    }

    /// Draws the matrix into `rect`.
    /// - Complexity: O(classes² + cells).
    public func draw(into grid: inout Grid, in rect: Rect) {
        guard !counts.isEmpty else {
            guard rect.rows > 0 else { return }
            grid.write(
                "no counts yet", row: rect.row, column: rect.column, style: Style(.dim), maxColumns: rect.columns)
            return
        }
        guard let layout = ConfusionLayout(self, in: rect) else {
            guard rect.rows > 0 else { return }
            grid.write(
                "too small for a matrix", row: rect.row, column: rect.column, style: Style(.dim),
                maxColumns: rect.columns)
            return
        }
        drawTitle(layout, &grid)
        drawColumnNames(layout, &grid)
        let sums = Sums(self)
        for row in layout.rows {
            drawRowName(row, layout, &grid)
            for column in layout.columns { drawCell(row, column, layout, sums, &grid) }
        }
    }

    /// The cell that ``draw(into:in:)`` puts at a place of the grid; nil: none.
    public func cell(row: Int, column: Int, in rect: Rect) -> (row: Int, column: Int)? {
        guard let layout = ConfusionLayout(self, in: rect) else { return nil }
        func contains(_ start: Int, _ size: Int, _ place: Int) -> Bool { (start..<start + size).contains(place) }
        guard let foundRow = layout.rows.first(where: { contains(layout.place(ofRow: $0), layout.cellRows, row) }),
            let foundColumn = layout.columns.first(where: {
                contains(layout.place(ofColumn: $0), layout.cellColumns, column)
            })
        else { return nil }
        return (foundRow, foundColumn)
    }

    /// Examples of class `row` that were taken for `column`.
    func count(_ row: Int, _ column: Int) -> Int {
        row < counts.count && column < counts[row].count ? max(0, counts[row][column]) : 0
    }

    /// Whether each class is named by its number alone.
    var namesAreNumbers: Bool { counts.indices.allSatisfy { name($0) == "\($0)" } }

    func name(_ index: Int) -> String { index < names.count ? names[index] : String(index) }

    /// Examples of each true and of each predicted class.
    private struct Sums {
        var rows: [Double]
        var columns: [Double]

        init(_ chart: ConfusionChart) {
            rows = Array(repeating: 0, count: chart.counts.count)
            columns = rows
            for row in rows.indices {
                for column in columns.indices {
                    let count = Double(chart.count(row, column))
                    rows[row] += count
                    columns[column] += count
                }
            }
        }
    }

    private func drawTitle(_ layout: ConfusionLayout, _ grid: inout Grid) {
        let rect = layout.rect
        var title = glyphs.pick("true ↓  predicted →", "true v  predicted >")
        let (ofTrue, ofPredicted) = glyphs.pick(
            ("% of true ↓", "% of predicted →"), ("% of true", "% of predicted"))
        let what: String? =
            switch mode {
            case .counts: nil
            case .byRow: ofTrue
            case .byColumn: ofPredicted
            }
        if let what { title += displayWidth(title + what) + 2 <= rect.columns ? "  " + what : "  %" }
        let used = grid.write(title, row: rect.row, column: rect.column, style: Style(.dim), maxColumns: rect.columns)
        var parts: [String] = []
        if layout.rows.count < counts.count {
            parts.append("rows \(layout.rows.lowerBound)-\(layout.rows.upperBound - 1)")
        }
        if layout.columns.count < counts.count {
            parts.append("columns \(layout.columns.lowerBound)-\(layout.columns.upperBound - 1)")
        }
        guard !parts.isEmpty else { return }
        let note = parts.joined(separator: ", ") + " of \(counts.count)"
        let start = rect.columns - displayWidth(note)
        if start > used + 1 { grid.write(note, row: rect.row, column: rect.column + start, style: Style(.warning)) }
    }

    private func drawColumnNames(_ layout: ConfusionLayout, _ grid: inout Grid) {
        let row = layout.rect.row + 1
        // Where columns are narrower than their number, every fifth or tenth is named.
        let every = layout.showsNumbers ? 1 : layout.cellColumns == 1 ? 10 : 5
        for column in layout.columns where column % every == 0 {
            let text = layout.namesColumns ? name(column) : String(column)
            let width = displayWidth(text)
            let room = layout.cellColumns * (every == 1 ? 1 : min(every, layout.columns.upperBound - column))
            guard width <= room else { continue }
            let start = !layout.showsNumbers ? 0 : layout.namesColumns ? (room - width) / 2 : layout.numberEnd - width
            grid.write(
                text, row: row, column: layout.place(ofColumn: column) + max(0, start),
                style: nameStyle(selected?.column == column))
        }
    }

    private func drawRowName(_ row: Int, _ layout: ConfusionLayout, _ grid: inout Grid) {
        let room = layout.gutter - 1
        let index =
            layout.namesColumns ? "" : String(repeating: " ", count: layout.indexWidth - "\(row)".count) + "\(row)"
        let name = row < names.count ? names[row] : layout.namesColumns ? "\(row)" : ""
        // Classes that are named by their numbers need them once.
        let text = truncated(
            index.isEmpty ? name : namesAreNumbers ? index : index + " " + name, to: room, glyphs: glyphs)
        let start = layout.namesColumns ? room - displayWidth(text) : 0
        grid.write(
            text, row: layout.place(ofRow: row) + layout.cellRows / 2, column: layout.rect.column + start,
            style: nameStyle(selected?.row == row))
    }

    private func nameStyle(_ isSelected: Bool) -> Style { isSelected ? Style(.title, bold: true) : Style(.text) }

    private func drawCell(_ row: Int, _ column: Int, _ layout: ConfusionLayout, _ sums: Sums, _ grid: inout Grid) {
        let count = count(row, column)
        let total = mode == .byColumn ? sums.columns[column] : sums.rows[row]
        let share = total > 0 ? Double(count) / total : 0
        let level = Shade.level(share)
        let isSelected = selected.map { $0.row == row && $0.column == column } ?? false
        let cell = Rect(
            row: layout.place(ofRow: row), column: layout.place(ofColumn: column), rows: layout.cellRows,
            columns: layout.cellColumns)
        guard layout.showsNumbers else {
            let style = Style(.shade(level, good: row == column), reverse: isSelected)
            return grid.fill(cell, Cell(Shade.glyph(level, glyphs), style))
        }
        let style = Style(.heat(level, good: row == column), bold: isSelected, reverse: isSelected)
        grid.fill(cell, Cell(" ", style))
        let middle = cell.row + cell.rows / 2
        let counted = layout.isBrief ? ConfusionLayout.brief(count) : String(count)
        let percent = Self.percent(count, of: total)
        write(mode == .counts ? counted : percent, middle)
        if cell.rows >= 3 {
            let other = mode == .counts ? (percent == "-" ? percent : percent + "%") : counted
            if displayWidth(other) <= cell.columns { write(other, middle + 1, shift: mode == .counts ? 1 : 0) }
        }
        if isSelected, layout.numberEnd < cell.columns {
            grid[middle, cell.column + layout.numberEnd - layout.numberWidth - 1] = Cell("[", style)
            grid[middle, cell.column + layout.numberEnd] = Cell("]", style)
        }

        func write(_ text: String, _ row: Int, shift: Int = 0) {
            let end = min(layout.numberEnd + shift, cell.columns)
            grid.write(text, row: row, column: cell.column + max(0, end - displayWidth(text)), style: style)
        }
    }

    /// Whole percents that do not say none or all where there are some or not all.
    private static func percent(_ count: Int, of total: Double) -> String {
        guard total > 0 else { return "-" }
        let percent = (Double(count) / total * 100).rounded()
        if percent == 0, count > 0 { return "<1" }
        if percent == 100, Double(count) < total { return ">99" }
        return String(Int(percent))
    }
}
