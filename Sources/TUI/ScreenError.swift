// What can keep the screens from being shown.

/// Why there is no screen. Each is a wrong use (exit status 2) but for `terminalFailed`.
public enum ScreenError: Error, Equatable, CustomStringConvertible {
    /// Standard input or output is not a terminal.
    case noTerminal(stream: String)
    /// TERM is not set.
    case noTerminalType
    /// TERM names no known terminal.
    case unknownTerminalType
    /// The terminal cannot place its cursor.
    case dumbTerminal
    /// ncurses could not start.
    case terminalFailed
    /// There is no theme of this name.
    case unknownTheme(String)
    /// There is no room for an engine's messages.
    case noLog(folder: String, reason: String)

    public var description: String {
        switch self {
        case .noTerminal(let stream):
            "standard \(stream) is not a terminal, so there is no full screen: use --plain, or a command with --json"
        case .noTerminalType: "TERM is not set, so the terminal's abilities are unknown: set TERM, or use --plain"
        case .unknownTerminalType:
            "TERM names a terminal that this machine has no description of: set TERM=xterm-256color, or use --plain"
        case .dumbTerminal: "this terminal (TERM) cannot place its cursor: use --plain"
        case .terminalFailed: "the terminal could not be set up: use --plain"
        case .noLog(let folder, let reason):
            "no file can be made in \(folder) for the engine's messages (\(reason)): make room there, or set TMPDIR"
        case .unknownTheme(let name):
            "there is no theme \"\(name)\": choose one of \(Theme.allCases.map(\.rawValue).joined(separator: ", "))"
        }
    }
}
