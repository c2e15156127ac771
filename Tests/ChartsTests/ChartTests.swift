// Charts as golden screens and by what must hold for any data.
import Foundation
import Testing

@testable import Charts

/// A reproducible stream of numbers.
struct SplitMix {
    var state: UInt64
    mutating func next() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
    }
}

struct ChartTests {
    /// A loss that falls, a validation loss that turns, a spike, a NaN, marks.
    private func sample(_ glyphs: GlyphSet) -> LineChart {
        var random = SplitMix(state: 4)
        let steps = (1...800).map(Double.init)
        var train = steps.map { 2.3 * pow(0.994, $0) + 0.08 + 0.12 * random.next() }
        train[420] = 2.1
        train[600] = .nan
        let epochs = (1...10).map { Double($0) * 80 }
        let validation = epochs.map { 2.0 * pow(0.992, $0) + 0.1 + $0 / 4000 }
        return LineChart(
            series: [
                Series(name: "train", x: steps, y: train, role: .series(0)),
                Series(name: "validation", x: epochs, y: validation, role: .series(1)),
            ], x: ChartAxis(label: "step", unit: .steps, range: 0...1000), y: ChartAxis(label: "", unit: .plain),
            marks: [ChartMark(x: 300, label: "paused", role: .dim), ChartMark(x: 640, label: "best", role: .good)],
            glyphs: glyphs)
    }

    private func pow(_ base: Double, _ exponent: Double) -> Double {
        var result = 1.0
        for _ in 0..<Int(exponent) { result *= base }
        return result
    }

