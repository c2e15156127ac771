// What a line chart does beyond its curves: smoothing, the cursor, zoom, logarithmic x, the diagonal, long series.
import Foundation
import Testing

@testable import Charts

/// A run as one sees it: a noisy training loss, a validation loss an epoch.
func noisyRun(_ glyphs: GlyphSet, points: Int = 600) -> LineChart {
    var random = SplitMix(state: 8)
    let steps = (1...points).map(Double.init)
    let train = steps.map { 2 / (1 + $0 / 60) + 0.1 + 0.5 * random.next() }
    let epochs = (1...8).map { Double($0 * points / 8) }
    return LineChart(
        series: [
            Series(name: "train", x: steps, y: train, role: .series(0)),
            Series(name: "validation", x: epochs, y: epochs.map { 2 / (1 + $0 / 60) + 0.3 }, role: .series(1)),
        ], x: ChartAxis(label: "step", unit: .steps), y: ChartAxis(label: "", unit: .plain), glyphs: glyphs)
}

struct LineChartTests {
    private func screen(_ chart: LineChart, _ rows: Int, _ columns: Int) -> Grid {
        var grid = Grid(rows: rows, columns: columns)
        chart.draw(into: &grid, in: grid.bounds)
        return grid
    }

    @Test(arguments: GlyphSet.allCases, [(24, 80), (12, 44)])
    func goldenSmoothingAndCursor(glyphs: GlyphSet, size: (Int, Int)) {
        var chart = noisyRun(glyphs)
        chart.smoothing = 0.9
        chart.cursor = 290
        let grid = screen(chart, size.0, size.1)
        expectGolden(grid.text(), "smoothed-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        if glyphs == .ascii { #expect(grid.cells.allSatisfy { $0.scalar.isASCII }) }
    }

    @Test(arguments: GlyphSet.allCases, [(24, 60), (12, 40)])
    func goldenROC(glyphs: GlyphSet, size: (Int, Int)) {
        let rates = (0...100).map { Double($0) / 100 }
        var chart = LineChart(
            series: [Series(name: "ROC", x: rates, y: rates.map { pow($0, 0.3) }, role: .series(0))],
            x: ChartAxis(label: "false positive rate", unit: .fraction, range: 0...1),
            y: ChartAxis(label: "true positive rate", unit: .fraction, range: 0...1), glyphs: glyphs)
        chart.diagonal = true
        expectGolden(screen(chart, size.0, size.1).text(), "roc-\(size.1)x\(size.0)-\(glyphs.rawValue)")
    }

    @Test(arguments: GlyphSet.allCases, [(16, 80), (12, 40)])
    func goldenLogarithmicX(glyphs: GlyphSet, size: (Int, Int)) {
        let x = (0...60).map { pow(10, Double($0) / 12) }
        var chart = LineChart(
            series: [Series(name: "latency", x: [0] + x, y: [1] + x.map { 1 + log10($0) }, role: .series(0))],
            x: ChartAxis(label: "batch", unit: .steps, isLogarithmic: true), y: ChartAxis(label: "", unit: .plain),
            marks: [ChartMark(x: 1000, label: "best", role: .good)], glyphs: glyphs)
        let grid = screen(chart, size.0, size.1)
        #expect(grid.text().contains("1 off scale"))
        expectGolden(grid.text(), "logx-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        // The same from within one decade: no power of ten, and still ticks.
        chart.x.range = 200...900
        let text = screen(chart, 16, 80).text()
        #expect(!text.contains("off scale") && text.contains("500"), "\(text)")
    }

    /// What is not on the x axis neither stretches the y axis nor counts, and the line goes on to the edges.
    @Test(arguments: GlyphSet.allCases)
    func zoom(glyphs: GlyphSet) {
        let x = (0...100).map(Double.init)
        var chart = LineChart(
            series: [Series(name: "s", x: x, y: x.map { $0 < 50 ? 1000 : $0 - 50 }, role: .series(0))],
            x: ChartAxis(label: "", unit: .plain, range: 60.5...79.5), y: ChartAxis(label: "", unit: .plain),
            glyphs: glyphs)
        let grid = screen(chart, 20, 60)
        expectGolden(grid.text(), "zoom-60x20-\(glyphs.rawValue)")
        #expect(!grid.text().contains("off scale") && !grid.text().contains("1000"))
        // Between two points there is a line and no point.
        chart.x.range = 70.2...70.4
        let between = screen(chart, 20, 60)
        let drawn = between.cells.filter { $0.style.role == .series(0) }
        #expect(drawn.count >= 40, "\(between.text())")
        // The y axis can be cut too; then what is beyond it counts.
        chart.x.range = nil
        chart.y.range = 0...60
        #expect(screen(chart, 20, 60).text().contains("50 off scale"))
    }

    @Test func cursorReadings() {
        let chart = LineChart(
            series: [
                Series(name: "a", x: [1, 2, 2, 4], y: [10, 20, 21, .nan], role: .series(0)),
                Series(name: "b", x: [3, 5], y: [30, 50], role: .series(1)),
                Series(name: "unsorted", x: [5, 1, 3], y: [500, 100, 300], role: .series(2)),
                Series(name: "empty", x: [], y: [], role: .series(3)),
            ], x: ChartAxis(label: "step", unit: .steps), y: ChartAxis(label: "", unit: .plain), glyphs: .ascii)
        #expect(chart.readings(at: 0.5).isEmpty)
        #expect(
            chart.readings(at: 3.5) == [
                ChartReading(name: "a", x: 2, y: 21), ChartReading(name: "b", x: 3, y: 30),
                ChartReading(name: "unsorted", x: 3, y: 300),
            ])
        #expect(chart.readings(at: 4).first?.y.isNaN == true)
        #expect(chart.readings(at: 1e9).last?.y == 500 && chart.readings(at: .infinity).count == 3)
        #expect(chart.readings(at: .nan).isEmpty)
        var smooth = chart
        smooth.smoothing = 0.5
        let wanted: Double = 134.0 / 7  // (10 + 2 · 20 + 4 · 21) / (1 + 2 + 4)
        let read = smooth.readings(at: 2).first?.smoothed ?? 0
        #expect(abs(read - wanted) < 1e-12)
        smooth.cursor = 2.5
        let text = screen(smooth, 20, 100).text()
        #expect(text.hasPrefix("     step 2.5   * a 21 ~19.14   o b -   + unsorted 100 ~233.3"), "\(text)")
    }

    /// Points are drawn the same whether they came at once or one by one, drawn in between or not, and
    /// a copy that goes its own way takes nothing with it.
    @Test func aSeriesGrows() {
        let all = noisyRun(.braille, points: 3000)
        var grown = all
        grown.series[0] = Series(name: "train", x: [], y: [], role: .series(0))
        grown.smoothing = 0.7
        for index in 0..<all.series[0].count {
            grown.series[0].append(x: all.series[0].x[index], y: all.series[0].y[index])
            if index % 701 == 0 { _ = screen(grown, 10, 40) }
        }
        var copy = grown
        copy.series[0].append(x: 4000, y: -50)
        _ = screen(copy, 10, 40)
        var whole = all
        whole.smoothing = 0.7
        #expect(screen(grown, 24, 80) == screen(whole, 24, 80))
        #expect(screen(copy, 24, 80) != screen(whole, 24, 80))
        grown.series[0].y[3] = 77
        #expect(screen(grown, 24, 80).text().contains("80"))
        grown.smoothing = 0
        #expect(screen(grown, 24, 80).text().contains("80"))
    }

    /// The drawing of sorted points, which jumps, shows the same cells as that of unsorted ones, which walks.
    @Test func theQuickWayDrawsTheSame() {
        var random = SplitMix(state: 12)
        for round in 0..<60 {
            let count = [3, 40, 500, 5000][round % 4]
            let x = (0..<count).map { _ in random.next() * 100 }.sorted()
            let y = x.map { _ in random.next() < 0.01 ? .nan : random.next() * 4 - 1 }
            var quick = LineChart(
                series: [Series(name: "s", x: x, y: y, role: .series(0))],
                x: ChartAxis(label: "", unit: .plain, range: 10...80), y: ChartAxis(label: "", unit: .plain),
                glyphs: GlyphSet.allCases[round % 3])
            if round % 2 == 0 { quick.y.range = 0...2 }
            var slow = quick
            // A last point outside of the chart, and before all others.
            slow.series[0].append(x: -5, y: .nan)
            // All but the legend, which shows the last value.
            #expect(screen(quick, 20, 70).cells.dropFirst(70) == screen(slow, 20, 70).cells.dropFirst(70))
        }
    }

    @Test func anEnvelopeKnowsWhatTheValuesAre() {
        var random = SplitMix(state: 3)
        let values = (0..<1000).map { _ -> Double in
            let draw = random.next()
            return draw < 0.01 ? .nan : draw < 0.02 ? .infinity : random.next() * 10 - 3
        }
        var envelope = Envelope()
        envelope.extend(over: Array(values.prefix(500)))
        envelope.extend(over: values)
        for _ in 0..<500 {
            let ends = [Int(random.next() * 1001), Int(random.next() * 1001)].sorted()
            let range = ends[0]..<ends[1]
            let finite = values[range].filter(\.isFinite)
            let extent = envelope.extent(of: range, in: values)
            #expect(extent.range?.lowerBound == finite.min() && extent.range?.upperBound == finite.max())
            #expect(extent.notFinite == range.count - finite.count)
            #expect(
                envelope.lowestPositive(of: range, in: values) == finite.filter { $0 > 0 }.min() ?? .infinity)
            let limits = -2.0...random.next() * 8
            #expect(
                envelope.count(of: range, in: values, outside: limits)
                    == finite.filter { !limits.contains($0) }.count)
        }
    }
}

