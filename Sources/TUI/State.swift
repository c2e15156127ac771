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
    case train

    var title: String {
        switch self {
        case .runs: "Runs"
        case .train: "Train"
        }
    }
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
    enum Kind: Sendable { case filter, learningRate, dataPath }
    var kind: Kind
    var text: String
    var complaint: String?

    var label: String {
        switch kind {
        case .filter: "Filter"
        case .learningRate: "Learning rate"
        case .dataPath: "Data in"
        }
    }

    /// Characters that may be typed.
    var limit: Int { kind == .dataPath ? 1000 : 60 }
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

/// What the charts' time axis counts.
enum TimeAxis: String, CaseIterable, Sendable {
    case epochs, steps, seconds
}

/// Where the open session's events come from.
enum Source: Sendable, Equatable {
    /// The engine was started; its session is not there yet.
    case starting
    /// The file is being read.
    case reading
    /// An engine sends events.
    case live
    /// Nobody writes; this is all there is.
    case ended(SessionStatus)
    /// It could not be opened or started.
    case failed(String)
}

/// The open session.
struct TrainState: Sendable, Equatable {
    var path: String
    var name: String
    /// Which opening this is: messages of an earlier one are dropped.
    var opening: Int
    var source: Source
    /// The fold of all events.
    var whole = RunState()
    /// All events, for replay.
    var events: [RunEvent] = []
    var replay: Replay?
    var axis: TimeAxis = .epochs
    var logarithmic = false
    /// A pause or continue that the engine has not answered yet.
    var asked: EngineCommand?

    /// What the screen shows: the replayed moment, else the newest.
    var run: RunState { replay?.run ?? whole }

    /// Whether an engine is there to be steered.
    var isLive: Bool { source == .live }

    /// Whether the run may go on from a checkpoint.
    var isResumable: Bool {
        guard case .ended(let status) = source else { return false }
        return status.isResumable
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
    var train: TrainState?
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
        case nil: break
        }
        switch screen {
        case .runs: return [runs.pane == .sessions ? .sessions : .presets, .runs, .global]
        case .train:
            guard let train else { return [.train, .global] }
            if train.isLive { return [.live, .train, .global] }
            if case .ended = train.source { return [.replay, .train, .global] }
            return [.train, .global]
        }
    }

    /// Names of sessions that go on when the screen is left.
    var liveNames: [String] {
        var names = (runs.sessions ?? []).filter { $0.status == .live }.map(\.fileName)
        if let train, train.isLive || train.source == .starting {
            let file = train.path.split(separator: "/").last.map(String.init) ?? train.name
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
