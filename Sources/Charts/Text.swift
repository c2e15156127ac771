// Text in cells: how wide it is, what of it may be shown, how it is cut.

/// What a terminal can draw, from finest to plainest.
public enum GlyphSet: String, CaseIterable, Sendable {
    /// Two by four dots a cell, box drawing.
    case braille
    /// Quarter blocks, box drawing.
    case blocks
    /// ASCII alone.
    case ascii

    /// `fine` where more than ASCII can be drawn, else `plain`.
    public func pick<T>(_ fine: T, _ plain: T) -> T { self == .ascii ? plain : fine }
}

extension Unicode.Scalar {
    /// Columns that a terminal gives the scalar: 0, 1 or 2.
    var columns: Int {
        if value < 0x7f { return value >= 0x20 ? 1 : 0 }
        switch properties.generalCategory {
        case .control, .nonspacingMark, .enclosingMark, .format, .lineSeparator, .paragraphSeparator, .surrogate:
            return 0
        default: break
        }
        switch value {
        case 0x1160...0x11ff: return 0
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x4dbf, 0x4e00...0xa4cf, 0xa960...0xa97f, 0xac00...0xd7a3,
            0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f680...0x1f6ff,
            0x1f900...0x1faff, 0x20000...0x3fffd:
            return 2
        default: return properties.isEmojiPresentation ? 2 : 1
        }
    }

    /// What is shown for the scalar: itself, a space for white space, `?` for what could steer a terminal, nothing for
    /// what has no width (bidirectional marks among them).
    var shown: Unicode.Scalar? {
        if value >= 0x20, value < 0x7f { return self }
        if value == 0x09 || value == 0x0a || value == 0x0d { return " " }
        switch properties.generalCategory {
        case .control, .surrogate, .privateUse, .unassigned: return "?"
        case .lineSeparator, .paragraphSeparator: return " "
        default: return columns == 0 ? nil : self
        }
    }
}

/// Columns that `text` takes on a screen once it is ``sanitised(_:)``.
public func displayWidth(_ text: String) -> Int {
    text.unicodeScalars.reduce(0) { $0 + ($1.shown?.columns ?? 0) }
}

/// `text` without anything that could steer a terminal, turn the direction of writing or take no column.
public func sanitised(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { if let shown = scalar.shown { out.append(shown) } }
    return String(out)
}

/// `text` in at most `columns` columns; what was cut shows as an ellipsis (`~` in ASCII).
public func truncated(_ text: String, to columns: Int, glyphs: GlyphSet) -> String {
    guard displayWidth(text) > columns else { return sanitised(text) }
    guard columns > 0 else { return "" }
    var out = String.UnicodeScalarView()
    var used = 0
    for scalar in text.unicodeScalars {
        guard let shown = scalar.shown else { continue }
        if used + shown.columns > columns - 1 { break }
        out.append(shown)
        used += shown.columns
    }
    out.append(glyphs.pick("…", "~"))
    return String(out)
}

extension Grid {
    /// Writes sanitised text from (`row`, `column`) on, cut at `maxColumns` and at the screen's edge.
    /// - Returns: the columns used.
    @discardableResult
    public mutating func write(_ text: String, row: Int, column: Int, style: Style, maxColumns: Int? = nil) -> Int {
        let room = min(maxColumns ?? .max, columns - column)
        var used = 0
        for scalar in text.unicodeScalars {
            guard let shown = scalar.shown else { continue }
            let width = shown.columns
            if used + width > room { break }
            self[row, column + used] = Cell(shown, style)
            if width == 2 { self[row, column + used + 1] = Cell(Cell.continuation, style) }
            used += width
        }
        return used
    }

    /// Fills a rectangle with one cell.
    public mutating func fill(_ rect: Rect, _ cell: Cell) {
        for row in rect.row..<rect.row + rect.rows {
            for column in rect.column..<rect.column + rect.columns { self[row, column] = cell }
        }
    }

    /// A border with a title in its upper edge.
    public mutating func box(_ rect: Rect, title: String, style: Style, glyphs: GlyphSet) {
        guard rect.rows >= 2, rect.columns >= 2 else { return }
        let parts: [Unicode.Scalar] = glyphs.pick(["╭", "╮", "╰", "╯", "─", "│"], ["+", "+", "+", "+", "-", "|"])
        let (last, right) = (rect.row + rect.rows - 1, rect.column + rect.columns - 1)
        for column in rect.column...right {
            self[rect.row, column] = Cell(parts[4], style)
            self[last, column] = Cell(parts[4], style)
        }
        for row in rect.row...last {
            self[row, rect.column] = Cell(parts[5], style)
            self[row, right] = Cell(parts[5], style)
        }
        self[rect.row, rect.column] = Cell(parts[0], style)
        self[rect.row, right] = Cell(parts[1], style)
        self[last, rect.column] = Cell(parts[2], style)
        self[last, right] = Cell(parts[3], style)
        guard !title.isEmpty, rect.columns > 6 else { return }
        let shown = " " + truncated(title, to: rect.columns - 6, glyphs: glyphs) + " "
        write(shown, row: rect.row, column: rect.column + 2, style: Style(.title, bold: true))
    }

    /// The screen as text: rows joined by line feeds, blanks at their ends left out, pictures as shades.
    public func text() -> String {
        (0..<rows).map { row in
            var line = String.UnicodeScalarView()
            for column in 0..<columns {
                let scalar = self[row, column].withoutColour
                if scalar != Cell.continuation { line.append(scalar) }
            }
            while line.last == " " { line.removeLast() }
            return String(line)
        }.joined(separator: "\n")
    }
}

/// `text` with blanks behind it up to `columns`; what is wider stays as it is.
public func leftAligned(_ text: String, columns: Int) -> String {
    text + String(repeating: " ", count: max(0, columns - displayWidth(text)))
}

/// `text` with blanks before it up to `columns`; what is wider stays as it is.
public func rightAligned(_ text: String, columns: Int) -> String {
    String(repeating: " ", count: max(0, columns - displayWidth(text))) + text
}
