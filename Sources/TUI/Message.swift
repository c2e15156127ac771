// What comes in (messages) and what is asked of the world (commands). Between them stands update(_:_:).

import Engine
import Experiments
import Foundation

/// Something that happened and that the state must know.
enum Message: Sendable, Equatable {
    case input(Input)
    /// The clock went on: what time it is, and the seconds since the last tick.
    case tick(now: Date, elapsed: Double)
    case listed([SessionSummary])
    case listFailed(String)
    case previewed(path: String, RunState)
    case noticed(Notice)
    /// News of the session that was opened as number `opening`.
    case feed(opening: Int, FeedNews)
}

/// News of an open session.
enum FeedNews: Sendable, Equatable {
    /// The session's file is there.
    case opened(name: String)
    /// What stands in the file beside the events, now or as it is by now.
    case facts(SessionFacts)
    /// More events, in order, without gaps.
    case events([RunEvent])
    /// From here on an engine sends them.
    case live
    case ended(SessionStatus)
    case failed(String)
    /// What the analyst tells beside events.
    case analyst(AnalystNews)
}

/// Something to do in the world.
enum Command: Sendable, Equatable {
    case list
    case preview(path: String)
    case trash(path: String)
    case undoTrash
    /// Train a preset, on the data at a path if one was named, into a new session and follow that.
    case train(preset: String, data: String?, opening: Int)
    /// Cross-validate a preset, or what the session at a path was trained by, into a new session and follow that.
    case crossValidate(subject: String, name: String, folds: Int, data: String?, opening: Int)
    case resume(path: String, opening: Int)
    case open(path: String, opening: Int)
    /// Look at a fold of the cross-validation at a path.
    case openFold(path: String, fold: Int, opening: Int)
    case steer(EngineCommand)
    /// Ask the analyst of the open session.
    case ask(AnalystQuestion)
    /// Write a chart into two files, `name`.csv and `name`.svg.
    case save(name: String, csv: String, svg: String)
    case setTheme(Theme)
    case suspend
    case redraw
}
