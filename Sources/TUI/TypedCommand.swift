// TypedCommand: what can be typed behind a colon, and how it is completed.

import Charts
import Engine
import Foundation

/// A command as a person types it.
enum TypedCommand: Sendable, Equatable {
    case perform(Action)
    case theme(Theme)
    case glyphs(GlyphSet)
    case step(Int)
    case epoch(Int)
    case speed(Double)
    case learningRate(Double)
    case filter(String)
    case dataPath(String)
    case crossValidate(folds: Int)
    case fold(Int)

    /// Why a text is no command.
    struct Misread: Error, Equatable { var reason: String }

    /// Names, with the words that may follow or what kind of word does.
    private enum Argument {
        case none(Action)
        case words([String])
        case value(String)
    }

    private static let table: [(name: String, argument: Argument)] = [
        ("at", .value("a step, such as at 120")), ("budget", .none(.budget)), ("compare", .none(.showCompare)),
        ("continue", .none(.pause)),
        ("cross-validate", .value("a number of folds, 2 to 1,000, such as cross-validate 10")),
        ("data", .none(.showData)), ("data-in", .value("a file or folder")),
        ("epoch", .value("an epoch, such as epoch 3")), ("evaluate", .none(.showEvaluate)),
        ("explain", .none(.showExplain)),
        ("filter", .value("a text")), ("find-rate", .none(.findRate)),
        ("fold", .value("the number of a fold, such as fold 3")),
        ("glyphs", .words(GlyphSet.allCases.map(\.rawValue))), ("help", .none(.help)),
        ("log", .none(.logarithmicY)), ("model", .none(.showModel)), ("pause", .none(.pause)),
        ("play", .none(.play)), ("quit", .none(.leave)), ("rate", .value("a learning rate, such as rate 0.0005")),
        ("resume", .none(.resume)), ("runs", .none(.showRuns)), ("save", .none(.save)),
        ("smooth", .none(.smoothing)), ("speed", .value("how many times as fast, such as speed 4")),
        ("stop", .none(.stop)), ("theme", .words(Theme.allCases.map(\.rawValue))), ("train", .none(.showTrain)),
        ("variant", .none(.addVariant)),
        ("zoom", .none(.zoomPane)),
    ]

    /// Names of all commands.
    static var names: [String] { table.map(\.name) }

    /// What could follow `text`: names, or words behind a name.
    static func candidates(_ text: String) -> [String] {
        let words = text.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        guard let first = words.first, text.contains(" ") else { return names.filter { $0.hasPrefix(text) } }
        guard case .words(let known)? = table.first(where: { $0.name == first })?.argument else { return [] }
        return known.filter { $0.hasPrefix(words.count > 1 ? words[1] : "") }
    }

    /// `text` with as much added as all candidates have in common.
    static func completed(_ text: String) -> String {
        let found = candidates(text)
        guard let first = found.first else { return text }
        var common = first
        for other in found { common = common.commonPrefix(with: other) }
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        let start = text.contains(" ") ? "\(words.first ?? "") " : ""
        if found.count > 1 { return start + common }
        var takesMore = false
        if start.isEmpty, let entry = table.first(where: { $0.name == first }) {
            if case .none = entry.argument { takesMore = false } else { takesMore = true }
        }
        return start + common + (takesMore ? " " : "")
    }

