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

    init(rows: Int, columns: Int, glyphs: GlyphSet) {
        self.rows = rows
        self.columns = columns
        self.glyphs = glyphs
        (across, down) =
            switch glyphs {
            case .braille: (2, 4)
            case .blocks: (2, 2)
            case .ascii: (1, 1)
            }
        bits = Array(repeating: 0, count: rows * columns)
        owners = Array(repeating: -1, count: rows * columns)
    }

    /// Sets the dot at `x` from the left and `y` from the top, for the series `owner`.
    mutating func set(_ x: Int, _ y: Int, owner: Int) {
        guard x >= 0, y >= 0, x < columns * across, y < rows * down else { return }
        let cell = y / down * columns + x / across
        bits[cell] |= Self.bit(x % across, y % down, glyphs)
        owners[cell] = Int16(owner)
    }

    /// A vertical line between two dots of a column.
    mutating func vertical(_ x: Int, _ from: Int, _ to: Int, owner: Int) {
        let top = max(0, min(from, to))
        let bottom = min(rows * down - 1, max(from, to))
        guard top <= bottom else { return }
        for y in top...bottom { set(x, y, owner: owner) }
    }

    /// A straight line (Bresenham 1965).
    mutating func line(_ x0: Int, _ y0: Int, _ x1: Int, _ y1: Int, owner: Int) {
        let (dx, dy) = (abs(x1 - x0), -abs(y1 - y0))
        let (sx, sy) = (x0 < x1 ? 1 : -1, y0 < y1 ? 1 : -1)
        var (x, y, error) = (x0, y0, dx + dy)
        while true {
            set(x, y, owner: owner)
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

    private static func bit(_ x: Int, _ y: Int, _ glyphs: GlyphSet) -> UInt8 {
        switch glyphs {
        // Dots 1 2 3 7 stand left, 4 5 6 8 right (ISO/TR 11548-1).
        case .braille: [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]][y][x]
        case .blocks: [[1, 2], [4, 8]][y][x]
        case .ascii: 1
        }
    }

    private static let quarters: [Unicode.Scalar] = [
        " ", "▘", "▝", "▀", "▖", "▌", "▞", "▛", "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█",
    ]

    /// The scalar and the owner of a cell; nil where nothing was drawn.
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
