// Why the model says what it says of an example: the prediction, how far the surrogate may be believed, its weights as bars.

import Charts
import Engine
import Experiments

func drawWhy(_ session: OpenSession, _ pane: Pane, _ state: State, _ grid: inout Grid) {
    let explanation = session.explanation
    let surrogate = explanation.flatMap(session.surrogate)
    let title: String
    if let surrogate {
        title =
            session.predictsNumbers
            ? "Why \(Format.compact(surrogate.modelPrediction))" : "Why \(session.className(surrogate.classIndex))"
    } else {
        title = "Why"
    }
    let rect = frame(pane, title, state, &grid)
    guard rect.rows > 2, rect.columns > 12 else { return }
    let inner = Rect(row: rect.row, column: rect.column + 1, rows: rect.rows, columns: rect.columns - 2)
    var lines: [[Part]] = []
    if session.isFolds {
        lines = wrapped(foldsHaveNoModel + ".", columns: inner.columns).map { [Part($0, .dim)] }
        return drawLines(lines, inner, state, &grid)
    }
    if let failure = session.explain.failure {
        lines += wrapped(failure, columns: inner.columns).map { [Part($0, .bad)] }
        lines += wrapped("If the data have moved: `:data-in PATH` says where they are.", columns: inner.columns)
            .map { [Part($0, .dim)] }
    }
    if let fraction = session.explain.fraction {
        let bar = Rect(
            row: inner.row + inner.rows - 1, column: inner.column + 15, rows: 1, columns: max(4, inner.columns - 16))
        ProgressBar(fraction: fraction, glyphs: state.glyphs).draw(into: &grid, in: bar)
        grid.write(
            [Part("asking the model", .dim)], row: bar.row, column: inner.column, columns: 15, glyphs: state.glyphs)
    }
    guard let explanation, let surrogate else {
        if lines.isEmpty, session.explain.fraction == nil {
            let isOver = if case .ended = session.source { true } else { false }
            let asks =
                isOver
                ? "Enter explains the selected row: the model is asked about \(Format.count(session.explainSettings.samples)) variations of it, and a linear model of its answers says what matters there (LIME)."
                : "Predictions are explained when the run has ended."
            lines = wrapped(asks, columns: inner.columns).map { [Part($0, .dim)] }
        }
        return drawLines(lines, inner, state, &grid)
    }
    lines += predictionLines(explanation, surrogate, session, inner.columns, state)
    lines += fidelityLines(explanation, surrogate, inner.columns, state)
    drawLines(lines, inner, state, &grid)
    let (_, rest) = inner.split(
        rows: min(inner.rows, lines.count + (inner.rows - lines.count > surrogate.terms.count + 1 ? 1 : 0)))
    let bars = Rect(
        row: rest.row, column: rest.column, rows: rest.rows - (session.explain.fraction == nil ? 0 : 1),
        columns: rest.columns)
    WeightBars(
        terms: surrogate.terms.map { term in
            // A number that stays a number is read with its value.
            let value = explanation.values.indices.contains(term.feature) ? explanation.values[term.feature] : nil
            let text = value?.column == term.text ? "\(term.text) = \(value?.text ?? "")" : term.text
            return WeightBars.Term(text: text, weight: term.weight, low: term.low, high: term.high)
        },
        glyphs: state.glyphs
    ).draw(into: &grid, in: bars)
}

/// What the model says, and what it said of the row as it is.
private func predictionLines(
    _ explanation: Explanation, _ surrogate: Surrogate, _ session: OpenSession, _ columns: Int, _ state: State
) -> [[Part]] {
    if session.predictsNumbers {
        var line = [Part("predicted ", .dim), Part(Format.number(surrogate.modelPrediction), .title, bold: true)]
        if let before = session.plainExplanation?.probabilities.first, !session.explain.changes.isEmpty {
            line.append(Part("  was \(Format.number(Double(before)))", .warning))
        }
        return [line]
    }
    let order = explanation.probabilities.indices.sorted {
        (explanation.probabilities[$1], $0) < (explanation.probabilities[$0], $1)
    }
    var line: [Part] = []
    for (place, index) in order.prefix(3).enumerated() {
        if place > 0 { line.append(Part("   ")) }
        let isTrue = index == explanation.label
        line.append(Part(session.className(index), index == surrogate.classIndex ? .title : .text, bold: place == 0))
        line.append(Part(" \(Format.percent(Double(explanation.probabilities[index])))", isTrue ? .good : .dim))
    }
    var lines = [line]
    if !session.explain.changes.isEmpty, let before = session.plainExplanation?.probabilities,
        before.indices.contains(surrogate.classIndex)
    {
        lines.append([
            Part("\(session.className(surrogate.classIndex)) was ", .dim),
            Part(Format.percent(Double(before[surrogate.classIndex])), .warning, bold: true),
            Part(" before the change", .dim),
        ])
    }
    return lines
}

/// How far the bars may be believed.
private func fidelityLines(
    _ explanation: Explanation, _ surrogate: Surrogate, _ columns: Int, _ state: State
) -> [[Part]] {
    let role: Role =
        switch surrogate.fit {
        case .good: .good
        case .fair: .text
        case .poor: .warning
        }
    let isNumber = explanation.label == nil && explanation.probabilities.count == 1
    func says(_ value: Double) -> String { isNumber ? Format.number(value) : Format.fixed(value, 3) }
    let repeats = explanation.settings.repeats
    let same = Int((surrogate.agreement * Double(repeats)).rounded())
    var facts: [[Part]] = [
        [Part("fit ", .dim), Part(surrogate.fit.rawValue, role, bold: true)],
        [Part("R2 \(Format.fixed(surrogate.rSquared, 2))", .dim)],
        [
            Part(
                "surrogate \(says(surrogate.localPrediction)), model \(says(surrogate.modelPrediction))",
                .dim)
        ],
    ]
    if explanation.settings.discretizer == .none, !explanation.values.isEmpty {
        facts.append([Part("weight: one standard deviation more", .dim)])
    }
    if repeats > 1 {
        facts.append([
            Part("first feature the same in \(same) of \(repeats) seeds", same == repeats ? .dim : .warning)
        ])
    }
    var lines = filled(facts, between: state.glyphs.dot, columns: columns)
    if surrogate.fit == .poor {
        lines += wrapped(
            "The linear model does not follow the network here: do not trust these bars. A narrower kernel (W) may fit.",
            columns: columns
        ).map { [Part($0, .warning)] }
    }
    return lines
}