    /// Reads `text`. A name may be cut as long as only one fits.
    static func read(_ text: String) -> Result<TypedCommand, Misread> {
        let words = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true).map(String.init)
        guard let typed = words.first else { return .failure(Misread(reason: "type a command, Tab completes it")) }
        let fitting = table.filter { $0.name == typed }.isEmpty ? table.filter { $0.name.hasPrefix(typed) } : []
        guard let entry = table.first(where: { $0.name == typed }) ?? (fitting.count == 1 ? fitting[0] : nil) else {
            let reason =
                fitting.isEmpty
                ? "there is no command \(typed); Tab shows them"
                : "which: \(fitting.map(\.name).joined(separator: ", "))?"
            return .failure(Misread(reason: reason))
        }
        let rest = words.count > 1 ? words[1].trimmingCharacters(in: .whitespaces) : ""
        func positive(_ hint: String) -> Result<Double, Misread> {
            guard let number = Double(rest), number.isFinite, number > 0, number < 1e12 else {
                return .failure(Misread(reason: "\(entry.name) needs \(hint)"))
            }
            return .success(number)
        }
        switch entry.argument {
        case .none(let action):
            return rest.isEmpty ? .success(.perform(action)) : .failure(Misread(reason: "\(entry.name) takes no word"))
        case .words(let known):
            if entry.name == "theme", let theme = Theme(rawValue: rest) { return .success(.theme(theme)) }
            if entry.name == "glyphs", let glyphs = GlyphSet(rawValue: rest) { return .success(.glyphs(glyphs)) }
            return .failure(Misread(reason: "\(entry.name) takes one of \(known.joined(separator: ", "))"))
        case .value(let hint):
            switch entry.name {
            case "at": return positive(hint).map { .step(Int($0)) }
            case "epoch": return positive(hint).map { .epoch(Int($0)) }
            case "speed": return positive(hint).map { .speed($0) }
            case "rate": return positive(hint).map { .learningRate($0) }
            case "data-in":
                return rest.isEmpty
                    ? .failure(Misread(reason: "data-in needs \(hint)")) : .success(.dataPath(rest))
            case "fold": return positive(hint).map { .fold(Int($0)) }
            case "cross-validate":
                guard let folds = foldCount(rest.isEmpty ? usualFolds : rest) else {
                    return .failure(Misread(reason: "\(entry.name) needs \(hint)"))
                }
                return .success(.crossValidate(folds: folds))
            default: return .success(.filter(rest))
            }
        }
    }
}

/// Does what was typed.
func run(_ command: TypedCommand, _ state: inout State) -> [Command] {
    switch command {
    case .perform(let action): return perform(action, &state)
    case .theme(let theme):
        state.theme = theme
        return [.setTheme(theme)]
    case .glyphs(let glyphs):
        state.glyphs = glyphs
        return [.redraw]
    case .crossValidate(let folds): return crossValidate(folds: folds, &state)
    case .fold(let fold): return openFold(fold, &state)
    case .filter(let text):
        state.runs.filter = text
        return show(.runs, &state) + settleSelection(&state)
    case .dataPath(let path):
        guard state.session != nil else { return missing("No session is open", &state) }
        state.session?.dataPath = (path as NSString).expandingTildeInPath
        state.session?.explain.failure = nil
        state.notice = Notice(text: "The data of this session are looked for in \(path)")
        return []
    case .learningRate(let rate):
        guard state.session?.isLive == true else { return missing("No run is live here", &state) }
        return [.steer(.setLearningRate(rate))]
    case .step(let step):
        return move(&state) { replay, events, _ in
            replay.isPlaying = false
            replay.seek(step: step, in: events)
        }
    case .epoch(let epoch):
        return move(&state) { replay, events, head in
            replay.isPlaying = false
            let step = epoch.multipliedReportingOverflow(by: head.stepsPerEpoch)
            replay.seek(step: step.overflow ? .max : step.partialValue, in: events)
        }
    case .speed(let speed):
        return move(&state) { replay, _, _ in
            replay.speed = min(max(speed, Replay.speeds.lowerBound), Replay.speeds.upperBound)
        }
    }
}

private func missing(_ text: String, _ state: inout State) -> [Command] {
    state.notice = Notice(text: text, role: .warning)
    return []
}

private func move(
    _ state: inout State, _ body: (inout Replay, [RunEvent], RunEvent.Started) -> Void
) -> [Command] {
    guard let session = state.session, session.hasTimeline, let head = session.whole.head else {
        return missing("No session is open", &state)
    }
    var replay = session.replay ?? session.freshReplay
    if session.replay == nil { replay.move(to: session.events.count, in: session.events) }
    body(&replay, session.events, head)
    state.session?.replay = replay
    return []
}
