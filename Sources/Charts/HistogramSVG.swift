// HistogramSVG: several histograms as one picture, and as a table.

/// Histograms with names, for files.
public struct HistogramSheet: Sendable {
    /// One of them.
    public struct Panel: Sendable {
        public var name: String
        /// Said behind the name.
        public var note: String
        public var range: ClosedRange<Double>
        public var counts: [Int]
        public init(name: String, note: String, range: ClosedRange<Double>, counts: [Int]) {
            self.name = name
            self.note = note
            self.range = range
            self.counts = counts
        }
    }
    public var panels: [Panel]

    public init(panels: [Panel]) { self.panels = panels }

    /// A complete SVG 1.1 document on white, two histograms a row, each with its own scales.
    public func svg(title: String) -> String {
        let (wide, tall) = (430.0, 170.0)
        let rows = (panels.count + 1) / 2
        var svg = SVG(width: Int(2 * wide + 20), height: Int(40 + Double(max(1, rows)) * tall), title: title)
        svg.text(title, 12, 22, fill: SVG.colour(.title), bold: true)
        for (index, panel) in panels.enumerated() {
            let (left, top) = (20 + Double(index % 2) * wide, 44 + Double(index / 2) * tall)
            svg.text(truncated("\(panel.name)  \(panel.note)", to: 62, glyphs: .braille), left, top + 10)
            let (width, floor) = (wide - 30, top + 128)
            let highest = Double(max(1, panel.counts.max() ?? 1))
            let bar = width / Double(max(1, panel.counts.count))
            for (bin, count) in panel.counts.enumerated() where count > 0 {
                let height = max(1, Double(count) / highest * 104)
                svg.rectangle(left + Double(bin) * bar, floor - height, max(1, bar - 1), height, fill: SVG.colour(.bar))
            }
            svg.line(left, floor, left + width, floor, stroke: SVG.colour(.axis))
            svg.text(Format.number(panel.range.lowerBound), left, floor + 16, fill: SVG.colour(.dim))
            svg.text(
                Format.number(panel.range.upperBound), left + width, floor + 16, anchor: .end, fill: SVG.colour(.dim))
            svg.text(
                "most: \(Format.count(Int(highest)))", left + width / 2, floor + 16, anchor: .middle,
                fill: SVG.colour(.dim))
        }
        return svg.document
    }

    /// A row a bin.
    public func csv() -> String {
        var rows = ["name,from,to,count"]
        for panel in panels {
            let (low, bins) = (panel.range.lowerBound, Double(max(1, panel.counts.count)))
            let width = (panel.range.upperBound - low) / bins
            for (bin, count) in panel.counts.enumerated() {
                rows.append(
                    "\(CSV.quoted(panel.name)),\(low + Double(bin) * width),\(low + Double(bin + 1) * width),\(count)")
            }
        }
        return rows.map { $0 + "\r\n" }.joined()
    }
}
