// Keys of the screen Explain: what they do to the state, and what they ask of the analyst.

import Engine
import Experiments
import Foundation

/// The screen comes to be seen: rows are listed, and asked for where the session has none.
func explainScreenShown(_ state: inout State) -> [Command] {
    state.session?.listRows()
    guard let session = state.session, session.facts != nil, session.facts?.predictions == nil, !session.isFolds else {
        return []
    }
    guard case .ended = session.source else { return [] }
    state.session?.explain.fraction = 0
    return [.ask(.predictions)]
}

/// Shows example `row` of the data set on the screen, and asks why the model says what it says of it; back leads to `origin`.
func explain(row: Int, from origin: GalleryView, _ state: inout State) -> [Command] {
    guard state.session?.isFolds == false else {
        state.notice = Notice(text: foldsHaveNoModel, role: .warning)
        return []
    }
    state.overlay = nil
    var commands = show(.explain, &state)
    state.session?.explain.origin = origin
    guard let session = state.session else { return commands }
    state.session?.explain.row = row
    state.session?.explain.changes = []
    if session.selectedPlace == nil {
        state.session?.explain.filter = .all
        state.session?.listRows()
        state.session?.explain.row = row
    }
    state.focus[.explain] = .rows
    if state.session?.plainExplanation == nil {
        commands += ask(.explain(row: row, changes: [], settings: session.explainSettings), &state)
    }
    return commands
}

/// Keys that only Explain has; nil: not one of them.
func performInExplain(_ action: Action, _ state: inout State) -> [Command]? {
    guard state.screen == .explain, let session = state.session else { return nil }
    switch action {
    case .open:
        if state.focusedPane == .instance { return editValue(session, &state) }
        return ask(.explain(row: session.explain.row ?? 0, changes: [], settings: session.explainSettings), &state)
    case .up, .down: moveInExplain(by: action == .down ? 1 : -1, &state)
    case .rowFilter:
        let filters = session.rowFilters
        let index = filters.firstIndex(of: session.explain.filter) ?? 0
        state.session?.explain.filter = filters[(index + 1) % filters.count]
        state.session?.explain.row = nil
        state.session?.explain.changes = []
        state.session?.listRows()
    case .otherClass:
        let count = session.explanation?.surrogates.count ?? 0
        if count > 1 { state.session?.explain.surrogate = (session.explain.surrogate + 1) % count }
    case .takeBack:
        state.session?.explain.changes = []
        if session.plainExplanation == nil, let row = session.explain.row, !session.explain.changes.isEmpty {
            return ask(.explain(row: row, changes: [], settings: session.explainSettings), &state)
        }
    case .kernelWidth: state.overlay = .prompt(Prompt(kind: .kernelWidth, text: ""))
    case .survey:
        guard session.run.survey == nil else {
            state.session?.explain.showsSurvey.toggle()
            return []
        }
        state.session?.explain.showsSurvey = true
        return ask(.survey(rows: 40, settings: LIMESettings(features: 8, repeats: 1)), &state)
    default: return nil
    }
    return []
}

/// Why no prediction of a cross-validation is explained.
let foldsHaveNoModel = "A cross-validation keeps no model: train one to explain it"

/// Asks the analyst, who is started when there is none.
func ask(_ question: AnalystQuestion, _ state: inout State) -> [Command] {
    guard let session = state.session else { return [] }
    guard !session.isFolds else {
        state.session?.explain.showsSurvey = false
        state.notice = Notice(text: foldsHaveNoModel, role: .warning)
        return []
    }
    guard case .ended = session.source else {
        state.session?.explain.showsSurvey = false
        state.notice = Notice(text: "Predictions are explained when the run has ended", role: .warning)
        return []
    }
    if !session.isTable, case .survey = question {
        state.session?.explain.showsSurvey = false
        state.notice = Notice(text: "Pixels have no meaning of their own: what matters is looked for in tables only")
        return []
    }
    state.session?.explain.fraction = 0
    state.session?.explain.failure = nil
    // A person who looks back would not see the answer.
    state.session?.replay = nil
    return [.ask(question)]
}

