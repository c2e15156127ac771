// Cross-validation by keyboard: how many folds, of what.

import Engine
import Experiments
import Foundation

/// Folds when nobody says otherwise, as they are typed.
let usualFolds = "5"

/// A number of folds that was typed; nil: it is none.
func foldCount(_ text: String) -> Int? {
    Int(text.trimmingCharacters(in: .whitespaces)).flatMap { FoldPlan.range.contains($0) ? $0 : nil }
}

/// Asks how many folds, where there is something to cross-validate.
func askForFolds(_ state: inout State) {
    guard state.crossValidated != nil else {
        state.notice = Notice(text: "Nothing is selected that could be cross-validated", role: .warning)
        return
    }
    state.overlay = .prompt(Prompt(kind: .folds, text: usualFolds))
}

func acceptFolds(_ prompt: Prompt, _ state: inout State) -> [Command] {
    guard let folds = foldCount(prompt.text) else {
        var prompt = prompt
        prompt.complaint = "a whole number, \(FoldPlan.range.lowerBound) to 1,000"
        state.overlay = .prompt(prompt)
        return []
    }
    state.overlay = nil
    return crossValidate(folds: folds, &state)
}

/// Cross-validates what is selected or open.
func crossValidate(folds: Int, _ state: inout State) -> [Command] {
    switch state.crossValidated {
    case .preset(let preset):
        if let path = preset.dataPath {
            var prompt = Prompt(kind: .dataPath, text: path)
            prompt.folds = folds
            state.overlay = .prompt(prompt)
            return []
        }
        return crossValidate(preset, folds: folds, data: nil, &state)
    case .session(let path, let name):
        return open(path: "", name: name, .starting, &state) {
            .crossValidate(subject: path, name: name, folds: folds, data: nil, opening: $1)
        }
    case nil:
        state.notice = Notice(text: "Nothing is selected that could be cross-validated", role: .warning)
        return []
    }
}

/// Cross-validates a preset in a new session.
func crossValidate(_ preset: PresetRow, folds: Int, data: String?, _ state: inout State) -> [Command] {
    open(path: "", name: preset.name, .starting, &state) {
        .crossValidate(subject: preset.name, name: preset.name, folds: folds, data: data, opening: $1)
    }
}

/// Looks at one fold of the open cross-validation.
func openFold(_ fold: Int, _ state: inout State) -> [Command] {
    let count = state.session?.whole.head?.folds
    guard let session = state.session, count != nil || session.fold != nil, fold <= count ?? FoldPlan.range.upperBound
    else {
        let text = count.map { "There are \($0) folds" } ?? "No cross-validation is open"
        state.notice = Notice(text: text, role: .warning)
        return []
    }
    let commands = open(path: session.path, name: session.name, .reading, &state) {
        .openFold(path: $0, fold: fold, opening: $1)
    }
    state.session?.fold = fold
    return commands
}

/// What a cross-validation would be of.
private enum FoldSubject {
    case preset(PresetRow)
    case session(path: String, name: String)
}

extension State {
    fileprivate var crossValidated: FoldSubject? {
        if screen != .runs {
            guard let session, !session.path.isEmpty, session.whole.head != nil else { return nil }
            return .session(path: session.path, name: session.name)
        }
        if runs.pane == .presets { return runs.preset.map { .preset($0) } }
        guard let session = runs.selectedSession else { return nil }
        if case .unreadable = session.status { return nil }
        return .session(path: session.path, name: session.name)
    }
}
