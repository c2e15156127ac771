// Where the panes of the screen Evaluate lie, and which keys hold there.

import Charts
import Engine
import Experiments

/// The panes where classes are predicted. A large window shows all charts side by side, a small one the chosen one; the
/// numbers of a threshold take the place of the table or of the mistakes where there is no room beside them.
func classPanes(_ session: OpenSession, _ body: Rect) -> [Pane] {
    let names = session.run.head?.classes ?? []
    let counts = evaluation(session)?.detail?.confusion ?? []
    let wanted = ConfusionChart.size(classes: names.count, names: names, counts: counts)
    let left = min(max(wanted.columns + 2, body.columns * 2 / 5), max(body.columns * 11 / 20, 46))
    let (matrix, right) = body.split(columns: left)
    let isOn = session.evaluate.threshold != nil
    let isWide = right.columns >= 100

    // The table is as high as its classes and the lines under them ask for, the charts take the rest, at least half.
    let table = min(max(names.count + summaryRows(body) + 4, isWide ? ThresholdPane.fullRows : 0), body.rows / 2)
    let (charts, lower) = right.split(rows: body.rows - table)
    var chartPanes: [Pane] = []
    let across = charts.columns >= 88 ? 2 : 1
    let down = charts.rows >= 32 ? 2 : 1
    let count = across * down
    for place in 0..<count {
        let (row, column) = (place / across, place % across)
        let (top, end) = (charts.rows * row / down, charts.rows * (row + 1) / down)
        let (start, stop) = (charts.columns * column / across, charts.columns * (column + 1) / across)
        // All of them stay where they are; of some the chosen one comes first.
        let chart =
            count == EvaluateChart.allCases.count
            ? EvaluateChart.allCases[place] : session.evaluate.chart.next(place)
        chartPanes.append(
            Pane(
                id: chart.pane,
                rect: Rect(
                    row: charts.row + top, column: charts.column + start, rows: end - top, columns: stop - start)))
    }

    var leftPanes: [Pane] = []
    var rightPanes = chartPanes
    let matrixRows = min(max(wanted.rows + 2, 8), body.rows)
    let rest = body.rows - matrixRows
    var hasThreshold = false
    if rest >= 7 {
        let (upper, under) = matrix.split(rows: matrixRows)
        leftPanes.append(Pane(id: .confusion, rect: upper))
        if isOn, !isWide, rest >= 9 {
            hasThreshold = true
            let rows = rest >= ThresholdPane.fullRows + 12 ? ThresholdPane.fullRows : rest
            let (numbers, mistakes) = under.split(rows: rows)
            leftPanes.append(Pane(id: .threshold, rect: numbers))
            if mistakes.rows > 0 { leftPanes.append(Pane(id: .mistakes, rect: mistakes)) }
        } else {
            leftPanes.append(Pane(id: .mistakes, rect: under))
        }
    } else {
        leftPanes.append(Pane(id: .confusion, rect: matrix))
    }
    if isWide {
        let (classes, numbers) = lower.split(columns: lower.columns - min(50, lower.columns * 2 / 5))
        rightPanes += [Pane(id: .classes, rect: classes), Pane(id: .threshold, rect: numbers)]
    } else {
        rightPanes.append(Pane(id: isOn && !hasThreshold ? .threshold : .classes, rect: lower))
    }
    return leftPanes + rightPanes
}

/// Lines under the table of classes in a body of this size.
func summaryRows(_ body: Rect) -> Int { body.rows >= 30 ? 3 : 1 }

extension State {
    /// The pane that has the focus on Evaluate: one that is shown, else the chosen chart's.
    func evaluateFocus(_ chosen: PaneID?, _ session: OpenSession) -> PaneID {
        let chart = session.evaluate.chart.pane
        guard let chosen else { return chart }
        return isZoomed || classPanes(session, sessionBody(self)).contains { $0.id == chosen } ? chosen : chart
    }

    /// The contexts of Evaluate itself, innermost first: arrows belong to the pane or the cursor that has them.
    func evaluateContexts(_ session: OpenSession) -> [Context] {
        if session.predictsNumbers { return [.picker, .evaluate, .timeline] }
        if focusedPane == .confusion { return [.matrix, .evaluate, .playing] }
        if session.evaluate.threshold != nil { return [.threshold, .picker, .evaluate, .playing] }
        return focusedPane == .mistakes
            ? [.mistakes, .picker, .evaluate, .timeline] : [.picker, .evaluate, .timeline]
    }
}
