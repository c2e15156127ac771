// Terminal: the only file that knows CTerminal. Shows grids, reads input, gives the terminal back.

import CTerminal
import Charts

/// Something that came in from the terminal.
enum Input: Sendable, Equatable {
    case key(Key)
    case click(row: Int, column: Int)
    case wheel(up: Bool, row: Int, column: Int)
    case pasted(Unicode.Scalar)
    case pasteEnded
    case resized(rows: Int, columns: Int)
    case suspend
    case hangUp
}

/// The terminal of this process. Everything but ``wake()`` belongs to the main thread.
struct Terminal {
    private var theme: Theme
    private var colours: Int
    private var shown: Grid?
    /// Pairs of colours that the terminal knows at once.
    private let pairLimit: Int
    private var pairs = ColourPairs()
    private var shownDetail = PixelDetail.both

    /// Why there can be no full screen, or nil when there can. Writes nothing.
    static func refusal() -> ScreenError? { refusal(of: wb_terminal_check()) }

    private static func refusal(of code: Int32) -> ScreenError? {
        switch Int(code) {
        case WB_TERMINAL_OK: nil
        case WB_TERMINAL_STDIN_NOT_TTY: .noTerminal(stream: "input")
        case WB_TERMINAL_STDOUT_NOT_TTY: .noTerminal(stream: "output")
        case WB_TERMINAL_NO_TERM: .noTerminalType
        case WB_TERMINAL_UNKNOWN_TERM: .unknownTerminalType
        case WB_TERMINAL_TOO_DUMB: .dumbTerminal
        default: .terminalFailed
        }
    }

    /// Whether the locale's character set is UTF-8.
    static var localeIsUTF8: Bool { wb_locale_is_utf8() }

    /// Takes the terminal; ``stop()`` and every signal give it back.
    init(theme: Theme, mouse: Bool) throws(ScreenError) {
        if let refusal = Terminal.refusal(of: wb_terminal_start(mouse)) { throw refusal }
        self.theme = theme
        colours = theme == .mono ? 0 : Int(wb_terminal_colours())
        pairLimit = Int(wb_terminal_pairs())
    }

    /// Paints with another theme from the next grid on.
    mutating func use(_ theme: Theme) {
        self.theme = theme
        colours = theme == .mono ? 0 : Int(wb_terminal_colours())
        shown = nil
    }

    /// Gives the terminal back and prints what stderr collected.
    func stop() { wb_terminal_stop() }

    /// Stops the process as Ctrl-Z does, and comes back when it is continued.
    mutating func suspend() {
        wb_terminal_suspend()
        shown = nil
    }

    /// Paints every cell anew with the next grid.
    mutating func redraw() {
        wb_terminal_redraw()
        shown = nil
    }

    /// Rows and columns of the window.
    var size: (rows: Int, columns: Int) {
        var rows: Int32 = 0
        var columns: Int32 = 0
        wb_terminal_size(&rows, &columns)
        return (Int(rows), Int(columns))
    }

    /// Waits for input, a ``wake()`` or a signal, at most `milliseconds`.
    func wait(milliseconds: Int) { wb_terminal_wait(Int32(clamping: milliseconds)) }

    /// Ends ``wait(milliseconds:)``; any thread may call it.
    static func wake() { wb_terminal_wake() }

    /// The next piece of input, nil when there is none now.
    mutating func read() -> Input? {
        let input = wb_terminal_read()
        switch Int(input.kind) {
        case WB_INPUT_SCALAR: return .key(Unicode.Scalar(input.code).map(Key.init(scalar:)) ?? .other)
        case WB_INPUT_KEY: return .key(Terminal.key(Int(input.code)))
        case WB_INPUT_MOUSE:
            let (row, column) = (Int(input.row), Int(input.column))
            return input.code == 1
                ? .click(row: row, column: column) : .wheel(up: input.code == 4, row: row, column: column)
        case WB_INPUT_PASTED: return .pasted(Unicode.Scalar(input.code) ?? "?")
        case WB_INPUT_PASTE_END: return .pasteEnded
        case WB_INPUT_RESIZED:
            shown = nil
            let (rows, columns) = size
            return .resized(rows: rows, columns: columns)
        case WB_INPUT_SUSPEND: return .suspend
        case WB_INPUT_HANG_UP: return .hangUp
        default: return nil
        }
    }

    private static func key(_ code: Int) -> Key {
        switch code {
        case WB_KEY_UP: .up
        case WB_KEY_DOWN: .down
        case WB_KEY_LEFT: .left
        case WB_KEY_RIGHT: .right
        case WB_KEY_HOME: .home
        case WB_KEY_END: .end
        case WB_KEY_PAGE_UP: .pageUp
        case WB_KEY_PAGE_DOWN: .pageDown
        case WB_KEY_BACK_TAB: .backTab
        case WB_KEY_BACKSPACE: .backspace
        case WB_KEY_DELETE: .delete
        case WB_KEY_ENTER: .enter
        case WB_KEY_F1: .f1
        default: .other
        }
    }

    /// Shows `grid`. Rows that did not change are passed over; ncurses finds the cells that did.
    mutating func show(_ grid: Grid) {
        var known = shown.flatMap { $0.rows == grid.rows && $0.columns == grid.columns ? $0 : nil }
        if known == nil || pairs.count > pairLimit / 2 {
            known = nil
            pairs = ColourPairs()
        }
        let detail = colours >= 256 ? PixelDetail.fitting(grid, limit: pairLimit / 4) : .none
        if detail != shownDetail { known = nil }
        shownDetail = detail
        var run: [UInt32] = []
        for row in 0..<grid.rows where known?.cells(ofRow: row) != grid.cells(ofRow: row) {
            var start = 0
            while start < grid.columns {
                let style = grid[row, start].style
                run.removeAll(keepingCapacity: true)
                var end = start
                while end < grid.columns {
                    let cell = grid[row, end]
                    // The right half of a wide character stays with its left half.
                    guard cell.style == style || (end > start && cell.scalar == Cell.continuation) else { break }
                    run.append((detail == .none ? cell.withoutColour : cell.scalar).value)
                    end += 1
                }
                put(run, row: row, column: start, style: style, detail)
                start = end
            }
        }
        wb_terminal_flush()
        shown = grid
    }

    private mutating func put(_ scalars: [UInt32], row: Int, column: Int, style: Style, _ detail: PixelDetail) {
        let paint = theme.paint(style.role)
        var attributes = colours >= 8 ? paint.attributes : paint.plain
        if style.bold { attributes.insert(.bold) }
        if style.underline { attributes.insert(.underline) }
        if style.reverse { attributes.insert(.reverse) }
        var foreground: Int?
        var background: Int?
        if colours >= 256 {
            (foreground, background) = (paint.foreground, paint.background)
            if case .pixels(let top, let bottom) = style.role {
                let pixels = detail.colours(top, bottom)
                (foreground, background) = (pixels?.foreground, pixels?.background)
            }
        } else if colours >= 8 {
            foreground = paint.basic
            attributes.formUnion(paint.few)
        }
        pairs.note(foreground ?? -1, background ?? -1)
        wb_terminal_put(
            Int32(row), Int32(column), scalars, Int32(scalars.count), Int32(foreground ?? -1), Int32(background ?? -1),
            attributes.rawValue)
    }
}

extension Grid {
    fileprivate func cells(ofRow row: Int) -> ArraySlice<Cell> { cells[row * columns..<(row + 1) * columns] }
}
