// The one table of keys. Dispatch, the bottom line, the help screen and docs/keys.md are made from it.

/// What a key can ask for.
enum Action: Hashable, Sendable {
    case help, redraw, suspend, leave, back
    case showRuns, showTrain, showEvaluate, showExplain, showCompare, showModel, showData
    case command, zoomPane
    case nextPane, previousPane
    case up, down, pageUp, pageDown, first, last
    case open, train, crossValidate, resume, trash, undo, filter, nextMatch, previousMatch
    case axis, logarithmicX, logarithmicY, smoothing, zoomIn, zoomOut, panLeft, panRight, resetView, save
    case cursor, cursorLeft, cursorRight, cursorFarLeft, cursorFarRight
    case split, confusionMode, complete, augmented
    case rowFilter, otherClass, explainExample, takeBack, kernelWidth, survey
    case addVariant, fineTune, budget, sensitivity, dropVariant, markVariant, difference, sortVariants, latencyAxis
    case columnsLeft, columnsRight, keepLayer, layerSparsity
    case nextChart, thresholdCursor, thresholdLeft, thresholdRight, thresholdFarLeft, thresholdFarRight
    case nextBest, costs, cellUp, cellDown, cellLeft, cellRight, openGallery
    case pause, learningRate, stop, findRate, showRates, takeRate
    case play, slower, faster, stepBack, stepForward, epochBack, epochForward, toStart, toEnd
    case accept, cancel, erase, yes, no, close
}

/// Where a binding holds. Several contexts hold at once, innermost first; their keys never clash.
enum Context: String, CaseIterable, Sendable {
    case global, runs, sessions, presets, live, ended, timeline, cursor, charts, evaluate, explain, compare, data, list,
        panes
    case help, question, prompt, rates
    case matrix, threshold, picker, mistakes, playing, gallery

    /// Heading in the help screen and in docs/keys.md.
    var title: String {
        switch self {
        case .global: "Everywhere"
        case .runs: "Runs"
        case .sessions: "Runs, list of sessions"
        case .presets: "Runs, list of presets"
        case .live: "A live run"
        case .ended: "A run that has ended"
        case .timeline: "Time: replay and scrubbing"
        case .cursor: "Train, while the cursor is on"
        case .charts: "Train, the charts"
        case .evaluate: "Evaluate"
        case .explain: "Explain"
        case .compare: "Compare"
        case .data: "Data"
        case .list: "Model and Data, lists"
        case .panes: "Panes"
        case .help: "Help"
        case .question: "A question"
        case .prompt: "Typing a text"
        case .rates: "Learning rates that were tried"
        case .matrix: "Evaluate, while the confusion matrix has the focus"
        case .threshold: "Evaluate, while the cursor is on"
        case .picker: "Evaluate, the class"
        case .mistakes: "Evaluate, while the mistakes have the focus"
        case .playing: "Evaluate, time while the arrows move a cursor"
        case .gallery: "Examples of a cell of the matrix"
        }
    }

