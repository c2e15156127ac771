// update: the only place where the state changes. Pure: the same state and message give the same state and commands.

import Engine
import Experiments
import Foundation

/// Takes `message` into `state` and says what is to be done in the world.
func update(_ state: inout State, _ message: Message) -> [Command] {
    switch message {
    case .input(let input): return take(input, &state)
    case .tick(let now, let elapsed):
        state.now = now
        if let session = state.session, session.replay?.isPlaying == true {
            state.session?.replay?.play(elapsed, in: session.events)
            // A live run that was caught up with is live again.
            if session.isLive, state.session?.replay?.position == session.events.count { state.session?.replay = nil }
        }
        return []
    case .listed(let sessions): return list(sessions, &state)
    case .listFailed(let failure):
        state.runs.failure = failure
        if state.runs.sessions == nil { state.runs.sessions = [] }
        return []
    case .previewed(let path, let run):
        if path == state.runs.selectedPath { state.runs.preview = RunsState.Preview(path: path, run: run) }
        return []
    case .noticed(let notice):
        state.notice = notice
        return [.list]
    case .feed(let opening, let news):
        guard state.session?.opening == opening else { return [] }
        return take(news, &state)
    }
}

private func list(_ sessions: [SessionSummary], _ state: inout State) -> [Command] {
    let before = state.runs.selectedSession
    let index = state.runs.selectedIndex ?? 0
    state.runs.failure = nil
    state.runs.sessions = sessions
    if !state.runs.settled {
        state.runs.settled = true
        if sessions.isEmpty { state.runs.pane = .presets }
    }
    if state.runs.selectedIndex == nil {
        // The selected one is gone: the row that took its place is next.
        let shown = state.runs.shownSessions
        state.runs.selectedPath = shown.isEmpty ? nil : shown[min(index, shown.count - 1)].path
    }
    if state.runs.sessions?.isEmpty == true { state.runs.preview = nil }
    guard let selected = state.runs.selectedSession else { return [] }
    return selected != before || state.runs.preview?.path != selected.path ? [.preview(path: selected.path)] : []
}

private func take(_ news: FeedNews, _ state: inout State) -> [Command] {
    switch news {
    case .opened(let name):
        state.session?.name = name
        if state.session?.source == .starting { state.session?.source = .reading }
    case .events(let events):
        let wasUnknown = state.session?.run.head == nil
        state.session?.take(events)
        if wasUnknown { state.session?.listRows() }
    case .facts(let facts):
        state.session?.facts = facts
        state.session?.listRows()
    case .analyst(let news): take(news, &state)
    case .live: state.session?.source = .live
    case .ended(let status):
        state.session?.source = .ended(status)
        state.session?.asked = nil
        state.notice = nil
        // A question about a run that has ended meanwhile has no object any more.
        if case .question(.stop) = state.overlay { state.overlay = nil }
        if case .prompt(let prompt) = state.overlay, prompt.kind == .learningRate { state.overlay = nil }
        if state.overlay == .rates, state.session?.whole.ratesTried == nil { state.overlay = nil }
        return [.list]
    case .failed(let failure): state.session?.source = .failed(failure)
    }
    return []
}

private func take(_ input: Input, _ state: inout State) -> [Command] {
    switch input {
    case .resized(let rows, let columns):
        state.rows = rows
        state.columns = columns
        return []
    case .suspend: return [.suspend]
    case .hangUp:
        state.isLeaving = true
        return []
    case .pasted(let scalar):
        if case .prompt(let prompt) = state.overlay, scalar.value >= 0x20, scalar.value != 0x7F {
            return type(scalar, into: prompt, &state)
        }
        return []
    case .pasteEnded: return []
    case .click(let row, let column): return click(row: row, column: column, &state)
    case .wheel(let up, let row, let column): return wheel(up: up, row: row, column: column, &state)
    case .key(let key):
        state.notice = nil
        if case .prompt(let prompt) = state.overlay, case .character(let scalar) = key {
            return type(scalar, into: prompt, &state)
        }
        guard let action = Keymap.action(for: key, in: state.contexts) else { return [] }
        return perform(action, &state)
    }
}

