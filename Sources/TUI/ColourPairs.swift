// ColourPairs: a terminal knows only so many pairs of foreground and background at once; pictures could ask for more.

import Charts

/// How many colours a cell of a picture gets.
enum PixelDetail: Sendable, Equatable {
    /// One for each of its two pixels.
    case both
    /// One for both, their mean.
    case one
    /// None: characters as bright as the pixels.
    case none

    /// The most that `grid` can have with at most `limit` pairs for its pictures.
    static func fitting(_ grid: Grid, limit: Int) -> PixelDetail {
        var pairs = ColourPairs()
        for cell in grid.cells {
            guard case .pixels(let top, let bottom) = cell.style.role else { continue }
            pairs.note(Int(top), Int(bottom))
        }
        if pairs.count <= limit { return .both }
        // Whatever the means are, the palette has no more than 240 fixed colours.
        return limit >= 240 ? .one : .none
    }

    /// The colours of a cell with pixels `top` and `bottom`.
    func colours(_ top: UInt8, _ bottom: UInt8) -> (foreground: Int, background: Int)? {
        switch self {
        case .both: return (Int(top), Int(bottom))
        case .one:
            let (a, b) = (Palette.colour(top), Palette.colour(bottom))
            func mean(_ a: UInt8, _ b: UInt8) -> UInt8 { UInt8((Int(a) + Int(b)) / 2) }
            let colour = Int(
                Palette.nearest(red: mean(a.red, b.red), green: mean(a.green, b.green), blue: mean(a.blue, b.blue)))
            return (colour, colour)
        case .none: return nil
        }
    }
}

/// The pairs in use since the screen was last painted whole.
///
/// ncurses keeps a table of pairs and gives the place of the pair used longest ago to a new one when the table is full; a
/// cell on the screen that still has the old pair would change its colours. Rows that do not change are not painted and so
/// do not use their pairs. Painting everything once in a while, before half the table went by, keeps all pairs on the
/// screen among the recent ones. (With 65,536 pairs, as in xterm-256color, the table never fills: pictures have 240 fixed
/// colours, so 57,600 pairs.)
struct ColourPairs: Sendable {
    private var seen = Array(repeating: false, count: 257 * 257)
    private(set) var count = 0

    /// Notes a pair of palette numbers; -1 is the terminal's own colour.
    mutating func note(_ foreground: Int, _ background: Int) {
        let place = (foreground + 1) * 257 + background + 1
        guard seen.indices.contains(place), !seen[place] else { return }
        seen[place] = true
        count += 1
    }
}
