// State: everything the screens show, a value. update(_:_:) changes it, draw(_:into:) shows it.

import Charts
import Engine
import Experiments
import Foundation

/// One row of the list of presets.
public struct PresetRow: Sendable, Equatable {
    /// The name that `workbench train` takes.
    public var name: String
    /// What it trains, in a phrase.
    public var summary: String
    /// Its specification, as text.
    public var detail: String
    /// Where its data are looked for; nil: it needs no files. A person is asked before it trains.
    public var dataPath: String?
    public init(name: String, summary: String, detail: String, dataPath: String? = nil) {
        self.name = name
        self.summary = summary
        self.detail = detail
        self.dataPath = dataPath
    }
}

/// The screens by number.
enum ScreenID: Int, CaseIterable, Sendable {
    case runs = 1
    case train = 2
    case evaluate = 3
    case explain = 4
    case compare = 5
    case model = 6
    case data = 7

    var title: String {
        switch self {
        case .runs: "Runs"
        case .train: "Train"
        case .evaluate: "Evaluate"
        case .explain: "Explain"
        case .compare: "Compare"
        case .model: "Model"
        case .data: "Data"
        }
    }

    /// The panes that there may be, in the order of Tab. Those of Runs are its own affair.
    var panes: [PaneID] {
        switch self {
        case .runs: []
        case .train: [.loss, .accuracy, .now]
        case .explain: [.rows, .instance, .why, .survey]
        case .compare: [.variants, .front, .change, .sensitivity, .histograms]
        case .evaluate:
            [
                .confusion, .mistakes, .roc, .precisionRecall, .calibration, .thresholds, .classes, .threshold,
                .predictions, .residuals, .errors,
            ]
        case .model: [.layers, .weights]
        case .data: [.counts, .examples, .findings]
        }
    }
}

/// A pane that can have the focus and be zoomed.
enum PaneID: Sendable, Hashable {
    case loss, accuracy, now
    case roc, confusion, classes, mistakes
    case precisionRecall, calibration, thresholds, threshold
    case predictions, residuals, errors
    case rows, instance, why, survey
    case variants, front, change, sensitivity, histograms
    case layers, weights
    case counts, findings, examples
}

/// A text for the bottom line, until the next key.
struct Notice: Sendable, Equatable {
    var text: String
    var role: Role = .text
}

/// What lies over the screen and takes all keys.
enum Overlay: Sendable, Equatable {
    case help(scroll: Int)
    case question(Question)
    case prompt(Prompt)
    /// Learning rates that were tried, or are being tried.
    case rates
    /// Examples of a cell of the confusion matrix.
    case gallery(GalleryView)
}

/// Something that a person confirms by another key than the one that asked.
enum Question: Sendable, Equatable {
    case trash(path: String, name: String)
    case stop

    var text: String {
        switch self {
        case .trash(_, let name): "Move \(name) to the trash?"
        case .stop: "Stop the run and keep what it has learned?"
        }
    }
}

/// A text being typed in the bottom line.
struct Prompt: Sendable, Equatable {
    enum Kind: Sendable {
        case filter, learningRate, dataPath, command, costs, value, kernelWidth, folds
        case variant, epochs, budget, sparsity
    }
    var kind: Kind
    var text: String
    var complaint: String?
    /// What a value is of.
    var name = ""
    /// Where data are asked for: into how many folds they will be cut; nil: they are trained on as they are.
    var folds: Int?

    var label: String {
        switch kind {
        case .filter: "Filter"
        case .learningRate: "Learning rate"
        case .dataPath: "Data in"
        case .command: ""
        case .value: name
        case .kernelWidth: "Kernel width"
        case .costs: "Costs of FP and FN"
        case .folds: "Folds"
        case .variant: "Variants"
        case .epochs: "Epochs of tuning"
        case .budget: "Points that may be lost"
        case .sparsity: "Percent of its weights to zero"
        }
    }

    /// Characters that may be typed.
    var limit: Int { kind == .dataPath || kind == .command || kind == .variant ? 1000 : 60 }
}

/// The list of sessions and presets.
struct RunsState: Sendable, Equatable {
    enum Pane: Sendable { case sessions, presets }
    /// Newest first; nil until the folder was read.
    var sessions: [SessionSummary]?
    var presets: [PresetRow] = []
    /// Why the folder could not be read.
    var failure: String?
    var pane: Pane = .sessions
    /// The selected session's path; rows move under it when the list changes.
    var selectedPath: String?
    var selectedPreset = 0
    var filter = ""
    var preview: Preview?
    /// Whether the first list has decided which pane gets the focus.
    var settled = false

    /// The fold of a session that is not open.
    struct Preview: Sendable, Equatable {
        var path: String
        var run: RunState
    }

    /// Sessions that pass the filter.
    var shownSessions: [SessionSummary] {
        guard let sessions else { return [] }
        return sessions.filter { session in
            matches([session.name, session.fileName, session.status.word, session.head?.dataset ?? ""])
        }
    }

    /// Presets that pass the filter.
    var shownPresets: [PresetRow] { presets.filter { matches([$0.name, $0.summary]) } }

