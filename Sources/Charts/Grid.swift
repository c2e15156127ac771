// Grid: a screen of cells, a value. Charts and panes draw into it; the terminal shows it.

/// What a cell means; a theme gives it a colour. Only pixels of pictures carry their own.
public enum Role: Sendable, Hashable {
    /// Plain text.
    case text
    /// Text that matters less: units, hints.
    case dim
    /// Pane titles and headings.
    case title
    /// Axes, ticks, grid lines.
    case axis
    /// Borders of panes; `focus` is the border of the focused one.
    case border, focus
    /// Keys in the bottom line and in help.
    case key
    /// The n-th series of a chart, from 0.
    case series(Int)
    /// What lies behind the n-th series: its raw values where the series is smoothed.
    case trace(Int)
    case good, warning, bad
    /// The selected row; a whole line's background.
    case selection
    /// The filled part of a bar.
    case bar
    /// The background of a number, from 0 (nothing) to 8 (all of it); what is welcome and what is not are two families.
    case heat(Int, good: Bool)
    /// As ``heat(_:good:)``, for cells whose glyph carries the level too: the colour is the glyph's own.
    case shade(Int, good: Bool)
    /// Two pixels, the upper one in the foreground: indices of the xterm-256 palette, 16 to 255, never the terminal's own.
    case pixels(top: UInt8, bottom: UInt8)
}

/// How a cell looks: a role and the attributes that work without colour too.
public struct Style: Sendable, Hashable {
    public var role: Role
    public var bold = false
    public var underline = false
    /// Foreground and background change places; a theme may show `selection` so.
    public var reverse = false

    public init(_ role: Role = .text, bold: Bool = false, underline: Bool = false, reverse: Bool = false) {
        self.role = role
        self.bold = bold
        self.underline = underline
        self.reverse = reverse
    }
}

/// One cell of a screen. A wide character takes two: itself and a `continuation`.
public struct Cell: Sendable, Hashable {
    public var scalar: Unicode.Scalar
    public var style: Style
    public init(_ scalar: Unicode.Scalar, _ style: Style = Style()) {
        self.scalar = scalar
        self.style = style
    }
    /// What stands for the cell where there are no colours: pixels become a shade, all else stays as it is.
    public var withoutColour: Unicode.Scalar {
        if case .pixels(let top, let bottom) = style.role, scalar == "▀" {
            return Palette.shade(top: top, bottom: bottom)
        }
        return scalar
    }
    /// An empty cell.
    public static let blank = Cell(" ")
    /// The right half of a wide character.
    public static let continuation: Unicode.Scalar = "\u{0}"
}

/// A rectangle of cells: rows and columns from 0, half open.
public struct Rect: Sendable, Hashable {
    public var row: Int
    public var column: Int
    public var rows: Int
    public var columns: Int
    public init(row: Int, column: Int, rows: Int, columns: Int) {
        self.row = row
        self.column = column
        self.rows = max(0, rows)
        self.columns = max(0, columns)
    }

    /// The rectangle without `margin` cells on each side.
    public func inset(by margin: Int = 1) -> Rect {
        Rect(row: row + margin, column: column + margin, rows: rows - 2 * margin, columns: columns - 2 * margin)
    }
}

/// A screen of cells. Writing outside of it is clipped, never an error.
public struct Grid: Sendable, Equatable {
    public let rows: Int
    public let columns: Int
    public private(set) var cells: [Cell]

    public init(rows: Int, columns: Int) {
        self.rows = max(0, rows)
        self.columns = max(0, columns)
        cells = Array(repeating: .blank, count: self.rows * self.columns)
    }

    /// The whole screen.
    public var bounds: Rect { Rect(row: 0, column: 0, rows: rows, columns: columns) }

    /// The cell at (`row`, `column`); outside reads as blank.
    public subscript(row: Int, column: Int) -> Cell {
        get {
            guard row >= 0, row < rows, column >= 0, column < columns else { return .blank }
            return cells[row * columns + column]
        }
        set {
            guard row >= 0, row < rows, column >= 0, column < columns else { return }
            cells[row * columns + column] = newValue
        }
    }
}
