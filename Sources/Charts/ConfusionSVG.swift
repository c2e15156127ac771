// ConfusionSVG: a confusion matrix as a picture and as a table.

extension ConfusionChart {
    /// The matrix as a complete SVG 1.1 document on white: every cell has its count, on a blue (right) or red (wrong) ground as
    /// strong as its share of its row.
    public func svg(title: String) -> String {
        let classes = counts.count
        let names = (0..<classes).map { truncated(name($0), to: 18, glyphs: .braille) }
        let longest = Double(names.map(displayWidth).max() ?? 0) * 7
        let digits =
            (0..<classes).flatMap { row in (0..<classes).map { count(row, $0) } }.max().map { "\($0)".count } ?? 1
        let cell = max(22.0, Double(digits) * 7 + 8)
        // Names lie over their columns where they have room, else they are numbered.
        let areNamed = longest <= cell - 4
        let left = max(90, longest + 50)
        let (top, side) = (92.0, cell * Double(classes))
        let (width, height) = (max(320, left + side + 30), top + side + 30)
        var svg = SVG(width: Int(width.rounded(.up)), height: Int(height.rounded(.up)), title: title)
        svg.text(title, 12, 22, fill: SVG.colour(.title), bold: true)
        svg.text("predicted", left, 52, fill: SVG.colour(.dim))
        svg.text("true", 12, top - 8, fill: SVG.colour(.dim))
        for row in 0..<classes {
            let middle = top + (Double(row) + 0.5) * cell
            svg.text(areNamed ? names[row] : "\(row) \(names[row])", left - 8, middle + 4, anchor: .end)
            svg.text(
                areNamed ? names[row] : "\(row)", left + (Double(row) + 0.5) * cell, top - 8, anchor: .middle)
            let sum = (0..<classes).reduce(0.0) { $0 + Double(count(row, $1)) }
            for column in 0..<classes {
                let share = sum > 0 ? Double(count(row, column)) / sum : 0
                let x = left + Double(column) * cell
                svg.rectangle(
                    x, top + Double(row) * cell, cell - 1, cell - 1, fill: Self.shade(share, isRight: row == column))
                let number = count(row, column)
                svg.text(
                    "\(number)", x + (cell - 1) / 2, middle + 4, anchor: .middle,
                    fill: number == 0 ? "#b0b0b0" : share > 0.55 ? "#ffffff" : "#202020")
            }
        }
        return svg.document
    }

    /// White to the full colour; what is there at all is seen.
    private static func shade(_ share: Double, isRight: Bool) -> String {
        let full: [Double] = isRight ? [0, 114, 178] : [192, 57, 45]
        let part = share > 0 ? 0.08 + 0.92 * min(1, share) : 0
        let parts = full.map { Int((247 + ($0 - 247) * part).rounded()) }
        return "#" + parts.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// A row for each true class, a column for each predicted one.
    public func csv() -> String {
        let names = counts.indices.map { CSV.quoted(name($0)) }
        let rows = counts.indices.map { row in
            ([names[row]] + counts.indices.map { "\(count(row, $0))" }).joined(separator: ",")
        }
        return ([(["true \\ predicted"] + names).joined(separator: ",")] + rows).map { $0 + "\r\n" }.joined()
    }
}