    private func matches(_ texts: [String]) -> Bool {
        filter.isEmpty || texts.contains { $0.range(of: filter, options: .caseInsensitive) != nil }
    }

    /// Index of the selected session in ``shownSessions``.
    var selectedIndex: Int? {
        guard let selectedPath else { return nil }
        return shownSessions.firstIndex { $0.path == selectedPath }
    }

    var selectedSession: SessionSummary? { selectedIndex.map { shownSessions[$0] } }

    var preset: PresetRow? {
        let shown = shownPresets
        return shown.indices.contains(selectedPreset) ? shown[selectedPreset] : nil
    }
}

/// The screens' whole state.
struct State: Sendable, Equatable {
    var rows = 24
    var columns = 80
    var glyphs: GlyphSet = .braille
    /// Folder of the sessions, for the title.
    var folder = ""
    /// The wall clock, for "3 min ago".
    var now = Date(timeIntervalSince1970: 0)
    var screen: ScreenID = .runs
    var runs = RunsState()
    var session: OpenSession?
    /// The focused pane of each screen; its first one where none was chosen.
    var focus: [ScreenID: PaneID] = [:]
    /// The focused pane fills the screen.
    var isZoomed = false
    var theme: Theme = .dark
    var overlay: Overlay?
    var notice: Notice?
    /// The loop ends.
    var isLeaving = false
    /// Openings so far.
    var openings = 0

    /// Smallest window that the screens are drawn in.
    static let leastRows = 16
    static let leastColumns = 60

    var isTooSmall: Bool { rows < State.leastRows || columns < State.leastColumns }

    var ascii: Bool { glyphs == .ascii }

    /// Contexts that hold now, innermost first.
    var contexts: [Context] {
        switch overlay {
        case .help: return [.help]
        case .question: return [.question]
        case .prompt: return [.prompt]
        case .rates: return [.rates]
        case .gallery: return [.gallery]
        case nil: break
        }
        return contexts(of: screen)
    }

    /// Contexts that hold on a screen without anything over it, innermost first.
    func contexts(of screen: ScreenID) -> [Context] {
        guard screen != .runs else { return [runs.pane == .sessions ? .sessions : .presets, .runs, .global] }
        guard let session else { return [.global] }
        var contexts: [Context] = []
        if session.isLive { contexts.append(.live) }
        if case .ended = session.source { contexts.append(.ended) }
        switch screen {
        case .train where session.charts.cursor != nil: return contexts + [.cursor, .charts, .panes, .global]
        case .train: contexts += [.timeline, .charts]
        case .explain: contexts += [.explain, .timeline]
        case .compare: contexts += [.compare, .timeline]
        case .evaluate: contexts += evaluateContexts(session)
        case .model: contexts += [.list, .timeline]
        case .data: contexts += [.data, .list]
        case .runs: break
        }
        return contexts + [.panes, .global]
    }

    /// The panes that the focus goes through on the shown screen: for numbers Evaluate has others than for classes.
    var panes: [PaneID] {
        if screen == .explain { return explainPanes(session) }
        guard screen == .evaluate else { return screen.panes }
        let ofNumbers: [PaneID] = [.predictions, .residuals, .errors]
        return screen.panes.filter { ofNumbers.contains($0) == (session?.predictsNumbers ?? false) }
    }

    /// The pane that has the focus on the shown screen.
    var focusedPane: PaneID? {
        let panes = panes
        let chosen = focus[screen].flatMap { panes.contains($0) ? $0 : nil }
        if screen == .evaluate, let session, !session.predictsNumbers { return evaluateFocus(chosen, session) }
        return chosen ?? panes.first
    }

    /// Names of sessions that go on when the screen is left.
    var liveNames: [String] {
        var names = (runs.sessions ?? []).filter { $0.status == .live }.map(\.fileName)
        if let session, session.isLive || session.source == .starting {
            let file = session.path.split(separator: "/").last.map(String.init) ?? session.name
            if !names.contains(file) { names.append(file) }
        }
        return names
    }
}

extension SessionStatus {
    /// The state in one word.
    var word: String {
        switch self {
        case .live: "live"
        case .finished(.completed): "finished"
        case .finished(.stopped): "stopped"
        case .finished(.diverged): "diverged"
        case .interrupted: "interrupted"
        case .unreadable: "unreadable"
        }
    }

    /// Whether the run may go on from a checkpoint.
    var isResumable: Bool { self == .interrupted || self == .finished(.stopped) }

    var role: Role {
        switch self {
        case .live, .finished(.completed): .good
        case .finished(.stopped): .dim
        case .interrupted: .warning
        case .finished(.diverged), .unreadable: .bad
        }
    }

    /// A sign beside the word.
    func sign(_ glyphs: GlyphSet) -> String {
        let ascii = glyphs == .ascii
        switch self {
        case .live: return ascii ? "*" : "●"
        case .finished(.completed): return ascii ? "+" : "✓"
        case .finished(.stopped): return ascii ? "#" : "■"
        case .finished(.diverged): return ascii ? "^" : "▲"
        case .interrupted: return "!"
        case .unreadable: return ascii ? "x" : "×"
        }
    }
}
