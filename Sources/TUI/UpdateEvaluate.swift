// Keys of the screen Evaluate: charts, the threshold's cursor, the cells of the matrix, the gallery of a cell.

import Charts
import Engine
import Experiments

/// What a key does on Evaluate where classes are predicted; nil: it is none of these.
func performInEvaluate(_ action: Action, _ state: inout State) -> [Command]? {
    guard state.screen == .evaluate, let session = state.session else { return nil }
    if action == .save, session.predictsNumbers, let evaluated = evaluation(session), let detail = evaluated.regression
    {
        return saveRegression(evaluated, detail, session, state)
    }
    switch action {
    case .nextChart, .thresholdCursor, .nextBest, .costs, .thresholdLeft, .thresholdRight, .thresholdFarLeft,
        .thresholdFarRight, .cellUp, .cellDown, .cellLeft, .cellRight, .openGallery, .save:
        guard !session.predictsNumbers, evaluation(session)?.detail != nil else {
            state.notice = Notice(
                text: session.predictsNumbers && action != .save
                    ? "This belongs to classes; this run predicts a number" : "Nothing was measured yet at this moment",
                role: .warning)
            return []
        }
    default: return nil
    }
    switch action {
    case .nextChart:
        let next = (state.focusedPane.flatMap { EvaluateChart($0) } ?? session.evaluate.chart).next()
        state.session?.evaluate.chart = next
        state.focus[.evaluate] = next.pane
    case .thresholdCursor:
        if session.evaluate.threshold != nil {
            state.session?.evaluate.threshold = nil
        } else {
            turnOnCursor(&state)
        }
    case .thresholdLeft: moveThreshold(by: -1, &state)
    case .thresholdRight: moveThreshold(by: 1, &state)
    case .thresholdFarLeft: moveThreshold(by: -5, &state)
    case .thresholdFarRight: moveThreshold(by: 5, &state)
    case .nextBest: goToBest(&state)
    case .costs: state.overlay = .prompt(Prompt(kind: .costs, text: ""))
    case .save: return saveEvaluation(session, state)
    case .cellUp: moveCell(rows: -1, columns: 0, &state)
    case .cellDown: moveCell(rows: 1, columns: 0, &state)
    case .cellLeft: moveCell(rows: 0, columns: -1, &state)
    case .cellRight: moveCell(rows: 0, columns: 1, &state)
    case .openGallery:
        let view = GalleryView(cell: state.focusedPane == .confusion ? shownCell(session) : nil)
        if galleryExamples(session, view).isEmpty {
            state.notice = Notice(text: emptyGallery(session, view))
        } else {
            state.overlay = .gallery(view)
        }
    default: break
    }
    return []
}

/// Puts the cursor on the threshold of 0.5, or the kept one next to it; says why there is none.
@discardableResult
private func turnOnCursor(_ state: inout State) -> Bool {
    guard var session = state.session else { return false }
    let classes = session.run.head?.classes.count ?? 0
    var notice: Notice?
    if session.evaluate.selectedClass == nil, classes > 2 {
        session.evaluate.selectedClass = 0
        notice = Notice(text: "\(session.className(0)) against the rest; j and k pick another class")
    }
    guard let curve = session.operatingCurve else {
        let name = session.className(session.operatingClass)
        state.notice = Notice(
            text: "Undefined: \(name) has no examples in this split, or all of them; j and k pick another class",
            role: .warning)
        return false
    }
    session.evaluate.threshold = curve.points[curve.index(nearest: 0.5)].threshold
    session.evaluate.lastBest = nil
    state.session = session
    state.notice = notice
    // The arrows are the cursor's now.
    if state.focusedPane == .confusion { state.focus[.evaluate] = session.evaluate.chart.pane }
    return true
}

/// Moves the cursor to another kept threshold: the mark goes the way of the arrow on the chart that has the focus.
private func moveThreshold(by steps: Int, _ state: inout State) {
    guard let session = state.session, let (curve, index, _) = session.operatingPoint else { return }
    let chart = state.focusedPane.flatMap { EvaluateChart($0) } ?? session.evaluate.chart
    let wanted = index + (chart.risesWithThreshold ? -steps : steps)
    state.session?.evaluate.threshold = curve.points[min(max(0, wanted), curve.points.count - 1)].threshold
    state.session?.evaluate.lastBest = nil
}

/// To the best threshold by F1, then by Youden's index, then by cost, and round again.
private func goToBest(_ state: inout State) {
    if state.session?.evaluate.threshold == nil, !turnOnCursor(&state) { return }
    guard let session = state.session, let curve = session.operatingCurve else { return }
    let all = OperatingCurve.Best.allCases
    let next = session.evaluate.lastBest.flatMap { all.firstIndex(of: $0) }.map { all[($0 + 1) % all.count] } ?? .f1
    let point = curve.points[curve.best(next, session.evaluate.costs)]
    state.session?.evaluate.threshold = point.threshold
    state.session?.evaluate.lastBest = next
    let value =
        switch next {
        case .f1: "F1 \(percentText(point.f1)) %"
        case .youden: "TPR - FPR \(percentText(point.youden)) %"
        case .cost: "cost \(Format.number(point.cost(session.evaluate.costs)))"
        }
    state.notice = Notice(text: "Best by \(next.rawValue): threshold \(point.thresholdText), \(value)", role: .good)
}

/// Takes the typed costs over, or says what is wrong with them.
func acceptCosts(_ prompt: Prompt, _ state: inout State) -> [Command] {
    guard let costs = ErrorCosts(prompt.text) else {
        var prompt = prompt
        prompt.complaint = ErrorCosts.complaint
        state.overlay = .prompt(prompt)
        return []
    }
    state.overlay = nil
    state.session?.evaluate.costs = costs
    return []
}

/// A field of the confusion matrix.
struct MatrixCell: Sendable, Equatable {
    /// True class.
    var label: Int
    var predicted: Int
}

/// The cell that the matrix' cursor is on: before it was moved, that of the most frequent mistake.
func shownCell(_ session: OpenSession) -> MatrixCell {
    let counts = evaluation(session)?.detail?.confusion ?? []
    if let cell = session.evaluate.cell, counts.indices.contains(cell.label), counts.indices.contains(cell.predicted) {
        return cell
    }
    var found = (count: 0, cell: MatrixCell(label: 0, predicted: 0))
    for (label, row) in counts.enumerated() {
        for (predicted, count) in row.enumerated() where label != predicted && count > found.count {
            found = (count, MatrixCell(label: label, predicted: predicted))
        }
    }
    return found.cell
}

private func moveCell(rows: Int, columns: Int, _ state: inout State) {
    guard let session = state.session else { return }
    let last = (session.run.head?.classes.count ?? 1) - 1
    var cell = shownCell(session)
    cell.label = min(max(0, cell.label + rows), last)
    cell.predicted = min(max(0, cell.predicted + columns), last)
    state.session?.evaluate.cell = cell
}
