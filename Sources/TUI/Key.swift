// Keys and their names, as the keymap, the help screen and docs/keys.md use them.

/// One press of a key.
enum Key: Hashable, Sendable {
    case character(Unicode.Scalar)
    case control(Unicode.Scalar)
    case up, down, left, right, home, end, pageUp, pageDown
    case enter, escape, tab, backTab, backspace, delete, f1
    /// A key that nothing is bound to.
    case other

    /// The name that a person reads: "Ctrl-L", "Space", "↑" (or "Up" where only ASCII shows).
    func name(ascii: Bool) -> String {
        switch self {
        case .character(" "): "Space"
        case .character(let scalar): String(Character(scalar))
        case .control(let scalar): "Ctrl-\(Character(scalar))"
        case .up: ascii ? "Up" : "↑"
        case .down: ascii ? "Down" : "↓"
        case .left: ascii ? "Left" : "←"
        case .right: ascii ? "Right" : "→"
        case .home: "Home"
        case .end: "End"
        case .pageUp: "PgUp"
        case .pageDown: "PgDn"
        case .enter: "Enter"
        case .escape: "Esc"
        case .tab: "Tab"
        case .backTab: "Shift-Tab"
        case .backspace: "Backspace"
        case .delete: "Delete"
        case .f1: "F1"
        case .other: "?"
        }
    }

    /// The key that a terminal means by one scalar, control characters included.
    init(scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x09: self = .tab
        case 0x0A, 0x0D: self = .enter
        case 0x1B: self = .escape
        case 0x08, 0x7F: self = .backspace
        case 0x01...0x1A: self = Unicode.Scalar(scalar.value + 0x40).map(Key.control) ?? .other
        case 0..<0x20, 0x80..<0xA0: self = .other
        default: self = .character(scalar)
        }
    }
}