struct SmoothingTests {
    @Test func constantsAndFirstValuesStay() {
        for weight in [0.0, 0.1, 0.6, 0.9, 0.99, 0.999] {
            for value in [0.1, -3.7e-9, 1e300, 0] {
                #expect(smoothed(Array(repeating: value, count: 5000), weight: weight).allSatisfy { $0 == value })
            }
            #expect(smoothed([0.3, 9], weight: weight).first == 0.3)
        }
    }

    /// The formula of TensorBoard: a biased mean, divided by 1 − weightᵗ.
    @Test func followsTheDebiasedMean() {
        var random = SplitMix(state: 1)
        let values = (0..<3000).map { _ in random.next() * 2 - 1 }
        for weight in [0.3, 0.9, 0.999] {
            var mean = 0.0
            for (index, (value, smooth)) in zip(values, smoothed(values, weight: weight)).enumerated() {
                mean = mean * weight + value * (1 - weight)
                #expect(abs(smooth - mean / (1 - pow(weight, Double(index + 1)))) < 1e-9)
            }
        }
    }

    @Test func whatIsNotFiniteIsPassedOver() {
        let with = smoothed([1, .nan, 2, .infinity, 3], weight: 0.8)
        let without = smoothed([1, 2, 3], weight: 0.8)
        #expect([with[0], with[2], with[4]] == without && with[1].isNaN && with[3] == .infinity)
        #expect(smoothed([], weight: 0.5).isEmpty && smoothed([.nan], weight: 0.5)[0].isNaN)
    }

    @Test func oddWeightsDoNoHarm() {
        #expect(smoothed([1, 5, 2], weight: -1) == [1, 5, 2] && smoothed([1, 5, 2], weight: .nan) == [1, 5, 2])
        #expect(smoothed([1, 5], weight: 2).allSatisfy { $0.isFinite })
        #expect(smoothed([-1.7e308, 1.7e308], weight: 0.9).allSatisfy { $0.isFinite })
    }
}