/// Takes what the analyst tells beside events.
func take(_ news: AnalystNews, _ state: inout State) {
    switch news {
    case .working(let fraction, let subject):
        state.session?.explain.fraction = fraction
        state.session?.compare.subject = subject
    case .idle: state.session?.explain.fraction = nil
    case .failed(let reason):
        state.session?.explain.fraction = nil
        state.session?.explain.failure = reason
    case .facts: break
    }
}

private func moveInExplain(by rows: Int, _ state: inout State) {
    guard let session = state.session else { return }
    switch state.focusedPane {
    case .instance:
        let count =
            (session.explanation ?? session.plainExplanation)?.values.count ?? session.facts?.data?.summary?.columns
            .count ?? 0
        state.session?.explain.column = min(max(0, session.explain.column + rows), max(0, count - 1))
    default:
        guard !session.explain.shown.isEmpty else { return }
        select(place: min(max(0, (session.selectedPlace ?? 0) + rows), session.explain.shown.count - 1), &state)
    }
}

/// Selects a row by its place among the shown ones.
private func select(place: Int, _ state: inout State) {
    guard let session = state.session, let list = session.facts?.predictions else { return }
    let row = list[session.explain.shown[place]].index
    guard row != session.explain.row else { return }
    state.session?.explain.row = row
    state.session?.explain.changes = []
    state.session?.explain.surrogate = 0
    state.session?.explain.failure = nil
}

/// A click into the list of rows.
func selectRow(_ pane: Pane, at row: Int, _ state: inout State) {
    guard let session = state.session, let place = listedPlace(session, pane, at: row) else { return }
    select(place: place, &state)
}

/// A prompt for the selected value.
private func editValue(_ session: OpenSession, _ state: inout State) -> [Command] {
    guard let explanation = session.explanation ?? session.plainExplanation, explanation.picture == nil,
        explanation.values.indices.contains(session.explain.column)
    else {
        state.notice = Notice(
            text: session.plainExplanation == nil ? "First explain the row: Enter in the list" : "Pixels are not typed")
        return []
    }
    let value = explanation.values[session.explain.column]
    state.overlay = .prompt(
        Prompt(kind: .value, text: "", name: "\(value.column), now \(value.text.isEmpty ? "missing" : value.text)"))
    return []
}

/// Takes a typed value and asks what would be.
func acceptValue(_ prompt: Prompt, _ state: inout State) -> [Command] {
    state.overlay = nil
    guard let session = state.session, let row = session.explain.row else { return [] }
    var changes = session.explain.changes.filter { $0.column != session.explain.column }
    changes.append(
        ValueChange(column: session.explain.column, text: prompt.text.trimmingCharacters(in: .whitespaces)))
    changes.sort { $0.column < $1.column }
    state.session?.explain.changes = changes
    return ask(.explain(row: row, changes: changes, settings: session.explainSettings), &state)
}

/// Takes a typed kernel width; nothing typed is the usual one. The row is explained anew.
func acceptKernelWidth(_ prompt: Prompt, _ state: inout State) -> [Command] {
    let text = prompt.text.trimmingCharacters(in: .whitespaces)
    let width = Double(text)
    guard text.isEmpty || width.map({ $0.isFinite && $0 > 0 }) == true else {
        var prompt = prompt
        prompt.complaint = "a number greater than 0, such as 3; nothing: the usual width"
        state.overlay = .prompt(prompt)
        return []
    }
    state.overlay = nil
    state.session?.explain.kernelWidth = width
    guard let session = state.session, let row = session.explain.row else { return [] }
    return ask(.explain(row: row, changes: session.explain.changes, settings: session.explainSettings), &state)
}
