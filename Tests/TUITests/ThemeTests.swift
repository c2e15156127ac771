// Themes: every role has a look, and roles that stand side by side can be told apart.

import Charts
import Testing

@testable import TUI

struct ThemeTests {
    static let roles: [Role] =
        [.text, .dim, .title, .axis, .border, .focus, .key, .good, .warning, .bad, .selection, .bar]
        + (0..<Theme.seriesCount).flatMap { [.series($0), .trace($0)] }
        + (0...8).flatMap { level in
            [true, false].flatMap { [.heat(level, good: $0), .shade(level, good: $0)] }
        } + [.pixels(top: 16, bottom: 255)]

    @Test(arguments: Theme.allCases)
    func coversEveryRole(_ theme: Theme) {
        for role in ThemeTests.roles {
            let paint = theme.paint(role)
            if theme == .mono {
                #expect(paint.foreground == nil && paint.background == nil && paint.basic == nil, "\(role)")
            } else {
                #expect(paint.foreground.map { (0..<256).contains($0) } == true, "\(role)")
                #expect(paint.basic.map { (0..<8).contains($0) } ?? true, "\(role)")
            }
        }
        #expect(theme.paint(.series(7 + Theme.seriesCount)) == theme.paint(.series(7)) || theme == .mono)
    }

    @Test(arguments: [Theme.dark, .light, .safe])
    func tellsApart(_ theme: Theme) {
        let series = (0..<Theme.seriesCount).map { theme.paint(.series($0)).foreground }
        #expect(Set(series).count == Theme.seriesCount)
        #expect(Set([Role.good, .warning, .bad, .text].map { theme.paint($0).foreground }).count == 4)
        #expect(theme.paint(.border).foreground != theme.paint(.focus).foreground)
        #expect(theme.paint(.selection).background != nil)
        #expect(theme.paint(.series(0)).basic != theme.paint(.series(1)).basic)
    }

    /// Heat grows towards one end of brightness, its numbers can be read on it, and right and wrong are told apart.
    @Test(arguments: [Theme.dark, .light, .safe])
    func heatGrows(_ theme: Theme) throws {
        for good in [true, false] {
            #expect(theme.paint(.heat(0, good: good)).background == nil)
            var last: Double?
            for level in 1...8 {
                let paint = theme.paint(.heat(level, good: good))
                let (background, foreground) = (try #require(paint.background), try #require(paint.foreground))
                let light = Heat.luminance(background)
                if let last { #expect(theme == .light ? light < last : light > last, "level \(level), good \(good)") }
                last = light
                let ends = [light, Heat.luminance(foreground)].sorted()
                #expect((ends[1] + 0.05) / (ends[0] + 0.05) >= 4.5, "level \(level), good \(good)")
                if level >= 3 { #expect(theme.paint(.shade(level, good: good)).foreground == background) }
                #expect(background != theme.paint(.heat(level, good: !good)).background)
            }
        }
        let basics = [true, false].map { theme.paint(.heat(5, good: $0)).basic }
        #expect(basics[0] != basics[1] && basics.allSatisfy { $0 != nil })
        #expect(theme.paint(.pixels(top: 20, bottom: 30)).foreground == 20)
        #expect(theme.paint(.pixels(top: 20, bottom: 30)).background == 30)
        let traces = Set((0..<Theme.seriesCount).map { theme.paint(.trace($0)).foreground })
        #expect(traces.count == Theme.seriesCount)
        for index in 0..<Theme.seriesCount {
            #expect(theme.paint(.trace(index)).foreground != theme.paint(.series(index)).foreground)
        }
    }

    /// A terminal that knows many pairs shows both pixels of a cell, one that knows fewer their mean, then characters.
    @Test func picturesFitTheTableOfPairs() {
        var grid = Grid(rows: 60, columns: 200)
        for row in 0..<60 {
            for column in 0..<200 {
                let (top, bottom) = (UInt8(16 + column), UInt8(16 + row))
                grid[row, column] = Cell("▀", Style(.pixels(top: top, bottom: bottom)))
            }
        }
        #expect(PixelDetail.fitting(grid, limit: 16_384) == .both)
        #expect(PixelDetail.fitting(grid, limit: 8191) == .one)
        #expect(PixelDetail.fitting(grid, limit: 64) == .none)
        #expect(PixelDetail.fitting(Grid(rows: 60, columns: 200), limit: 0) == .both)
        #expect(PixelDetail.none.colours(20, 30) == nil)
        let one = PixelDetail.one.colours(16, 231)
        #expect(one?.foreground == one?.background && one?.foreground == 244)
        var pairs = ColourPairs()
        for _ in 0..<2 {
            for (foreground, background) in [(-1, -1), (255, -1), (-1, 255), (255, 255), (0, 0)] {
                pairs.note(foreground, background)
            }
        }
        #expect(pairs.count == 5)
    }

    @Test func monoTellsApartByAttributes() {
        let mono = Theme.mono
        #expect(mono.paint(.selection).plain == .reverse)
        #expect(mono.paint(.series(0)).plain != mono.paint(.series(1)).plain)
        #expect(mono.paint(.border).plain != mono.paint(.focus).plain)
        #expect(mono.paint(.dim).plain != mono.paint(.text).plain)
        #expect(mono.paint(.trace(0)).plain != mono.paint(.series(0)).plain)
        #expect(mono.paint(.heat(8, good: true)).plain != mono.paint(.heat(8, good: false)).plain)
    }

    @Test func choice() {
        #expect(Theme.chosen(named: nil, environment: [:]) == .dark)
        #expect(Theme.chosen(named: nil, environment: ["NO_COLOR": ""]) == .dark)
        #expect(Theme.chosen(named: nil, environment: ["NO_COLOR": "1"]) == .mono)
        #expect(Theme.chosen(named: "light", environment: ["NO_COLOR": "1"]) == .light)
        #expect(Theme.chosen(named: "pink", environment: [:]) == nil)
    }
}
