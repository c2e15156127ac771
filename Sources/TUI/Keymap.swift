// The one table of keys. Dispatch, the bottom line, the help screen and docs/keys.md are made from it.

/// What a key can ask for.
enum Action: Hashable, Sendable {
    case help, redraw, suspend, leave, back
    case showRuns, showTrain
    case nextPane, previousPane
    case up, down, pageUp, pageDown, first, last
    case open, train, resume, trash, undo, filter
    case axis, logarithmic
    case pause, learningRate, stop
    case play, slower, faster, stepBack, stepForward, epochBack, epochForward, toStart, toEnd
    case accept, cancel, erase, yes, no, close
}

/// Where a binding holds. Several contexts hold at once, innermost first; their keys never clash.
enum Context: String, CaseIterable, Sendable {
    case global, runs, sessions, presets, train, live, replay, help, question, prompt

    /// Heading in the help screen and in docs/keys.md.
    var title: String {
        switch self {
        case .global: "Everywhere"
        case .runs: "Runs"
        case .sessions: "Runs, list of sessions"
        case .presets: "Runs, list of presets"
        case .train: "Train"
        case .live: "Train, while the run is live"
        case .replay: "Train, replay of a run that has ended"
        case .help: "Help"
        case .question: "A question"
        case .prompt: "Typing a text"
        }
    }

    /// Contexts that can hold at the same time, innermost first; `global` is the last but for the modal ones.
    static let stacks: [[Context]] = [
        [.sessions, .runs, .global], [.presets, .runs, .global], [.train, .global], [.live, .train, .global],
        [.replay, .train, .global], [.help], [.question], [.prompt],
    ]
}

/// Keys that do one thing in one context.
struct Binding: Sendable {
    var context: Context
    var keys: [Key]
    var action: Action
    /// A word for the bottom line; nil: help only.
    var hint: String?
    /// One phrase for the help screen.
    var help: String
}