    /// Contexts that can hold at the same time, innermost first; `global` is the last but for the modal ones.
    static let stacks: [[Context]] = {
        var stacks: [[Context]] = [
            [.sessions, .runs, .global], [.presets, .runs, .global], [.global], [.help], [.question], [.prompt],
            [.rates], [.gallery],
        ]
        let screens: [[Context]] = [
            [.explain, .timeline], [.compare, .timeline],
            [.timeline, .charts], [.cursor, .charts], [.list, .timeline], [.data, .list],
            [.picker, .evaluate, .timeline], [.mistakes, .picker, .evaluate, .timeline],
            [.matrix, .evaluate, .playing], [.threshold, .picker, .evaluate, .playing],
        ]
        for source: [Context] in [[.live], [.ended], []] {
            for screen in screens { stacks.append(source + screen + [.panes, .global]) }
        }
        return stacks
    }()
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
        Binding(
            context: .presets, keys: [.character("K")], action: .crossValidate, hint: "folds",
            help: "Cross-validate the preset: asks for the number of folds, trains once a fold, and compares them"),
        Binding(
            context: .sessions, keys: [.character("K")], action: .crossValidate,
            help: "Cross-validate what the session was trained by, into a new session"),
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
        Binding(
            context: .runs, keys: [.character("n")], action: .nextMatch, help: "The next row that the filter shows"),
        Binding(context: .runs, keys: [.character("N")], action: .previousMatch, help: "The row before that it shows"),
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
            context: .live, keys: [.character("F")], action: .findRate, hint: "find rate",
            help:
                "Try growing learning rates, a step each, put everything back, and show which one the losses speak for"),
        Binding(
            context: .ended, keys: [.character("F")], action: .showRates, hint: "rates",
            help: "The learning rates that were tried in the run"),
        Binding(
            context: .ended, keys: [.character("K")], action: .crossValidate,
            help: "Cross-validate what the run was trained by, into a new session"),
        Binding(
            context: .ended, keys: [.character("r")], action: .resume, hint: "resume",
            help: "Resume an interrupted or stopped run from its last checkpoint"),

        Binding(
            context: .timeline, keys: [.character(" ")], action: .play, hint: "replay",
            help: "Play the run again; again: hold it"),
        Binding(context: .timeline, keys: [.left], action: .stepBack, help: "One recorded step back"),
        Binding(
            context: .timeline, keys: [.right], action: .stepForward, hint: "step",
            help: "One recorded step forward"),
        Binding(context: .timeline, keys: [.pageUp], action: .epochBack, help: "One epoch back"),
        Binding(context: .timeline, keys: [.pageDown], action: .epochForward, help: "One epoch forward"),
        Binding(context: .timeline, keys: [.character("[")], action: .slower, help: "Play half as fast"),
        Binding(
            context: .timeline, keys: [.character("]")], action: .faster, hint: "speed",
            help: "Play twice as fast"),
        Binding(
            context: .timeline, keys: [.character("g"), .home], action: .toStart, help: "To the start of the run"),
        Binding(
            context: .timeline, keys: [.character("G"), .end], action: .toEnd, hint: "end",
            help: "To the end of the run, or back to live"),

        Binding(context: .cursor, keys: [.left], action: .cursorLeft, hint: "move", help: "One column left"),
        Binding(context: .cursor, keys: [.right], action: .cursorRight, help: "One column right"),
        Binding(context: .cursor, keys: [.pageUp], action: .cursorFarLeft, help: "Ten columns left"),
        Binding(context: .cursor, keys: [.pageDown], action: .cursorFarRight, help: "Ten columns right"),

        Binding(
            context: .charts, keys: [.character("c")], action: .cursor, hint: "cursor",
            help: "A cursor that reads the values off the curves; again: without"),
        Binding(
            context: .charts, keys: [.character("x")], action: .axis, hint: "axis",
            help: "Time axis of both charts: epochs, steps, seconds"),
        Binding(
            context: .charts, keys: [.character("y")], action: .logarithmicY, hint: "log",
            help: "Loss on a logarithmic scale; again: linear"),
        Binding(
            context: .charts, keys: [.character("X")], action: .logarithmicX,
            help: "Time on a logarithmic scale; again: linear"),
        Binding(
            context: .charts, keys: [.character("s")], action: .smoothing, hint: "smooth",
            help: "Moving average of the curves: none, 0.6, 0.9, 0.97; the values stay behind it"),
        Binding(context: .charts, keys: [.character("(")], action: .zoomIn, help: "Show half of the time"),
        Binding(context: .charts, keys: [.character(")")], action: .zoomOut, help: "Show twice as much of it"),
        Binding(context: .charts, keys: [.character("<")], action: .panLeft, help: "Earlier"),
        Binding(context: .charts, keys: [.character(">")], action: .panRight, help: "Later"),
        Binding(
            context: .charts, keys: [.character("0")], action: .resetView,
            help: "All of the run, linear, no smoothing, no cursor"),
        Binding(
            context: .charts, keys: [.character("w")], action: .save, hint: "save",
            help: "Write the focused chart as CSV and SVG into the folder that the workbench was started in"),

        Binding(
            context: .matrix, keys: [.enter], action: .openGallery, hint: "examples",
            help: "The examples of the cell: the most confident mistakes, or the right ones that were least sure"),
        Binding(
            context: .matrix, keys: [.left, .character("h")], action: .cellLeft, hint: "cell", help: "One cell left"),
        Binding(context: .matrix, keys: [.right, .character("l")], action: .cellRight, help: "One cell right"),
        Binding(context: .matrix, keys: [.up, .character("k")], action: .cellUp, help: "One cell up"),
        Binding(context: .matrix, keys: [.down, .character("j")], action: .cellDown, help: "One cell down"),
        Binding(context: .matrix, keys: [.pageUp], action: .epochBack, help: "One epoch back"),
        Binding(context: .matrix, keys: [.pageDown], action: .epochForward, help: "One epoch forward"),
        Binding(
            context: .mistakes, keys: [.enter], action: .openGallery, hint: "look",
            help: "The worst mistakes of all, or of the picked class, one by one"),
        Binding(
            context: .threshold, keys: [.left], action: .thresholdLeft, hint: "move",
            help: "The next kept threshold to the left on the focused chart; all charts and numbers follow"),
        Binding(context: .threshold, keys: [.right], action: .thresholdRight, help: "The next one to the right"),
        Binding(context: .threshold, keys: [.pageUp], action: .thresholdFarLeft, help: "Five to the left"),
        Binding(context: .threshold, keys: [.pageDown], action: .thresholdFarRight, help: "Five to the right"),
        Binding(
            context: .picker, keys: [.up, .character("k")], action: .up, hint: "class",
            help: "The class before; before the first: all of them"),
        Binding(context: .picker, keys: [.down, .character("j")], action: .down, help: "The next class"),
        Binding(
            context: .evaluate, keys: [.character("v")], action: .nextChart, hint: "chart",
            help: "The next chart: ROC, precision-recall, calibration, measures by threshold"),
        Binding(
            context: .evaluate, keys: [.character("c")], action: .thresholdCursor, hint: "threshold",
            help: "A cursor on the thresholds of a class against the rest; again: without"),
        Binding(
            context: .evaluate, keys: [.character("b")], action: .nextBest, hint: "best",
            help: "The cursor to the best threshold by F1, by Youden's index, by cost, in turn"),
        Binding(
            context: .evaluate, keys: [.character("C")], action: .costs, hint: "costs",
            help: "Type what a false positive and a false negative cost, such as 1 5"),
        Binding(
            context: .evaluate, keys: [.character("m")], action: .confusionMode, hint: "matrix",
            help: "The confusion matrix in counts, in percent of the row (true), of the column (predicted)"),
        Binding(
            context: .evaluate, keys: [.character("t")], action: .split, hint: "split",
            help: "The other split that was measured: validation, test"),
        Binding(
            context: .evaluate, keys: [.character("w")], action: .save,
            help: "Write the focused chart as CSV and SVG into the folder that the workbench was started in"),
        Binding(
            context: .playing, keys: [.character(" ")], action: .play, hint: "replay",
            help: "Play the run again; again: hold it"),
        Binding(context: .playing, keys: [.character("[")], action: .slower, help: "Play half as fast"),
        Binding(context: .playing, keys: [.character("]")], action: .faster, help: "Play twice as fast"),
        Binding(
            context: .playing, keys: [.character("g"), .home], action: .toStart, help: "To the start of the run"),
        Binding(
            context: .playing, keys: [.character("G"), .end], action: .toEnd, hint: "end",
            help: "To the end of the run, or back to live"),

        Binding(
            context: .gallery, keys: [.down, .character("j")], action: .cellDown, hint: "next",
            help: "The example below"),
        Binding(context: .gallery, keys: [.up, .character("k")], action: .cellUp, help: "The example above"),
        Binding(context: .gallery, keys: [.left, .character("h")], action: .cellLeft, help: "The example before"),
        Binding(context: .gallery, keys: [.right, .character("l")], action: .cellRight, help: "The next example"),
        Binding(
            context: .gallery, keys: [.character("g"), .home], action: .first, help: "To the first example"),
        Binding(context: .gallery, keys: [.character("G"), .end], action: .last, help: "To the last example"),
        Binding(
            context: .gallery, keys: [.enter, .character("e")], action: .explainExample, hint: "explain",
            help: "Why the model says so: the example on the screen Explain"),
        Binding(
            context: .gallery, keys: [.escape, .character("q")], action: .close, hint: "back",
            help: "Back to the matrix"),

        Binding(
            context: .explain, keys: [.enter], action: .open, hint: "explain",
            help: "Explain the selected row; on its values: change one and see what would be"),
        Binding(context: .explain, keys: [.up, .character("k")], action: .up, help: "The row or value before"),
        Binding(
            context: .explain, keys: [.down, .character("j")], action: .down, hint: "row",
            help: "The next row or value"),
        Binding(
            context: .explain, keys: [.character("f")], action: .rowFilter, hint: "filter",
            help: "Which rows: wrong ones, the least sure first, all, those of each class"),
        Binding(
            context: .explain, keys: [.character("o")], action: .otherClass, hint: "class",
            help: "The other class that was explained"),
        Binding(
            context: .explain, keys: [.character("u")], action: .takeBack, hint: "take back",
            help: "The row as it is, without the values that were changed"),
        Binding(
            context: .explain, keys: [.character("i")], action: .survey, hint: "what matters",
            help: "What matters over many rows: weights of explanations, and accuracy lost when a column is shuffled"),
        Binding(
            context: .explain, keys: [.character("W")], action: .kernelWidth,
            help: "Type how far from the row the surrogate looks: the width of its kernel"),

        Binding(context: .compare, keys: [.up, .character("k")], action: .up, help: "The variant or layer before"),
        Binding(
            context: .compare, keys: [.down, .character("j")], action: .down, help: "The next variant or layer"),
        Binding(
            context: .compare, keys: [.character("a")], action: .addVariant, hint: "add",
            help: "Type variants to make and measure, such as int8, prune80+cluster16"),
        Binding(
            context: .compare, keys: [.character("b")], action: .budget, hint: "budget",
            help: "Type how many points of accuracy may be lost: the smallest variant that keeps it is looked for"),
        Binding(
            context: .compare, keys: [.character("v")], action: .nextChart, hint: "pane below",
            help: "What stands below the table: accuracy over size, recall by class, layers, weights"),
        Binding(
            context: .compare, keys: [.character("o")], action: .sortVariants, hint: "sort",
            help: "Order of the variants: as made, by bytes, by accuracy, by speed"),
        Binding(
            context: .compare, keys: [.enter], action: .open, hint: "choose",
            help: "Choose the selected variant: the session says that it is the one to take"),
        Binding(
            context: .compare, keys: [.character("m")], action: .markVariant, hint: "mark",
            help: "Mark the variant; again: without"),
        Binding(
            context: .compare, keys: [.character("d")], action: .difference, hint: "diff",
            help: "Hold the two that were marked last against each other; again: the selected one against the model"),
        Binding(
            context: .compare, keys: [.character("t")], action: .fineTune, hint: "tune",
            help: "Type for how many epochs variants are trained on; the selected one is made again with them"),
        Binding(
            context: .compare, keys: [.character("s")], action: .sensitivity, hint: "layers",
            help: "Measure what each layer loses when it alone is made smaller"),
        Binding(
            context: .compare, keys: [.character("f")], action: .keepLayer,
            help: "The selected layer stays in float32 in the variants that are added from now on; again: not"),
        Binding(
            context: .compare, keys: [.character("P")], action: .layerSparsity,
            help:
                "Type how much of the selected layer's weights becomes zero in the variants that are added from now on"),
        Binding(
            context: .compare, keys: [.character("D")], action: .dropVariant,
            help: "Drop the variant from the table; its file stays in the session"),
        Binding(context: .compare, keys: [.character("u")], action: .takeBack, help: "Bring the last dropped one back"),
        Binding(
            context: .compare, keys: [.character("y")], action: .latencyAxis,
            help: "Accuracy over the time of one example; again: over bytes"),
        Binding(
            context: .compare, keys: [.character("l")], action: .columnsRight, help: "Further columns of the table"),
        Binding(context: .compare, keys: [.character("h")], action: .columnsLeft, help: "The columns before"),

        Binding(
            context: .data, keys: [.character("a")], action: .augmented, hint: "augment",
            help: "Beside the examples what the first epochs of the run see of them; again: the examples alone"),

        Binding(context: .list, keys: [.up, .character("k")], action: .up, hint: "scroll", help: "One row up"),
        Binding(context: .list, keys: [.down, .character("j")], action: .down, help: "One row down"),

        Binding(context: .panes, keys: [.tab], action: .nextPane, hint: "pane", help: "Focus on the next pane"),
        Binding(context: .panes, keys: [.backTab], action: .previousPane, help: "Focus on the pane before"),
        Binding(
            context: .panes, keys: [.character("z")], action: .zoomPane, hint: "zoom",
            help: "The focused pane alone; again: all panes"),

        Binding(context: .global, keys: [.character("?"), .f1], action: .help, hint: "help", help: "These keys"),
        Binding(
            context: .global, keys: [.character(":")], action: .command, hint: "command",
            help: "Type a command; Tab completes it"),
        Binding(context: .global, keys: [.character("1")], action: .showRuns, help: "Screen Runs"),
        Binding(context: .global, keys: [.character("2")], action: .showTrain, help: "Screen Train"),
        Binding(context: .global, keys: [.character("3")], action: .showEvaluate, help: "Screen Evaluate"),
        Binding(context: .global, keys: [.character("4")], action: .showExplain, help: "Screen Explain"),
        Binding(context: .global, keys: [.character("5")], action: .showCompare, help: "Screen Compare"),
        Binding(context: .global, keys: [.character("6")], action: .showModel, help: "Screen Model"),
        Binding(context: .global, keys: [.character("7")], action: .showData, help: "Screen Data"),
        Binding(
            context: .global, keys: [.character("q")], action: .back, hint: "back",
            help: "Back to Runs (from an example of the gallery: to the gallery), and from there out; live runs go on"),
        Binding(
            context: .global, keys: [.escape], action: .cancel,
            help: "Clear the filter, the cursor or the zoom, drop what the analyst is working on, or back"),
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
        Binding(
            context: .rates, keys: [.character("L")], action: .takeRate, hint: "take over",
            help: "Take the suggested rate over; it holds from the next step on"),
        Binding(
            context: .rates, keys: [.escape, .character("q"), .character("F")], action: .close, hint: "close",
            help: "Close the curve"),
        Binding(context: .prompt, keys: [.tab], action: .complete, help: "Complete a command"),
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
