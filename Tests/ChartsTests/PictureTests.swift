// Confusion matrices, histograms, bars and thumbnails as golden screens and by what must hold.
import Foundation
import Testing

@testable import Charts

private let objects = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
]

/// A matrix that is right most of the time; neighbours are taken for each other.
private func matrix(_ classes: Int, each: Int) -> [[Int]] {
    var random = SplitMix(state: UInt64(classes))
    return (0..<classes).map { row in
        var counts = (0..<classes).map { column -> Int in
            let draw = random.next()
            let share = abs(row - column) == 1 ? 0.15 : classes > 20 && draw < 0.95 ? 0 : 0.02
            return Int(draw * Double(each) * share)
        }
        counts[row] = max(0, each - counts.reduce(0, +) + counts[row])
        return counts
    }
}

private func drawn(_ rows: Int, _ columns: Int, _ draw: (inout Grid, Rect) -> Void) -> Grid {
    var grid = Grid(rows: rows, columns: columns)
    draw(&grid, grid.bounds)
    return grid
}

struct ConfusionTests {
    @Test(arguments: GlyphSet.allCases, [(9, 40), (24, 80), (5, 26)])
    func goldenTwoClasses(glyphs: GlyphSet, size: (Int, Int)) {
        var chart = ConfusionChart(
            counts: [[41, 2], [1, 70]], names: ["malignant", "benign"], selected: (0, 1), glyphs: glyphs)
        for mode in ConfusionChart.Mode.allCases {
            chart.mode = mode
            expectGolden(
                drawn(size.0, size.1) { chart.draw(into: &$0, in: $1) }.text(),
                "confusion2-\(mode)-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        }
    }

    @Test(arguments: GlyphSet.allCases, [(12, 80), (40, 120), (14, 48)])
    func goldenTenClasses(glyphs: GlyphSet, size: (Int, Int)) {
        let chart = ConfusionChart(counts: matrix(10, each: 1000), names: objects, selected: (3, 5), glyphs: glyphs)
        let grid = drawn(size.0, size.1) { chart.draw(into: &$0, in: $1) }
        expectGolden(grid.text(), "confusion10-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        if glyphs == .ascii { #expect(grid.cells.allSatisfy { $0.scalar.isASCII }) }
        var percents = chart
        percents.mode = .byRow
        expectGolden(
            drawn(size.0, size.1) { percents.draw(into: &$0, in: $1) }.text(),
            "confusion10-byRow-\(size.1)x\(size.0)-\(glyphs.rawValue)")
    }

    @Test(arguments: GlyphSet.allCases, [(24, 80), (104, 230)])
    func goldenHundredClasses(glyphs: GlyphSet, size: (Int, Int)) {
        let chart = ConfusionChart(
            counts: matrix(100, each: 500), names: (0..<100).map { "class \($0)" }, selected: (50, 51), glyphs: glyphs)
        expectGolden(
            drawn(size.0, size.1) { chart.draw(into: &$0, in: $1) }.text(),
            "confusion100-\(size.1)x\(size.0)-\(glyphs.rawValue)")
    }

    /// Where all has room, every number can be read in the row of its class, and the size asked for has that room.
    @Test(arguments: [1, 2, 3, 4, 5, 10, 20])
    func theWantedSizeShowsEveryNumber(classes: Int) {
        let counts = matrix(classes, each: 12_345)
        let names = (0..<classes).map { "name \($0)" }
        let size = ConfusionChart.size(classes: classes, names: names, counts: counts)
        let chart = ConfusionChart(counts: counts, names: names, glyphs: .ascii)
        let lines = drawn(size.rows, size.columns) { chart.draw(into: &$0, in: $1) }.text()
            .split(separator: "\n").map(String.init)
        for (row, name) in names.enumerated() {
            let line = lines.first { $0.contains("\(name) ") && $0.contains("\(counts[row][row])") }
            let numbers = line?.replacing(name, with: "").split(separator: " ").compactMap { Int($0) }
            #expect(numbers == counts[row], "\(lines.joined(separator: "\n"))")
        }
        #expect(lines[1].split(separator: "name").count == classes + 1, "all names are over the columns: \(lines[1])")
    }

    @Test func percentsDoNotLie() {
        var chart = ConfusionChart(
            counts: [[999, 1, 0], [0, 0, 0], [1, 0, 1]], names: ["a", "b", "c"], mode: .byRow, glyphs: .ascii)
        let rows = drawn(5, 40) { chart.draw(into: &$0, in: $1) }.text().split(separator: "\n")
        #expect(rows[2].split(separator: " ") == ["a", ">99", "<1", "0"])
        #expect(rows[3].split(separator: " ") == ["b", "-", "-", "-"])
        #expect(rows[4].split(separator: " ") == ["c", "50", "0", "50"])
        chart.mode = .byColumn
        let columns = drawn(5, 40) { chart.draw(into: &$0, in: $1) }.text().split(separator: "\n")
        #expect(columns[2].split(separator: " ") == ["a", ">99", "100", "0"])
    }

    @Test func backgroundsFollowTheShares() {
        let chart = ConfusionChart(counts: [[90, 10], [1, 9999]], names: ["a", "b"], glyphs: .braille)
        let cells = drawn(4, 40) { chart.draw(into: &$0, in: $1) }.cells.map(\.style.role)
        #expect(cells.contains(.heat(7, good: true)) && cells.contains(.heat(1, good: false)))
        #expect(cells.contains(.heat(8, good: true)))
        #expect(Shade.level(0) == 0 && Shade.level(1e-9) == 1 && Shade.level(1) == 8 && Shade.level(.nan) == 0)
    }

    @Test func shortCounts() {
        for (count, text) in [
            (0, "0"), (9999, "9999"), (10_000, "10k"), (123_456, "123k"), (999_999, "1M"), (12_345_678, "12M"),
            (Int.max, "lots"),
        ] { #expect(ConfusionLayout.brief(count) == text) }
    }
}

struct PictureTests {
    /// 40 bins of a bell around bin `middle`.
    private func bell(_ height: Double, middle: Double, width: Double) -> [Int] {
        (0..<40).map { bin in
            let distance = (Double(bin) - middle) / width
            return Int(height * exp(-distance * distance))
        }
    }

    @Test(arguments: GlyphSet.allCases, [(10, 60), (6, 24), (3, 12)])
    func goldenHistograms(glyphs: GlyphSet, size: (Int, Int)) {
        let counts = bell(4000, middle: 22, width: 7)
        let chart = Histogram(range: -1.2...0.8, counts: counts, role: .series(0), glyphs: glyphs)
        let grid = drawn(size.0, size.1) { chart.draw(into: &$0, in: $1) }
        expectGolden(grid.text(), "histogram-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        let stack = HistogramStack(
            rows: (0..<20).map { epoch in
                ("epoch \(epoch)", bell(900, middle: 20, width: 1 + Double(epoch) / 2))
            }, range: -1...1, glyphs: glyphs)
        expectGolden(
            drawn(size.0, size.1) { stack.draw(into: &$0, in: $1) }.text(),
            "stack-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        if glyphs == .ascii { #expect(grid.cells.allSatisfy { $0.scalar.isASCII }) }
    }

    @Test(arguments: GlyphSet.allCases, [(6, 50), (4, 24)])
    func goldenBarRows(glyphs: GlyphSet, size: (Int, Int)) {
        let counts = BarRows(
            rows: zip(objects, [5000, 4870, 5000, 21, 1200]).map { ($0, Double($1), Format.count($1), .series(0)) },
            glyphs: glyphs)
        expectGolden(
            drawn(size.0, size.1) { counts.draw(into: &$0, in: $1) }.text(),
            "barrows-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        let weights = BarRows(
            rows: [
                ("worst radius > 18.8", 0.31, "+0.310", .good), ("mean texture <= 16", -0.12, "-0.120", .bad),
                ("area error", 0.004, "+0.004", .good), ("smoothness", -0.2, "-0.200", .bad), ("none", 0, "0", .good),
            ], glyphs: glyphs)
        expectGolden(
            drawn(size.0, size.1) { weights.draw(into: &$0, in: $1) }.text(),
            "barrows-signed-\(size.1)x\(size.0)-\(glyphs.rawValue)")
    }

    /// A disc, grey and in colour.
    private func disc(_ size: Int, channels: Int, _ glyphs: GlyphSet) -> Thumbnail {
        var pixels: [UInt8] = []
        for channel in 0..<channels {
            for row in 0..<size {
                for column in 0..<size {
                    let (y, x) = (Double(row) + 0.5 - Double(size) / 2, Double(column) + 0.5 - Double(size) / 2)
                    let far = (x * x + y * y).squareRoot() / Double(size) * 2
                    let light = max(0, min(255, (1.2 - far) * 255))
                    pixels.append(UInt8(channel == 1 ? light / 2 : light))
                }
            }
        }
        return Thumbnail(channels: channels, height: size, width: size, pixels: pixels, glyphs: glyphs)
    }

    @Test(arguments: GlyphSet.allCases, [(14, 28), (8, 20), (20, 60)])
    func goldenThumbnails(glyphs: GlyphSet, size: (Int, Int)) {
        let grid = drawn(size.0, size.1) { disc(28, channels: 1, glyphs).draw(into: &$0, in: $1) }
        expectGolden(grid.text(), "thumbnail-\(size.1)x\(size.0)-\(glyphs.rawValue)")
        if glyphs == .ascii { #expect(grid.cells.allSatisfy { $0.scalar.isASCII }) }
        // Without colours the half blocks read as the characters do.
        let plain = drawn(size.0, size.1) { disc(28, channels: 1, .ascii).draw(into: &$0, in: $1) }
        let pairs = zip(grid.cells, plain.cells)
        #expect(pairs.filter { $0.withoutColour != $1.scalar }.count * 4 < grid.cells.count)
    }

    @Test func thumbnailsHaveTheSizeTheySay() {
        #expect(Thumbnail.cells(height: 28, width: 28, maxRows: 14, maxColumns: 28) == (14, 28))
        #expect(Thumbnail.cells(height: 8, width: 8, maxRows: 13, maxColumns: 80) == (12, 24))
        #expect(Thumbnail.cells(height: 32, width: 32, maxRows: 8, maxColumns: 80) == (8, 16))
        #expect(Thumbnail.cells(height: 0, width: 5, maxRows: 8, maxColumns: 80) == (0, 0))
        var random = SplitMix(state: 2)
        for _ in 0..<500 {
            let (height, width) = (1 + Int(random.next() * 300), 1 + Int(random.next() * 300))
            let room = (1 + Int(random.next() * 40), 1 + Int(random.next() * 100))
            let size = Thumbnail.cells(height: height, width: width, maxRows: room.0, maxColumns: room.1)
            #expect(size.rows >= 1 && size.columns >= 1 && size.rows <= room.0 && size.columns <= room.1)
            let picture = Thumbnail(
                channels: 1, height: height, width: width, pixels: Array(repeating: 200, count: height * width),
                glyphs: .blocks)
            // A plain picture stays plain, however it is scaled, and fills its cells.
            let cells = drawn(room.0, room.1) { picture.draw(into: &$0, in: $1) }.cells
            let colour = Palette.nearest(red: 200, green: 200, blue: 200)
            #expect(
                cells.filter { $0.style.role == .pixels(top: colour, bottom: colour) }.count == size.rows * size.columns
            )
        }
    }

    /// Shrinking keeps the mean brightness.
    @Test func shrinkingAverages() {
        var random = SplitMix(state: 4)
        let pixels = (0..<64 * 64).map { _ in UInt8(random.next() < 0.5 ? 0 : 255) }
        let picture = Thumbnail(channels: 1, height: 64, width: 64, pixels: pixels, glyphs: .braille)
        let cells = drawn(4, 8) { picture.draw(into: &$0, in: $1) }.cells
        for cell in cells {
            guard case .pixels(let top, _) = cell.style.role else { continue }
            #expect(abs(Palette.luma(top) - 0.5) < 0.2)
        }
    }

    @Test func paletteIsNearest() {
        var random = SplitMix(state: 9)
        for _ in 0..<300 {
            let wanted = (0..<3).map { _ in UInt8(random.next() * 256) }
            func distance(_ index: UInt8) -> Int {
                let colour = Palette.colour(index)
                return zip([colour.red, colour.green, colour.blue], wanted)
                    .reduce(0) { $0 + (Int($1.0) - Int($1.1)) * (Int($1.0) - Int($1.1)) }
            }
            let found = Palette.nearest(red: wanted[0], green: wanted[1], blue: wanted[2])
            #expect(found >= 16 && distance(found) == (16...255).map { distance(UInt8($0)) }.min())
        }
        #expect(Palette.nearest(red: 255, green: 255, blue: 255) == 231)
        #expect(Palette.nearest(red: 0, green: 0, blue: 0) == 16)
    }
}
