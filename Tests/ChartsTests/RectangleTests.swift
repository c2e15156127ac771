// Whatever the data: nothing outside of the rectangle is touched, nothing that could steer a terminal is drawn.
import Foundation
import Testing

@testable import Charts

struct RectangleTests {
    private static let hostile = [
        "s\u{1b}[31m", "", "日本語日本語日本語", "\u{202e}x\n\u{0}", String(repeating: "long ", count: 60),
    ]

    /// Draws by `draw` in rectangles of many sizes, within a screen and over its edges.
    private func expectInside(
        _ rounds: Int, source: SourceLocation = #_sourceLocation,
        _ draw: (inout SplitMix, GlyphSet, inout Grid, Rect) -> Void
    ) {
        var random = SplitMix(state: 99)
        for round in 0..<rounds {
            let size = [1.0, 4, 30][Int(random.next() * 3)]
            let rect = Rect(
                row: 2 + Int(random.next() * 8), column: 3 + Int(random.next() * 20), rows: Int(random.next() * size),
                columns: Int(random.next() * 3 * size))
            var grid = Grid(rows: 36, columns: 100)
            grid.fill(grid.bounds, Cell("@", Style(.selection)))
            let glyphs = GlyphSet.allCases[round % 3]
            draw(&random, glyphs, &grid, rect)
            var strays: [String] = []
            for row in 0..<grid.rows {
                for column in 0..<grid.columns {
                    let cell = grid[row, column]
                    let isInside =
                        row >= rect.row && row < rect.row + rect.rows && column >= rect.column
                        && column < rect.column + rect.columns
                    if !isInside, cell != Cell("@", Style(.selection)) { strays.append("\(row), \(column)") }
                    let isControl = cell.scalar.value < 0x20 && cell.scalar != Cell.continuation
                    if isControl || (0x7f..<0xa0).contains(cell.scalar.value) {
                        strays.append("U+\(String(cell.scalar.value, radix: 16)) at \(row), \(column)")
                    }
                }
            }
            #expect(strays.isEmpty, "round \(round), \(rect): \(strays.prefix(5))", sourceLocation: source)
        }
    }

    private func text(_ random: inout SplitMix) -> String {
        Self.hostile[Int(random.next() * Double(Self.hostile.count))]
    }

    private func number(_ random: inout SplitMix, _ scale: Double) -> Double {
        let draw = random.next()
        return draw < 0.02 ? .nan : draw < 0.04 ? .infinity : draw < 0.06 ? -.infinity : (draw - 0.5) * scale
    }

    private func count(_ random: inout SplitMix) -> Int {
        [0, 1, Int(random.next() * 1e6), .max, -5][Int(random.next() * 5)]
    }

    @Test func scatterCharts() {
        expectInside(400) { random, glyphs, grid, rect in
            let count = [0, 1, 2, 50, 3000][Int(random.next() * 5)]
            let scale = [1e-300, 1, 1e6, 1.7e308][Int(random.next() * 4)]
            ScatterChart(
                x: (0..<count).map { _ in number(&random, scale) }, y: (0..<count).map { _ in number(&random, scale) },
                xLabel: text(&random), yLabel: text(&random), note: text(&random), glyphs: glyphs
            ).draw(into: &grid, in: rect)
        }
    }