/// Does what a key asks for.
func perform(_ action: Action, _ state: inout State) -> [Command] {
    switch action {
    case .leave:
        state.isLeaving = true
        return []
    case .suspend: return [.suspend]
    case .redraw: return [.redraw]
    default: break
    }
    // Behind "the window is too small" nothing may be changed by keys that act on what is not seen.
    if state.isTooSmall {
        if action == .back || action == .close || action == .no { state.isLeaving = true }
        return []
    }
    switch state.overlay {
    case .help(let scroll):
        scrollHelp(action, from: scroll, &state)
        return []
    case .question(let question):
        state.overlay = nil
        return action == .yes ? answer(question, &state) : []
    case .prompt(let prompt): return edit(prompt, action, &state)
    case .rates: return lookAtRates(action, &state)
    case .gallery(let view):
        if action == .explainExample, let session = state.session {
            let examples = galleryExamples(session, view)
            return examples.indices.contains(view.selected)
                ? explain(row: examples[view.selected].index, from: view, &state) : []
        }
        lookAtGallery(action, view, &state)
        return []
    case nil: break
    }
    switch action {
    case .help: state.overlay = .help(scroll: 0)
    case .showRuns: return show(.runs, &state)
    case .showTrain: return show(.train, &state)
    case .showEvaluate: return show(.evaluate, &state)
    case .showExplain: return show(.explain, &state)
    case .showCompare: return show(.compare, &state)
    case .showModel: return show(.model, &state)
    case .showData: return show(.data, &state)
    case .command: state.overlay = .prompt(Prompt(kind: .command, text: ""))
    case .back where state.screen == .runs: state.isLeaving = true
    case .cancel where state.screen == .runs:
        state.runs.filter = ""
        return settleSelection(&state)
    case .cancel where state.session?.charts.cursor != nil && state.screen == .train:
        state.session?.charts.cursor = nil
    case .cancel
    where [.explain, .compare].contains(state.screen) && state.session?.explain.fraction != nil: return [.ask(.cancel)]
    case .back where state.screen == .explain && state.session?.explain.origin != nil,
        .cancel where state.screen == .explain && !state.isZoomed && state.session?.explain.origin != nil:
        let origin = state.session?.explain.origin
        let commands = show(.evaluate, &state)
        state.overlay = origin.map(Overlay.gallery)
        return commands
    case .cancel where state.session?.evaluate.threshold != nil && state.screen == .evaluate:
        state.session?.evaluate.threshold = nil
    case .cancel where state.isZoomed: state.isZoomed = false
    case .back, .cancel: return backToRuns(&state)
    default: return state.screen == .runs ? performInRuns(action, &state) : performInSession(action, &state)
    }
    return []
}

func show(_ screen: ScreenID, _ state: inout State) -> [Command] {
    if screen != .runs, state.session == nil {
        state.notice = Notice(text: "No session is open: select one and press Enter", role: .warning)
        return []
    }
    if screen != state.screen {
        state.screen = screen
        state.isZoomed = false
        state.session?.scroll = 0
        state.session?.explain.origin = nil
        if screen == .explain { return explainScreenShown(&state) }
    }
    return screen == .runs ? [.list] : []
}

private func backToRuns(_ state: inout State) -> [Command] {
    state.screen = .runs
    if let train = state.session {
        state.session?.replay?.isPlaying = false
        state.runs.selectedPath = train.path
        state.runs.pane = .sessions
        state.runs.settled = true
        if train.isLive || train.source == .starting {
            state.notice = Notice(text: "\(train.name) goes on", role: .good)
        }
    }
    return [.list]
}

private func answer(_ question: Question, _ state: inout State) -> [Command] {
    switch question {
    case .trash(let path, _):
        if state.session?.path == path { state.session = nil }
        return [.trash(path: path)]
    case .stop:
        state.notice = Notice(text: "Stopping after this step")
        return [.steer(.stop)]
    }
}