    @Test(arguments: GlyphSet.allCases, [(24, 80), (40, 120), (60, 200), (8, 30)])
    func goldenCurves(glyphs: GlyphSet, size: (Int, Int)) {
        var grid = Grid(rows: size.0, columns: size.1)
        sample(glyphs).draw(into: &grid, in: grid.bounds)
        expectGolden(grid.text(), "curves-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        if glyphs == .ascii { #expect(grid.cells.allSatisfy { $0.scalar.isASCII }) }
    }

    @Test(arguments: GlyphSet.allCases)
    func goldenBars(glyphs: GlyphSet) {
        var grid = Grid(rows: 8, columns: 40)
        for (row, share) in [0, 0.03, 0.5, 0.991, 1].enumerated() {
            ProgressBar(fraction: share, glyphs: glyphs).draw(
                into: &grid, in: Rect(row: row, column: 0, rows: 1, columns: 30))
            Meter(fraction: share, glyphs: glyphs).draw(
                into: &grid, in: Rect(row: row, column: 32, rows: 1, columns: 8))
        }
        let values = (0..<100).map { Double($0 % 25) }
        Sparkline(values: values, role: .series(0), glyphs: glyphs)
            .draw(into: &grid, in: Rect(row: 6, column: 0, rows: 1, columns: 40))
        Sparkline(values: [1, 5, .nan, 9], role: .series(0), glyphs: glyphs)
            .draw(into: &grid, in: Rect(row: 7, column: 0, rows: 1, columns: 40))
        expectGolden(grid.text(), "bars-\(glyphs.rawValue)")
    }

    /// One spike among 100,000 points is seen.
    @Test func anEnvelopeLosesNoSpike() {
        var y = [Double](repeating: 0, count: 100_000)
        y[77_777] = 1
        let chart = LineChart(
            series: [Series(name: "s", x: y.indices.map(Double.init), y: y, role: .series(0))],
            x: ChartAxis(label: "", unit: .steps), y: ChartAxis(label: "", unit: .plain), glyphs: .ascii)
        var grid = Grid(rows: 20, columns: 60)
        chart.draw(into: &grid, in: grid.bounds)
        let top = grid.text().split(separator: "\n").prefix(4).joined()
        #expect(top.contains("*"))
    }

    @Test func whatIsNotShownIsSaid() {
        let chart = LineChart(
            series: [Series(name: "s", x: [0, 1, 2, 3], y: [0.5, .nan, .infinity, 7], role: .series(0))],
            x: ChartAxis(label: "", unit: .steps), y: ChartAxis(label: "", unit: .plain, range: 0...1), glyphs: .ascii)
        var grid = Grid(rows: 12, columns: 80)
        chart.draw(into: &grid, in: grid.bounds)
        #expect(grid.text().contains("2 not finite, 1 off scale"))
    }

    /// A straight line of exponents is a straight line on a logarithmic axis; zero has no place there, and that is said.
    @Test func aLogarithmicAxisMakesExponentialsStraight() {
        let x = (0...80).map(Double.init)
        var chart = LineChart(
            series: [Series(name: "s", x: x, y: x.map { Foundation.pow(10, -$0 / 20) }, role: .series(0))],
            x: ChartAxis(label: "", unit: .steps), y: ChartAxis(label: "", unit: .plain, isLogarithmic: true),
            glyphs: .ascii)
        var grid = Grid(rows: 24, columns: 100)
        chart.draw(into: &grid, in: grid.bounds)
        let text = grid.text()
        for label in ["1 +", "0.1 +", "0.01 +", "0.001 +"] { #expect(text.contains(label), "\(label) in\n\(text)") }
        let lines = text.split(separator: "\n").map(Array.init)
        let first = lines.compactMap { $0.firstIndex(of: "*") }.dropFirst(2)
        let strides = zip(first, first.dropFirst()).map { $1 - $0 }
        #expect((strides.max() ?? 99) - (strides.min() ?? 0) <= 2, "\(strides)")
        chart.series[0].y[3] = 0
        grid = Grid(rows: 24, columns: 100)
        chart.draw(into: &grid, in: grid.bounds)
        #expect(grid.text().contains("1 off scale"))
    }
}

struct TickTests {
    @Test func verticalTicksAreRoundEvenAndIncreasing() {
        var random = SplitMix(state: 5)
        for _ in 0..<2000 {
            let low = (random.next() - 0.5) * 100
            let range = low...(low + random.next() * [1e-6, 1, 1e6][Int(random.next() * 3)])
            let rows = 3 + Int(random.next() * 57)
            let scale = VerticalScale(range, rows: rows, unit: .plain)
            let ticks = scale.ticks
            #expect(!ticks.isEmpty)
            for (a, b) in zip(ticks, ticks.dropFirst()) {
                #expect(b.row - a.row == ticks[1].row - ticks[0].row && b.value > a.value)
            }
            #expect(scale.row(of: range.lowerBound) >= -0.5)
            #expect(scale.row(of: range.upperBound) <= Double(rows) - 0.5)
        }
    }

    /// Ticks of a logarithmic axis stand in the row of their value, apart from each other; all positive data fit.
    @Test func logarithmicTicksStandWhereTheirValuesAre() {
        var random = SplitMix(state: 6)
        for _ in 0..<2000 {
            let low = pow(10, (random.next() - 0.5) * 20)
            let range = low...(low * pow(10, random.next() * [0.01, 1, 11][Int(random.next() * 3)]))
            let rows = 4 + Int(random.next() * 57)
            let scale = VerticalScale(logarithmic: range, rows: rows)
            for tick in scale.ticks {
                #expect(abs(scale.row(of: tick.value) - Double(tick.row)) <= 0.5 + 1e-6)
                #expect((0..<rows).contains(tick.row))
            }
            for (a, b) in zip(scale.ticks, scale.ticks.dropFirst()) { #expect(b.row - a.row >= 2) }
            #expect(scale.row(of: range.lowerBound) >= -0.5)
            #expect(scale.row(of: range.upperBound) <= Double(rows) - 0.5)
            #expect(scale.row(of: 0).isNaN && scale.row(of: -1).isNaN)
        }
    }

    /// A picture has more places than a terminal has columns: equal steps are equally far apart.
    @Test func ticksOfPicturesStandWhereTheirValuesAre() throws {
        let chart = LineChart(
            series: [Series(name: "a", x: [0, 1], y: [0, 1], role: .series(0))],
            x: ChartAxis(label: "x", unit: .fraction, range: 0...1),
            y: ChartAxis(label: "y", unit: .fraction, range: 0...1), glyphs: .braille)
        let places = chart.svg(width: 640, height: 400, title: "t").matches(
            of: /<line x1="([0-9.]+)" y1="([0-9.]+)" x2="([0-9.]+)" y2="([0-9.]+)"/
        ).compactMap { match -> Double? in
            let (x, y, x2, y2) = (Double(match.1), Double(match.2), Double(match.3), Double(match.4))
            guard let x, let y, let y2, x == x2, abs(y2 - y - 4) < 0.01 else { return nil }
            return x
        }
        let steps = zip(places.dropFirst(), places).map { $0 - $1 }
        let (least, most) = (try #require(steps.min()), try #require(steps.max()))
        #expect(steps.count >= 4 && most - least < 0.3, "\(places)")
    }

    @Test func horizontalLabelsDoNotTouch() {
        for unit in [AxisUnit.plain, .steps, .epochs, .seconds, .fraction] {
            for span in [0.001, 1, 7, 59, 3600, 86400, 1e7] {
                for columns in [10, 40, 150] {
                    let ticks = HorizontalScale(0...span, columns: columns).ticks(unit, gap: 2)
                    for (a, b) in zip(ticks, ticks.dropFirst()) {
                        #expect(b.column - displayWidth(b.label) / 2 > a.column + displayWidth(a.label) / 2)
                        #expect(a.label != b.label, "\(unit) \(span) \(columns)")
                    }
                }
            }
        }
    }
}

struct FormatTests {
    @Test(arguments: [
        (0.0, "0"), (0.1234567, "0.1235"), (12.34567, "12.35"), (1234.5, "1235"), (0.000123456, "0.0001235"),
        (1.5e-7, "1.5e-07"), (2.5e9, "2.5e09"), (-0.5, "-0.5"), (0.99999, "1"), (Double.nan, "nan"),
        (-Double.infinity, "-inf"), (100, "100"),
    ])
    func numbers(value: Double, text: String) { #expect(Format.number(value) == text) }

    @Test(arguments: [
        (0.04, "0.0s"), (4.23, "4.2s"), (9.99, "10s"), (59.4, "59s"), (59.6, "1m 00s"), (65, "1m 05s"),
        (7380, "2h 03m"), (100_000, "1d 03h"), (Double.nan, "-"), (1e300, "ages"),
    ])
    func durations(value: Double, text: String) { #expect(Format.duration(value) == text) }

    @Test func others() {
        #expect(Format.count(1_234_567) == "1,234,567" && Format.count(-1000) == "-1,000" && Format.count(7) == "7")
        #expect(Format.bytes(512) == "512 B" && Format.bytes(1_258_291) == "1.2 MiB" && Format.bytes(1023) == "1023 B")
        #expect(
            Format.percent(1e308) == "inf" && Format.percent(-1e308) == "-inf" && Format.fixed(.infinity, 2) == "inf")
        #expect(Format.fixed(.nan, 2) == "nan")
        let wanted: [(Double, Int?)] = [
            (0.1287, 3), (0.0912, 4), (0.0051, 5), (4.72, 2), (9.996, 1), (123.4, 0), (0.99951, 2), (0, nil),
            (.nan, nil),
            (1e9, nil), (.infinity, nil),
        ]
        for (largest, decimals) in wanted { #expect(Format.decimals(upTo: largest) == decimals, "\(largest)") }
        #expect(Format.percent(0.97123) == "97.12 %" && Format.percent(1) == "100.00 %")
        for value in [0.000123456, 0.00123456, 0.0123456, 0.123456, 1.23456, 12.3456, 123.456, 9999, 123_456, 1e-300] {
            let text = Format.compact(value)
            #expect(text.count <= 9 && abs((Double(text) ?? value) / value - 1) < 0.006)
        }
        #expect(Format.short(12_345) == "12.35k" && Format.short(950) == "950" && Format.short(2e6) == "2M")
    }
}

struct TextTests {
    @Test func hostileTextIsHarmless() {
        let hostile = "a\u{1b}]0;x\u{7}b\u{9b}31m\u{202e}c\u{200b}d\r\ne\u{7f}\u{0}\u{fff9}\u{e000}"
        let shown = sanitised(hostile)
        #expect(shown.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f..<0xa0).contains($0.value) })
        #expect(!shown.contains("\u{202e}") && !shown.contains("\u{200b}"))
        var grid = Grid(rows: 1, columns: 80)
        #expect(grid.write(hostile, row: 0, column: 0, style: Style()) == displayWidth(hostile))
    }

    @Test func wideTextTakesTwoCells() {
        #expect(
            displayWidth("日本") == 4 && displayWidth("é") == 1 && displayWidth("e\u{301}") == 1 && displayWidth("🙂") == 2
        )
        var grid = Grid(rows: 1, columns: 5)
        #expect(grid.write("日本語", row: 0, column: 0, style: Style()) == 4, "the third one does not fit")
        #expect(grid.text() == "日本")
        #expect(truncated("日本語日本語", to: 5, glyphs: .braille) == "日本…")
        #expect(
            truncated("validation", to: 6, glyphs: .ascii) == "valid~" && truncated("ok", to: 2, glyphs: .ascii) == "ok"
        )
    }
}
