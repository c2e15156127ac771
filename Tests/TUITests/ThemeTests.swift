// Themes: every role has a look, and roles that stand side by side can be told apart.

import Charts
import Testing

@testable import TUI

struct ThemeTests {
    static let roles: [Role] =
        [.text, .dim, .title, .axis, .border, .focus, .key, .good, .warning, .bad, .selection, .bar]
        + (0..<Theme.seriesCount).map(Role.series)

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

    @Test func monoTellsApartByAttributes() {
        let mono = Theme.mono
        #expect(mono.paint(.selection).plain == .reverse)
        #expect(mono.paint(.series(0)).plain != mono.paint(.series(1)).plain)
        #expect(mono.paint(.border).plain != mono.paint(.focus).plain)
        #expect(mono.paint(.dim).plain != mono.paint(.text).plain)
    }

    @Test func choice() {
        #expect(Theme.chosen(named: nil, environment: [:]) == .dark)
        #expect(Theme.chosen(named: nil, environment: ["NO_COLOR": ""]) == .dark)
        #expect(Theme.chosen(named: nil, environment: ["NO_COLOR": "1"]) == .mono)
        #expect(Theme.chosen(named: "light", environment: ["NO_COLOR": "1"]) == .light)
        #expect(Theme.chosen(named: "pink", environment: [:]) == nil)
    }
}