private func scrollHelp(_ action: Action, from scroll: Int, _ state: inout State) {
    let page = max(1, helpPage(state))
    let last = max(0, helpLines(state).count - page)
    let target: Int
    switch action {
    case .up: target = scroll - 1
    case .down: target = scroll + 1
    case .pageUp: target = scroll - page
    case .pageDown: target = scroll + page
    case .first: target = 0
    case .last: target = last
    default:
        state.overlay = nil
        return
    }
    state.overlay = .help(scroll: min(max(0, target), last))
}

private func type(_ scalar: Unicode.Scalar, into prompt: Prompt, _ state: inout State) -> [Command] {
    var prompt = prompt
    guard prompt.text.unicodeScalars.count < prompt.limit else { return [] }
    prompt.text.unicodeScalars.append(scalar)
    prompt.complaint = nil
    return follow(prompt, &state)
}

private func edit(_ prompt: Prompt, _ action: Action, _ state: inout State) -> [Command] {
    var prompt = prompt
    switch action {
    case .erase:
        if prompt.text.isEmpty {
            state.overlay = nil
            return []
        }
        prompt.text.removeLast()
        prompt.complaint = nil
        return follow(prompt, &state)
    case .cancel:
        state.overlay = nil
        if prompt.kind == .filter {
            state.runs.filter = ""
            return settleSelection(&state)
        }
    case .complete where prompt.kind == .command:
        prompt.text = TypedCommand.completed(prompt.text)
        prompt.complaint = nil
        return follow(prompt, &state)
    case .accept:
        switch prompt.kind {
        case .learningRate: return acceptRate(prompt, &state)
        case .dataPath: return acceptDataPath(prompt, &state)
        case .command: return acceptCommand(prompt, &state)
        case .value: return acceptValue(prompt, &state)
        case .kernelWidth: return acceptKernelWidth(prompt, &state)
        case .costs: return acceptCosts(prompt, &state)
        case .folds: return acceptFolds(prompt, &state)
        case .variant: return acceptVariant(prompt, &state)
        case .epochs: return acceptEpochs(prompt, &state)
        case .budget: return acceptBudget(prompt, &state)
        case .sparsity: return acceptSparsity(prompt, &state)
        case .filter: state.overlay = nil
        }
    default: break
    }
    return []
}

private func acceptRate(_ prompt: Prompt, _ state: inout State) -> [Command] {
    guard let rate = Double(prompt.text.trimmingCharacters(in: .whitespaces)), rate.isFinite, rate > 0 else {
        var prompt = prompt
        prompt.complaint = "a number greater than 0, such as 0.0005 or 5e-4"
        state.overlay = .prompt(prompt)
        return []
    }
    state.overlay = nil
    return state.session?.isLive == true ? [.steer(.setLearningRate(rate))] : []
}

private func acceptCommand(_ prompt: Prompt, _ state: inout State) -> [Command] {
    let text = prompt.text.trimmingCharacters(in: .whitespaces)
    state.overlay = nil
    if text.isEmpty { return [] }
    switch TypedCommand.read(text) {
    case .success(let command): return run(command, &state)
    case .failure(let error):
        var prompt = prompt
        prompt.complaint = error.reason
        state.overlay = .prompt(prompt)
        return []
    }
}

private func acceptDataPath(_ prompt: Prompt, _ state: inout State) -> [Command] {
    let path = prompt.text.trimmingCharacters(in: .whitespaces)
    guard !path.isEmpty, let preset = state.runs.preset else {
        var prompt = prompt
        prompt.complaint = "a folder or a file"
        state.overlay = .prompt(prompt)
        return []
    }
    state.overlay = nil
    // Asked for again, it is there to be mended.
    if let index = state.runs.presets.firstIndex(of: preset) { state.runs.presets[index].dataPath = path }
    if let folds = prompt.folds { return crossValidate(preset, folds: folds, data: path, &state) }
    return train(preset, data: path, &state)
}

/// A filter works while it is typed.
private func follow(_ prompt: Prompt, _ state: inout State) -> [Command] {
    state.overlay = .prompt(prompt)
    guard prompt.kind == .filter else { return [] }
    state.runs.filter = prompt.text
    return settleSelection(&state)
}
