// Small signs and words that depend on the glyph set, and text put together from parts.

import Charts
import Engine
import Foundation

extension GlyphSet {
    /// Between two facts of one line.
    var dot: String { self == .ascii ? " - " : " · " }
    var arrow: String { self == .ascii ? " > " : " → " }
    /// Marks the selected row.
    var pointer: String { self == .ascii ? ">" : "▸" }
}

/// A piece of a line in one style.
struct Part {
    var text: String
    var style: Style
    init(_ text: String, _ role: Role = .text, bold: Bool = false) {
        self.text = text
        style = Style(role, bold: bold)
    }
}

extension Grid {
    /// Writes `parts` side by side, at most `columns` wide. Returns the columns used.
    @discardableResult
    mutating func write(_ parts: [Part], row: Int, column: Int, columns: Int, glyphs: GlyphSet) -> Int {
        var used = 0
        for part in parts where used < columns {
            let text = truncated(part.text, to: columns - used, glyphs: glyphs)
            used += write(text, row: row, column: column + used, style: part.style, maxColumns: columns - used)
        }
        return used
    }

    /// Writes `parts` so that they end before column `end`; nothing when they need more than `columns`.
    mutating func writeRight(_ parts: [Part], row: Int, end: Int, columns: Int, glyphs: GlyphSet) {
        let width = parts.reduce(0) { $0 + displayWidth($1.text) }
        guard width <= columns else { return }
        write(parts, row: row, column: end - width, columns: width, glyphs: glyphs)
    }

    /// A label at the left and a value at the right edge of `columns`; the label gives way.
    mutating func writePair(_ label: String, _ value: [Part], row: Int, in rect: Rect, glyphs: GlyphSet) {
        guard row < rect.row + rect.rows else { return }
        let width = min(rect.columns, value.reduce(0) { $0 + displayWidth($1.text) })
        write(value, row: row, column: rect.column + rect.columns - width, columns: width, glyphs: glyphs)
        write([Part(label, .dim)], row: row, column: rect.column, columns: rect.columns - width - 1, glyphs: glyphs)
    }
}

extension Rect {
    func contains(row: Int, column: Int) -> Bool {
        row >= self.row && row < self.row + rows && column >= self.column && column < self.column + columns
    }
}

/// `text` cut at spaces into lines of at most `columns`; words that are longer are cut.
func wrapped(_ text: String, columns: Int) -> [String] {
    guard columns > 0 else { return [] }
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
        let joined = line.isEmpty ? String(word) : line + " " + word
        if displayWidth(joined) <= columns {
            line = joined
        } else {
            if !line.isEmpty { lines.append(line) }
            line = String(word)
        }
    }
    if !line.isEmpty { lines.append(line) }
    return lines
}

/// Writes as many of `lines` as have room, one under the other.
func drawLines(_ lines: [[Part]], _ rect: Rect, _ state: State, _ grid: inout Grid) {
    for (index, line) in lines.prefix(rect.rows).enumerated() {
        grid.write(line, row: rect.row + index, column: rect.column, columns: rect.columns, glyphs: state.glyphs)
    }
}

/// Facts one after the other, in as few lines as have room for them.
func filled(_ facts: [[Part]], between: String, columns: Int) -> [[Part]] {
    var lines: [[Part]] = []
    var used = 0
    for fact in facts {
        let width = fact.reduce(0) { $0 + displayWidth($1.text) }
        if let last = lines.indices.last, used + displayWidth(between) + width <= columns {
            lines[last] += [Part(between, .dim)] + fact
            used += displayWidth(between) + width
        } else {
            lines.append(fact)
            used = width
        }
    }
    return lines
}

/// How long ago: "now", "5 min ago", "3 h ago", "2 d ago", then the date.
func ago(_ date: Date, now: Date) -> String {
    let seconds = now.timeIntervalSince(date)
    switch seconds {
    case ..<60: return "just now"
    case ..<3600: return "\(Int(seconds / 60)) min ago"
    case ..<86400: return "\(Int(seconds / 3600)) h ago"
    case ..<(30 * 86400): return "\(Int(seconds / 86400)) d ago"
    default:
        let parts = Calendar(identifier: .gregorian).dateComponents([.year, .month, .day], from: date)
        return String(format: "%04d-%02d-%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
    }
}

/// A plural by a plain rule: "1 class", "10 classes".
func counted(_ count: Int, _ one: String, _ many: String) -> String {
    "\(Format.count(count)) \(count == 1 ? one : many)"
}
