// Scatter charts as golden screens and by what must hold for any points.
import Testing

@testable import Charts

struct ScatterTests {
    /// Predictions around the truth, wider apart where it is large.
    private func chart(_ count: Int, _ glyphs: GlyphSet) -> ScatterChart {
        var random = SplitMix(state: 12)
        var (truth, predictions) = ([Double](), [Double]())
        for _ in 0..<count {
            let value = 24 * (random.next() + random.next()) / 2 + 2
            truth.append(value)
            predictions.append(value + (random.next() + random.next() - 1) * (1 + value / 6))
        }
        return ScatterChart(
            x: truth, y: predictions, xLabel: "true price", yLabel: "predicted",
            note: "\(Format.count(count)) examples",
            glyphs: glyphs)
    }

    @Test(arguments: GlyphSet.allCases, [(20, 46), (34, 70), (54, 118), (6, 20)])
    func goldenScatter(glyphs: GlyphSet, size: (Int, Int)) {
        for count in [160, 20_000] {
            var grid = Grid(rows: size.0, columns: size.1)
            chart(count, glyphs).draw(into: &grid, in: grid.bounds)
            expectGolden(grid.text(), "scatter\(count)-\(size.1)x\(size.0)-\(glyphs.rawValue)")
            if glyphs == .ascii { #expect(grid.cells.allSatisfy { $0.scalar.isASCII }) }
        }
    }

    /// Both axes show the same range, so points that agree lie on the diagonal, whatever their size.
    @Test(arguments: GlyphSet.allCases)
    func whatAgreesLiesOnTheDiagonal(glyphs: GlyphSet) {
        let values = (0...40).map { -3e5 + 1e4 * Double($0) }
        let agreeing = ScatterChart(x: values, y: values, xLabel: "", yLabel: "", glyphs: glyphs)
        var grid = Grid(rows: 24, columns: 60)
        agreeing.draw(into: &grid, in: grid.bounds)
        let places = (0..<24).flatMap { row in
            (0..<60).filter { grid[row, $0].style.role == .series(0) }.map { (row, $0) }
        }
        #expect(places.count >= 20)
        for (first, second) in zip(places, places.dropFirst()) { #expect(second.1 <= first.1 || second.0 == first.0) }
    }

    /// Where points outnumber cells every one still shows: a single one far from thousands has a shade of its own.
    @Test func oneAmongThousandsIsSeen() {
        var x = [Double](repeating: 1, count: 5000)
        var y = x
        x += [0, 2]
        y += [2, 0]
        var grid = Grid(rows: 12, columns: 40)
        ScatterChart(x: x, y: y, xLabel: "t", yLabel: "p", glyphs: .ascii).draw(into: &grid, in: grid.bounds)
        let text = grid.text()
        #expect(text.contains("@") && text.contains("5,000 a cell"))
        let lonely = grid.cells.count { $0.style.role == .shade(1, good: true) }
        #expect(lonely == 2, "\(text)")
    }

    @Test func whatIsNotFiniteIsCounted() {
        var grid = Grid(rows: 12, columns: 60)
        ScatterChart(x: [1, 2, 3], y: [1, .nan, .infinity], xLabel: "t", yLabel: "p", glyphs: .braille)
            .draw(into: &grid, in: grid.bounds)
        #expect(grid.text().contains("2 not finite"))
        var empty = Grid(rows: 12, columns: 60)
        ScatterChart(x: [], y: [], xLabel: "t", yLabel: "p", glyphs: .braille).draw(into: &empty, in: empty.bounds)
        #expect(!empty.text().contains("not finite"))
    }
}
