// DotCanvas: dots finer than cells, drawn as braille, quarter blocks or one character a cell.

/// A rectangle of dots and who drew each cell last.
struct DotCanvas {
    let rows: Int
    let columns: Int
    let glyphs: GlyphSet
    /// Dots a cell.
    let across: Int
    let down: Int
    private var bits: [UInt8]
    private var owners: [Int16]
    /// The bit of each dot of a cell, row after row.
    private let masks: [UInt8]

    init(rows: Int, columns: Int, glyphs: GlyphSet) {
        self.rows = rows
        self.columns = columns
        self.glyphs = glyphs
        switch glyphs {
        case .braille:
            (across, down) = (2, 4)
            // Dots 1 2 3 7 stand left, 4 5 6 8 right (ISO/TR 11548-1).
            masks = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80]
        case .blocks:
            (across, down) = (2, 2)
            masks = [1, 2, 4, 8]
        case .ascii:
            (across, down) = (1, 1)
            masks = [1]
        }
        bits = Array(repeating: 0, count: rows * columns)
        owners = Array(repeating: -1, count: rows * columns)
    }

    /// Dots from left to right and from top to bottom.
    var width: Int { columns * across }
    var height: Int { rows * down }

    /// Sets the dot at `x` from the left and `y` from the top, for the series `owner`.
    mutating func set(_ x: Int, _ y: Int, owner: Int) {
        guard x >= 0, y >= 0, x < width, y < height else { return }
        let cell = y / down * columns + x / across
        bits[cell] |= masks[y % down * across + x % across]
        owners[cell] = Int16(owner)
    }

    /// A vertical line between two dots of a column.
    mutating func vertical(_ x: Int, _ from: Int, _ to: Int, owner: Int) {
        let top = max(0, min(from, to))
        let bottom = min(height - 1, max(from, to))
        guard top <= bottom else { return }
        for y in top...bottom { set(x, y, owner: owner) }
    }

    /// A straight line (Bresenham 1965); every `pace`-th dot of it.
    mutating func line(_ x0: Int, _ y0: Int, _ x1: Int, _ y1: Int, owner: Int, pace: Int = 1) {
        let (dx, dy) = (abs(x1 - x0), -abs(y1 - y0))
        let (sx, sy) = (x0 < x1 ? 1 : -1, y0 < y1 ? 1 : -1)
        var (x, y, error) = (x0, y0, dx + dy)
        var walked = 0
        while true {
            if walked % pace == 0 { set(x, y, owner: owner) }
            walked += 1
            if x == x1, y == y1 { return }
            let doubled = 2 * error
            if doubled >= dy {
                error += dy
                x += sx
            }
            if doubled <= dx {
                error += dx
                y += sy
            }
        }
    }

    /// The part of a straight line that lies on the canvas (Liang & Barsky 1984); its ends may be far outside.
    mutating func clippedLine(
        from start: (x: Double, y: Double), to end: (x: Double, y: Double), owner: Int, pace: Int = 1
    ) {
        let (dx, dy) = (end.x - start.x, end.y - start.y)
        guard dx.isFinite, dy.isFinite else { return }
        var (enter, leave) = (0.0, 1.0)
        let edges = [
            (-dx, start.x), (dx, Double(width - 1) - start.x), (-dy, start.y), (dy, Double(height - 1) - start.y),
        ]
        for (towards, room) in edges {
            if towards == 0 {
                if room < 0 { return }
            } else if towards < 0 {
                enter = max(enter, room / towards)
            } else {
                leave = min(leave, room / towards)
            }
        }
        guard enter <= leave else { return }
        func dot(_ share: Double) -> (x: Int, y: Int) {
            (Int((start.x + share * dx).rounded()), Int((start.y + share * dy).rounded()))
        }
        let (from, to) = (dot(enter), dot(leave))
        line(from.x, from.y, to.x, to.y, owner: owner, pace: pace)
    }

    private static let quarters: [Unicode.Scalar] = [
        " ", "▘", "▝", "▀", "▖", "▌", "▞", "▛", "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█",
    ]

    /// The scalar and the owner of a cell; nil where nothing was drawn. In ASCII the scalar is one of `plain`, the owner's.
    func cell(_ row: Int, _ column: Int, plain: [Unicode.Scalar]) -> (scalar: Unicode.Scalar, owner: Int)? {
        let index = row * columns + column
        guard bits[index] != 0 else { return nil }
        let owner = Int(owners[index])
        switch glyphs {
        case .braille: return (Unicode.Scalar(0x2800 + UInt32(bits[index])) ?? "?", owner)
        case .blocks: return (Self.quarters[Int(bits[index])], owner)
        case .ascii: return (plain[owner % plain.count], owner)
        }
    }
}
