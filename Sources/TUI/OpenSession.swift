// OpenSession: the session that all screens but Runs look at, and how they look at it.

import Charts
import Engine
import Experiments
import Foundation

/// What the charts' time axis counts.
enum TimeAxis: String, CaseIterable, Sendable {
    case epochs, steps, seconds
}

/// How the curves are looked at; the same for all charts of a screen.
struct ChartView: Sendable, Equatable {
    var axis: TimeAxis = .epochs
    var isLogarithmicX = false
    /// Loss on a logarithmic scale.
    var isLogarithmicY = false
    /// Weight of the moving average; 0: the values as they are.
    var smoothing = 0.0
    /// The part of the time axis that is shown, as fractions of all of it; nil: all.
    var window: ClosedRange<Double>?
    /// The cursor's place, as a fraction of what is shown; nil: no cursor.
    var cursor: Double?

    static let smoothings: [Double] = [0, 0.6, 0.9, 0.97]

    /// Shows half (`by` 0.5) or twice (2) as much around the cursor, or around the middle.
    mutating func zoom(by factor: Double) {
        let shown = window ?? 0...1
        let length = shown.upperBound - shown.lowerBound
        let centre = shown.lowerBound + length * (cursor ?? 0.5)
        show(from: centre - length * factor * (cursor ?? 0.5), length: length * factor)
    }

    /// Moves what is shown by `share` of its own length.
    mutating func pan(by share: Double) {
        guard let shown = window else { return }
        let length = shown.upperBound - shown.lowerBound
        show(from: shown.lowerBound + length * share, length: length)
    }

    private mutating func show(from start: Double, length: Double) {
        let length = max(length, 1e-4)
        if length >= 1 {
            window = nil
        } else {
            let start = min(max(0, start), 1 - length)
            window = start...(start + length)
        }
    }
}

/// What the screen Evaluate shows of the evaluation.
struct EvaluateView: Sendable, Equatable {
    /// The split that a person chose; nil: the test split where it was measured, else the watched one.
    var split: Split?
    /// The class that ROC and table stand on; nil: all.
    var selectedClass: Int?
    var confusion: ConfusionChart.Mode = .counts
    /// The chosen chart.
    var chart: EvaluateChart = .roc
    /// Where the cursor is; nil: no cursor. On another evaluation it stands on the kept threshold that is nearest.
    var threshold: Double?
    /// What the cursor was sent to last, as long as it stands there.
    var lastBest: OperatingCurve.Best?
    var costs = ErrorCosts()
    /// The cell that the matrix' cursor is on; nil: it was not moved.
    var cell: MatrixCell?
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
struct OpenSession: Sendable, Equatable {
    var path: String
    var name: String
    /// Which opening this is: messages of an earlier one are dropped.
    var opening: Int
    var source: Source
    /// The fold of all events.
    private(set) var whole = RunState()
    /// All events, for replay.
    private(set) var events: [RunEvent] = []
    /// What stands in the file beside the events; nil until it was read.
    var facts: SessionFacts?
    /// Places to fold from.
    private(set) var landmarks = Landmarks()
    /// The moment that is looked at; nil: the newest.
    var replay: Replay?
    var charts = ChartView()
    var evaluate = EvaluateView()
    var explain = ExplainView()
    var compare = CompareView()
    /// Another place of the data than where they were; nil: there.
    var dataPath: String?
    /// Scrolled rows of the list that has the focus on Model and Data.
    var scroll = 0
    /// Data shows what the run sees of the examples.
    var showsAugmented = false
    /// The fold that is looked at, of a cross-validation's session; nil: all of it.
    var fold: Int?
    /// A pause, a continue or trials of rates that the engine has not answered yet.
    var asked: EngineCommand?

    /// Takes more events.
    mutating func take(_ more: [RunEvent]) {
        if more.count > Landmarks.spacing { whole.reserve(steps: more.count) }
        var position = events.count
        if events.isEmpty { events = more } else { events += more }
        for event in more {
            whole.apply(event)
            position += 1
            landmarks.pass(whole, position: position, event)
            switch (event, asked) {
            case (.ratesTried, .tryRates): asked = nil
            case (.steered, .tryRates): break
            case (.steered, _): asked = nil
            default: break
            }
        }
    }

    /// A replay at the start of the run.
    var freshReplay: Replay { Replay(of: events, landmarks: landmarks.along(whole)) }

    /// What the screen shows: the replayed moment, else the newest.
    var run: RunState { replay?.run ?? whole }

    /// Whether the run predicts numbers, not classes.
    var predictsNumbers: Bool { run.head?.target != nil }

    /// Whether this is a cross-validation, or one of its folds: no model is kept then.
    var isFolds: Bool { whole.head?.folds != nil || fold != nil }

    /// Whether there is a moment to go to.
    var hasTimeline: Bool { run.head != nil && !events.isEmpty }

    /// Whether an engine is there to be steered.
    var isLive: Bool { source == .live }

    /// Whether the run may go on from a checkpoint.
    var isResumable: Bool {
        // A fold that was stopped can't go on beside others that were not.
        guard case .ended(let status) = source, whole.head?.folds == nil, fold == nil else { return false }
        return status.isResumable
    }
}