    @Test func lineCharts() {
        expectInside(600) { random, glyphs, grid, rect in
            let count = [0, 1, 2, 50, 3000][Int(random.next() * 5)]
            let scale = [1e-300, 1e-9, 1, 1e12, 1e300, 1e308][Int(random.next() * 6)]
            let isConstant = random.next() < 0.15
            let y = (0..<count).map { _ in isConstant ? scale : number(&random, scale) }
            var x = (0..<count).map { Double($0) / 3000 * scale }
            if random.next() < 0.3 { x = x.map { _ in number(&random, scale) } }
            let unit: AxisUnit = [.plain, .steps, .epochs, .seconds, .fraction][Int(random.next() * 5)]
            var chart = LineChart(
                series: [
                    Series(name: text(&random), x: x, y: y, role: .series(0)),
                    Series(name: text(&random), x: x, y: y, role: .series(1), kind: .points),
                ],
                x: ChartAxis(label: text(&random), unit: unit, isLogarithmic: random.next() < 0.3),
                y: ChartAxis(label: "y", unit: unit, isLogarithmic: random.next() < 0.3),
                marks: [ChartMark(x: number(&random, scale), label: text(&random), role: .bad)], glyphs: glyphs)
            chart.diagonal = random.next() < 0.3
            chart.smoothing = random.next() < 0.5 ? 0 : number(&random, 2)
            chart.cursor = random.next() < 0.5 ? nil : number(&random, scale)
            func range(_ random: inout SplitMix) -> ClosedRange<Double>? {
                let (low, high) = (number(&random, scale), number(&random, scale))
                return low <= high ? low...high : nil
            }
            if random.next() < 0.5 { chart.x.range = range(&random) }
            if random.next() < 0.5 { chart.y.range = range(&random) }
            chart.draw(into: &grid, in: rect)
        }
    }

    @Test func confusionCharts() {
        expectInside(600) { random, glyphs, grid, rect in
            let classes = [0, 1, 2, 3, 10, 40, 100][Int(random.next() * 7)]
            let counts = (0..<classes).map { _ in
                (0..<max(0, classes - Int(random.next() * 2))).map { _ in count(&random) }
            }
            let selected = (Int(random.next() * 120) - 10, Int(random.next() * 120) - 10)
            let names = (0..<Int(random.next() * 120)).map { _ in text(&random) }
            ConfusionChart(
                counts: counts, names: names, mode: ConfusionChart.Mode.allCases[Int(random.next() * 3)],
                selected: random.next() < 0.5 ? nil : selected, glyphs: glyphs
            ).draw(into: &grid, in: rect)
            let size = ConfusionChart.size(classes: classes, names: names, counts: counts)
            #expect(size.rows > 0 && size.columns > 0)
        }
    }

    @Test func histograms() {
        expectInside(600) { random, glyphs, grid, rect in
            let bins = [0, 1, 7, 500][Int(random.next() * 4)]
            let (low, high) = (number(&random, 1e300), number(&random, 1))
            let range = low <= high ? low...high : 0...0
            let counts = (0..<bins).map { _ in count(&random) }
            if random.next() < 0.5 {
                Histogram(range: range, counts: counts, role: .bar, glyphs: glyphs).draw(into: &grid, in: rect)
            } else {
                let moments = [0, 1, 5, 200][Int(random.next() * 4)]
                let rows = (0..<moments).map { _ in
                    (label: text(&random), counts: random.next() < 0.1 ? [] : counts)
                }
                HistogramStack(rows: rows, range: range, glyphs: glyphs).draw(into: &grid, in: rect)
            }
        }
    }

    @Test func barRows() {
        expectInside(600) { random, glyphs, grid, rect in
            let scale = [1e-300, 1, 1e308][Int(random.next() * 3)]
            let rows = (0..<Int(random.next() * 40)).map { _ in
                (label: text(&random), value: number(&random, scale), text: text(&random), role: Role.good)
            }
            BarRows(rows: rows, glyphs: glyphs).draw(into: &grid, in: rect)
        }
    }

    @Test func thumbnailsAndSmallBars() {
        expectInside(600) { random, glyphs, grid, rect in
            let (height, width) = (Int(random.next() * 70), Int(random.next() * 70))
            let channels = random.next() < 0.5 ? 1 : 3
            let pixels = (0..<channels * height * width).map { _ in UInt8(random.next() * 256) }
            Thumbnail(channels: channels, height: height, width: width, pixels: pixels, glyphs: glyphs)
                .draw(into: &grid, in: rect)
            guard rect.rows > 0 else { return }
            ProgressBar(fraction: number(&random, 3), glyphs: glyphs).draw(into: &grid, in: rect)
            Meter(fraction: number(&random, 3), glyphs: glyphs).draw(into: &grid, in: rect)
            let values = (0..<Int(random.next() * 200)).map { _ in number(&random, 1e300) }
            Sparkline(values: values, role: .bar, glyphs: glyphs).draw(into: &grid, in: rect)
        }
    }
}
