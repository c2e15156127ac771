// The bar of parts: whole cells, percents that sum to a hundred, parts that are told apart without colour.
import Testing

@testable import Charts

struct StackedBarTests {
    private func bar(_ fractions: [Double], _ glyphs: GlyphSet) -> StackedBar {
        let names = ["data", "forward", "backward", "sum", "update", "wait"]
        return StackedBar(
            parts: zip(names, fractions).map { StackedBar.Part($0, $1, .series(0)) }, glyphs: glyphs)
    }

    private func text(_ bar: StackedBar, columns: Int) -> [String] {
        var grid = Grid(rows: 4, columns: columns)
        bar.draw(into: &grid, in: Rect(row: 0, column: 0, rows: 1, columns: columns))
        bar.drawLegend(into: &grid, in: Rect(row: 1, column: 0, rows: 3, columns: columns))
        return grid.text().split(separator: "\n").map(String.init)
    }

    @Test func isDrawn() {
        let parts = [0.02, 0.31, 0.45, 0.01, 0.06, 0.15]
        #expect(
            text(bar(parts, .ascii), columns: 34) == [
                "+##########================oo.....", "+ data      2 %    # forward  31 %",
                "= backward 45 %    % sum       1 %", "o update    6 %    . wait     15 %",
            ])
        #expect(text(bar(parts, .braille), columns: 34)[0] == "▞██████████▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▒▒░░░░░")
    }

    @Test func percentsSumToAHundred() {
        #expect(bar([1.0 / 3, 1.0 / 3, 1.0 / 3], .ascii).percents == [34, 33, 33])
        #expect(bar([0.005, 0.005, 0.99], .ascii).percents.reduce(0, +) == 100)
        #expect(bar([1], .ascii).percents == [100])
    }

    @Test func nonsenseIsDrawn() {
        for fractions in [[], [.nan, .infinity, -3], [7, 7, 7], [0, 0]] as [[Double]] {
            for columns in [1, 5, 11, 40] { _ = text(bar(fractions, .braille), columns: columns) }
        }
    }

    @Test func amounts() {
        let amounts: [(Double, String)] = [
            (0, "0"), (0.000145, "0.00015"), (0.0386, "0.039"), (0.5, "0.50"), (1.25, "1.25"), (1234.5, "1,234.50"),
            (0.999, "1.00"), (-2, "-2.00"), (1e-12, "0"), (.nan, "nan"), (.infinity, "inf"), (1e300, "1e300"),
        ]
        for (value, text) in amounts { #expect(Format.amount(value) == text) }
    }
}
