// Bands, levels, spots and calibration charts, as golden screens and by what must hold.

import Testing

@testable import Charts

struct AnnotationTests {
    /// A curve with all that can lie around it.
    private func annotated(_ glyphs: GlyphSet) -> LineChart {
        let x = (0...20).map { Double($0) / 20 }
        let y = x.map { 1 - (1 - $0) * (1 - $0) }
        var chart = LineChart(
            series: [Series(name: "curve", x: x, y: y, role: .series(0))],
            x: ChartAxis(label: "x", unit: .fraction, range: 0...1),
            y: ChartAxis(label: "y", unit: .fraction, range: 0...1), glyphs: glyphs)
        chart.bands = [
            ChartBand(x: x, low: y.map { max(0, $0 - 0.15) }, high: y.map { min(1, $0 + 0.1) }, role: .series(0))
        ]
        chart.level = 0.25
        chart.diagonal = true
        chart.marksPoints = false
        chart.spots = [
            ChartSpot(x: 0.25, y: y[5], sign: "F", role: .good),
            ChartSpot(x: 0.5, y: y[10], sign: "@", role: .focus, isCursor: true),
            ChartSpot(x: 2, y: 0, sign: "X", role: .bad), ChartSpot(x: 0.5, y: .nan, sign: "X", role: .bad),
        ]
        chart.note = "a note"
        return chart
    }

    @Test(arguments: GlyphSet.allCases, [(20, 60), (10, 34)])
    func goldenAnnotations(glyphs: GlyphSet, size: (Int, Int)) {
        var grid = Grid(rows: size.0, columns: size.1)
        annotated(glyphs).draw(into: &grid, in: grid.bounds)
        expectGolden(grid.text(), "annotated-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        if glyphs == .ascii { #expect(grid.cells.allSatisfy { $0.scalar.isASCII }) }
        #expect(!grid.text().contains("X"))
    }

    @Test func filesHaveThemToo() {
        let svg = annotated(.braille).svg(width: 600, height: 400, title: "t")
        #expect(svg.contains("<polygon") && svg.contains(">F</text>") && svg.contains("a note"))
    }

    /// Every cell that a band colours lies between its edges.
    @Test(arguments: GlyphSet.allCases)
    func bandsStayBetweenTheirEdges(glyphs: GlyphSet) {
        var chart = LineChart(
            series: [], x: ChartAxis(label: "", unit: .plain, range: 0...1),
            y: ChartAxis(label: "", unit: .plain, range: 0...1), glyphs: glyphs)
        chart.bands = [
            ChartBand(x: [0, 0, 0.5, 1], low: [0.2, 0.3, .nan, 0.5], high: [0.4, 0.5, 1, 0.7], role: .series(2))
        ]
        var grid = Grid(rows: 24, columns: 60)
        chart.draw(into: &grid, in: grid.bounds)
        var columns: Set<Int> = []
        for row in 0..<24 {
            for column in 0..<60 where grid[row, column].style.role == .trace(2) { columns.insert(column) }
        }
        // Nothing is known where an edge is no number.
        #expect(!columns.isEmpty && columns.count < 8)
    }

    private func calibration(_ counts: [Int], _ glyphs: GlyphSet) -> CalibrationChart {
        let bins = counts.enumerated().map { place, count in
            let predicted = (Double(place) + 0.5) / Double(counts.count)
            return CalibrationChart.Bin(
                predicted: predicted, observed: predicted * predicted, low: max(0, predicted * predicted - 0.1),
                high: min(1, predicted * predicted + 0.12), count: count)
        }
        return CalibrationChart(
            bins: bins, name: "malignant", note: "ECE 3.1 %", role: .series(1), cursor: 0.4, glyphs: glyphs)
    }

    @Test(arguments: GlyphSet.allCases, [(20, 60), (9, 32)])
    func goldenCalibration(glyphs: GlyphSet, size: (Int, Int)) {
        var grid = Grid(rows: size.0, columns: size.1)
        calibration([1203, 300, 40, 3, 0, 12, 60, 900, 2, 50_000], glyphs).draw(into: &grid, in: grid.bounds)
        expectGolden(grid.text(), "calibration-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        if glyphs == .ascii { #expect(grid.cells.allSatisfy { $0.scalar.isASCII }) }
    }

    @Test func calibrationOfAnythingAtAnySize() {
        for counts in [[], [5], [0, 0], [1, 2, 3]] as [[Int]] {
            var chart = calibration(counts, .blocks)
            chart.bins.append(.init(predicted: .nan, observed: 2, low: -.infinity, high: .nan, count: 7))
            chart.bins.append(.init(predicted: 7, observed: -3, low: -9, high: 9, count: .max))
            for rows in 0..<14 {
                for columns in [0, 5, 16, 20, 33, 90] {
                    var grid = Grid(rows: rows, columns: columns)
                    chart.draw(into: &grid, in: grid.bounds)
                }
            }
        }
    }
}