/// The table and what is asked of it.
enum Keymap {
    static let bindings: [Binding] = [
        Binding(
            context: .sessions, keys: [.enter], action: .open, hint: "open",
            help: "Open the session: attach when it is live, else show how it ended"),
        Binding(
            context: .sessions, keys: [.character("r")], action: .resume, hint: "resume",
            help: "Resume an interrupted or stopped session from its last checkpoint"),
        Binding(
            context: .sessions, keys: [.character("D")], action: .trash, hint: "trash",
            help: "Move the session to the trash, after a question"),
        Binding(
            context: .presets, keys: [.enter], action: .train, hint: "train",
            help: "Train the preset in an engine of its own and watch it"),
        Binding(context: .runs, keys: [.up, .character("k")], action: .up, help: "One row up"),
        Binding(context: .runs, keys: [.down, .character("j")], action: .down, help: "One row down"),
        Binding(context: .runs, keys: [.pageUp], action: .pageUp, help: "One page up"),
        Binding(context: .runs, keys: [.pageDown], action: .pageDown, help: "One page down"),
        Binding(context: .runs, keys: [.character("g"), .home], action: .first, help: "To the first row"),
        Binding(context: .runs, keys: [.character("G"), .end], action: .last, help: "To the last row"),
        Binding(context: .runs, keys: [.tab], action: .nextPane, hint: "pane", help: "Focus on the next pane"),
        Binding(context: .runs, keys: [.backTab], action: .previousPane, help: "Focus on the pane before"),
        Binding(
            context: .runs, keys: [.character("/")], action: .filter, hint: "filter",
            help: "Show only sessions and presets with this text in the name, state or data set; Esc clears"),
        Binding(context: .runs, keys: [.character("u")], action: .undo, help: "Bring the last trashed session back"),

        Binding(
            context: .live, keys: [.character("p")], action: .pause, hint: "pause",
            help: "Pause the run; again: continue"),
        Binding(
            context: .live, keys: [.character("L")], action: .learningRate, hint: "rate",
            help: "Type another learning rate; it holds from the next step on"),
        Binding(
            context: .live, keys: [.character("S")], action: .stop, hint: "stop",
            help: "Stop and keep: store a checkpoint and finish, after a question"),
        Binding(
            context: .replay, keys: [.character(" ")], action: .play, hint: "replay",
            help: "Play the run again; again: hold it"),
        Binding(
            context: .replay, keys: [.character("r")], action: .resume, hint: "resume",
            help: "Resume an interrupted or stopped run from its last checkpoint"),
        Binding(context: .replay, keys: [.left], action: .stepBack, help: "One recorded step back"),
        Binding(
            context: .replay, keys: [.right], action: .stepForward, hint: "step",
            help: "One recorded step forward"),
        Binding(context: .replay, keys: [.pageUp], action: .epochBack, help: "One epoch back"),
        Binding(context: .replay, keys: [.pageDown], action: .epochForward, help: "One epoch forward"),
        Binding(context: .replay, keys: [.character("[")], action: .slower, help: "Play half as fast"),
        Binding(
            context: .replay, keys: [.character("]")], action: .faster, hint: "speed",
            help: "Play twice as fast"),
        Binding(context: .replay, keys: [.character("g"), .home], action: .toStart, help: "To the start of the run"),
        Binding(context: .replay, keys: [.character("G"), .end], action: .toEnd, help: "To the end of the run"),
        Binding(
            context: .train, keys: [.character("x")], action: .axis, hint: "axis",
            help: "Time axis of both charts: epochs, steps, seconds"),
        Binding(
            context: .train, keys: [.character("y")], action: .logarithmic, hint: "log",
            help: "Loss on a logarithmic scale; again: linear"),

        Binding(context: .global, keys: [.character("?"), .f1], action: .help, hint: "help", help: "These keys"),
        Binding(context: .global, keys: [.character("1")], action: .showRuns, help: "Screen Runs"),
        Binding(context: .global, keys: [.character("2")], action: .showTrain, help: "Screen Train"),
        Binding(
            context: .global, keys: [.character("q")], action: .back, hint: "back",
            help: "Back to Runs, and from there out; live runs go on"),
        Binding(context: .global, keys: [.escape], action: .cancel, help: "Clear the filter, or back to Runs"),
        Binding(context: .global, keys: [.control("C")], action: .leave, help: "Leave at once; live runs go on"),
        Binding(context: .global, keys: [.control("Z")], action: .suspend, help: "Suspend; fg brings it back"),
        Binding(context: .global, keys: [.control("L")], action: .redraw, help: "Paint the screen anew"),

        Binding(context: .help, keys: [.up, .character("k")], action: .up, hint: "scroll", help: "One line up"),
        Binding(context: .help, keys: [.down, .character("j")], action: .down, help: "One line down"),
        Binding(context: .help, keys: [.pageUp], action: .pageUp, help: "One page up"),
        Binding(context: .help, keys: [.pageDown, .character(" ")], action: .pageDown, help: "One page down"),
        Binding(context: .help, keys: [.character("g"), .home], action: .first, help: "To the first line"),
        Binding(context: .help, keys: [.character("G"), .end], action: .last, help: "To the last line"),
        Binding(
            context: .help, keys: [.escape, .character("q"), .character("?"), .f1], action: .close,
            hint: "close", help: "Close the help"),
        Binding(context: .question, keys: [.character("y")], action: .yes, hint: "yes", help: "Do it"),
        Binding(
            context: .question, keys: [.character("n"), .escape, .character("q")], action: .no, hint: "no",
            help: "Do not"),
        Binding(context: .prompt, keys: [.enter], action: .accept, hint: "done", help: "Take the text"),
        Binding(context: .prompt, keys: [.escape], action: .cancel, hint: "cancel", help: "Drop the text"),
        Binding(context: .prompt, keys: [.backspace], action: .erase, help: "Drop the last character"),
    ]

    /// Keys that work in every context, the modal ones too.
    static let alwaysActions: Set<Action> = [.leave, .suspend, .redraw]

    /// What `key` does where `contexts` hold, innermost first; nil: nothing.
    static func action(for key: Key, in contexts: [Context]) -> Action? {
        for context in contexts {
            if let found = bindings.first(where: { $0.context == context && $0.keys.contains(key) }) {
                return found.action
            }
        }
        return bindings.first { alwaysActions.contains($0.action) && $0.keys.contains(key) }?.action
    }

    /// The help of one context, a row a binding: keys and what they do.
    static func rows(of context: Context, ascii: Bool) -> [(keys: String, help: String)] {
        bindings.filter { $0.context == context }.map { binding in
            (binding.keys.map { $0.name(ascii: ascii) }.joined(separator: " "), binding.help)
        }
    }

    /// The text of docs/keys.md.
    static var document: String {
        var text = "# Keys of the workbench\n\nMade from the key table (Sources/TUI/Keymap.swift) by `UPDATE_GOLDEN=1 "
        text += "swift test --filter KeymapTests`; change the table, not this file.\n"
        for context in Context.allCases {
            text += "\n## \(context.title)\n\n| keys | what they do |\n|---|---|\n"
            for binding in bindings where binding.context == context {
                let keys = binding.keys.map { "`\($0.name(ascii: false))`" }.joined(separator: " ")
                text += "| \(keys) | \(binding.help) |\n"
            }
        }
        return text
    }
}
