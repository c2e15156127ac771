// ConfusionLayout: how large the cells of a confusion matrix are, and what stands in them.

/// Where the parts of a confusion matrix are. It takes the first that has room: names over the columns, numbers over the
/// columns (rows then show number and name, and so are the legend), shortened counts, shades of two columns, of one.
struct ConfusionLayout {
    let rect: Rect
    /// Columns of the row names, with a blank behind them.
    let gutter: Int
    let cellRows: Int
    let cellColumns: Int
    /// Classes that are shown; less than all where a window moves over the matrix.
    let rows: Range<Int>
    let columns: Range<Int>
    /// Whether columns are headed by names rather than by numbers of classes.
    let namesColumns: Bool
    /// Whether cells hold numbers rather than shades.
    let showsNumbers: Bool
    /// Whether counts are shortened: 12k.
    let isBrief: Bool
    let numberWidth: Int
    /// Columns from the left of a cell to the end of its number.
    let numberEnd: Int
    /// Digits of the last class.
    let indexWidth: Int

    private static let headRows = 2

    /// What a chart's texts need.
    private struct Needs {
        let full, brief, name, index: Int

        init(_ chart: ConfusionChart, classes: Int) {
            index = String(max(0, classes - 1)).count
            name = chart.names.prefix(classes).map(displayWidth).max() ?? index
            let counts = chart.counts.joined()
            full = chart.mode == .counts ? String(max(0, counts.max() ?? 0)).count : 3
            brief = min(full, 4)
        }
    }

    /// Nil where not even one shade has room.
    init?(_ chart: ConfusionChart, in rect: Rect) {
        let classes = chart.counts.count
        let needs = Needs(chart, classes: classes)
        let room = rect.rows - Self.headRows
        guard classes > 0, room > 0, rect.columns >= 8 else { return nil }
        // Rows of a cell: an odd number, so that it has a middle.
        let height = classes <= 3 && classes * 5 <= room ? 5 : classes * 3 <= room ? 3 : 1
        self.rect = rect
        indexWidth = needs.index

        func cell(_ gutter: Int, least: Int, ideal: Int) -> Int? {
            let columns = (rect.columns - gutter) / classes
            return columns >= least ? min(columns, max(least, ideal)) : nil
        }
        // Rows with numbers and names; the names are cut before the numbers are.
        let fullGutter = chart.namesAreNumbers ? needs.index + 1 : needs.index + 2 + needs.name
        func numberedGutter(least: Int) -> Int {
            max(min(fullGutter, needs.index + 6), min(fullGutter, rect.columns / 3, rect.columns - classes * least))
        }
        let extra = height * 3
        let named = max(needs.full, needs.name) + 1
        let plain = max(needs.full, needs.index) + 1
        let short = max(needs.brief, needs.index) + 1
        let number: (width: Int, gutter: Int, isNamed: Bool, digits: Int)?
        if needs.name <= 12, let width = cell(needs.name + 1, least: named, ideal: max(named, needs.full + 4, extra)) {
            number = (width, needs.name + 1, true, needs.full)
        } else if let width = cell(
            numberedGutter(least: plain), least: plain, ideal: max(needs.full + 4, extra))
        {
            number = (width, numberedGutter(least: plain), false, needs.full)
        } else if let width = cell(numberedGutter(least: short), least: short, ideal: short + 1) {
            number = (width, numberedGutter(least: short), false, needs.brief)
        } else {
            number = nil
        }

        if let number {
            (showsNumbers, namesColumns) = (true, number.isNamed)
            (cellColumns, gutter, cellRows) = (number.width, number.gutter, height)
            isBrief = number.digits < needs.full
            numberWidth = number.digits
            numberEnd = numberWidth + (number.width - numberWidth + 1) / 2
        } else {
            (showsNumbers, namesColumns, isBrief) = (false, false, false)
            let cut = min(fullGutter, max(needs.index + 1, rect.columns / 4))
            // All classes without their names are more than some with them.
            gutter = cut + classes > rect.columns && needs.index + 1 + classes <= rect.columns ? needs.index + 1 : cut
            cellColumns = gutter + classes * 2 <= rect.columns ? 2 : 1
            (cellRows, numberWidth, numberEnd) = (1, 0, 0)
        }
        rows = Self.window(classes, room / cellRows, around: chart.selected?.row)
        columns = Self.window(classes, (rect.columns - gutter) / cellColumns, around: chart.selected?.column)
        if rows.isEmpty || columns.isEmpty { return nil }
    }

    private static func window(_ count: Int, _ room: Int, around middle: Int?) -> Range<Int> {
        let shown = min(count, max(0, room))
        let start = min(max(0, min(max(0, middle ?? 0), count) - shown / 2), count - shown)
        return start..<start + shown
    }

    /// Rows and columns in which `chart` has all the room it can use.
    static func wanted(_ chart: ConfusionChart, classes: Int) -> (rows: Int, columns: Int) {
        let needs = Needs(chart, classes: classes)
        let cellRows = classes <= 4 ? 3 : 1
        let rows = headRows + max(1, classes * cellRows)
        if needs.name <= 12 {
            let cell = max(needs.name + 1, needs.full + 4, cellRows == 3 ? 9 : 0)
            return (rows, max(24, needs.name + 1 + classes * cell))
        }
        return (rows, max(24, needs.index + 2 + needs.name + classes * max(needs.full + 4, cellRows == 3 ? 9 : 0)))
    }

    /// The screen's column of a class.
    func place(ofColumn column: Int) -> Int { rect.column + gutter + (column - columns.lowerBound) * cellColumns }

    /// The screen's first row of a class.
    func place(ofRow row: Int) -> Int { rect.row + Self.headRows + (row - rows.lowerBound) * cellRows }

    /// A count in at most four characters: 9999, 12k, 123k, 12M; from 10^15 on "lots".
    static func brief(_ count: Int) -> String {
        var (value, units) = (count, ["", "k", "M", "G", "T"][...])
        if value < 10_000 { return String(value) }
        while value >= 1000, units.count > 1 {
            value = value / 1000 + (value % 1000 >= 500 ? 1 : 0)
            units.removeFirst()
        }
        return value < 1000 ? "\(value)\(units.first ?? "")" : "lots"
    }
}
